/* SPDX-License-Identifier: Apache-2.0 */
/* meters.h - what the scoring threads count, as Prometheus metrics.
 *
 * A thread counts in numbers of its own and adds what is new with each heartbeat; a batch
 * costs a few relaxed additions and no lock. */

#ifndef WORKER_METERS_H
#define WORKER_METERS_H

#include "metrics/metrics.h"

#include <stdatomic.h>
#include <stdbool.h>

/* A new counter is a row here. */
#define LOOP_COUNTER_LIST(X)                                                             \
    X(batches, "batches answered COUNTED")                                               \
    X(records, "records in them")                                                        \
    X(invalid, "batches answered INVALID or DEAD")                                       \
    X(what_if, "batches answered SCORED, which count for nothing")                       \
    X(duplicates, "batches that had been settled before")                                \
    X(expired, "batches whose deadline passed before they were begun")                   \
    X(returned, "batches given back to the broker")                                      \
    X(malformed, "frames that could not be used, dropped")                               \
    X(unsent, "frames for which there was no broker")

struct loop_counters {
#define LOOP_COUNTER_FIELD(name, help) uint64_t name;
    LOOP_COUNTER_LIST(LOOP_COUNTER_FIELD)
#undef LOOP_COUNTER_FIELD
};

struct meters {
    struct metrics *metrics;
#define LOOP_COUNTER_METRIC(name, help) struct metric *name;
    LOOP_COUNTER_LIST(LOOP_COUNTER_METRIC)
#undef LOOP_COUNTER_METRIC
    struct metric *scoring, *settlement;                /* seconds */
    struct metric *threads, *links, *generation, *away; /* gauges, set when asked for */
    struct metric *setbacks;                            /* as these */
    atomic_uint connections; /* on which the last heartbeat left */
    atomic_uint connected;   /* threads that have one */
};

/* STATUS_NOMEM: out of memory; close it all the same. */
MUST_CHECK enum status meters_open(struct meters *self);
void meters_close(struct meters *self);

/* Adds what `now` has more than `before`, and makes them equal. */
void meters_add(struct meters *self, const struct loop_counters *now,
                struct loop_counters *before);

#endif
