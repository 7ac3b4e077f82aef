/* SPDX-License-Identifier: Apache-2.0 */
/* socket.c - sockets made alike, and messages of [route][header][body] frames. */
#include "wire/socket.h"

#include "base/crypto.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { RECONNECT_MS = 50, RECONNECT_MAX_MS = 1000 };

/* Of a bounded socket: messages of one peer that nobody has received yet. What comes
 * after them stays in the connection. */
enum { UNREAD_MAX = 16 };

struct socket_option {
    int name, value;
};

static enum status set_options(void *socket, const struct socket_option *options,
                               size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (zmq_setsockopt(socket, options[i].name, &options[i].value, sizeof(int)) != 0)
            return STATUS_INVALID;
    return STATUS_OK;
}

/* What a thousand peers do when their broker comes back they do not do at once. */
static int random_between(int least, int most)
{
    uint32_t random;
    random_bytes(&random, sizeof random);
    return least + (int)(random % (uint32_t)(most - least + 1));
}

static enum status open_socket(void *context, int type, void **socket,
                               struct error_text *error)
{
    static const struct socket_option common[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_SNDHWM, 0},
        {ZMQ_RCVHWM, 0},
        {ZMQ_IPV6, 1},
    };
    /* Half-open connections are noticed by TCP too. Not by ZeroMQ's own heartbeats: one
     * that is read or due behind more than UNREAD_MAX messages of a peer that has gone
     * makes libzmq 4.3 abort (!_io_error). */
    static const struct socket_option liveness[] = {
        {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_TCP_KEEPALIVE_IDLE, 2},
        {ZMQ_TCP_KEEPALIVE_INTVL, 2},
        {ZMQ_TCP_MAXRT, 6000},
    };
    static const struct socket_option router[] = {{ZMQ_ROUTER_MANDATORY, 1}};
    const struct socket_option dealer[] = {
        {ZMQ_IMMEDIATE, 1},
        {ZMQ_RECONNECT_IVL, random_between(RECONNECT_MS, 2 * RECONNECT_MS)},
        {ZMQ_RECONNECT_IVL_MAX, random_between(RECONNECT_MAX_MS, 2 * RECONNECT_MAX_MS)},
    };
    const int64_t size_max = BODY_SIZE_MAX;

    *socket = zmq_socket(context, type);
    if (*socket == NULL)
        return error_set(error, STATUS_NOMEM, "no socket: %s", zmq_strerror(errno));
    bool set = set_options(*socket, common, 4) == STATUS_OK &&
               set_options(*socket, liveness, 4) == STATUS_OK &&
               zmq_setsockopt(*socket, ZMQ_MAXMSGSIZE, &size_max, sizeof size_max) == 0 &&
               (type == ZMQ_ROUTER ? set_options(*socket, router, 1)
                                   : set_options(*socket, dealer, 3)) == STATUS_OK;
    assert(set); /* every option is one that libzmq 4.3 has */
    return STATUS_OK;
}

enum status socket_bind(void *context, const char *endpoint, void **socket,
                        struct error_text *error)
{
    return socket_bind_bounded(context, endpoint, 0, socket, error);
}

enum status socket_bind_bounded(void *context, const char *endpoint, int queue_max,
                                void **socket, struct error_text *error)
{
    enum status status = open_socket(context, ZMQ_ROUTER, socket, error);
    if (status == STATUS_OK && queue_max > 0) {
        zmq_setsockopt(*socket, ZMQ_SNDHWM, &queue_max, sizeof queue_max);
        zmq_setsockopt(*socket, ZMQ_RCVHWM, &(int){UNREAD_MAX}, sizeof(int));
    }
    if (status != STATUS_OK || zmq_bind(*socket, endpoint) == 0)
        return status;
    status = errno == EADDRINUSE ? STATUS_TAKEN : STATUS_IO;
    error_set(error, status, "%s: %s", endpoint, zmq_strerror(errno));
    zmq_close(*socket);
    *socket = NULL;
    return status;
}

enum status socket_connect(void *context, const char *endpoint, void **socket,
                           struct error_text *error)
{
    enum status status = open_socket(context, ZMQ_DEALER, socket, error);
    if (status != STATUS_OK || zmq_connect(*socket, endpoint) == 0)
        return status;
    error_set(error, STATUS_INVALID, "%s: %s", endpoint, zmq_strerror(errno));
    zmq_close(*socket);
    *socket = NULL;
    return STATUS_INVALID;
}

int socket_fd(void *socket)
{
    int fd = -1;
    size_t size = sizeof fd;
    int got = zmq_getsockopt(socket, ZMQ_FD, &fd, &size);
    assert(got == 0); /* every socket has one */
    return fd;
}

void message_init(struct message *self)
{
    memset(&self->header, 0, sizeof self->header);
    zmq_msg_init(&self->route);
    zmq_msg_init(&self->frame);
    zmq_msg_init(&self->body);
}

void message_close(struct message *self)
{
    zmq_msg_close(&self->route);
    zmq_msg_close(&self->frame);
    zmq_msg_close(&self->body);
}

/* The frames of a message arrive together: once one is there, so are the others. */
static enum status receive_frame(void *socket, zmq_msg_t *frame)
{
    while (zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) < 0) {
        if (errno == EAGAIN)
            return STATUS_END;
        if (errno != EINTR)
            return STATUS_IO;
    }
    return STATUS_OK;
}

/* Drop what is left of a message of which `last` was read. */
static size_t drop_rest(void *socket, const zmq_msg_t *last)
{
    zmq_msg_t frame;
    size_t count = 0;
    bool more = zmq_msg_more(last);
    zmq_msg_init(&frame);
    while (more && receive_frame(socket, &frame) == STATUS_OK) {
        more = zmq_msg_more(&frame);
        count++;
    }
    zmq_msg_close(&frame);
    return count;
}

static enum status check_body(const struct message *self, struct error_text *error)
{
    size_t size = zmq_msg_size(&self->body),
           size_max = message_body_max(self->header.type);
    if (size > size_max)
        return error_set(error, STATUS_MALFORMED,
                         "the body of %s has %zu bytes, at most %zu",
                         message_name(self->header.type), size, size_max);
    return STATUS_OK;
}

/* Header and body, into the message whose route is there. */
static enum status receive_content(void *socket, struct message *self,
                                   struct error_text *error)
{
    enum status status = receive_frame(socket, &self->frame);
    if (status != STATUS_OK)
        return status;
    if (!zmq_msg_more(&self->frame))
        return error_set(error, STATUS_MALFORMED, "the message has no body frame");
    status = receive_frame(socket, &self->body);
    if (status != STATUS_OK)
        return status;
    size_t extra = zmq_msg_more(&self->body) ? drop_rest(socket, &self->body) : 0;
    if (extra > 0)
        return error_set(error, STATUS_MALFORMED, "the message has %zu frames, not 2",
                         extra + 2);
    status = header_decode(zmq_msg_data(&self->frame), zmq_msg_size(&self->frame),
                           &self->header, error);
    return status == STATUS_OK ? check_body(self, error) : status;
}

static enum status receive_all(void *socket, bool routed, struct message *self,
                               struct error_text *error)
{
    if (routed) {
        enum status status = receive_frame(socket, &self->route);
        if (status != STATUS_OK)
            return status;
        if (!zmq_msg_more(&self->route))
            return error_set(error, STATUS_MALFORMED, "the message has no header frame");
    }
    return receive_content(socket, self, error);
}

/* A frame is released by the next that is received into it. */
enum status message_receive(void *socket, bool routed, struct message *self,
                            struct error_text *error)
{
    memset(&self->header, 0, sizeof self->header);
    enum status status = receive_all(socket, routed, self, error);
    if (status == STATUS_END) {
        message_close(self);
        message_init(self);
    }
    return status;
}

static enum status send_frame(void *socket, zmq_msg_t *frame, int flags)
{
    while (zmq_msg_send(frame, socket, ZMQ_DONTWAIT | flags) < 0) {
        if (errno == EHOSTUNREACH)
            return STATUS_NOT_FOUND;
        if (errno != EINTR)
            return STATUS_UNAVAILABLE;
    }
    return STATUS_OK;
}

/* So few bytes are not allocated. */
static enum status send_route(void *socket, const void *route, size_t size)
{
    zmq_msg_t frame;
    if (zmq_msg_init_size(&frame, size) != 0)
        return STATUS_NOMEM;
    memcpy(zmq_msg_data(&frame), route, size);
    enum status status = send_frame(socket, &frame, ZMQ_SNDMORE);
    if (status != STATUS_OK)
        zmq_msg_close(&frame);
    return status;
}

/* The first frame, if any, has left: only that can be refused, the rest follow it. */
static enum status send_content(void *socket, zmq_msg_t *frame,
                                const struct header *header, zmq_msg_t *body)
{
    header_encode(header, zmq_msg_data(frame));
    enum status status = send_frame(socket, frame, ZMQ_SNDMORE);
    return status == STATUS_OK ? send_frame(socket, body, 0) : status;
}

enum status message_send_in(void *socket, zmq_msg_t *frame, const void *route,
                            size_t route_size, const struct header *header,
                            zmq_msg_t *body)
{
    assert(zmq_msg_size(frame) == HEADER_SIZE);
    enum status status = send_route(socket, route, route_size);
    return status == STATUS_OK ? send_content(socket, frame, header, body) : status;
}

enum status message_send(void *socket, zmq_msg_t *route, const struct header *header,
                         zmq_msg_t *body)
{
    zmq_msg_t frame, empty;
    enum status status = STATUS_OK;
    if (zmq_msg_init_size(&frame, HEADER_SIZE) != 0)
        return STATUS_NOMEM;
    zmq_msg_init(&empty);
    if (route != NULL)
        status = send_route(socket, zmq_msg_data(route), zmq_msg_size(route));
    if (status == STATUS_OK)
        status = send_content(socket, &frame, header, body == NULL ? &empty : body);
    if (status != STATUS_OK)
        zmq_msg_close(&frame);
    return status;
}
