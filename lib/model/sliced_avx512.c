/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_avx512.c - the sliced kernel for processors with AVX-512 and its byte
 * permutations (VBMI), and GF(2) arithmetic, whose matrix product transposes bits; for
 * other targets nothing. */
#if defined(__AVX512VBMI__) && defined(__AVX512BW__) && defined(__GFNI__)

#define SLICED_BLOCK_NAME sliced_block_avx512
#include "model/plane_avx512.h"

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

/* The four bytes of 64 floats, put together. */
static inline void add_bytes(const __m512i *bytes, __m512 *sums)
{
    __m512i low0 = _mm512_unpacklo_epi8(bytes[0], bytes[1]);
    __m512i low1 = _mm512_unpackhi_epi8(bytes[0], bytes[1]);
    __m512i high0 = _mm512_unpacklo_epi8(bytes[2], bytes[3]);
    __m512i high1 = _mm512_unpackhi_epi8(bytes[2], bytes[3]);
    const __m512i leaves[4] = {
        _mm512_unpacklo_epi16(low0, high0), _mm512_unpackhi_epi16(low0, high0),
        _mm512_unpacklo_epi16(low1, high1), _mm512_unpackhi_epi16(low1, high1)};
    for (int i = 0; i < 4; i++)
        sums[i] = _mm512_add_ps(sums[i], _mm512_castsi512_ps(leaves[i]));
}

/* Trees of up to 64 leaves: a table of bytes is one register. */
static inline void add_few(__m512i index, const uint8_t *tables, __m512 *sums)
{
    __m512i bytes[4];
    for (int byte = 0; byte < 4; byte++)
        bytes[byte] =
            _mm512_permutexvar_epi8(index, _mm512_load_si512(tables + 64 * byte));
    add_bytes(bytes, sums);
}

/* Trees of up to 256: four. */
static inline void add_many(__m512i index, const uint8_t *tables, __m512 *sums)
{
    __mmask64 upper = _mm512_movepi8_mask(index);
    __m512i bytes[4];
    for (int byte = 0; byte < 4; byte++) {
        const uint8_t *table = tables + 256 * byte;
        __m512i low = _mm512_permutex2var_epi8(_mm512_load_si512(table), index,
                                               _mm512_load_si512(table + 64));
        __m512i high = _mm512_permutex2var_epi8(_mm512_load_si512(table + 128), index,
                                                _mm512_load_si512(table + 192));
        bytes[byte] = _mm512_mask_blend_epi8(upper, low, high);
    }
    add_bytes(bytes, sums);
}

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
            if (tree->depth <= SLICED_SHALLOW)
                add_few(parts[i][part], tables, sums + 4 * part);
            else
                add_many(parts[i][part], tables, sums + 4 * part);
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
