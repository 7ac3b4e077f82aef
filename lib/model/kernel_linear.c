/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_linear.c - a record's sum grows in input order, as the reference's does. A
 * category adds the one weight that its input has; the others would add zero. What no
 * table or multiplication gives is worked out cell by cell before a block is added. */
#include "model/kernel.h"
#include "model/layout.h"
#include "model/linear_add.h"

#include <math.h>
#include <string.h>

enum { TABLE_ROWS_MIN = 64 };

struct linear_run {
    const Chw__Linear *linear;
    const struct linear_way *way;
    const struct bound_feature *features;
    size_t count;
    struct linear_column *columns; /* of each feature */
    double **addends;              /* that each column has, in one row behind */
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
    if (column->categories != NULL)
        return (uint32_t)column->category_count;
    for (uint32_t i = 0; i < rows; i++)
        most = column->bytes[i] > most ? column->bytes[i] : most;
    return most + 1U;
}

static void bind_codes(struct linear_column *self, const struct bound_feature *bound,
                       const Chw__Linear *linear, uint32_t rows, double *addends)
{
    const struct column *column = bound->column;
    self->bytes = column->bytes;
    self->code_end = find_code_end(column, rows);
    for (uint32_t code = 0; code < self->code_end; code++) {
        struct cell cell = binding_code(bound, code);
        addends[code] = added_cell(linear, bound->feature, &cell);
    }
    for (uint32_t code = self->code_end; code < LINEAR_CODES; code++)
        addends[code] = 0; /* of bytes of missing values */
}

static void bind_number(struct linear_column *self, const struct bound_feature *bound,
                        const Chw__Linear *linear)
{
    const struct feature *feature = bound->feature;
    const Chw__Numeric *numeric = feature->source->numeric;
    self->floats = bound->column->floats;
    self->number.weight = (double)linear->weights[feature->first_input];
    self->number.center = numeric->center;
    self->number.scale = numeric->scale;
    self->number.single = numeric->single;
}

/* What cannot be read, and numbers that name categories, go cell by cell; codes too where
 * they are fewer than a table is worth. */
static enum linear_form form_of(const struct bound_feature *bound, uint32_t rows)
{
    const struct column *column = bound->column;
    bool numeric = bound->feature->source->kind_case == CHW__FEATURE__KIND_NUMERIC;
    if (column == NULL)
        return LINEAR_SAME;
    if (column->unreadable != NULL)
        return LINEAR_ADDENDS;
    if (column->type == COLUMN_FLOATS)
        return numeric ? LINEAR_NUMBERS : LINEAR_ADDENDS;
    if (rows < TABLE_ROWS_MIN)
        return LINEAR_ADDENDS;
    return column->type == COLUMN_BITMAP ? LINEAR_BITS : LINEAR_BYTES;
}

static size_t addend_count(enum linear_form form, uint32_t rows)
{
    if (form == LINEAR_ADDENDS)
        return rows < KERNEL_BLOCK ? rows : KERNEL_BLOCK;
    return form == LINEAR_BITS || form == LINEAR_BYTES ? LINEAR_CODES : 0;
}

static void bind_column(struct linear_run *self, size_t i, uint32_t rows)
{
    const struct bound_feature *bound = &self->features[i];
    struct linear_column *column = &self->columns[i];
    *column = (struct linear_column){
        .form = form_of(bound, rows),
        .addends = self->addends[i],
        .missing = added_cell(self->linear, bound->feature, &bound->missing),
    };
    if (column->form == LINEAR_SAME || column->form == LINEAR_ADDENDS)
        return;
    column->valid = bound->column->valid;
    if (column->form == LINEAR_NUMBERS)
        bind_number(column, bound, self->linear);
    else
        bind_codes(column, bound, self->linear, rows, self->addends[i]);
}

/* NULL: no memory. */
static struct linear_run *new_run(const struct binding *binding)
{
    size_t count = binding->model->message->n_features, size = 0, addends = 0;
    for (size_t i = 0; i < count; i++)
        addends +=
            addend_count(form_of(&binding->features[i], binding->rows), binding->rows);
    layout_add(&size, sizeof(struct linear_run));
    size_t columns = layout_add(&size, count * sizeof(struct linear_column));
    size_t list = layout_add(&size, count * sizeof(double *));
    size_t first = layout_add(&size, addends * sizeof(double));
    char *block = layout_alloc(size);
    if (block == NULL)
        return NULL;
    struct linear_run *self = (struct linear_run *)(void *)block;
    self->features = binding->features;
    self->count = count;
    self->columns = (struct linear_column *)(void *)(block + columns);
    self->addends = (double **)(void *)(block + list);
    double *next = (double *)(void *)(block + first);
    for (size_t i = 0; i < count; i++) {
        self->addends[i] = next;
        next += addend_count(form_of(&self->features[i], binding->rows), binding->rows);
    }
    return self;
}

static enum status prepare(const void *compiled, const struct binding *binding,
                           void **out)
{
    struct linear_run *self = new_run(binding);
    if (self == NULL)
        return STATUS_NOMEM;
    self->linear = compiled;
    self->way = linear_ways;
    while (!self->way->supported())
        self->way++;
    for (size_t i = 0; i < self->count; i++)
        bind_column(self, i, binding->rows);
    *out = self;
    return STATUS_OK;
}

/* ---- a block ---- */

static void work_out(struct linear_run *self, size_t i, uint32_t first, uint32_t count)
{
    const struct bound_feature *bound = &self->features[i];
    for (uint32_t k = 0; k < count; k++) {
        struct cell cell = binding_cell(bound, first + k);
        self->addends[i][k] = added_cell(self->linear, bound->feature, &cell);
    }
    self->columns[i].from = first;
}

static void block(void *run, uint32_t first, uint32_t count, double *margins)
{
    struct linear_run *self = run;
    for (size_t i = 0; i < self->count; i++)
        if (self->columns[i].form == LINEAR_ADDENDS)
            work_out(self, i, first, count);
    self->way->add(self->columns, self->count, self->linear->intercept, first, count,
                   margins);
}

const struct kernel_type kernel_linear = {
    .name = "linear",
    .rows_min = 1,
    .compile = compile,
    .free = free_nothing,
    .bytes = no_bytes,
    .prepare = prepare,
    .release = layout_free,
    .block = block,
};
