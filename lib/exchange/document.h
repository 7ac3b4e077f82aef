/* SPDX-License-Identifier: Apache-2.0 */
/* document.h - JSON and UBJSON as the same values: the one home of jansson. Inside
 * lib/exchange only.
 *
 * Both are bounded in depth and values before memory is taken. A number that is not
 * finite (in JSON the words NaN and Infinity, as XGBoost writes them) becomes null. A
 * path is keys with points between them: "learner.objective.name". */

#ifndef EXCHANGE_DOCUMENT_H
#define EXCHANGE_DOCUMENT_H

#include "base/error_text.h"

#include <jansson.h>
#include <stdint.h>

/* *out is freed with json_decref(). STATUS_MALFORMED; STATUS_FULL: beyond a limit. */
MUST_CHECK enum status document_read_json(const uint8_t *bytes, size_t size, json_t **out,
                                          struct error_text *error);
MUST_CHECK enum status document_read_ubjson(const uint8_t *bytes, size_t size,
                                            json_t **out, struct error_text *error);

/* NULL: nothing there. */
const json_t *document_find(const json_t *root, const char *path);

/* STATUS_INVALID: something else or nothing is there. */
MUST_CHECK enum status document_text(const json_t *root, const char *path,
                                     const char **out, struct error_text *error);
MUST_CHECK enum status document_list(const json_t *root, const char *path,
                                     const json_t **out, struct error_text *error);

/* A whole number from 0 to max in a text, as XGBoost writes its parameters; `absent`
 * where there is none. */
MUST_CHECK enum status document_count(const json_t *root, const char *path, size_t max,
                                      size_t absent, size_t *out,
                                      struct error_text *error);

#endif
