/* SPDX-License-Identifier: Apache-2.0 */
/* model_export.h - a version in the store becomes a file of another tool. */

#ifndef CLIENT_MODEL_EXPORT_H
#define CLIENT_MODEL_EXPORT_H

#include "base/error_text.h"
#include "model/model.h"

struct export_format;

struct model_export {
    const struct export_format *format;
    const char *file; /* written whole or not at all; one that is there is replaced */
};

/* STATUS_INVALID: there is no such format, or a NULL where something has to be said. */
MUST_CHECK enum status model_export_format(struct model_export *self, const char *name,
                                           struct error_text *error);

/* Prints what was written. STATUS_MALFORMED: `error` says what the format cannot say. */
MUST_CHECK enum status model_export_run(const struct model_export *self,
                                        const struct model *model,
                                        struct error_text *error);

#endif
