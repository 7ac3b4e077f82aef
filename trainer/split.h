/* SPDX-License-Identifier: Apache-2.0 */
/* split.h - which rows are learnt from, which say when to stop learning, and which are
 * held out to judge the model.
 *
 * A row's part is a hash of its feature values and the seed: two rows with the same
 * values are always in the same part, so nobody is judged on what was learnt from a twin,
 * and the order of the rows does not matter. Pure. */

#ifndef TRAINER_SPLIT_H
#define TRAINER_SPLIT_H

#include "base/error_text.h"
#include "trainer/dataset.h"

struct split_request {
    uint64_t seed;
    double heldout;    /* part of all rows, in (0, 1) */
    double validation; /* part of those not held out, in [0, 1); 0: none */
};

struct split {
    uint32_t *train, *validation, *heldout; /* rows of the data set, ascending */
    size_t train_count, validation_count, heldout_count;
};

/* Parts are about as large as asked; the held-out part does not depend on `validation`.
 * STATUS_MALFORMED: a part that was asked for has no rows, or the training part only one
 * outcome. */
MUST_CHECK enum status split_rows(const struct dataset *data,
                                  const struct split_request *request, struct split **out,
                                  struct error_text *error);
void split_free(struct split *self);

#endif
