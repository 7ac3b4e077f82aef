/* SPDX-License-Identifier: Apache-2.0 */
/* arrivals.h - when an open loop means to send: decided beforehand, whatever comes back.
 * Pure, and the same for the same seed. */

#ifndef BENCH_ARRIVALS_H
#define BENCH_ARRIVALS_H

#include <stdint.h>

enum arrivals_kind {
    ARRIVALS_FIXED,   /* one each 1/rate, the first at 0 */
    ARRIVALS_POISSON, /* gaps of an exponential distribution: many clients who do not know
                       * of each other */
};

struct arrivals {
    enum arrivals_kind kind;
    double gap_ns;  /* the mean */
    double next_ns; /* since the start */
    uint64_t random;
};

void arrivals_init(struct arrivals *self, enum arrivals_kind kind, double per_s,
                   uint64_t seed);

/* Nanoseconds since the start; never less than the one before. */
uint64_t arrivals_next(struct arrivals *self);

#endif
