/* SPDX-License-Identifier: Apache-2.0 */
/* run.h - batches through the cluster for a while, each answer checked and timed.
 *
 * Open loop: batches are sent when they are due, whatever has come back, and a latency
 * counts from when the batch was due, not from when it could be sent: a cluster that
 * stalls does not stop the clock. Closed loop: a batch is sent when the window has room,
 * so a slower cluster is asked less; a latency counts from the sending. */

#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "bench/arrivals.h"
#include "bench/cluster.h"
#include "bench/histogram.h"
#include "bench/load.h"

enum { RUN_OUTCOMES = 16, RUN_EVENT_MS = 1000 };

/* Something that happens to the cluster when half of the run is over: of its batches, or
 * of its time. */
struct run_event {
    enum status (*happen)(void *arg, struct error_text *error);
    void *arg;
};

struct run_options {
    double per_s; /* batches that are due; 0: closed loop */
    enum arrivals_kind arrivals;
    uint64_t seed;
    uint64_t batches;              /* at most; 0: no bound */
    double seconds;                /* nothing is due later; 0: no bound */
    const struct run_event *event; /* NULL: none */
    const char *what;              /* for the progress; kept */
};

/* Histograms are of nanoseconds. */
struct run_result {
    double seconds;       /* from the start to the last answer */
    double offered_per_s; /* batches that were due, a second; closed loop: as achieved */
    uint64_t sent, answered;
    uint64_t unsent;                 /* due, but twice the time was over */
    uint64_t outcomes[RUN_OUTCOMES]; /* by enum chw_outcome */
    struct histogram *latencies;
    struct histogram *lateness; /* from due to sent: the generator's own, and a full
                                 * window's */
    /* Where there is an event: of batches that were under way at some time of the second
     * after it, and of the others. */
    struct histogram *during, *besides;
    double recovery_ms; /* from the event to the last answer of those under way then */
};

/* STATUS_NOMEM. */
MUST_CHECK enum status run_result_open(struct run_result *self);
void run_result_close(struct run_result *self);

/* STATUS_CORRUPT: an answer is not what was expected. STATUS_UNAVAILABLE: there is none
 * for minutes, the cluster ended, or a signal asks us to. */
MUST_CHECK enum status run_once(struct load *load, const struct run_options *options,
                                struct chw_client *client, struct cluster *cluster,
                                struct run_result *out, struct error_text *error);

#endif
