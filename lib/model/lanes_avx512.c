/* SPDX-License-Identifier: Apache-2.0 */
/* lanes_avx512.c - the lanes of a tree for processors with AVX-512, its byte permutations
 * (VBMI) and GFNI: 64 nodes are compared in two instructions, and the paths of eight
 * trees or records are found in five; for other targets nothing. */
#if defined(__AVX512VBMI__) && defined(__AVX512BW__) && defined(__GFNI__)

#include "model/lanes.h"

#include <assert.h>
#include <immintrin.h>

static_assert(LANES_TREES_ROUND == 64 / 8, "there are trees for whole vectors");
static_assert(LANES_PATHS == 2 * 64, "a table of paths is two vectors");

enum {
    VECTOR = 64,
    TREES = 32,            /* at a time, so that answers are written before */
    TOGETHER = VECTOR / 8, /* answers that fill a vector */
    GROUP = VECTOR / 4,    /* records whose sums fill a vector */
    ALONE_MAX = 1,         /* more records are better off as a group */
};

/* ---- answers ---- */

/* The bytes of a record in 64 slots. */
static inline __m512i look_up(const uint8_t *values, uint32_t width, __m512i slots)
{
    const __m512i *parts = (const __m512i *)(const void *)values;
    if (width == VECTOR)
        return _mm512_permutexvar_epi8(slots, parts[0]);
    __m512i low = _mm512_permutex2var_epi8(parts[0], slots, parts[1]);
    if (width == 2 * VECTOR)
        return low;
    __m512i high =
        _mm512_permutex2var_epi8(parts[2], slots, parts[width == 3 * VECTOR ? 2 : 3]);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(slots), low, high);
}

/* Which nodes go right, by place. */
static inline uint64_t answer(__m512i slots, __m512i bounds, const uint8_t *values,
                              uint32_t width)
{
    return _mm512_cmpge_epu8_mask(look_up(values, width, slots), bounds);
}

/* ---- paths ---- */

struct paths {
    __m512i above[2], below[2]; /* tables; those above say how far to shift */
};

static inline struct paths load_paths(const struct lanes *self)
{
    struct paths out;
    for (int i = 0; i < 2; i++) {
        out.below[i] = _mm512_loadu_si512(self->paths + VECTOR * i);
        out.above[i] = _mm512_slli_epi16(out.below[i], LANES_HALF); /* up to 56 */
    }
    return out;
}

/* From eight trees' answers to their leaves, in each byte of the answers. */
static inline __m512i find_leaves(const struct paths *self, __m512i answers)
{
    const __m512i last_bits = _mm512_set1_epi8((char)0x80);
    __m512i upper = _mm512_gf2p8affine_epi64_epi8(last_bits, answers, 0);
    __m512i above = _mm512_permutex2var_epi8(self->above[0], upper, self->above[1]);
    __m512i lower = _mm512_multishift_epi64_epi8(above, answers);
    __m512i below = _mm512_permutex2var_epi8(self->below[0], lower, self->below[1]);
    return _mm512_or_si512(above, below);
}

/* ---- a record alone: its trees side by side ---- */

static inline __attribute__((always_inline)) void
add_alone(const struct lanes *self, const uint8_t *values, uint32_t width, float *sum)
{
    const struct paths paths = load_paths(self);
    _Alignas(VECTOR) uint64_t at[TREES]; /* answers, then leaves */
    for (uint32_t first = 0; first < self->tree_count; first += TREES) {
        uint32_t left = self->tree_count - first, here = left < TREES ? left : TREES;
        const struct lanes_tree *trees = self->trees + first;
        const float *leaves = self->leaves + (size_t)LANES_NODES * first;
        for (uint32_t i = 0; i < here; i += TOGETHER)
            for (uint32_t k = i; k < i + TOGETHER; k++)
                at[k] = answer(_mm512_load_si512(trees[k].slots),
                               _mm512_load_si512(trees[k].bounds), values, width);
        for (uint32_t i = 0; i < here; i += TOGETHER)
            _mm512_store_si512(at + i, find_leaves(&paths, _mm512_load_si512(at + i)));
        for (uint32_t i = 0; i < here; i++)
            *sum += leaves[LANES_NODES * i + (at[i] & (LANES_NODES - 1))];
    }
}

/* ---- a group of records, side by side ---- */

/* A record's lane in a vector of floats: eight leaves are found at once, and are in the
 * even lanes or in the odd ones. */
static inline uint32_t lane_of(uint32_t record)
{
    return 2 * (record % TOGETHER) + record / TOGETHER;
}

static inline __m512 leaves_at(const float *leaves, __m512i at)
{
    __m512 low = _mm512_permutex2var_ps(_mm512_load_ps(leaves), at,
                                        _mm512_load_ps(leaves + GROUP));
    __m512 high = _mm512_permutex2var_ps(_mm512_load_ps(leaves + 2 * GROUP), at,
                                         _mm512_load_ps(leaves + 3 * GROUP));
    return _mm512_mask_blend_ps(
        _mm512_test_epi32_mask(at, _mm512_set1_epi32(LANES_NODES / 2)), low, high);
}

struct group {
    const uint8_t *values; /* of `count` records, `width` each */
    uint32_t width, count;
};

/* A record's answers at its number. */
static inline __attribute__((always_inline)) void
answer_group(const struct group *self, const struct lanes_tree *tree, uint64_t *answers)
{
    __m512i slots = _mm512_load_si512(tree->slots);
    __m512i bounds = _mm512_load_si512(tree->bounds);
    for (uint32_t i = 0; i < self->count; i++)
        answers[i] =
            answer(slots, bounds, self->values + (size_t)i * self->width, self->width);
}

/* `one`: all in the first vector of answers. */
static inline __attribute__((always_inline)) __m512i
find_group(const struct paths *paths, const uint64_t *answers, bool one)
{
    enum { ODD_LANES = 0xAAAA };
    __m512i at = find_leaves(paths, _mm512_load_si512(answers));
    if (one)
        return at;
    __m512i others = find_leaves(paths, _mm512_load_si512(answers + TOGETHER));
    return _mm512_mask_blend_epi32(ODD_LANES, at, others);
}

static inline __attribute__((always_inline)) __m512
add_trees(const struct lanes *self, const struct group *group, bool one, __m512 sum)
{
    const struct paths paths = load_paths(self);
    _Alignas(VECTOR) uint64_t answers[TREES][GROUP] = {{0}};
    for (uint32_t first = 0; first < self->tree_count; first += TREES) {
        uint32_t left = self->tree_count - first, here = left < TREES ? left : TREES;
        const float *leaves = self->leaves + (size_t)LANES_NODES * first;
        for (uint32_t i = 0; i < here; i++)
            answer_group(group, &self->trees[first + i], answers[i]);
        for (uint32_t i = 0; i < here; i++)
            sum = _mm512_add_ps(sum, leaves_at(leaves + (size_t)LANES_NODES * i,
                                               find_group(&paths, answers[i], one)));
    }
    return sum;
}

static inline __attribute__((always_inline)) void
add_group(const struct lanes *self, const struct group *group, float *sums)
{
    _Alignas(VECTOR) float mixed[GROUP] = {0};
    for (uint32_t i = 0; i < group->count; i++)
        mixed[lane_of(i)] = sums[i];
    __m512 sum = _mm512_load_ps(mixed);
    if (group->count <= TOGETHER)
        sum = add_trees(self, group, true, sum);
    else
        sum = add_trees(self, group, false, sum);
    _mm512_store_ps(mixed, sum);
    for (uint32_t i = 0; i < group->count; i++)
        sums[i] = mixed[lane_of(i)];
}

/* ---- all ---- */

static inline __attribute__((always_inline)) void add_all(const struct lanes *self,
                                                          const uint8_t *values,
                                                          uint32_t width, uint32_t count,
                                                          float *sums)
{
    for (uint32_t i = 0; i < count; i += GROUP) {
        uint32_t here = count - i < GROUP ? count - i : GROUP;
        const struct group group = {values + (size_t)i * width, width, here};
        if (here == 1)
            add_alone(self, group.values, width, &sums[i]);
        else
            add_group(self, &group, sums + i);
    }
}

/* By each width, so that the compiler knows it. */
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
