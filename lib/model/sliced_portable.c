/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_portable.c - the sliced kernel for any processor. */
#define PLANE_WORDS 4
#define SLICED_BLOCK_NAME sliced_block_portable
#include "model/plane.h"

static plane bit_plane(const uint8_t *bytes, unsigned bit)
{
    plane out;
    for (int word = 0; word < PLANE_WORDS; word++) {
        uint64_t bits = 0;
        for (int i = 0; i < 64; i++)
            bits |= (uint64_t)(bytes[64 * word + i] >> bit & 1) << i;
        out[word] = bits;
    }
    return out;
}

static plane equal_plane(const uint8_t *bytes, uint8_t value)
{
    plane out;
    for (int word = 0; word < PLANE_WORDS; word++) {
        uint64_t bits = 0;
        for (int i = 0; i < 64; i++)
            bits |= (uint64_t)(bytes[64 * word + i] == value) << i;
        out[word] = bits;
    }
    return out;
}

static inline plane choose(plane right, plane if_right, plane if_left)
{
    return (right & if_right) | (~right & if_left);
}

#include "model/sliced_run.h"

static void add_leaves(const struct sliced_run *self, float *sums)
{
    add_leaves_by_byte(self, sums);
}
