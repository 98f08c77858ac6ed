/* Exit codes and the one way to say why. */
#ifndef CLOISTER_REFUSE_H
#define CLOISTER_REFUSE_H

/* Numbers from sysexits.h where it has a fitting one, from the shell where it has. */
enum exit_code {
    EXIT_CLEAN = 0,
    EXIT_UNHEALTHY = 1,
    EXIT_USAGE = 64,
    EXIT_SYSTEM = 71,
    EXIT_SOCKET_PATH = 73,
    EXIT_API_KEY_FILE = 78,
    EXIT_NOT_EXECUTABLE = 126,
    EXIT_NOT_FOUND = 127,
    EXIT_SIGNAL_BASE = 128,
};

/* Writes "cloister-launcher: <sentence>" and a line end to standard error in one piece. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* say(), then hands `code` back: `return refuse(EXIT_USAGE, "...")`. */
int refuse(enum exit_code code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
