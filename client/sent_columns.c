/* SPDX-License-Identifier: Apache-2.0 */
/* sent_columns.c - which columns of a table leave it. */
#include "client/sent_columns.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- those that the models read ---- */

/* Name the columns that are not there, on one line. */
static void tell_absent(const struct csv_reader *reader, const char *input,
                        const struct chw_description *description)
{
    size_t cell, absent = 0;
    for (size_t i = 0; i < chw_description_count(description); i++) {
        const char *name = chw_description_name(description, i);
        if (csv_reader_find(reader, name, &cell, NULL) == STATUS_OK)
            continue;
        if (absent++ == 0)
            fprintf(
                stderr,
                "chw score: missing in every record, for %s has no such column: ", input);
        fprintf(stderr, "%s%s", absent == 1 ? "" : ", ", name);
    }
    if (absent > 0)
        fputc('\n', stderr);
}

static enum status check_required(const struct csv_reader *reader, const char *input,
                                  const struct chw_description *description,
                                  struct error_text *error)
{
    char absent[400] = "";
    size_t used = 0, cell;
    for (size_t i = 0; i < chw_description_count(description); i++) {
        const char *name = chw_description_name(description, i);
        if (!chw_description_is_required(description, i) ||
            csv_reader_find(reader, name, &cell, NULL) == STATUS_OK ||
            used >= sizeof absent)
            continue;
        used += (size_t)snprintf(absent + used, sizeof absent - used, "%s%s",
                                 used == 0 ? "" : ", ", name);
    }
    if (used == 0)
        return STATUS_OK;
    return error_set(error, STATUS_NOT_FOUND,
                     "%s lacks columns that a model requires: %s", input, absent);
}

enum status sent_columns_described(struct job *job, const struct csv_reader *reader,
                                   const char *input,
                                   const struct chw_description *description,
                                   struct error_text *error)
{
    enum status status = check_required(reader, input, description, error);
    for (size_t i = 0; status == STATUS_OK && i < chw_description_count(description);
         i++) {
        const char *name = chw_description_name(description, i);
        size_t cell;
        if (csv_reader_find(reader, name, &cell, NULL) == STATUS_OK)
            status = job_add_column(job, name, chw_description_is_number(description, i));
    }
    if (status != STATUS_OK)
        return status;
    if (job->column_count == 0)
        return error_set(error, STATUS_NOT_FOUND,
                         "%s has none of the columns the models read", input);
    tell_absent(reader, input, description);
    return status;
}

/* ---- those that a person names ---- */

/* One of the list, `size` bytes of it. */
static enum status parse_column(struct job *self, const char *text, size_t size,
                                struct error_text *error)
{
    static const char mark[] = ":category";
    size_t mark_size = sizeof mark - 1;
    char *name = strndup(text, size);
    if (name == NULL)
        return STATUS_NOMEM;
    bool is_number = size < mark_size || strcmp(name + size - mark_size, mark) != 0;
    if (!is_number)
        name[size - mark_size] = '\0';
    enum status status = STATUS_OK;
    if (name[0] == '\0')
        status =
            error_set(error, STATUS_INVALID, "there is an empty name in the columns");
    for (size_t i = 0; status == STATUS_OK && i < self->column_count; i++)
        if (strcmp(self->columns[i].name, name) == 0)
            status = error_set(error, STATUS_INVALID, "the column %.100s is named twice",
                               name);
    if (status == STATUS_OK)
        status = job_add_column(self, name, is_number);
    free(name);
    return status;
}

static enum status parse_list(struct job *self, const char *text,
                              struct error_text *error)
{
    enum status status = STATUS_OK;
    bool more = true;
    while (status == STATUS_OK && more) {
        size_t size = strcspn(text, ",");
        status = parse_column(self, text, size, error);
        more = text[size] == ',';
        text += size + 1;
    }
    return status;
}

static bool are_same(const struct job *self, const struct job *other)
{
    if (self->column_count != other->column_count)
        return false;
    for (size_t i = 0; i < self->column_count; i++)
        if (strcmp(self->columns[i].name, other->columns[i].name) != 0 ||
            self->columns[i].is_number != other->columns[i].is_number)
            return false;
    return true;
}

enum status sent_columns_named(struct job *job, const struct csv_reader *reader,
                               const char *list, struct error_text *error)
{
    size_t cell;
    enum status status = parse_list(job, list, error);
    for (size_t i = 0; status == STATUS_OK && i < job->column_count; i++)
        status = csv_reader_find(reader, job->columns[i].name, &cell, error);
    return status;
}

enum status sent_columns_compare(const struct job *job, const char *list,
                                 struct error_text *error)
{
    struct job named = {.lock = -1};
    enum status status = parse_list(&named, list, error);
    if (status == STATUS_OK && !are_same(job, &named))
        status = error_set(error, STATUS_INVALID,
                           "%s belongs to another job: --columns differs; choose another "
                           "-o, or --new-job to begin anew",
                           job->folder);
    job_drop_columns(&named);
    return status;
}

/* ---- columns of numbers without any ---- */

struct checked {
    size_t cell;
    bool has_value, has_number;
};

struct sent_columns_check {
    const struct job *job;
    struct checked columns[];
};

struct sent_columns_check *sent_columns_check_new(const struct job *job,
                                                  const struct csv_reader *reader)
{
    struct sent_columns_check *self =
        calloc(1, sizeof *self + job->column_count * sizeof self->columns[0]);
    if (self == NULL)
        return NULL;
    self->job = job;
    for (size_t i = 0; i < job->column_count; i++) {
        struct checked *column = &self->columns[i];
        enum status status =
            csv_reader_find(reader, job->columns[i].name, &column->cell, NULL);
        assert(status == STATUS_OK); /* named from this table */
    }
    return self;
}

void sent_columns_check_free(struct sent_columns_check *self)
{
    free(self);
}

void sent_columns_check_row(struct sent_columns_check *self, const char *const *cells)
{
    float number;
    for (size_t i = 0; i < self->job->column_count; i++) {
        struct checked *column = &self->columns[i];
        if (column->has_number || csv_cell_is_missing(cells[column->cell]))
            continue;
        column->has_value = true;
        column->has_number = csv_cell_number(cells[column->cell], &number) != 0;
    }
}

enum status sent_columns_check_end(const struct sent_columns_check *self,
                                   struct error_text *error)
{
    for (size_t i = 0; i < self->job->column_count; i++) {
        const struct job_column *column = &self->job->columns[i];
        if (column->is_number && self->columns[i].has_value &&
            !self->columns[i].has_number)
            return error_set(error, STATUS_INVALID,
                             "--columns: %.100s has values and none is a number; did you "
                             "mean %.100s:category?",
                             column->name, column->name);
    }
    return STATUS_OK;
}
