#include "program.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "refuse.h"
#include "threads.h"

static const char *const KEPT[] = {
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "CUDA_CACHE_PATH", "CUDA_VISIBLE_DEVICES",
};
enum { KEPT_COUNT = sizeof KEPT / sizeof *KEPT, ADDED_WORDS = 6 };

/* llama-server reads '_' in a long option as '-'. */
static bool same_option(const char *word, const char *name)
{
    while (*word != '\0' && (*word == '_' ? '-' : *word) == *name) {
        word++;
        name++;
    }
    return *word == '\0' && *name == '\0';
}

static bool has_option(const struct serve_options *options, const char *short_name, const char *name)
{
    for (int index = 1; index < options->program_length; index++)
        if (same_option(options->program[index], short_name) || same_option(options->program[index], name))
            return true;
    return false;
}

static bool names_unchecked_key_file(const struct serve_options *options)
{
    const char *checked = options->api_key_file;
    for (int index = 1; index < options->program_length; index++) {
        if (!same_option(options->program[index], "--api-key-file"))
            continue;
        /* The word after it, or NULL at the end of the words. */
        const char *named = options->program[index + 1];
        if (named == NULL || checked == NULL || strcmp(named, checked) != 0)
            return true;
    }
    return false;
}

char **program_arguments(const struct serve_options *options)
{
    static char threads[16];
    char **words = calloc((size_t)options->program_length + ADDED_WORDS + 1, sizeof *words);
    if (words == NULL) {
        say("Cannot serve: out of memory");
        return NULL;
    }
    if (names_unchecked_key_file(options)) {
        say("Cannot serve: the program's --api-key-file is not one that was checked, name it before the --");
        free(words);
        return NULL;
    }
    int length = options->program_length;
    memcpy(words, options->program, (size_t)length * sizeof *words);
    snprintf(threads, sizeof threads, "%d", usable_threads(options->cgroup_root));
    if (!has_option(options, "-t", "--threads")) {
        words[length++] = "--threads";
        words[length++] = threads;
    }
    if (!has_option(options, "-tb", "--threads-batch")) {
        words[length++] = "--threads-batch";
        words[length++] = threads;
    }
    if (options->api_key_file != NULL && !has_option(options, "--api-key-file", "--api-key-file")) {
        words[length++] = "--api-key-file";
        words[length++] = (char *)options->api_key_file;
    }
    return words;
}

static bool is_kept(const char *variable)
{
    size_t length = strcspn(variable, "=");
    for (int index = 0; index < KEPT_COUNT; index++)
        if (strlen(KEPT[index]) == length && strncmp(KEPT[index], variable, length) == 0)
            return true;
    return false;
}

/* Worth a line: somebody set it for this server and would wonder why nothing happens. The value may be a secret. */
static void mention(const char *variable)
{
    if (strncmp(variable, "LLAMA_", 6) == 0 || strncmp(variable, "GGML_", 5) == 0)
        say("The environment variable %.*s is not passed on: use the command line", (int)strcspn(variable, "="),
            variable);
}

char **program_environment(char **environment)
{
    static char *kept[KEPT_COUNT + 1];
    int length = 0;
    for (char **variable = environment; *variable != NULL; variable++) {
        /* A name that is there twice counts once, or the list could run over. */
        if (length < KEPT_COUNT && is_kept(*variable))
            kept[length++] = *variable;
        else
            mention(*variable);
    }
    kept[length] = NULL;
    return kept;
}
