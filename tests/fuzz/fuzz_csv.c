/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a CSV file (plain or gzip): rows of as many cells as the header, their
 * numbers and lines in order, or a sentence. What was read is written, and reads back the
 * same. Files are in memory: the reader takes a path, /proc gives it one. */
#define _GNU_SOURCE /* memfd_create */
#include "table/csv_reader.h"
#include "table/csv_writer.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void require(bool holds)
{
    if (!holds)
        abort();
}

static enum status open_fd(int fd, struct csv_reader **reader, struct error_text *error)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return csv_reader_open(path, reader, error);
}

static FILE *new_file(void)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    require(fd >= 0);
    FILE *file = fdopen(fd, "wb");
    require(file != NULL);
    return file;
}

static void check_number(const char *cell)
{
    float value = 0;
    if (csv_cell_number(cell, &value))
        require(isfinite(value) && !csv_cell_is_missing(cell));
}

/* A blank line is no row: one empty cell alone is written in another way. */
static void copy_row(FILE *file, const struct csv_row *row, size_t count)
{
    if (count == 1 && row->cells[0][0] == '\0')
        fputs("\"\"", file);
    else
        for (size_t i = 0; i < count; i++)
            csv_write_text(file, i == 0, row->cells[i]);
    csv_write_end(file);
}

/* Read all rows and write them to `copy`; how many there were. */
static uint64_t read_rows(struct csv_reader *reader, FILE *copy)
{
    struct csv_row row, last = {0, 0, NULL};
    struct error_text error = {""};
    enum status status;
    size_t count = csv_reader_column_count(reader);
    while ((status = csv_reader_next(reader, &row, &error)) == STATUS_OK) {
        require(row.number == last.number + 1 && row.line > last.line);
        for (size_t i = 0; i < count; i++)
            check_number(row.cells[i]);
        copy_row(copy, &row, count);
        double fraction = csv_reader_fraction(reader);
        require(fraction >= 0 && fraction <= 1);
        last = row;
    }
    require(status == STATUS_END || error.text[0] != '\0');
    return last.number;
}

static void compare_rows(struct csv_reader *one, struct csv_reader *other, uint64_t count)
{
    struct csv_row left, right;
    for (uint64_t row = 0; row < count; row++) {
        require(csv_reader_next(one, &left, NULL) == STATUS_OK);
        require(csv_reader_next(other, &right, NULL) == STATUS_OK);
        for (size_t i = 0; i < csv_reader_column_count(one); i++)
            require(strcmp(left.cells[i], right.cells[i]) == 0);
    }
    require(csv_reader_next(other, &right, NULL) == STATUS_END);
}

static void check_copy(int fd, FILE *copy, uint64_t count)
{
    struct csv_reader *one, *other;
    require(fflush(copy) == 0);
    require(open_fd(fd, &one, NULL) == STATUS_OK);
    require(open_fd(fileno(copy), &other, NULL) == STATUS_OK);
    require(csv_reader_column_count(one) == csv_reader_column_count(other));
    compare_rows(one, other, count);
    csv_reader_close(one);
    csv_reader_close(other);
}

static void round_trip(int fd, struct csv_reader *reader)
{
    FILE *copy = new_file();
    fputs("\xef\xbb\xbf", copy); /* or a name that begins with a mark would lose it */
    for (size_t i = 0; i < csv_reader_column_count(reader); i++) {
        size_t column;
        const char *name = csv_reader_column_name(reader, i);
        require(csv_reader_find(reader, name, &column, NULL) == STATUS_OK);
        require(column == i);
        csv_write_text(copy, i == 0, name);
    }
    csv_write_end(copy);
    check_copy(fd, copy, read_rows(reader, copy));
    fclose(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct csv_reader *reader;
    struct error_text error = {""};
    FILE *file = new_file();
    require(fwrite(data, 1, size, file) == size && fflush(file) == 0);
    if (open_fd(fileno(file), &reader, &error) == STATUS_OK)
        round_trip(fileno(file), reader);
    else
        require(reader == NULL && error.text[0] != '\0');
    csv_reader_close(reader);
    fclose(file);
    return 0;
}
