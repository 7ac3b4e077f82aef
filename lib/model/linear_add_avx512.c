/* SPDX-License-Identifier: Apache-2.0 */
/* linear_add_avx512.c - by AVX-512: bits are masks, and a table of up to 32 addends is
 * looked up in registers. */
#if defined(__x86_64__)

#define LINEAR_NAME(name) name##_avx512
#include "model/linear_add_run.h"

#include <immintrin.h>

enum { LANES = 8, FEW = 2 * LANES, SOME = 2 * FEW };

static inline void add_at(double *margins, __m512d addend)
{
    _mm512_storeu_pd(margins, _mm512_add_pd(_mm512_loadu_pd(margins), addend));
}

void linear_bits_avx512(const uint8_t *bits, uint32_t first, uint32_t count,
                        const double *addends, double *margins)
{
    const __m512d zero = _mm512_set1_pd(addends[0]), one = _mm512_set1_pd(addends[1]);
    const uint8_t *masks = bits + first / LANES;
    size_t groups = first % LANES == 0 ? count / LANES : 0;
    for (size_t i = 0; i < groups; i++)
        add_at(margins + i * LANES, _mm512_mask_blend_pd(masks[i], zero, one));
    for (uint32_t i = (uint32_t)groups * LANES; i < count; i++)
        margins[i] += addends[bits[(first + i) / 8] >> (first + i) % 8 & 1];
}

static inline __m512i load_codes(const uint8_t *codes)
{
    return _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)(const void *)codes));
}

/* Of LANES records each: how many were added. */
static uint32_t add_few(const uint8_t *codes, uint32_t count, const double *addends,
                        double *margins)
{
    const __m512d low = _mm512_loadu_pd(addends);
    const __m512d high = _mm512_loadu_pd(addends + LANES);
    uint32_t i = 0;
    for (; i + LANES <= count; i += LANES)
        add_at(margins + i, _mm512_permutex2var_pd(low, load_codes(codes + i), high));
    return i;
}

static uint32_t add_some(const uint8_t *codes, uint32_t count, const double *addends,
                         double *margins)
{
    const __m512d a = _mm512_loadu_pd(addends), b = _mm512_loadu_pd(addends + LANES);
    const __m512d c = _mm512_loadu_pd(addends + FEW);
    const __m512d d = _mm512_loadu_pd(addends + FEW + LANES);
    const __m512i few = _mm512_set1_epi64(FEW);
    uint32_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        __m512i at = load_codes(codes + i);
        __m512d low = _mm512_permutex2var_pd(a, at, b);
        __m512d high = _mm512_permutex2var_pd(c, at, d);
        add_at(margins + i,
               _mm512_mask_blend_pd(_mm512_test_epi64_mask(at, few), low, high));
    }
    return i;
}

void linear_codes_avx512(const uint8_t *codes, uint32_t count, const double *addends,
                         uint32_t code_end, double *margins)
{
    uint32_t i = 0;
    if (code_end <= FEW)
        i = add_few(codes, count, addends, margins);
    else if (code_end <= SOME)
        i = add_some(codes, count, addends, margins);
    for (; i < count; i++)
        margins[i] += addends[codes[i]];
}

#endif
