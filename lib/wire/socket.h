/* SPDX-License-Identifier: Apache-2.0 */
/* socket.h - messages on ZeroMQ sockets, and what an address may be.
 *
 * With each daemon's loop file the only home of libzmq. A socket belongs to one thread.
 * Sockets are made with linger 0, no high-water mark but where one is asked for (credits
 * and byte budgets bound what is queued) and ZMQ_MAXMSGSIZE. */

#ifndef WIRE_SOCKET_H
#define WIRE_SOCKET_H

#include "wire/header.h"

#include <zmq.h>

/* tcp://HOST:PORT with a loopback host, or ipc://PATH with a path that fits the system's
 * limit (107 bytes). Another TCP host is STATUS_INVALID unless `insecure`: until
 * encryption lands it would carry patients' data in clear. */
MUST_CHECK enum status endpoint_check(const char *endpoint, bool insecure,
                                      struct error_text *error);

enum { ENDPOINT_HOST_SIZE = 256 };

/* Of a checked endpoint: it has a host that is no number, and so is to be resolved. */
bool endpoint_name(const char *endpoint, char host[ENDPOINT_HOST_SIZE],
                   const char **port);

/* A ROUTER that reports unroutable messages. STATUS_TAKEN: the address is in use. */
MUST_CHECK enum status socket_bind(void *context, const char *endpoint, void **socket,
                                   struct error_text *error);

/* The same; a peer that does not read has at most `queue_max` messages waiting for it,
 * and one that floods a few waiting to be received. */
MUST_CHECK enum status socket_bind_bounded(void *context, const char *endpoint,
                                           int queue_max, void **socket,
                                           struct error_text *error);

/* A DEALER that queues nothing before it is connected and reconnects by itself, after a
 * while that is its own, twice as long each time, up to a second or two. */
MUST_CHECK enum status socket_connect(void *context, const char *endpoint, void **socket,
                                      struct error_text *error);

/* Can be read when something has happened to the socket, but only then: to be waited for
 * after a receive found nothing and nothing was sent since. */
int socket_fd(void *socket);

/* A message as received. The route is empty on a DEALER. */
struct message {
    zmq_msg_t route;
    struct header header;
    zmq_msg_t frame; /* that the header came in: another may leave in it */
    zmq_msg_t body;
};

void message_init(struct message *self);
void message_close(struct message *self);

/* Receive without waiting. STATUS_END: nothing there. STATUS_MALFORMED: the frames were
 * dropped, `error` says why; on a ROUTER self->route still names the peer to tell.
 * STATUS_IO: the context ended. `self` must be initialised; what it held is released. */
MUST_CHECK enum status message_receive(void *socket, bool routed, struct message *self,
                                       struct error_text *error);

/* Send without waiting: [route,] header, body. `route` may be NULL (DEALER) and is
 * copied; `body` may be NULL (empty) and is taken over only on STATUS_OK.
 * STATUS_UNAVAILABLE: no peer now (DEALER); the peer has queue_max waiting (ROUTER).
 * STATUS_NOT_FOUND: the peer is gone (ROUTER). */
MUST_CHECK enum status message_send(void *socket, zmq_msg_t *route,
                                    const struct header *header, zmq_msg_t *body);

/* The same, to a ROUTER's peer and with less work: `frame` is one of HEADER_SIZE bytes
 * for the header, which is taken over with the body. */
MUST_CHECK enum status message_send_in(void *socket, zmq_msg_t *frame, const void *route,
                                       size_t route_size, const struct header *header,
                                       zmq_msg_t *body);

#endif
