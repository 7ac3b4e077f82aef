/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_design.c - the pipeline, and categories as codes beside it. */
#include "bench/kernel_design.h"

#include "trainer/artifact.h"

#include <assert.h>
#include <math.h>

enum status kernel_design_fit(const struct kernel_table *table, enum pipeline_style style,
                              bool codes, struct kernel_design *out,
                              struct error_text *error)
{
    assert(!codes || style == PIPELINE_TREES);
    *out = (struct kernel_design){.table = table, .codes = codes};
    enum status status = pipeline_fit(table->data, style, table->split->train,
                                      table->split->train_count, &out->pipeline, error);
    if (status == STATUS_OK)
        out->width = codes ? out->pipeline->feature_count : out->pipeline->input_count;
    return status;
}

void kernel_design_release(struct kernel_design *self)
{
    pipeline_free(self->pipeline);
    *self = (struct kernel_design){0};
}

/* As the model of kernel_design_model() reads it. */
static float code_of(const struct pipeline_feature *feature,
                     const struct dataset_column *column, size_t row)
{
    bool missing = dataset_is_missing(column, row);
    if (missing && feature->missing == CHW__MISSING_POLICY__MISSING_KEEP)
        return NAN;
    if (column->numeric)
        return missing ? feature->impute : column->values[row];
    return (float)(missing ? feature->impute_code : column->codes[row]);
}

void kernel_design_encode(const struct kernel_design *self, size_t row, float *inputs)
{
    const struct pipeline *pipeline = self->pipeline;
    const struct dataset *data = self->table->data;
    if (!self->codes) {
        pipeline_encode_dense(pipeline, data, row, inputs);
        return;
    }
    for (size_t i = 0; i < pipeline->feature_count; i++) {
        const struct pipeline_feature *feature = &pipeline->features[i];
        inputs[i] = code_of(feature, &data->columns[feature->column], row);
    }
}

void kernel_design_fold(const struct kernel_design *self, const float *inputs,
                        float *features)
{
    for (size_t i = 0; i < self->pipeline->feature_count; i++) {
        const struct pipeline_feature *feature = &self->pipeline->features[i];
        size_t first = self->codes ? i : feature->first_input;
        size_t count = self->codes ? 1 : feature->input_count;
        double sum = 0;
        for (size_t k = 0; k < count; k++)
            sum += (double)inputs[first + k];
        features[i] = (float)sum;
    }
}

Chw__Model *kernel_design_model(const struct kernel_design *self, const char *name)
{
    Chw__Model *model = artifact_new(name, self->table->data, self->pipeline);
    for (size_t i = 0; model != NULL && self->codes && i < model->n_features; i++)
        if (model->features[i]->kind_case == CHW__FEATURE__KIND_CATEGORY)
            model->features[i]->category->encoding =
                CHW__CATEGORY_ENCODING__ENCODING_CODE;
    return model;
}
