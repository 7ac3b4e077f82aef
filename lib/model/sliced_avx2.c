/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_avx2.c - the sliced kernel for processors with AVX2; for other targets nothing.
 */
#ifdef __AVX2__

#define PLANE_WORDS 4
#define SLICED_BLOCK_NAME sliced_block_avx2
#include "model/plane.h"

#include <immintrin.h>

static plane bit_plane(const uint8_t *bytes, unsigned bit)
{
    union {
        plane plane;
        uint32_t parts[8];
    } out;
    for (int i = 0; i < 8; i++) {
        __m256i part = _mm256_load_si256((const __m256i *)(const void *)(bytes + 32 * i));
        out.parts[i] =
            (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(part, (int)(7 - bit)));
    }
    return out.plane;
}

static plane equal_plane(const uint8_t *bytes, uint8_t value)
{
    union {
        plane plane;
        uint32_t parts[8];
    } out;
    __m256i wanted = _mm256_set1_epi8((char)value);
    for (int i = 0; i < 8; i++) {
        __m256i part = _mm256_load_si256((const __m256i *)(const void *)(bytes + 32 * i));
        out.parts[i] = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(part, wanted));
    }
    return out.plane;
}

static inline plane choose(plane right, plane if_right, plane if_left)
{
    return (right & if_right) | (~right & if_left);
}

#include "model/sliced_run.h"

/* ---- leaves of trees of depth 6 or less, found in registers ---- */

/* Eight transpositions at once. */
static inline __m256i transpose4(__m256i x)
{
    __m256i t = _mm256_and_si256(_mm256_xor_si256(x, _mm256_srli_epi64(x, 7)),
                                 _mm256_set1_epi64x(0x00AA00AA00AA00AALL));
    x = _mm256_xor_si256(_mm256_xor_si256(x, t), _mm256_slli_epi64(t, 7));
    t = _mm256_and_si256(_mm256_xor_si256(x, _mm256_srli_epi64(x, 14)),
                         _mm256_set1_epi64x(0x0000CCCC0000CCCCLL));
    x = _mm256_xor_si256(_mm256_xor_si256(x, t), _mm256_slli_epi64(t, 14));
    t = _mm256_and_si256(_mm256_xor_si256(x, _mm256_srli_epi64(x, 28)),
                         _mm256_set1_epi64x(0x00000000F0F0F0F0LL));
    return _mm256_xor_si256(_mm256_xor_si256(x, t), _mm256_slli_epi64(t, 28));
}

/* Indexes as bytes: part i holds records 16 i to 16 i + 15 in its lower half and those
 * 128 later in its upper one, as the interleaving of halves leaves them. */
static inline void index_parts(const plane *index, __m256i *parts)
{
    const __m256i *in = (const __m256i *)(const void *)index;
    __m256i a0 = _mm256_unpacklo_epi8(in[0], in[1]);
    __m256i a1 = _mm256_unpackhi_epi8(in[0], in[1]);
    __m256i b0 = _mm256_unpacklo_epi8(in[2], in[3]);
    __m256i b1 = _mm256_unpackhi_epi8(in[2], in[3]);
    __m256i c0 = _mm256_unpacklo_epi8(in[4], in[5]);
    __m256i c1 = _mm256_unpackhi_epi8(in[4], in[5]);
    __m256i zero = _mm256_setzero_si256();
    const __m256i low[4] = {_mm256_unpacklo_epi16(a0, b0), _mm256_unpackhi_epi16(a0, b0),
                            _mm256_unpacklo_epi16(a1, b1), _mm256_unpackhi_epi16(a1, b1)};
    const __m256i high[4] = {
        _mm256_unpacklo_epi16(c0, zero), _mm256_unpackhi_epi16(c0, zero),
        _mm256_unpacklo_epi16(c1, zero), _mm256_unpackhi_epi16(c1, zero)};
    for (int i = 0; i < 4; i++) {
        parts[2 * i] = transpose4(_mm256_unpacklo_epi32(low[i], high[i]));
        parts[2 * i + 1] = transpose4(_mm256_unpackhi_epi32(low[i], high[i]));
    }
}

/* One byte of the leaves of 32 records: 64 entries in four registers. */
static inline __m256i look_up(__m256i index, const uint8_t *bytes, int byte)
{
    __m256i low = _mm256_and_si256(index, _mm256_set1_epi8(15));
    __m256i bit4 = _mm256_slli_epi16(index, 3), bit5 = _mm256_slli_epi16(index, 2);
    __m256i found[4];
    for (int group = 0; group < 4; group++)
        found[group] = _mm256_shuffle_epi8(
            _mm256_broadcastsi128_si256(_mm_load_si128(
                (const __m128i *)(const void *)(bytes + byte * 64 + group * 16))),
            low);
    return _mm256_blendv_epi8(_mm256_blendv_epi8(found[0], found[1], bit4),
                              _mm256_blendv_epi8(found[2], found[3], bit4), bit5);
}

static inline void add_part(__m256i index, const uint8_t *bytes, __m256 *sums)
{
    __m256i byte0 = look_up(index, bytes, 0), byte1 = look_up(index, bytes, 1);
    __m256i byte2 = look_up(index, bytes, 2), byte3 = look_up(index, bytes, 3);
    __m256i low0 = _mm256_unpacklo_epi8(byte0, byte1);
    __m256i low1 = _mm256_unpackhi_epi8(byte0, byte1);
    __m256i high0 = _mm256_unpacklo_epi8(byte2, byte3);
    __m256i high1 = _mm256_unpackhi_epi8(byte2, byte3);
    const __m256i leaves[4] = {
        _mm256_unpacklo_epi16(low0, high0), _mm256_unpackhi_epi16(low0, high0),
        _mm256_unpacklo_epi16(low1, high1), _mm256_unpackhi_epi16(low1, high1)};
    for (int i = 0; i < 4; i++)
        sums[i] = _mm256_add_ps(sums[i], _mm256_castsi256_ps(leaves[i]));
}

/* Back from the order of parts to that of records. */
static void put_in_order(const float *mixed, float *sums)
{
    for (unsigned part = 0; part < 8; part++)
        for (unsigned i = 0; i < 4; i++)
            for (unsigned k = 0; k < 4; k++) {
                sums[16 * part + 4 * i + k] = mixed[32 * part + 8 * i + k];
                sums[128 + 16 * part + 4 * i + k] = mixed[32 * part + 8 * i + 4 + k];
            }
}

static void add_shallow_leaves(const struct sliced_run *self, float *sums)
{
    const struct sliced *compiled = self->compiled;
    union {
        __m256 vectors[PLANE_RECORDS / 8];
        float numbers[PLANE_RECORDS];
    } mixed;
    for (unsigned i = 0; i < PLANE_RECORDS / 8; i++)
        mixed.vectors[i] = _mm256_set1_ps(sums[0]); /* all are the same still */
    for (uint32_t i = 0; i < compiled->tree_count; i++) {
        plane index[SLICED_DEPTH_MAX];
        __m256i parts[8];
        find_leaf(self, &compiled->trees[i], index);
        index_parts(index, parts);
        for (int part = 0; part < 8; part++)
            add_part(parts[part], compiled->leaf_bytes + (size_t)i * 256,
                     mixed.vectors + 4 * part);
    }
    put_in_order(mixed.numbers, sums);
}

static void add_leaves(const struct sliced_run *self, uint32_t count, float *sums)
{
    if (self->compiled->shallow)
        add_shallow_leaves(self, sums);
    else
        add_leaves_by_byte(self, count, sums);
}

#else
typedef int sliced_avx2_is_empty;
#endif
