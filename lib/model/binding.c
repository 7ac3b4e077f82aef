/* SPDX-License-Identifier: Apache-2.0 */
/* binding.c - a model's features meet a batch's columns: policies and names are settled
 * here once per batch, so that reading a cell is a table look-up. */
#include "model/internal.h"
#include "model/kernel.h"
#include "model/layout.h"
#include "model/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_ROWS_MIN = 128, FEW_ROWS = 16 };

/* What Numeric.zero_missing takes for zero. */
static const float ZERO_WITHIN = 1e-35F;

static struct cell fault(Chw__RecordFault fault)
{
    return (struct cell){.fault = fault};
}

static struct cell value(float value)
{
    return (struct cell){.value = value};
}

static bool is_numeric(const struct feature *self)
{
    return self->source->kind_case == CHW__FEATURE__KIND_NUMERIC;
}

static struct cell missing_cell(const struct feature *self)
{
    const Chw__Feature *source = self->source;
    if (source->missing == CHW__MISSING_POLICY__MISSING_KEEP)
        return value(NAN);
    if (source->missing == CHW__MISSING_POLICY__MISSING_OTHER)
        return value((float)feature_other(source));
    if (source->missing == CHW__MISSING_POLICY__MISSING_INDICATOR)
        return value((float)source->category->n_names);
    if (source->missing == CHW__MISSING_POLICY__MISSING_IMPUTE)
        return value(is_numeric(self) ? source->numeric->impute
                                      : (float)source->category->impute);
    return fault(CHW__RECORD_FAULT__RECORD_FAULT_MISSING);
}

static struct cell unknown_cell(const struct feature *self)
{
    Chw__UnknownPolicy policy = self->source->category->unknown;
    if (policy == CHW__UNKNOWN_POLICY__UNKNOWN_OTHER)
        return value((float)feature_other(self->source));
    if (policy == CHW__UNKNOWN_POLICY__UNKNOWN_MISSING)
        return missing_cell(self);
    return fault(CHW__RECORD_FAULT__RECORD_FAULT_UNKNOWN_CATEGORY);
}

/* A float column carries 5.1 as the nearest float, so a name meets it there. */
static struct cell cell_of_number(const struct feature *self, float number)
{
    if (isnan(number))
        return fault(CHW__RECORD_FAULT__RECORD_FAULT_NOT_A_NUMBER);
    if (is_numeric(self))
        return self->source->numeric->zero_missing && fabsf(number) <= ZERO_WITHIN
                   ? missing_cell(self)
                   : value(number);
    for (size_t i = 0; i < self->source->category->n_names; i++)
        if ((float)self->numbers[i] == number)
            return value((float)i);
    return unknown_cell(self);
}

/* Its beginning is all of the text. */
static bool is_short(uint64_t beginning)
{
    return beginning >> 56 == 0;
}

/* The index of a category, or the count of all: by its name, and only then as a number,
 * which is slow to read. */
static size_t find_category(const struct feature *self, const char *name)
{
    const Chw__Category *category = self->source->category;
    uint64_t beginning = text_beginning(name);
    for (size_t i = 0; i < category->n_names; i++)
        if (self->beginnings[i] == beginning &&
            (is_short(beginning) || strcmp(category->names[i], name) == 0))
            return i;
    double number = number_of_text(name);
    size_t i = 0;
    while (i < category->n_names && self->numbers[i] != number)
        i++;
    return i;
}

static struct cell cell_of_name(const struct feature *self, const char *name)
{
    if (is_numeric(self))
        return cell_of_number(self, (float)number_of_text(name));
    size_t index = find_category(self, name);
    return index < self->source->category->n_names ? value((float)index)
                                                   : unknown_cell(self);
}

/* How many codes are worth a table: names are slow to look up where there are more
 * records than names, and so are numbers that name categories where many records ask. */
static uint32_t codes_to_bind(const struct feature *feature, const struct column *column,
                              uint32_t rows)
{
    if (column == NULL || column->type == COLUMN_FLOATS)
        return 0;
    if (column->type == COLUMN_BITMAP)
        return 2;
    if (column->categories != NULL)
        return rows < column->category_count ? 0 : (uint32_t)column->category_count;
    return is_numeric(feature) || rows < TABLE_ROWS_MIN ? 0 : COLUMNS_CATEGORIES_MAX;
}

static void bind_codes(struct bound_feature *self)
{
    const struct column *column = self->column;
    for (uint32_t code = 0; code < self->code_count; code++)
        self->codes[code] = column->categories == NULL
                                ? cell_of_number(self->feature, (float)code)
                                : cell_of_name(self->feature, column->categories[code]);
}

struct cell binding_code(const struct bound_feature *self, uint32_t code)
{
    if (code < self->code_count)
        return self->codes[code];
    const struct column *column = self->column;
    if (column->categories == NULL)
        return cell_of_number(self->feature, (float)code);
    if (code < column->category_count)
        return cell_of_name(self->feature, column->categories[code]);
    return self->missing; /* a record without a value has such a code */
}

static bool is_fault(const struct cell *cell)
{
    return cell->fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE;
}

static enum bound_faults faults_of_codes(const struct bound_feature *self)
{
    if (self->code_count == 0 &&
        (!is_numeric(self->feature) || self->column->categories != NULL))
        return FAULTS_ANY;
    for (uint32_t code = 0; code < self->code_count; code++)
        if (is_fault(&self->codes[code]))
            return FAULTS_ANY;
    return FAULTS_NEVER;
}

static enum bound_faults faults_of(const struct bound_feature *self)
{
    const struct column *column = self->column;
    if (column == NULL)
        return is_fault(&self->missing) ? FAULTS_ANY : FAULTS_NEVER;
    if (column->unreadable != NULL || (column->valid != NULL && is_fault(&self->missing)))
        return FAULTS_ANY;
    if (column->type != COLUMN_FLOATS)
        return faults_of_codes(self);
    return is_numeric(self->feature) ? FAULTS_NAN : FAULTS_ANY;
}

static enum status find_columns(struct binding *self, const struct columns *columns,
                                struct error_text *error)
{
    for (size_t i = 0; i < self->model->message->n_features; i++) {
        struct bound_feature *bound = &self->features[i];
        const struct feature *feature = &self->model->features[i];
        bound->feature = feature;
        bound->column = columns_find_at(columns, feature->source->name, feature->rank);
        if (bound->column == NULL && feature->source->required)
            return error_set(error, STATUS_INVALID, "column %s is required and absent",
                             feature->source->name);
        bound->code_count = codes_to_bind(feature, bound->column, columns->rows);
    }
    return STATUS_OK;
}

static enum status bind_features(struct binding *self)
{
    size_t count = self->model->message->n_features, codes = 0;
    for (size_t i = 0; i < count; i++)
        codes += self->features[i].code_count;
    if (self->codes == NULL)
        self->codes = self->own_codes = malloc((codes + 1) * sizeof self->codes[0]);
    if (self->codes == NULL)
        return STATUS_NOMEM;
    struct cell *next = self->codes;
    for (size_t i = 0; i < count; i++) {
        struct bound_feature *bound = &self->features[i];
        bound->codes = next;
        next += bound->code_count;
        bound->missing = missing_cell(bound->feature);
        bind_codes(bound);
        bound->faults = faults_of(bound);
    }
    return STATUS_OK;
}

/* For a block, or all records where they are fewer; in whole cache lines. */
static size_t margins_for(uint32_t rows)
{
    size_t in_line = LAYOUT_LINE / sizeof(double);
    return rows < KERNEL_BLOCK ? (rows + in_line - 1) / in_line * in_line : KERNEL_BLOCK;
}

/* Few records have few codes: room for all in the binding. More: 0. */
static size_t codes_room(const struct model *model, uint32_t rows)
{
    uint32_t most = rows > 2 ? rows : 2; /* codes_to_bind(), or the bits */
    return rows < FEW_ROWS ? model->message->n_features * most : 0;
}

/* NULL: no memory. The features are still to be bound. */
static struct binding *new_binding(const struct model *model, uint32_t rows)
{
    size_t size = 0, margin_count = margins_for(rows);
    layout_add(&size, sizeof(struct binding));
    size_t parts = layout_add(&size, model->part_count * sizeof(struct part_runs));
    size_t features =
        layout_add(&size, model->message->n_features * sizeof(struct bound_feature));
    size_t cleared = size;
    size_t codes = layout_add(&size, codes_room(model, rows) * sizeof(struct cell));
    size_t inputs = layout_add(&size, model->input_count * sizeof(float));
    size_t margins = layout_add(&size, model->part_count * margin_count * sizeof(double));
    char *block = layout_alloc(size);
    if (block == NULL)
        return NULL;
    memset(block, 0, cleared);
    struct binding *self = (struct binding *)(void *)block;
    self->model = model;
    self->rows = rows;
    self->parts = (struct part_runs *)(void *)(block + parts);
    self->features = (struct bound_feature *)(void *)(block + features);
    self->codes = codes == inputs ? NULL : (struct cell *)(void *)(block + codes);
    self->inputs = (float *)(void *)(block + inputs);
    self->margins = (double *)(void *)(block + margins);
    self->margin_count = margin_count;
    return self;
}

enum status model_bind(const struct model *self, const struct columns *columns,
                       struct binding **out, struct error_text *error)
{
    *out = NULL;
    struct binding *binding = new_binding(self, columns->rows);
    if (binding == NULL)
        return STATUS_NOMEM;
    enum status status = find_columns(binding, columns, error);
    if (status == STATUS_OK)
        status = bind_features(binding);
    if (status != STATUS_OK) {
        binding_free(binding);
        return status;
    }
    *out = binding;
    return STATUS_OK;
}

void binding_free(struct binding *self)
{
    if (self == NULL)
        return;
    kernels_release(self);
    free(self->own_codes);
    layout_free(self);
}

struct cell binding_cell(const struct bound_feature *self, uint32_t row)
{
    const struct column *column = self->column;
    if (column == NULL)
        return self->missing;
    if (column->unreadable != NULL && bitmap_test(column->unreadable, row))
        return fault(CHW__RECORD_FAULT__RECORD_FAULT_NOT_A_NUMBER);
    if (column->valid != NULL && !bitmap_test(column->valid, row))
        return self->missing;
    if (column->type == COLUMN_FLOATS)
        return cell_of_number(self->feature, column->floats[row]);
    if (column->type == COLUMN_BITMAP)
        return self->codes[bitmap_test(column->bytes, row)];
    return binding_code(self, column->bytes[row]);
}

static void note_fault(struct record_fault *fault, Chw__RecordFault found,
                       uint32_t feature)
{
    if (fault->fault == CHW__RECORD_FAULT__RECORD_FAULT_NONE)
        *fault = (struct record_fault){found, feature};
}

/* Whether any was found. */
static bool note_faults(const struct bound_feature *self, uint32_t feature,
                        uint32_t first, uint32_t count, struct record_fault *faults)
{
    bool any = false;
    for (uint32_t i = 0; i < count; i++) {
        struct cell cell = binding_cell(self, first + i);
        if (is_fault(&cell)) {
            note_fault(&faults[i], cell.fault, feature);
            any = true;
        }
    }
    return any;
}

/* A NaN that is said to be missing is no fault. */
static bool note_nans(const struct bound_feature *self, uint32_t feature, uint32_t first,
                      uint32_t count, struct record_fault *faults)
{
    const float *values = self->column->floats + first;
    unsigned any = 0;
    for (uint32_t i = 0; i < count; i++)
        any |= values[i] != values[i];
    return any != 0 && note_faults(self, feature, first, count, faults);
}

bool binding_faults(const struct binding *self, uint32_t first, uint32_t count,
                    struct record_fault *faults)
{
    bool any = false;
    memset(faults, 0, count * sizeof *faults); /* NONE is 0 */
    for (uint32_t i = 0; i < self->model->message->n_features; i++) {
        const struct bound_feature *bound = &self->features[i];
        if (bound->faults == FAULTS_ANY)
            any |= note_faults(bound, i, first, count, faults);
        else if (bound->faults == FAULTS_NAN)
            any |= note_nans(bound, i, first, count, faults);
    }
    return any;
}
