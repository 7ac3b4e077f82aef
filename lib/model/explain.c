/* SPDX-License-Identifier: Apache-2.0 */
/* explain.c - the parts of a model explained, and what that makes of the whole. */
#include "model/explain.h"

#include "model/cpu.h"
#include "model/explain_state.h"
#include "model/reference.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* One part, and how much of its contributions goes into the model's. */
struct part_explainer {
    const struct part *part;
    double scale;           /* of its margin */
    double leaf_scale;      /* of its leaves: less where they are averaged */
    double base;            /* scaled */
    struct explain_run run; /* trees */
};

struct explainer {
    const struct binding *binding;
    struct part_explainer *parts;
    size_t part_count;
    double *block, *part_block; /* contributions of KERNEL_BLOCK records */
    double base;
    bool log_odds;

    /* What has been begun: */
    uint32_t first, count;
    float *contributions; /* the caller's */
    size_t at;            /* the part */
};

_Static_assert((int)EXPLAIN_ROWS_MAX == (int)KERNEL_BLOCK, "rows that have room");

/* ---- trees ---- */

static enum status leaves_of(const struct model *model, struct part *part,
                             const struct explained_leaves **out)
{
    struct explained_leaves *made, *none = NULL;
    *out = atomic_load(&part->explained);
    if (*out != NULL)
        return STATUS_OK;
    enum status status = explained_leaves_new(model, part->trees, &made);
    if (status != STATUS_OK)
        return status;
    if (atomic_compare_exchange_strong(&part->explained, &none, made)) {
        *out = made;
    } else { /* another thread was faster */
        explained_leaves_free(made);
        *out = none;
    }
    return STATUS_OK;
}

static void *new_floats(size_t count, size_t size)
{
    return aligned_alloc(64, (count * size + 63) / 64 * 64);
}

static enum status run_init(struct explain_run *self,
                            const struct explained_leaves *leaves,
                            const struct binding *binding)
{
    size_t features = leaves->questions->feature_count;
    self->leaves = leaves;
    self->answers = answers_new(leaves->questions, binding);
    self->sums = new_floats(features * KERNEL_BLOCK, sizeof *self->sums);
    self->totals = new_floats(features * KERNEL_BLOCK, sizeof *self->totals);
    self->met = new_floats((leaves->players_max + 1UL) * KERNEL_BLOCK, sizeof *self->met);
    self->product = new_floats(KERNEL_BLOCK, sizeof *self->product);
    self->rules = calloc(leaves->players_max + 1UL, sizeof *self->rules);
    if (self->answers == NULL || self->sums == NULL || self->totals == NULL ||
        self->met == NULL || self->product == NULL || self->rules == NULL)
        return STATUS_NOMEM;
    for (uint32_t players = 1; players <= leaves->players_max; players++)
        shapley_rule_make(&self->rules[players], players);
    return STATUS_OK;
}

static void run_release(struct explain_run *self)
{
    answers_free(self->answers);
    free(self->sums);
    free(self->totals);
    free(self->met);
    free(self->product);
    free(self->rules);
}

void explain_run_begin(struct explain_run *self, uint32_t first, uint32_t count)
{
    size_t floats = self->leaves->questions->feature_count * KERNEL_BLOCK;
    memset(self->sums, 0, floats * sizeof *self->sums);
    memset(self->totals, 0, floats * sizeof *self->totals);
    self->first = first;
    self->count = count;
    self->at = self->tree = self->leaf = 0;
}

static bool run_step(struct explain_run *run)
{
#if defined(__x86_64__)
    if (cpu_has_avx512())
        return explain_step_avx512(run);
#endif
    return explain_step_portable(run);
}

static void part_margins(const struct binding *binding, size_t part, uint32_t first,
                         uint32_t count, double *margins)
{
    if (kernels_block(binding, part, first, count, margins))
        return;
    for (uint32_t i = 0; i < count; i++) {
        reference_read(binding, first + i);
        margins[i] = reference_margin(binding, part);
    }
}

/* A margin is a sum of float32, which may be some 1e-5 beside the exact one. The
 * difference goes to the largest contribution, so that what is shown adds up. */
static void add_rounding(const struct part_explainer *self, const double *margins,
                         uint32_t count, size_t features, double *contributions)
{
    for (uint32_t i = 0; i < count; i++) {
        double *of = contributions + i * features, sum = self->base;
        size_t largest = 0;
        for (size_t k = 0; k < features; k++) {
            sum += of[k];
            largest = fabs(of[k]) > fabs(of[largest]) ? k : largest;
        }
        of[largest] += self->scale * margins[i] - sum;
    }
}

/* What the run has totalled. */
static void explain_trees(const struct part_explainer *self,
                          const struct binding *binding, double *contributions)
{
    const struct explain_run *run = &self->run;
    size_t features = run->leaves->questions->feature_count;
    double margins[KERNEL_BLOCK];
    for (uint32_t i = 0; i < run->count; i++)
        for (size_t k = 0; k < features; k++)
            contributions[i * features + k] =
                self->leaf_scale * run->totals[k * KERNEL_BLOCK + i];
    part_margins(binding, (size_t)(self->part - binding->model->parts), run->first,
                 run->count, margins);
    add_rounding(self, margins, run->count, features, contributions);
}

/* ---- linear ---- */

static double mean_of(const Chw__Linear *linear, size_t input)
{
    return linear->n_means == 0 ? 0 : (double)linear->means[input];
}

static void explain_linear(const struct part_explainer *self,
                           const struct binding *binding, uint32_t first, uint32_t count,
                           double *contributions)
{
    const Chw__Linear *linear = self->part->linear;
    const struct model *model = binding->model;
    size_t features = model->message->n_features;
    for (uint32_t i = 0; i < count; i++) {
        reference_read(binding, first + i);
        for (size_t k = 0; k < features; k++) {
            const struct feature *feature = &model->features[k];
            double sum = 0;
            for (uint32_t at = feature->first_input;
                 at < feature->first_input + feature->input_count; at++)
                sum += (double)linear->weights[at] *
                       ((double)binding->inputs[at] - mean_of(linear, at));
            contributions[i * features + k] = self->scale * sum;
        }
    }
}

static double linear_base(const Chw__Linear *linear)
{
    double base = linear->intercept;
    for (size_t i = 0; i < linear->n_weights; i++)
        base += (double)linear->weights[i] * mean_of(linear, i);
    return base;
}

/* ---- life ---- */

static double slope_of(const struct output *output)
{
    return output->platt == NULL ? 1 : output->platt->slope;
}

static double intercept_of(const struct output *output)
{
    return output->platt == NULL ? 0 : output->platt->intercept;
}

/* The part's margin is counted `share` times. NULL in *reason: it can be explained. */
static enum status add_part(struct explainer *self, struct part *part, double share,
                            const char **reason)
{
    struct part_explainer *to = &self->parts[self->part_count++];
    *to = (struct part_explainer){.part = part, .scale = share, .leaf_scale = share};
    if (part->linear != NULL) {
        to->base = share * linear_base(part->linear);
        return STATUS_OK;
    }
    const struct explained_leaves *leaves;
    enum status status = leaves_of(self->binding->model, part, &leaves);
    if (status != STATUS_OK)
        return status;
    *reason = leaves->reason;
    if (leaves->reason != NULL)
        return STATUS_OK;
    if (part->trees->aggregate == CHW__TREES__AGGREGATE__MEAN)
        to->leaf_scale /= (double)part->trees->n_trees;
    to->base = share * (double)part->trees->base_margin + to->leaf_scale * leaves->base;
    return run_init(&to->run, leaves, self->binding);
}

static enum status add_parts(struct explainer *self, const char **reason)
{
    const struct model *model = self->binding->model;
    bool several = model->message->estimator_case == CHW__MODEL__ESTIMATOR_PARTS;
    bool mean = several && model->message->parts->combine == CHW__PARTS__COMBINE__MEAN;
    size_t first = several && !mean ? model->message->parts->chosen : 0;
    size_t end = mean ? model->part_count : first + 1;
    double share = 1 / (double)(end - first);
    for (size_t i = first; i < end; i++) {
        struct part *part = &model->parts[i];
        const struct output *output = several ? &part->output : &model->output;
        self->log_odds = output->link == CHW__LINK__LINK_LOGISTIC || (several && !mean);
        enum status status = add_part(self, part, share * slope_of(output), reason);
        if (status != STATUS_OK || *reason != NULL)
            return status;
        self->base +=
            self->parts[self->part_count - 1].base + share * intercept_of(output);
    }
    return STATUS_OK;
}

enum status explainer_new(const struct binding *binding, struct explainer **out,
                          const char **reason)
{
    *out = NULL;
    *reason = NULL;
    struct explainer *self = calloc(1, sizeof *self);
    if (self == NULL)
        return STATUS_NOMEM;
    self->binding = binding;
    self->parts = calloc(binding->model->part_count, sizeof *self->parts);
    size_t size = KERNEL_BLOCK * binding->model->message->n_features;
    self->block = calloc(size, sizeof *self->block);
    self->part_block = calloc(size, sizeof *self->part_block);
    bool made = self->parts != NULL && self->block != NULL && self->part_block != NULL;
    enum status status = made ? add_parts(self, reason) : STATUS_NOMEM;
    if (status == STATUS_OK && *reason == NULL) {
        *out = self;
        return STATUS_OK;
    }
    explainer_free(self);
    return status;
}

void explainer_free(struct explainer *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->part_count; i++)
        run_release(&self->parts[i].run);
    free(self->parts);
    free(self->block);
    free(self->part_block);
    free(self);
}

double explainer_base(const struct explainer *self)
{
    return self->base;
}

bool explainer_in_log_odds(const struct explainer *self)
{
    return self->log_odds;
}

struct explain_run *explainer_part_run(struct explainer *self, size_t part)
{
    return &self->parts[part].run;
}

/* ---- run ---- */

static void begin_part(struct explainer *self)
{
    if (self->at < self->part_count && self->parts[self->at].part->linear == NULL)
        explain_run_begin(&self->parts[self->at].run, self->first, self->count);
}

void explainer_begin(struct explainer *self, uint32_t first, uint32_t count,
                     float *contributions)
{
    assert(count >= 1 && count <= EXPLAIN_ROWS_MAX);
    size_t size = count * self->binding->model->message->n_features;
    memset(self->block, 0, size * sizeof *self->block);
    self->first = first;
    self->count = count;
    self->contributions = contributions;
    self->at = 0;
    begin_part(self);
}

static void end_part(struct explainer *self)
{
    struct part_explainer *part = &self->parts[self->at];
    size_t size = self->count * self->binding->model->message->n_features;
    if (part->part->linear != NULL)
        explain_linear(part, self->binding, self->first, self->count, self->part_block);
    else
        explain_trees(part, self->binding, self->part_block);
    for (size_t k = 0; k < size; k++)
        self->block[k] += self->part_block[k];
}

bool explainer_step(struct explainer *self)
{
    struct part_explainer *part = &self->parts[self->at];
    if (part->part->linear == NULL && run_step(&part->run))
        return true;
    end_part(self);
    self->at++;
    begin_part(self);
    if (self->at < self->part_count)
        return true;
    size_t size = self->count * self->binding->model->message->n_features;
    for (size_t k = 0; k < size; k++)
        self->contributions[k] = (float)self->block[k];
    return false;
}

void explainer_run(struct explainer *self, uint32_t first, uint32_t count,
                   float *contributions)
{
    size_t features = self->binding->model->message->n_features;
    for (uint32_t done = 0; done < count; done += EXPLAIN_ROWS_MAX) {
        uint32_t left = count - done;
        explainer_begin(self, first + done,
                        left < EXPLAIN_ROWS_MAX ? left : EXPLAIN_ROWS_MAX,
                        contributions + done * features);
        while (explainer_step(self))
            continue;
    }
}
