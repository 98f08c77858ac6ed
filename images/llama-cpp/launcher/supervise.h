/* Being init: one child, its signals, its orphans, its end. */
#ifndef CLOISTER_SUPERVISE_H
#define CLOISTER_SUPERVISE_H

/*
 * Starts words[0] and waits for its end, reaping whatever else dies on the way. TERM, INT, HUP and QUIT are passed on.
 *
 * TERM and INT ask for a stop. llama-server answers the first one only after its open streams have noticed
 * (--sse-ping-interval) and ends at once, with status 1, on a second: that one is sent after `grace_ms`, and KILL after
 * another `grace_ms`. Returns the exit code:
 *   0 where a stop was asked for and the child ended by it: with status 0, by that very signal, or with status 1 after
 *   the second;
 *   else the child's status, 128 + n when signal n killed it, 126 or 127 when it could not be started.
 * The child is killed when this process dies.
 */
int supervise(char **words, char **environment, long grace_ms);

#endif
