/* SPDX-License-Identifier: Apache-2.0 */
/* records.h - random records as a person knows them, a value per feature, for tests that
 * give the same ones to two models. */

#ifndef TESTS_RECORDS_H
#define TESTS_RECORDS_H

#include "model/model.h"

#include <stdbool.h>

enum { RECORDS = 64, RECORDS_FEATURES_MAX = 64 };

/* A number, a category's index (the count of the names: another one) or NaN: none. */
struct records {
    float values[RECORDS_FEATURES_MAX][RECORDS];
};

/* `faults`: also what makes a record invalid. */
void any_records(const Chw__Model *model, bool faults, struct records *out);

bool records_is_category(const Chw__Feature *feature);
bool records_is_one_hot(const Chw__Feature *feature);

/* A column of numbers, NaN where a record has none, lives until build_reset(). */
void records_add_floats(Chw__Batch *batch, const char *name, const float *values);

/* With a column per feature; categories by their names, others as "none of them". */
Chw__Batch *records_batch(const struct records *self, const Chw__Model *model);

/* Fails the test where the batch does not bind. An invalid record scores NaN. */
void records_score(const struct model *model, const Chw__Batch *batch,
                   float scores[RECORDS]);

#endif
