/* SPDX-License-Identifier: Apache-2.0 */
/* records.c - builds batches as protobuf messages on the heap, so that their own free
 * function ends them. */
#include "trainer/records.h"

#include "model/columns.h"
#include "model/model.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool make_bytes(ProtobufCBinaryData *out, size_t size)
{
    out->data = calloc(size, 1);
    out->len = out->data == NULL ? 0 : size;
    return out->data != NULL;
}

static bool make_floats(Chw__Column *column, size_t row_count)
{
    Chw__Floats *floats = calloc(1, sizeof *floats);
    if (floats == NULL)
        return false;
    chw__floats__init(floats);
    column->values_case = CHW__COLUMN__VALUES_FLOATS;
    column->floats = floats;
    floats->values = calloc(row_count, sizeof *floats->values);
    floats->n_values = floats->values == NULL ? 0 : row_count;
    return floats->values != NULL;
}

static bool make_codes(Chw__Column *column, const struct dataset_column *source,
                       size_t row_count)
{
    Chw__Codes *codes = calloc(1, sizeof *codes);
    if (codes == NULL)
        return false;
    chw__codes__init(codes);
    column->values_case = CHW__COLUMN__VALUES_CODES;
    column->codes = codes;
    codes->categories = calloc(source->category_count, sizeof *codes->categories);
    if (codes->categories == NULL || !make_bytes(&codes->codes, row_count))
        return false;
    for (size_t i = 0; i < source->category_count; i++) {
        codes->categories[i] = strdup(source->categories[i]);
        if (codes->categories[i] == NULL)
            return false;
        codes->n_categories++;
    }
    return true;
}

/* Column after column, counted as they come: an unfinished batch can be freed. */
static bool add_column(Chw__Batch *batch, const struct dataset_column *source,
                       size_t row_count)
{
    Chw__Column *column = calloc(1, sizeof *column);
    if (column == NULL)
        return false;
    chw__column__init(column);
    batch->columns[batch->n_columns++] = column;
    column->name = strdup(source->name);
    return column->name != NULL && make_bytes(&column->valid, (row_count + 7) / 8) &&
           (source->numeric ? make_floats(column, row_count)
                            : make_codes(column, source, row_count));
}

Chw__Batch *records_new(const struct dataset *data, const struct pipeline *pipeline,
                        size_t row_count)
{
    assert(row_count > 0 && row_count <= COLUMNS_ROWS_MAX);
    Chw__Batch *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    chw__batch__init(self);
    self->rows = (uint32_t)row_count;
    self->columns = calloc(pipeline->feature_count, sizeof(Chw__Column *));
    bool done = self->columns != NULL;
    for (size_t i = 0; done && i < pipeline->feature_count; i++)
        done = add_column(self, &data->columns[pipeline->features[i].column], row_count);
    if (done)
        return self;
    records_free(self);
    return NULL;
}

void records_free(Chw__Batch *self)
{
    if (self != NULL)
        chw__batch__free_unpacked(self, NULL);
}

void records_set(Chw__Batch *self, const struct dataset *data,
                 const struct pipeline *pipeline, size_t feature, size_t at, size_t row)
{
    const struct dataset_column *source =
        &data->columns[pipeline->features[feature].column];
    Chw__Column *column = self->columns[feature];
    if (dataset_is_missing(source, row))
        return;
    column->valid.data[at / 8] = (uint8_t)(column->valid.data[at / 8] | 1U << at % 8);
    if (source->numeric)
        column->floats->values[at] = source->values[row];
    else
        column->codes->codes.data[at] = source->codes[row];
}

enum status records_score(const Chw__Batch *self, const struct model *model,
                          const struct records_scores *out, struct error_text *error)
{
    struct columns columns;
    enum status status = columns_view(self, &columns, error);
    if (status != STATUS_OK)
        return status;
    struct binding *binding = NULL;
    status = model_bind(model, &columns, &binding, error);
    if (status == STATUS_OK && out->margins != NULL)
        model_margins(binding, 0, columns.rows, out->margins, out->faults);
    if (status == STATUS_OK)
        model_score(binding, 0, columns.rows, out->probabilities, out->faults);
    binding_free(binding);
    columns_release(&columns);
    return status;
}
