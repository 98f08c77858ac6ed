/*
 * cloister-launcher: the first process of the llama.cpp image, and its health check. The image has no shell, and
 * llama-server lacks what a container's first process needs; `cloister-launcher --help` says what is added.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api_key.h"
#include "health.h"
#include "options.h"
#include "program.h"
#include "refuse.h"
#include "supervise.h"
#include "unix_socket.h"

extern char **environ;

static const char VERSION[] = "cloister-launcher 1\n";

static const char HELP[] =
    "cloister-launcher serve [options] -- PROGRAM ARGS...\n"
    "  Checks, then starts PROGRAM (a path) and is init to it: passes TERM, INT, HUP and QUIT on and reaps orphans.\n"
    "  --socket PATH         remove a stale Unix socket at PATH first; may be repeated\n"
    "  --api-key-file PATH   start only if PATH holds a key; passed on as PROGRAM's --api-key-file\n"
    "  --umask OCTAL         default 007\n"
    "  --stop-grace-ms N     after TERM or INT: wait N ms, send TERM, wait N ms, send KILL; default 2000\n"
    "  --cgroup-root PATH    where the CPU quota is read, default /sys/fs/cgroup\n"
    "  PROGRAM gets --threads N and --threads-batch N for the CPU quota and affinity, unless ARGS have them, and\n"
    "  of the environment only PATH, HOME, LANG, LC_ALL, TZ, CUDA_CACHE_PATH and CUDA_VISIBLE_DEVICES.\n"
    "\n"
    "cloister-launcher health --socket PATH [--timeout-ms N]\n"
    "  Exits 0 if GET /health over the socket answers 200 with status ok within N ms (default 2000), else 1.\n"
    "\n"
    "cloister-launcher --version | --help\n"
    "\n"
    "Exit codes of serve:\n"
    "  0    PROGRAM ended with 0, or ended because it was asked to stop\n"
    "  64   the command line is wrong\n"
    "  71   the kernel refused something\n"
    "  73   something other than a stale socket is at a --socket path\n"
    "  78   the API key file is missing, unreadable, or holds no key or a malformed one\n"
    "  126  PROGRAM cannot be executed;  127  PROGRAM does not exist\n"
    "  128+n  signal n killed PROGRAM;  any other: PROGRAM's own\n";

static int print(const char *text)
{
    return fputs(text, stdout) >= 0 && fflush(stdout) == 0 ? EXIT_CLEAN : EXIT_SYSTEM;
}

static int serve(int count, char **words)
{
    struct serve_options options;
    if (!parse_serve_options(count, words, &options))
        return EXIT_USAGE;
    int code = options.api_key_file == NULL ? EXIT_CLEAN : check_api_key_file(options.api_key_file);
    for (int index = 0; code == EXIT_CLEAN && index < options.socket_count; index++)
        code = remove_stale_socket(options.sockets[index]);
    if (code != EXIT_CLEAN)
        return code;
    char **arguments = program_arguments(&options);
    if (arguments == NULL)
        return EXIT_USAGE;
    umask(options.umask);
    return supervise(arguments, program_environment(environ), options.stop_grace_ms);
}

static int health(int count, char **words)
{
    struct health_options options;
    return parse_health_options(count, words, &options) ? check_health(&options) : EXIT_USAGE;
}

int main(int count, char **words)
{
    const char *verb = count > 1 ? words[1] : "";
    if (strcmp(verb, "serve") == 0)
        return serve(count - 2, words + 2);
    if (strcmp(verb, "health") == 0)
        return health(count - 2, words + 2);
    if (count == 2 && strcmp(verb, "--version") == 0)
        return print(VERSION);
    if (count == 2 && strcmp(verb, "--help") == 0)
        return print(HELP);
    return refuse(EXIT_USAGE, "Cannot do \"%s\": expected serve, health, --version or --help", verb);
}
