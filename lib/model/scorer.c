/* SPDX-License-Identifier: Apache-2.0 */
/* scorer.c - records in blocks: the margins of each part, by a kernel or the reference;
 * what they give together; and who is at fault where that is no number. */
#include "model/internal.h"
#include "model/kernel.h"
#include "model/reference.h"

#include <math.h>

/* ---- margins of a block ---- */

/* Who says what a block's margins and faults are. */
struct way {
    /* Whether there is any. */
    bool (*faults)(const struct binding *self, uint32_t first, uint32_t count,
                   struct record_fault *faults);
    bool kernels;
};

static bool reference_faults(const struct binding *self, uint32_t first, uint32_t count,
                             struct record_fault *faults)
{
    bool any = false;
    for (uint32_t i = 0; i < count; i++) {
        faults[i] = reference_read(self, first + i);
        any |= faults[i].fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE;
    }
    return any;
}

static const struct way by_kernels = {binding_faults, true};
static const struct way by_reference = {reference_faults, false};

static void reference_block(const struct binding *self, size_t part, uint32_t first,
                            uint32_t count, double *margins)
{
    for (uint32_t i = 0; i < count; i++) {
        reference_read(self, first + i);
        margins[i] = reference_margin(self, part);
    }
}

static void parts_block(const struct binding *self, const struct way *way, uint32_t first,
                        uint32_t count)
{
    for (size_t part = 0; part < self->model->part_count; part++) {
        double *margins = self->margins + part * self->margin_count;
        if (!way->kernels || !kernels_block(self, part, first, count, margins))
            reference_block(self, part, first, count, margins);
    }
}

/* ---- results ---- */

/* What the model's margins become; NaN of NaN. */
typedef void finish_fn(const struct model *model, double *margins, uint32_t count,
                       float *out);

static void finish_probabilities(const struct model *model, double *margins,
                                 uint32_t count, float *out)
{
    output_probabilities(&model->output, margins, count, out);
}

static void finish_margins(const struct model *model, double *margins, uint32_t count,
                           float *out)
{
    (void)model;
    for (uint32_t i = 0; i < count; i++)
        out[i] = (float)margins[i];
}

/* Who to name where the result is no number: the first feature with an infinite input. */
static struct record_fault blame(const struct binding *self, uint32_t row)
{
    const struct model *model = self->model;
    struct record_fault found = {CHW__RECORD_FAULT__RECORD_FAULT_NOT_A_NUMBER, 0};
    uint32_t input = 0;
    reference_read(self, row);
    while (input < model->input_count && !isinf(self->inputs[input]))
        input++;
    if (input < model->input_count)
        found.feature = model_feature_of(model, input);
    return found;
}

static bool has_nan(const float *out, uint32_t count)
{
    unsigned any = 0;
    for (uint32_t i = 0; i < count; i++)
        any |= out[i] != out[i];
    return any != 0;
}

/* Whether any record has a fault: most blocks have none, and each record a result. */
static bool finish_block(const struct binding *self, uint32_t first, uint32_t count,
                         finish_fn *finish, bool any_fault, float *out,
                         struct record_fault *faults)
{
    parts_combine(self->model, self->margins, self->margin_count, count);
    finish(self->model, self->margins, count, out);
    if (!any_fault && !has_nan(out, count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        bool scored = faults[i].fault == CHW__RECORD_FAULT__RECORD_FAULT_NONE;
        if (scored && isnan(out[i]))
            faults[i] = blame(self, first + i);
        if (!scored || isnan(out[i]))
            out[i] = 0.0F;
    }
    return true;
}

static bool run_blocks(const struct binding *self, const struct way *way, uint32_t first,
                       uint32_t count, finish_fn *finish, float *out,
                       struct record_fault *faults)
{
    bool any = false;
    for (uint32_t done = 0; done < count; done += KERNEL_BLOCK) {
        uint32_t rows = count - done < KERNEL_BLOCK ? count - done : KERNEL_BLOCK;
        bool any_fault = way->faults(self, first + done, rows, faults + done);
        parts_block(self, way, first + done, rows);
        any |= finish_block(self, first + done, rows, finish, any_fault, out + done,
                            faults + done);
    }
    return any;
}

bool model_score(const struct binding *self, uint32_t first, uint32_t count,
                 float *probabilities, struct record_fault *faults)
{
    return run_blocks(self, &by_kernels, first, count, finish_probabilities,
                      probabilities, faults);
}

void model_margins(const struct binding *self, uint32_t first, uint32_t count,
                   float *margins, struct record_fault *faults)
{
    run_blocks(self, &by_kernels, first, count, finish_margins, margins, faults);
}

void model_reference_score(const struct binding *self, uint32_t first, uint32_t count,
                           float *probabilities, struct record_fault *faults)
{
    run_blocks(self, &by_reference, first, count, finish_probabilities, probabilities,
               faults);
}

void model_reference_margins(const struct binding *self, uint32_t first, uint32_t count,
                             float *margins, struct record_fault *faults)
{
    run_blocks(self, &by_reference, first, count, finish_margins, margins, faults);
}
