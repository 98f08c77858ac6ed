/*
 * Stands in for cloister-launcher and the llama-server that it starts, and for the gateway and its witness, in images that take a
 * second to build: starting, watching and stopping containers is the subject here. The end-to-end test plays the same with the real
 * ones. How it behaves is written in the model: "silent" never answers, "late" does so after some seconds, "dies" ends with 3, everything else answers GET /health.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n"
                             "Connection: close\r\n\r\n{\"status\":\"ok\"}";

static void stop(int signal) {
    (void)signal;
    _exit(0);
}

static struct sockaddr_un address(const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strncpy(name.sun_path, path, sizeof name.sun_path - 1);
    return name;
}

static int answer(const char *path);

static int serve(const char *path) {
    char model[16] = "";
    FILE *file = fopen("/models/model.gguf", "r");
    if (file == NULL || fgets(model, sizeof model, file) == NULL) return 2;
    if (strncmp(model, "dies", 4) == 0) {
        fprintf(stderr, "stand-in: this model is said to die\n");
        return 3;
    }
    signal(SIGTERM, stop);
    if (strncmp(model, "silent", 6) == 0)
        for (;;) pause();
    if (strncmp(model, "late", 4) == 0) sleep(5);
    return answer(path);
}

static int answer(const char *path) {
    signal(SIGTERM, stop);
    struct sockaddr_un name = address(path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    unlink(path);
    umask(0007);
    if (bind(listener, (struct sockaddr *)&name, sizeof name) != 0 || listen(listener, 8) != 0) return 4;
    for (;;) {
        char request[1024];
        int client = accept(listener, NULL, NULL);
        if (read(client, request, sizeof request) > 0 && write(client, ANSWER, sizeof ANSWER - 1) < 0) return 5;
        close(client);
    }
}

static int health(const char *path) {
    static const char REQUEST[] = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char answer[1024] = "";
    struct sockaddr_un name = address(path);
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(server, (struct sockaddr *)&name, sizeof name) != 0) return 1;
    if (write(server, REQUEST, sizeof REQUEST - 1) < 0 || read(server, answer, sizeof answer - 1) <= 0) return 1;
    return strstr(answer, "\"ok\"") == NULL;
}

/* What the gateway's image is started with: a program for Node, and what that is to do. */
static int gateway(int count, char **words) {
    const char *verb = count > 0 ? words[0] : "";
    if (strcmp(verb, "serve") == 0) return answer("/run/cloister/gateway/gateway.sock");
    if (strcmp(verb, "witness") == 0 && count > 2) return answer(words[2]);
    if (strcmp(verb, "health") == 0 && count > 2) return health(words[2]);
    if (strcmp(verb, "pause") == 0) {
        signal(SIGTERM, stop);
        for (;;) pause();
    }
    return strcmp(verb, "--help") == 0 ? 0 : 2;
}

int main(int count, char **words) {
    if (count > 1 && strstr(words[1], ".mjs") != NULL) return gateway(count - 2, words + 2);
    if (count > 3 && strcmp(words[1], "serve") == 0) return serve(words[3]);
    if (count > 3 && strcmp(words[1], "health") == 0) return health(words[3]);
    return count == 2 && strcmp(words[1], "--help") == 0 ? 0 : 2;
}
