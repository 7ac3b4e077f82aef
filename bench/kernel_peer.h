/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_peer.h - who scores beside us: one table of functions per library. */

#ifndef BENCH_KERNEL_PEER_H
#define BENCH_KERNEL_PEER_H

#include "bench/kernel_ours.h"
#include "bench/kernel_rate.h"
#include "bench/kernel_subject.h"

struct kernel_peer {
    enum kernel_output output;
    double tolerance; /* how far scores may be apart; 0: the same bits */

    /* Ready to score the batches of `rows`, which are borrowed, by up to `threads`. */
    enum status (*open)(const struct kernel_subject *subject,
                        const struct kernel_rows *rows, size_t threads, void **out,
                        struct error_text *error);
    void (*close)(void *self); /* NULL is fine */

    /* As in kernel_rate.h. */
    enum status (*results)(void *self, const struct kernel_load *load, float *out,
                           struct error_text *error);
    enum status (*rate)(void *self, const struct kernel_load *load, double *records_per_s,
                        struct error_text *error);
};

/* Whoever trained the recipe; where the case explains, doing that. */
const struct kernel_peer *kernel_peer_of(const struct kernel_case *of);

#endif
