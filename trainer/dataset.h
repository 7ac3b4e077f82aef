/* SPDX-License-Identifier: Apache-2.0 */
/* dataset.h - a table in memory as typed feature columns and an outcome.
 *
 * The file is read once. A column's type is the dictionary's, or inferred: numeric where
 * every value is a finite number, else a category. A column in which numbers are the most
 * but not all is refused with the first text's line: a slip of the pen must not turn a
 * measurement into categories. A column of text or whole numbers that differs in every
 * row is refused until it is named an identifier: it would be learnt by heart. */

#ifndef TRAINER_DATASET_H
#define TRAINER_DATASET_H

#include "base/config.h"
#include "base/error_text.h"
#include "base/progress.h"
#include "trainer/dictionary.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DATASET_CATEGORIES_MAX = 255,
    DATASET_MISSING = 255, /* the code of a missing category; NaN for numbers */
    DATASET_ROWS_MIN = 20, /* with a known outcome */
    DATASET_ROWS_MAX = 100000000,
};

struct dataset_request {
    const char *path;     /* .csv or .csv.gz */
    const char *target;   /* column */
    const char *positive; /* value of the target; NULL where it goes without saying */
    const struct config_list *ids, *drops;
    const struct dictionary *dictionary; /* NULL: none */
};

struct dataset_column {
    char *name;
    const struct dictionary_column *declared; /* NULL: nothing; borrowed */
    bool numeric;
    float *values;     /* numeric only, else NULL */
    uint8_t *codes;    /* category only, else NULL */
    char **categories; /* in strcmp() order */
    size_t category_count;
    size_t missing_count;
};

struct dataset {
    struct dataset_column *columns; /* the features, in file order */
    size_t column_count;
    uint64_t *numbers; /* of each row in the file, from 1, ascending */
    uint8_t *outcomes; /* 1: positive */
    size_t row_count;
    size_t positive_count;
    char *positive; /* the target's value that counts as 1 */
    uint64_t rows_read;
    uint64_t target_missing_count; /* rows left out: no outcome */
    uint64_t refused_count; /* rows left out: missing where the dictionary says invalid */
};

/* `error` names what is wrong, where, and what to do. `progress` may be NULL. */
MUST_CHECK enum status dataset_read(const struct dataset_request *request,
                                    struct progress *progress, struct dataset **out,
                                    struct error_text *error);
void dataset_free(struct dataset *self);

static inline bool dataset_is_missing(const struct dataset_column *column, size_t row)
{
    return column->numeric ? isnan(column->values[row])
                           : column->codes[row] == DATASET_MISSING;
}

#endif
