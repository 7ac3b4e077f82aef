/* SPDX-License-Identifier: Apache-2.0 */
/* peer_client.c - requests out, answers in, in rounds of all that has arrived. */
#include "bench/peer_client.h"

#include "base/clock.h"
#include "bench/peer_frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BUSY_WAIT_MS = 1 };

struct client {
    const struct peers_options *options;
    struct peer_counts *counts;
    void *socket;
    void *body; /* what every request holds */
    struct header header;
    struct message message;
    uint32_t outstanding;
    uint64_t taken;   /* bytes of answers */
    uint64_t sent_ns; /* the last request */
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* The count last: whoever reads it finds the latency. */
static void note_answer(struct client *self)
{
    uint64_t answered = atomic_load(&self->counts->answered);
    if (self->options->outstanding == 1)
        self->counts->latencies_ns[answered % PEER_LATENCIES] =
            (uint32_t)(now_ns() - self->sent_ns);
    atomic_store(&self->counts->answered, answered + 1);
}

static bool send_ours(struct client *self)
{
    zmq_msg_t body;
    self->header.key.sequence++;
    self->header.ticket = self->taken;
    peer_borrow(&body, self->body, self->options->size);
    if (message_send(self->socket, NULL, &self->header, &body) == STATUS_OK)
        return true;
    zmq_msg_close(&body);
    return false;
}

static bool send_plain(struct client *self)
{
    zmq_msg_t body;
    uint8_t bytes[HEADER_SIZE];
    if (self->options->protocol == PEERS_TWO_FRAMES) {
        header_encode(&self->header, bytes);
        if (zmq_send(self->socket, bytes, sizeof bytes, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
            return false;
    }
    peer_borrow(&body, self->body, self->options->size);
    if (zmq_msg_send(&body, self->socket, ZMQ_DONTWAIT) >= 0)
        return true;
    zmq_msg_close(&body);
    return false;
}

/* Those that are not there yet are sent when they are. */
static void send_some(struct client *self)
{
    bool ours = self->options->protocol == PEERS_OURS;
    if (self->options->outstanding == 1 && self->outstanding == 0)
        self->sent_ns = now_ns();
    while (self->outstanding < self->options->outstanding &&
           (ours ? send_ours(self) : send_plain(self)))
        self->outstanding++;
}

static bool take_ours(struct client *self)
{
    struct error_text error;
    enum status status = message_receive(self->socket, false, &self->message, &error);
    if (status != STATUS_OK)
        return false;
    bool busy = self->message.header.type == MESSAGE_BUSY;
    bool answered = self->message.header.type == MESSAGE_REPLY &&
                    zmq_msg_size(&self->message.body) == self->options->size;
    self->taken += HEADER_SIZE + zmq_msg_size(&self->message.body);
    if (answered)
        note_answer(self);
    atomic_fetch_add(&self->counts->busy, busy);
    atomic_fetch_add(&self->counts->wrong, !answered && !busy);
    return true;
}

static bool take_plain(struct client *self)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, self->socket, ZMQ_DONTWAIT) < 0)
        return false;
    while (zmq_msg_more(&frame) && zmq_msg_recv(&frame, self->socket, 0) >= 0)
        ;
    bool answered = zmq_msg_size(&frame) == self->options->size;
    if (answered)
        note_answer(self);
    atomic_fetch_add(&self->counts->wrong, !answered);
    zmq_msg_close(&frame);
    return true;
}

/* False: there was nothing. */
static bool take_some(struct client *self)
{
    bool ours = self->options->protocol == PEERS_OURS;
    bool some = false;
    while (ours ? take_ours(self) : take_plain(self)) {
        some = true;
        self->outstanding -= self->outstanding > 0;
    }
    return some;
}

static void be_client(struct client *self)
{
    uint64_t busy = 0;
    for (;;) {
        send_some(self);
        if (!take_some(self))
            peer_wait(self->socket);
        uint64_t busy_now = atomic_load(&self->counts->busy);
        if (busy_now != busy) /* a client that floods, not one that spins */
            peer_pause(BUSY_WAIT_MS);
        busy = busy_now;
    }
}

void peer_client(const struct peers_options *options, uint32_t number,
                 struct peer_counts *counts)
{
    struct client self = {.options = options, .counts = counts};
    self.header = (struct header){.type = MESSAGE_SCORE, .as_of = clock_today()};
    snprintf(self.header.region, sizeof self.header.region, "bench/%u", number);
    self.header.key.client[0] = (uint8_t)(number + 1);
    self.body = calloc(1, options->size);
    message_init(&self.message);
    self.socket = peer_connect(options->front);
    if (self.body != NULL && self.socket != NULL)
        be_client(&self);
}
