/* SPDX-License-Identifier: Apache-2.0 */
/* golden.c - a model proves on its own records that it scores here as where it was made.
 */
#include "model/internal.h"

#include <math.h>
#include <stdlib.h>

static const double difference_max = 1e-6;

static enum status check_shape(const Chw__Golden *self, struct error_text *error)
{
    if (self->batch == NULL)
        return error_set(error, STATUS_INVALID, "there is no batch");
    if (self->n_probabilities != self->batch->rows)
        return error_set(error, STATUS_INVALID, "%zu probabilities for %u rows",
                         self->n_probabilities, self->batch->rows);
    for (size_t i = 0; i < self->n_invalid_rows; i++)
        if (self->invalid_rows[i] >= self->batch->rows ||
            (i > 0 && self->invalid_rows[i] <= self->invalid_rows[i - 1]))
            return error_set(error, STATUS_INVALID,
                             "invalid row %zu is out of range or out of order", i);
    return STATUS_OK;
}

static enum status check_rows(const Chw__Golden *self, const struct binding *binding,
                              struct error_text *error)
{
    size_t invalid = 0;
    for (uint32_t row = 0; row < self->batch->rows; row++) {
        float p;
        struct record_fault found;
        model_score(binding, row, 1, &p, &found);
        bool expected_invalid =
            invalid < self->n_invalid_rows && self->invalid_rows[invalid] == row;
        invalid += expected_invalid;
        if (expected_invalid != (found.fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE))
            return error_set(error, STATUS_CORRUPT, "row %u is %s, expected otherwise",
                             row, expected_invalid ? "scored" : "invalid");
        /* Written so that NaN fails. */
        double expected = self->probabilities[row];
        if (!expected_invalid && !(fabs((double)p - expected) <= difference_max))
            return error_set(error, STATUS_CORRUPT, "row %u scores %.9g, expected %.9g",
                             row, (double)p, expected);
    }
    return STATUS_OK;
}

enum status model_check_golden(const struct model *self, struct error_text *error)
{
    const Chw__Golden *golden = self->message->golden;
    if (golden == NULL)
        return STATUS_OK;
    struct columns columns = {0};
    struct binding *binding = NULL;
    enum status status = check_shape(golden, error);
    if (status == STATUS_OK)
        status = columns_view(golden->batch, &columns, error);
    if (status == STATUS_OK)
        status = model_bind(self, &columns, &binding, error);
    if (status == STATUS_OK)
        status = check_rows(golden, binding, error);
    binding_free(binding);
    columns_release(&columns);
    if (status != STATUS_OK)
        error_prefix(error, status, "golden records");
    return status;
}
