/* SPDX-License-Identifier: Apache-2.0 */
/* linear_add.h - the margins of records that follow each other: the intercept, and what
 * each column adds to it, one addition after the other, in double and in the columns'
 * order, so that every way gives the same bits. Private to lib/model. */

#ifndef MODEL_LINEAR_ADD_H
#define MODEL_LINEAR_ADD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LINEAR_CODES = 256 }; /* entries of a table */

/* weight * (float)((x - center) * scale); single: in float. */
struct linear_number {
    double center, scale, weight;
    bool single;
};

enum linear_form {
    LINEAR_BITS,    /* addends[bit], the lowest bit of a byte first */
    LINEAR_BYTES,   /* addends[byte]; no valid byte is `code_end` or more */
    LINEAR_NUMBERS, /* what `number` makes of a float */
    LINEAR_ADDENDS, /* addends[record - from]: worked out before */
    LINEAR_SAME     /* `missing`, to all */
};

struct linear_column {
    enum linear_form form;
    const uint8_t *bytes;
    const float *floats;
    const double *addends; /* LINEAR_CODES of them, or one for each record `from` one */
    uint32_t from;
    const uint8_t *valid; /* a clear bit: a missing value, which adds `missing`; NULL:
                           * none is. Always NULL for the last two forms */
    double missing;
    uint32_t code_end;
    struct linear_number number;
};

/* The margins of the columns' records `first` to first + count. */
typedef void linear_add_fn(const struct linear_column *columns, size_t column_count,
                           double intercept, uint32_t first, uint32_t count,
                           double *margins);

struct linear_way {
    bool (*supported)(void);

    linear_add_fn *add;
};

/* The fastest first: the last is for any processor. */
extern const struct linear_way linear_ways[];
extern const size_t linear_way_count;

linear_add_fn linear_add_portable, linear_add_avx2, linear_add_avx512;

#endif
