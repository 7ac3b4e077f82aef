/* SPDX-License-Identifier: Apache-2.0 */
/* columns.c - every length is checked once here, so that the scorer need not. */
#include "model/columns.h"

#include <stdlib.h>
#include <string.h>

static size_t bitmap_size(uint32_t rows)
{
    return ((size_t)rows + 7) / 8;
}

static enum status check_length(const char *name, const char *what, size_t size,
                                size_t expected, struct error_text *error)
{
    if (size == expected)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "column %s: %zu %s, expected %zu", name, size,
                     what, expected);
}

/* Of a bitmap that may be absent: NULL where it is. */
static enum status view_bits(const char *name, const char *what,
                             const ProtobufCBinaryData *bits, uint32_t rows,
                             const uint8_t **out, struct error_text *error)
{
    *out = bits->len == 0 ? NULL : bits->data;
    if (bits->len == 0)
        return STATUS_OK;
    return check_length(name, what, bits->len, bitmap_size(rows), error);
}

static enum status view_bitmap(const Chw__Column *source, uint32_t rows,
                               struct column *out, struct error_text *error)
{
    const Chw__Bitmap *values = source->bitmap;
    out->type = COLUMN_BITMAP;
    out->bytes = values->bits.data;
    out->categories = values->n_categories == 0 ? NULL : values->categories;
    out->category_count = values->n_categories;
    if (values->n_categories != 0 && values->n_categories != 2)
        return error_set(error, STATUS_INVALID,
                         "column %s: a bitmap has two categories or none, not %zu",
                         out->name, values->n_categories);
    return check_length(out->name, "bytes of bits", values->bits.len, bitmap_size(rows),
                        error);
}

/* That no byte is too high says most columns to be well, at once. */
static bool are_all_below(const uint8_t *bytes, uint32_t count, size_t end)
{
    uint8_t most = 0;
    for (uint32_t i = 0; i < count; i++)
        most = bytes[i] > most ? bytes[i] : most;
    return most < end;
}

static enum status check_codes(const struct column *self, uint32_t rows,
                               struct error_text *error)
{
    if (are_all_below(self->bytes, rows, self->category_count))
        return STATUS_OK;
    for (uint32_t row = 0; row < rows; row++) {
        bool valid = self->valid == NULL || bitmap_test(self->valid, row);
        if (valid && self->bytes[row] >= self->category_count)
            return error_set(error, STATUS_INVALID,
                             "column %s: row %u has a code without a category",
                             self->name, row);
    }
    return STATUS_OK;
}

static enum status view_codes(const Chw__Column *source, uint32_t rows,
                              struct column *out, struct error_text *error)
{
    const Chw__Codes *values = source->codes;
    out->type = COLUMN_CODES;
    out->bytes = values->codes.data;
    out->categories = values->n_categories == 0 ? NULL : values->categories;
    out->category_count = values->n_categories;
    if (values->n_categories > COLUMNS_CATEGORIES_MAX)
        return error_set(error, STATUS_INVALID, "column %s: %zu categories, at most %d",
                         out->name, values->n_categories, COLUMNS_CATEGORIES_MAX);
    enum status status = check_length(out->name, "codes", values->codes.len, rows, error);
    if (status != STATUS_OK || out->category_count == 0)
        return status;
    return check_codes(out, rows, error);
}

static enum status view_floats(const Chw__Column *source, uint32_t rows,
                               struct column *out, struct error_text *error)
{
    out->type = COLUMN_FLOATS;
    out->floats = source->floats->values;
    return check_length(out->name, "numbers", source->floats->n_values, rows, error);
}

static enum status view_values(const Chw__Column *source, uint32_t rows,
                               struct column *out, struct error_text *error)
{
    static const struct {
        Chw__Column__ValuesCase kind;
        enum status (*view)(const Chw__Column *, uint32_t, struct column *,
                            struct error_text *);
    } views[] = {
        {CHW__COLUMN__VALUES_BITMAP, view_bitmap},
        {CHW__COLUMN__VALUES_CODES, view_codes},
        {CHW__COLUMN__VALUES_FLOATS, view_floats},
    };
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        if (views[i].kind == source->values_case)
            return views[i].view(source, rows, out, error);
    return error_set(error, STATUS_INVALID, "column %s has no values", out->name);
}

static enum status view_column(const Chw__Column *source, uint32_t rows,
                               struct column *out, struct error_text *error)
{
    *out = (struct column){.name = source->name};
    size_t name_size = strlen(source->name);
    if (name_size == 0)
        return error_set(error, STATUS_INVALID, "a column has no name");
    if (name_size > COLUMNS_NAME_MAX)
        return error_set(error, STATUS_INVALID,
                         "column %.32s...: the name has %zu bytes, at most %d",
                         source->name, name_size, COLUMNS_NAME_MAX);
    enum status status = view_bits(out->name, "bytes of valid bits", &source->valid, rows,
                                   &out->valid, error);
    if (status != STATUS_OK)
        return status;
    status = view_bits(out->name, "bytes of unreadable bits", &source->unreadable, rows,
                       &out->unreadable, error);
    if (status != STATUS_OK)
        return status;
    return view_values(source, rows, out, error);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct column *)a)->name, ((const struct column *)b)->name);
}

static enum status sort_by_name(struct columns *self, struct error_text *error)
{
    if (self->count > 0)
        qsort(self->items, self->count, sizeof self->items[0], compare_names);
    for (size_t i = 1; i < self->count; i++)
        if (compare_names(&self->items[i - 1], &self->items[i]) == 0)
            return error_set(error, STATUS_INVALID, "column %s is there twice",
                             self->items[i].name);
    return STATUS_OK;
}

static enum status check_size(const Chw__Batch *batch, struct error_text *error)
{
    if (batch->rows == 0)
        return error_set(error, STATUS_INVALID, "the batch has no rows");
    if (batch->rows > COLUMNS_ROWS_MAX)
        return error_set(error, STATUS_INVALID, "the batch has %u rows, at most %d",
                         batch->rows, COLUMNS_ROWS_MAX);
    if (batch->n_columns > COLUMNS_COUNT_MAX)
        return error_set(error, STATUS_INVALID, "the batch has %zu columns, at most %d",
                         batch->n_columns, COLUMNS_COUNT_MAX);
    return STATUS_OK;
}

enum status columns_view(const Chw__Batch *batch, struct columns *out,
                         struct error_text *error)
{
    *out = (struct columns){.rows = batch->rows, .count = batch->n_columns};
    enum status status = check_size(batch, error);
    if (status != STATUS_OK)
        goto fail;
    out->items = calloc(out->count + 1, sizeof out->items[0]);
    if (out->items == NULL) {
        status = STATUS_NOMEM;
        goto fail;
    }
    for (size_t i = 0; i < out->count; i++) {
        status = view_column(batch->columns[i], batch->rows, &out->items[i], error);
        if (status != STATUS_OK)
            goto fail;
    }
    status = sort_by_name(out, error);
    if (status == STATUS_OK)
        return STATUS_OK;
fail:
    columns_release(out);
    return status;
}

void columns_release(struct columns *self)
{
    free(self->items);
    *self = (struct columns){0};
}

const struct column *columns_find(const struct columns *self, const char *name)
{
    if (self->count == 0)
        return NULL;
    struct column key = {.name = name};
    return bsearch(&key, self->items, self->count, sizeof key, compare_names);
}

const struct column *columns_find_at(const struct columns *self, const char *name,
                                     size_t guess)
{
    if (guess < self->count && strcmp(self->items[guess].name, name) == 0)
        return &self->items[guess];
    return columns_find(self, name);
}
