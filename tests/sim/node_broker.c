/* SPDX-License-Identifier: Apache-2.0 */
/* node_broker.c - messages to events, actions to messages, as broker/loop.c does. */
#include "tests/sim/node_broker.h"

#include "tests/sim/check.h"
#include "tests/sim/figures.h"
#include "tests/sim/world.h"

#include <malloc.h>
#include <stdlib.h>

enum { TICK_US = DISPATCH_TICK_MS * 1000 };

/* The simulator's bodies are batches: the same one is the same bytes. */
static bool same_body(void *a, void *b)
{
    return a == b;
}

static uint64_t now_ms(const struct world *world)
{
    return world_now_us(world) / 1000;
}

/* ---- actions ---- */

static void release(struct world *world, struct broker_node *self, void *body)
{
    struct batch *batch = body;
    if (batch == NULL)
        return;
    check_that(world, batch->copies[self->node.name.number] > 0,
               "a body was released twice");
    batch->copies[self->node.name.number]--;
    self->bodies--;
}

static struct batch *batch_of(struct world *world, const struct header *header)
{
    return world_batch_of(world, &header->key);
}

/* EXPIRED and CHARGED are only of some. */
static void check_action(struct world *world, const struct broker_node *self,
                         const struct dispatch_action *action)
{
    const struct batch *batch = batch_of(world, &action->header);
    if (batch != NULL && batch->route_broker == self->node.name.number)
        check_that(world, batch->route == action->route,
                   "an answer goes to where its client was before");
    if (action->header.type == MESSAGE_EXPIRED)
        check_that(world, batch->deadline_ms != 0, "expired without a deadline");
    if (action->header.type == MESSAGE_REJECT && batch != NULL)
        check_that(world, batch->what_if || batch->describe,
                   "the broker refuses a batch that counts");
    if (action->header.type == MESSAGE_CHARGED)
        check_charge(world, batch, action->header.attempt);
}

static bool uses_up(const struct message *message)
{
    return message->header.type == MESSAGE_REJECT ||
           (message->header.type == MESSAGE_REPLY &&
            message->answer.outcome == OUTCOME_DEAD);
}

/* What its client is told of attempts; and whether the broker forgets it now. */
static void note_attempts(const struct world *world, const struct message *message)
{
    struct batch *batch = message->batch;
    if (batch == NULL)
        return;
    if (message->header.type == MESSAGE_CHARGED &&
        message->header.attempt > batch->charges)
        batch->charges = message->header.attempt;
    if (uses_up(message))
        batch->charges = world->setup->attempts_max;
    if (uses_up(message) || message->header.type == MESSAGE_EXPIRED)
        batch->over = true;
}

/* What was sent again before its client knew begins at as many attempts as it tells. */
static void note_late(const struct message *message)
{
    struct batch *batch = message->batch;
    if (batch->over && message->header.attempt < batch->charges)
        batch->spare += batch->charges - message->header.attempt;
    batch->over = false;
}

static struct message *make_message(struct world *world,
                                    const struct dispatch_action *action)
{
    struct message *message = message_take(&world->messages, action->header.type);
    message->header = action->header;
    message->retry_after_ms = action->retry_after_ms;
    message->held = action->held;
    message->credits = action->credits;
    message->connection = action->connection;
    message->workerless = action->workerless;
    message->batch = batch_of(world, &action->header);
    message->answer_size = (uint32_t)action->answer_size;
    if (action->to == DISPATCH_CLIENT && action->body != NULL)
        message->answer = *(const struct answer *)action->body;
    return message;
}

/* A lease has a ticket of its own, so that an answer to an earlier one finds nothing. */
static void check_ticket(struct world *world, struct broker_node *self, uint64_t ticket)
{
    uint64_t *last = &self->tickets[(uint32_t)ticket];
    check_that(world, *last != ticket, "two leases have the same ticket");
    *last = ticket;
}

static void note_grant(struct world *world, struct broker_node *self,
                       const struct dispatch_action *action, struct message *message)
{
    struct batch *batch = action->body;
    if (action->header.deadline_ms != 0)
        check_that(world, action->header.deadline_ms <= batch->deadline_ms,
                   "a deadline grew");
    check_ticket(world, self, action->header.ticket);
    fairness_granted(world, &self->fairness, self->dispatch, batch);
    figures_granted(world->figures, batch);
    network_note_mishap(world, network_link_of(world->network, action->route), message);
}

/* A client that stands still does not empty its socket, which takes only so much. */
static bool is_full(struct world *world, const struct dispatch_action *action)
{
    const struct link *link = network_link_of(world->network, action->route);
    return action->to == DISPATCH_CLIENT && node_is_paused(world, link->peer->node) &&
           dice_chance(&world->dice, 100);
}

static void send_action(struct world *world, struct broker_node *self,
                        const struct dispatch_action *action)
{
    struct message *message = make_message(world, action);
    world_trace_message(world, &self->node.name, "sends",
                        &network_link_of(world->network, action->route)->peer->name,
                        message);
    if (action->to == DISPATCH_CLIENT) {
        check_action(world, self, action);
        note_attempts(world, message);
    } else if (action->body != NULL) {
        note_grant(world, self, action, message);
    }
    if (is_full(world, action)) {
        world_trace(world, &self->node.name, "drops it", NULL);
        message_give_back(&world->messages, message);
        dispatch_untaken(self->dispatch, action);
        return;
    }
    if (!network_answer(world, self, action->route, message)) {
        world_trace(world, &self->node.name, "finds nobody there", NULL);
        dispatch_unsent(self->dispatch, action);
    }
}

static void note_worker(struct world *world, const struct broker_node *self,
                        const struct dispatch_action *action)
{
    static const char *const notes[] = {
        [DISPATCH_NOTE_JOINED] = "knows a worker",
        [DISPATCH_NOTE_BACK] = "has a worker back",
        [DISPATCH_NOTE_LEFT] = "lets a worker go",
        [DISPATCH_NOTE_LOST] = "has lost a worker",
        [DISPATCH_NOTE_STUCK] = "finds a worker stuck",
    };
    world_trace_value(world, &self->node.name, notes[action->note], "charged",
                      action->charged);
}

static void perform(struct world *world, struct broker_node *self,
                    const struct dispatch_action *action)
{
    if (action->to != DISPATCH_NOBODY)
        send_action(world, self, action);
    if (action->note != DISPATCH_NOTE_NONE)
        note_worker(world, self, action);
    release(world, self, action->released);
}

/* ---- what holds after each event ---- */

static void check_budget(struct world *world, struct broker_node *self)
{
    struct dispatch_gauges gauges;
    dispatch_measure(self->dispatch, &gauges);
    check_that(world, gauges.bytes <= world->setup->bytes_max,
               "a broker holds more than its budget");
}

static void check_broker(struct world *world, struct broker_node *self)
{
    check_that(world, self->bodies == dispatch_job_count(self->dispatch),
               "a body was lost, or kept");
    if (!world->setup->checks)
        return;
    dispatch_check(self->dispatch);
    check_budget(world, self);
}

static void end_process(struct world *world, struct broker_node *self);

static void look_at_deadlines(struct world *world, struct event *event);

static void set_wake(struct world *world, struct broker_node *self)
{
    uint64_t wake_ms = dispatch_wake_ms(self->dispatch);
    if (wake_ms == UINT64_MAX || wake_ms * 1000 >= self->wake_us)
        return;
    self->wake_us = wake_ms * 1000;
    node_timer(world, &self->node, self->wake_us, look_at_deadlines, self);
}

static void perform_all(struct world *world, struct broker_node *self)
{
    struct dispatch_action action;
    while (dispatch_next(self->dispatch, &action))
        perform(world, self, &action);
    check_broker(world, self);
    if (dispatch_is_done(self->dispatch))
        end_process(world, self);
    else
        set_wake(world, self);
}

/* ---- time ---- */

static void look_at_deadlines(struct world *world, struct event *event)
{
    struct broker_node *self = event->subject;
    if (!node_timer_is_due(world, &self->node, event))
        return;
    self->wake_us = UINT64_MAX;
    dispatch_clock(self->dispatch, now_ms(world));
    perform_all(world, self);
}

static void tick(struct world *world, struct event *event)
{
    struct broker_node *self = event->subject;
    if (!node_timer_is_due(world, &self->node, event))
        return;
    node_timer(world, &self->node, world_now_us(world) + TICK_US, tick, self);
    figures_sampled(world->figures, self);
    dispatch_clock(self->dispatch, now_ms(world));
    dispatch_tick(self->dispatch);
    perform_all(world, self);
}

uint64_t broker_busy_until_us(struct world *world, struct broker_node *self)
{
    uint64_t now_ns = world_now_us(world) * 1000;
    if (self->busy_ns < now_ns)
        self->busy_ns = now_ns;
    self->busy_ns += world->setup->front_ns;
    return self->busy_ns / 1000;
}

/* ---- messages ---- */

static void take_job(struct world *world, struct broker_node *self, uint64_t route,
                     const struct message *message)
{
    struct batch *batch = message->batch;
    uint32_t number = self->node.name.number;
    note_late(message);
    batch->copies[number]++;
    batch->queued_us = world_now_us(world);
    batch->route = route;
    batch->route_broker = number;
    self->bodies++;
    dispatch_job(self->dispatch, route, &message->header, batch, batch->size);
    perform_all(world, self);
    check_that(world, batch->copies[number] <= 1 || self->dispatch == NULL,
               "a broker holds a batch twice");
}

static void take_heartbeat(struct broker_node *self, uint64_t route,
                           const struct message *message)
{
    const struct holding_news *news = message->news;
    bool named = news->named_count > 0;
    const struct dispatch_heartbeat heartbeat = {
        .progress = message->progress,
        .scoring_ticket = named ? news->named[0] : 0,
        .window = message->window,
        .window_bytes = message->window_bytes,
        .held = news->held,
        .held_count = news->held_count,
        .told_held = news->told_held,
        .together = news->named + 1,
        .together_count = named ? news->named_count - 1 : 0,
        .elsewhere = news->elsewhere,
    };
    dispatch_heartbeat(self->dispatch, route, &heartbeat);
}

static void feed(struct broker_node *self, uint64_t route, struct message *message)
{
    switch ((int)message->header.type) {
    case MESSAGE_PING:
        dispatch_ping(self->dispatch, route, &message->header);
        break;
    case MESSAGE_HELLO:
        dispatch_hello(self->dispatch, route, message->instance, message->window,
                       message->window_bytes, "worker");
        break;
    case MESSAGE_HEARTBEAT:
        take_heartbeat(self, route, message);
        break;
    case MESSAGE_RETURN:
        dispatch_return(self->dispatch, route, &message->header);
        break;
    case MESSAGE_BYE:
        dispatch_bye(self->dispatch, route);
        break;
    default:
        dispatch_reply(self->dispatch, route, &message->header, &message->answer,
                       message->answer_size);
    }
}

void broker_receive(struct world *world, struct broker_node *self, uint64_t route,
                    struct link *link, struct message *message)
{
    enum message_type type = message->header.type;
    world_trace_message(world, &self->node.name, "receives", &link->peer->name, message);
    figures_arrived(world->figures, self, type);
    dispatch_clock(self->dispatch, now_ms(world));
    if (type == MESSAGE_SCORE || type == MESSAGE_DESCRIBE) {
        take_job(world, self, route, message);
        return;
    }
    feed(self, route, message);
    perform_all(world, self);
}

/* ---- beginning and end ---- */

static struct dispatch_limits limits_of(struct world *world)
{
    const struct setup *setup = world->setup;
    return (struct dispatch_limits){
        .jobs_max = setup->jobs_max,
        .regions_max = setup->regions_max,
        .workers_max = setup->workers_max,
        .attempts_max = setup->attempts_max,
        .bytes_max = setup->bytes_max,
        .region_bytes_max = setup->region_bytes_max,
        .client_bytes_max = setup->client_bytes_max,
        .untaken_bytes_max = setup->untaken_bytes_max,
        .weights = world->weights,
        .bulk_wait_ticks = setup->bulk_wait_ticks,
        .lease_ticks = setup->lease_ticks,
        .liveness_ticks = setup->liveness_ticks,
        .drain_ticks = setup->drain_ticks,
        .instance = dice_next(&world->dice) | 1,
        .secret = dice_next(&world->dice),
        .body_equal = same_body,
    };
}

void broker_init(struct world *world, struct broker_node *self, uint32_t number)
{
    node_init(&self->node, "broker", number);
    fairness_init(world, &self->fairness);
    self->tickets = calloc(world->setup->jobs_max, sizeof *self->tickets);
    if (self->tickets == NULL)
        abort();
    self->dispatch = NULL;
    self->bodies = 0;
    self->busy_ns = 0;
}

size_t broker_tables_size(struct world *world)
{
    const struct dispatch_limits limits = limits_of(world);
    const struct mallinfo2 before = mallinfo2();
    struct dispatch *dispatch = dispatch_new(&limits);
    const struct mallinfo2 after = mallinfo2();
    dispatch_free(dispatch);
    return after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
}

void broker_start(struct world *world, struct broker_node *self)
{
    const struct dispatch_limits limits = limits_of(world);
    node_begin(&self->node);
    self->dispatch = dispatch_new(&limits);
    if (self->dispatch == NULL)
        abort();
    self->draining = false;
    self->wake_us = UINT64_MAX;
    world_trace(world, &self->node.name, "starts", NULL);
    node_timer(world, &self->node, world_now_us(world) + dice_roll(&world->dice, TICK_US),
               tick, self);
}

/* What it held is gone; the dispatcher wants it back before it is freed, which no longer
 * counts. */
static void free_dispatch(struct world *world, struct broker_node *self)
{
    struct dispatch_action action;
    world_add_counters(world, dispatch_counters(self->dispatch));
    dispatch_drain(self->dispatch);
    for (;;) {
        while (dispatch_next(self->dispatch, &action))
            release(world, self, action.released);
        if (dispatch_is_done(self->dispatch))
            break;
        dispatch_tick(self->dispatch);
    }
    dispatch_free(self->dispatch);
    self->dispatch = NULL;
    fairness_reset(world, &self->fairness);
}

static void start_again(struct world *world, struct event *event)
{
    struct broker_node *self = event->subject;
    if (!self->node.up)
        broker_start(world, self);
}

static void end_process(struct world *world, struct broker_node *self)
{
    node_end(world, &self->node);
    free_dispatch(world, self);
    world_break_broker(world, self);
    agenda_add(world->agenda, world_restart_us(world), start_again, self);
}

void broker_crash(struct world *world, struct broker_node *self)
{
    if (!self->node.up)
        return;
    world_trace(world, &self->node.name, "is killed", NULL);
    end_process(world, self);
}

void broker_drain(struct world *world, struct broker_node *self)
{
    if (!self->node.up || self->draining || node_is_paused(world, &self->node))
        return;
    world_trace(world, &self->node.name, "drains", NULL);
    self->draining = true;
    dispatch_drain(self->dispatch);
    perform_all(world, self);
}

void broker_close(struct world *world, struct broker_node *self)
{
    if (self->dispatch != NULL)
        free_dispatch(world, self);
    check_that(world, self->bodies == 0, "a body was kept");
    fairness_close(&self->fairness);
    free(self->tickets);
}
