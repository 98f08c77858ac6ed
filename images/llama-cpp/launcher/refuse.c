#include "refuse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void say_list(const char *format, va_list arguments)
{
    char line[1024] = "cloister-launcher: ";
    size_t length = strlen(line);
    /* One byte is kept for the line end; a sentence that is too long is cut. */
    int written = vsnprintf(line + length, sizeof line - length - 1, format, arguments);
    if (written < 0)
        return;
    length = strlen(line);
    line[length++] = '\n';
    /* Nobody is left to tell when standard error is gone. */
    ssize_t ignored = write(STDERR_FILENO, line, length);
    (void)ignored;
}

void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say_list(format, arguments);
    va_end(arguments);
}

int refuse(enum exit_code code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say_list(format, arguments);
    va_end(arguments);
    return (int)code;
}
