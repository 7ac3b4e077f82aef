/* SPDX-License-Identifier: Apache-2.0 */
/* check.h - what must hold, whatever happens. A failure prints its sentence, the seed and
 * the trace, and aborts. */

#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "tests/sim/batch.h"

struct world;
struct dispatch_action;
struct broker_node;

/* Prints what there is to know of the run, once; also from a handler of SIGABRT. */
void check_report(struct world *world, const char *sentence);

_Noreturn void check_fail(struct world *world, const char *sentence);

static inline void check_that(struct world *world, bool holds, const char *sentence)
{
    if (!holds)
        check_fail(world, sentence);
}

/* The store is about to record this under the batch's key. */
void check_settled(struct world *world, const struct batch *batch,
                   const struct answer *answer, uint32_t attempts);
/* An answer reached its client; `open`: it had none yet. */
void check_answer(struct world *world, const struct batch *batch,
                  const struct answer *answer, bool open);
/* A broker says that it has cost so many workers. */
void check_charge(struct world *world, const struct batch *batch, uint32_t attempts);
/* A worker has died of it. */
void check_death(struct world *world, const struct batch *batch);
/* Nothing is left to do. */
void check_end(struct world *world);

#endif
