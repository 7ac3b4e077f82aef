/* SPDX-License-Identifier: Apache-2.0 */
/* reference.c - the reference evaluation, a record at a time: cells -> inputs -> a part's
 * margin, in the order and precision that proto/model.proto says. */
#include "model/reference.h"

#include "model/kernel.h"

#include <math.h>

/* ---- inputs ---- */

static void write_one_hot(const struct feature *self, float index, float *inputs)
{
    for (uint32_t i = 0; i < self->input_count; i++)
        inputs[i] = isnan(index) ? index : (float)(index == (float)i);
}

static void write_inputs(const struct feature *self, float value, float *inputs)
{
    if (self->source->kind_case == CHW__FEATURE__KIND_NUMERIC ||
        self->source->category->encoding == CHW__CATEGORY_ENCODING__ENCODING_CODE)
        inputs[0] = kernel_input(self, value);
    else
        write_one_hot(self, value, inputs);
}

/* Fill self->inputs, up to the first feature at fault. */
struct record_fault reference_read(const struct binding *self, uint32_t row)
{
    for (uint32_t i = 0; i < self->model->message->n_features; i++) {
        const struct bound_feature *bound = &self->features[i];
        struct cell cell = binding_cell(bound, row);
        if (cell.fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE)
            return (struct record_fault){cell.fault, i};
        write_inputs(bound->feature, cell.value,
                     self->inputs + bound->feature->first_input);
    }
    return (struct record_fault){CHW__RECORD_FAULT__RECORD_FAULT_NONE, 0};
}

/* ---- margin ---- */

static double linear_margin(const Chw__Linear *self, const float *inputs)
{
    double sum = self->intercept;
    for (size_t i = 0; i < self->n_weights; i++)
        sum += (double)self->weights[i] * (double)inputs[i];
    return sum;
}

static bool in_set(const Chw__CategorySet *self, uint32_t code)
{
    return code / 8 < self->members.len && (self->members.data[code / 8] >> code % 8 & 1);
}

static bool goes_left(const Chw__Trees *trees, const Chw__Tree *self, uint32_t node,
                      float input)
{
    if (isnan(input))
        return self->default_left.data[node] != 0;
    if (self->n_set != 0 && self->set[node] != 0)
        return in_set(trees->sets[self->set[node] - 1], (uint32_t)input);
    return input < self->threshold[node];
}

static float tree_value(const Chw__Trees *trees, const Chw__Tree *self,
                        const float *inputs)
{
    uint32_t node = 0;
    while (self->left[node] != 0)
        node = goes_left(trees, self, node, inputs[self->input[node]])
                   ? self->left[node]
                   : self->right[node];
    return self->threshold[node];
}

static float trees_margin(const Chw__Trees *self, const float *inputs)
{
    bool mean = self->aggregate == CHW__TREES__AGGREGATE__MEAN;
    float sum = mean ? 0.0F : self->base_margin;
    for (size_t i = 0; i < self->n_trees; i++)
        sum += tree_value(self, self->trees[i], inputs);
    return mean ? self->base_margin + sum / (float)self->n_trees : sum;
}

double reference_margin(const struct binding *self, size_t part)
{
    const struct part *of = &self->model->parts[part];
    if (of->linear != NULL)
        return linear_margin(of->linear, self->inputs);
    return (double)trees_margin(of->trees, self->inputs);
}
