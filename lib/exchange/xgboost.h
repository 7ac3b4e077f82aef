/* SPDX-License-Identifier: Apache-2.0 */
/* xgboost.h - models in XGBoost's JSON and UBJSON, 1.x to 3.x.
 *
 * Margins are XGBoost's to the bit for trees: float32 thresholds compared by `<`, leaf
 * values added in tree order. Every round counts, as in Booster.predict(). */

#ifndef EXCHANGE_XGBOOST_H
#define EXCHANGE_XGBOOST_H

#include "exchange/exchange.h"

#include <stdbool.h>

/* As in format.h. */
bool xgboost_is_json(const uint8_t *bytes, size_t size);
bool xgboost_is_ubjson(const uint8_t *bytes, size_t size);

MUST_CHECK enum status xgboost_import_json(const uint8_t *bytes, size_t size,
                                           const struct exchange_options *options,
                                           Chw__Model *model, struct error_text *error);

MUST_CHECK enum status xgboost_import_ubjson(const uint8_t *bytes, size_t size,
                                             const struct exchange_options *options,
                                             Chw__Model *model, struct error_text *error);

struct xgboost_trees {
    Chw__Trees *trees; /* freed with chw__trees__free_unpacked() */
    Chw__Link link;
};

/* The trees alone, over up to EXCHANGE_INPUTS_MAX inputs, of a model in JSON with one
 * output that splits by numbers. STATUS_MALFORMED: not JSON; STATUS_INVALID: not such a
 * model. Nothing is to be freed then. */
MUST_CHECK enum status xgboost_read_trees(const char *text, size_t size,
                                          struct xgboost_trees *out,
                                          struct error_text *error);

#endif
