/* SPDX-License-Identifier: Apache-2.0 */
/* node_client.c - what the session decides is done here, as client.c does it. */
#include "tests/sim/node_client.h"

#include "client/spool.h"
#include "tests/sim/check.h"
#include "tests/sim/figures.h"
#include "tests/sim/node_broker.h"
#include "tests/sim/world.h"

#include <stdlib.h>
#include <string.h>

enum { DISK_RETRY_US = 1000000 };

static void act(struct world *world, struct client_node *self);

static uint64_t now_ms(const struct world *world)
{
    return world_now_us(world) / 1000;
}

static struct client_node *client_of(struct peer *peer)
{
    return (struct client_node *)(void *)peer; /* its first member */
}

static struct link *link_at(struct world *world, struct client_node *self,
                            uint32_t broker)
{
    return network_link(world->network, &self->peer, broker);
}

static bool has_spool(const struct client_node *self)
{
    return self->spool.disk != NULL;
}

/* ---- a disk that fails ---- */

static void end_of_disk(struct world *world, struct event *event)
{
    struct client_node *self = event->subject;
    if (!node_timer_is_due(world, &self->node, event))
        return;
    self->ill_fated = dice_chance(&world->dice, 500);
    client_crash(world, self, self->spool.powerless);
}

/* client.c ends too: it can promise nothing more. */
static void fail(struct world *world, struct client_node *self)
{
    if (self->failed)
        return;
    world_trace(world, &self->node.name, "cannot use its disk", NULL);
    self->failed = true;
    node_timer(world, &self->node, world_now_us(world), end_of_disk, self);
}

/* ---- the journal ---- */

static void learn(struct world *world, struct client_node *self, uint64_t sequence)
{
    struct batch *batch = &self->batches[sequence];
    const struct answer *answer = &self->entries[sequence].answer;
    if (batch->told.outcome != OUTCOME_NONE) {
        check_that(world, memcmp(&batch->told, answer, sizeof *answer) == 0,
                   "the journal's answer is not what the caller had");
        return;
    }
    batch->told = *answer;
    self->open--;
    world->open--;
    world_learned(world, batch);
}

/* What was written when the sync began is durable now: only now may the store forget it,
 * and then the disk. */
static void synced(struct world *world, struct event *event)
{
    struct client_node *self = event->subject;
    if (!node_timer_is_due(world, &self->node, event))
        return;
    self->syncing = false;
    for (uint64_t i = 1; i <= world->setup->batches; i++)
        if (self->entries[i].kept == KEPT_WRITTEN) {
            self->entries[i].kept = KEPT_SYNCED;
            session_final(self->session, i);
            learn(world, self, i);
        }
    if (has_spool(self) && !client_spool_remove_below(self))
        fail(world, self);
    act(world, self);
}

static void sync_later(struct world *world, struct client_node *self)
{
    if (self->syncing)
        return;
    self->syncing = true;
    node_timer(world, &self->node,
               world_now_us(world) + dice_wait(&world->dice, world->setup->sync_us),
               synced, self);
}

static void keep(struct world *world, struct client_node *self, uint64_t sequence,
                 const struct answer *answer)
{
    struct entry *entry = &self->entries[sequence];
    check_that(world, entry->kept == KEPT_NOT, "an answer is taken twice");
    entry->answer = *answer;
    entry->kept = KEPT_WRITTEN;
    sync_later(world, self);
}

/* Any of what the disk had not been told to keep. */
static void lose_unsynced(struct world *world, struct client_node *self)
{
    for (uint64_t i = 1; i <= world->setup->batches; i++)
        if (self->entries[i].kept == KEPT_WRITTEN && dice_chance(&world->dice, 500))
            self->entries[i].kept = KEPT_NOT;
}

/* ---- what arrives ---- */

static void take_reply(struct world *world, struct client_node *self,
                       const struct message *message, enum outcome instead)
{
    uint64_t sequence = message->header.key.sequence;
    struct answer answer = message->answer;
    if (instead != OUTCOME_NONE)
        answer = (struct answer){.outcome = instead};
    bool open = self->entries[sequence].kept == KEPT_NOT;
    check_answer(world, &self->batches[sequence], &answer, open);
    if (session_reply(self->session, sequence) == STATUS_OK)
        keep(world, self, sequence, &answer);
}

static void take_description(struct client_node *self, const struct message *message)
{
    uint64_t sequence = message->header.key.sequence;
    if (session_reply(self->session, sequence) != STATUS_OK)
        return;
    session_final(self->session, sequence);
    self->question.sequence = 0;
}

static void take_reject(struct world *world, struct client_node *self,
                        const struct message *message)
{
    if (message->header.key.sequence >= SESSION_ASIDE)
        take_description(self, message);
    else
        take_reply(world, self, message, OUTCOME_REFUSED);
}

static void take_charged(struct world *world, struct client_node *self,
                         const struct message *message)
{
    uint64_t sequence = message->header.key.sequence;
    if (sequence >= SESSION_ASIDE)
        return;
    struct entry *entry = &self->entries[sequence];
    if (entry->attempt >= message->header.attempt || entry->kept != KEPT_NOT)
        return;
    entry->attempt = message->header.attempt;
    if (has_spool(self) && !client_spool_charge(self, sequence))
        fail(world, self);
}

static void take_pong(struct world *world, struct client_node *self, uint32_t peer,
                      const struct message *message)
{
    const struct session_load load = {.connection = message->connection,
                                      .held = message->held,
                                      .workerless = message->workerless};
    session_pong(self->session, peer, message->header.ticket, &load, now_ms(world));
}

static void take(struct world *world, struct client_node *self, uint32_t peer,
                 const struct message *message)
{
    uint64_t sequence = message->header.key.sequence;
    switch ((int)message->header.type) {
    case MESSAGE_REPLY:
        take_reply(world, self, message, OUTCOME_NONE);
        break;
    case MESSAGE_DESCRIPTION:
        take_description(self, message);
        break;
    case MESSAGE_BUSY:
        session_busy(self->session, peer, sequence, message->retry_after_ms,
                     now_ms(world));
        break;
    case MESSAGE_EXPIRED:
        session_expired(self->session, peer, sequence, now_ms(world));
        break;
    case MESSAGE_REJECT:
        take_reject(world, self, message);
        break;
    case MESSAGE_CHARGED:
        take_charged(world, self, message);
        break;
    case MESSAGE_PONG:
        take_pong(world, self, peer, message);
        break;
    case MESSAGE_DRAIN:
        session_drain(self->session, peer, now_ms(world));
        break;
    default:
        check_fail(world, "a message that no client understands");
    }
}

static void receive(struct world *world, struct peer *peer, struct link *link,
                    struct message *message)
{
    struct client_node *self = client_of(peer);
    world_trace_message(world, &peer->name, "receives", &link->broker->node.name,
                        message);
    if (message->header.type == MESSAGE_REPLY ||
        message->header.type == MESSAGE_DESCRIPTION)
        self->taken[link->number] += message->answer_size;
    if (link->wanted && !self->failed) {
        take(world, self, link->number, message);
        act(world, self);
    }
    message_give_back(&world->messages, message);
}

static void lost(struct world *world, struct peer *peer, struct link *link)
{
    struct client_node *self = client_of(peer);
    self->taken[link->number] = 0;
    if (!link->wanted || self->session == NULL || self->failed)
        return;
    world_trace(world, &peer->name, "sees the end of", &link->broker->node.name);
    session_lost(self->session, link->number, now_ms(world));
    act(world, self);
}

/* ---- what the session wants ---- */

static void fill_header(struct world *world, struct client_node *self,
                        struct header *header, const struct batch *batch,
                        uint64_t sequence)
{
    uint32_t number = self->node.name.number;
    bool counts = header->type == MESSAGE_SCORE && !self->what_if;
    memcpy(header->key.client, &number, sizeof number);
    header->key.sequence = sequence;
    header->flags = self->what_if ? HEADER_WHAT_IF : 0;
    header->priority = batch->interactive;
    header->deadline_ms = batch->deadline_ms;
    header->as_of = batch->period;
    header->acked_below = counts ? session_acked_below(self->session) : 0;
    if (!batch->describe)
        header->attempt = self->entries[sequence].attempt;
    snprintf(header->region, sizeof header->region, "%s",
             world_region_name(world, batch->region));
}

static void send_batch(struct world *world, struct client_node *self, uint32_t peer,
                       uint64_t sequence)
{
    bool describes = sequence >= SESSION_ASIDE;
    struct batch *batch = describes ? &self->question : &self->batches[sequence];
    struct message *message =
        message_take(&world->messages, describes ? MESSAGE_DESCRIBE : MESSAGE_SCORE);
    fill_header(world, self, &message->header, batch, sequence);
    message->batch = batch;
    message->header.ticket = self->taken[peer];
    figures_sent(world->figures, batch);
    batch->asked |= (uint64_t)1 << peer;
    struct link *link = link_at(world, self, peer);
    world_trace_message(world, &self->peer.name, "sends", &link->broker->node.name,
                        message);
    if (!network_send(world, link, message))
        session_unsent(self->session, peer, sequence, now_ms(world));
}

static void send_ping(struct world *world, struct client_node *self, uint32_t peer)
{
    struct message *message = message_take(&world->messages, MESSAGE_PING);
    uint32_t number = self->node.name.number;
    memcpy(message->header.key.client, &number, sizeof number);
    message->header.ticket = self->taken[peer];
    if (!network_send(world, link_at(world, self, peer), message))
        session_unpinged(self->session, peer, now_ms(world));
}

static void give_up(struct world *world, struct client_node *self, uint64_t sequence)
{
    struct entry *entry = &self->entries[sequence];
    check_that(world, self->what_if, "a batch that counts was given up");
    entry->answer = (struct answer){.outcome = OUTCOME_EXPIRED};
    entry->kept = KEPT_SYNCED;
    check_answer(world, &self->batches[sequence], &entry->answer, true);
    learn(world, self, sequence);
}

/* 0: there is none. */
static uint64_t next_input(const struct world *world, const struct client_node *self)
{
    uint64_t next =
        has_spool(self) ? self->spool.accepted + 1 : session_next_sequence(self->session);
    return next <= world->setup->batches ? next : 0;
}

static bool has_input(const struct world *world, const struct client_node *self)
{
    uint64_t next = next_input(world, self);
    return next != 0 && self->batches[next].available_us <= world_now_us(world);
}

static bool keep_next(struct world *world, struct client_node *self)
{
    if (!has_spool(self) || world_now_us(world) < self->retry_us ||
        !has_input(world, self))
        return false;
    enum status status = client_spool_keep(world, self);
    if (status == STATUS_IO)
        fail(world, self);
    if (status == STATUS_FULL)
        self->retry_us = world_now_us(world) + DISK_RETRY_US;
    return status == STATUS_OK;
}

/* What can be submitted: from the spool, or from the input. */
static bool is_there(const struct world *world, const struct client_node *self,
                     uint64_t sequence)
{
    return has_spool(self) ? sequence <= self->spool.accepted : has_input(world, self);
}

static bool submit(struct world *world, struct client_node *self, uint64_t next)
{
    const struct batch *batch = &self->batches[next];
    uint64_t sequence;
    uint64_t expires_ms =
        self->what_if && batch->deadline_ms != 0 ? now_ms(world) + batch->deadline_ms : 0;
    if (session_submit(self->session, expires_ms, &sequence) != STATUS_OK)
        return false;
    check_that(world, sequence == next, "another sequence than was promised");
    if (has_spool(self) && !client_spool_load(world, self, sequence))
        fail(world, self);
    return !self->failed;
}

static bool submit_next(struct world *world, struct client_node *self)
{
    uint64_t next = session_next_sequence(self->session);
    if (next > world->setup->batches)
        return false;
    if (self->entries[next].kept != KEPT_NOT) {
        session_skip(self->session);
        return true;
    }
    return is_there(world, self, next) && submit(world, self, next);
}

static void wake(struct world *world, struct event *event)
{
    struct client_node *self = event->subject;
    if (!node_timer_is_due(world, &self->node, event))
        return;
    if (world_now_us(world) >= self->wake_us)
        self->wake_us = UINT64_MAX;
    act(world, self);
}

static void set_wake(struct world *world, struct client_node *self, uint64_t at_us)
{
    if (at_us >= self->wake_us)
        return;
    self->wake_us = at_us;
    node_timer(world, &self->node, at_us, wake, self);
}

static void do_step(struct world *world, struct client_node *self,
                    const struct session_step *step)
{
    if (step->action == SESSION_SEND)
        send_batch(world, self, step->peer, step->sequence);
    else if (step->action == SESSION_PING)
        send_ping(world, self, step->peer);
    else if (step->action == SESSION_GIVEN_UP)
        give_up(world, self, step->sequence);
    else
        world_trace_value(world, &self->peer.name, "notices", "what", step->action);
}

static void set_alarms(struct world *world, struct client_node *self)
{
    uint64_t deadline_ms = session_deadline_ms(self->session);
    uint64_t next = next_input(world, self);
    if (deadline_ms != UINT64_MAX)
        set_wake(world, self, deadline_ms * 1000);
    if (next != 0 && self->batches[next].available_us > world_now_us(world))
        set_wake(world, self, self->batches[next].available_us);
    if (self->retry_us > world_now_us(world))
        set_wake(world, self, self->retry_us);
}

static void take_in(struct world *world, struct client_node *self)
{
    while (!self->failed && keep_next(world, self))
        ;
    while (!self->failed && submit_next(world, self))
        ;
}

static void act(struct world *world, struct client_node *self)
{
    struct session_step step;
    take_in(world, self);
    if (self->failed)
        return;
    while ((step = session_next(self->session, now_ms(world))).action != SESSION_NOTHING)
        do_step(world, self, &step);
    set_alarms(world, self);
}

/* ---- the process ---- */

static void draw_batch(struct world *world, struct client_node *self, uint64_t sequence,
                       uint64_t available_us)
{
    const struct setup *setup = world->setup;
    struct dice *dice = &world->dice;
    struct batch *batch = &self->batches[sequence];
    batch->client = self->node.name.number;
    batch->sequence = sequence;
    batch->region = setup->steady ? batch->client : dice_roll(dice, setup->regions);
    batch->rows = setup->steady ? setup->rows_max : dice_scaled(dice, 1, setup->rows_max);
    batch->size = dice_between(dice, setup->body_size_min, setup->body_size_max);
    batch->period = (int32_t)dice_roll(dice, 2);
    batch->available_us = available_us;
    batch->deadline_ms = dice_chance(dice, setup->deadline) ? setup->deadline_ms : 0;
    batch->what_if = self->what_if;
    batch->interactive = dice_chance(dice, setup->interactive);
    batch->poison = dice_chance(dice, setup->poison);
    batch->invalid = !batch->poison && dice_chance(dice, setup->invalid);
}

static void draw_input(struct world *world, struct client_node *self)
{
    const struct setup *setup = world->setup;
    uint64_t available_us = 0;
    uint64_t offset_us =
        setup->steady ? dice_roll(&world->dice, (uint32_t)setup->submit_us) : 0;
    self->what_if = dice_chance(&world->dice, setup->what_if);
    for (uint64_t i = 1; i <= setup->batches; i++) {
        if (setup->steady)
            available_us = (i - 1) * setup->submit_us + offset_us;
        else
            available_us += dice_wait(&world->dice, setup->submit_us);
        draw_batch(world, self, i, available_us);
    }
    self->open = setup->batches;
    world->open += setup->batches;
}

void client_init(struct world *world, struct client_node *self, uint32_t number)
{
    const struct setup *setup = world->setup;
    node_init(&self->node, "client", number);
    self->peer = (struct peer){
        .node = &self->node,
        .name = self->node.name,
        .index = setup->workers * setup->threads + number,
        .receive = receive,
        .lost = lost,
    };
    self->batches = calloc(setup->batches + 1, sizeof *self->batches);
    self->entries = calloc(setup->batches + 1, sizeof *self->entries);
    self->taken = calloc(setup->brokers, sizeof *self->taken);
    if (self->batches == NULL || self->entries == NULL || self->taken == NULL)
        abort();
    self->question =
        (struct batch){.client = number, .rows = 1, .size = 100, .describe = true};
    draw_input(world, self);
    if (setup->spool > 0 && !self->what_if && dice_chance(&world->dice, setup->spool))
        client_spool_init(&self->spool, dice_next(&world->dice));
}

static void end_process(struct client_node *self)
{
    session_free(self->session);
    self->session = NULL;
}

void client_close(struct client_node *self)
{
    end_process(self);
    client_spool_close(&self->spool);
    free(self->batches);
    free(self->entries);
    free(self->taken);
}

static void open_session(struct world *world, struct client_node *self)
{
    const struct setup *setup = world->setup;
    const struct session_limits limits = {
        .window = setup->client_window,
        .span_max = 4 * setup->client_window,
        .resend_ms = setup->resend_ms,
        .ping_ms = setup->ping_ms,
        .silence_ms = setup->silence_ms,
        .drain_ms = setup->hold_ms,
        .seed = dice_next(&world->dice),
    };
    self->session = session_new(&limits, now_ms(world));
    if (self->session == NULL)
        abort();
    for (uint32_t i = 0; i < setup->brokers; i++)
        if (link_at(world, self, i)->wanted)
            session_peer_add(self->session, i, now_ms(world));
}

/* Answers that are in the journal are given to the caller again. */
static void replay(struct world *world, struct client_node *self)
{
    for (uint64_t i = 1; i <= world->setup->batches; i++)
        if (self->entries[i].kept != KEPT_NOT) {
            self->entries[i].kept = KEPT_SYNCED;
            learn(world, self, i);
        }
}

void client_start(struct world *world, struct client_node *self)
{
    node_begin(&self->node);
    self->wake_us = UINT64_MAX;
    self->retry_us = 0;
    self->syncing = self->failed = false;
    for (uint64_t i = 1; i <= world->setup->batches; i++)
        self->entries[i].attempt = 0;
    memset(self->taken, 0, world->setup->brokers * sizeof *self->taken);
    world_trace(world, &self->node.name, "starts", NULL);
    replay(world, self);
    if (has_spool(self) && !client_spool_open(world, self)) {
        fail(world, self);
        return;
    }
    /* What it found may not have been synced by whom was killed. */
    if (self->ill_fated && !world->calm)
        client_doom(world, self, dice_scaled(&world->dice, 1, 4) - 1, true);
    self->ill_fated = false;
    open_session(world, self);
    network_open(world, &self->peer);
    if (dice_chance(&world->dice, world->setup->describe))
        self->question.sequence = session_aside(self->session);
    act(world, self);
}

static void start_again(struct world *world, struct event *event)
{
    struct client_node *self = event->subject;
    if (!self->node.up)
        client_start(world, self);
}

void client_crash(struct world *world, struct client_node *self, bool power_cut)
{
    if (!self->node.up)
        return;
    world_trace(world, &self->node.name, power_cut ? "loses power" : "is killed", NULL);
    node_end(world, &self->node);
    for (uint32_t i = 0; i < world->setup->brokers; i++)
        network_hang_up(world, link_at(world, self, i), dice_chance(&world->dice, 500));
    end_process(self);
    if (has_spool(self))
        client_spool_end(&self->spool, power_cut);
    if (power_cut)
        lose_unsynced(world, self);
    agenda_add(world->agenda, world_restart_us(world), start_again, self);
}

void client_doom(struct world *world, struct client_node *self, uint32_t steps,
                 bool power_cut)
{
    if (!self->node.up || !has_spool(self))
        return;
    world_trace_value(world, &self->node.name,
                      power_cut ? "will lose power" : "will be killed", "steps", steps);
    client_spool_doom(&self->spool, steps, power_cut);
}

void client_disturb_disk(struct world *world, struct client_node *self, uint32_t steps,
                         enum status status)
{
    if (!has_spool(self))
        return;
    world_trace_value(world, &self->node.name, "will find its disk full", "steps", steps);
    client_spool_disturb(&self->spool, steps, status);
}

void client_spare(struct client_node *self)
{
    if (has_spool(self))
        client_spool_spare(&self->spool);
}

void client_check_end(struct world *world, const struct client_node *self)
{
    if (self->spool.spool != NULL)
        check_that(world, spool_count(self->spool.spool) == 0,
                   "the spool keeps a batch whose answer is known");
}

static void want(struct world *world, struct client_node *self, struct link *link,
                 bool wanted)
{
    if (link->wanted == wanted)
        return;
    world_trace(world, &self->peer.name, wanted ? "learns of" : "forgets",
                &link->broker->node.name);
    network_want(world, link, wanted);
    if (self->session == NULL || self->failed)
        return;
    if (wanted)
        session_peer_add(self->session, link->number, now_ms(world));
    else
        session_peer_remove(self->session, link->number);
    act(world, self);
}

static void remember(struct world *world, struct event *event)
{
    struct link *link = event->subject;
    want(world, client_of(link->peer), link, true);
}

void client_forget(struct world *world, struct client_node *self, uint32_t broker,
                   uint64_t for_us)
{
    struct link *link = link_at(world, self, broker);
    if (!self->node.up || node_is_paused(world, &self->node) || !link->wanted)
        return;
    want(world, self, link, false);
    agenda_add(world->agenda, world_now_us(world) + for_us, remember, link);
}

void client_remember(struct world *world, struct client_node *self)
{
    for (uint32_t i = 0; i < world->setup->brokers; i++)
        want(world, self, link_at(world, self, i), true);
}
