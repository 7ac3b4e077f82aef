/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_leaves_avx512.h - the leaves of 64 records, found in registers. Private to
 * lib/model/sliced*. */

#ifndef MODEL_SLICED_LEAVES_AVX512_H
#define MODEL_SLICED_LEAVES_AVX512_H

#include "model/sliced.h"

#include <immintrin.h>

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

/* To four vectors of sums: of each 16 records the first four are in the first, ... */
static inline void add_found(__m512i index, const struct sliced_tree *tree,
                             const uint8_t *tables, __m512 *sums)
{
    if (tree->depth <= SLICED_SHALLOW)
        add_few(index, tables, sums);
    else
        add_many(index, tables, sums);
}

#endif
