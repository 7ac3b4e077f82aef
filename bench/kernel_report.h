/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_report.h - what was compared, for people (a table) and for programs (CSV, JSON).
 */

#ifndef BENCH_KERNEL_REPORT_H
#define BENCH_KERNEL_REPORT_H

#include "bench/kernel_compare.h"

#include <stdio.h>

enum { KERNEL_RESULTS_MAX = 128 };

/* What one model was like; each of the results names its own. */
struct kernel_model_note {
    const char *kernel; /* for large batches */
    char peer[64];      /* with its version */
    double load_ms;
    size_t model_size, kernel_size; /* bytes: as stored; of what its kernels compiled */
    size_t tree_count, leaf_count, input_count;
};

struct kernel_entry {
    struct kernel_result result;
    struct kernel_model_note model;
};

struct kernel_report {
    const struct kernel_table *table, *continuous; /* NULL: no case was of it */
    const char *encoding;
    bool proxies;  /* see kernel_peer_xgboost.h */
    bool cpu_time; /* see kernel_rate.h */
    uint64_t seed;
    size_t runs;
    double seconds;
    struct kernel_entry entries[KERNEL_RESULTS_MAX];
    size_t count;
    char left_out[1024]; /* cases whose peer is not there, and why; else empty */
};

enum kernel_verdict {
    KERNEL_VERDICT_NONE, /* nothing is asked */
    KERNEL_VERDICT_UNEQUAL,
    KERNEL_VERDICT_BELOW,
    KERNEL_VERDICT_CONDITION, /* reached */
    KERNEL_VERDICT_AIM,       /* reached, too */
};

/* By the median of the ratios. */
enum kernel_verdict kernel_verdict(const struct kernel_result *result);

void kernel_report_table(const struct kernel_report *self, FILE *file);
void kernel_report_csv(const struct kernel_report *self, FILE *file);
void kernel_report_json(const struct kernel_report *self, FILE *file);

/* Which kernel each model has, and what loading it took. */
void kernel_report_kernels(const struct kernel_report *self, FILE *file);

#endif
