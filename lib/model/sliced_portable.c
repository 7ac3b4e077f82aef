/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_portable.c - the sliced kernel for any processor. */
#define SLICED_BLOCK_NAME sliced_block_portable
#include "model/plane_portable.h"

static inline plane choose(plane right, plane if_right, plane if_left)
{
    return (right & if_right) | (~right & if_left);
}

#include "model/sliced_run.h"

static void add_leaves(const struct sliced_run *self, uint32_t count, float *sums)
{
    add_leaves_by_byte(self, count, sums);
}
