/* What the program is given: its arguments and its environment. */
#ifndef CLOISTER_PROGRAM_H
#define CLOISTER_PROGRAM_H

#include "options.h"

/*
 * The program's own words, then what they lack: --threads, --threads-batch and, where serve was given one,
 * --api-key-file. NULL, with a sentence, where the words name an API key file that was not checked.
 */
char **program_arguments(const struct serve_options *options);

/*
 * The environment cut down to a fixed list. llama-server and its libraries read a great many variables
 * (LLAMA_ARG_*, LLAMA_API_KEY, GGML_BACKEND_PATH, HF_*, AIP_*, MODEL_ENDPOINT, ...) that add keys, move the listener,
 * load code or name a remote host: here its command line alone decides what the server does.
 */
char **program_environment(char **environment);

#endif
