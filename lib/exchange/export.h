/* SPDX-License-Identifier: Apache-2.0 */
/* export.h - a model of ours as another tool's: a model's message in, a file's bytes out.
 *
 *   Chw__Model --the format's writer--> bytes that the tool loads
 *
 * What is written predicts as ours does. What would change a prediction and cannot be
 * said in the format is refused by name. Pure. */

#ifndef EXCHANGE_EXPORT_H
#define EXCHANGE_EXPORT_H

#include "base/error_text.h"

#include "model.pb-c.h"

#include <stddef.h>
#include <stdint.h>

/* "xgboost-json", "onnx". */
struct export_format;

/* STATUS_INVALID: there is none by this name; `error` says which there are. */
MUST_CHECK enum status export_format_find(const char *name,
                                          const struct export_format **out,
                                          struct error_text *error);

/* `model` has passed model_load(). *bytes is the caller's to free. STATUS_INVALID: the
 * format cannot say something of the model, `error` names it. */
MUST_CHECK enum status exchange_export(const Chw__Model *model,
                                       const struct export_format *format,
                                       uint8_t **bytes, size_t *size,
                                       struct error_text *error);

#endif
