/* SPDX-License-Identifier: Apache-2.0 */
/* dataset.c - reads a table once, row by row, into its columns. */
#include "trainer/dataset.h"

#include "model/columns.h"
#include "table/csv_reader.h"
#include "trainer/column_reader.h"
#include "trainer/names.h"
#include "trainer/outcome.h"
#include "trainer/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS_FIRST = 1024, PROGRESS_ROWS = 4096 };

struct reading {
    const struct dataset_request *request;
    struct csv_reader *csv;
    size_t target;                  /* column in the file */
    size_t *cells;                  /* of each feature: column in the file */
    struct column_reader **columns; /* of each feature */
    bool *strict;                   /* a row without this feature's value is left out */
    size_t column_count, capacity;
    struct names *values; /* of the target */
    struct dataset *out;
};

static bool list_holds(const struct config_list *list, const char *name)
{
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        if (strcmp(list->items[i], name) == 0)
            return true;
    }
    return false;
}

static bool is_left_out(const struct dataset_request *request, const char *name)
{
    const struct dictionary_column *said = dictionary_find(request->dictionary, name);
    return list_holds(request->ids, name) || list_holds(request->drops, name) ||
           (said != NULL &&
            (said->type == DICTIONARY_ID || said->type == DICTIONARY_DROP));
}

static enum status check_list(const struct reading *self, const struct config_list *list,
                              const char *option, struct error_text *error)
{
    size_t ignored;
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        if (csv_reader_find(self->csv, list->items[i], &ignored, error) != STATUS_OK)
            return error_prefix(error, STATUS_NOT_FOUND, "%s %s", option, list->items[i]);
    }
    return STATUS_OK;
}

/* Every column that is named anywhere exists. */
static enum status check_names(struct reading *self, struct error_text *error)
{
    const struct dataset_request *request = self->request;
    const struct dictionary *dictionary = request->dictionary;
    size_t ignored;
    if (csv_reader_find(self->csv, request->target, &self->target, error) != STATUS_OK)
        return error_prefix(error, STATUS_NOT_FOUND, "--target %s", request->target);
    enum status status = check_list(self, request->ids, "--id-column", error);
    if (status == STATUS_OK)
        status = check_list(self, request->drops, "--drop", error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; dictionary != NULL && i < dictionary->count; i++) {
        if (csv_reader_find(self->csv, dictionary->columns[i].name, &ignored, error) !=
            STATUS_OK)
            return error_prefix(error, STATUS_MALFORMED, "%s:%zu", dictionary->path,
                                dictionary->columns[i].line);
    }
    if (is_left_out(request, request->target))
        return error_set(error, STATUS_INVALID,
                         "column %s is the target: it cannot be an identifier or dropped",
                         request->target);
    return STATUS_OK;
}

static enum status add_column(struct reading *self, size_t cell, const char *name,
                              struct error_text *error)
{
    if (strlen(name) > COLUMNS_NAME_MAX || !utf8_is_valid(name))
        return error_set(
            error, STATUS_MALFORMED,
            "%s: the name of column %zu is longer than %d bytes or not UTF-8",
            self->request->path, cell + 1, COLUMNS_NAME_MAX);
    const struct dictionary_column *said =
        dictionary_find(self->request->dictionary, name);
    struct column_reader *column = column_reader_new(self->request->path, name, said);
    if (column == NULL)
        return STATUS_NOMEM;
    self->columns[self->column_count] = column;
    self->cells[self->column_count] = cell;
    self->strict[self->column_count] =
        said != NULL && said->missing == DICTIONARY_MISSING_INVALID;
    self->column_count++;
    return STATUS_OK;
}

static enum status choose_columns(struct reading *self, struct error_text *error)
{
    size_t count = csv_reader_column_count(self->csv);
    self->columns = calloc(count, sizeof(struct column_reader *));
    self->cells = calloc(count, sizeof *self->cells);
    self->strict = calloc(count, sizeof *self->strict);
    if (self->columns == NULL || self->cells == NULL || self->strict == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; i < count; i++) {
        const char *name = csv_reader_column_name(self->csv, i);
        if (i == self->target || is_left_out(self->request, name))
            continue;
        enum status status = add_column(self, i, name, error);
        if (status != STATUS_OK)
            return status;
    }
    if (self->column_count == 0)
        return error_set(error, STATUS_MALFORMED,
                         "%s: no features are left beside the target %s",
                         self->request->path, self->request->target);
    return STATUS_OK;
}

static enum status make_room(struct reading *self, struct error_text *error)
{
    struct dataset *out = self->out;
    if (out->row_count < self->capacity)
        return STATUS_OK;
    if (self->capacity >= DATASET_ROWS_MAX)
        return error_set(error, STATUS_FULL, "%s: more than %d rows", self->request->path,
                         DATASET_ROWS_MAX);
    size_t capacity = self->capacity == 0 ? ROWS_FIRST : 2 * self->capacity;
    uint64_t *numbers = realloc(out->numbers, capacity * sizeof *numbers);
    if (numbers == NULL)
        return STATUS_NOMEM;
    out->numbers = numbers;
    uint8_t *outcomes = realloc(out->outcomes, capacity);
    if (outcomes == NULL)
        return STATUS_NOMEM;
    out->outcomes = outcomes;
    for (size_t i = 0; i < self->column_count; i++) {
        if (column_reader_reserve(self->columns[i], capacity) != STATUS_OK)
            return STATUS_NOMEM;
    }
    self->capacity = capacity;
    return STATUS_OK;
}

/* False: the row is left out, and counted. */
static bool is_wanted(const struct reading *self, const struct csv_row *row)
{
    if (csv_cell_is_missing(row->cells[self->target])) {
        self->out->target_missing_count++;
        return false;
    }
    for (size_t i = 0; i < self->column_count; i++) {
        if (self->strict[i] && csv_cell_is_missing(row->cells[self->cells[i]])) {
            self->out->refused_count++;
            return false;
        }
    }
    return true;
}

static enum status take_row(struct reading *self, const struct csv_row *row,
                            struct error_text *error)
{
    struct dataset *out = self->out;
    if (!is_wanted(self, row))
        return STATUS_OK;
    enum status status = make_room(self, error);
    if (status != STATUS_OK)
        return status;
    status =
        names_add(self->values, row->cells[self->target], &out->outcomes[out->row_count]);
    if (status == STATUS_FULL)
        return error_set(
            error, STATUS_MALFORMED,
            "%s: the target %s has more than %d different values: it must be an "
            "outcome that a person has or has not",
            self->request->path, self->request->target, NAMES_MAX);
    if (status == STATUS_MALFORMED)
        return error_set(
            error, status, "%s: line %llu, column %s: the value is not UTF-8",
            self->request->path, (unsigned long long)row->line, self->request->target);
    for (size_t i = 0; status == STATUS_OK && i < self->column_count; i++)
        status = column_reader_add(self->columns[i], row->cells[self->cells[i]],
                                   row->line, error);
    out->numbers[out->row_count++] = row->number;
    return status;
}

static enum status take_rows(struct reading *self, struct progress *progress,
                             struct error_text *error)
{
    for (;;) {
        struct csv_row row;
        enum status status = csv_reader_next(self->csv, &row, error);
        if (status == STATUS_END)
            return STATUS_OK;
        if (status == STATUS_OK)
            status = take_row(self, &row, error);
        if (status != STATUS_OK)
            return status;
        self->out->rows_read = row.number;
        if (row.number % PROGRESS_ROWS == 0)
            progress_update(progress, row.number, csv_reader_fraction(self->csv));
    }
}

static enum status check_rows(const struct reading *self, struct error_text *error)
{
    const struct dataset *out = self->out;
    const char *path = self->request->path;
    if (out->rows_read == 0)
        return error_set(error, STATUS_MALFORMED, "%s: there is a header but no rows",
                         path);
    if (out->row_count == 0)
        return error_set(
            error, STATUS_MALFORMED,
            "%s: none of the %llu rows can be used (%llu without a value of the "
            "target %s)",
            path, (unsigned long long)out->rows_read,
            (unsigned long long)out->target_missing_count, self->request->target);
    if (out->row_count < DATASET_ROWS_MIN)
        return error_set(error, STATUS_MALFORMED,
                         "%s: %zu rows are too few to learn from: at least %d are needed",
                         path, out->row_count, DATASET_ROWS_MIN);
    return STATUS_OK;
}

static enum status finish_outcomes(struct reading *self, struct error_text *error)
{
    struct dataset *out = self->out;
    uint8_t map[NAMES_MAX];
    size_t counts[NAMES_MAX] = {0};
    names_sort(self->values, map);
    for (size_t i = 0; i < out->row_count; i++) {
        out->outcomes[i] = map[out->outcomes[i]];
        counts[out->outcomes[i]]++;
    }
    uint8_t code;
    enum status status = outcome_choose(self->values, counts, self->request->target,
                                        self->request->positive, &code, error);
    if (status != STATUS_OK)
        return status;
    out->positive = strdup(names_text(self->values, code));
    if (out->positive == NULL)
        return STATUS_NOMEM;
    out->positive_count = counts[code];
    for (size_t i = 0; i < out->row_count; i++)
        out->outcomes[i] = out->outcomes[i] == code;
    return STATUS_OK;
}

static enum status finish(struct reading *self, struct error_text *error)
{
    struct dataset *out = self->out;
    enum status status = check_rows(self, error);
    if (status == STATUS_OK)
        status = finish_outcomes(self, error);
    if (status != STATUS_OK)
        return status;
    out->columns = calloc(self->column_count, sizeof *out->columns);
    if (out->columns == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; status == STATUS_OK && i < self->column_count; i++) {
        out->column_count++;
        status = column_reader_finish(self->columns[i], self->request->dictionary,
                                      &out->columns[i], error);
    }
    return status;
}

static enum status read_table(struct reading *self, struct progress *progress,
                              struct error_text *error)
{
    self->out = calloc(1, sizeof *self->out);
    self->values = names_new();
    if (self->out == NULL || self->values == NULL)
        return STATUS_NOMEM;
    enum status status = csv_reader_open(self->request->path, &self->csv, error);
    if (status == STATUS_OK)
        status = check_names(self, error);
    if (status == STATUS_OK)
        status = choose_columns(self, error);
    if (status == STATUS_OK)
        status = take_rows(self, progress, error);
    if (status == STATUS_OK)
        status = finish(self, error);
    return status;
}

enum status dataset_read(const struct dataset_request *request, struct progress *progress,
                         struct dataset **out, struct error_text *error)
{
    struct reading reading = {.request = request};
    enum status status = read_table(&reading, progress, error);
    for (size_t i = 0; i < reading.column_count; i++)
        column_reader_free(reading.columns[i]);
    free(reading.columns);
    free(reading.cells);
    free(reading.strict);
    names_free(reading.values);
    csv_reader_close(reading.csv);
    if (status == STATUS_OK)
        *out = reading.out;
    else
        dataset_free(reading.out);
    return status;
}

void dataset_free(struct dataset *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->column_count; i++) {
        struct dataset_column *column = &self->columns[i];
        for (size_t j = 0; column->categories != NULL && j < column->category_count; j++)
            free(column->categories[j]);
        free(column->categories);
        free(column->values);
        free(column->codes);
        free(column->name);
    }
    free(self->columns);
    free(self->numbers);
    free(self->outcomes);
    free(self->positive);
    free(self);
}
