/* SPDX-License-Identifier: Apache-2.0 */
/* report.h - what was measured, for people (a table) and for programs (JSON, CSV). */

#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench/alone.h"
#include "bench/histogram.h"
#include "bench/parts.h"
#include "bench/run.h"
#include "bench/stats.h"

#include <stdint.h>
#include <stdio.h>

enum { REPORT_RUNS_MAX = 100, REPORT_PROCESSES_MAX = 96, REPORT_WATCHED_MAX = 8 };

/* The quantiles that are told, in this order. */
enum { REPORT_QUANTILES = 6 };
struct report_quantile {
    double share;
    const char *name; /* "p99_9" */
    const char *text; /* "p99.9" */
};
extern const struct report_quantile report_quantiles[REPORT_QUANTILES];

struct report_latency {
    double ms[REPORT_QUANTILES], mean_ms, max_ms;
    uint64_t count; /* batches */
};
struct report_latency report_latency(const struct histogram *histogram);

struct report_run {
    double seconds, records_per_s, offered_per_s; /* records */
    struct report_latency latency;
    struct report_latency during, besides; /* where something happened */
    double recovery_ms;
    uint64_t unsent;
};

struct report_process {
    char name[40];        /* "chw-worker 1" */
    double us_per_record; /* of CPU, over all runs */
};

struct report {
    const char *scenario, *loop; /* "server", "open loop, Poisson arrivals" */
    const char *store;           /* "sqlite" or "redis": never the address */
    const char *estimator;
    const char *disturb; /* NULL: nothing */
    bool own;            /* cluster */
    bool referenced;     /* answers were compared with a reference of our own */
    bool settles;        /* the demand was looked at */
    uint64_t records;    /* of all runs */
    uint64_t batch, workers, threads, window, seed, trees, depth;
    bool what_if;
    struct report_run runs[REPORT_RUNS_MAX];
    size_t run_count;
    struct histogram *latencies, *lateness, *during, *besides; /* of all runs */
    uint64_t outcomes[RUN_OUTCOMES];                           /* batches */
    uint64_t unsent;
    struct parts parts;
    struct report_process processes[REPORT_PROCESSES_MAX];
    size_t process_count;
    struct alone alone;
};

void report_table(const struct report *self, FILE *file);
void report_json(const struct report *self, FILE *file);
void report_csv(const struct report *self, FILE *file); /* a line for each run */

/* Of the runs' records/s. */
struct stats report_throughput(const struct report *self);

/* Batches that ended otherwise than scored. */
uint64_t report_errors(const struct report *self);

/* "counted", "dead": NULL: there is no such outcome. */
const char *report_outcome(size_t outcome);

#endif
