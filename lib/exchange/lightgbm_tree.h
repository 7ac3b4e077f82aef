/* SPDX-License-Identifier: Apache-2.0 */
/* lightgbm_tree.h - one tree of LightGBM's text. Inside lib/exchange only.
 *
 * LightGBM compares a double by `<=`, we a float32 by `<`: the threshold becomes the
 * float32 next above the largest one that is not above it, which splits all float32
 * values alike. */

#ifndef EXCHANGE_LIGHTGBM_TREE_H
#define EXCHANGE_LIGHTGBM_TREE_H

#include "exchange/section.h"
#include "exchange/split_use.h"

#include "model.pb-c.h"

/* What the nodes say about missing values of an input. */
struct lightgbm_missing {
    bool zero, other;
};

struct lightgbm_forest {
    Chw__Trees *trees; /* the class's: takes the tree */
    struct split_use *uses;
    struct lightgbm_missing *missing;
    size_t input_count;
    size_t nodes_left; /* that may still be read */
};

/* The lines after "Tree=N". STATUS_INVALID, STATUS_FULL: `error` says what of which node.
 */
MUST_CHECK enum status lightgbm_tree_read(struct lightgbm_forest *self,
                                          const struct span *section,
                                          struct error_text *error);

/* The float32 t so that x < t exactly where x <= threshold, for every float32 x. */
float lightgbm_threshold(double threshold);

#endif
