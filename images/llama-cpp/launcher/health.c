#define _GNU_SOURCE
#include "health.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "refuse.h"
#include "unix_socket.h"

/* HTTP/1.0: the answer then comes in one piece, without chunks, and ends with the connection. */
static const char QUESTION[] = "GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n";
static const char *const TIMED_OUT = "it did not answer in time";

struct answer {
    char text[16384];
    size_t length;
};

static int unhealthy(const struct health_options *options, const char *current)
{
    return refuse(EXIT_UNHEALTHY, "Cannot find the server on \"%s\" healthy: %s, expected 200 with status ok",
                  options->socket, current);
}

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool wait_for(int connection, short event, long deadline_ms)
{
    struct pollfd wanted = {.fd = connection, .events = event};
    for (;;) {
        long left = deadline_ms - now_ms();
        int ready = left > 0 ? poll(&wanted, 1, (int)left) : 0;
        if (ready >= 0 || errno != EINTR)
            return ready > 0;
    }
}

/* {"status":"ok"}, with whatever blanks and other members. */
static bool says_ok(const char *body)
{
    char squeezed[sizeof(((struct answer *)0)->text)];
    size_t length = 0;
    for (; *body != '\0'; body++)
        if (!isspace((unsigned char)*body))
            squeezed[length++] = *body;
    squeezed[length] = '\0';
    return strstr(squeezed, "\"status\":\"ok\"") != NULL;
}

/* NULL where the answer is healthy as far as it has come, else why it is not. */
static const char *fault_of(const struct answer *answer)
{
    static char fault[64];
    int minor = 0;
    int status = 0;
    if (sscanf(answer->text, "HTTP/1.%1d %3d", &minor, &status) != 2)
        return "it does not answer in HTTP";
    if (status != 200) {
        snprintf(fault, sizeof fault, "it answers %d", status);
        return fault;
    }
    const char *body = strstr(answer->text, "\r\n\r\n");
    return body != NULL && says_ok(body) ? NULL : "its answer does not say ok";
}

static const char *ask(int connection, long deadline_ms)
{
    struct answer answer = {.length = 0};
    if (!wait_for(connection, POLLOUT, deadline_ms))
        return TIMED_OUT;
    /* A few bytes into an empty buffer: they fit, or the connection is gone. */
    if (send(connection, QUESTION, sizeof QUESTION - 1, MSG_NOSIGNAL) != (ssize_t)(sizeof QUESTION - 1))
        return strerror(errno);
    while (answer.length < sizeof answer.text - 1) {
        if (!wait_for(connection, POLLIN, deadline_ms))
            return TIMED_OUT;
        ssize_t more = read(connection, answer.text + answer.length, sizeof answer.text - 1 - answer.length);
        if (more < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (more < 0)
            return strerror(errno);
        if (more == 0)
            break;
        answer.length += (size_t)more;
        answer.text[answer.length] = '\0';
        if (fault_of(&answer) == NULL)
            return NULL;
    }
    return fault_of(&answer);
}

int check_health(const struct health_options *options)
{
    long deadline_ms = now_ms() + options->timeout_ms;
    int connection = connect_unix(options->socket);
    if (connection < 0)
        return unhealthy(options, strerror(errno));
    const char *fault = ask(connection, deadline_ms);
    close(connection);
    return fault == NULL ? EXIT_CLEAN : unhealthy(options, fault);
}
