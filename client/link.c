/* SPDX-License-Identifier: Apache-2.0 */
/* link.c - the client's sockets, one for each broker: the edge of libchw. */
#include "client/link.h"

#include "base/clock.h"
#include "wire/addresses.h"
#include "wire/socket.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOK_MS = 10,
    UNMADE_MS = 1000, /* until a connection that could not be begun is tried again */
    WAIT_MAX_MS = 3600000,
    MONITOR_SIZE = 40,
};

_Static_assert(LINK_PEERS_MAX == (int)ADDRESSES_MAX, "a peer for each address");

struct link_body {
    zmq_msg_t frame;
};

/* A broker's address. */
struct peer {
    void *socket;   /* NULL: the place is free */
    void *monitor;  /* tells that the connection broke */
    uint64_t taken; /* bytes of REPLY and DESCRIPTION, on this connection */
    char address[ADDRESS_SIZE];
};

/* Sets of peers are bits. */
struct link {
    void *context;
    struct addresses *addresses;
    uint64_t generation; /* of the addresses */
    uint64_t look_ms;    /* when to look for changes */
    uint64_t monitors;   /* made so far: each needs a name */
    struct peer peers[LINK_PEERS_MAX];
    uint64_t there;
    uint64_t added, removed, lost; /* not told yet */
    uint64_t unread;               /* may have something to receive */
    uint32_t read_from;            /* last */
    uint32_t sent_to;              /* last, by link_send_any() */
    struct message message;        /* the last one received */
};

/* ---- bodies ---- */

static void free_bytes(void *bytes, void *hint)
{
    (void)hint;
    free(bytes);
}

struct link_body *link_body_new(void *bytes, size_t size)
{
    struct link_body *self = malloc(sizeof *self);
    if (self == NULL ||
        zmq_msg_init_data(&self->frame, bytes, size, free_bytes, NULL) != 0) {
        free(self);
        return NULL;
    }
    return self;
}

void link_body_free(struct link_body *self)
{
    if (self == NULL)
        return;
    zmq_msg_close(&self->frame);
    free(self);
}

const void *link_body_data(struct link_body *self)
{
    return zmq_msg_data(&self->frame);
}

size_t link_body_size(const struct link_body *self)
{
    return zmq_msg_size(&self->frame);
}

/* ---- peers ---- */

static uint64_t bit(uint32_t peer)
{
    return (uint64_t)1 << peer;
}

static uint32_t lowest_bit(uint64_t set)
{
    return (uint32_t)__builtin_ctzll(set);
}

/* A socket that tells when the connection of `peer` breaks. */
static enum status open_monitor(struct link *self, struct peer *peer,
                                struct error_text *error)
{
    char name[MONITOR_SIZE];
    snprintf(name, sizeof name, "inproc://lost-%llu",
             (unsigned long long)self->monitors++);
    peer->monitor = zmq_socket(self->context, ZMQ_PAIR);
    if (peer->monitor == NULL ||
        zmq_socket_monitor(peer->socket, name, ZMQ_EVENT_DISCONNECTED) != 0 ||
        zmq_connect(peer->monitor, name) != 0)
        return error_set(error, STATUS_IO, "%s: %s", peer->address, zmq_strerror(errno));
    return STATUS_OK;
}

static void close_peer(struct peer *peer)
{
    if (peer->socket != NULL) {
        zmq_socket_monitor(peer->socket, NULL, 0);
        zmq_close(peer->socket);
    }
    if (peer->monitor != NULL)
        zmq_close(peer->monitor);
    peer->socket = peer->monitor = NULL;
}

static enum status add_peer(struct link *self, const char *address,
                            struct error_text *error)
{
    assert(self->there != UINT64_MAX); /* no more peers than addresses */
    uint32_t number = lowest_bit(~self->there);
    struct peer *peer = &self->peers[number];
    *peer = (struct peer){.socket = NULL};
    snprintf(peer->address, sizeof peer->address, "%s", address);
    enum status status = socket_connect(self->context, address, &peer->socket, error);
    if (status == STATUS_OK)
        status = open_monitor(self, peer, error);
    if (status != STATUS_OK) {
        close_peer(peer);
        return status;
    }
    self->there |= bit(number);
    self->added |= bit(number);
    return STATUS_OK;
}

static void remove_peer(struct link *self, uint32_t number)
{
    close_peer(&self->peers[number]);
    self->there &= ~bit(number);
    self->unread &= ~bit(number);
    self->lost &= ~bit(number);
    if ((self->added & bit(number)) == 0)
        self->removed |= bit(number);
    self->added &= ~bit(number);
}

static bool has_peer(const struct link *self, const char *address)
{
    for (uint64_t rest = self->there; rest != 0; rest &= rest - 1)
        if (strcmp(self->peers[lowest_bit(rest)].address, address) == 0)
            return true;
    return false;
}

/* What is no longer an address goes, what is new comes. */
static enum status follow(struct link *self, struct error_text *error)
{
    struct address_set set;
    enum status status = STATUS_OK;
    if (!addresses_get(self->addresses, &self->generation, &set))
        return STATUS_OK;
    for (uint64_t rest = self->there; rest != 0; rest &= rest - 1)
        if (!address_set_has(&set, self->peers[lowest_bit(rest)].address))
            remove_peer(self, lowest_bit(rest));
    for (size_t i = 0; status == STATUS_OK && i < set.count; i++)
        if (!has_peer(self, set.items[i]))
            status = add_peer(self, set.items[i], error);
    if (status != STATUS_OK)
        self->generation = 0; /* tried again */
    return status;
}

/* What the monitor says is only one thing. */
static void read_monitor(struct link *self, uint32_t number)
{
    struct peer *peer = &self->peers[number];
    char event[ADDRESS_SIZE];
    while (zmq_recv(peer->monitor, event, sizeof event, ZMQ_DONTWAIT) >= 0) {
        peer->taken = 0;
        self->lost |= bit(number);
    }
}

static enum status look(struct link *self, uint64_t now_ms, struct error_text *error)
{
    enum status status = follow(self, error);
    for (uint64_t rest = self->there; rest != 0; rest &= rest - 1)
        read_monitor(self, lowest_bit(rest));
    self->look_ms = now_ms + (status == STATUS_OK ? LOOK_MS : UNMADE_MS);
    return status;
}

void link_look(struct link *self, uint64_t now_ms)
{
    struct error_text error;
    if (now_ms >= self->look_ms && look(self, now_ms, &error) != STATUS_OK)
        self->look_ms = now_ms + UNMADE_MS;
}

static bool take(uint64_t *set, uint32_t *number)
{
    if (*set == 0)
        return false;
    *number = lowest_bit(*set);
    *set &= *set - 1;
    return true;
}

bool link_changed(struct link *self, enum link_change *change, uint32_t *peer)
{
    *change = LINK_REMOVED;
    if (take(&self->removed, peer))
        return true;
    *change = LINK_ADDED;
    if (take(&self->added, peer))
        return true;
    *change = LINK_LOST;
    return take(&self->lost, peer);
}

const char *link_address(const struct link *self, uint32_t peer)
{
    return self->peers[peer].address;
}

void link_trouble(const struct link *self, struct error_text *out)
{
    addresses_trouble(self->addresses, out);
}

uint64_t link_peers(const struct link *self)
{
    return self->there;
}

/* ---- opening and closing ---- */

static enum status open_context(struct link *self, struct error_text *error)
{
    self->context = zmq_ctx_new();
    if (self->context == NULL)
        return error_set(error, STATUS_NOMEM, "no ZeroMQ context: %s", strerror(errno));
    return STATUS_OK;
}

enum status link_open(const char *list, bool insecure, struct link **out,
                      struct error_text *error)
{
    struct link *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    message_init(&self->message);
    enum status status = addresses_open(list, insecure, NULL, &self->addresses, error);
    if (status == STATUS_OK)
        status = open_context(self, error);
    if (status == STATUS_OK)
        status = look(self, clock_monotonic_ms(), error);
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
    for (uint64_t rest = self->there; rest != 0; rest &= rest - 1)
        close_peer(&self->peers[lowest_bit(rest)]);
    if (self->context != NULL)
        zmq_ctx_term(self->context);
    addresses_close(self->addresses);
    free(self);
}

/* ---- sending and receiving ---- */

enum status link_send(struct link *self, uint32_t peer, const struct header *header,
                      struct link_body *body)
{
    struct header told = *header;
    zmq_msg_t frame;
    if ((self->there & bit(peer)) == 0)
        return STATUS_UNAVAILABLE;
    zmq_msg_init(&frame);
    if (body != NULL && zmq_msg_copy(&frame, &body->frame) != 0)
        return STATUS_NOMEM;
    told.ticket = self->peers[peer].taken + 1; /* wire/header.h: 0 says nothing */
    enum status status = message_send(self->peers[peer].socket, NULL, &told, &frame);
    if (status != STATUS_OK)
        zmq_msg_close(&frame);
    return status;
}

enum status link_send_any(struct link *self, const struct header *header,
                          struct link_body *body)
{
    enum status status = STATUS_UNAVAILABLE;
    for (int i = 0; status != STATUS_OK && i < LINK_PEERS_MAX; i++) {
        self->sent_to = (self->sent_to + 1) % LINK_PEERS_MAX;
        status = link_send(self, self->sent_to, header, body);
    }
    return status;
}

static void fill(struct link *self, uint32_t number, struct link_message *message)
{
    message->peer = number;
    message->header = self->message.header;
    message->body = zmq_msg_data(&self->message.body);
    message->size = zmq_msg_size(&self->message.body);
    if (message->header.type == MESSAGE_REPLY ||
        message->header.type == MESSAGE_DESCRIPTION)
        self->peers[number].taken += HEADER_SIZE + message->size;
}

/* The first of `set` after `number`, going round. */
static uint32_t next_of(uint64_t set, uint32_t number)
{
    uint64_t after = set & ~(2 * bit(number) - 1);
    return lowest_bit(after == 0 ? set : after);
}

/* One message of each that is not empty, and so on until all are. */
enum status link_receive(struct link *self, struct link_message *message,
                         struct error_text *error)
{
    enum status status = STATUS_END;
    if (self->unread == 0)
        self->unread = self->there;
    while (self->unread != 0 && status == STATUS_END) {
        uint32_t number = self->read_from = next_of(self->unread, self->read_from);
        status =
            message_receive(self->peers[number].socket, false, &self->message, error);
        message->peer = number;
        if (status == STATUS_OK)
            fill(self, number, message);
        if (status == STATUS_END)
            self->unread &= ~bit(number);
    }
    return status;
}

enum status link_wait(struct link *self, uint64_t timeout_ms)
{
    return link_wait_or(self, -1, timeout_ms);
}

enum status link_wait_or(struct link *self, int fd, uint64_t timeout_ms)
{
    zmq_pollitem_t items[2 * LINK_PEERS_MAX + 1];
    int count = 0;
    for (uint64_t rest = self->there; rest != 0; rest &= rest - 1) {
        const struct peer *peer = &self->peers[lowest_bit(rest)];
        items[count++] = (zmq_pollitem_t){.socket = peer->socket, .events = ZMQ_POLLIN};
        items[count++] = (zmq_pollitem_t){.socket = peer->monitor, .events = ZMQ_POLLIN};
    }
    if (fd >= 0)
        items[count++] = (zmq_pollitem_t){.fd = fd, .events = ZMQ_POLLIN};
    int ready = zmq_poll(items, count,
                         (long)(timeout_ms > WAIT_MAX_MS ? WAIT_MAX_MS : timeout_ms));
    if (ready < 0 && errno != EINTR)
        return STATUS_IO;
    for (int i = 1; i < count; i += 2)
        if ((items[i].revents & ZMQ_POLLIN) != 0)
            self->look_ms = 0;
    link_look(self, clock_monotonic_ms());
    return ready > 0 ? STATUS_OK : STATUS_END;
}
