/* SPDX-License-Identifier: Apache-2.0 */
/* xgboost_tree.h - one tree of XGBoost's documents. Inside lib/exchange only.
 *
 * Nodes are renumbered so that siblings are neighbours; those that no path reaches are
 * left out. What XGBoost sends left by a set is what is not in it, so the children of
 * such a node change places. */

#ifndef EXCHANGE_XGBOOST_TREE_H
#define EXCHANGE_XGBOOST_TREE_H

#include "exchange/document.h"
#include "exchange/split_use.h"

#include "model.pb-c.h"

/* What trees are read with. */
struct xgboost_forest {
    Chw__Trees *trees; /* the class's: takes the tree */
    float weight;      /* of the leaf values */
    struct split_use *uses;
    size_t input_count;
    size_t nodes_left; /* that may still be read */
};

/* STATUS_INVALID, STATUS_FULL: `error` says what of which node. */
MUST_CHECK enum status xgboost_tree_read(struct xgboost_forest *self, const json_t *json,
                                         struct error_text *error);

#endif
