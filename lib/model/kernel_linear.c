/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_linear.c - column by column: a record's sum grows in input order, as the
 * reference's does. A category adds the one weight that its input has; the others would
 * add zero. */
#include "model/kernel.h"
#include "model/linear_add.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_ROWS_MIN = 64 };

struct column_sum {
    const struct bound_feature *bound;
    struct linear_number number; /* of a feature's one input */
    double missing;              /* what a missing value adds */
    bool coded;                  /* `codes` is filled */
    uint32_t code_end;           /* no code is that; stands for a missing value */
    double codes[LINEAR_CODES];  /* what each code adds */
};

struct linear_run {
    const Chw__Linear *linear;
    const struct linear_way *way;
    uint8_t codes[KERNEL_BLOCK]; /* of a column with missing values, for a block */
    float numbers[KERNEL_BLOCK];
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

/* ---- prepare ---- */

/* One more than the highest code: all have a name, or they are looked at. */
static uint32_t find_code_end(const struct column *column, uint32_t rows)
{
    uint8_t most = 0;
    if (column->type == COLUMN_BITMAP)
        return 2;
    if (column->categories != NULL && column->valid == NULL)
        return (uint32_t)column->category_count;
    for (uint32_t i = 0; i < rows; i++)
        most = column->bytes[i] > most ? column->bytes[i] : most;
    return most + 1U;
}

static void bind_codes(struct column_sum *self, const Chw__Linear *linear, uint32_t rows)
{
    const struct column *column = self->bound->column;
    self->coded = true;
    self->code_end = find_code_end(column, rows);
    for (uint32_t code = 0; code < self->code_end; code++) {
        struct cell cell = binding_code(self->bound, code);
        self->codes[code] = added_cell(linear, self->bound->feature, &cell);
    }
    self->codes[self->code_end] = self->missing;
}

static void bind_number(struct linear_number *self, const Chw__Numeric *numeric)
{
    self->center = numeric->center;
    self->scale = numeric->scale;
    self->single = numeric->single;
}

static void bind_column(struct column_sum *self, const struct bound_feature *bound,
                        const Chw__Linear *linear, uint32_t rows)
{
    const struct feature *feature = bound->feature;
    self->bound = bound;
    self->missing = added_cell(linear, feature, &bound->missing);
    self->number.weight = (double)linear->weights[feature->first_input];
    if (feature->source->kind_case == CHW__FEATURE__KIND_NUMERIC)
        bind_number(&self->number, feature->source->numeric);
    if (bound->column != NULL && bound->column->type != COLUMN_FLOATS &&
        rows >= TABLE_ROWS_MIN)
        bind_codes(self, linear, rows);
}

static enum status prepare(const void *compiled, const struct binding *binding,
                           void **out)
{
    size_t count = binding->model->message->n_features;
    struct linear_run *self = calloc(1, sizeof *self + count * sizeof self->columns[0]);
    if (self == NULL)
        return STATUS_NOMEM;
    self->linear = compiled;
    self->count = count;
    self->way = linear_ways;
    while (!self->way->supported())
        self->way++;
    for (size_t i = 0; i < count; i++)
        bind_column(&self->columns[i], &binding->features[i], self->linear,
                    binding->rows);
    *out = self;
    return STATUS_OK;
}

/* ---- missing values ---- */

/* Which records of a block have none: how many. */
static uint32_t list_missing(const struct column *column, uint32_t first, uint32_t count,
                             uint16_t *list)
{
    uint32_t found = 0;
    for (uint32_t done = 0; column->valid != NULL && done < count; done += 64) {
        uint32_t left = count - done < 64 ? count - done : 64;
        uint64_t all = left == 64 ? UINT64_MAX : (UINT64_C(1) << left) - 1;
        uint64_t none = all & ~kernel_bits(column->valid, first + done, left);
        for (; none != 0; none &= none - 1)
            list[found++] = (uint16_t)(done + (uint32_t)__builtin_ctzll(none));
    }
    return found;
}

static void copy_codes(const struct column *column, uint32_t first, uint32_t count,
                       uint8_t *codes)
{
    if (column->type == COLUMN_CODES)
        memcpy(codes, column->bytes + first, count);
    else
        for (uint32_t i = 0; i < count; i++)
            codes[i] = bitmap_test(column->bytes, first + i);
}

static void add_codes(struct linear_run *run, const struct column_sum *self,
                      uint32_t first, uint32_t count, double *margins)
{
    uint16_t list[KERNEL_BLOCK];
    const struct column *column = self->bound->column;
    uint32_t missing = list_missing(column, first, count, list);
    const uint8_t *codes = run->codes;
    if (missing == 0 && column->type == COLUMN_BITMAP) {
        run->way->bits(column->bytes, first, count, self->codes, margins);
        return;
    }
    if (missing == 0)
        codes = column->bytes + first;
    else
        copy_codes(column, first, count, run->codes);
    for (uint32_t i = 0; i < missing; i++)
        run->codes[list[i]] = (uint8_t)self->code_end;
    run->way->codes(codes, count, self->codes, self->code_end + 1, margins);
}

/* A missing number is the one that is put in its place; or a fault, and then any. */
static void add_numbers(struct linear_run *run, const struct column_sum *self,
                        uint32_t first, uint32_t count, double *margins)
{
    uint16_t list[KERNEL_BLOCK];
    const struct column *column = self->bound->column;
    uint32_t missing = list_missing(column, first, count, list);
    const float *numbers = column->floats + first;
    if (missing > 0) {
        memcpy(run->numbers, numbers, count * sizeof *numbers);
        numbers = run->numbers;
    }
    for (uint32_t i = 0; i < missing; i++)
        run->numbers[list[i]] = self->bound->missing.value;
    run->way->numbers(numbers, count, &self->number, margins);
}

/* ---- a block ---- */

/* Cell by cell: what cannot be read, or numbers that name categories. */
static void add_cells(const struct column_sum *self, const Chw__Linear *linear,
                      uint32_t first, uint32_t count, double *margins)
{
    for (uint32_t i = 0; i < count; i++) {
        struct cell cell = binding_cell(self->bound, first + i);
        margins[i] += added_cell(linear, self->bound->feature, &cell);
    }
}

static bool is_plain_number(const struct bound_feature *self)
{
    const Chw__Feature *source = self->feature->source;
    return source->kind_case == CHW__FEATURE__KIND_NUMERIC &&
           self->column->type == COLUMN_FLOATS;
}

static void add_column(struct linear_run *run, const struct column_sum *self,
                       uint32_t first, uint32_t count, double *margins)
{
    const struct column *column = self->bound->column;
    if (column == NULL)
        for (uint32_t i = 0; i < count; i++)
            margins[i] += self->missing;
    else if (self->coded && column->unreadable == NULL &&
             (column->valid == NULL || self->code_end < LINEAR_CODES - 1))
        add_codes(run, self, first, count, margins);
    else if (is_plain_number(self->bound) && column->unreadable == NULL)
        add_numbers(run, self, first, count, margins);
    else
        add_cells(self, run->linear, first, count, margins);
}

static void block(void *run, uint32_t first, uint32_t count, double *margins)
{
    struct linear_run *self = run;
    for (uint32_t i = 0; i < count; i++)
        margins[i] = self->linear->intercept;
    for (size_t i = 0; i < self->count; i++)
        add_column(self, &self->columns[i], first, count, margins);
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
