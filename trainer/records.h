/* SPDX-License-Identifier: Apache-2.0 */
/* records.h - rows of a data set as the batch that a client would send, and their scores
 * by the model that will serve. Pure. */

#ifndef TRAINER_RECORDS_H
#define TRAINER_RECORDS_H

#include "base/error_text.h"
#include "trainer/pipeline.h"

#include "batch.pb-c.h"

struct model;
struct record_fault;

/* One of each per record. */
struct records_scores {
    float *probabilities, *margins; /* margins may be NULL: not wanted */
    struct record_fault *faults;
};

/* `row_count` records, at most COLUMNS_ROWS_MAX, with every feature missing. NULL when
 * out of memory. */
Chw__Batch *records_new(const struct dataset *data, const struct pipeline *pipeline,
                        size_t row_count);
void records_free(Chw__Batch *self);

/* Give record `at` the value that the data set's `row` has for the pipeline's `feature`.
 */
void records_set(Chw__Batch *self, const struct dataset *data,
                 const struct pipeline *pipeline, size_t feature, size_t at, size_t row);

MUST_CHECK enum status records_score(const Chw__Batch *self, const struct model *model,
                                     const struct records_scores *out,
                                     struct error_text *error);

#endif
