/* SPDX-License-Identifier: Apache-2.0 */
/* The margins of a file of another tool as the kernel that serves gives them: a number
 * per row, exact in nine digits. Every cell is a number, a category's too.
 *
 * usage: import-margins FILE ROWS.csv [CLASS] */
#include "base/file.h"
#include "exchange/exchange.h"
#include "model/model.h"
#include "table/csv_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 4096 };

/* A column of the table, for the feature of the same name. */
struct plain {
    Chw__Column column;
    Chw__Floats floats;
    float values[ROWS_MAX];
    uint8_t valid[ROWS_MAX / 8];
    size_t cell;
};

static void must(enum status status, const struct error_text *error)
{
    if (status == STATUS_OK)
        return;
    fprintf(stderr, "import-margins: %s: %s\n", status_text(status), error->text);
    exit(EXIT_FAILURE);
}

static struct model *import(const char *path, const char *chosen)
{
    const struct exchange_options options = {.name = "margins", .chosen = chosen};
    struct error_text error = {""};
    uint8_t *bytes;
    size_t size;
    Chw__Model *message;
    struct model *model;
    must(file_read(path, EXCHANGE_SIZE_MAX, &bytes, &size, &error), &error);
    must(exchange_import(bytes, size, &options, &message, &error), &error);
    free(bytes);
    size = chw__model__get_packed_size(message);
    bytes = malloc(size);
    if (bytes == NULL)
        exit(EXIT_FAILURE);
    chw__model__pack(message, bytes);
    chw__model__free_unpacked(message, NULL);
    must(model_load(bytes, size, &model, &error), &error);
    free(bytes);
    return model;
}

static uint32_t read_rows(struct csv_reader *reader, struct plain *columns, size_t count)
{
    struct error_text error = {""};
    struct csv_row row;
    uint32_t rows = 0;
    enum status status;
    while (rows < ROWS_MAX &&
           (status = csv_reader_next(reader, &row, &error)) != STATUS_END) {
        must(status, &error);
        for (size_t i = 0; i < count; i++)
            if (csv_cell_number(row.cells[columns[i].cell], &columns[i].values[rows]))
                columns[i].valid[rows / 8] |= (uint8_t)(1U << (rows % 8));
        rows++;
    }
    return rows;
}

static void finish(struct plain *self, const char *name, uint32_t rows)
{
    chw__column__init(&self->column);
    chw__floats__init(&self->floats);
    self->column.name = strdup(name);
    self->column.values_case = CHW__COLUMN__VALUES_FLOATS;
    self->column.floats = &self->floats;
    self->column.valid.data = self->valid;
    self->column.valid.len = (rows + 7) / 8;
    self->floats.values = self->values;
    self->floats.n_values = rows;
}

static void print_margins(const struct model *model, const Chw__Batch *batch)
{
    static float margins[ROWS_MAX];
    static struct record_fault faults[ROWS_MAX];
    struct error_text error = {""};
    struct columns columns;
    struct binding *binding;
    must(columns_view(batch, &columns, &error), &error);
    must(model_bind(model, &columns, &binding, &error), &error);
    model_margins(binding, 0, batch->rows, margins, faults);
    for (uint32_t i = 0; i < batch->rows; i++)
        printf("%.9g\n", (double)margins[i]);
    binding_free(binding);
    columns_release(&columns);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return EXIT_FAILURE;
    struct model *model = import(argv[1], argc > 3 ? argv[3] : NULL);
    const Chw__Model *message = model_message(model);
    size_t count = message->n_features;
    struct plain *plain = calloc(count, sizeof *plain);
    Chw__Column **list = calloc(count, sizeof *list);
    struct error_text error = {""};
    struct csv_reader *reader;
    if (plain == NULL || list == NULL)
        return EXIT_FAILURE;
    must(csv_reader_open(argv[2], &reader, &error), &error);
    for (size_t i = 0; i < count; i++)
        must(csv_reader_find(reader, message->features[i]->name, &plain[i].cell, &error),
             &error);
    Chw__Batch batch = CHW__BATCH__INIT;
    batch.rows = read_rows(reader, plain, count);
    batch.n_columns = count;
    batch.columns = list;
    for (size_t i = 0; i < count; i++) {
        finish(&plain[i], message->features[i]->name, batch.rows);
        list[i] = &plain[i].column;
    }
    print_margins(model, &batch);
    for (size_t i = 0; i < count; i++)
        free(plain[i].column.name);
    csv_reader_close(reader);
    model_free(model);
    free(plain);
    free(list);
    return EXIT_SUCCESS;
}
