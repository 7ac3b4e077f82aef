/* SPDX-License-Identifier: Apache-2.0 */
/* distinct.h - whether any text came twice: what tells an identifier from a feature.
 *
 * Keeps a 64-bit hash of each text until the first repetition. Two texts with the same
 * hash count as a repetition, which is less likely than one in 10^8 for a million rows.
 * Pure. */

#ifndef TRAINER_DISTINCT_H
#define TRAINER_DISTINCT_H

#include "base/status.h"

#include <stdbool.h>

struct distinct;

/* Returns NULL when out of memory. */
struct distinct *distinct_new(void);
void distinct_free(struct distinct *self);

/* STATUS_NOMEM: nothing was added. */
MUST_CHECK enum status distinct_add(struct distinct *self, const char *text);

/* True as long as no text came twice. */
bool distinct_holds(const struct distinct *self);

#endif
