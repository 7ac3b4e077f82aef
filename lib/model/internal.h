/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - what the files of lib/model share and nobody else sees. */

#ifndef MODEL_INTERNAL_H
#define MODEL_INTERNAL_H

#include "model/model.h"

struct kernel_type;

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
    const struct kernel_type *kernel; /* NULL: the reference scorer */
    void *compiled;                   /* by it */
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

/* Which cells of a column may be at fault. */
enum bound_faults {
    FAULTS_NEVER,
    FAULTS_NAN, /* only a NaN */
    FAULTS_ANY, /* look at each */
};

struct bound_feature {
    const struct feature *feature;
    const struct column *column; /* NULL: the batch has none */
    enum bound_faults faults;
    struct cell missing;
    struct cell codes[COLUMNS_CATEGORIES_MAX]; /* of each byte of COLUMN_CODES or bit */
};

struct binding {
    const struct model *model;
    struct bound_feature *features; /* one per feature of the model */
    float *inputs;                  /* of the record being scored */
    void *run;                      /* of the model's kernel, if it has one */
};

struct cell binding_cell(const struct bound_feature *self, uint32_t row);

/* The first feature at fault of each record, as the reference scorer finds it. */
void binding_faults(const struct binding *self, uint32_t first, uint32_t count,
                    struct record_fault *faults);

#endif
