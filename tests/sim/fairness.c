/* SPDX-License-Identifier: Apache-2.0 */
/* fairness.c - the bound of deficit round-robin: a region whose batch fits its deficit
 * after k turns waits for at most k turns of each other, each a quantum and a batch. Bulk
 * that has waited long enough shares with interactive, so it waits for twice as much. */
#include "tests/sim/fairness.h"

#include "broker/dispatch.h"
#include "tests/sim/check.h"
#include "tests/sim/world.h"

#include <stdlib.h>
#include <string.h>

struct waiting {
    uint64_t passed;   /* bytes granted to others while it waited */
    uint64_t since_us; /* that it waits; 0: it does not */
};

static size_t waiting_size(const struct world *world)
{
    return (size_t)world->setup->regions * REGION_PRIORITY_COUNT * sizeof(struct waiting);
}

void fairness_init(struct world *world, struct fairness *self)
{
    self->waiting = calloc(1, waiting_size(world));
    if (self->waiting == NULL)
        abort();
}

void fairness_close(struct fairness *self)
{
    free(self->waiting);
}

void fairness_reset(struct world *world, struct fairness *self)
{
    memset(self->waiting, 0, waiting_size(world));
}

struct visit {
    struct world *world;
    struct fairness *fairness;
    const struct batch *granted;
};

/* Twice for the two classes, and twice because a batch that was taken back goes to the
 * head without paying again. */
static uint64_t bound(const struct world *world)
{
    const struct setup *setup = world->setup;
    uint64_t largest = setup->body_size_max + BATCH_COST;
    uint64_t turns = largest / REGION_QUANTUM + 2;
    return 4 * turns * setup->regions * (REGION_QUANTUM + largest);
}

static void pass(const struct visit *visit, struct waiting *waiting,
                 enum region_priority priority)
{
    struct world *world = visit->world;
    uint64_t now_us = world_now_us(world);
    uint64_t patience_us =
        priority == REGION_BULK ? world->setup->bulk_wait_ticks + 1 : 0;
    patience_us *= (uint64_t)DISPATCH_TICK_MS * 1000;
    if (waiting->since_us == 0)
        waiting->since_us = now_us;
    if (now_us - waiting->since_us < patience_us)
        return;
    waiting->passed += visit->granted->size + BATCH_COST;
    check_that(world, waiting->passed <= bound(world),
               "a region waits while others are served");
}

static enum region_priority priority_of(const struct batch *batch)
{
    return batch->interactive ? REGION_INTERACTIVE : REGION_BULK;
}

static void look(void *arg, const struct region_view *view)
{
    const struct visit *visit = arg;
    uint32_t region = world_region_number(view->name);
    struct waiting *of = &visit->fairness->waiting[region * REGION_PRIORITY_COUNT];
    uint32_t queued[] = {view->queued - view->interactive, view->interactive};
    for (enum region_priority priority = REGION_BULK; priority < REGION_PRIORITY_COUNT;
         priority++) {
        bool served =
            region == visit->granted->region && priority == priority_of(visit->granted);
        if (served || queued[priority] == 0)
            of[priority] = (struct waiting){0};
        else
            pass(visit, &of[priority], priority);
    }
}

void fairness_granted(struct world *world, struct fairness *self,
                      struct dispatch *dispatch, const struct batch *batch)
{
    struct visit visit = {world, self, batch};
    if (world->setup->checks && !batch->describe)
        region_queue_visit(dispatch_regions(dispatch), look, &visit);
}
