/* SPDX-License-Identifier: Apache-2.0 */
/* records.c - random records. */
#include "tests/lib/records.h"

#include "tests/lib/any.h"
#include "tests/lib/build.h"
#include "tests/lib/test.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

bool records_is_category(const Chw__Feature *feature)
{
    return feature->kind_case == CHW__FEATURE__KIND_CATEGORY;
}

bool records_is_one_hot(const Chw__Feature *feature)
{
    return records_is_category(feature) &&
           feature->category->encoding == CHW__CATEGORY_ENCODING__ENCODING_ONE_HOT;
}

static float any_value(const Chw__Feature *feature, bool faults)
{
    static const float edges[] = {0.0F,     -0.0F,    FLT_MIN / 4, FLT_MAX,
                                  -FLT_MAX, INFINITY, -INFINITY};
    if (any_chance(5) == 0 &&
        (faults || feature->missing != CHW__MISSING_POLICY__MISSING_INVALID))
        return NAN;
    if (records_is_category(feature)) {
        bool other = feature->category->unknown == CHW__UNKNOWN_POLICY__UNKNOWN_OTHER;
        return (float)any_chance((uint32_t)feature->category->n_names +
                                 (other || faults));
    }
    return any_chance(8) == 0 ? edges[any_chance(sizeof edges / sizeof edges[0])]
                              : (float)any_chance(80) * 0.125F - 4.0F;
}

void any_records(const Chw__Model *model, bool faults, struct records *out)
{
    assert_true(model->n_features <= RECORDS_FEATURES_MAX);
    for (size_t i = 0; i < model->n_features; i++)
        for (size_t row = 0; row < RECORDS; row++)
            out->values[i][row] = any_value(model->features[i], faults);
}

static ProtobufCBinaryData valid_of(const float *values)
{
    uint8_t valid[RECORDS / 8] = {0};
    for (size_t row = 0; row < RECORDS; row++)
        valid[row / 8] |= (uint8_t)(!isnan(values[row]) << row % 8);
    return build_bytes(valid, sizeof valid);
}

void records_add_floats(Chw__Batch *batch, const char *name, const float *values)
{
    float *column = build_alloc(RECORDS * sizeof *column);
    for (size_t row = 0; row < RECORDS; row++)
        column[row] = isnan(values[row]) ? 0.0F : values[row];
    build_floats(batch, name, column, RECORDS)->valid = valid_of(values);
}

static void add_codes(Chw__Batch *batch, const Chw__Feature *feature, const float *values)
{
    uint8_t *codes = build_alloc(RECORDS);
    char names[512];
    size_t used = 0;
    for (size_t i = 0; i < feature->category->n_names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s,",
                                 feature->category->names[i]);
    snprintf(names + used, sizeof names - used, "none of them");
    for (size_t row = 0; row < RECORDS; row++)
        codes[row] = isnan(values[row]) ? 0 : (uint8_t)values[row];
    build_codes(batch, feature->name, codes, RECORDS, names)->valid = valid_of(values);
}

Chw__Batch *records_batch(const struct records *self, const Chw__Model *model)
{
    Chw__Batch *batch = build_batch(RECORDS);
    for (size_t i = 0; i < model->n_features; i++)
        if (records_is_category(model->features[i]))
            add_codes(batch, model->features[i], self->values[i]);
        else
            records_add_floats(batch, model->features[i]->name, self->values[i]);
    return batch;
}

void records_score(const struct model *model, const Chw__Batch *batch,
                   float scores[RECORDS])
{
    struct columns columns;
    struct binding *binding;
    struct record_fault faults[RECORDS];
    struct error_text error = {""};
    if (columns_view(batch, &columns, &error) != STATUS_OK ||
        model_bind(model, &columns, &binding, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    model_score(binding, 0, RECORDS, scores, faults);
    for (size_t row = 0; row < RECORDS; row++)
        if (faults[row].fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE)
            scores[row] = NAN;
    binding_free(binding);
    columns_release(&columns);
}
