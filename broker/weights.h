/* SPDX-License-Identifier: Apache-2.0 */
/* weights.h - how much more than another a region may send, by the paths it lies under.
 *
 * "KE/Kisumu=3" is for KE/Kisumu and all below it, KE/Kisumu/Nyando; the longest path
 * that fits a region decides, and 1 where none does. Each region has the whole weight for
 * itself: it is not shared among those below the path. Pure. */

#ifndef BROKER_WEIGHTS_H
#define BROKER_WEIGHTS_H

#include "base/error_text.h"
#include "wire/header.h"

#include <stddef.h>
#include <stdint.h>

enum { WEIGHT_MAX = 1000 };

struct weight {
    char path[HEADER_REGION_MAX + 1];
    uint32_t weight;
};

struct weights {
    struct weight *items;
    size_t count;
};

/* From texts REGION=N, N from 1 to WEIGHT_MAX. STATUS_INVALID: `error` says which is not.
 */
MUST_CHECK enum status weights_open(struct weights *self, char *const *texts,
                                    size_t count, struct error_text *error);
void weights_close(struct weights *self);

uint32_t weights_find(const struct weights *self, const char *region);

#endif
