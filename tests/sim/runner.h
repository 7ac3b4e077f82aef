/* SPDX-License-Identifier: Apache-2.0 */
/* runner.h - runs seeds, each process many of them one after the other. A seed that fails
 * ends its process, after it has printed its trace. */

#ifndef SIM_RUNNER_H
#define SIM_RUNNER_H

#include "broker/counters.h"
#include "tests/sim/setup.h"
#include "tests/sim/world.h"

/* What there was in all seeds together. */
struct tally {
    uint64_t seeds, events, deaths, spooled, found_again, joined;
    uint64_t outcomes[OUTCOME_DESCRIBED + 1];
    uint64_t faults[FAULT_COUNT];
    struct counters counters;
};

struct runner_options {
    uint64_t first, count;
    uint32_t jobs;
    bool progress; /* shown on stderr */
};

/* True: none failed. Else *failed is the lowest that did. */
bool runner_run(const struct runner_options *options, struct tally *tally,
                uint64_t *failed);

/* One seed in this process, which ends if it fails. `follow`: every line of its trace
 * goes there at once; may be NULL. The hash of its trace. */
uint64_t runner_run_one(uint64_t seed, FILE *follow, struct tally *tally);

#endif
