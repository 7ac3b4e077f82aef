/* SPDX-License-Identifier: Apache-2.0 */
/* publish.h - plans in the store: one name, one alias, a version for each. */

#ifndef OPTIMIZER_PUBLISH_H
#define OPTIMIZER_PUBLISH_H

#include "base/error_text.h"
#include "optimizer/allocation.h"
#include "store/store.h"

/* Publishes and makes it the current plan. *news is false where it was that already. */
MUST_CHECK enum status publish_plan(struct store *store, const uint8_t *bytes,
                                    size_t size, struct digest *version, bool *news,
                                    struct error_text *error);

/* The current plan, or the one whose version begins with `prefix`. *bytes is the caller's
 * to free. STATUS_NOT_FOUND: there is none; STATUS_INVALID: several begin so. */
MUST_CHECK enum status publish_find(struct store *store, const char *prefix,
                                    struct digest *version, uint8_t **bytes, size_t *size,
                                    struct error_text *error);

/* Services must be for a target and tiers of the store's program, where there is one.
 * STATUS_MALFORMED: `error` names the service and what there is. */
MUST_CHECK enum status publish_check_program(struct store *store,
                                             const struct allocation *allocation,
                                             struct error_text *error);

#endif
