/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - what the files of lib/model share and nobody else sees. */

#ifndef MODEL_INTERNAL_H
#define MODEL_INTERNAL_H

#include "model/model.h"

struct explained_leaves;
struct kernel_type;

/* What loading works out once about a feature of the message. */
struct feature {
    const Chw__Feature *source; /* borrowed from the model's message */
    uint32_t first_input;
    uint32_t input_count;
    uint32_t rank; /* of its name among all */
    uint64_t
        *beginnings; /* of the categories' names, to be compared first; NULL as below */
    double *numbers; /* of the categories' names, NaN where a name is not a number; NULL
                      * for a numeric feature */
};

/* The first eight bytes of a text, fewer where it ends before. */
uint64_t text_beginning(const char *text);

/* What makes a probability of a margin. */
struct output {
    Chw__Link link;
    const Chw__Platt *platt;       /* NULL: none */
    const Chw__Isotonic *isotonic; /* NULL: none */
};

enum { KERNELS_MAX = 5 };

/* One of the estimators that a model combines; most have one. All borrowed from the
 * model's message. */
struct part {
    Chw__Linear *linear; /* this or trees */
    Chw__Trees *trees;
    struct output output;
    struct compiled_kernel {
        const struct kernel_type *type;
        void *compiled;
    } kernels[KERNELS_MAX]; /* for few records first */
    size_t kernel_count;
    _Atomic(struct explained_leaves *) explained; /* NULL: nobody has asked yet */
};

struct model {
    Chw__Model *message;
    struct digest version;
    struct feature *features; /* one per feature of the message */
    uint32_t input_count;
    struct part *parts;
    size_t part_count;
    struct output output; /* of what the parts give together */
};

/* Check what model_load() parsed and fill features and input_count. */
MUST_CHECK enum status model_check(struct model *self, struct error_text *error);

/* The same for an ensemble; `nodes` is added to. */
MUST_CHECK enum status model_check_trees(const struct model *self,
                                         const Chw__Trees *trees, size_t *nodes,
                                         struct error_text *error);

/* Fill parts and output. */
MUST_CHECK enum status parts_describe(struct model *self);

/* NaN where the margin is. Of many the margins are calibrated in place. */
float output_probability(const struct output *self, double margin);
void output_probabilities(const struct output *self, double *margins, uint32_t count,
                          float *out);

/* The model's margins, in place of those of its first part; those of part after part are
 * `stride` apart. */
void parts_combine(const struct model *self, double *margins, size_t stride,
                   uint32_t count);

/* The feature that an input belongs to: index into features. */
uint32_t model_feature_of(const struct model *self, uint32_t input);

/* What a category that is none of the names is: the class after the last one. */
uint32_t feature_other(const Chw__Feature *self);

/* One record's value of one feature, policies already applied: a number, or the index of
 * a category (its count: the indicator of a missing one; feature_other()), or NaN for
 * what is kept missing. */
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
    struct cell *codes; /* of the first code_count codes of COLUMN_CODES, or bits */
    uint32_t code_count;
};

/* Of a part's kernels; NULL: nothing was scored by it yet. */
struct part_runs {
    void *runs[KERNELS_MAX];
};

struct binding {
    const struct model *model;
    uint32_t rows;                  /* of the batch */
    struct bound_feature *features; /* one per feature of the model */
    struct cell *codes;             /* of all of them */
    struct cell *own_codes;         /* the same where they are apart, else NULL */
    float *inputs;                  /* of the record being scored */
    double *margins;                /* of a block, part after part, so many each: */
    size_t margin_count;
    struct part_runs *parts;
};

struct cell binding_cell(const struct bound_feature *self, uint32_t row);

/* Of a code of COLUMN_CODES, or a bit. */
struct cell binding_code(const struct bound_feature *self, uint32_t code);

/* The first feature at fault of each record, as the reference scorer finds it; whether
 * any is. */
bool binding_faults(const struct binding *self, uint32_t first, uint32_t count,
                    struct record_fault *faults);

#endif
