/* SPDX-License-Identifier: Apache-2.0 */
/* figures.h - what a scenario measures while it runs, and how it is told. */

#ifndef SIM_FIGURES_H
#define SIM_FIGURES_H

#include "tests/sim/batch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct world;
struct broker_node;
struct figures;

/* What was answered from `from_us` to `until_us` counts. A failure begins at `fail_us`
 * and is over at `well_us`; UINT64_MAX: there is none. */
struct figures_times {
    uint64_t from_us, until_us, fail_us, well_us;
};

struct figures *figures_new(struct world *world, const struct figures_times *times);
void figures_free(struct figures *self);

/* ---- told by whom it happens to; `self` NULL: nobody measures ---- */

void figures_arrived(struct figures *self, const struct broker_node *broker,
                     enum message_type type);
/* The batch leaves the broker's queue. */
void figures_granted(struct figures *self, const struct batch *batch);
void figures_sampled(struct figures *self, const struct broker_node *broker);
void figures_sent(struct figures *self, const struct batch *batch);
void figures_learned(struct figures *self, const struct batch *batch);

void figures_print(struct figures *self, FILE *out);

#endif
