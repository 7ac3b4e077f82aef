/* SPDX-License-Identifier: Apache-2.0 */
/* explain_portable.c - explanations on any processor. */
#define EXPLAIN_STEP_NAME explain_step_portable
#include "model/plane_portable.h"

#include "model/plane_index.h"

#include "model/explain_run.h"

static void add_tables(const struct explained_leaf *leaf, const struct player *players,
                       const plane *conditions, const float *tables, float *sums)
{
    uint8_t met[PLANE_RECORDS];
    index_bytes(conditions, met);
    for (uint32_t k = 0; k < leaf->player_count; k++) {
        const float *table = tables + k * table_floats(leaf->player_count);
        float *sum = sums + (size_t)players[k].feature * KERNEL_BLOCK;
        for (uint32_t i = 0; i < PLANE_RECORDS; i++)
            sum[i] += table[met[i]];
    }
}
