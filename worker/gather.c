/* SPDX-License-Identifier: Apache-2.0 */
/* gather.c - cells copied from the columns of many batches into those of one. */
#include "worker/gather.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BITS_SIZE = GATHER_ROWS_MAX / 8 };

enum kind {
    KIND_ANY, /* no cell has a value yet */
    KIND_NUMBERS,
    KIND_NAMES,
};

/* One column of all batches. */
struct gathered {
    enum kind kind;
    bool all_valid, none_unreadable;
    float *floats;  /* KIND_NUMBERS */
    uint8_t *codes; /* KIND_NAMES: places in `names` */
    char **names;   /* borrowed */
    size_t name_count;
    uint8_t valid[BITS_SIZE], unreadable[BITS_SIZE];
};

struct gathering {
    uint32_t rows_max;
    struct columns columns; /* what it looks like from outside */
    struct gathered *gathered;
    void *cells; /* of all columns: names, then floats, then codes */
};

static size_t names_max(uint32_t rows_max)
{
    return rows_max < COLUMNS_CATEGORIES_MAX ? rows_max : COLUMNS_CATEGORIES_MAX;
}

/* Each column's part of the cells. */
static void share_cells(struct gathering *self)
{
    size_t count = self->columns.count, rows = self->rows_max;
    char **names = self->cells;
    float *floats = (float *)(void *)(names + count * names_max(self->rows_max));
    uint8_t *codes = (uint8_t *)(floats + count * rows);
    for (size_t i = 0; i < count; i++) {
        self->gathered[i].names = names + i * names_max(self->rows_max);
        self->gathered[i].floats = floats + i * rows;
        self->gathered[i].codes = codes + i * rows;
        self->gathered[i].all_valid = self->gathered[i].none_unreadable = true;
    }
}

struct gathering *gathering_new(const struct columns *alike, uint32_t rows_max)
{
    assert(rows_max <= GATHER_ROWS_MAX && alike->count <= GATHER_COLUMNS_MAX);
    size_t count = alike->count;
    size_t cell = rows_max * (sizeof(float) + 1) + names_max(rows_max) * sizeof(char *);
    struct gathering *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->rows_max = rows_max;
    self->columns.count = count;
    self->columns.items = calloc(count + 1, sizeof self->columns.items[0]);
    self->gathered = calloc(count + 1, sizeof self->gathered[0]);
    self->cells = malloc(count * cell + 1);
    if (self->columns.items == NULL || self->gathered == NULL || self->cells == NULL) {
        gathering_free(self);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        self->columns.items[i].name = alike->items[i].name;
    share_cells(self);
    return self;
}

void gathering_free(struct gathering *self)
{
    if (self == NULL)
        return;
    columns_release(&self->columns);
    free(self->gathered);
    free(self->cells);
    free(self);
}

/* ---- one column of one batch ---- */

static bool is_valid(const struct column *column, uint32_t row)
{
    return column->valid == NULL || bitmap_test(column->valid, row);
}

static bool is_readable(const struct column *column, uint32_t row)
{
    return column->unreadable == NULL || !bitmap_test(column->unreadable, row);
}

static bool has_value(const struct column *column, uint32_t row)
{
    return is_valid(column, row) && is_readable(column, row);
}

static uint8_t code_of(const struct column *column, uint32_t row)
{
    return column->type == COLUMN_BITMAP ? (uint8_t)bitmap_test(column->bytes, row)
                                         : column->bytes[row];
}

static void put_number(struct gathered *self, uint32_t at, const struct column *column,
                       uint32_t row)
{
    self->floats[at] =
        column->type == COLUMN_FLOATS ? column->floats[row] : (float)code_of(column, row);
}

/* False: there are too many. */
static bool put_name(struct gathered *self, size_t most, uint32_t at,
                     const struct column *column, uint32_t row)
{
    char *name = column->categories[code_of(column, row)];
    size_t i = 0;
    while (i < self->name_count && strcmp(self->names[i], name) != 0)
        i++;
    if (i == most)
        return false;
    if (i == self->name_count)
        self->names[self->name_count++] = name;
    self->codes[at] = (uint8_t)i;
    return true;
}

static void put_bit(uint8_t *bits, uint32_t at, bool bit)
{
    uint8_t mask = (uint8_t)(1U << at % 8);
    bits[at / 8] = (uint8_t)(bit ? bits[at / 8] | mask : bits[at / 8] & ~mask);
}

/* What a cell without a value holds is never looked at. */
static bool put_value(struct gathered *self, size_t most, uint32_t at,
                      const struct column *column, uint32_t row)
{
    enum kind kind = column->categories == NULL ? KIND_NUMBERS : KIND_NAMES;
    if (!has_value(column, row)) {
        self->floats[at] = 0;
        self->codes[at] = 0;
        return true;
    }
    if (self->kind == KIND_ANY)
        self->kind = kind;
    if (self->kind != kind)
        return false;
    if (kind == KIND_NAMES)
        return put_name(self, most, at, column, row);
    put_number(self, at, column, row);
    return true;
}

static bool put_column(struct gathered *self, size_t most, uint32_t at,
                       const struct column *column, uint32_t rows)
{
    for (uint32_t row = 0; row < rows; row++) {
        bool valid = is_valid(column, row), readable = is_readable(column, row);
        if (!put_value(self, most, at + row, column, row))
            return false;
        put_bit(self->valid, at + row, valid);
        put_bit(self->unreadable, at + row, !readable);
        self->all_valid = self->all_valid && valid;
        self->none_unreadable = self->none_unreadable && readable;
    }
    return true;
}

/* ---- batches ---- */

static bool fits(const struct gathering *self, const struct columns *columns)
{
    if (columns->count != self->columns.count ||
        columns->rows > self->rows_max - self->columns.rows)
        return false;
    for (size_t i = 0; i < columns->count; i++)
        if (strcmp(columns->items[i].name, self->columns.items[i].name) != 0)
            return false;
    return true;
}

/* As it was before a batch that does not fit: cells beyond the last row do not matter. */
struct mark {
    enum kind kind;
    bool all_valid, none_unreadable;
    size_t name_count;
};

static struct mark mark_of(const struct gathered *self)
{
    return (struct mark){self->kind, self->all_valid, self->none_unreadable,
                         self->name_count};
}

static void restore(struct gathered *self, const struct mark *mark)
{
    self->kind = mark->kind;
    self->all_valid = mark->all_valid;
    self->none_unreadable = mark->none_unreadable;
    self->name_count = mark->name_count;
}

bool gathering_add(struct gathering *self, const struct columns *columns)
{
    struct mark marks[GATHER_COLUMNS_MAX];
    bool put = fits(self, columns);
    if (!put)
        return false;
    size_t done = 0, most = names_max(self->rows_max);
    for (; put && done < columns->count; done++) {
        marks[done] = mark_of(&self->gathered[done]);
        put = put_column(&self->gathered[done], most, self->columns.rows,
                         &columns->items[done], columns->rows);
    }
    if (put)
        self->columns.rows += columns->rows;
    else
        while (done-- > 0)
            restore(&self->gathered[done], &marks[done]);
    return put;
}

const struct columns *gathering_columns(struct gathering *self)
{
    for (size_t i = 0; i < self->columns.count; i++) {
        const struct gathered *from = &self->gathered[i];
        bool names = from->kind == KIND_NAMES;
        self->columns.items[i] = (struct column){
            .name = self->columns.items[i].name,
            .type = names ? COLUMN_CODES : COLUMN_FLOATS,
            .bytes = names ? from->codes : NULL,
            .floats = names ? NULL : from->floats,
            .categories = names ? from->names : NULL,
            .category_count = names ? from->name_count : 0,
            .valid = from->all_valid ? NULL : from->valid,
            .unreadable = from->none_unreadable ? NULL : from->unreadable,
        };
    }
    return &self->columns;
}
