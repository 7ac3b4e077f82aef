/* SPDX-License-Identifier: Apache-2.0 */
/* lanes_avx512.c - the lanes of a tree for processors with AVX-512 and its byte
 * permutations (VBMI): 64 nodes are compared in two instructions; for other targets
 * nothing. */
#if defined(__AVX512VBMI__) && defined(__AVX512BW__)

#include "model/lanes.h"

#include <assert.h>
#include <immintrin.h>

static_assert(LANES_TREES_ROUND == 64 / 8, "there are trees for whole vectors");

enum {
    VECTOR = 64,
    TREES = 32,            /* of a record at a time */
    TOGETHER = VECTOR / 8, /* trees whose answers fill a vector */
};

/* A record's bytes. */
struct record {
    __m512i values[LANES_SLOTS_MAX / VECTOR];
};

static inline struct record load_record(const uint8_t *values, uint32_t width)
{
    struct record out;
    for (uint32_t i = 0; i < width / VECTOR; i++)
        out.values[i] = _mm512_load_si512(values + VECTOR * i);
    return out;
}

/* The bytes in 64 slots. */
static inline __m512i look_up(const struct record *record, uint32_t width, __m512i slots)
{
    const __m512i *values = record->values;
    if (width == VECTOR)
        return _mm512_permutexvar_epi8(slots, values[0]);
    __m512i low = _mm512_permutex2var_epi8(values[0], slots, values[1]);
    if (width == 2 * VECTOR)
        return low;
    __m512i high =
        _mm512_permutex2var_epi8(values[2], slots, values[width == 3 * VECTOR ? 2 : 3]);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(slots), low, high);
}

/* Bit n: node n goes right. */
static inline uint64_t answer(const struct lanes_tree *tree, const struct record *record,
                              uint32_t width)
{
    __m512i found = look_up(record, width, _mm512_load_si512(tree->slots));
    return _mm512_cmpge_epu8_mask(found, _mm512_load_si512(tree->bounds));
}

/* From the roots of trees to the leaves: 2 n plus the bit of node n, and again. */
static inline __m512i walk(__m512i answers)
{
    enum { OR_AND = 0xF8 };
    const __m512i one = _mm512_set1_epi64(1);
    __m512i at = one;
    for (int level = 0; level < LANES_DEPTH; level++)
        at = _mm512_ternarylogic_epi64(_mm512_add_epi64(at, at),
                                       _mm512_srlv_epi64(answers, at), one, OR_AND);
    return at;
}

/* Of a record's trees. */
static inline float add_leaves(const float *leaves, uint32_t count, const uint64_t *at,
                               float sum)
{
    for (uint32_t i = 0; i < count; i++)
        sum += leaves[LANES_NODES * (size_t)i + at[i] - LANES_NODES];
    return sum;
}

static inline void find_leaves(const struct lanes_tree *trees, uint32_t count,
                               const struct record *record, uint32_t width, uint64_t *at)
{
    for (uint32_t i = 0; i < count; i += TOGETHER)
        for (uint32_t k = 0; k < TOGETHER; k++)
            at[i + k] = answer(&trees[i + k], record, width);
    for (uint32_t i = 0; i < count; i += TOGETHER)
        _mm512_store_si512(at + i, walk(_mm512_load_si512(at + i)));
}

static inline __attribute__((always_inline)) void add_all(const struct lanes *self,
                                                          const uint8_t *values,
                                                          uint32_t width, uint32_t count,
                                                          float *sums)
{
    _Alignas(VECTOR) uint64_t at[TREES]; /* answers, then leaves + LANES_NODES */
    for (uint32_t tree = 0; tree < self->tree_count; tree += TREES) {
        uint32_t left = self->tree_count - tree, here = left < TREES ? left : TREES;
        for (uint32_t i = 0; i < count; i++) {
            struct record record = load_record(values + (size_t)i * width, width);
            find_leaves(self->trees + tree, here, &record, width, at);
            sums[i] =
                add_leaves(self->leaves + (size_t)LANES_NODES * tree, here, at, sums[i]);
        }
    }
}

/* By each width, so that the bytes stay in registers. */
void lanes_add_avx512(const struct lanes *self, const uint8_t *values, uint32_t count,
                      float *sums)
{
    if (self->width == VECTOR)
        add_all(self, values, VECTOR, count, sums);
    else if (self->width == 2 * VECTOR)
        add_all(self, values, 2 * VECTOR, count, sums);
    else if (self->width == 3 * VECTOR)
        add_all(self, values, 3 * VECTOR, count, sums);
    else
        add_all(self, values, 4 * VECTOR, count, sums);
}

#else
typedef int lanes_avx512_is_empty;
#endif
