/* SPDX-License-Identifier: Apache-2.0 */
/* linear_add.h - what columns add to the margins of records that follow each other: one
 * addition for each column, in double and in the columns' order, so that every way gives
 * the same bits. Private to lib/model. */

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

enum linear_form {
    LINEAR_BITS,   /* addends[bit], the lowest bit of a byte first */
    LINEAR_BYTES,  /* addends[byte]; no byte is `code_end` or more */
    LINEAR_NUMBERS /* what `number` makes of a float */
};

struct linear_column {
    enum linear_form form;
    const uint8_t *bytes;
    const float *floats;
    const double *addends; /* LINEAR_CODES of them */
    uint32_t code_end;
    struct linear_number number;
};

struct linear_way {
    bool (*supported)(void);

    /* Of the columns' records `first` to first + count to margins[0] and on. */
    void (*add)(const struct linear_column *columns, size_t column_count, uint32_t first,
                uint32_t count, double *margins);
};

/* The fastest first: the last is for any processor. */
extern const struct linear_way linear_ways[];
extern const size_t linear_way_count;

void linear_add_portable(const struct linear_column *columns, size_t column_count,
                         uint32_t first, uint32_t count, double *margins);
void linear_add_avx2(const struct linear_column *columns, size_t column_count,
                     uint32_t first, uint32_t count, double *margins);
void linear_add_avx512(const struct linear_column *columns, size_t column_count,
                       uint32_t first, uint32_t count, double *margins);

#endif
