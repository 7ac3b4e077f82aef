/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c - one question that goes through the broker to a worker and back. */
#include "client/probe.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "wire/socket.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct probe {
    void *context, *socket;
    const char *back; /* NULL: it has accepted */
    bool asked;
};

enum status probe_open(const char *front, const char *back, bool insecure,
                       struct probe **out, struct error_text *error)
{
    enum status status = endpoint_check(front, insecure, error);
    struct probe *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    self->context = zmq_ctx_new();
    if (status == STATUS_OK)
        status = socket_connect(self->context, front, &self->socket, error);
    if (status != STATUS_OK) {
        probe_close(self);
        return status;
    }
    self->back = back;
    *out = self;
    return STATUS_OK;
}

void probe_close(struct probe *self)
{
    if (self == NULL)
        return;
    if (self->socket != NULL)
        zmq_close(self->socket);
    if (self->context != NULL)
        zmq_ctx_term(self->context);
    free(self);
}

static void ask(struct probe *self)
{
    struct header header = {
        .type = MESSAGE_DESCRIBE,
        .key = {.sequence = UINT64_C(1) << 63},
        .as_of = clock_today(),
        .region = "-",
    };
    random_bytes(header.key.client, sizeof header.key.client);
    if (message_send(self->socket, NULL, &header, NULL) == STATUS_OK)
        self->asked = true;
}

static bool accepts(const char *endpoint)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = endpoint + strlen("ipc://");
    if (strlen(path) >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool accepted =
        fd >= 0 &&
        connect(fd, (const struct sockaddr *)(const void *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return accepted;
}

static void pause_ms(uint32_t ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&pause, NULL);
}

bool probe_answers(struct probe *self, uint32_t timeout_ms)
{
    struct message message;
    struct error_text error;
    zmq_pollitem_t item = {.socket = self->socket, .events = ZMQ_POLLIN};
    bool answered = false;
    if (self->back != NULL && !accepts(self->back)) {
        pause_ms(timeout_ms);
        return false;
    }
    self->back = NULL;
    if (!self->asked)
        ask(self);
    zmq_poll(&item, 1, (long)timeout_ms);
    message_init(&message);
    while (message_receive(self->socket, false, &message, &error) == STATUS_OK)
        answered = answered || message.header.type == MESSAGE_DESCRIPTION ||
                   message.header.type == MESSAGE_REJECT;
    message_close(&message);
    return answered;
}
