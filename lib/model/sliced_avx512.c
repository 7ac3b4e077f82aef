/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_avx512.c - the sliced kernel for processors with AVX-512 and its byte
 * permutations (VBMI), and GF(2) arithmetic, whose matrix product transposes bits; for
 * other targets nothing. */
#if defined(__AVX512VBMI__) && defined(__AVX512BW__) && defined(__GFNI__)

#define SLICED_BLOCK_NAME sliced_block_avx512
#include "model/plane_avx512.h"

#include "model/sliced_leaves_avx512.h"
#include "model/sliced_run.h"

enum { PARTS = INDEX_PARTS, TOGETHER = 4 };

/* Back from the order of parts and of the four floats of a lane to that of records. */
static void put_in_order(const float *mixed, float *sums)
{
    for (unsigned part = 0; part < PARTS; part++)
        for (unsigned i = 0; i < 4; i++)
            for (unsigned lane = 0; lane < 4; lane++)
                memcpy(sums + 128 * lane + 16 * part + 4 * i,
                       mixed + 64 * part + 16 * i + 4 * lane, 4 * sizeof *sums);
}

/* ---- leaves ---- */

/* How many parts hold the first records: a part has 16 of every 128. */
static unsigned parts_of(uint32_t records)
{
    return records < 16 * PARTS ? (records + 15) / 16 : PARTS;
}

/* A few trees at a time, so that the sums are seldom loaded and stored. */
static void add_trees(const struct sliced_run *self, uint32_t first, uint32_t count,
                      unsigned part_count, __m512 *sums)
{
    const struct sliced *compiled = self->compiled;
    __m512i parts[TOGETHER][PARTS];
    for (uint32_t i = 0; i < count; i++) {
        plane index[SLICED_DEPTH_MAX];
        find_leaf(self, &compiled->trees[first + i], index);
        index_parts(index, parts[i]);
    }
    for (unsigned part = 0; part < part_count; part++)
        for (uint32_t i = 0; i < count; i++) {
            const struct sliced_tree *tree = &compiled->trees[first + i];
            const uint8_t *tables = compiled->leaf_bytes + tree->first_byte;
            add_found(parts[i][part], tree, tables, sums + 4 * part);
        }
}

static void add_leaves(const struct sliced_run *self, uint32_t count, float *sums)
{
    uint32_t trees = self->compiled->tree_count;
    unsigned part_count = parts_of(count);
    union {
        __m512 vectors[PLANE_RECORDS / 16];
        float numbers[PLANE_RECORDS];
    } mixed;
    for (unsigned i = 0; i < PLANE_RECORDS / 16; i++)
        mixed.vectors[i] = _mm512_set1_ps(sums[0]); /* all are the same still */
    for (uint32_t i = 0; i < trees; i += TOGETHER)
        add_trees(self, i, trees - i < TOGETHER ? trees - i : TOGETHER, part_count,
                  mixed.vectors);
    put_in_order(mixed.numbers, sums);
}

#else
typedef int sliced_avx512_is_empty;
#endif
