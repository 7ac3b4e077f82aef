/* SPDX-License-Identifier: Apache-2.0 */
/* broker_report.h - the broker beside zmq_proxy, for people and for programs. */

#ifndef BENCH_BROKER_REPORT_H
#define BENCH_BROKER_REPORT_H

#include "bench/broker_measure.h"
#include "bench/stats.h"

#include <stdio.h>

enum { BROKER_RUNS_MAX = 99, BROKER_ROWS_MAX = 32 };

/* What one subject gave in one case. */
struct broker_row {
    const char *measure; /* "cpu", "latency", "flood" */
    const char *subject;
    size_t size;           /* of a body */
    double condition, aim; /* of the ratio, at most; 0: none */
    struct measured runs[BROKER_RUNS_MAX];
    size_t beside; /* the row of the broker that its ratio is with */
};

struct broker_report {
    size_t runs;
    double seconds;
    uint32_t clients, workers, outstanding, window;
    uint64_t window_bytes;
    size_t beat_above; /* bytes; SIZE_MAX: before no body */
    uint64_t budget;   /* bytes of batches that the broker may hold */
    struct broker_row rows[BROKER_ROWS_MAX];
    size_t count;
};

/* Of the broker to row `which`, run by run: of CPU per message, of p50, or of memory to
 * the budget. */
struct stats broker_report_ratio(const struct broker_report *self, size_t which);

void broker_report_table(const struct broker_report *self, FILE *file);
void broker_report_json(const struct broker_report *self, FILE *file);

#endif
