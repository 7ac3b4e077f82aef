/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what clients, workers and the network do to a broker: messages out of all
 * order, of peers that lie about tickets, attempts and what they took. After each, every
 * invariant of the dispatcher holds; to nobody goes a message that does not belong there;
 * and when it drains at last, each body has been given back. Bodies of HELLO, HEARTBEAT
 * and RETURN are parsed from the input as the loop does it. */
#include "broker/dispatch.h"

#include "base/proto_parse.h"
#include "broker/status.h"
#include "broker/workers.h"

#include "control.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PEERS = 6,
    KEYS = 8,
    TICKETS = 16, /* of what was granted last */
    DRAIN_TICKS = 5,
    STEPS_MAX = 100000,
    FATE_TOO_MUCH = 64,
    FATE_FAILS = 128,
};

struct input {
    const uint8_t *at, *end;
};

struct world {
    struct dispatch *broker;
    struct input in;
    uint64_t now_ms;
    uint64_t tickets[TICKETS];
    size_t granted;
    size_t bodies; /* with the broker */
    uint8_t fate;  /* of what this step has the broker send */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* 0 behind the end. */
static uint8_t byte(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static uint64_t number(struct input *in, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | byte(in);
    return value;
}

static bool same_body(void *a, void *b)
{
    return *(uint8_t *)a == *(uint8_t *)b;
}

static struct dispatch *new_broker(const uint8_t *traits)
{
    struct dispatch *broker = dispatch_new(&(struct dispatch_limits){
        .jobs_max = 6,
        .regions_max = 3,
        .workers_max = 3,
        .attempts_max = 1 + traits[0] % 3,
        .bytes_max = 6000,
        .region_bytes_max = 4000,
        .client_bytes_max = traits[1] % 2 == 0 ? 0 : 3000,
        .untaken_bytes_max = traits[1] % 3 == 0 ? 0 : 2000,
        .bulk_wait_ticks = 2,
        .lease_ticks = 4,
        .liveness_ticks = 3,
        .drain_ticks = DRAIN_TICKS,
        .instance = UINT64_C(0x1234567800000001),
        .secret = 7,
        .body_equal = same_body,
    });
    require(broker != NULL);
    return broker;
}

/* ---- actions ---- */

static void check_action(const struct dispatch_action *action)
{
    static const uint32_t to_clients = 1U << MESSAGE_REPLY | 1U << MESSAGE_DESCRIPTION |
                                       1U << MESSAGE_BUSY | 1U << MESSAGE_REJECT |
                                       1U << MESSAGE_PONG | 1U << MESSAGE_DRAIN |
                                       1U << MESSAGE_EXPIRED | 1U << MESSAGE_CHARGED;
    static const uint32_t to_workers = 1U << MESSAGE_SCORE | 1U << MESSAGE_DESCRIBE |
                                       1U << MESSAGE_BURY | 1U << MESSAGE_WHO |
                                       1U << MESSAGE_DRAIN | 1U << MESSAGE_REJECT;
    uint32_t bit = 1U << action->header.type;
    require(action->to != DISPATCH_CLIENT || (bit & to_clients) != 0);
    require(action->to != DISPATCH_WORKER || (bit & to_workers) != 0);
    require((action->header.type == MESSAGE_BUSY) == (action->retry_after_ms != 0));
}

static void remember(struct world *self, const struct dispatch_action *action)
{
    if (action->to == DISPATCH_WORKER && action->header.ticket != 0)
        self->tickets[self->granted++ % TICKETS] = action->header.ticket;
}

/* FATE_FAILS: the one of this number cannot be sent, or is too much for its client. */
static void send(struct world *self, const struct dispatch_action *action, size_t number)
{
    bool fails = (self->fate & FATE_FAILS) != 0 && number == self->fate % FATE_TOO_MUCH;
    if (!fails || action->to == DISPATCH_NOBODY)
        return;
    if ((self->fate & FATE_TOO_MUCH) != 0 && action->to == DISPATCH_CLIENT)
        dispatch_untaken(self->broker, action);
    else
        dispatch_unsent(self->broker, action);
}

static void perform_all(struct world *self)
{
    struct dispatch_action action;
    for (size_t number = 0; dispatch_next(self->broker, &action); number++) {
        require(number < STEPS_MAX);
        check_action(&action);
        remember(self, &action);
        send(self, &action, number);
        if (action.released != NULL) {
            free(action.released);
            self->bodies--;
        }
    }
    dispatch_check(self->broker);
}

/* ---- events ---- */

static uint64_t any_ticket(struct world *self)
{
    uint8_t which = byte(&self->in);
    return which < 2 * TICKETS ? self->tickets[which % TICKETS] : number(&self->in, 8);
}

/* Statement by statement: in what order a list's or a call's parts are evaluated is the
 * compiler's choice, and an input shall mean the same to all. */
static struct header any_header(struct world *self, enum message_type type)
{
    static const char *const regions[] = {"KE/A", "KE/B", "KE/C", "UG/D"};
    struct input *in = &self->in;
    struct header header = {.type = type};
    header.flags = byte(in) % 4 == 1 ? HEADER_WHAT_IF : 0;
    header.priority = byte(in) % 3;
    header.attempt = byte(in);
    header.deadline_ms = byte(in);
    header.key.sequence = 1 + byte(in) % KEYS;
    snprintf(header.region, sizeof header.region, "%s", regions[byte(in) % 4]);
    return header;
}

static uint64_t any_route(struct world *self)
{
    return 1 + byte(&self->in) % PEERS;
}

static void send_job(struct world *self, enum message_type type)
{
    uint64_t route = any_route(self);
    struct header header = any_header(self, type);
    uint8_t *body = malloc(1);
    require(body != NULL);
    *body = byte(&self->in) % 2;
    header.ticket = number(&self->in, 2);
    size_t size = (size_t)number(&self->in, 2) % 3000;
    self->bodies++;
    dispatch_job(self->broker, route, &header, body, size);
}

/* What an earlier grant was about, or anything. */
static void send_answer(struct world *self, enum message_type type)
{
    static uint8_t body;
    uint64_t route = any_route(self);
    struct header header = any_header(self, type);
    header.ticket = any_ticket(self);
    size_t size = (size_t)number(&self->in, 2) % 3000;
    if (type == MESSAGE_RETURN)
        dispatch_return(self->broker, route, &header);
    else
        dispatch_reply(self->broker, route, &header, &body, size);
}

/* The next bytes as a message; NULL: they are none. */
static void *parse(struct world *self, const ProtobufCMessageDescriptor *descriptor)
{
    size_t size = byte(&self->in), left = (size_t)(self->in.end - self->in.at);
    const uint8_t *bytes = self->in.at;
    size = size < left ? size : left;
    self->in.at += size;
    return proto_parse(descriptor, bytes, size);
}

static void send_hello(struct world *self)
{
    Chw__Hello *hello = parse(self, &chw__hello__descriptor);
    if (hello == NULL)
        return;
    if (hello->window <= WORKER_WINDOW_MAX)
        dispatch_hello(self->broker, any_route(self), hello->instance, hello->window,
                       hello->window_bytes, hello->name);
    proto_free(&hello->base);
}

/* Small numbers stand for what was granted. */
static void name_tickets(const struct world *self, uint64_t *tickets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (tickets[i] > 0 && tickets[i] < 256)
            tickets[i] = self->tickets[tickets[i] % TICKETS];
}

static void send_heartbeat(struct world *self)
{
    Chw__Heartbeat *beat = parse(self, &chw__heartbeat__descriptor);
    if (beat == NULL)
        return;
    name_tickets(self, beat->held, beat->n_held);
    name_tickets(self, beat->together, beat->n_together);
    name_tickets(self, &beat->scoring_ticket, 1);
    const struct dispatch_heartbeat heartbeat = {
        .progress = beat->progress,
        .scoring_ticket = beat->scoring_ticket,
        .window = beat->window,
        .serving = beat->serving,
        .release = beat->release,
        .records = beat->records,
        .window_bytes = beat->window_bytes,
        .held = beat->held,
        .held_count = beat->n_held,
        .told_held = beat->told_held,
        .elsewhere = beat->elsewhere,
        .together = beat->together,
        .together_count = beat->n_together,
    };
    if (beat->window <= WORKER_WINDOW_MAX && beat->n_held <= WORKER_WINDOW_MAX &&
        beat->n_together <= WORKER_WINDOW_MAX)
        dispatch_heartbeat(self->broker, any_route(self), &heartbeat);
    proto_free(&beat->base);
}

static void send_ping(struct world *self)
{
    uint64_t route = any_route(self);
    struct header header = any_header(self, MESSAGE_PING);
    header.ticket = number(&self->in, 2);
    dispatch_ping(self->broker, route, &header);
}

static void report(struct world *self)
{
    Chw__StatusReport *report = status_report_new(self->broker);
    require(report != NULL && report->n_workers <= 3 && report->n_regions <= 3);
    status_report_free(report);
}

static void step(struct world *self)
{
    static const enum message_type answers[] = {MESSAGE_REPLY, MESSAGE_DESCRIPTION,
                                                MESSAGE_EXPIRED, MESSAGE_REJECT,
                                                MESSAGE_RETURN};
    uint8_t event = byte(&self->in) % 16;
    self->fate = byte(&self->in);
    if (event < 5)
        send_job(self, event == 0 ? MESSAGE_DESCRIBE : MESSAGE_SCORE);
    else if (event < 8)
        send_answer(self, answers[byte(&self->in) % 5]);
    else if (event < 10)
        send_hello(self);
    else if (event < 12)
        send_heartbeat(self);
    else if (event == 12)
        dispatch_bye(self->broker, any_route(self));
    else if (event == 13)
        send_ping(self);
    else if (event == 14)
        dispatch_clock(self->broker, self->now_ms += byte(&self->in));
    else
        dispatch_tick(self->broker);
}

static void drain(struct world *self)
{
    self->fate = 0;
    dispatch_drain(self->broker);
    perform_all(self);
    for (int i = 0; !dispatch_is_done(self->broker); i++) {
        require(i <= DRAIN_TICKS);
        dispatch_tick(self->broker);
        perform_all(self);
    }
    require(self->bodies == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct world world = {
        .broker = new_broker(data),
        .in = {.at = data + 2, .end = data + size},
    };
    while (world.in.at < world.in.end) {
        step(&world);
        perform_all(&world);
        report(&world);
    }
    drain(&world);
    dispatch_free(world.broker);
    return 0;
}
