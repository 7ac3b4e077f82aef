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

enum { SCORE_BLOCK_ROWS = 1024 };

struct scoring;

/* Rows that one batch has in it: all, or those of one of several that are scored
 * together. */
struct slice {
    uint32_t first, count;
};

/* `explain`: Batch.explain. Borrows both until it is freed. STATUS_INVALID: a required
 * column is absent, or more than FACTORS_MAX factors are asked for. */
MUST_CHECK enum status scoring_new(const struct columns *columns,
                                   const struct serving *serving, uint32_t explain,
                                   struct scoring **out, struct error_text *error);
void scoring_free(struct scoring *self); /* accepts NULL */

/* Score the next block; after the last, a step of explaining. False: all is done. */
bool scoring_step(struct scoring *self);

/* Nothing is left for a step to do. Not told of reasons, of which only a step knows. */
bool scoring_is_done(const struct scoring *self);

/* The reply's message to the batch that has this slice, owned by the scoring and as long
 * as no other is asked for; every row has been scored. A slice that is not all has no
 * factors. NULL: out of memory. */
Chw__Reply *scoring_reply(struct scoring *self, struct slice slice, Chw__Outcome outcome);

/* As many cells as a batch's demand can have at most; at least 1. */
size_t scoring_cells_max(const struct scoring *self, struct slice slice);

/* What that batch adds to its region's demand, in these cells; returns how many. p is the
 * float that the reply holds: llrint(p * 2^32) and llrint(p * (1 - p) * 2^32). */
size_t scoring_demand(const struct scoring *self, struct slice slice, int32_t period,
                      const char *region, struct demand_cell *cells);

/* Records that have a score. */
uint32_t scoring_ok_count(const struct scoring *self);

#endif
