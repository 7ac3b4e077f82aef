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

void message_init(struct message *self)
{
    memset(&self->header, 0, sizeof self->header);
    zmq_msg_init(&self->route);
    zmq_msg_init(&self->body);
}

void message_close(struct message *self)
{
    zmq_msg_close(&self->route);
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
static enum status receive_content(void *socket, struct message *self, zmq_msg_t *header,
                                   struct error_text *error)
{
    enum status status = receive_frame(socket, header);
    if (status != STATUS_OK)
        return status;
    if (!zmq_msg_more(header))
        return error_set(error, STATUS_MALFORMED, "the message has no body frame");
    status = receive_frame(socket, &self->body);
    if (status != STATUS_OK)
        return status;
    size_t extra = drop_rest(socket, &self->body);
    if (extra > 0)
        return error_set(error, STATUS_MALFORMED, "the message has %zu frames, not 2",
                         extra + 2);
    status =
        header_decode(zmq_msg_data(header), zmq_msg_size(header), &self->header, error);
    return status == STATUS_OK ? check_body(self, error) : status;
}

enum status message_receive(void *socket, bool routed, struct message *self,
                            struct error_text *error)
{
    zmq_msg_t header;
    message_close(self);
    message_init(self);
    if (routed) {
        enum status status = receive_frame(socket, &self->route);
        if (status != STATUS_OK)
            return status;
        if (!zmq_msg_more(&self->route))
            return error_set(error, STATUS_MALFORMED, "the message has no header frame");
    }
    zmq_msg_init(&header);
    enum status status = receive_content(socket, self, &header, error);
    zmq_msg_close(&header);
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

/* `first` is the route (ROUTER) or the header (DEALER): only the first frame of a message
 * can be refused, the rest follow it. */
static enum status send_copy(void *socket, zmq_msg_t *original, int flags)
{
    zmq_msg_t copy;
    zmq_msg_init(&copy);
    if (zmq_msg_copy(&copy, original) != 0)
        return STATUS_NOMEM;
    enum status status = send_frame(socket, &copy, flags);
    if (status != STATUS_OK)
        zmq_msg_close(&copy);
    return status;
}

static enum status send_header(void *socket, const struct header *header)
{
    zmq_msg_t frame;
    if (zmq_msg_init_size(&frame, HEADER_SIZE) != 0)
        return STATUS_NOMEM;
    header_encode(header, zmq_msg_data(&frame));
    enum status status = send_frame(socket, &frame, ZMQ_SNDMORE);
    if (status != STATUS_OK)
        zmq_msg_close(&frame);
    return status;
}

enum status message_send(void *socket, zmq_msg_t *route, const struct header *header,
                         zmq_msg_t *body)
{
    zmq_msg_t empty;
    if (route != NULL) {
        enum status status = send_copy(socket, route, ZMQ_SNDMORE);
        if (status != STATUS_OK)
            return status;
    }
    enum status status = send_header(socket, header);
    if (status != STATUS_OK)
        return status;
    zmq_msg_init(&empty);
    return send_frame(socket, body == NULL ? &empty : body, 0);
}
