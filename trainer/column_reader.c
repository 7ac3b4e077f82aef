/* SPDX-License-Identifier: Apache-2.0 */
/* column_reader.c - infers a column's type from its cells. */
#include "trainer/column_reader.h"

#include "table/csv_reader.h"
#include "trainer/distinct.h"
#include "trainer/names.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_SHOWN_MAX = 40 };

struct column_reader {
    const char *path;
    char *name;
    const struct dictionary_column *declared;
    enum dictionary_type type;
    size_t row_count, missing_count;
    bool whole; /* every number so far has no fraction */
    bool keep_values, keep_codes;
    float *values;
    uint8_t *codes;
    struct names *names;
    struct distinct *distinct;
    uint64_t text_line; /* of the first cell that is not a number; 0: none yet */
    char text[VALUE_SHOWN_MAX + 1];
};

struct column_reader *column_reader_new(const char *path, const char *name,
                                        const struct dictionary_column *declared)
{
    struct column_reader *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->path = path;
    self->declared = declared;
    self->type = declared == NULL ? DICTIONARY_INFER : declared->type;
    self->whole = true;
    self->keep_values = self->type != DICTIONARY_CATEGORY;
    self->keep_codes = self->type != DICTIONARY_NUMERIC;
    self->name = strdup(name);
    self->names = names_new();
    self->distinct = distinct_new();
    if (self->name != NULL && self->names != NULL && self->distinct != NULL)
        return self;
    column_reader_free(self);
    return NULL;
}

void column_reader_free(struct column_reader *self)
{
    if (self == NULL)
        return;
    free(self->name);
    free(self->values);
    free(self->codes);
    names_free(self->names);
    distinct_free(self->distinct);
    free(self);
}

enum status column_reader_reserve(struct column_reader *self, size_t capacity)
{
    if (self->keep_values) {
        float *values = realloc(self->values, capacity * sizeof *values);
        if (values == NULL)
            return STATUS_NOMEM;
        self->values = values;
    }
    if (self->keep_codes) {
        uint8_t *codes = realloc(self->codes, capacity);
        if (codes == NULL)
            return STATUS_NOMEM;
        self->codes = codes;
    }
    return STATUS_OK;
}

static void give_up_values(struct column_reader *self)
{
    self->keep_values = false;
    free(self->values);
    self->values = NULL;
}

static void give_up_codes(struct column_reader *self)
{
    self->keep_codes = false;
    free(self->codes);
    self->codes = NULL;
}

static enum status take_number(struct column_reader *self, const char *cell,
                               uint64_t line, struct error_text *error)
{
    float value;
    if (csv_cell_number(cell, &value)) {
        self->values[self->row_count] = value + 0.0F; /* -0 becomes 0 */
        self->whole = self->whole && floorf(value) == value;
        return STATUS_OK;
    }
    if (self->type == DICTIONARY_NUMERIC)
        return error_set(
            error, STATUS_MALFORMED,
            "%s: line %llu, column %s: '%.*s' is not a number, and the dictionary "
            "says numeric",
            self->path, (unsigned long long)line, self->name, VALUE_SHOWN_MAX, cell);
    self->text_line = line;
    snprintf(self->text, sizeof self->text, "%s", cell);
    give_up_values(self);
    return STATUS_OK;
}

static enum status take_category(struct column_reader *self, const char *cell)
{
    enum status status = names_add(self->names, cell, &self->codes[self->row_count]);
    if (status == STATUS_FULL) {
        give_up_codes(self);
        return STATUS_OK;
    }
    return status;
}

static void take_missing(struct column_reader *self)
{
    if (self->keep_values)
        self->values[self->row_count] = NAN;
    if (self->keep_codes)
        self->codes[self->row_count] = DATASET_MISSING;
    self->missing_count++;
    self->row_count++;
}

enum status column_reader_add(struct column_reader *self, const char *cell, uint64_t line,
                              struct error_text *error)
{
    if (csv_cell_is_missing(cell)) {
        take_missing(self);
        return STATUS_OK;
    }
    enum status status = distinct_add(self->distinct, cell);
    if (status == STATUS_OK && self->keep_values)
        status = take_number(self, cell, line, error);
    if (status == STATUS_OK && self->keep_codes)
        status = take_category(self, cell);
    self->row_count++;
    return status;
}

/* A continuous measurement may differ in every row; text or whole numbers that do name a
 * row. A dictionary that says numeric has the last word. */
static bool is_identifier(const struct column_reader *self)
{
    size_t known = self->row_count - self->missing_count;
    bool nameable =
        !self->keep_values || (self->whole && self->type != DICTIONARY_NUMERIC);
    return nameable && 2 * known > self->row_count && distinct_holds(self->distinct);
}

/* Whether numbers are the most of a column that holds text as well. With more than 255
 * categories the rows are not counted any more: then the categories are. */
static bool is_mostly_numbers(const struct column_reader *self)
{
    float ignored;
    size_t counts[NAMES_MAX + 1] = {0}, numbers = 0, texts = 0;
    for (size_t i = 0; self->keep_codes && i < self->row_count; i++)
        counts[self->codes[i]]++;
    for (size_t i = 0; i < names_count(self->names); i++) {
        size_t weight = self->keep_codes ? counts[i] : 1;
        if (csv_cell_number(names_text(self->names, i), &ignored))
            numbers += weight;
        else
            texts += weight;
    }
    return numbers > texts;
}

static enum status check_category(const struct column_reader *self,
                                  struct error_text *error)
{
    if (self->type != DICTIONARY_CATEGORY && is_mostly_numbers(self))
        return error_set(
            error, STATUS_MALFORMED,
            "%s: line %llu, column %s: '%s' is not a number, as most values of the "
            "column are: correct or empty the cell, or say {type: category} in a "
            "--dictionary",
            self->path, (unsigned long long)self->text_line, self->name, self->text);
    if (!self->keep_codes)
        return error_set(
            error, STATUS_MALFORMED,
            "%s: column %s has more than %d different values, too many for a "
            "category: leave it out with --drop %s, or name it with --id-column %s "
            "if it is an identifier",
            self->path, self->name, DATASET_CATEGORIES_MAX, self->name, self->name);
    return STATUS_OK;
}

static enum status finish_category(struct column_reader *self, struct dataset_column *out,
                                   struct error_text *error)
{
    enum status status = check_category(self, error);
    if (status != STATUS_OK)
        return status;
    uint8_t map[NAMES_MAX];
    names_sort(self->names, map);
    for (size_t i = 0; i < self->row_count; i++) {
        if (self->codes[i] != DATASET_MISSING)
            self->codes[i] = map[self->codes[i]];
    }
    out->category_count = names_count(self->names);
    out->categories = names_take(self->names);
    if (out->categories == NULL)
        return STATUS_NOMEM;
    out->codes = self->codes;
    self->codes = NULL;
    return STATUS_OK;
}

enum status column_reader_finish(struct column_reader *self,
                                 const struct dictionary *dictionary,
                                 struct dataset_column *out, struct error_text *error)
{
    if (is_identifier(self))
        return error_set(
            error, STATUS_MALFORMED,
            "%s: column %s is different in every row: name it with --id-column %s "
            "(identifiers are never features), or leave it out with --drop %s",
            self->path, self->name, self->name, self->name);
    out->numeric = self->keep_values;
    out->declared = self->declared;
    out->missing_count = self->missing_count;
    enum status status = STATUS_OK;
    if (self->declared != NULL)
        status = dictionary_check(dictionary, self->declared, out->numeric, error);
    if (status == STATUS_OK && !out->numeric)
        status = finish_category(self, out, error);
    if (status != STATUS_OK)
        return status;
    out->name = self->name;
    self->name = NULL;
    if (out->numeric) {
        out->values = self->values;
        self->values = NULL;
    }
    return STATUS_OK;
}
