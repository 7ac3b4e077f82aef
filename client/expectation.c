/* SPDX-License-Identifier: Apache-2.0 */
/* expectation.c - rows to batches, batches to bytes, bytes to scores, scores beside what
 * was expected. */
#include "client/expectation.h"

#include "base/proto_parse.h"
#include "client/batch.h"
#include "client/batcher.h"
#include "table/csv_reader.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 4096 }; /* of a batch */

struct checking {
    const struct expectation *expectation;
    const struct model *model;
    struct csv_reader *reader;
    struct batcher_column *columns;
    size_t column_count, expected_cell;
    struct batcher *batcher;
    double expected[ROWS_MAX + 1]; /* of the rows that no finished batch had yet */
    size_t expected_count;
    struct expectation_result result;
    uint64_t bad_count;
    char first_bad[256];
    struct error_text *error;
};

/* ---- columns ---- */

/* A column that the model can do without may be absent. */
static enum status find_columns(struct checking *self)
{
    const Chw__Model *message = model_message(self->model);
    enum status status = csv_reader_find(self->reader, self->expectation->column,
                                         &self->expected_cell, self->error);
    self->columns = calloc(message->n_features, sizeof *self->columns);
    if (self->columns == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; status == STATUS_OK && i < message->n_features; i++) {
        const Chw__Feature *feature = message->features[i];
        struct batcher_column *column = &self->columns[self->column_count];
        column->name = feature->name;
        column->is_number = feature->kind_case == CHW__FEATURE__KIND_NUMERIC;
        status = csv_reader_find(self->reader, feature->name, &column->cell, self->error);
        self->column_count += status == STATUS_OK;
        if (status == STATUS_NOT_FOUND && !feature->required)
            status = STATUS_OK;
    }
    return status;
}

static enum status start(struct checking *self)
{
    enum status status =
        csv_reader_open(self->expectation->path, &self->reader, self->error);
    if (status == STATUS_OK)
        status = find_columns(self);
    if (status != STATUS_OK)
        return status;
    const struct batcher_plan plan = {
        .columns = self->columns,
        .column_count = self->column_count,
        .rows_max = ROWS_MAX,
        .gathered_max = 2 * ROWS_MAX,
    };
    self->batcher = batcher_new(&plan);
    return self->batcher == NULL ? STATUS_NOMEM : STATUS_OK;
}

/* ---- scores ---- */

static void note_fault(struct checking *self, uint64_t row,
                       const struct record_fault *found)
{
    static const char *const words[] = {
        [CHW__RECORD_FAULT__RECORD_FAULT_MISSING] = "has no value",
        [CHW__RECORD_FAULT__RECORD_FAULT_NOT_A_NUMBER] = "is not a number",
        [CHW__RECORD_FAULT__RECORD_FAULT_UNKNOWN_CATEGORY] = "is an unknown category",
    };
    if (self->bad_count++ == 0)
        snprintf(self->first_bad, sizeof self->first_bad,
                 "row %" PRIu64 " is invalid: %.120s %s", row,
                 model_message(self->model)->features[found->feature]->name,
                 words[found->fault]);
}

static void compare(struct checking *self, uint64_t row, double scored, double expected)
{
    double difference = fabs(scored - expected);
    if (self->result.row == 0 || difference > self->result.difference) {
        self->result.difference = difference;
        self->result.row = row;
    }
    bool close = difference <= self->expectation->tolerance;
    if (!close && self->bad_count++ == 0)
        snprintf(self->first_bad, sizeof self->first_bad,
                 "row %" PRIu64 " scores %.9g, expected %.9g", row, scored, expected);
}

static enum status score(struct checking *self, const Chw__Batch *batch,
                         const uint64_t *rows)
{
    float p[ROWS_MAX];
    struct record_fault faults[ROWS_MAX];
    struct columns columns = {0};
    struct binding *binding = NULL;
    enum status status = columns_view(batch, &columns, self->error);
    if (status == STATUS_OK)
        status = model_bind(self->model, &columns, &binding, self->error);
    if (status == STATUS_OK) {
        model_score(binding, 0, batch->rows, p, faults);
        for (uint32_t i = 0; i < batch->rows; i++)
            if (faults[i].fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE)
                note_fault(self, rows[i], &faults[i]);
            else
                compare(self, rows[i], (double)p[i], self->expected[i]);
    }
    binding_free(binding);
    columns_release(&columns);
    return status;
}

/* There is one region, so that a finished batch has the oldest rows. */
static enum status score_filled(struct checking *self, const struct filled *filled)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    ProtobufCMessage *batch = NULL;
    enum status status = batch_encode(filled->batch, &bytes, &size);
    if (status == STATUS_OK) {
        batch = proto_parse(&chw__batch__descriptor, bytes, size);
        status = batch == NULL ? STATUS_NOMEM : STATUS_OK;
    }
    if (status == STATUS_OK)
        status = score(self, (const Chw__Batch *)batch, filled->rows);
    self->expected_count -= filled->count;
    memmove(self->expected, self->expected + filled->count,
            self->expected_count * sizeof self->expected[0]);
    proto_free(batch);
    free(bytes);
    return status;
}

static enum status score_finished(struct checking *self)
{
    struct filled *filled;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && (filled = batcher_take(self->batcher)) != NULL) {
        status = score_filled(self, filled);
        filled_free(filled);
    }
    return status;
}

/* ---- rows ---- */

static enum status take_row(struct checking *self, const struct csv_row *row)
{
    float expected;
    if (!csv_cell_number(row->cells[self->expected_cell], &expected))
        return error_set(self->error, STATUS_MALFORMED,
                         "%s: line %" PRIu64 ": column %s holds no number",
                         self->expectation->path, row->line, self->expectation->column);
    self->expected[self->expected_count++] = (double)expected;
    self->result.rows++;
    enum status status = batcher_add(self->batcher, "-", row->number, row->cells);
    return status == STATUS_OK ? score_finished(self) : status;
}

static enum status read_rows(struct checking *self)
{
    struct csv_row row;
    enum status status;
    while ((status = csv_reader_next(self->reader, &row, self->error)) == STATUS_OK) {
        status = take_row(self, &row);
        if (status != STATUS_OK)
            return status;
    }
    if (status != STATUS_END)
        return status;
    batcher_end(self->batcher);
    return score_finished(self);
}

static enum status judge(const struct checking *self)
{
    const struct expectation *expectation = self->expectation;
    if (self->result.rows == 0)
        return error_set(self->error, STATUS_MALFORMED, "%s has no rows",
                         expectation->path);
    if (self->bad_count == 0)
        return STATUS_OK;
    return error_set(self->error, STATUS_CORRUPT,
                     "%s: %s; %" PRIu64 " of %" PRIu64
                     " rows are not within %g of what was expected, the largest "
                     "difference is %.3g",
                     expectation->path, self->first_bad, self->bad_count,
                     self->result.rows, expectation->tolerance, self->result.difference);
}

enum status expectation_check(const struct expectation *self, const struct model *model,
                              struct expectation_result *out, struct error_text *error)
{
    *out = (struct expectation_result){0};
    struct checking *checking = calloc(1, sizeof *checking);
    if (checking == NULL)
        return STATUS_NOMEM;
    checking->expectation = self;
    checking->model = model;
    checking->error = error;
    enum status status = start(checking);
    if (status == STATUS_OK)
        status = read_rows(checking);
    if (status == STATUS_OK)
        status = judge(checking);
    *out = checking->result;
    batcher_free(checking->batcher);
    csv_reader_close(checking->reader);
    free(checking->columns);
    free(checking);
    return status;
}
