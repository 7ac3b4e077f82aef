/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h - what the library and chw score know of a batch beyond chw.h. Pure. */

#ifndef CLIENT_BATCH_H
#define CLIENT_BATCH_H

#include "base/status.h"
#include "client/chw.h"

#include <stddef.h>
#include <stdint.h>

const char *batch_region(const struct chw_batch *self);
int32_t batch_as_of(const struct chw_batch *self);

/* Would chw_batch_category() find room for `name`? */
bool batch_has_room(const struct chw_batch *self, size_t column, const char *name);

/* An upper bound of the body's size. */
size_t batch_size_max(const struct chw_batch *self);

/* The body of SCORE: the same cells give the same bytes. *bytes is the caller's to free.
 */
MUST_CHECK enum status batch_encode(const struct chw_batch *self, uint8_t **bytes,
                                    size_t *size);

#endif
