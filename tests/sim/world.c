/* SPDX-License-Identifier: Apache-2.0 */
/* world.c - begins, runs and ends a world. */
#include "tests/sim/world.h"

#include "tests/sim/check.h"
#include "tests/sim/faults.h"
#include "tests/sim/figures.h"
#include "tests/sim/node_broker.h"
#include "tests/sim/node_client.h"
#include "tests/sim/node_worker.h"

#include <stdlib.h>
#include <string.h>

enum { EVENTS_MAX = 1 << 16, EVENTS_PER_LINK = 4, START_SPREAD_US = 1000000 };

uint64_t world_now_us(const struct world *self)
{
    return agenda_now_us(self->agenda);
}

struct batch *world_batch(struct world *self, uint32_t client, uint64_t sequence)
{
    return &self->clients[client].batches[sequence];
}

struct batch *world_batch_of(struct world *self, const struct batch_key *key)
{
    uint32_t client;
    memcpy(&client, key->client, sizeof client);
    if (key->sequence == 0)
        return NULL;
    return key->sequence >= SESSION_ASIDE ? &self->clients[client].question
                                          : world_batch(self, client, key->sequence);
}

uint64_t world_restart_us(struct world *self)
{
    uint64_t pause_us = self->setup->restart_us;
    if (!self->setup->steady)
        pause_us = dice_wait(&self->dice, pause_us);
    return world_now_us(self) + pause_us;
}

/* ---- regions ---- */

static void *table_of(size_t count, size_t size)
{
    void *table = calloc(count, size);
    if (table == NULL)
        abort();
    return table;
}

/* A class of regions is those under a path of one letter. */
static void name_regions(struct world *self)
{
    const struct setup *setup = self->setup;
    uint32_t classes = setup->class_count == 0 ? 1 : setup->class_count;
    self->regions = table_of(setup->regions, sizeof *self->regions);
    for (uint32_t i = 0; i < setup->regions; i++)
        snprintf(self->regions[i], sizeof self->regions[i], "%c/%u",
                 (int)('A' + i % classes), i);
}

static void weigh_regions(struct world *self)
{
    const struct setup *setup = self->setup;
    self->weights.items = table_of(CLASSES_MAX, sizeof *self->weights.items);
    self->weights.count = setup->class_count;
    for (uint32_t i = 0; i < setup->class_count; i++)
        self->weights.items[i] =
            (struct weight){{(char)('A' + i)}, setup->class_weights[i]};
}

const char *world_region_name(const struct world *self, uint32_t region)
{
    return self->regions[region];
}

uint32_t world_region_number(const char *name)
{
    return (uint32_t)strtoul(name + 2, NULL, 10);
}

/* ---- events ---- */

void world_drop_event(struct world *self, struct event *event)
{
    message_give_back(&self->messages, event->message);
    event->message = NULL;
    agenda_release(self->agenda, event);
}

/* Whoever it happens to may have put it off. */
void world_happen(struct world *self, struct event *event)
{
    self->events++;
    event->happen(self, event);
    if (list_empty(&event->link) && event->due.place == 0)
        world_drop_event(self, event);
}

/* ---- traces ---- */

static struct trace_name named(const struct trace_name *name)
{
    return name == NULL ? (struct trace_name){NULL, 0} : *name;
}

static void add_line(struct world *self, struct trace_line line)
{
    line.at_us = world_now_us(self);
    trace_add(self->trace, &line);
}

void world_trace(struct world *self, const struct trace_name *who, const char *what,
                 const struct trace_name *whom)
{
    add_line(self,
             (struct trace_line){.who = named(who), .what = what, .whom = named(whom)});
}

void world_trace_value(struct world *self, const struct trace_name *who, const char *what,
                       const char *value_name, uint64_t value)
{
    add_line(self, (struct trace_line){.who = named(who),
                                       .what = what,
                                       .value_name = value_name,
                                       .value = value});
}

void world_trace_batch(struct world *self, const struct trace_name *who, const char *what,
                       const struct trace_name *whom, const struct batch *batch)
{
    struct trace_line line = {.who = named(who), .what = what, .whom = named(whom)};
    if (batch != NULL) {
        line.client = batch->client;
        line.sequence = batch->sequence;
    }
    add_line(self, line);
}

void world_trace_message(struct world *self, const struct trace_name *who,
                         const char *what, const struct trace_name *whom,
                         const struct message *message)
{
    struct trace_line line = {.who = named(who), .what = what, .whom = named(whom)};
    if (message->batch != NULL) {
        line.client = message->batch->client;
        line.sequence = message->batch->sequence;
    }
    line.message = message_name(message->header.type);
    line.value = message->header.attempt;
    line.value_name = line.value != 0 ? "attempt" : NULL;
    if (message->header.type == MESSAGE_HEARTBEAT) {
        line.value = message->news->named_count > 0 ? message->news->named[0] : 0;
        line.value_name = "scoring";
    }
    add_line(self, line);
}

/* ---- the end of things ---- */

void world_learned(struct world *self, const struct batch *batch)
{
    self->outcomes[batch->told.outcome]++;
    figures_learned(self->figures, batch);
    self->deaths += batch->deaths;
}

void world_break_broker(struct world *self, const struct broker_node *broker)
{
    for (uint32_t i = 0; i < network_link_count(self->network); i++) {
        struct link *link = network_at(self->network, i);
        if (link->broker == broker)
            network_break(self, link, 0, 0);
    }
}

void world_add_counters(struct world *self, const struct counters *counters)
{
#define COUNTER_ADD(name, help) self->counters.name += counters->name;
    COUNTER_LIST(COUNTER_ADD)
#undef COUNTER_ADD
}

/* ---- beginning and end ---- */

static void join(struct world *self, struct peer *peer)
{
    for (uint32_t i = 0; i < self->setup->brokers; i++)
        network_join(self->network, peer, &self->brokers[i], i);
}

static void make_nodes(struct world *self)
{
    const struct setup *setup = self->setup;
    for (uint32_t i = 0; i < setup->brokers; i++)
        broker_init(self, &self->brokers[i], i);
    for (uint32_t i = 0; i < setup->workers; i++) {
        worker_init(self, &self->workers[i], i);
        for (uint32_t j = 0; j < setup->threads; j++)
            join(self, &self->workers[i].threads[j].peer);
    }
    for (uint32_t i = 0; i < setup->clients; i++) {
        client_init(self, &self->clients[i], i);
        join(self, &self->clients[i].peer);
    }
}

static void start_worker(struct world *self, struct event *event)
{
    worker_start(self, event->subject);
}

static void start_client(struct world *self, struct event *event)
{
    client_start(self, event->subject);
}

/* Many that began together would send what they send periodically together, for ever. */
static void start(struct world *self, event_fn *begin, void *node)
{
    struct event now = {.subject = node};
    if (self->setup->steady)
        agenda_add(self->agenda, dice_roll(&self->dice, START_SPREAD_US), begin, node);
    else
        begin(self, &now);
}

static void start_nodes(struct world *self)
{
    const struct setup *setup = self->setup;
    for (uint32_t i = 0; i < setup->brokers; i++)
        broker_start(self, &self->brokers[i]);
    for (uint32_t i = 0; i < setup->workers; i++)
        start(self, start_worker, &self->workers[i]);
    for (uint32_t i = 0; i < setup->clients; i++)
        start(self, start_client, &self->clients[i]);
}

struct world *world_new(const struct setup *setup)
{
    struct world *self = table_of(1, sizeof *self);
    self->setup = setup;
    dice_init(&self->dice, ~setup->seed);
    uint32_t peers = setup->workers * setup->threads + setup->clients;
    self->agenda = agenda_new(EVENTS_MAX + EVENTS_PER_LINK * peers * setup->brokers);
    self->trace = trace_new();
    messages_init(&self->messages);
    name_regions(self);
    weigh_regions(self);
    self->network = network_new(self, peers, setup->brokers);
    self->store = store_model_new(self);
    self->brokers = table_of(setup->brokers, sizeof *self->brokers);
    self->workers = table_of(setup->workers, sizeof *self->workers);
    self->clients = table_of(setup->clients, sizeof *self->clients);
    make_nodes(self);
    return self;
}

static void drop(void *arg, struct event *event)
{
    world_drop_event(arg, event);
}

void world_close(struct world *self)
{
    for (uint32_t i = 0; i < self->setup->brokers; i++)
        broker_close(self, &self->brokers[i]);
    for (uint32_t i = 0; i < self->setup->workers; i++)
        worker_close(self, &self->workers[i]);
    for (uint32_t i = 0; i < self->setup->clients; i++)
        client_close(&self->clients[i]);
}

void world_free(struct world *self)
{
    agenda_free(self->agenda, drop, self);
    messages_close(&self->messages);
    store_model_free(self->store);
    network_free(self->network);
    trace_free(self->trace);
    free(self->brokers);
    free(self->workers);
    free(self->clients);
    free(self->regions);
    free(self->weights.items);
    free(self);
}

/* ---- the run ---- */

static void run_until(struct world *self, uint64_t until_us)
{
    struct event *event;
    while ((event = agenda_take(self->agenda, until_us)) != NULL)
        world_happen(self, event);
}

static bool is_over(const struct world *self)
{
    if (self->open > 0)
        return false;
    for (uint32_t i = 0; i < self->setup->brokers; i++)
        if (self->brokers[i].bodies > 0)
            return false;
    return true;
}

static void come_to_an_end(struct world *self)
{
    uint64_t limit_us = self->setup->chaos_us + self->setup->calm_us_max;
    struct event *event;
    while (!is_over(self) && (event = agenda_take(self->agenda, limit_us)) != NULL)
        world_happen(self, event);
    check_that(self, self->open == 0, "calm does not bring every batch to its end");
    check_that(self, is_over(self), "a broker keeps a batch for ever");
}

void world_run(struct world *self)
{
    start_nodes(self);
    faults_begin(self);
    run_until(self, self->setup->chaos_us);
    self->calm = true;
    world_trace_value(self, NULL, "calm", "open", self->open);
    faults_end(self);
    come_to_an_end(self);
    check_end(self);
}
