/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline.h - from columns to the estimator's inputs: imputation, scaling, one-hot.
 *
 * Fitted on the training rows, except for what names a category: every category of the
 * file is known to the model (with weight 0 where no training row has it), and a category
 * that is missing anywhere has its own indicator. The encoding is the model's
 * (proto/model.proto).
 *
 * For trees, numbers stay as they are, and what is missing in training stays missing: NaN
 * in every input of the feature, so that a tree learns which way it goes. A column that
 * is missing nowhere in the data teaches no way: there the median or the most frequent
 * category stands in, as for the linear model. Pure. */

#ifndef TRAINER_PIPELINE_H
#define TRAINER_PIPELINE_H

#include "base/error_text.h"
#include "trainer/dataset.h"

#include "model.pb-c.h"

enum pipeline_style { PIPELINE_LINEAR, PIPELINE_TREES };

struct pipeline_feature {
    size_t column; /* of the data set */
    bool required;
    Chw__MissingPolicy missing;
    Chw__UnknownPolicy unknown; /* categories only */
    float impute;               /* numeric: the median */
    double center, scale; /* numeric: mean and 1 / standard deviation, after imputing;
                           * 0 and 1 for trees */
    uint32_t impute_code; /* category: the most frequent; the first of equals */
    size_t first_input, input_count;
};

struct pipeline_dropped {
    size_t column;
    const char *reason;
};

struct pipeline {
    enum pipeline_style style;
    struct pipeline_feature *features;
    size_t feature_count, input_count;
    struct pipeline_dropped *dropped; /* columns that tell nothing */
    size_t dropped_count;
};

struct pipeline_input {
    uint32_t index;
    float value;
};

/* STATUS_MALFORMED: no features are left. */
MUST_CHECK enum status pipeline_fit(const struct dataset *data, enum pipeline_style style,
                                    const uint32_t *rows, size_t row_count,
                                    struct pipeline **out, struct error_text *error);
void pipeline_free(struct pipeline *self);

/* The inputs of a row that are not 0 by construction, by index: one per feature. `inputs`
 * has room for feature_count. Not for trees: what is kept missing has no such form. */
void pipeline_encode(const struct pipeline *self, const struct dataset *data, size_t row,
                     struct pipeline_input *inputs);

/* All input_count inputs of a row, equal to the bit to those of the served model. */
void pipeline_encode_dense(const struct pipeline *self, const struct dataset *data,
                           size_t row, float *inputs);

#endif
