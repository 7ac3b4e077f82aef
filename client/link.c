/* SPDX-License-Identifier: Apache-2.0 */
/* link.c - the client's socket: the edge of libchw. */
#include "client/link.h"

#include "wire/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct link {
    void *context, *socket;
    struct message message; /* the last one received */
};

enum status link_open(const char *endpoint, bool insecure, struct link **out,
                      struct error_text *error)
{
    enum status status = endpoint_check(endpoint, insecure, error);
    if (status != STATUS_OK)
        return status;
    struct link *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    message_init(&self->message);
    self->context = zmq_ctx_new();
    status =
        self->context == NULL
            ? error_set(error, STATUS_NOMEM, "no ZeroMQ context: %s", strerror(errno))
            : socket_connect(self->context, endpoint, &self->socket, error);
    if (status != STATUS_OK) {
        link_close(self);
        return status;
    }
    *out = self;
    return STATUS_OK;
}

void link_close(struct link *self)
{
    if (self == NULL)
        return;
    message_close(&self->message);
    if (self->socket != NULL)
        zmq_close(self->socket);
    if (self->context != NULL)
        zmq_ctx_term(self->context);
    free(self);
}

enum status link_send(struct link *self, const struct header *header, const void *body,
                      size_t size)
{
    zmq_msg_t frame;
    if (zmq_msg_init_size(&frame, size) != 0)
        return STATUS_NOMEM;
    if (size > 0)
        memcpy(zmq_msg_data(&frame), body, size);
    enum status status = message_send(self->socket, NULL, header, &frame);
    if (status != STATUS_OK)
        zmq_msg_close(&frame);
    return status;
}

enum status link_receive(struct link *self, struct header *header, const void **body,
                         size_t *size, struct error_text *error)
{
    enum status status = message_receive(self->socket, false, &self->message, error);
    if (status != STATUS_OK)
        return status;
    *header = self->message.header;
    *body = zmq_msg_data(&self->message.body);
    *size = zmq_msg_size(&self->message.body);
    return STATUS_OK;
}

enum status link_wait(struct link *self, uint64_t timeout_ms)
{
    return link_wait_or(self, -1, timeout_ms);
}

enum status link_wait_or(struct link *self, int fd, uint64_t timeout_ms)
{
    zmq_pollitem_t readable[] = {
        {.socket = self->socket, .events = ZMQ_POLLIN},
        {.fd = fd, .events = ZMQ_POLLIN},
    };
    int count = zmq_poll(readable, fd < 0 ? 1 : 2,
                         (long)(timeout_ms > 3600000 ? 3600000 : timeout_ms));
    if (count > 0)
        return STATUS_OK;
    return count == 0 || errno == EINTR ? STATUS_END : STATUS_IO;
}
