/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_compare.h - one case beside its peer: the same rows scored by both, compared,
 * then measured in turn. */

#ifndef BENCH_KERNEL_COMPARE_H
#define BENCH_KERNEL_COMPARE_H

#include "bench/kernel_case.h"
#include "bench/kernel_subject.h"
#include "bench/stats.h"

enum { KERNEL_RUNS_MAX = 100, KERNEL_BOUND_ROWS_MAX = 255, KERNEL_SETTINGS_MAX = 2 };

struct kernel_setting {
    size_t threads[KERNEL_SETTINGS_MAX]; /* measured one after the other */
    size_t thread_count;                 /* of these numbers */
    size_t runs; /* of each side, in turn; up to KERNEL_RUNS_MAX */
    double seconds;
    bool cpu_time; /* see kernel_rate.h */
};

struct kernel_result {
    const struct kernel_case *of;
    size_t threads;
    struct stats ours, theirs; /* records/s */
    struct stats bound; /* ours without model_bind(); of small batches only, else zero */
    struct stats ratio; /* ours to theirs, of the runs that followed each other */
    size_t compared, different; /* values; those that are not the same bits */
    double largest;             /* difference */
    double sums_apart; /* of contributions from the margin, at most; 0: of scores */
    bool equal;        /* as the peer asks */
};

/* For each number of threads a result. STATUS_CORRUPT: a record cannot be scored. */
MUST_CHECK enum status kernel_compare(const struct kernel_case *of,
                                      const struct kernel_subject *subject,
                                      const struct kernel_setting *setting,
                                      struct kernel_result *results,
                                      struct error_text *error);

/* Fill compared, different, largest and equal from `count` values of each side, which are
 * equal when none is further apart than `tolerance`; 0: when all are the same bits. */
void kernel_note_differences(const float *ours, const float *theirs, size_t count,
                             double tolerance, struct kernel_result *out);

/* Our time for a record in a tree, in nanoseconds of one thread; 0 without
 * trees. */
double kernel_tree_record_ns(const struct kernel_result *self, size_t tree_count);

#endif
