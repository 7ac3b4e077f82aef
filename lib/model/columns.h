/* SPDX-License-Identifier: Apache-2.0 */
/* columns.h - a checked view of a batch's typed columns.
 *
 * The view borrows the protobuf message. After columns_view() every length fits the
 * number of rows, names are unique, and the codes of valid records lie below the category
 * count. Pure. */

#ifndef MODEL_COLUMNS_H
#define MODEL_COLUMNS_H

#include "base/error_text.h"

#include "batch.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    COLUMNS_ROWS_MAX = 65536,
    COLUMNS_COUNT_MAX = 4096,
    COLUMNS_NAME_MAX = 255,
    COLUMNS_CATEGORIES_MAX = 256,
};

enum column_type { COLUMN_BITMAP, COLUMN_CODES, COLUMN_FLOATS };

struct column {
    const char *name;
    enum column_type type;
    const uint8_t *bytes;      /* BITMAP: bits; CODES: codes; else NULL */
    const float *floats;       /* FLOATS, else NULL */
    char *const *categories;   /* NULL where the column holds numbers */
    size_t category_count;     /* 0 where the column holds numbers */
    const uint8_t *valid;      /* NULL: every record has a value */
    const uint8_t *unreadable; /* NULL: none */
};

struct columns {
    uint32_t rows;
    size_t count;
    struct column *items; /* by name, ascending; owned */
};

/* STATUS_INVALID: `error` names the column and what is wrong with it (zero or too many
 * rows, a length that does not fit, a name twice, no values, a code without a category).
 * Nothing is to be released then. */
MUST_CHECK enum status columns_view(const Chw__Batch *batch, struct columns *out,
                                    struct error_text *error);
void columns_release(struct columns *self);

/* NULL: there is no such column. `guess`: where it is among the columns' sorted names, if
 * it is there. */
const struct column *columns_find(const struct columns *self, const char *name);
const struct column *columns_find_at(const struct columns *self, const char *name,
                                     size_t guess);

static inline bool bitmap_test(const uint8_t *bits, size_t row)
{
    return bits[row / 8] >> (row % 8) & 1;
}

#endif
