/* SPDX-License-Identifier: Apache-2.0 */
/* expectation.h - does a model score the rows of a table as a column of it says? The rows
 * go the way that `chw score` sends them: the same batches, the same binding, the kernel
 * that serves. */

#ifndef CLIENT_EXPECTATION_H
#define CLIENT_EXPECTATION_H

#include "base/error_text.h"
#include "model/model.h"

#include <stdint.h>

struct expectation {
    const char *path;   /* .csv or .csv.gz with the model's columns */
    const char *column; /* of it: each row's probability */
    double tolerance;   /* the largest difference that is allowed */
};

struct expectation_result {
    uint64_t rows;
    double difference; /* the largest */
    uint64_t row;      /* where it is, from 1 */
};

/* STATUS_CORRUPT: a row differs by more than the tolerance or is invalid; `error` names
 * the first such row and how many there are. STATUS_MALFORMED: a row has no expected
 * number, or there are no rows. STATUS_NOT_FOUND: no such file, or it lacks a column. */
MUST_CHECK enum status expectation_check(const struct expectation *self,
                                         const struct model *model,
                                         struct expectation_result *out,
                                         struct error_text *error);

#endif
