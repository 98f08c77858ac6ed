/* Unix sockets by path: clearing away what an earlier run left, and connecting. */
#ifndef CLOISTER_UNIX_SOCKET_H
#define CLOISTER_UNIX_SOCKET_H

/*
 * A non-blocking stream socket connected to `path`, or -1 with errno set: ECONNREFUSED means that nobody listens,
 * EAGAIN that somebody does but has too many callers, ENAMETOOLONG that no socket can have this path.
 */
int connect_unix(const char *path);

/*
 * Removes a socket at `path` on which nobody listens. llama-server never removes its own, and cannot bind to a
 * path that exists. Anything else at that path stays and is an error. Returns an exit code.
 */
int remove_stale_socket(const char *path);

#endif
