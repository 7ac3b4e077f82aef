/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_trees.h - ensembles of ONNX as ours. Inside lib/exchange only. */

#ifndef EXCHANGE_ONNX_TREES_H
#define EXCHANGE_ONNX_TREES_H

#include "exchange/onnx_graph.h"
#include "exchange/split_use.h"

enum onnx_mode {
    ONNX_AT_MOST, /* x <= t: yes */
    ONNX_BELOW,
    ONNX_AT_LEAST,
    ONNX_ABOVE,
    ONNX_EQUAL,
    ONNX_UNEQUAL,
    ONNX_MEMBER,
    ONNX_LEAF,
};

struct onnx_tree_node {
    enum onnx_mode mode;
    bool missing_yes;
    uint32_t column, yes, no; /* nodes by index */
    double split;
    float value;                       /* of a leaf, for the output that was asked for */
    bool ours;                         /* a leaf that says something of that output */
    uint32_t first_member, member_end; /* ONNX_MEMBER: in `members` */
};

struct onnx_forest {
    struct onnx_tree_node *nodes;
    uint32_t *roots;
    size_t node_count, tree_count;
    const Chw__Onnx__Tensor *members;
    bool mean;
    double base; /* of the output */
};

bool onnx_is_forest(const onnx_node *node);

/* A classifier's, regressor's or ensemble's trees, leaves being those of one output. */
MUST_CHECK enum status onnx_forest_read(const struct onnx_estimator *estimator,
                                        struct onnx_forest *out,
                                        struct error_text *error);
void onnx_forest_reset(struct onnx_forest *self);

/* Whether a split asks which category, not how large a number. */
bool onnx_asks_category(const struct onnx_tree_node *node);

/* The categories it asks for, which must be codes. */
MUST_CHECK enum status onnx_asked_categories(const struct onnx_estimator *estimator,
                                             const struct onnx_forest *forest,
                                             const struct onnx_tree_node *node,
                                             struct split_use *use, struct split_set *out,
                                             struct error_text *error);

/* `places` are our inputs for the estimator's columns. Trees that say nothing of the
 * output are left out. *out is freed with chw__trees__free_unpacked(). */
MUST_CHECK enum status onnx_forest_build(const struct onnx_estimator *estimator,
                                         const struct onnx_forest *forest,
                                         const uint32_t *places, Chw__Trees **out,
                                         struct error_text *error);

#endif
