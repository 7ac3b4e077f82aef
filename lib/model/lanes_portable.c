/* SPDX-License-Identifier: Apache-2.0 */
/* lanes_portable.c - the lanes of a tree for any processor: only those on the path, of
 * several trees side by side, so that the processor waits for many at once. */
#include "model/lanes.h"

enum { TOGETHER = LANES_TREES_ROUND };

static inline uint32_t answer(const struct lanes_tree *tree, const uint8_t *values,
                              uint32_t place)
{
    return values[tree->slots[place]] >= tree->bounds[place];
}

static inline void add_trees(const struct lanes_tree *trees, const float *leaves,
                             uint32_t count, const uint8_t *values, float *sum)
{
    uint32_t above[TOGETHER], below[TOGETHER];
    for (uint32_t i = 0; i < TOGETHER; i++)
        above[i] = below[i] = 1;
    for (uint32_t level = 0; level < LANES_HALF; level++)
        for (uint32_t i = 0; i < TOGETHER; i++)
            above[i] =
                2 * above[i] + answer(&trees[i], values, lanes_place_above(above[i]));
    for (uint32_t level = 0; level < LANES_HALF; level++)
        for (uint32_t i = 0; i < TOGETHER; i++)
            below[i] = 2 * below[i] +
                       answer(&trees[i], values,
                              lanes_place_below(above[i] - LANES_BELOW, below[i]));
    for (uint32_t i = 0; i < count; i++)
        *sum += leaves[LANES_NODES * i + LANES_BELOW * (above[i] - LANES_BELOW) +
                       below[i] - LANES_BELOW];
}

void lanes_add_portable(const struct lanes *self, const uint8_t *values, uint32_t count,
                        float *sums)
{
    for (uint32_t tree = 0; tree < self->tree_count; tree += TOGETHER) {
        uint32_t left = self->tree_count - tree;
        for (uint32_t i = 0; i < count; i++)
            add_trees(self->trees + tree, self->leaves + (size_t)LANES_NODES * tree,
                      left < TOGETHER ? left : TOGETHER, values + (size_t)i * self->width,
                      &sums[i]);
    }
}
