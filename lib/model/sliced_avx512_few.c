/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_avx512_few.c - the sliced kernel for few records and processors with AVX-512:
 * planes of half the width are loaded at twice the rate; for other targets nothing. */
#if defined(__AVX512VBMI__) && defined(__AVX512BW__) && defined(__GFNI__)

#define PLANE_WORDS 4
#define SLICED_BLOCK_NAME sliced_block_avx512_few
#include "model/plane_bits_avx512.h"

static inline plane choose(plane right, plane if_right, plane if_left)
{
    enum { IF_THEN_ELSE = 0xCA };
    return (plane)_mm256_ternarylogic_epi64((__m256i)right, (__m256i)if_right,
                                            (__m256i)if_left, IF_THEN_ELSE);
}

#include "model/sliced_leaves_avx512.h"
#include "model/sliced_run.h"

/* Byte 8 i + k is byte 8 k + i. */
static inline __m512i rows_of_bytes(void)
{
    _Alignas(64) uint8_t from[64];
    for (uint8_t i = 0; i < 8; i++)
        for (uint8_t k = 0; k < 8; k++)
            from[8 * i + k] = (uint8_t)(8 * k + i);
    return _mm512_load_si512(from);
}

/* Indexes as bytes, in order; planes last first, as the matrix product wants its rows. */
static inline __m512i index_word(const plane *index, unsigned word)
{
    const __m512i one = _mm512_set1_epi64((long long)0x8040201008040201);
    __m512i planes = _mm512_set_epi64(
        (long long)index[0][word], (long long)index[1][word], (long long)index[2][word],
        (long long)index[3][word], (long long)index[4][word], (long long)index[5][word],
        (long long)index[6][word], (long long)index[7][word]);
    return _mm512_gf2p8affine_epi64_epi8(
        one, _mm512_permutexvar_epi8(rows_of_bytes(), planes), 0);
}

/* Back from the order of four floats of a lane to that of records. */
static void put_in_order(const float *mixed, float *sums)
{
    for (unsigned word = 0; word < PLANE_WORDS; word++)
        for (unsigned i = 0; i < 4; i++)
            for (unsigned lane = 0; lane < 4; lane++)
                memcpy(sums + 64 * word + 16 * lane + 4 * i,
                       mixed + 64 * word + 16 * i + 4 * lane, 4 * sizeof *sums);
}

/* All are the same still. */
static inline void set_sums(__m512 *sums, unsigned words, float value)
{
    for (unsigned i = 0; i < 4 * words; i++)
        sums[i] = _mm512_set1_ps(value);
}

static inline __attribute__((always_inline)) void add_words(const struct sliced_run *self,
                                                            unsigned words, __m512 *sums)
{
    const struct sliced *compiled = self->compiled;
    for (uint32_t i = 0; i < compiled->tree_count; i++) {
        const struct sliced_tree *tree = &compiled->trees[i];
        plane index[SLICED_DEPTH_MAX];
        find_leaf(self, tree, index);
        for (unsigned word = 0; word < words; word++)
            add_found(index_word(index, word), tree,
                      compiled->leaf_bytes + tree->first_byte, sums + 4 * word);
    }
}

/* One word's sums stay in registers. */
static void add_leaves(const struct sliced_run *self, uint32_t count, float *sums)
{
    unsigned words = (count + 63) / 64;
    union {
        __m512 vectors[PLANE_RECORDS / 16];
        float numbers[PLANE_RECORDS];
    } mixed;
    __m512 few[4];
    set_sums(few, 1, sums[0]);
    set_sums(mixed.vectors, PLANE_WORDS, sums[0]);
    if (words == 1) {
        add_words(self, 1, few);
        memcpy(mixed.vectors, few, sizeof few);
    } else {
        add_words(self, words, mixed.vectors);
    }
    put_in_order(mixed.numbers, sums);
}

#else
typedef int sliced_avx512_few_is_empty;
#endif
