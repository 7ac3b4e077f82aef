/* SPDX-License-Identifier: Apache-2.0 */
/* peer_worker.h - a worker that scores nothing: each body goes back as it came. */

#ifndef BENCH_PEER_WORKER_H
#define BENCH_PEER_WORKER_H

#include "bench/peer_client.h"

/* Returns only where it cannot go on. */
void peer_worker(const struct peers_options *options, uint32_t number,
                 struct peer_counts *counts);

#endif
