/* SPDX-License-Identifier: Apache-2.0 */
/* peers.h - who is at both ends of what is measured: clients that always have so many
 * requests outstanding, workers that send each body back. Each is a process with a socket
 * and an I/O thread of its own, forked from this one, which must not have used libzmq
 * before. */

#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include "base/error_text.h"
#include "bench/histogram.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum peers_protocol {
    PEERS_OURS,       /* SCORE, REPLY; the workers' HELLO and heartbeats */
    PEERS_TWO_FRAMES, /* frames of the same sizes, sent back as they came */
    PEERS_ONE_FRAME,  /* the body alone */
};

struct peers_options {
    enum peers_protocol protocol;
    const char *front, *back;
    size_t size; /* of a body */
    uint32_t clients, workers;
    uint32_t outstanding;  /* of each client */
    uint32_t window;       /* of each worker; ours, as the rest */
    uint64_t window_bytes; /* beyond a first body; 0: any */
    size_t beat_above;     /* bytes: a heartbeat before each body above it, and one every
                            * half second */
};

struct peers;

MUST_CHECK enum status peers_start(const struct peers_options *options,
                                   struct peers **out, struct error_text *error);
void peers_stop(struct peers *self); /* accepts NULL */

/* True: every client has had an answer. */
bool peers_all_answered(const struct peers *self);

/* Requests so far, of all clients: answered; refused by BUSY; and frames that were
 * neither. */
struct peers_counts {
    uint64_t answered, busy, wrong;
};
struct peers_counts peers_counts(const struct peers *self);

/* How long the answers `first` to `end` of client 0 took, which has one request
 * outstanding; as many as are still known. */
void peers_latencies(const struct peers *self, uint64_t first, uint64_t end,
                     struct histogram *out);

#endif
