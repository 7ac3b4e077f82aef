/* SPDX-License-Identifier: Apache-2.0 */
/* store_model.h - the store as lib/store/store.h promises it: the first writer wins, the
 * demand of a batch is added with its settlement, below a client's watermark nothing is
 * remembered. It serves one transaction at a time, and may be away. */

#ifndef SIM_STORE_MODEL_H
#define SIM_STORE_MODEL_H

#include "tests/sim/batch.h"

struct world;
struct store_model;

enum verdict { VERDICT_FIRST, VERDICT_DUPLICATE, VERDICT_ACKNOWLEDGED };

struct settle_call {
    struct batch *batch;
    uint64_t acked_below;
    struct answer answer; /* to be recorded */
    uint32_t attempts;    /* that a burial tells of */
};

struct settle_return {
    enum verdict verdict;
    struct answer recorded; /* FIRST and DUPLICATE */
};

struct store_model *store_model_new(struct world *world);
void store_model_free(struct store_model *self);

void store_model_go_away(struct world *world, struct store_model *self,
                         uint64_t until_us);
bool store_model_is_away(const struct world *world, const struct store_model *self);

/* When a transaction of so many settlements that begins now is over. */
uint64_t store_model_reserve(struct world *world, struct store_model *self,
                             uint32_t count);
void store_model_settle(struct world *world, struct store_model *self,
                        const struct settle_call *call, struct settle_return *result);

uint32_t store_model_version(const struct store_model *self);
void store_model_promote(struct world *world, struct store_model *self);

/* At the end: the demand is that of what the clients were told. */
void store_model_check(struct world *world, struct store_model *self);

#endif
