/* SPDX-License-Identifier: Apache-2.0 */
/* plane_bits_avx512.h - planes of bytes by AVX-512's masks, 64 records at a time; who
 * includes it has set PLANE_WORDS. Private to lib/model. */

#ifndef MODEL_PLANE_BITS_AVX512_H
#define MODEL_PLANE_BITS_AVX512_H

#include "model/plane.h"

#include <immintrin.h>

static inline plane bit_plane(const uint8_t *bytes, unsigned bit)
{
    plane out;
    __m512i mask = _mm512_set1_epi8((char)(1U << bit));
    for (unsigned i = 0; i < PLANE_WORDS; i++)
        out[i] = _mm512_test_epi8_mask(_mm512_load_si512(bytes + 64 * i), mask);
    return out;
}

static inline plane equal_plane(const uint8_t *bytes, uint8_t value)
{
    plane out;
    __m512i wanted = _mm512_set1_epi8((char)value);
    for (unsigned i = 0; i < PLANE_WORDS; i++)
        out[i] = _mm512_cmpeq_epi8_mask(_mm512_load_si512(bytes + 64 * i), wanted);
    return out;
}

#endif
