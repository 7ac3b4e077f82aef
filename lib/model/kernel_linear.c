/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_linear.c - column by column: a record's sum grows in input order, as the
 * reference's does. A category adds the one weight that its input has; the others would
 * add zero. */
#include "model/kernel.h"

#include <math.h>
#include <stdlib.h>

enum { TABLE_ROWS_MIN = 64 };

struct column_sum {
    const struct bound_feature *bound;
    double weight;                        /* of a numeric or coded feature's one input */
    bool coded;                           /* `codes` is filled */
    double codes[COLUMNS_CATEGORIES_MAX]; /* what each code adds */
    double missing;                       /* what a missing value adds */
};

struct linear_run {
    const Chw__Linear *linear;
    size_t count;
    struct column_sum columns[];
};

static enum status compile(const struct model *model, const struct part *part, void **out)
{
    (void)model;
    *out = part->linear;
    return STATUS_OK;
}

static void free_nothing(void *compiled)
{
    (void)compiled; /* it is the model's own message */
}

static size_t no_bytes(const void *compiled)
{
    (void)compiled;
    return 0;
}

/* What a cell without a fault adds to the sum. */
static double added(const Chw__Linear *linear, const struct feature *feature, float value)
{
    const float *weights = linear->weights + feature->first_input;
    bool one_hot =
        feature->source->kind_case == CHW__FEATURE__KIND_CATEGORY &&
        feature->source->category->encoding == CHW__CATEGORY_ENCODING__ENCODING_ONE_HOT;
    if (!one_hot)
        return (double)weights[0] * (double)kernel_input(feature, value);
    if (isnan(value))
        return NAN;
    uint32_t index = (uint32_t)value;
    return index < feature->input_count ? (double)weights[index] : 0;
}

static double added_cell(const Chw__Linear *linear, const struct feature *feature,
                         const struct cell *cell)
{
    return cell->fault == CHW__RECORD_FAULT__RECORD_FAULT_NONE
               ? added(linear, feature, cell->value)
               : 0;
}

static void bind_codes(struct column_sum *self, const Chw__Linear *linear)
{
    enum column_type type = self->bound->column->type;
    self->coded = type != COLUMN_FLOATS;
    uint32_t count = type == COLUMN_BITMAP ? 2 : COLUMNS_CATEGORIES_MAX;
    for (uint32_t code = 0; self->coded && code < count; code++) {
        struct cell cell = binding_code(self->bound, code);
        self->codes[code] = added_cell(linear, self->bound->feature, &cell);
    }
}

static enum status prepare(const void *compiled, const struct binding *binding,
                           void **out)
{
    const Chw__Linear *linear = compiled;
    size_t count = binding->model->message->n_features;
    struct linear_run *self = calloc(1, sizeof *self + count * sizeof self->columns[0]);
    if (self == NULL)
        return STATUS_NOMEM;
    self->linear = linear;
    self->count = count;
    for (size_t i = 0; i < count; i++) {
        const struct bound_feature *bound = &binding->features[i];
        struct column_sum *column = &self->columns[i];
        column->bound = bound;
        column->weight = (double)linear->weights[bound->feature->first_input];
        column->missing = added_cell(linear, bound->feature, &bound->missing);
        if (bound->column != NULL && binding->rows >= TABLE_ROWS_MIN)
            bind_codes(column, linear);
    }
    *out = self;
    return STATUS_OK;
}

static void add_bits(const struct column_sum *self, uint32_t first, uint32_t count,
                     double *margins)
{
    const uint8_t *bits = self->bound->column->bytes;
    for (uint32_t i = 0; i < count; i++)
        margins[i] += self->codes[bitmap_test(bits, first + i)];
}

static void add_codes(const struct column_sum *self, uint32_t first, uint32_t count,
                      double *margins)
{
    const uint8_t *codes = self->bound->column->bytes + first;
    for (uint32_t i = 0; i < count; i++)
        margins[i] += self->codes[codes[i]];
}

static void add_numbers(const struct column_sum *self, uint32_t first, uint32_t count,
                        double *margins)
{
    const Chw__Numeric *numeric = self->bound->feature->source->numeric;
    const float *values = self->bound->column->floats + first;
    double center = numeric->center, scale = numeric->scale, weight = self->weight;
    float center_single = (float)center, scale_single = (float)scale;
    if (numeric->single)
        for (uint32_t i = 0; i < count; i++)
            margins[i] += weight * (double)((values[i] - center_single) * scale_single);
    else
        for (uint32_t i = 0; i < count; i++)
            margins[i] += weight * (double)(float)(((double)values[i] - center) * scale);
}

/* Cell by cell: missing values, or numbers that name categories. */
static void add_cells(const struct column_sum *self, const Chw__Linear *linear,
                      uint32_t first, uint32_t count, double *margins)
{
    for (uint32_t i = 0; i < count; i++) {
        struct cell cell = binding_cell(self->bound, first + i);
        margins[i] += added_cell(linear, self->bound->feature, &cell);
    }
}

static void add_column(const struct column_sum *self, const Chw__Linear *linear,
                       uint32_t first, uint32_t count, double *margins)
{
    const struct column *column = self->bound->column;
    bool numeric = self->bound->feature->source->kind_case == CHW__FEATURE__KIND_NUMERIC;
    if (column == NULL)
        for (uint32_t i = 0; i < count; i++)
            margins[i] += self->missing;
    else if (column->valid != NULL || column->unreadable != NULL)
        add_cells(self, linear, first, count, margins);
    else if (self->coded && column->type == COLUMN_BITMAP)
        add_bits(self, first, count, margins);
    else if (self->coded)
        add_codes(self, first, count, margins);
    else if (numeric && column->type == COLUMN_FLOATS)
        add_numbers(self, first, count, margins);
    else
        add_cells(self, linear, first, count, margins);
}

static void block(void *run, uint32_t first, uint32_t count, double *margins)
{
    const struct linear_run *self = run;
    for (uint32_t i = 0; i < count; i++)
        margins[i] = self->linear->intercept;
    for (size_t i = 0; i < self->count; i++)
        add_column(&self->columns[i], self->linear, first, count, margins);
}

const struct kernel_type kernel_linear = {
    .name = "linear",
    .rows_min = 1,
    .compile = compile,
    .free = free_nothing,
    .bytes = no_bytes,
    .prepare = prepare,
    .release = free,
    .block = block,
};
