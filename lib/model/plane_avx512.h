/* SPDX-License-Identifier: Apache-2.0 */
/* plane_avx512.h - planes of 512 records: what AVX-512 with VBMI and GFNI does in one
 * instruction. Private to lib/model. */

#ifndef MODEL_PLANE_AVX512_H
#define MODEL_PLANE_AVX512_H

#define PLANE_WORDS 8
#include "model/plane_bits_avx512.h"

enum { INDEX_PARTS = 8 };

static inline plane choose(plane right, plane if_right, plane if_left)
{
    enum { IF_THEN_ELSE = 0xCA };
    return (plane)_mm512_ternarylogic_epi64((__m512i)right, (__m512i)if_right,
                                            (__m512i)if_left, IF_THEN_ELSE);
}

/* Indexes as bytes. The 16-byte lane k of part i holds the records of the bytes 16 k + 2
 * i and the next of the planes, as the interleaving of lanes leaves them. Planes are
 * interleaved last first, as the matrix product wants its rows. */
static inline void index_parts(const plane *index, __m512i *parts)
{
    const __m512i *in = (const __m512i *)(const void *)index;
    const __m512i one = _mm512_set1_epi64((long long)0x8040201008040201);
    __m512i a0 = _mm512_unpacklo_epi8(in[7], in[6]);
    __m512i a1 = _mm512_unpackhi_epi8(in[7], in[6]);
    __m512i b0 = _mm512_unpacklo_epi8(in[5], in[4]);
    __m512i b1 = _mm512_unpackhi_epi8(in[5], in[4]);
    __m512i c0 = _mm512_unpacklo_epi8(in[3], in[2]);
    __m512i c1 = _mm512_unpackhi_epi8(in[3], in[2]);
    __m512i d0 = _mm512_unpacklo_epi8(in[1], in[0]);
    __m512i d1 = _mm512_unpackhi_epi8(in[1], in[0]);
    const __m512i low[4] = {_mm512_unpacklo_epi16(a0, b0), _mm512_unpackhi_epi16(a0, b0),
                            _mm512_unpacklo_epi16(a1, b1), _mm512_unpackhi_epi16(a1, b1)};
    const __m512i high[4] = {_mm512_unpacklo_epi16(c0, d0), _mm512_unpackhi_epi16(c0, d0),
                             _mm512_unpacklo_epi16(c1, d1),
                             _mm512_unpackhi_epi16(c1, d1)};
    for (int i = 0; i < 4; i++) {
        parts[2 * i] =
            _mm512_gf2p8affine_epi64_epi8(one, _mm512_unpacklo_epi32(low[i], high[i]), 0);
        parts[2 * i + 1] =
            _mm512_gf2p8affine_epi64_epi8(one, _mm512_unpackhi_epi32(low[i], high[i]), 0);
    }
}

#endif
