/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_linear.c - a record's sum grows in input order, as the reference's does. A
 * category adds the one weight that its input has; the others would add zero. Columns of
 * a block that follow each other without a missing value are added in one go. */
#include "model/kernel.h"
#include "model/linear_add.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_ROWS_MIN = 64 };

struct column_sum {
    const struct bound_feature *bound;
    double missing; /* what a missing value adds */
    bool whole;     /* a column that linear_way can add */
    double
        addends[LINEAR_CODES]; /* what each code adds; that of `code_end` is `missing` */
};

struct linear_run {
    const Chw__Linear *linear;
    const struct linear_way *way;
    uint16_t missing[KERNEL_BLOCK]; /* which records of a column and block */
    uint8_t bytes[KERNEL_BLOCK];    /* of a column with missing values, for a block */
    float floats[KERNEL_BLOCK];
    size_t count;
    struct column_sum *sums;
    struct linear_column columns[]; /* those of `sums` */
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

/* One more is for a missing value: a column of bytes that uses all codes has no room. */
static void bind_codes(struct column_sum *self, struct linear_column *to,
                       const Chw__Linear *linear, uint32_t rows)
{
    const struct column *column = self->bound->column;
    to->form = column->type == COLUMN_BITMAP ? LINEAR_BITS : LINEAR_BYTES;
    to->bytes = column->bytes;
    to->addends = self->addends;
    to->code_end = find_code_end(column, rows);
    for (uint32_t code = 0; code < to->code_end; code++) {
        struct cell cell = binding_code(self->bound, code);
        self->addends[code] = added_cell(linear, self->bound->feature, &cell);
    }
    self->addends[to->code_end] = self->missing;
    self->whole = column->valid == NULL || to->code_end < LINEAR_CODES - 1;
}

static void bind_number(struct column_sum *self, struct linear_column *to,
                        const Chw__Linear *linear)
{
    const struct feature *feature = self->bound->feature;
    const Chw__Numeric *numeric = feature->source->numeric;
    to->form = LINEAR_NUMBERS;
    to->floats = self->bound->column->floats;
    to->number.weight = (double)linear->weights[feature->first_input];
    to->number.center = numeric->center;
    to->number.scale = numeric->scale;
    to->number.single = numeric->single;
    self->whole = true;
}

/* What cannot be read, and numbers that name categories, go cell by cell. */
static void bind_column(struct column_sum *self, struct linear_column *to,
                        const Chw__Linear *linear, uint32_t rows)
{
    const struct bound_feature *bound = self->bound;
    const struct column *column = bound->column;
    bool numeric = bound->feature->source->kind_case == CHW__FEATURE__KIND_NUMERIC;
    self->missing = added_cell(linear, bound->feature, &bound->missing);
    if (column == NULL || column->unreadable != NULL)
        return;
    if (column->type != COLUMN_FLOATS && rows >= TABLE_ROWS_MIN)
        bind_codes(self, to, linear, rows);
    else if (column->type == COLUMN_FLOATS && numeric)
        bind_number(self, to, linear);
}

static void release(void *run)
{
    struct linear_run *self = run;
    free(self->sums);
    free(self);
}

static enum status prepare(const void *compiled, const struct binding *binding,
                           void **out)
{
    size_t count = binding->model->message->n_features;
    struct linear_run *self = calloc(1, sizeof *self + count * sizeof self->columns[0]);
    if (self == NULL || (self->sums = calloc(count + 1, sizeof *self->sums)) == NULL) {
        free(self);
        return STATUS_NOMEM;
    }
    self->linear = compiled;
    self->count = count;
    self->way = linear_ways;
    while (!self->way->supported())
        self->way++;
    for (size_t i = 0; i < count; i++) {
        self->sums[i].bound = &binding->features[i];
        bind_column(&self->sums[i], &self->columns[i], self->linear, binding->rows);
    }
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

/* The block's cells of a column of codes, with the code that stands for missing ones. */
static void fill_bytes(struct linear_run *run, struct linear_column *self, uint32_t first,
                       uint32_t count, uint32_t missing)
{
    if (self->form == LINEAR_BYTES)
        memcpy(run->bytes, self->bytes + first, count);
    else
        for (uint32_t i = 0; i < count; i++)
            run->bytes[i] = bitmap_test(self->bytes, first + i);
    for (uint32_t i = 0; i < missing; i++)
        run->bytes[run->missing[i]] = (uint8_t)self->code_end;
    self->form = LINEAR_BYTES;
    self->bytes = run->bytes;
    self->code_end++;
}

/* A missing number is the one that is put in its place; or a fault, and then any. */
static void fill_floats(struct linear_run *run, struct linear_column *self,
                        float in_place, uint32_t first, uint32_t count, uint32_t missing)
{
    memcpy(run->floats, self->floats + first, count * sizeof run->floats[0]);
    for (uint32_t i = 0; i < missing; i++)
        run->floats[run->missing[i]] = in_place;
    self->floats = run->floats;
}

static void add_filled(struct linear_run *run, size_t index, uint32_t first,
                       uint32_t count, uint32_t missing, double *margins)
{
    struct linear_column filled = run->columns[index];
    if (filled.form == LINEAR_NUMBERS)
        fill_floats(run, &filled, run->sums[index].bound->missing.value, first, count,
                    missing);
    else
        fill_bytes(run, &filled, first, count, missing);
    run->way->add(&filled, 1, 0, count, margins);
}

/* ---- a block ---- */

static void add_cells(const struct column_sum *self, const Chw__Linear *linear,
                      uint32_t first, uint32_t count, double *margins)
{
    for (uint32_t i = 0; i < count; i++) {
        struct cell cell = binding_cell(self->bound, first + i);
        margins[i] += added_cell(linear, self->bound->feature, &cell);
    }
}

static void add_alone(struct linear_run *run, size_t index, uint32_t first,
                      uint32_t count, uint32_t missing, double *margins)
{
    const struct column_sum *self = &run->sums[index];
    if (self->whole)
        add_filled(run, index, first, count, missing, margins);
    else if (self->bound->column != NULL)
        add_cells(self, run->linear, first, count, margins);
    else
        for (uint32_t i = 0; i < count; i++)
            margins[i] += self->missing;
}

static void block(void *run, uint32_t first, uint32_t count, double *margins)
{
    struct linear_run *self = run;
    size_t added = 0; /* columns */
    for (uint32_t i = 0; i < count; i++)
        margins[i] = self->linear->intercept;
    for (size_t i = 0; i < self->count; i++) {
        const struct column_sum *sum = &self->sums[i];
        uint32_t missing = 0;
        if (sum->whole)
            missing = list_missing(sum->bound->column, first, count, self->missing);
        if (sum->whole && missing == 0)
            continue;
        self->way->add(self->columns + added, i - added, first, count, margins);
        add_alone(self, i, first, count, missing, margins);
        added = i + 1;
    }
    self->way->add(self->columns + added, self->count - added, first, count, margins);
}

const struct kernel_type kernel_linear = {
    .name = "linear",
    .rows_min = 1,
    .compile = compile,
    .free = free_nothing,
    .bytes = no_bytes,
    .prepare = prepare,
    .release = release,
    .block = block,
};
