/* SPDX-License-Identifier: Apache-2.0 */
/* peer_client.h - a client that sends as soon as it is answered. */

#ifndef BENCH_PEER_CLIENT_H
#define BENCH_PEER_CLIENT_H

#include "bench/peers.h"

#include <stdatomic.h>

enum { PEER_LATENCIES = 1 << 17 };

/* In memory that the parent reads. */
struct peer_counts {
    _Atomic uint64_t answered, busy, wrong;
    /* Of the answers, in nanoseconds, where only one request is outstanding; from the
     * first again after the last. */
    uint32_t latencies_ns[PEER_LATENCIES];
};

/* Returns only where it cannot go on. */
void peer_client(const struct peers_options *options, uint32_t number,
                 struct peer_counts *counts);

#endif
