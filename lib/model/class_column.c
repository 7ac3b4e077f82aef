/* SPDX-License-Identifier: Apache-2.0 */
/* class_column.c - a column's cells as classes. */
#include "model/classes.h"

#include <math.h>
#include <string.h>

/* ---- bind ---- */

static bool has_fault(const struct cell *cell)
{
    return cell->fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE;
}

/* The class of a cell that is a value; of a fault any: its margin is not used. */
static uint16_t class_of(const struct feature_classes *classes,
                         const struct bound_feature *source, const struct cell *cell)
{
    return has_fault(cell) ? 0 : classes_of_value(classes, source->feature, cell->value);
}

/* Classes of the codes that have cells; false: one of them stays missing, which a class
 * cannot say, or there are codes without. */
static bool bind_cells(struct class_column *self, uint16_t *classes)
{
    const struct bound_feature *source = self->source;
    for (uint32_t code = 0; code < source->code_count; code++) {
        const struct cell *cell = &source->codes[code];
        if (!has_fault(cell) && isnan(cell->value))
            return false;
        classes[code] = class_of(self->classes, source, cell);
    }
    return source->code_count > 0;
}

/* Numbers whose class is their rank, whatever they are. */
static bool are_plain_numbers(const Chw__Feature *feature)
{
    return feature->kind_case == CHW__FEATURE__KIND_NUMERIC &&
           !feature->numeric->zero_missing;
}

static bool bind_simple(struct class_column *self)
{
    const struct column *column = self->source->column;
    bool plain = are_plain_numbers(self->source->feature->source);
    if (column->type == COLUMN_FLOATS)
        return plain;
    if (column->type == COLUMN_BITMAP)
        return bind_cells(self, self->bits);
    self->codes =
        plain && column->categories == NULL ? self->classes->small : self->named;
    return self->codes == self->classes->small || bind_cells(self, self->named);
}

void class_column_bind(struct class_column *self, const struct bound_feature *source,
                       const struct feature_classes *classes)
{
    self->source = source;
    self->classes = classes;
    self->wide = classes_last(classes) > UINT8_MAX;
    self->absent_missing = isnan(source->missing.value);
    self->absent = self->absent_missing ? 0 : class_of(classes, source, &source->missing);
    self->simple = source->column != NULL && bind_simple(self);
}

/* ---- read ---- */

static void put_class(struct class_block *out, uint32_t at, uint16_t class_)
{
    out->low[at] = (uint8_t)class_;
    out->high[at] = (uint8_t)(class_ >> 8);
}

static void read_bits(const struct class_column *self, uint32_t first, uint32_t count,
                      struct class_block *out)
{
    for (uint32_t i = 0; i < count; i++)
        put_class(out, i,
                  self->bits[bitmap_test(self->source->column->bytes, first + i)]);
}

static void read_codes(const struct class_column *self, const uint8_t *codes,
                       uint32_t count, struct class_block *out)
{
    for (uint32_t i = 0; i < count; i++)
        out->low[i] = (uint8_t)self->codes[codes[i]];
    for (uint32_t i = 0; self->wide && i < count; i++)
        out->high[i] = (uint8_t)(self->codes[codes[i]] >> 8);
}

static void rank_scaled(const struct class_column *self, const float *values,
                        uint32_t count, uint16_t *ranks)
{
    float inputs[KERNEL_BLOCK] = {0};
    for (uint32_t i = 0; i < count; i++)
        inputs[i] = kernel_input(self->source->feature, values[i]);
    classes_rank(self->classes, inputs, count, ranks);
}

static void read_numbers(const struct class_column *self, const float *values,
                         uint32_t count, struct class_block *out)
{
    const Chw__Numeric *numeric = self->source->feature->source->numeric;
    uint16_t ranks[KERNEL_BLOCK];
    if (numeric->center == 0 && numeric->scale == 1)
        classes_rank(self->classes, values, count, ranks);
    else
        rank_scaled(self, values, count, ranks);
    for (uint32_t i = 0; i < count; i++)
        out->low[i] = (uint8_t)ranks[i];
    for (uint32_t i = 0; self->wide && i < count; i++)
        out->high[i] = (uint8_t)(ranks[i] >> 8);
}

void class_cells_read(const struct bound_feature *source,
                      const struct feature_classes *classes, uint32_t first,
                      uint32_t count, struct class_block *out)
{
    memset(out->missing, 0, sizeof out->missing);
    for (uint32_t i = 0; i < count; i++) {
        struct cell cell = binding_cell(source, first + i);
        bool kept = isnan(cell.value);
        if (kept)
            out->missing[i / 64] |= UINT64_C(1) << i % 64;
        put_class(out, i, kept ? 0 : class_of(classes, source, &cell));
    }
}

/* Records without a value: it stays missing, or is that of its policy. What is unreadable
 * is a fault, whatever we say. */
static void read_validity(const struct class_column *self, uint32_t first, uint32_t count,
                          struct class_block *out)
{
    const uint8_t *valid = self->source->column->valid;
    for (uint32_t word = 0; valid != NULL && 64 * word < count; word++) {
        uint32_t left = count - 64 * word;
        uint32_t here = left < 64 ? left : 64;
        uint64_t all = here == 64 ? UINT64_MAX : (UINT64_C(1) << here) - 1;
        uint64_t absent = ~kernel_bits(valid, first + 64 * word, here) & all;
        if (self->absent_missing)
            out->missing[word] |= absent;
        else
            for (; absent != 0; absent &= absent - 1)
                put_class(out, 64 * word + (uint32_t)__builtin_ctzll(absent),
                          self->absent);
    }
}

void class_column_read(const struct class_column *self, uint32_t first, uint32_t count,
                       struct class_block *out)
{
    const struct column *column = self->source->column;
    if (!self->simple) {
        class_cells_read(self->source, self->classes, first, count, out);
        return;
    }
    memset(out->missing, 0, sizeof out->missing);
    if (column->type == COLUMN_BITMAP)
        read_bits(self, first, count, out);
    else if (column->type == COLUMN_CODES)
        read_codes(self, column->bytes + first, count, out);
    else
        read_numbers(self, column->floats + first, count, out);
    read_validity(self, first, count, out);
}
