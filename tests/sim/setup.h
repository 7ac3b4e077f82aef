/* SPDX-License-Identifier: Apache-2.0 */
/* setup.h - how large a world is, how quick its parts and how often it goes wrong. A seed
 * draws it; a scenario file says it (scenario.h). */

#ifndef SIM_SETUP_H
#define SIM_SETUP_H

#include "tests/sim/dice.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Everything that is done to a world. A new fault is a row here and a function in
 * faults.c. */
#define FAULT_LIST(X)                                                                    \
    X(kill_worker)                                                                       \
    X(pause_worker)                                                                      \
    X(slow_worker)                                                                       \
    X(drain_worker)                                                                      \
    X(kill_broker)                                                                       \
    X(pause_broker)                                                                      \
    X(drain_broker)                                                                      \
    X(kill_client)                                                                       \
    X(power_cut)                                                                         \
    X(pause_client)                                                                      \
    X(forget_broker)                                                                     \
    X(reset)                                                                             \
    X(half_open)                                                                         \
    X(partition)                                                                         \
    X(isolate_broker)                                                                    \
    X(store_away)                                                                        \
    X(promote)                                                                           \
    X(disk_fault)

enum { CLASSES_MAX = 8 };

enum fault {
#define FAULT_ENUM(name) FAULT_##name,
    FAULT_LIST(FAULT_ENUM)
#undef FAULT_ENUM
        FAULT_COUNT
};

struct setup {
    uint64_t seed;

    /* the cluster */
    uint32_t brokers, workers, threads; /* threads of each worker */
    uint32_t clients, regions, promotions_max;
    uint32_t class_count, class_weights[CLASSES_MAX]; /* of regions, round and round */
    /* As a scenario has it: each client a region of its own, all batches alike and at
     * even distances, a pause of restart_us exactly. */
    bool steady;

    /* the clients' work */
    uint32_t batches; /* of each client */
    uint32_t body_size_min, body_size_max;
    uint32_t rows_max;
    uint64_t submit_us; /* mean time between two batches of a client */
    uint32_t client_window;
    uint32_t what_if;     /* per mille of the clients; the next are of batches */
    uint32_t interactive; /* per mille */
    uint32_t deadline, deadline_ms;
    uint32_t poison, invalid;
    uint32_t mute;     /* per mille of those who die of poison: nobody hears their last words,
                        * in a world without other faults; 0: a world as any */
    uint32_t describe; /* per mille of the clients ask what the models read */
    uint32_t spool;    /* per mille of the clients that count have one */
    uint64_t spool_bytes;

    /* limits of brokers, sessions and workers */
    uint32_t jobs_max, regions_max, workers_max, attempts_max;
    uint64_t bytes_max, region_bytes_max, client_bytes_max, untaken_bytes_max;
    uint32_t lease_ticks, liveness_ticks, drain_ticks, bulk_wait_ticks;
    uint64_t resend_ms, ping_ms, silence_ms, hold_ms;
    uint32_t worker_window, wait_ms;
    uint64_t window_bytes;
    uint32_t together, together_size; /* small batches of one pass; what is small */
    uint32_t answer_row_size;         /* bytes of an answer for each record */

    /* how long things take, in microseconds */
    uint64_t link_us, link_jitter_us; /* on the way */
    uint64_t front_ns; /* a broker with a message that arrives; 0: no time at all */
    uint64_t begin_us, begin_each_us, row_ns; /* a worker with a pass, each batch of it,
                                               * and each record */
    uint64_t commit_us, commit_each_us;
    uint64_t sync_us;    /* a client's disk */
    uint64_t restart_us; /* until a process that died is there again */
    uint64_t reload_us;  /* until a worker sees a promotion */

    /* what goes wrong */
    uint64_t chaos_us; /* for so long; then all is well, and has to come to its end */
    uint64_t calm_us_max;
    uint64_t fault_us; /* mean time between two faults; 0: none */
    uint32_t weights[FAULT_COUNT], weight_sum;
    uint32_t drop, twice, reorder; /* per mille of messages: not as TCP does */

    bool checks; /* every invariant after every step */
};

/* What this seed stands for. */
void setup_draw(struct setup *self, uint64_t seed);

/* Nothing but poison goes wrong here, and what it kills is heard to the last: the sharpest
 * invariants hold. */
bool setup_is_peaceful(const struct setup *self);
/* Nothing but connections that break and are made anew. */
bool setup_is_flapping(const struct setup *self);
/* Messages of a connection arrive in order, once, or not at all after it broke. */
bool setup_is_orderly(const struct setup *self);

/* A line or two for people. */
void setup_print(const struct setup *self, FILE *out);

const char *fault_name(enum fault fault);

#endif
