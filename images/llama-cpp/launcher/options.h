/* The command lines of `serve` and `health`. */
#ifndef CLOISTER_OPTIONS_H
#define CLOISTER_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

struct serve_options {
    const char **sockets; /* paths, socket_count of them */
    int socket_count;
    const char *api_key_file; /* NULL: none asked for */
    const char *cgroup_root;
    mode_t umask;
    long stop_grace_ms;
    char **program; /* PROGRAM ARGS..., ends with NULL */
    int program_length;
};

struct health_options {
    const char *socket;
    long timeout_ms;
};

/* Both take the words after the verb, say what is wrong with them, and return false then. */
bool parse_serve_options(int count, char **words, struct serve_options *options);
bool parse_health_options(int count, char **words, struct health_options *options);

#endif
