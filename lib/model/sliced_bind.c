/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_bind.c - a compiled ensemble meets a batch's columns. */
#include "model/sliced_state.h"

#include <math.h>
#include <stdlib.h>

static bool has_fault(const struct cell *cell)
{
    return cell->fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE;
}

/* The class of a cell that is a value; of a fault any: its margin is not used. */
static uint16_t class_of(const struct bound_class *self, const struct cell *cell)
{
    return has_fault(cell)
               ? 0
               : sliced_class(self->feature, self->source->feature, cell->value);
}

/* False: one of the codes stays missing, which its class cannot say. */
static bool bind_codes(struct bound_class *self)
{
    const struct column *column = self->source->column;
    bool names = column->categories != NULL;
    size_t count = names ? column->category_count : COLUMNS_CATEGORIES_MAX;
    bool numeric = self->source->feature->source->kind_case == CHW__FEATURE__KIND_NUMERIC;
    for (size_t code = 0; code < count; code++) {
        const struct cell *cell = &self->source->codes[code];
        if (!has_fault(cell) && isnan(cell->value))
            return false;
        uint16_t class_ =
            !names && numeric ? self->feature->small[code] : class_of(self, cell);
        self->low[code] = (uint8_t)class_;
        self->high[code] = (uint8_t)(class_ >> 8);
        if (code < 2)
            self->bits[code] = class_;
    }
    return true;
}

static void bind_class(struct bound_class *self, const struct bound_feature *source,
                       const struct sliced_feature *feature)
{
    const struct column *column = source->column;
    self->source = source;
    self->feature = feature;
    self->wide =
        feature->classes == CLASSES_RANKS && feature->threshold_count > UINT8_MAX;
    if (column == NULL) {
        self->absent_missing = isnan(source->missing.value);
        self->absent = self->absent_missing ? 0 : class_of(self, &source->missing);
        return;
    }
    const Chw__Feature *of = source->feature->source;
    bool numeric =
        of->kind_case == CHW__FEATURE__KIND_NUMERIC && !of->numeric->zero_missing;
    self->simple = column->valid == NULL && column->unreadable == NULL &&
                   (column->type == COLUMN_FLOATS ? numeric : bind_codes(self));
}

struct sliced_run *sliced_run_new(const struct sliced *compiled,
                                  const struct binding *binding)
{
    size_t count = compiled->model->message->n_features;
    uint32_t thresholds = 0;
    struct sliced_run *self = aligned_alloc(64, (sizeof *self + 63) / 64 * 64);
    if (self == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (sliced_class_last(&compiled->features[i]) > thresholds)
            thresholds = sliced_class_last(&compiled->features[i]);
    *self = (struct sliced_run){.compiled = compiled};
    self->bound = calloc(count + 1, sizeof *self->bound);
    self->answers = aligned_alloc(32, (compiled->question_count + 1) * 32UL);
    self->at_least = aligned_alloc(32, (thresholds + 1) * 32UL);
    if (self->bound == NULL || self->answers == NULL || self->at_least == NULL) {
        sliced_run_free(self);
        return NULL;
    }
    self->answers[0] = (sliced_plane){0};
    for (size_t i = 0; i < count; i++)
        bind_class(&self->bound[i], &binding->features[i], &compiled->features[i]);
    return self;
}

void sliced_run_free(struct sliced_run *self)
{
    if (self == NULL)
        return;
    free(self->bound);
    free(self->answers);
    free(self->at_least);
    free(self);
}
