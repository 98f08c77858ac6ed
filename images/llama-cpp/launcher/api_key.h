/* Whether an API key file closes the server. */
#ifndef CLOISTER_API_KEY_H
#define CLOISTER_API_KEY_H

/*
 * llama-server (common/arg.cpp, --api-key-file) takes every line that is not empty and does not start with '#' as a
 * key, byte for byte, and serves without any key when no such line is left. A directory reads as an empty file there.
 * This check is stricter: a regular file, at least one key, and no line that would count as a key there but can hardly
 * be meant as one (blanks, a carriage return, control or non-ASCII bytes). Returns an exit code.
 */
int check_api_key_file(const char *path);

#endif
