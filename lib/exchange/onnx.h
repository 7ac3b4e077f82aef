/* SPDX-License-Identifier: Apache-2.0 */
/* onnx.h - models in ONNX with the operators of ai.onnx.ml, opsets 1 to 5. Functions as
 * in format.h.
 *
 * A graph is followed from its inputs: each tensor is a list of columns, each of which is
 * an input's after imputing, scaling or one-hot encoding, up to an estimator; and from
 * there on a list of scores. Arithmetic is ONNX Runtime's: float32. An operator, or a way
 * to use one, that is not understood is refused by name. */

#ifndef EXCHANGE_ONNX_H
#define EXCHANGE_ONNX_H

#include "exchange/exchange.h"

#include <stdbool.h>

bool onnx_is_model(const uint8_t *bytes, size_t size);

MUST_CHECK enum status onnx_import(const uint8_t *bytes, size_t size,
                                   const struct exchange_options *options,
                                   Chw__Model *model, struct error_text *error);

#endif
