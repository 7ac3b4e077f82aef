/* SPDX-License-Identifier: Apache-2.0 */
/* linear_add_run.h - column by column, in loops that the compiler makes vectors of;
 * included by linear_add_portable.c, linear_add_avx2.c and linear_add_avx512.c, each
 * compiled for its processors. (AVX2 has no table look-up that beats one load for each
 * byte.) */

#include "model/kernel.h"
#include "model/linear_add.h"

static void add_bits(const struct linear_column *self, uint32_t first, uint32_t count,
                     double *margins)
{
    double zero = self->addends[0], one = self->addends[1];
    for (uint32_t done = 0; done < count; done += 64) {
        uint32_t left = count - done < 64 ? count - done : 64;
        uint64_t word = kernel_bits(self->bytes, first + done, left);
        for (uint32_t i = 0; i < left; i++)
            margins[done + i] += (word >> i & 1) != 0 ? one : zero;
    }
}

static void add_bytes(const struct linear_column *self, uint32_t first, uint32_t count,
                      double *margins)
{
    const uint8_t *bytes = self->bytes + first;
    for (uint32_t i = 0; i < count; i++)
        margins[i] += self->addends[bytes[i]];
}

static void add_numbers(const struct linear_column *self, uint32_t first, uint32_t count,
                        double *margins)
{
    const struct linear_number *number = &self->number;
    const float *floats = self->floats + first;
    double center = number->center, scale = number->scale, weight = number->weight;
    float center_single = (float)center, scale_single = (float)scale;
    if (number->single)
        for (uint32_t i = 0; i < count; i++)
            margins[i] += weight * (double)((floats[i] - center_single) * scale_single);
    else
        for (uint32_t i = 0; i < count; i++)
            margins[i] += weight * (double)(float)(((double)floats[i] - center) * scale);
}

static void add_addends(const struct linear_column *self, uint32_t first, uint32_t count,
                        double *margins)
{
    const double *addends = self->addends + (first - self->from);
    for (uint32_t i = 0; i < count; i++)
        margins[i] += addends[i];
}

static void add_same(const struct linear_column *self, uint32_t first, uint32_t count,
                     double *margins)
{
    (void)first;
    for (uint32_t i = 0; i < count; i++)
        margins[i] += self->missing;
}

typedef void add_fn(const struct linear_column *self, uint32_t first, uint32_t count,
                    double *margins);

/* Where a value is missing: word by word of `valid`. What -0 is added to stays as it is,
 * so that `addends` are what each record would add. */
static void add_valid(const struct linear_column *self, add_fn *add, uint32_t first,
                      uint32_t count, double *margins)
{
    for (uint32_t done = 0; done < count; done += 64) {
        uint32_t left = count - done < 64 ? count - done : 64;
        uint64_t valid = kernel_bits(self->valid, first + done, left);
        double addends[64];
        for (uint32_t i = 0; i < left; i++)
            addends[i] = -0.0;
        add(self, first + done, left, addends);
        for (uint32_t i = 0; i < left; i++)
            margins[done + i] += (valid >> i & 1) != 0 ? addends[i] : self->missing;
    }
}

static void add_by_column(const struct linear_column *columns, size_t column_count,
                          double intercept, uint32_t first, uint32_t count,
                          double *margins)
{
    static add_fn *const add[] = {
        [LINEAR_BITS] = add_bits,       [LINEAR_BYTES] = add_bytes,
        [LINEAR_NUMBERS] = add_numbers, [LINEAR_ADDENDS] = add_addends,
        [LINEAR_SAME] = add_same,
    };
    for (uint32_t i = 0; i < count; i++)
        margins[i] = intercept;
    for (size_t i = 0; i < column_count; i++)
        if (columns[i].valid == NULL)
            add[columns[i].form](&columns[i], first, count, margins);
        else
            add_valid(&columns[i], add[columns[i].form], first, count, margins);
}
