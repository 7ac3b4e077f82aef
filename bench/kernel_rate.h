/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_rate.h - how many records/s a way to score reaches, on one thread or several. */

#ifndef BENCH_KERNEL_RATE_H
#define BENCH_KERNEL_RATE_H

#include "base/error_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KERNEL_THREADS_MAX = 64, KERNEL_BATCHES_IN_TURN = 64 };

/* A way to score the batches of some rows. Threads call it at once, each with its own
 * number. */
struct kernel_scorer {
    void *arg;
    /* `width` floats for each record of the batch, record after record. */
    enum status (*score)(void *arg, size_t thread, size_t batch, float *out,
                         struct error_text *error);
};

struct kernel_load {
    uint32_t batch_rows;
    size_t batch_count; /* a thread goes round KERNEL_BATCHES_IN_TURN of them, or all */
    size_t width;       /* floats that a record gets */
    size_t threads;     /* up to KERNEL_THREADS_MAX */
    double seconds;     /* at least so long, and at least one batch per thread */
    bool cpu_time;      /* of the thread; else the time that passes */
};

/* The sum of the threads' records/s. */
MUST_CHECK enum status kernel_rate(const struct kernel_scorer *scorer,
                                   const struct kernel_load *load, double *records_per_s,
                                   struct error_text *error);

/* Every batch once, in order, by thread 0: batch_rows * batch_count * width floats. */
MUST_CHECK enum status kernel_results(const struct kernel_scorer *scorer,
                                      const struct kernel_load *load, float *out,
                                      struct error_text *error);

#endif
