/* SPDX-License-Identifier: Apache-2.0 */
/* broker_measure.h - one run: a subject, its peers, and what it used while they were
 * busy. */

#ifndef BENCH_BROKER_MEASURE_H
#define BENCH_BROKER_MEASURE_H

#include "bench/peers.h"
#include "bench/subject.h"

struct measure_options {
    enum subject_kind kind;
    struct peers_options peers; /* but for the addresses */
    double warm_s, seconds;
};

struct measured {
    double messages_per_s; /* a request and its answer are one message */
    double us_per_message; /* of the subject's CPU */
    double p50_us, p99_us; /* of one client with one request outstanding; else 0 */
    uint64_t peak_bytes;   /* of the subject's memory, since it began */
    uint64_t busy;         /* requests that were refused */
};

/* STATUS_UNAVAILABLE: a process ended, or a signal asks us to. STATUS_CORRUPT: answers
 * were not what was sent. */
MUST_CHECK enum status measure_once(const struct measure_options *options,
                                    struct measured *out, struct error_text *error);

#endif
