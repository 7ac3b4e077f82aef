/* SPDX-License-Identifier: Apache-2.0 */
/* xgboost_json.h - a model in XGBoost's JSON (1.x to 3.x) as our trees: the one home of
 * jansson.
 *
 * Understood are gradient-boosted trees with one output. What would change a margin and
 * is not understood is refused by name. The margins of what is read are XGBoost's to the
 * bit: float32 thresholds compared by `<`, leaf values added in tree order. Nodes are
 * renumbered so that siblings are neighbours; those that no path reaches are left out.
 * Pure. */

#ifndef TRAINER_XGBOOST_JSON_H
#define TRAINER_XGBOOST_JSON_H

#include "base/error_text.h"

#include "model.pb-c.h"

#include <stddef.h>

struct xgboost_model {
    Chw__Trees *trees; /* freed with chw__trees__free_unpacked() */
    Chw__Link link;
};

/* STATUS_MALFORMED: not JSON; STATUS_INVALID: not a model that is understood. `error`
 * says what and where. Nothing is to be freed then. */
MUST_CHECK enum status xgboost_json_read(const char *text, size_t size,
                                         struct xgboost_model *out,
                                         struct error_text *error);

#endif
