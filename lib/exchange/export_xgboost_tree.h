/* SPDX-License-Identifier: Apache-2.0 */
/* export_xgboost_tree.h - one tree as XGBoost's JSON. Inside lib/exchange only.
 *
 * XGBoost knows a feature's value where we know an input: what scales or imputes it is
 * folded into thresholds and default directions, without a change to where any float32
 * goes. A category's code is split by lists of codes. What XGBoost sends left by a list
 * is what is not in it, so the children of such a node change places. */

#ifndef EXCHANGE_EXPORT_XGBOOST_TREE_H
#define EXCHANGE_EXPORT_XGBOOST_TREE_H

#include "exchange/export_format.h"

/* An ensemble whose margin is `base` + the sum of the leaf values times `scale`. */
struct export_forest {
    const Chw__Trees *trees;
    const struct export_inputs *inputs;
    double scale;
    float base;
};

/* STATUS_INVALID: `error` says what of which node cannot be said. */
MUST_CHECK enum status export_xgboost_tree(const struct export_forest *self, size_t tree,
                                           size_t id, FILE *out,
                                           struct error_text *error);

/* A tree that is one leaf. */
void export_xgboost_leaf(const struct export_forest *self, float value, size_t id,
                         FILE *out);

#endif
