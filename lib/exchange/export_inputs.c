/* SPDX-License-Identifier: Apache-2.0 */
/* export_inputs.c - from features to inputs, as proto/model.proto says. */
#include "exchange/export_format.h"

#include <math.h>
#include <stdlib.h>

bool export_is_one_hot(const Chw__Feature *self)
{
    return self->kind_case == CHW__FEATURE__KIND_CATEGORY &&
           self->category->encoding == CHW__CATEGORY_ENCODING__ENCODING_ONE_HOT;
}

bool export_is_code(const Chw__Feature *self)
{
    return self->kind_case == CHW__FEATURE__KIND_CATEGORY && !export_is_one_hot(self);
}

static bool has_indicator(const Chw__Feature *self)
{
    return self->missing == CHW__MISSING_POLICY__MISSING_INDICATOR;
}

static size_t count_of(const Chw__Feature *self)
{
    return export_is_one_hot(self) ? self->category->n_names + has_indicator(self) : 1;
}

enum status export_inputs_list(const Chw__Model *model, struct export_inputs *out)
{
    *out = (struct export_inputs){.items = NULL};
    size_t count = 0;
    for (size_t i = 0; i < model->n_features; i++)
        count += count_of(model->features[i]);
    out->items = calloc(count, sizeof *out->items);
    if (out->items == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; i < model->n_features; i++)
        for (uint32_t k = 0; k < count_of(model->features[i]); k++)
            out->items[out->count++] = (struct export_input){model->features[i], k};
    return STATUS_OK;
}

void export_inputs_free(struct export_inputs *self)
{
    free(self->items);
    *self = (struct export_inputs){.items = NULL};
}

float export_other(const Chw__Feature *self)
{
    return (float)(self->category->n_names + has_indicator(self));
}

uint32_t export_code_count(const Chw__Feature *self)
{
    return (uint32_t)self->category->n_names + 1;
}

bool export_in_set(const Chw__CategorySet *self, uint32_t code)
{
    return code / 8 < self->members.len && (self->members.data[code / 8] >> code % 8 & 1);
}

float export_missing(const Chw__Feature *self)
{
    bool numeric = self->kind_case == CHW__FEATURE__KIND_NUMERIC;
    if (self->missing == CHW__MISSING_POLICY__MISSING_IMPUTE)
        return numeric ? self->numeric->impute : (float)self->category->impute;
    if (self->missing == CHW__MISSING_POLICY__MISSING_INDICATOR)
        return (float)self->category->n_names;
    if (self->missing == CHW__MISSING_POLICY__MISSING_OTHER)
        return export_other(self);
    return NAN;
}

static float scaled(const Chw__Numeric *self, float value)
{
    if (self->single)
        return (value - (float)self->center) * (float)self->scale;
    return (float)(((double)value - self->center) * self->scale);
}

float export_input_value(const struct export_input *self, float value)
{
    if (self->feature->kind_case == CHW__FEATURE__KIND_NUMERIC)
        return scaled(self->feature->numeric, value);
    if (!export_is_one_hot(self->feature) || isnan(value))
        return value;
    return value == (float)self->category ? 1.0F : 0.0F;
}
