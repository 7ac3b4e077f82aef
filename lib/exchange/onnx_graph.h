/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_graph.h - what the tensors of a graph hold, as far as a model of ours can say it.
 * Inside lib/exchange only. */

#ifndef EXCHANGE_ONNX_GRAPH_H
#define EXCHANGE_ONNX_GRAPH_H

#include "exchange/exchange.h"
#include "exchange/onnx_node.h"

/* ---- columns ---- */

enum onnx_kind {
    ONNX_NUMBER,    /* an input, then imputed and scaled, if it is */
    ONNX_CATEGORY,  /* an input of texts or whole numbers, as it is */
    ONNX_INDICATOR, /* 1 where the input is the category, else 0 */
    ONNX_CODE,      /* the category's index */
};

/* One column of a tensor, whose rows are records. */
struct onnx_column {
    enum onnx_kind kind;
    uint32_t input; /* the model's: index into onnx_graph.inputs */
    bool imputed, scaled;
    float impute, offset, scale; /* (x - offset) * scale */
    const onnx_node *encoder;    /* of indicators and codes */
    uint32_t category;           /* of an indicator */
};

struct onnx_input {
    char *name;
    bool text, whole; /* of the elements; else numbers */
};

/* ---- scores ---- */

/* An estimator's one output: a margin. */
struct onnx_estimator {
    const onnx_node *node;
    const struct onnx_column *columns;
    size_t column_count;
    uint32_t output; /* class or target */
};

enum onnx_stage {
    ONNX_MARGIN,
    ONNX_EXP,      /* e to the power of it */
    ONNX_LOGISTIC, /* 1 / (1 + e to the power of minus it) */
};

/* weight * stage of (slope * margin + intercept) */
struct onnx_term {
    struct onnx_estimator estimator;
    enum onnx_stage stage;
    double slope, intercept, weight;
};

/* The sum of its terms and a constant. */
struct onnx_score {
    struct onnx_term *terms;
    size_t count;
    double constant;
};

enum onnx_combination {
    ONNX_APART,   /* each score by itself */
    ONNX_SOFTMAX, /* over all of them */
    ONNX_SHARES,  /* each divided by their sum */
};

/* ---- values ---- */

enum onnx_value_type {
    ONNX_COLUMNS,
    ONNX_SCORES,
    ONNX_LABELS, /* of nobody's interest */
    ONNX_CONSTANT,
};

struct onnx_value {
    const char *name;
    enum onnx_value_type type;
    struct onnx_column *columns;
    struct onnx_score *scores;
    size_t count; /* of columns or scores */
    enum onnx_combination combination;
    bool classes;            /* scores are classes' */
    const onnx_node *labels; /* that names them; NULL: their indexes are their names */
    const struct onnx_score *total; /* the one score is the sum of these; else NULL */
    const Chw__Onnx__Tensor *constant;
};

struct onnx_graph {
    const Chw__Onnx__Graph *source;
    struct onnx_input *inputs;
    size_t input_count;
    struct onnx_value *values;
    size_t value_count, value_room;
    void **blocks; /* what onnx_alloc() gave */
    size_t block_count, block_room, bytes;
};

enum {
    ONNX_NODES_MAX = 4096,
    ONNX_CONSTANTS_MAX = 4096,
    ONNX_BYTES_MAX = 1 << 28, /* of columns, scores and names */
};

/* Zeroed; lives as long as the graph. STATUS_FULL: more than ONNX_BYTES_MAX in all. */
MUST_CHECK enum status onnx_alloc(struct onnx_graph *self, size_t count, size_t size,
                                  void *out, struct error_text *error);

/* The value of a node's input, and that it is one of columns or of scores. */
const struct onnx_value *onnx_find(const struct onnx_graph *self, const char *name);
MUST_CHECK enum status onnx_need_columns(const struct onnx_graph *self,
                                         const onnx_node *node, size_t input,
                                         const struct onnx_value **out,
                                         struct error_text *error);
MUST_CHECK enum status onnx_need_scores(const struct onnx_graph *self,
                                        const onnx_node *node, size_t input,
                                        const struct onnx_value **out,
                                        struct error_text *error);
MUST_CHECK enum status onnx_need_constant(const struct onnx_graph *self,
                                          const onnx_node *node, size_t input,
                                          const Chw__Onnx__Tensor **out,
                                          struct error_text *error);

/* Name a node's output; the value's contents are the graph's already. */
MUST_CHECK enum status onnx_put(struct onnx_graph *self, const onnx_node *node,
                                size_t output, struct onnx_value value,
                                struct error_text *error);

/* ---- operators ---- */

typedef enum status onnx_operator(struct onnx_graph *self, const onnx_node *node,
                                  struct error_text *error);

/* onnx_columns.c */
onnx_operator onnx_impute, onnx_scale, onnx_one_hot, onnx_label, onnx_concat, onnx_cast,
    onnx_same, onnx_select, onnx_gather;

/* onnx_estimators.c: from columns to scores */
onnx_operator onnx_linear_classifier, onnx_linear_regressor, onnx_tree_classifier,
    onnx_tree_regressor, onnx_tree_ensemble;

/* onnx_scores.c: from scores to scores */
onnx_operator onnx_normalize, onnx_add, onnx_subtract, onnx_multiply, onnx_divide,
    onnx_exp, onnx_negate, onnx_reciprocal, onnx_sigmoid, onnx_softmax, onnx_sum,
    onnx_total, onnx_arg_max, onnx_zip_map;

/* Make a score of one margin its logistic, whose slope is multiplied. */
bool onnx_make_logistic(struct onnx_score *score, double slope);

/* ---- the model ---- */

/* Features, estimators, link and calibration out of a value of scores. */
MUST_CHECK enum status onnx_build(struct onnx_graph *self, const struct onnx_value *value,
                                  const struct exchange_options *options,
                                  Chw__Model *model, struct error_text *error);

#endif
