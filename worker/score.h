/* SPDX-License-Identifier: Apache-2.0 */
/* score.h - one batch against one serving: block by block, then the reasons where they
 * are asked for, then a reply and its demand.
 *
 *      columns + serving --scoring_new--> scoring --scoring_step, until done--> scored
 *                                                     scoring_reply, scoring_demand
 *
 * A record that any of the targets cannot score is invalid as a whole: it has no
 * probability and is not counted. The reply is a function of the body and the versions
 * alone, so that a duplicate gets the same bytes. Pure. */

#ifndef WORKER_SCORE_H
#define WORKER_SCORE_H

#include "worker/serving.h"

#include "batch.pb-c.h"

#include <stdbool.h>

enum {
    SCORE_BLOCK_ROWS = 1024,
    SCORE_CELLS_MAX = STORE_TARGETS_MAX * PROGRAM_TIERS_MAX,
};

struct scoring;

/* `explain`: Batch.explain. Borrows both until it is freed. STATUS_INVALID: a required
 * column is absent, or more than FACTORS_MAX factors are asked for. */
MUST_CHECK enum status scoring_new(const struct columns *columns,
                                   const struct serving *serving, uint32_t explain,
                                   struct scoring **out, struct error_text *error);
void scoring_free(struct scoring *self); /* accepts NULL */

/* Score the next block; after the last, a step of explaining. False: all is done. */
bool scoring_step(struct scoring *self);

/* The reply's message, owned by the scoring; every row has been scored. */
Chw__Reply *scoring_reply(struct scoring *self, Chw__Outcome outcome);

/* What the batch adds to its region's demand: at most SCORE_CELLS_MAX cells; returns how
 * many. p is the float that the reply holds: llrint(p * 2^32) and llrint(p * (1 - p) *
 * 2^32). */
size_t scoring_demand(const struct scoring *self, int32_t period, const char *region,
                      struct demand_cell *cells);

/* Records that have a score. */
uint32_t scoring_ok_count(const struct scoring *self);

#endif
