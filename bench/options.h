/* SPDX-License-Identifier: Apache-2.0 */
/* options.h - what chw-bench can be told, and the scenarios. */

#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "base/config.h"
#include "bench/arrivals.h"

enum scenario {
    SCENARIO_SERVER,        /* open loop: batches arrive at a rate */
    SCENARIO_SINGLE_STREAM, /* closed loop: one batch at a time */
    SCENARIO_OFFLINE,       /* closed loop: all batches are there from the start */
};

enum disturbance { DISTURB_NOTHING, DISTURB_RELOAD, DISTURB_KILL };

struct bench_config {
    char *scenario_name, *arrivals_name, *disturb_name, *format;
    char *broker, *store, *listen, *estimator, *histogram;
    struct config_list watch;
    uint64_t records, batch, workers, threads, window, seed, runs, trees, depth;
    double rate, seconds, warmup;
    bool what_if, keep, insecure;

    /* What the names mean, and what the scenario decides where nothing was said. */
    enum scenario scenario;
    enum arrivals_kind arrivals;
    enum disturbance disturb;
};

extern const struct config_spec bench_options;

/* Sets what is left to the scenario. STATUS_INVALID: `error` says what does not go
 * together. */
MUST_CHECK enum status bench_options_complete(struct bench_config *self,
                                              struct error_text *error);

#endif
