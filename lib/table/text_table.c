/* SPDX-License-Identifier: Apache-2.0 */
/* text_table.c - cells are kept until all widths are known. */
#include "table/text_table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct text_table {
    const char *align;
    size_t column_count;
    char **cells;
    size_t count, room;
};

struct text_table *text_table_new(const char *align)
{
    struct text_table *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->align = align;
    self->column_count = strlen(align);
    return self;
}

void text_table_free(struct text_table *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->count; i++)
        free(self->cells[i]);
    free(self->cells);
    free(self);
}

static void add_cell(struct text_table *self, const char *text)
{
    if (self->count == self->room) {
        size_t room = self->room * 2 + 64;
        char **cells = realloc(self->cells, room * sizeof *cells);
        if (cells == NULL)
            return;
        self->cells = cells;
        self->room = room;
    }
    char *copy = strdup(text);
    if (copy != NULL)
        self->cells[self->count++] = copy;
}

void text_table_add(struct text_table *self, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add_cell(self, text);
}

void text_table_count(struct text_table *self, int64_t count)
{
    char digits[32], text[48];
    size_t used = 0;
    int size = snprintf(digits, sizeof digits, "%" PRId64, count);
    for (int i = 0; i < size; i++) {
        text[used++] = digits[i];
        int left = size - 1 - i;
        if (left > 0 && left % 3 == 0 && digits[i] != '-')
            text[used++] = ',';
    }
    text[used] = '\0';
    add_cell(self, text);
}

size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static size_t column_width(const struct text_table *self, size_t column)
{
    size_t widest = 0;
    for (size_t i = column; i < self->count; i += self->column_count) {
        size_t width = text_width(self->cells[i]);
        if (width > widest)
            widest = width;
    }
    return widest;
}

static void print_cell(const struct text_table *self, size_t at, size_t width, FILE *file)
{
    size_t column = at % self->column_count;
    bool last = column + 1 == self->column_count;
    int padding = (int)(width - text_width(self->cells[at]));
    if (column > 0)
        fputs("  ", file);
    if (self->align[column] == 'r')
        fprintf(file, "%*s", padding, "");
    fputs(self->cells[at], file);
    if (last)
        fputc('\n', file);
    else if (self->align[column] == 'l')
        fprintf(file, "%*s", padding, "");
}

void text_table_print(const struct text_table *self, FILE *file)
{
    size_t *widths = calloc(self->column_count, sizeof *widths);
    if (widths == NULL)
        return;
    for (size_t i = 0; i < self->column_count; i++)
        widths[i] = column_width(self, i);
    for (size_t i = 0; i < self->count; i++)
        print_cell(self, i, widths[i % self->column_count], file);
    free(widths);
}
