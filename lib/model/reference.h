/* SPDX-License-Identifier: Apache-2.0 */
/* reference.h - the reference evaluation: what every kernel must equal to the bit.
 * Private to lib/model. */

#ifndef MODEL_REFERENCE_H
#define MODEL_REFERENCE_H

#include "model/internal.h"

/* Fill self->inputs with those of the record, up to the first feature at fault, which it
 * returns. */
struct record_fault reference_read(const struct binding *self, uint32_t row);

/* A part's margin of what was read; NaN where the inputs leave no number. */
double reference_margin(const struct binding *self, size_t part);

#endif
