/* SPDX-License-Identifier: Apache-2.0 */
/* lightgbm.h - models in LightGBM's text, versions 2 to 4. Functions as in format.h.
 *
 * Splits are LightGBM's for every float32 value. It adds its leaves in double and we in
 * float32, so that margins agree to about 1e-6. Every round counts. */

#ifndef EXCHANGE_LIGHTGBM_H
#define EXCHANGE_LIGHTGBM_H

#include "exchange/exchange.h"

#include <stdbool.h>

bool lightgbm_is_text(const uint8_t *bytes, size_t size);

MUST_CHECK enum status lightgbm_import_text(const uint8_t *bytes, size_t size,
                                            const struct exchange_options *options,
                                            Chw__Model *model, struct error_text *error);

#endif
