/* SPDX-License-Identifier: Apache-2.0 */
/* linear_add.h - what a column adds to the margins of records that follow each other: one
 * addition each, in double, so that every way gives the same bits. Private to lib/model.
 */

#ifndef MODEL_LINEAR_ADD_H
#define MODEL_LINEAR_ADD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LINEAR_CODES = 257
}; /* entries of a table: a byte's, and one for missing values */

/* weight * (float)((x - center) * scale); single: in float. */
struct linear_number {
    double center, scale, weight;
    bool single;
};

struct linear_way {
    bool (*supported)(void);

    /* addends[1] where the bit is 1; the record `i` has bit `first` + i. */
    void (*bits)(const uint8_t *bits, uint32_t first, uint32_t count,
                 const double *addends, double *margins);

    /* addends[code]; no code is `code_end` or more. */
    void (*codes)(const uint8_t *codes, uint32_t count, const double *addends,
                  uint32_t code_end, double *margins);

    void (*numbers)(const float *numbers, uint32_t count,
                    const struct linear_number *number, double *margins);
};

/* The fastest first: the last is for any processor. */
extern const struct linear_way linear_ways[];
extern const size_t linear_way_count;

void linear_bits_portable(const uint8_t *bits, uint32_t first, uint32_t count,
                          const double *addends, double *margins);
void linear_bits_avx2(const uint8_t *bits, uint32_t first, uint32_t count,
                      const double *addends, double *margins);
void linear_bits_avx512(const uint8_t *bits, uint32_t first, uint32_t count,
                        const double *addends, double *margins);
void linear_codes_portable(const uint8_t *codes, uint32_t count, const double *addends,
                           uint32_t code_end, double *margins);
void linear_codes_avx512(const uint8_t *codes, uint32_t count, const double *addends,
                         uint32_t code_end, double *margins);
void linear_numbers_portable(const float *numbers, uint32_t count,
                             const struct linear_number *number, double *margins);
void linear_numbers_avx2(const float *numbers, uint32_t count,
                         const struct linear_number *number, double *margins);
void linear_numbers_avx512(const float *numbers, uint32_t count,
                           const struct linear_number *number, double *margins);

#endif
