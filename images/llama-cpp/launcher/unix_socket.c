#define _GNU_SOURCE
#include "unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "refuse.h"

int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connection < 0)
        return -1;
    if (connect(connection, (const struct sockaddr *)&address, sizeof address) == 0)
        return connection;
    int reason = errno;
    close(connection);
    errno = reason;
    return -1;
}

static int refuse_path(const char *path, const char *current)
{
    return refuse(EXIT_SOCKET_PATH,
                  "Cannot clear the way for the socket \"%s\": %s, expected nothing or a stale socket", path, current);
}

int remove_stale_socket(const char *path)
{
    struct stat found;
    if (lstat(path, &found) != 0)
        return errno == ENOENT ? EXIT_CLEAN : refuse_path(path, strerror(errno));
    if (!S_ISSOCK(found.st_mode))
        return refuse_path(path, "something else is there");

    int connection = connect_unix(path);
    if (connection >= 0) {
        close(connection);
        return refuse_path(path, "another server listens on it");
    }
    if (errno != ECONNREFUSED)
        return refuse_path(path, strerror(errno));
    return unlink(path) == 0 ? EXIT_CLEAN : refuse_path(path, strerror(errno));
}
