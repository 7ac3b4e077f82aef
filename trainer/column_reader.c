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

static enum status take_category(struct column_reader *self, const char *cell,
                                 uint64_t line, struct error_text *error)
{
    enum status status = names_add(self->names, cell, &self->codes[self->row_count]);
    if (status == STATUS_FULL) {
        give_up_codes(self);
        return STATUS_OK;
    }
    if (status == STATUS_MALFORMED)
        return error_set(
            error, status,
            "%s: line %llu, column %s: the value is not UTF-8: convert the file "
            "first, such as by iconv",
            self->path, (unsigned long long)line, self->name);
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
        status = take_category(self, cell, line, error);
    self->row_count++;
    return status;
}

/* What a column that holds text holds, by rows; by categories where there are more than
 * 255, because the rows are not counted any more then. */
struct tally {
    size_t numbers, texts;
    bool whole; /* no number has a fraction */
};

static struct tally tally(const struct column_reader *self)
{
    struct tally out = {.whole = true};
    size_t counts[NAMES_MAX + 1] = {0};
    for (size_t i = 0; self->keep_codes && i < self->row_count; i++)
        counts[self->codes[i]]++;
    for (size_t i = 0; i < names_count(self->names); i++) {
        float value;
        size_t weight = self->keep_codes ? counts[i] : 1;
        if (csv_cell_number(names_text(self->names, i), &value)) {
            out.numbers += weight;
            out.whole = out.whole && floorf(value) == value;
        } else {
            out.texts += weight;
        }
    }
    return out;
}

static bool is_different_in_every_row(const struct column_reader *self)
{
    size_t known = self->row_count - self->missing_count;
    return 2 * known > self->row_count && distinct_holds(self->distinct);
}

/* Text and whole numbers that differ in every row name it; a continuous measurement may
 * differ. A dictionary that says numeric has the last word. */
static enum status check_identifier(const struct column_reader *self,
                                    struct error_text *error)
{
    bool nameable =
        !self->keep_values || (self->whole && self->type != DICTIONARY_NUMERIC);
    if (!nameable || !is_different_in_every_row(self))
        return STATUS_OK;
    return error_set(
        error, STATUS_MALFORMED,
        "%s: column %s is different in every row: name it with --id-column %s "
        "(identifiers are never features), or leave it out with --drop %s",
        self->path, self->name, self->name, self->name);
}

/* Text among numbers is a slip, unless they are whole and differ in every row: those are
 * identifiers, such as 1001, 1002, A1003. */
static enum status check_slip(const struct column_reader *self, struct error_text *error)
{
    if (self->text_line == 0)
        return STATUS_OK;
    struct tally held = tally(self);
    if (held.numbers <= held.texts || (held.whole && is_different_in_every_row(self)))
        return STATUS_OK;
    return error_set(
        error, STATUS_MALFORMED,
        "%s: line %llu, column %s: '%s' is not a number, as most values of the "
        "column are: correct or empty the cell, or say {type: category} in a "
        "--dictionary",
        self->path, (unsigned long long)self->text_line, self->name, self->text);
}

static enum status check_categories(const struct column_reader *self,
                                    struct error_text *error)
{
    if (self->keep_values || self->keep_codes)
        return STATUS_OK;
    return error_set(
        error, STATUS_MALFORMED,
        "%s: column %s has more than %d different values, too many for a "
        "category: leave it out with --drop %s, or name it with --id-column %s "
        "if it is an identifier",
        self->path, self->name, DATASET_CATEGORIES_MAX, self->name, self->name);
}

static enum status finish_category(struct column_reader *self, struct dataset_column *out)
{
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
    enum status status = check_slip(self, error);
    if (status == STATUS_OK)
        status = check_identifier(self, error);
    if (status == STATUS_OK)
        status = check_categories(self, error);
    out->numeric = self->keep_values;
    out->declared = self->declared;
    out->missing_count = self->missing_count;
    if (status == STATUS_OK && self->declared != NULL)
        status = dictionary_check(dictionary, self->declared, out->numeric, error);
    if (status == STATUS_OK && !out->numeric)
        status = finish_category(self, out);
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
