#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "refuse.h"

enum { LONGEST_WAIT_MS = 600000 };

static bool parse_number(const char *name, const char *text, int base, long highest, long *number)
{
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, base);
    /* strtol takes blanks and signs in front of the digits; we do not. */
    if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0' || value > highest) {
        say("Cannot use %s \"%s\": expected a number from 0 to %ld%s", name, text, highest,
            base == 8 ? " (0777), octal" : "");
        return false;
    }
    *number = value;
    return true;
}

static bool parse_wait(const char *name, const char *text, long *wait_ms)
{
    if (!parse_number(name, text, 10, LONGEST_WAIT_MS, wait_ms))
        return false;
    if (*wait_ms > 0)
        return true;
    say("Cannot use %s \"%s\": expected at least 1 millisecond", name, text);
    return false;
}

static bool take_serve_option(const char *name, const char *value, struct serve_options *options)
{
    if (strcmp(name, "--socket") == 0) {
        options->sockets[options->socket_count++] = value;
        return true;
    }
    if (strcmp(name, "--api-key-file") == 0) {
        options->api_key_file = value;
        return true;
    }
    if (strcmp(name, "--cgroup-root") == 0) {
        options->cgroup_root = value;
        return true;
    }
    if (strcmp(name, "--stop-grace-ms") == 0)
        return parse_wait(name, value, &options->stop_grace_ms);
    if (strcmp(name, "--umask") == 0) {
        long mask = 0;
        if (!parse_number(name, value, 8, 0777, &mask))
            return false;
        options->umask = (mode_t)mask;
        return true;
    }
    say("Cannot use option \"%s\": serve does not know it, see --help", name);
    return false;
}

static bool take_health_option(const char *name, const char *value, struct health_options *options)
{
    if (strcmp(name, "--socket") == 0) {
        options->socket = value;
        return true;
    }
    if (strcmp(name, "--timeout-ms") == 0)
        return parse_wait(name, value, &options->timeout_ms);
    say("Cannot use option \"%s\": health does not know it, see --help", name);
    return false;
}

/* Every option takes one value that is not empty: an unset variable in a compose file must not pass as a path. */
static const char *value_of(int count, char **words, int index)
{
    if (index + 1 < count && words[index + 1][0] != '\0' && strcmp(words[index + 1], "--") != 0)
        return words[index + 1];
    say("Cannot use option \"%s\": it has no value", words[index]);
    return NULL;
}

bool parse_serve_options(int count, char **words, struct serve_options *options)
{
    *options = (struct serve_options){
        .sockets = calloc((size_t)count + 1, sizeof *options->sockets),
        .cgroup_root = "/sys/fs/cgroup",
        .umask = 007,
        .stop_grace_ms = 2000,
    };
    if (options->sockets == NULL) {
        say("Cannot serve: out of memory");
        return false;
    }
    int index = 0;
    for (; index < count && strcmp(words[index], "--") != 0; index += 2) {
        const char *value = value_of(count, words, index);
        if (value == NULL || !take_serve_option(words[index], value, options))
            return false;
    }
    options->program = words + index + 1;
    options->program_length = count - index - 1;
    if (options->program_length > 0)
        return true;
    say("Cannot serve: no program, expected serve [options] -- PROGRAM ARGS...");
    return false;
}

bool parse_health_options(int count, char **words, struct health_options *options)
{
    *options = (struct health_options){.timeout_ms = 2000};
    for (int index = 0; index < count; index += 2) {
        const char *value = value_of(count, words, index);
        if (value == NULL || !take_health_option(words[index], value, options))
            return false;
    }
    if (options->socket != NULL)
        return true;
    say("Cannot check health: no --socket PATH");
    return false;
}
