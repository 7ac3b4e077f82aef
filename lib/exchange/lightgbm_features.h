/* SPDX-License-Identifier: Apache-2.0 */
/* lightgbm_features.h - what the inputs of LightGBM's models are to a person. Inside
 * lib/exchange only.
 *
 * A feature split by sets, or with a list of codes in feature_infos ("0:1:2" where a
 * number has "[min:max]"), is a category. Its names are those that pandas had, where the
 * file ends with them, else the codes: "0", "1", ... */

#ifndef EXCHANGE_LIGHTGBM_FEATURES_H
#define EXCHANGE_LIGHTGBM_FEATURES_H

#include "exchange/lightgbm_tree.h"

/* `head`: the lines before the trees; `tail`: the text behind them. */
MUST_CHECK enum status lightgbm_add_features(const struct span *head,
                                             const struct span *tail,
                                             const struct lightgbm_forest *forest,
                                             Chw__Model *model, struct error_text *error);

#endif
