/* SPDX-License-Identifier: Apache-2.0 */
/* scorer.c - the reference evaluation: cells -> inputs -> margin -> probability, a record
 * at a time, in the order and precision that proto/model.proto says; and the blocks that
 * a kernel evaluates instead. */
#include "model/internal.h"
#include "model/kernel.h"

#include <math.h>

static const struct record_fault no_fault = {CHW__RECORD_FAULT__RECORD_FAULT_NONE, 0};

/* ---- inputs ---- */

static void write_one_hot(const struct feature *self, float index, float *inputs)
{
    for (uint32_t i = 0; i < self->input_count; i++)
        inputs[i] = isnan(index) ? index : (float)(index == (float)i);
}

static void write_inputs(const struct feature *self, float value, float *inputs)
{
    const Chw__Feature *source = self->source;
    if (source->kind_case == CHW__FEATURE__KIND_NUMERIC)
        inputs[0] =
            (float)(((double)value - source->numeric->center) * source->numeric->scale);
    else if (source->category->encoding == CHW__CATEGORY_ENCODING__ENCODING_CODE)
        inputs[0] = value;
    else
        write_one_hot(self, value, inputs);
}

/* Fill self->inputs, up to the first feature at fault. */
static struct record_fault read_record(const struct binding *self, uint32_t row)
{
    for (uint32_t i = 0; i < self->model->message->n_features; i++) {
        const struct bound_feature *bound = &self->features[i];
        struct cell cell = binding_cell(bound, row);
        if (cell.fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE)
            return (struct record_fault){cell.fault, i};
        write_inputs(bound->feature, cell.value,
                     self->inputs + bound->feature->first_input);
    }
    return no_fault;
}

/* ---- margin ---- */

static double linear_margin(const Chw__Linear *self, const float *inputs)
{
    double sum = self->intercept;
    for (size_t i = 0; i < self->n_weights; i++)
        sum += (double)self->weights[i] * (double)inputs[i];
    return sum;
}

static float tree_value(const Chw__Tree *self, const float *inputs)
{
    uint32_t node = 0;
    while (self->left[node] != 0) {
        float input = inputs[self->input[node]];
        bool left = isnan(input) ? self->default_left.data[node] != 0
                                 : input < self->threshold[node];
        node = left ? self->left[node] : self->right[node];
    }
    return self->threshold[node];
}

static float trees_margin(const Chw__Trees *self, const float *inputs)
{
    bool mean = self->aggregate == CHW__TREES__AGGREGATE__MEAN;
    float sum = mean ? 0.0F : self->base_margin;
    for (size_t i = 0; i < self->n_trees; i++)
        sum += tree_value(self->trees[i], inputs);
    return mean ? self->base_margin + sum / (float)self->n_trees : sum;
}

/* NaN where the inputs or the sum leave no number. */
static double margin(const struct model *self, const float *inputs)
{
    if (self->message->estimator_case == CHW__MODEL__ESTIMATOR_LINEAR)
        return linear_margin(self->message->linear, inputs);
    return (double)trees_margin(self->message->trees, inputs);
}

/* ---- probability ---- */

static float interpolate(const Chw__Isotonic *self, float p)
{
    size_t last = self->n_x - 1;
    if (p < self->x[0])
        return self->y[0];
    if (p >= self->x[last])
        return self->y[last];
    size_t low = 0, high = last; /* x[low] <= p < x[high] */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (self->x[middle] <= p)
            low = middle;
        else
            high = middle;
    }
    double x = self->x[low], y = self->y[low];
    double part = ((double)p - x) / ((double)self->x[high] - x);
    return (float)(y + ((double)self->y[high] - y) * part);
}

static float probability(const Chw__Model *self, double margin)
{
    if (self->calibration_case == CHW__MODEL__CALIBRATION_PLATT)
        margin = self->platt->slope * margin + self->platt->intercept;
    if (isnan(margin))
        return NAN;
    bool logistic = self->link == CHW__LINK__LINK_LOGISTIC;
    float p = (float)(logistic ? 1.0 / (1.0 + exp(-margin)) : margin);
    if (self->calibration_case == CHW__MODEL__CALIBRATION_ISOTONIC)
        p = interpolate(self->isotonic, p);
    return fminf(fmaxf(p, 0.0F), 1.0F);
}

/* ---- rows ---- */

/* Who to name where the result is no number: the first feature with an infinite input. */
static struct record_fault blame(const struct binding *self)
{
    const struct model *model = self->model;
    struct record_fault found = {CHW__RECORD_FAULT__RECORD_FAULT_NOT_A_NUMBER, 0};
    uint32_t input = 0;
    while (input < model->input_count && !isinf(self->inputs[input]))
        input++;
    for (uint32_t i = 0; input < model->input_count && i < model->message->n_features;
         i++)
        if (model->features[i].first_input <= input)
            found.feature = i;
    return found;
}

static struct record_fault score_row(const struct binding *self, uint32_t row, float *p)
{
    struct record_fault found = read_record(self, row);
    *p = 0.0F;
    if (found.fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE)
        return found;
    float scored = probability(self->model->message, margin(self->model, self->inputs));
    if (isnan(scored))
        return blame(self);
    *p = scored;
    return no_fault;
}

void model_reference_score(const struct binding *self, uint32_t first, uint32_t count,
                           float *probabilities, struct record_fault *faults)
{
    for (uint32_t i = 0; i < count; i++)
        faults[i] = score_row(self, first + i, &probabilities[i]);
}

static struct record_fault margin_of_row(const struct binding *self, uint32_t row,
                                         float *out)
{
    struct record_fault found = read_record(self, row);
    *out = 0.0F;
    if (found.fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE)
        return found;
    double scored = margin(self->model, self->inputs);
    if (isnan(scored))
        return blame(self);
    *out = (float)scored;
    return no_fault;
}

void model_reference_margins(const struct binding *self, uint32_t first, uint32_t count,
                             float *margins, struct record_fault *faults)
{
    for (uint32_t i = 0; i < count; i++)
        faults[i] = margin_of_row(self, first + i, &margins[i]);
}

/* ---- blocks ---- */

/* What a kernel's margin becomes, for a record without a fault. */
typedef float finish_fn(const struct model *model, double margin);

static float finish_probability(const struct model *model, double margin)
{
    return probability(model->message, margin);
}

static float finish_margin(const struct model *model, double margin)
{
    (void)model;
    return (float)margin;
}

/* A result that is no number is worked out again, to say whose fault it is. */
static void finish_block(const struct binding *self, uint32_t first, uint32_t count,
                         const double *margins, finish_fn *finish, float *out,
                         struct record_fault *faults)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = 0.0F;
        if (faults[i].fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE)
            continue;
        out[i] = finish(self->model, margins[i]);
        if (!isnan(out[i]))
            continue;
        if (finish == finish_margin)
            model_reference_margins(self, first + i, 1, &out[i], &faults[i]);
        else
            model_reference_score(self, first + i, 1, &out[i], &faults[i]);
    }
}

/* As many rows as the kernel takes, in blocks; returns how many that were. */
static uint32_t run_blocks(const struct binding *self, uint32_t first, uint32_t count,
                           finish_fn *finish, float *out, struct record_fault *faults)
{
    const struct kernel_type *kernel = self->model->kernel;
    double margins[KERNEL_BLOCK];
    uint32_t done = 0;
    while (kernel != NULL && count - done >= kernel->rows_min && done < count) {
        uint32_t rows = count - done < KERNEL_BLOCK ? count - done : KERNEL_BLOCK;
        binding_faults(self, first + done, rows, faults + done);
        kernel->block(self->run, first + done, rows, margins);
        finish_block(self, first + done, rows, margins, finish, out + done,
                     faults + done);
        done += rows;
    }
    return done;
}

void model_score(const struct binding *self, uint32_t first, uint32_t count,
                 float *probabilities, struct record_fault *faults)
{
    uint32_t done =
        run_blocks(self, first, count, finish_probability, probabilities, faults);
    model_reference_score(self, first + done, count - done, probabilities + done,
                          faults + done);
}

void model_margins(const struct binding *self, uint32_t first, uint32_t count,
                   float *margins, struct record_fault *faults)
{
    uint32_t done = run_blocks(self, first, count, finish_margin, margins, faults);
    model_reference_margins(self, first + done, count - done, margins + done,
                            faults + done);
}
