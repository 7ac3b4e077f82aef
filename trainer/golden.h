/* SPDX-License-Identifier: Apache-2.0 */
/* golden.h - made-up records with what the model must score them, kept inside the
 * artifact.
 *
 * Each value is taken from a training row of its own, so no record is a real person; one
 * cell in eight is missing, and in the last record all are. Pure. */

#ifndef TRAINER_GOLDEN_H
#define TRAINER_GOLDEN_H

#include "base/error_text.h"
#include "trainer/pipeline.h"

#include "model.pb-c.h"

struct model;

enum { GOLDEN_ROWS = 32 };

/* The scores are `model`'s. *out is freed with chw__golden__free_unpacked(). */
MUST_CHECK enum status golden_make(const struct dataset *data,
                                   const struct pipeline *pipeline, const uint32_t *rows,
                                   size_t row_count, uint64_t seed, Chw__Golden **out);

MUST_CHECK enum status golden_score(Chw__Golden *self, const struct model *model,
                                    struct error_text *error);

#endif
