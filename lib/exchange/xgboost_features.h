/* SPDX-License-Identifier: Apache-2.0 */
/* xgboost_features.h - what the inputs of XGBoost's models are to a person. Inside
 * lib/exchange only.
 *
 * Names are the model's, or f0, f1, ... where it has none. A feature of type "c" or split
 * by sets is a category; its names are those that the model keeps (since 3.1), else the
 * codes: "0", "1", ... */

#ifndef EXCHANGE_XGBOOST_FEATURES_H
#define EXCHANGE_XGBOOST_FEATURES_H

#include "exchange/document.h"
#include "exchange/split_use.h"

#include "model.pb-c.h"

MUST_CHECK enum status xgboost_add_features(const json_t *learner,
                                            const struct split_use *uses,
                                            size_t input_count,
                                            Chw__MissingPolicy missing, Chw__Model *model,
                                            struct error_text *error);

#endif
