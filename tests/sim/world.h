/* SPDX-License-Identifier: Apache-2.0 */
/* world.h - one run: the cluster, its clock, and all that has happened to it. */

#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "broker/counters.h"
#include "broker/weights.h"
#include "tests/sim/agenda.h"
#include "tests/sim/message.h"
#include "tests/sim/network.h"
#include "tests/sim/setup.h"
#include "tests/sim/store_model.h"
#include "tests/sim/trace.h"

struct broker_node;
struct worker_node;
struct client_node;
struct figures;

struct world {
    const struct setup *setup;
    struct dice dice;
    struct agenda *agenda;
    struct trace *trace;
    struct messages messages;
    struct network *network;
    struct store_model *store;
    struct broker_node *brokers;
    struct worker_node *workers;
    struct client_node *clients;
    char (*regions)[HEADER_REGION_MAX + 1];
    struct weights weights;
    struct figures *figures; /* NULL: nobody measures */
    bool calm;               /* nothing goes wrong any more */
    bool reported;           /* a failure was */
    uint64_t open;           /* batches whose clients do not know their outcome */

    /* what there was, for people and for tests that want to see it */
    uint64_t events, outcomes[OUTCOME_DESCRIBED + 1], deaths;
    uint64_t faults[FAULT_COUNT];
    uint64_t spooled, found_again; /* batches put into spools, and there after a crash */
    uint64_t joined;               /* batches that were begun together with another */
    struct counters counters;      /* of all brokers that ended */
};

/* The setup is borrowed. */
struct world *world_new(const struct setup *setup);
/* Ends all its nodes, so that what they have counted is counted. */
void world_close(struct world *self);
void world_free(struct world *self);

/* Chaos, then calm until everything has come to its end; fails where it does not. */
void world_run(struct world *self);

uint64_t world_now_us(const struct world *self);
struct batch *world_batch(struct world *self, uint32_t client, uint64_t sequence);
/* NULL: the key is no batch's. */
struct batch *world_batch_of(struct world *self, const struct batch_key *key);
const char *world_region_name(const struct world *self, uint32_t region);
uint32_t world_region_number(const char *name);

/* When a process that ends now is there again. */
uint64_t world_restart_us(struct world *self);

void world_happen(struct world *self, struct event *event);
void world_drop_event(struct world *self, struct event *event);

/* ---- what happens, told by whom it happens to ---- */

void world_learned(struct world *self, const struct batch *batch);
void world_break_broker(struct world *self, const struct broker_node *broker);
void world_add_counters(struct world *self, const struct counters *counters);

void world_trace(struct world *self, const struct trace_name *who, const char *what,
                 const struct trace_name *whom);
void world_trace_value(struct world *self, const struct trace_name *who, const char *what,
                       const char *value_name, uint64_t value);
void world_trace_batch(struct world *self, const struct trace_name *who, const char *what,
                       const struct trace_name *whom, const struct batch *batch);
void world_trace_message(struct world *self, const struct trace_name *who,
                         const char *what, const struct trace_name *whom,
                         const struct message *message);

#endif
