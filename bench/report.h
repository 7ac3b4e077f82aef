/* SPDX-License-Identifier: Apache-2.0 */
/* report.h - what was measured, for people (a table) and for programs (JSON). */

#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench/stats.h"

#include <stdint.h>
#include <stdio.h>

enum { REPORT_RUNS_MAX = 100, REPORT_PROCESSES_MAX = 96 };

struct report_run {
    double seconds, records_per_s;
    double p50_ms, p95_ms, p99_ms; /* of the batches' latencies */
};

struct report_process {
    char name[40];        /* "chw-worker 1" */
    double us_per_record; /* of CPU, over all runs */
};

struct report {
    const char *store; /* "sqlite" or "redis": never the address */
    const char *estimator, *version;
    uint64_t records, batch, workers, threads, window, seed;
    int what_if;
    struct report_run runs[REPORT_RUNS_MAX];
    size_t run_count;
    struct report_process processes[REPORT_PROCESSES_MAX];
    size_t process_count;
    double kernel_per_s, worker_per_s; /* records, alone, one thread */
};

void report_table(const struct report *self, FILE *file);
void report_json(const struct report *self, FILE *file);

/* Of the runs' records/s. */
struct stats report_throughput(const struct report *self);

#endif
