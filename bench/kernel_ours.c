/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_ours.c - model_bind(), then blocks of the worker's size. */
#include "bench/kernel_ours.h"

#include "model/explain.h"
#include "worker/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct kernel_thread {
    struct record_fault faults[SCORE_BLOCK_ROWS];
    struct binding *bindings[KERNEL_BOUND_MAX];
};

struct kernel_ours {
    const struct model *model;
    const struct kernel_rows *rows;
    enum kernel_output output;
    struct kernel_thread *threads;
    size_t thread_count;
};

static enum status bind_some(struct kernel_ours *self, struct kernel_thread *thread,
                             struct error_text *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0;
         status == STATUS_OK && i < KERNEL_BOUND_MAX && i < self->rows->batch_count; i++)
        status = model_bind(self->model, &self->rows->batches[i].columns,
                            &thread->bindings[i], error);
    return status;
}

enum status kernel_ours_open(const struct kernel_ours_options *options,
                             struct kernel_ours **out, struct error_text *error)
{
    enum status status = STATUS_NOMEM;
    struct kernel_ours *self = calloc(1, sizeof *self);
    if (self == NULL)
        goto fail;
    *self = (struct kernel_ours){
        .model = options->model, .rows = options->rows, .output = options->output};
    self->threads = calloc(options->threads, sizeof *self->threads);
    if (self->threads == NULL)
        goto fail;
    self->thread_count = options->threads;
    for (size_t i = 0; i < options->threads; i++) {
        status = bind_some(self, &self->threads[i], error);
        if (status != STATUS_OK)
            goto fail;
    }
    *out = self;
    return STATUS_OK;
fail:
    kernel_ours_close(self);
    return status;
}

size_t kernel_ours_width(const struct kernel_ours *self)
{
    size_t features = model_message(self->model)->n_features;
    return self->output == KERNEL_CONTRIBUTIONS ? features + 1 : 1;
}

void kernel_ours_close(struct kernel_ours *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->thread_count; i++)
        for (size_t k = 0; k < KERNEL_BOUND_MAX; k++)
            binding_free(self->threads[i].bindings[k]);
    free(self->threads);
    free(self);
}

/* The rows of the benchmark have no faults: looking for them is part of the work. */
static enum status check_faults(const struct record_fault *faults, uint32_t count,
                                struct error_text *error)
{
    unsigned any = 0;
    for (uint32_t i = 0; i < count; i++)
        any |= (unsigned)faults[i].fault;
    if (any == 0)
        return STATUS_OK;
    return error_set(error, STATUS_CORRUPT, "a record has a fault, and none should");
}

/* From feature after feature of each record to a base behind them. */
static void add_base(float *out, size_t rows, size_t width, float base)
{
    for (size_t i = rows; i-- > 0;) {
        memmove(out + i * width, out + i * (width - 1), (width - 1) * sizeof *out);
        out[i * width + width - 1] = base;
    }
}

static enum status explain(const struct kernel_ours *self, const struct binding *binding,
                           float *out, struct error_text *error)
{
    struct explainer *explainer;
    const char *reason = "";
    enum status status = explainer_new(binding, &explainer, &reason);
    if (status != STATUS_OK)
        return error_set(error, status, "%s", status_text(status));
    if (explainer == NULL)
        return error_set(error, STATUS_CORRUPT, "the model cannot be explained: %s",
                         reason);
    uint32_t rows = self->rows->batch_rows;
    explainer_run(explainer, 0, rows, out);
    add_base(out, rows, kernel_ours_width(self), (float)explainer_base(explainer));
    explainer_free(explainer);
    return STATUS_OK;
}

static enum status score(const struct kernel_ours *self, struct kernel_thread *thread,
                         const struct binding *binding, float *out,
                         struct error_text *error)
{
    if (self->output == KERNEL_CONTRIBUTIONS)
        return explain(self, binding, out, error);
    enum status status = STATUS_OK;
    uint32_t rows = self->rows->batch_rows;
    for (uint32_t row = 0; status == STATUS_OK && row < rows; row += SCORE_BLOCK_ROWS) {
        uint32_t left = rows - row;
        uint32_t count = left < SCORE_BLOCK_ROWS ? left : SCORE_BLOCK_ROWS;
        if (self->output == KERNEL_MARGINS)
            model_margins(binding, row, count, out + row, thread->faults);
        else
            model_score(binding, row, count, out + row, thread->faults);
        status = check_faults(thread->faults, count, error);
    }
    return status;
}

enum status kernel_ours_score(struct kernel_ours *self, size_t thread, size_t batch,
                              float *out, struct error_text *error)
{
    struct binding *binding;
    enum status status =
        model_bind(self->model, &self->rows->batches[batch].columns, &binding, error);
    if (status != STATUS_OK)
        return status;
    status = score(self, &self->threads[thread], binding, out, error);
    binding_free(binding);
    return status;
}

enum status kernel_ours_score_bound(struct kernel_ours *self, size_t thread, size_t batch,
                                    float *out, struct error_text *error)
{
    struct kernel_thread *own = &self->threads[thread];
    return score(self, own, own->bindings[batch], out, error);
}

/* ---- sums ---- */

static double sum_apart(const float *contributions, size_t width, float margin)
{
    double sum = 0;
    for (size_t i = 0; i < width; i++)
        sum += (double)contributions[i];
    return fabs(sum - (double)margin);
}

static enum status batch_apart(struct kernel_ours *self, size_t batch, float *scratch,
                               double *out, struct error_text *error)
{
    uint32_t rows = self->rows->batch_rows;
    size_t width = kernel_ours_width(self);
    struct kernel_ours margins = *self;
    margins.output = KERNEL_MARGINS;
    enum status status = kernel_ours_score(self, 0, batch, scratch, error);
    if (status == STATUS_OK)
        status = kernel_ours_score(&margins, 0, batch, scratch + rows * width, error);
    for (uint32_t i = 0; status == STATUS_OK && i < rows; i++)
        *out =
            fmax(*out, sum_apart(scratch + i * width, width, scratch[rows * width + i]));
    return status;
}

enum status kernel_ours_sums_apart(struct kernel_ours *self, double *out,
                                   struct error_text *error)
{
    enum status status = STATUS_OK;
    float *scratch =
        calloc(self->rows->batch_rows, (kernel_ours_width(self) + 1) * sizeof *scratch);
    if (scratch == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    *out = 0;
    for (size_t i = 0; status == STATUS_OK && i < self->rows->batch_count; i++)
        status = batch_apart(self, i, scratch, out, error);
    free(scratch);
    return status;
}
