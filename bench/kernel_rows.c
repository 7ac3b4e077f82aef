/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_rows.c - a client's batch, parsed as a worker would. */
#include "bench/kernel_rows.h"

#include "base/proto_parse.h"
#include "client/batch.h"

#include <math.h>
#include <stdlib.h>

/* ---- one batch of typed columns ---- */

struct making {
    const struct kernel_design *design;
    const uint32_t *rows; /* of the data set, one per record */
    size_t row_count;
    float *values;      /* scratch: one per record */
    const char **names; /* the same */
};

static bool add_columns(struct chw_batch *batch, const struct making *self)
{
    const struct dataset *data = self->design->table->data;
    bool added = true;
    size_t index;
    for (size_t i = 0; added && i < self->design->pipeline->feature_count; i++) {
        const struct dataset_column *column =
            &data->columns[self->design->pipeline->features[i].column];
        added = chw_batch_column(batch, column->name,
                                 column->numeric ? CHW_NUMBER : CHW_CATEGORY,
                                 &index) == CHW_OK;
    }
    return added;
}

static bool fill_column(struct chw_batch *batch, const struct making *self, size_t index)
{
    const struct dataset_column *column =
        &self->design->table->data
             ->columns[self->design->pipeline->features[index].column];
    for (size_t i = 0; i < self->row_count; i++) {
        size_t row = self->rows[i];
        if (column->numeric)
            self->values[i] = column->values[row];
        else
            self->names[i] = dataset_is_missing(column, row)
                                 ? NULL
                                 : column->categories[column->codes[row]];
    }
    enum chw_status status =
        column->numeric
            ? chw_batch_numbers(batch, index, self->values, self->row_count)
            : chw_batch_categories(batch, index, self->names, self->row_count);
    return status == CHW_OK;
}

static enum status encode(const struct making *self, uint8_t **bytes, size_t *size)
{
    struct chw_batch *batch = chw_batch_new("benchmark", 0);
    bool filled = batch != NULL && add_columns(batch, self);
    for (size_t i = 0; filled && i < self->design->pipeline->feature_count; i++)
        filled = fill_column(batch, self, i);
    enum status status = filled ? batch_encode(batch, bytes, size) : STATUS_NOMEM;
    chw_batch_free(batch);
    return status;
}

static enum status make_batch(const struct making *self, struct kernel_batch *out,
                              struct error_text *error)
{
    uint8_t *bytes;
    size_t size;
    enum status status = encode(self, &bytes, &size);
    if (status != STATUS_OK)
        return error_set(error, status, "a batch cannot be made");
    out->message = (Chw__Batch *)proto_parse(&chw__batch__descriptor, bytes, size);
    free(bytes);
    if (out->message == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    return columns_view(out->message, &out->columns, error);
}

/* ---- all of them ---- */

static size_t batches_of(uint32_t batch_rows, size_t rows)
{
    size_t count = (rows + batch_rows - 1) / batch_rows;
    return count < KERNEL_BATCHES_MAX ? count : KERNEL_BATCHES_MAX;
}

static enum status make_all(struct making *making, uint32_t *rows,
                            struct kernel_rows *out, struct error_text *error)
{
    const struct split *split = making->design->table->split;
    enum status status = STATUS_OK;
    size_t at = 0;
    for (size_t batch = 0; status == STATUS_OK && batch < out->batch_count; batch++) {
        float *inputs = out->inputs + batch * out->batch_rows * out->width;
        for (size_t i = 0; i < out->batch_rows; i++, inputs += out->width) {
            rows[i] = split->heldout[at++ % split->heldout_count];
            kernel_design_encode(making->design, rows[i], inputs);
        }
        status = make_batch(making, &out->batches[batch], error);
    }
    return status;
}

enum status kernel_rows_make(const struct kernel_design *design, uint32_t batch_rows,
                             size_t row_count, struct kernel_rows *out,
                             struct error_text *error)
{
    *out = (struct kernel_rows){.batch_rows = batch_rows,
                                .batch_count = batches_of(batch_rows, row_count),
                                .width = design->width};
    uint32_t *rows = calloc(batch_rows, sizeof *rows);
    struct making making = {.design = design, .rows = rows, .row_count = batch_rows};
    making.values = calloc(batch_rows, sizeof *making.values);
    making.names = calloc(batch_rows, sizeof *making.names);
    out->batches = calloc(out->batch_count, sizeof *out->batches);
    out->inputs = calloc(out->batch_count * batch_rows, design->width * sizeof(float));
    bool room = rows != NULL && making.values != NULL && making.names != NULL &&
                out->batches != NULL && out->inputs != NULL;
    enum status status = room ? make_all(&making, rows, out, error)
                              : error_set(error, STATUS_NOMEM, "out of memory");
    free(rows);
    free(making.values);
    free(making.names);
    return status;
}

void kernel_rows_release(struct kernel_rows *self)
{
    for (size_t i = 0; self->batches != NULL && i < self->batch_count; i++) {
        columns_release(&self->batches[i].columns);
        proto_free((ProtobufCMessage *)self->batches[i].message);
    }
    free(self->batches);
    free(self->inputs);
    *self = (struct kernel_rows){0};
}

/* ---- training ---- */

enum status kernel_training_make(const struct kernel_design *design, uint64_t seed,
                                 struct kernel_training *out, struct error_text *error)
{
    const struct split *split = design->table->split;
    *out = (struct kernel_training){
        .rows = split->train_count, .width = design->width, .seed = seed};
    out->inputs = calloc(out->rows, out->width * sizeof *out->inputs);
    out->outcomes = calloc(out->rows, sizeof *out->outcomes);
    if (out->inputs == NULL || out->outcomes == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    for (size_t i = 0; i < out->rows; i++) {
        uint32_t row = split->train[i];
        kernel_design_encode(design, row, out->inputs + i * out->width);
        out->outcomes[i] = design->table->data->outcomes[row];
    }
    return STATUS_OK;
}

void kernel_training_release(struct kernel_training *self)
{
    free(self->inputs);
    free(self->outcomes);
    *self = (struct kernel_training){0};
}
