#define _GNU_SOURCE
#include "supervise.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "refuse.h"

enum stop_stage { RUNNING, ASKED_ONCE, ASKED_TWICE, KILLED };

struct child {
    pid_t pid;
    int status;
    bool ended;
    enum stop_stage stage;
    int stop_signal; /* the last one that asked for a stop, 0 before */
    long grace_ms;
    struct timespec deadline;
};

static const int PASSED_ON[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
enum { PASSED_ON_COUNT = sizeof PASSED_ON / sizeof *PASSED_ON };

_Noreturn static void become_program(char **words, char **environment, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    for (int index = 0; index < PASSED_ON_COUNT; index++)
        signal(PASSED_ON[index], SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* A group of its own: a terminal's interrupt reaches it once, through us. */
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_SYSTEM);
    execve(words[0], words, environment);
    enum exit_code code = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
    _exit(refuse(code, "Cannot start \"%s\": %s", words[0], strerror(errno)));
}

static void ask_to_stop(struct child *child, int number)
{
    child->stage = child->stage == RUNNING ? ASKED_ONCE : ASKED_TWICE;
    child->stop_signal = number;
    clock_gettime(CLOCK_MONOTONIC, &child->deadline);
    child->deadline.tv_sec += child->grace_ms / 1000;
    child->deadline.tv_nsec += child->grace_ms % 1000 * 1000000;
    if (child->deadline.tv_nsec >= 1000000000) {
        child->deadline.tv_sec++;
        child->deadline.tv_nsec -= 1000000000;
    }
    kill(child->pid, number);
}

static void out_of_grace(struct child *child)
{
    if (child->stage == ASKED_ONCE) {
        ask_to_stop(child, SIGTERM);
        return;
    }
    say("The program did not stop within %ld ms of a second signal and is killed", child->grace_ms);
    child->stage = KILLED;
    kill(child->pid, SIGKILL);
}

static void reap(struct child *child)
{
    int status = 0;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid != child->pid)
            continue;
        child->ended = true;
        child->status = status;
    }
}

/* Time left until the next step, or NULL where none is due. */
static struct timespec *time_left(const struct child *child, struct timespec *left)
{
    if (child->stage == RUNNING || child->stage == KILLED)
        return NULL;
    clock_gettime(CLOCK_MONOTONIC, left);
    left->tv_sec = child->deadline.tv_sec - left->tv_sec;
    left->tv_nsec = child->deadline.tv_nsec - left->tv_nsec;
    if (left->tv_nsec < 0) {
        left->tv_sec--;
        left->tv_nsec += 1000000000;
    }
    if (left->tv_sec < 0)
        *left = (struct timespec){0};
    return left;
}

static void wait_for_end(struct child *child, const sigset_t *awaited)
{
    while (!child->ended) {
        struct timespec left;
        int number = sigtimedwait(awaited, NULL, time_left(child, &left));
        if (number < 0 && errno == EAGAIN)
            out_of_grace(child);
        else if (number == SIGCHLD)
            reap(child);
        else if (number == SIGTERM || number == SIGINT)
            ask_to_stop(child, number);
        else if (number > 0)
            kill(child->pid, number);
    }
}

static int exit_code(const struct child *child)
{
    if (WIFSIGNALED(child->status)) {
        int number = WTERMSIG(child->status);
        return number == child->stop_signal ? EXIT_CLEAN : EXIT_SIGNAL_BASE + number;
    }
    if (child->stage == ASKED_TWICE && WEXITSTATUS(child->status) == 1)
        return EXIT_CLEAN;
    return WEXITSTATUS(child->status);
}

int supervise(char **words, char **environment, long grace_ms)
{
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    for (int index = 0; index < PASSED_ON_COUNT; index++)
        sigaddset(&awaited, PASSED_ON[index]);
    /* Blocked, and so queued for sigtimedwait, even where whoever started us had them ignored. */
    for (int index = 0; index < PASSED_ON_COUNT; index++)
        signal(PASSED_ON[index], SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_SETMASK, &awaited, NULL);
    /* As PID 1 orphans come to us anyway; elsewhere this makes them. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return refuse(EXIT_SYSTEM, "Cannot give up new privileges: %s", strerror(errno));

    struct child child = {.stage = RUNNING, .grace_ms = grace_ms};
    pid_t parent = getpid();
    child.pid = fork();
    if (child.pid < 0)
        return refuse(EXIT_SYSTEM, "Cannot start \"%s\": %s", words[0], strerror(errno));
    if (child.pid == 0)
        become_program(words, environment, parent);
    wait_for_end(&child, &awaited);
    return exit_code(&child);
}
