/* SPDX-License-Identifier: Apache-2.0 */
/* split.h - which rows are learnt from and which are held out to judge the model.
 *
 * A row's part is a hash of its feature values and the seed: two rows with the same
 * values are always in the same part, so nobody is judged on what was learnt from a twin,
 * and the order of the rows does not matter. Pure. */

#ifndef TRAINER_SPLIT_H
#define TRAINER_SPLIT_H

#include "base/error_text.h"
#include "trainer/dataset.h"

struct split {
    uint32_t *train, *heldout; /* rows of the data set, ascending */
    size_t train_count, heldout_count;
};

/* About `fraction` (in (0, 1)) of the rows are held out. STATUS_MALFORMED: one part has
 * no rows, or the training part only one outcome. */
MUST_CHECK enum status split_rows(const struct dataset *data, uint64_t seed,
                                  double fraction, struct split **out,
                                  struct error_text *error);
void split_free(struct split *self);

#endif
