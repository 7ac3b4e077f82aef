/* SPDX-License-Identifier: Apache-2.0 */
/* linear_add_avx512.c - by AVX-512: the sums of a strip of records stay in registers
 * while its columns pass. Bits are masks, those of missing values too, and a table of up
 * to 32 addends is looked up in registers. */
#if defined(__x86_64__)

#include "model/linear_add_run.h"

#include <immintrin.h>
#include <string.h>

enum { LANES = 8, VECTORS = 8, STRIP = VECTORS * LANES, FEW = 2 * LANES, SOME = 2 * FEW };

struct strip {
    __m512d sums[VECTORS];
};

#define INLINE static inline __attribute__((always_inline))
#define EACH_VECTOR _Pragma("GCC unroll 8") for (int i = 0; i < VECTORS; i++)

INLINE uint64_t load_word(const uint8_t *bits, uint32_t first)
{
    uint64_t word;
    memcpy(&word, bits + first / 8, sizeof word);
    return word;
}

INLINE __mmask8 mask_of(uint64_t word, int vector)
{
    return (__mmask8)(word >> vector * LANES);
}

/* Add what a column's values in a vector say, or what a missing one does. `whole`, that
 * none is missing, is a constant wherever this is inlined. */
INLINE void add_vector(struct strip *self, int i, const struct linear_column *column,
                       uint32_t first, bool whole, __m512d addends)
{
    if (!whole)
        addends = _mm512_mask_blend_pd(mask_of(load_word(column->valid, first), i),
                                       _mm512_set1_pd(column->missing), addends);
    self->sums[i] = _mm512_add_pd(self->sums[i], addends);
}

INLINE void strip_bits(struct strip *self, const struct linear_column *column,
                       uint32_t first, bool whole)
{
    const __m512d zero = _mm512_set1_pd(column->addends[0]);
    const __m512d one = _mm512_set1_pd(column->addends[1]);
    uint64_t word = load_word(column->bytes, first);
    EACH_VECTOR
    add_vector(self, i, column, first, whole,
               _mm512_mask_blend_pd(mask_of(word, i), zero, one));
}

INLINE __m512i load_codes(const uint8_t *codes)
{
    return _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)(const void *)codes));
}

INLINE void strip_few(struct strip *self, const struct linear_column *column,
                      uint32_t first, bool whole)
{
    const uint8_t *codes = column->bytes + first;
    const __m512d low = _mm512_loadu_pd(column->addends);
    const __m512d high = _mm512_loadu_pd(column->addends + LANES);
    EACH_VECTOR
    {
        __m512i at = load_codes(codes + i * LANES);
        add_vector(self, i, column, first, whole, _mm512_permutex2var_pd(low, at, high));
    }
}

INLINE void strip_some(struct strip *self, const struct linear_column *column,
                       uint32_t first, bool whole)
{
    const uint8_t *codes = column->bytes + first;
    const double *addends = column->addends;
    const __m512d a = _mm512_loadu_pd(addends), b = _mm512_loadu_pd(addends + LANES);
    const __m512d c = _mm512_loadu_pd(addends + FEW);
    const __m512d d = _mm512_loadu_pd(addends + FEW + LANES);
    const __m512i few = _mm512_set1_epi64(FEW);
    EACH_VECTOR
    {
        __m512i at = load_codes(codes + i * LANES);
        __m512d low = _mm512_permutex2var_pd(a, at, b);
        __m512d high = _mm512_permutex2var_pd(c, at, d);
        __mmask8 is_high = _mm512_test_epi64_mask(at, few);
        add_vector(self, i, column, first, whole,
                   _mm512_mask_blend_pd(is_high, low, high));
    }
}

INLINE void strip_many(struct strip *self, const struct linear_column *column,
                       uint32_t first, bool whole)
{
    const uint8_t *codes = column->bytes + first;
    EACH_VECTOR
    {
        __m512i at = load_codes(codes + i * LANES);
        add_vector(self, i, column, first, whole,
                   _mm512_i64gather_pd(at, column->addends, 8));
    }
}

INLINE void strip_bytes(struct strip *self, const struct linear_column *column,
                        uint32_t first, bool whole)
{
    if (column->code_end <= FEW)
        strip_few(self, column, first, whole);
    else if (column->code_end <= SOME)
        strip_some(self, column, first, whole);
    else
        strip_many(self, column, first, whole);
}

INLINE void strip_numbers(struct strip *self, const struct linear_column *column,
                          uint32_t first, bool whole)
{
    const struct linear_number *number = &column->number;
    const float *floats = column->floats + first;
    const __m256 center_single = _mm256_set1_ps((float)number->center);
    const __m256 scale_single = _mm256_set1_ps((float)number->scale);
    const __m512d center = _mm512_set1_pd(number->center);
    const __m512d scale = _mm512_set1_pd(number->scale);
    const __m512d weight = _mm512_set1_pd(number->weight);
    EACH_VECTOR
    {
        __m256 x = _mm256_loadu_ps(floats + i * LANES);
        if (number->single)
            x = _mm256_mul_ps(_mm256_sub_ps(x, center_single), scale_single);
        else
            x = _mm512_cvtpd_ps(
                _mm512_mul_pd(_mm512_sub_pd(_mm512_cvtps_pd(x), center), scale));
        add_vector(self, i, column, first, whole,
                   _mm512_mul_pd(weight, _mm512_cvtps_pd(x)));
    }
}

INLINE void strip_addends(struct strip *self, const struct linear_column *column,
                          uint32_t first)
{
    const double *addends = column->addends + (first - column->from);
    EACH_VECTOR
    add_vector(self, i, column, first, true, _mm512_loadu_pd(addends + i * LANES));
}

INLINE void strip_same(struct strip *self, const struct linear_column *column,
                       uint32_t first)
{
    EACH_VECTOR
    add_vector(self, i, column, first, true, _mm512_set1_pd(column->missing));
}

INLINE void strip_column(struct strip *self, const struct linear_column *column,
                         uint32_t first, bool whole)
{
    switch (column->form) {
    case LINEAR_BITS:
        strip_bits(self, column, first, whole);
        break;
    case LINEAR_BYTES:
        strip_bytes(self, column, first, whole);
        break;
    case LINEAR_NUMBERS:
        strip_numbers(self, column, first, whole);
        break;
    case LINEAR_ADDENDS:
        strip_addends(self, column, first);
        break;
    case LINEAR_SAME:
        strip_same(self, column, first);
        break;
    }
}

static void add_strip(const struct linear_column *columns, size_t column_count,
                      double intercept, uint32_t first, double *margins)
{
    struct strip strip;
    EACH_VECTOR strip.sums[i] = _mm512_set1_pd(intercept);
    for (size_t k = 0; k < column_count; k++)
        if (columns[k].valid == NULL)
            strip_column(&strip, &columns[k], first, true);
        else
            strip_column(&strip, &columns[k], first, false);
    EACH_VECTOR _mm512_storeu_pd(margins + i * LANES, strip.sums[i]);
}

/* Bits are masks only where the first has a byte's place. */
void linear_add_avx512(const struct linear_column *columns, size_t column_count,
                       double intercept, uint32_t first, uint32_t count, double *margins)
{
    uint32_t done = 0;
    for (; first % 8 == 0 && done + STRIP <= count; done += STRIP)
        add_strip(columns, column_count, intercept, first + done, margins + done);
    add_by_column(columns, column_count, intercept, first + done, count - done,
                  margins + done);
}

#endif
