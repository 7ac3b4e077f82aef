/* SPDX-License-Identifier: Apache-2.0 */
/* model_source.h - which version a person means by NAME, NAME@ALIAS or the first letters
 * of a version. */

#ifndef CLIENT_MODEL_SOURCE_H
#define CLIENT_MODEL_SOURCE_H

#include "base/error_text.h"
#include "store/store.h"

enum { VERSION_PREFIX_MIN = 6 };

/* "chd@champion": where the alias is. "chd": its newest version. "3fa9c1": the one
 * version that begins so, at least six letters. `name` NULL: of any name.
 * STATUS_NOT_FOUND: none; STATUS_INVALID: several, or not one of the three; `error` says
 * what there is. */
MUST_CHECK enum status model_source_find(struct store *store, const char *name,
                                         const char *source, struct artifact *out,
                                         struct error_text *error);

/* All models of the store, newest first, or of `name`; *artifacts is the caller's to
 * free. */
MUST_CHECK enum status model_source_list(struct store *store, const char *name,
                                         struct artifact **artifacts, size_t *count,
                                         struct error_text *error);

#endif
