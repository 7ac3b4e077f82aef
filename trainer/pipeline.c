/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline.c - medians, means and categories of the training rows. */
#include "trainer/pipeline.h"

#include "model/model.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static int compare_floats(const void *left, const void *right)
{
    const float *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* Of ascending values; the mean of the middle two where their count is even. */
static float median(const float *values, size_t count)
{
    double low = values[(count - 1) / 2], high = values[count / 2];
    return (float)((low + high) / 2);
}

/* The known values of the rows, ascending: sums over them do not depend on row order. */
static size_t collect(const struct dataset_column *column, const uint32_t *rows,
                      size_t count, float *values)
{
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        if (!dataset_is_missing(column, rows[i]))
            values[known++] = column->values[rows[i]];
    }
    qsort(values, known, sizeof *values, compare_floats);
    return known;
}

/* Mean and deviation of `known` values and `imputed` more that have the median. */
static void fit_scale(struct pipeline_feature *self, const float *values, size_t known,
                      size_t imputed)
{
    double count = (double)(known + imputed);
    double sum = (double)imputed * (double)self->impute, squares = 0;
    for (size_t i = 0; i < known; i++)
        sum += (double)values[i];
    self->center = sum / count;
    for (size_t i = 0; i < known; i++) {
        double distance = (double)values[i] - self->center;
        squares += distance * distance;
    }
    double distance = (double)self->impute - self->center;
    squares += (double)imputed * distance * distance;
    self->scale = 1 / sqrt(squares / count);
}

/* Returns NULL, or why the column tells nothing. */
static const char *fit_numeric(struct pipeline_feature *self, enum pipeline_style style,
                               const struct dataset_column *column, const uint32_t *rows,
                               size_t count, float *scratch)
{
    size_t known = collect(column, rows, count, scratch);
    if (known == 0)
        return "it has no values in the training rows";
    if (scratch[0] == scratch[known - 1])
        return "it is the same in every training row";
    self->impute = median(scratch, known);
    self->input_count = 1;
    if (style == PIPELINE_TREES) {
        self->scale = 1;
        return NULL;
    }
    fit_scale(self, scratch, known, count - known);
    return isfinite(self->scale) && self->scale > 0 ? NULL
                                                    : "its values are too large to scale";
}

static uint32_t most_frequent(const struct dataset_column *column, const uint32_t *rows,
                              size_t count)
{
    size_t counts[DATASET_CATEGORIES_MAX + 1] = {0};
    for (size_t i = 0; i < count; i++)
        counts[column->codes[rows[i]]]++;
    uint32_t best = 0;
    for (uint32_t code = 1; code < column->category_count; code++) {
        if (counts[code] > counts[best])
            best = code;
    }
    return best;
}

static const char *fit_category(struct pipeline_feature *self,
                                const struct dataset_column *column, const uint32_t *rows,
                                size_t count)
{
    if (column->category_count == 0)
        return "it has no values";
    bool indicator = self->missing == CHW__MISSING_POLICY__MISSING_INDICATOR;
    self->input_count = column->category_count + (indicator ? 1 : 0);
    self->impute_code = most_frequent(column, rows, count);
    return self->input_count < 2 ? "it is the same in every row" : NULL;
}

static Chw__MissingPolicy choose_missing(const struct dataset_column *column,
                                         enum pipeline_style style)
{
    static const Chw__MissingPolicy said[] = {
        [DICTIONARY_MISSING_INVALID] = CHW__MISSING_POLICY__MISSING_INVALID,
        [DICTIONARY_MISSING_IMPUTE] = CHW__MISSING_POLICY__MISSING_IMPUTE,
        [DICTIONARY_MISSING_KEEP] = CHW__MISSING_POLICY__MISSING_KEEP,
        [DICTIONARY_MISSING_INDICATOR] = CHW__MISSING_POLICY__MISSING_INDICATOR,
    };
    if (column->declared != NULL && column->declared->missing != DICTIONARY_MISSING_INFER)
        return said[column->declared->missing];
    if (style == PIPELINE_TREES && column->missing_count > 0)
        return CHW__MISSING_POLICY__MISSING_KEEP;
    return column->numeric || column->missing_count == 0
               ? CHW__MISSING_POLICY__MISSING_IMPUTE
               : CHW__MISSING_POLICY__MISSING_INDICATOR;
}

static void init_feature(struct pipeline_feature *self, enum pipeline_style style,
                         const struct dataset_column *column, size_t index)
{
    const struct dictionary_column *declared = column->declared;
    *self = (struct pipeline_feature){
        .column = index,
        .required = declared != NULL && declared->required,
        .missing = choose_missing(column, style),
        .unknown = declared != NULL && declared->unknown == DICTIONARY_UNKNOWN_MISSING
                       ? CHW__UNKNOWN_POLICY__UNKNOWN_MISSING
                       : CHW__UNKNOWN_POLICY__UNKNOWN_INVALID,
    };
}

static void fit_column(struct pipeline *self, const struct dataset *data, size_t index,
                       const uint32_t *rows, size_t row_count, float *scratch)
{
    const struct dataset_column *column = &data->columns[index];
    struct pipeline_feature *feature = &self->features[self->feature_count];
    init_feature(feature, self->style, column, index);
    const char *reason = column->numeric ? fit_numeric(feature, self->style, column, rows,
                                                       row_count, scratch)
                                         : fit_category(feature, column, rows, row_count);
    if (reason != NULL) {
        self->dropped[self->dropped_count++] = (struct pipeline_dropped){index, reason};
        return;
    }
    feature->first_input = self->input_count;
    self->input_count += feature->input_count;
    self->feature_count++;
}

enum status pipeline_fit(const struct dataset *data, enum pipeline_style style,
                         const uint32_t *rows, size_t row_count, struct pipeline **out,
                         struct error_text *error)
{
    assert(row_count > 0);
    enum status status = STATUS_NOMEM;
    struct pipeline *self = calloc(1, sizeof *self);
    float *scratch = calloc(row_count, sizeof *scratch);
    if (self == NULL || scratch == NULL)
        goto fail;
    self->style = style;
    self->features = calloc(data->column_count, sizeof *self->features);
    self->dropped = calloc(data->column_count, sizeof *self->dropped);
    if (self->features == NULL || self->dropped == NULL)
        goto fail;
    for (size_t i = 0; i < data->column_count; i++)
        fit_column(self, data, i, rows, row_count, scratch);
    if (self->feature_count == 0) {
        status = error_set(error, STATUS_MALFORMED,
                           "no features are left: column %s tells nothing, as %s",
                           data->columns[self->dropped[0].column].name,
                           self->dropped[0].reason);
        goto fail;
    }
    if (self->input_count > MODEL_INPUTS_MAX) {
        status =
            error_set(error, STATUS_MALFORMED,
                      "%zu inputs, one per number and category, are more than %d: leave "
                      "out columns with many categories by --drop",
                      self->input_count, MODEL_INPUTS_MAX);
        goto fail;
    }
    free(scratch);
    *out = self;
    return STATUS_OK;
fail:
    free(scratch);
    pipeline_free(self);
    return status;
}

void pipeline_free(struct pipeline *self)
{
    if (self == NULL)
        return;
    free(self->features);
    free(self->dropped);
    free(self);
}

static struct pipeline_input encode_numeric(const struct pipeline_feature *self,
                                            const struct dataset_column *column,
                                            size_t row)
{
    float value = dataset_is_missing(column, row) ? self->impute : column->values[row];
    return (struct pipeline_input){(uint32_t)self->first_input,
                                   (float)(((double)value - self->center) * self->scale)};
}

static struct pipeline_input encode_category(const struct pipeline_feature *self,
                                             const struct dataset_column *column,
                                             size_t row)
{
    size_t code = column->codes[row];
    if (dataset_is_missing(column, row))
        code = self->missing == CHW__MISSING_POLICY__MISSING_INDICATOR
                   ? column->category_count
                   : self->impute_code;
    return (struct pipeline_input){(uint32_t)(self->first_input + code), 1};
}

static struct pipeline_input encode(const struct pipeline_feature *self,
                                    const struct dataset_column *column, size_t row)
{
    return column->numeric ? encode_numeric(self, column, row)
                           : encode_category(self, column, row);
}

void pipeline_encode(const struct pipeline *self, const struct dataset *data, size_t row,
                     struct pipeline_input *inputs)
{
    assert(self->style == PIPELINE_LINEAR);
    for (size_t i = 0; i < self->feature_count; i++) {
        const struct pipeline_feature *feature = &self->features[i];
        inputs[i] = encode(feature, &data->columns[feature->column], row);
    }
}

void pipeline_encode_dense(const struct pipeline *self, const struct dataset *data,
                           size_t row, float *inputs)
{
    for (size_t i = 0; i < self->feature_count; i++) {
        const struct pipeline_feature *feature = &self->features[i];
        const struct dataset_column *column = &data->columns[feature->column];
        bool kept = feature->missing == CHW__MISSING_POLICY__MISSING_KEEP &&
                    dataset_is_missing(column, row);
        for (size_t k = 0; k < feature->input_count; k++)
            inputs[feature->first_input + k] = kept ? NAN : 0;
        if (kept)
            continue;
        struct pipeline_input input = encode(feature, column, row);
        inputs[input.index] = input.value;
    }
}
