/* SPDX-License-Identifier: Apache-2.0 */
/* peer_worker.c - a worker of our protocol, or an echo that knows none. */
#include "bench/peer_worker.h"

#include "base/clock.h"
#include "bench/peer_frames.h"
#include "wire/body.h"

#include "control.pb-c.h"

#include <stdio.h>

enum { HEARTBEAT_MS = 500 };

struct worker {
    const struct peers_options *options;
    void *socket;
    struct message message;
    uint64_t progress, heartbeat_ms;
    char name[32];
};

/* ---- ours ---- */

/* What cannot leave now is asked for again. */
static void send_packed(struct worker *self, enum message_type type,
                        const ProtobufCMessage *message)
{
    const struct header header = {.type = type};
    zmq_msg_t body;
    if (body_pack(message, &body) == STATUS_OK &&
        message_send(self->socket, NULL, &header, &body) != STATUS_OK)
        zmq_msg_close(&body);
}

static void send_hello(struct worker *self)
{
    Chw__Hello hello;
    chw__hello__init(&hello);
    hello.window = self->options->window;
    hello.window_bytes = self->options->window_bytes;
    hello.name = self->name;
    send_packed(self, MESSAGE_HELLO, &hello.base);
}

static void send_heartbeat(struct worker *self, uint64_t ticket)
{
    Chw__Heartbeat beat;
    chw__heartbeat__init(&beat);
    beat.window = self->options->window;
    beat.window_bytes = self->options->window_bytes;
    beat.progress = self->progress;
    beat.scoring_ticket = ticket;
    send_packed(self, MESSAGE_HEARTBEAT, &beat.base);
    self->heartbeat_ms = clock_monotonic_ms() + HEARTBEAT_MS;
}

static void answer(struct worker *self)
{
    struct header header = self->message.header;
    if (self->options->size > self->options->beat_above)
        send_heartbeat(self, header.ticket);
    header.type = MESSAGE_REPLY;
    self->progress++;
    /* One that cannot leave has no broker, which will hand it out again. */
    if (message_send(self->socket, NULL, &header, &self->message.body) != STATUS_OK)
        self->progress--;
}

static bool take_ours(struct worker *self)
{
    struct error_text error;
    enum status status = message_receive(self->socket, false, &self->message, &error);
    if (status != STATUS_OK)
        return false;
    if (self->message.header.type == MESSAGE_SCORE)
        answer(self);
    else if (self->message.header.type == MESSAGE_WHO)
        send_hello(self);
    return true;
}

/* ---- plain ---- */

static bool take_plain(struct worker *self)
{
    zmq_msg_t frame;
    bool more = true;
    zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, self->socket, ZMQ_DONTWAIT) < 0)
        return false;
    while (more) {
        more = zmq_msg_more(&frame);
        if (zmq_msg_send(&frame, self->socket, more ? ZMQ_SNDMORE : 0) < 0)
            zmq_msg_close(&frame);
        zmq_msg_init(&frame);
        if (more && zmq_msg_recv(&frame, self->socket, 0) < 0)
            return false;
    }
    return true;
}

void peer_worker(const struct peers_options *options, uint32_t number,
                 struct peer_counts *counts)
{
    struct worker self = {.options = options};
    bool ours = options->protocol == PEERS_OURS;
    (void)counts;
    snprintf(self.name, sizeof self.name, "bench/%u", number);
    message_init(&self.message);
    self.socket = peer_connect(options->back);
    while (self.socket != NULL) {
        while (ours ? take_ours(&self) : take_plain(&self))
            ;
        if (ours && clock_monotonic_ms() >= self.heartbeat_ms)
            send_heartbeat(&self, 0);
        peer_wait(self.socket);
    }
}
