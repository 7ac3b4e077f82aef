/* SPDX-License-Identifier: Apache-2.0 */
/* store_model.c - settlements by key, watermarks, and demand by region and period. */
#include "tests/sim/store_model.h"

#include "tests/sim/check.h"
#include "tests/sim/world.h"

#include <stdlib.h>

enum { PERIODS = 2 };

struct record {
    bool present;
    struct answer answer;
};

struct shelf { /* of one client */
    uint64_t watermark;
    struct record *records; /* by sequence */
};

struct store_model {
    uint32_t version;
    uint64_t away_until_us, busy_until_us;
    struct shelf *shelves;
    uint64_t *demand; /* rows, by region and period */
    struct record *memory;
};

struct store_model *store_model_new(struct world *world)
{
    const struct setup *setup = world->setup;
    size_t each = setup->batches + 1;
    struct store_model *self = calloc(1, sizeof *self);
    if (self == NULL)
        abort();
    self->version = 1;
    self->shelves = calloc(setup->clients, sizeof *self->shelves);
    self->memory = calloc(setup->clients * each, sizeof *self->memory);
    self->demand = calloc((size_t)setup->regions * PERIODS, sizeof *self->demand);
    if (self->shelves == NULL || self->memory == NULL || self->demand == NULL)
        abort();
    for (uint32_t i = 0; i < setup->clients; i++)
        self->shelves[i].records = self->memory + i * each;
    return self;
}

void store_model_free(struct store_model *self)
{
    free(self->shelves);
    free(self->memory);
    free(self->demand);
    free(self);
}

void store_model_go_away(struct world *world, struct store_model *self, uint64_t until_us)
{
    (void)world;
    if (self->away_until_us < until_us)
        self->away_until_us = until_us;
}

bool store_model_is_away(const struct world *world, const struct store_model *self)
{
    return self->away_until_us > world_now_us(world);
}

uint64_t store_model_reserve(struct world *world, struct store_model *self,
                             uint32_t count)
{
    uint64_t now_us = world_now_us(world);
    uint64_t begin_us = self->busy_until_us > now_us ? self->busy_until_us : now_us;
    self->busy_until_us = begin_us + world->setup->commit_us +
                          (uint64_t)count * world->setup->commit_each_us;
    return self->busy_until_us;
}

/* What is below the watermark is forgotten. */
static void prune(struct shelf *shelf, uint64_t acked_below)
{
    for (; shelf->watermark < acked_below; shelf->watermark++)
        shelf->records[shelf->watermark].present = false;
}

static uint64_t *demand_of(struct store_model *self, const struct batch *batch)
{
    return &self->demand[batch->region * PERIODS + (uint32_t)batch->period % PERIODS];
}

static void record(struct world *world, struct store_model *self,
                   const struct settle_call *call, struct record *record)
{
    struct batch *batch = call->batch;
    *record = (struct record){true, call->answer};
    if (call->answer.outcome == OUTCOME_COUNTED) {
        *demand_of(self, batch) += batch->rows;
        batch->counted++;
    }
    check_settled(world, batch, &call->answer, call->attempts);
    batch->settled = call->answer;
}

void store_model_settle(struct world *world, struct store_model *self,
                        const struct settle_call *call, struct settle_return *result)
{
    struct shelf *shelf = &self->shelves[call->batch->client];
    struct record *known = &shelf->records[call->batch->sequence];
    prune(shelf, call->acked_below);
    *result = (struct settle_return){.verdict = VERDICT_FIRST};
    if (call->batch->sequence < shelf->watermark) {
        result->verdict = VERDICT_ACKNOWLEDGED;
        return;
    }
    if (known->present)
        result->verdict = VERDICT_DUPLICATE;
    else
        record(world, self, call, known);
    result->recorded = known->answer;
}

uint32_t store_model_version(const struct store_model *self)
{
    return self->version;
}

void store_model_promote(struct world *world, struct store_model *self)
{
    if (self->version <= world->setup->promotions_max)
        self->version++;
}

void store_model_check(struct world *world, struct store_model *self)
{
    const struct setup *setup = world->setup;
    for (uint32_t i = 0; i < setup->clients; i++)
        for (uint64_t j = 1; j <= setup->batches; j++) {
            const struct batch *batch = world_batch(world, i, j);
            if (batch->told.outcome == OUTCOME_COUNTED)
                *demand_of(self, batch) -= batch->rows;
        }
    for (uint32_t i = 0; i < setup->regions * PERIODS; i++)
        check_that(world, self->demand[i] == 0,
                   "the demand is not that of what the clients were told");
}
