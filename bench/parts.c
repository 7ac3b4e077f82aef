/* SPDX-License-Identifier: Apache-2.0 */
/* parts.c - the few lines that we need of Prometheus' text format, by HTTP/1.0. */
#include "bench/parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TEXT_SIZE = 1 << 17, TIMEOUT_S = 5 };

/* ---- the text ---- */

/* Of the line that begins with `name` and a space; 0: there is none. */
static double value_of(const char *text, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = text; at != NULL && *at != '\0';) {
        if (strncmp(at, name, size) == 0 && at[size] == ' ')
            return strtod(at + size, NULL);
        at = strchr(at, '\n');
        at = at == NULL ? NULL : at + 1;
    }
    return 0;
}

void parts_add(struct parts *self, const char *text)
{
    self->scored += value_of(text, "chw_worker_scoring_seconds_count");
    self->scoring_s += value_of(text, "chw_worker_scoring_seconds_sum");
    self->settled += value_of(text, "chw_worker_settlement_seconds_count");
    self->settlement_s += value_of(text, "chw_worker_settlement_seconds_sum");
}

/* ---- the worker ---- */

static int connect_to(unsigned port)
{
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 &&
        (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0 ||
         connect(fd, (struct sockaddr *)(void *)&address, sizeof address) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The whole answer, terminated. */
static bool fetch(int fd, char *text, size_t size)
{
    static const char request[] = "GET /metrics HTTP/1.0\r\n\r\n";
    size_t used = 0;
    ssize_t got = 1;
    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) != sizeof request - 1)
        return false;
    while (got > 0 && used < size - 1) {
        got = recv(fd, text + used, size - 1 - used, 0);
        used += got > 0 ? (size_t)got : 0;
    }
    text[used] = '\0';
    return got == 0 && strstr(text, " 200 ") != NULL;
}

enum status parts_read(struct parts *self, unsigned port, struct error_text *error)
{
    char *text = malloc(TEXT_SIZE);
    if (text == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    int fd = connect_to(port);
    bool read = fd >= 0 && fetch(fd, text, TEXT_SIZE);
    if (read)
        parts_add(self, text);
    else
        error_set(error, STATUS_IO, "no metrics at 127.0.0.1:%u: %s", port,
                  strerror(errno));
    if (fd >= 0)
        close(fd);
    free(text);
    return read ? STATUS_OK : STATUS_IO;
}
