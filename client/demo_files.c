/* SPDX-License-Identifier: Apache-2.0 */
/* demo_files.c - row by row, in constant memory. */
#include "client/demo_files.h"

#include "table/csv_reader.h"
#include "table/csv_writer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum status demo_count_rows(const char *path, const char *region_column,
                            const char *target, uint64_t *rows, struct error_text *error)
{
    struct csv_reader *reader;
    struct csv_row row;
    size_t column;
    enum status status = csv_reader_open(path, &reader, error);
    if (status != STATUS_OK)
        return status;
    *rows = 0;
    status = csv_reader_find(reader, region_column, &column, error);
    if (status == STATUS_OK)
        status = csv_reader_find(reader, target, &column, error);
    while (status == STATUS_OK) {
        status = csv_reader_next(reader, &row, error);
        *rows += status == STATUS_OK;
    }
    csv_reader_close(reader);
    return status == STATUS_END ? STATUS_OK : status;
}

static void write_names(const struct csv_reader *reader, FILE *file)
{
    for (size_t i = 0; i < csv_reader_column_count(reader); i++)
        csv_write_text(file, i == 0, csv_reader_column_name(reader, i));
    csv_write_end(file);
}

static void write_row(const struct csv_reader *reader, const struct csv_row *row,
                      FILE *file)
{
    for (size_t i = 0; i < csv_reader_column_count(reader); i++)
        csv_write_text(file, i == 0, row->cells[i]);
    csv_write_end(file);
}

static enum status cut_rows(struct csv_reader *reader, uint64_t stride, FILE *file,
                            uint64_t *rows, struct error_text *error)
{
    struct csv_row row;
    enum status status;
    *rows = 0;
    write_names(reader, file);
    while ((status = csv_reader_next(reader, &row, error)) == STATUS_OK)
        if ((row.number - 1) % stride == 0) {
            write_row(reader, &row, file);
            ++*rows;
        }
    return status == STATUS_END ? STATUS_OK : status;
}

enum status demo_cut(const char *from, uint64_t stride, const char *to, uint64_t *rows,
                     struct error_text *error)
{
    struct csv_reader *reader;
    enum status status = csv_reader_open(from, &reader, error);
    if (status != STATUS_OK)
        return status;
    FILE *file = fopen(to, "w");
    if (file == NULL)
        status = error_set(error, STATUS_IO, "%s: %s", to, strerror(errno));
    else
        status = cut_rows(reader, stride, file, rows, error);
    if (file != NULL) {
        bool failed = ferror(file) != 0;
        failed |= fclose(file) != 0;
        if (failed && status == STATUS_OK)
            status = error_set(error, STATUS_IO, "%s: %s", to, strerror(errno));
    }
    csv_reader_close(reader);
    return status;
}

static enum status note_version(struct demo_served *self, const char *version,
                                struct error_text *error)
{
    size_t i = 0;
    while (i < self->version_count && strcmp(self->versions[i].version, version) != 0)
        i++;
    if (i == DEMO_VERSIONS_MAX || strlen(version) >= sizeof self->versions[0].version)
        return error_set(error, STATUS_MALFORMED, "more versions than can have served");
    if (i == self->version_count) {
        self->version_count++;
        memcpy(self->versions[i].version, version, strlen(version) + 1);
    }
    self->versions[i].rows++;
    return STATUS_OK;
}

static enum status read_rows(struct csv_reader *reader, size_t status_column,
                             size_t version_column, struct demo_served *out,
                             struct error_text *error)
{
    struct csv_row row;
    enum status status;
    while ((status = csv_reader_next(reader, &row, error)) == STATUS_OK) {
        out->rows++;
        if (strcmp(row.cells[status_column], "ok") == 0)
            status = note_version(out, row.cells[version_column], error);
        else
            out->invalid++;
        if (status != STATUS_OK)
            return status;
    }
    return status == STATUS_END ? STATUS_OK : status;
}

enum status demo_read_results(const char *path, const char *name, struct demo_served *out,
                              struct error_text *error)
{
    struct csv_reader *reader;
    char column[96];
    size_t status_column, version_column;
    *out = (struct demo_served){0};
    enum status status = csv_reader_open(path, &reader, error);
    if (status != STATUS_OK)
        return status;
    snprintf(column, sizeof column, "%s_version", name);
    status = csv_reader_find(reader, "status", &status_column, error);
    if (status == STATUS_OK)
        status = csv_reader_find(reader, column, &version_column, error);
    if (status == STATUS_OK)
        status = read_rows(reader, status_column, version_column, out, error);
    csv_reader_close(reader);
    return status;
}
