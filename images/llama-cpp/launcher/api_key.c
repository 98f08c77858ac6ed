#define _GNU_SOURCE
#include "api_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "refuse.h"

static int refuse_file(const char *path, const char *current)
{
    return refuse(EXIT_API_KEY_FILE, "Cannot serve with the API key file \"%s\": %s, expected one key a line", path,
                  current);
}

static bool is_key(const char *line, size_t length)
{
    for (size_t index = 0; index < length; index++)
        if (line[index] <= ' ' || line[index] > '~')
            return false;
    return length > 0;
}

static int check_lines(FILE *file, const char *path)
{
    char *line = NULL;
    size_t size = 0;
    long number = 0;
    long keys = 0;
    int code = EXIT_CLEAN;
    for (ssize_t length = 0; code == EXIT_CLEAN && (length = getline(&line, &size, file)) >= 0;) {
        number++;
        if (length > 0 && line[length - 1] == '\n')
            length--;
        if (length == 0 || line[0] == '#')
            continue;
        keys++;
        /* The line itself is not shown: it may be a secret. */
        if (!is_key(line, (size_t)length))
            code = refuse(EXIT_API_KEY_FILE,
                          "Cannot serve with the API key file \"%s\": line %ld has a blank, a carriage return or "
                          "another byte that is not visible ASCII, expected one key a line",
                          path, number);
    }
    free(line);
    if (code == EXIT_CLEAN && ferror(file))
        return refuse_file(path, "it cannot be read");
    if (code == EXIT_CLEAN && keys == 0)
        return refuse_file(path, "it holds no key and would leave the server open");
    return code;
}

int check_api_key_file(const char *path)
{
    /* Non-blocking, so that a named pipe cannot hold up the start. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return refuse_file(path, strerror(errno));
    struct stat found;
    FILE *file = NULL;
    if (fstat(descriptor, &found) != 0 || !S_ISREG(found.st_mode) || (file = fdopen(descriptor, "r")) == NULL) {
        close(descriptor);
        return refuse_file(path, "it is not a regular file");
    }
    int code = check_lines(file, path);
    fclose(file);
    return code;
}
