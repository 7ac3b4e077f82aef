/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - what the files of lib/model share and nobody else sees. */

#ifndef MODEL_INTERNAL_H
#define MODEL_INTERNAL_H

#include "model/model.h"

/* What loading works out once about a feature of the message. */
struct feature {
    const Chw__Feature *source; /* borrowed from the model's message */
    uint32_t first_input;
    uint32_t input_count;
    double *numbers; /* of the categories' names, NaN where a name is not a number; NULL
                      * for a numeric feature */
};

struct model {
    Chw__Model *message;
    struct digest version;
    struct feature *features; /* one per feature of the message */
    uint32_t input_count;
};

/* Check what model_load() parsed and fill features and input_count. */
MUST_CHECK enum status model_check(struct model *self, struct error_text *error);

/* One record's value of one feature, policies already applied: a number, or the index of
 * a category (its count: the indicator of a missing one), or NaN for what is kept
 * missing. */
struct cell {
    Chw__RecordFault fault;
    float value; /* 0 with a fault */
};

struct bound_feature {
    const struct feature *feature;
    const struct column *column; /* NULL: the batch has none */
    struct cell missing;
    struct cell codes[COLUMNS_CATEGORIES_MAX]; /* of each byte of COLUMN_CODES or bit */
};

struct binding {
    const struct model *model;
    struct bound_feature *features; /* one per feature of the model */
    float *inputs;                  /* of the record being scored */
};

struct cell binding_cell(const struct bound_feature *self, uint32_t row);

#endif
