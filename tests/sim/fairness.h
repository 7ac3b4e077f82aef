/* SPDX-License-Identifier: Apache-2.0 */
/* fairness.h - what a broker lets pass a region that waits: of a region whose batches are
 * queued it may grant others only so many bytes before its turn comes. */

#ifndef SIM_FAIRNESS_H
#define SIM_FAIRNESS_H

#include "tests/sim/batch.h"

struct world;
struct dispatch;
struct waiting;

struct fairness {
    struct waiting *waiting; /* by region and class */
};

void fairness_init(struct world *world, struct fairness *self);
void fairness_close(struct fairness *self);
void fairness_reset(struct world *world, struct fairness *self);

/* The broker has just handed this batch to a worker. */
void fairness_granted(struct world *world, struct fairness *self,
                      struct dispatch *dispatch, const struct batch *batch);

#endif
