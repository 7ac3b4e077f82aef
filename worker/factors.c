/* SPDX-License-Identifier: Apache-2.0 */
/* factors.c - the largest contributions of each record, found by insertion. */
#include "worker/factors.h"

#include "model/explain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct factors {
    struct explainer *explainer; /* NULL: the model cannot explain */
    uint32_t rows, next;
    uint32_t begun; /* rows from `next` that are being explained */
    uint32_t feature_count;
    float *block; /* contributions of all features to the rows of a block */
    Chw__Factors message;
};

static enum status describe(struct factors *self, const struct model *model,
                            uint32_t count)
{
    const Chw__Model *source = model_message(model);
    Chw__Factors *message = &self->message;
    self->feature_count = (uint32_t)source->n_features;
    message->count = count < self->feature_count ? count : self->feature_count;
    size_t cells = (size_t)self->rows * message->count;
    message->base_value = explainer_base(self->explainer);
    message->log_odds = explainer_in_log_odds(self->explainer);
    message->names = calloc(self->feature_count, sizeof *message->names);
    message->features = calloc(cells, sizeof *message->features);
    message->contributions = calloc(cells, sizeof *message->contributions);
    self->block =
        calloc((size_t)EXPLAIN_ROWS_MAX * self->feature_count, sizeof *self->block);
    if (message->names == NULL || message->features == NULL ||
        message->contributions == NULL || self->block == NULL)
        return STATUS_NOMEM;
    message->n_names = self->feature_count;
    message->n_features = message->n_contributions = cells;
    for (uint32_t i = 0; i < self->feature_count; i++)
        message->names[i] = source->features[i]->name;
    return STATUS_OK;
}

enum status factors_new(const struct model *model, const struct binding *binding,
                        uint32_t rows, uint32_t count, struct factors **out)
{
    const char *reason = NULL;
    struct factors *self = calloc(1, sizeof *self);
    if (self == NULL)
        return STATUS_NOMEM;
    self->rows = rows;
    chw__factors__init(&self->message);
    enum status status = explainer_new(binding, &self->explainer, &reason);
    if (status == STATUS_OK && self->explainer != NULL)
        status = describe(self, model, count);
    else if (status == STATUS_OK)
        self->message.reason = (char *)(uintptr_t)reason; /* packed, never changed */
    if (status == STATUS_OK)
        *out = self;
    else
        factors_free(self);
    return status;
}

void factors_free(struct factors *self)
{
    if (self == NULL)
        return;
    explainer_free(self->explainer);
    free(self->message.names);
    free(self->message.features);
    free(self->message.contributions);
    free(self->block);
    free(self);
}

/* Among equals the lower feature comes first. */
static void choose_largest(const struct factors *self, const float *contributions,
                           uint32_t row)
{
    uint32_t count = self->message.count, used = 0;
    uint32_t *features = self->message.features + (size_t)row * count;
    float *chosen = self->message.contributions + (size_t)row * count;
    for (uint32_t k = 0; k < self->feature_count; k++) {
        float contribution = contributions[k];
        uint32_t at = used;
        while (at > 0 && fabsf(contribution) > fabsf(chosen[at - 1]))
            at--;
        if (at == count)
            continue;
        used += used < count;
        memmove(features + at + 1, features + at, (used - at - 1) * sizeof *features);
        memmove(chosen + at + 1, chosen + at, (used - at - 1) * sizeof *chosen);
        features[at] = k;
        chosen[at] = contribution;
    }
}

static void begin_block(struct factors *self)
{
    uint32_t left = self->rows - self->next;
    self->begun = left < EXPLAIN_ROWS_MAX ? left : EXPLAIN_ROWS_MAX;
    explainer_begin(self->explainer, self->next, self->begun, self->block);
}

static void end_block(struct factors *self, const Chw__RecordFault *faults)
{
    for (uint32_t i = 0; i < self->begun; i++)
        if (faults[self->next + i] == CHW__RECORD_FAULT__RECORD_FAULT_NONE)
            choose_largest(self, self->block + (size_t)i * self->feature_count,
                           self->next + i);
    self->next += self->begun;
    self->begun = 0;
}

bool factors_step(struct factors *self, const Chw__RecordFault *faults)
{
    if (self->explainer == NULL || self->next == self->rows)
        return false;
    if (self->begun == 0)
        begin_block(self);
    if (!explainer_step(self->explainer))
        end_block(self, faults);
    return true;
}

Chw__Factors *factors_message(struct factors *self)
{
    return &self->message;
}
