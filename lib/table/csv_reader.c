/* SPDX-License-Identifier: Apache-2.0 */
/* csv_reader.c - zlib feeds blocks to libcsv, whose callbacks gather one row at a time.
 *
 * libcsv is fed up to the end of a row and then no further, so that exactly one row is
 * held: its cells lie one after the other in `text`, each terminated. */
#include "table/csv_reader.h"

#include <csv.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { BLOCK_SIZE = 1 << 16, ROW_SIZE_MAX = 1 << 20, COLUMNS_MAX = 4096 };

struct csv_reader {
    char *path;
    gzFile file;
    double file_size;
    struct csv_parser parser;
    bool parser_ready;

    char block[BLOCK_SIZE];
    size_t block_used, block_size;
    bool ended;        /* the file, not the rows */
    bool after_return; /* the last line end was a carriage return */

    char *text; /* of the row, ROW_SIZE_MAX */
    size_t text_size;
    size_t starts[COLUMNS_MAX];
    size_t cell_count;
    bool row_done, has_nul;
    enum status overflow; /* STATUS_OK while the row fits */

    uint64_t line, row_line; /* where the reader is, where the row began */
    uint64_t row_number;
    char *names; /* the header's cells */
    size_t name_starts[COLUMNS_MAX];
    size_t column_count;
    const char *cells[COLUMNS_MAX];
};

static void take_cell(void *cell, size_t size, void *arg)
{
    struct csv_reader *self = arg;
    if (self->cell_count == COLUMNS_MAX || self->text_size + size + 1 > ROW_SIZE_MAX) {
        self->overflow = STATUS_FULL;
        return;
    }
    if (size > 0 && memchr(cell, '\0', size) != NULL)
        self->has_nul = true;
    self->starts[self->cell_count++] = self->text_size;
    if (size > 0)
        memcpy(self->text + self->text_size, cell, size);
    self->text_size += size;
    self->text[self->text_size++] = '\0';
}

static void take_end(int character, void *arg)
{
    (void)character;
    struct csv_reader *self = arg;
    self->row_done = true;
}

static enum status complain(const struct csv_reader *self, const char *what,
                            struct error_text *error)
{
    return error_set(error, STATUS_MALFORMED, "%s: line %llu: %s", self->path,
                     (unsigned long long)self->row_line, what);
}

static enum status read_failed(const struct csv_reader *self, struct error_text *error)
{
    int code;
    const char *what = gzerror(self->file, &code); /* zlib has put the path before it */
    return code == Z_ERRNO
               ? error_set(error, STATUS_IO, "%s: %s", self->path, strerror(errno))
               : error_set(error, STATUS_MALFORMED, "%s", what);
}

static enum status fill_block(struct csv_reader *self, struct error_text *error)
{
    int size = gzread(self->file, self->block, BLOCK_SIZE);
    int code;
    gzerror(self->file, &code);
    if (size < 0 || (code != Z_OK && code != Z_STREAM_END))
        return read_failed(self, error);
    self->block_used = 0;
    self->block_size = (size_t)size;
    self->ended = size == 0;
    return STATUS_OK;
}

/* How much of the block is the rest of its first line, with its end: a line feed, or a
 * carriage return, whose line feed is a blank line to libcsv. */
static size_t line_size(const char *start, size_t left)
{
    const char *end = memchr(start, '\n', left);
    size_t size = end == NULL ? left : (size_t)(end - start) + 1;
    end = memchr(start, '\r', size);
    return end == NULL ? size : (size_t)(end - start) + 1;
}

/* After what line_size() gave: a line feed alone may be the rest of a line end. */
static void count_line(struct csv_reader *self, const char *start, size_t size)
{
    char last = start[size - 1];
    bool rest = size == 1 && last == '\n' && self->after_return;
    self->line += !rest && (last == '\n' || last == '\r');
    self->after_return = last == '\r';
}

static enum status refuse_quote(struct csv_reader *self, struct error_text *error)
{
    return csv_error(&self->parser) == CSV_ENOMEM
               ? error_set(error, STATUS_NOMEM, "%s: out of memory", self->path)
               : complain(self,
                          "a quote that is not at the start of a cell or not doubled",
                          error);
}

/* Feed libcsv up to and with the next line end of the block; a row ends at the latest
 * there, unless the line end is inside quotes. */
static enum status feed_line(struct csv_reader *self, struct error_text *error)
{
    const char *start = self->block + self->block_used;
    size_t size = line_size(start, self->block_size - self->block_used);
    if (csv_parse(&self->parser, start, size, take_cell, take_end, self) != size)
        return refuse_quote(self, error);
    self->block_used += size;
    count_line(self, start, size);
    if (csv_get_buffer_size(&self->parser) > 2 * ROW_SIZE_MAX)
        self->overflow = STATUS_FULL;
    return STATUS_OK;
}

static enum status finish_file(struct csv_reader *self, struct error_text *error)
{
    if (csv_fini(&self->parser, take_cell, take_end, self) != 0)
        return complain(self, "the file ends inside quotes that began here", error);
    bool rest = self->cell_count > 0 || self->overflow != STATUS_OK;
    return rest ? STATUS_OK : STATUS_END;
}

static enum status check_row(struct csv_reader *self, struct error_text *error)
{
    if (self->overflow != STATUS_OK)
        return complain(self, "the row is larger than 1 MiB or 4,096 cells", error);
    if (self->has_nul)
        return complain(self, "a NUL byte: this is not text", error);
    return STATUS_OK;
}

/* Gather one row of at least one cell; libcsv skips blank lines. */
static enum status gather(struct csv_reader *self, struct error_text *error)
{
    enum status status = STATUS_OK;
    self->text_size = self->cell_count = 0;
    self->row_done = false;
    self->row_line = self->line;
    while (!self->row_done && status == STATUS_OK && self->overflow == STATUS_OK) {
        if (self->cell_count == 0 && !self->parser.quoted)
            self->row_line = self->line;
        if (self->block_used < self->block_size)
            status = feed_line(self, error);
        else if (!self->ended)
            status = fill_block(self, error);
        else
            return (status = finish_file(self, error)) == STATUS_OK
                       ? check_row(self, error)
                       : status;
    }
    return status == STATUS_OK ? check_row(self, error) : status;
}

/* Where libcsv would strip. */
static int keep_spaces(unsigned char character)
{
    (void)character;
    return 0;
}

/* gzread gives plain files as they are. */
static enum status open_file(struct csv_reader *self, const char *path,
                             struct error_text *error)
{
    struct stat info;
    self->path = strdup(path);
    self->text = malloc(ROW_SIZE_MAX);
    if (self->path == NULL || self->text == NULL)
        return STATUS_NOMEM;
    if (stat(path, &info) != 0)
        return error_set(error, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, "%s: %s",
                         path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return error_set(error, STATUS_INVALID, "%s: a folder, not a CSV file", path);
    self->file_size = (double)info.st_size;
    self->file = gzopen(path, "rbe");
    if (self->file == NULL)
        return error_set(error, STATUS_IO, "%s: %s", path, strerror(errno));
    gzbuffer(self->file, 1 << 17);
    self->parser_ready = csv_init(&self->parser, CSV_STRICT | CSV_STRICT_FINI) == 0;
    if (!self->parser_ready)
        return STATUS_NOMEM;
    csv_set_blk_size(&self->parser, BLOCK_SIZE); /* a long cell must not grow by steps */
    csv_set_space_func(&self->parser, keep_spaces);
    self->line = 1;
    return STATUS_OK;
}

static enum status check_name(const struct csv_reader *self, size_t column,
                              struct error_text *error)
{
    const char *name = csv_reader_column_name(self, column);
    if (*name == '\0')
        return error_set(error, STATUS_MALFORMED,
                         "%s: column %zu has no name in the header", self->path,
                         column + 1);
    for (size_t i = 0; i < column; i++)
        if (strcmp(csv_reader_column_name(self, i), name) == 0)
            return error_set(error, STATUS_MALFORMED,
                             "%s: the header has the column '%s' twice", self->path,
                             name);
    return STATUS_OK;
}

/* Before libcsv sees it: a quote after it would not be at the start of a cell. */
static enum status skip_byte_order_mark(struct csv_reader *self, struct error_text *error)
{
    static const char mark[] = "\xef\xbb\xbf";
    enum status status = fill_block(self, error);
    if (status == STATUS_OK && self->block_size >= strlen(mark) &&
        memcmp(self->block, mark, strlen(mark)) == 0)
        self->block_used = strlen(mark);
    return status;
}

/* The first row's text becomes the names. */
static enum status read_header(struct csv_reader *self, struct error_text *error)
{
    enum status status = skip_byte_order_mark(self, error);
    if (status == STATUS_OK)
        status = gather(self, error);
    if (status == STATUS_END)
        return error_set(error, STATUS_MALFORMED, "%s: empty; expected a header line",
                         self->path);
    if (status != STATUS_OK)
        return status;
    self->names = malloc(self->text_size);
    if (self->names == NULL)
        return STATUS_NOMEM;
    memcpy(self->names, self->text, self->text_size);
    memcpy(self->name_starts, self->starts, self->cell_count * sizeof self->starts[0]);
    self->column_count = self->cell_count;
    for (size_t i = 0; status == STATUS_OK && i < self->column_count; i++)
        status = check_name(self, i, error);
    return status;
}

enum status csv_reader_open(const char *path, struct csv_reader **out,
                            struct error_text *error)
{
    struct csv_reader *self = calloc(1, sizeof *self);
    enum status status = self == NULL ? STATUS_NOMEM : open_file(self, path, error);
    if (status == STATUS_OK)
        status = read_header(self, error);
    if (status == STATUS_NOMEM)
        error_set(error, status, "%s: out of memory", path);
    if (status != STATUS_OK) {
        csv_reader_close(self);
        self = NULL;
    }
    *out = self;
    return status;
}

void csv_reader_close(struct csv_reader *self)
{
    if (self == NULL)
        return;
    if (self->parser_ready)
        csv_free(&self->parser);
    if (self->file != NULL)
        gzclose(self->file);
    free(self->names);
    free(self->text);
    free(self->path);
    free(self);
}

size_t csv_reader_column_count(const struct csv_reader *self)
{
    return self->column_count;
}

const char *csv_reader_column_name(const struct csv_reader *self, size_t column)
{
    return self->names + self->name_starts[column];
}

static void list_columns(const struct csv_reader *self, char *list, size_t size)
{
    size_t used = 0;
    list[0] = '\0';
    for (size_t i = 0; i < self->column_count && used + 70 < size; i++) {
        int more = snprintf(list + used, size - used, "%s%.60s", i == 0 ? "" : ", ",
                            csv_reader_column_name(self, i));
        used += more > 0 ? (size_t)more : 0;
    }
}

enum status csv_reader_find(const struct csv_reader *self, const char *name,
                            size_t *column, struct error_text *error)
{
    char list[400];
    for (*column = 0; *column < self->column_count; ++*column)
        if (strcmp(csv_reader_column_name(self, *column), name) == 0)
            return STATUS_OK;
    list_columns(self, list, sizeof list);
    return error_set(error, STATUS_NOT_FOUND, "%s: no column '%s'; there are: %s",
                     self->path, name, list);
}

enum status csv_reader_next(struct csv_reader *self, struct csv_row *row,
                            struct error_text *error)
{
    enum status status = gather(self, error);
    if (status != STATUS_OK)
        return status;
    if (self->cell_count != self->column_count)
        return error_set(error, STATUS_MALFORMED,
                         "%s: line %llu has %zu cells, the header has %zu", self->path,
                         (unsigned long long)self->row_line, self->cell_count,
                         self->column_count);
    for (size_t i = 0; i < self->column_count; i++)
        self->cells[i] = self->text + self->starts[i];
    *row = (struct csv_row){++self->row_number, self->row_line, self->cells};
    return STATUS_OK;
}

double csv_reader_fraction(const struct csv_reader *self)
{
    double read = (double)gzoffset(self->file);
    return self->file_size > 0 && read < self->file_size ? read / self->file_size : 1;
}
