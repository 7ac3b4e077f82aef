/* SPDX-License-Identifier: Apache-2.0 */
/* kernel.c - which kernel, and what they share. */
#include "model/kernel.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

/* By the fewest records that they are for. */
static const struct kernel_type *const kernels[] = {
    &kernel_linear, &kernel_lanes, &kernel_walk, &kernel_sliced, &kernel_sliced_deep};

enum { KERNEL_COUNT = sizeof kernels / sizeof kernels[0] };
static_assert((int)KERNEL_COUNT <= (int)KERNELS_MAX, "a part has room for every kernel");

enum status kernels_compile(const struct model *model, struct part *part)
{
    for (size_t i = 0; i < KERNEL_COUNT; i++) {
        struct compiled_kernel *next = &part->kernels[part->kernel_count];
        enum status status = kernels[i]->compile(model, part, &next->compiled);
        if (status != STATUS_OK)
            return status;
        if (next->compiled == NULL)
            continue;
        next->type = kernels[i];
        part->kernel_count++;
    }
    return STATUS_OK;
}

void kernels_free(struct part *part)
{
    for (size_t i = 0; i < part->kernel_count; i++)
        part->kernels[i].type->free(part->kernels[i].compiled);
}

size_t kernels_bytes(const struct part *part)
{
    size_t sum = 0;
    for (size_t i = 0; i < part->kernel_count; i++)
        sum += part->kernels[i].type->bytes(part->kernels[i].compiled);
    return sum;
}

void kernels_release(struct binding *binding)
{
    for (size_t i = 0; i < binding->model->part_count; i++) {
        const struct part *part = &binding->model->parts[i];
        for (size_t k = 0; k < part->kernel_count; k++)
            if (binding->parts[i].runs[k] != NULL)
                part->kernels[k].type->release(binding->parts[i].runs[k]);
    }
}

/* NULL: no memory, and then another kernel, or the reference, gives the same. */
static void *run_of(const struct binding *binding, size_t part, size_t k)
{
    void **run = &binding->parts[part].runs[k];
    const struct compiled_kernel *kernel = &binding->model->parts[part].kernels[k];
    if (*run == NULL &&
        kernel->type->prepare(kernel->compiled, binding, run) != STATUS_OK)
        *run = NULL;
    return *run;
}

static bool is_for(const struct part *self, size_t k, uint32_t count)
{
    return count >= self->kernels[k].type->rows_min &&
           (k == 0 || count > self->kernels[k - 1].type->rows_best);
}

bool kernels_block(const struct binding *binding, size_t part, uint32_t first,
                   uint32_t count, double *margins)
{
    const struct part *of = &binding->model->parts[part];
    for (size_t k = of->kernel_count; k-- > 0;) {
        if (!is_for(of, k, count))
            continue;
        void *run = run_of(binding, part, k);
        if (run == NULL)
            continue;
        of->kernels[k].type->block(run, first, count, margins);
        return true;
    }
    return false;
}

float kernel_input(const struct feature *self, float value)
{
    const Chw__Numeric *numeric = self->source->numeric;
    if (self->source->kind_case != CHW__FEATURE__KIND_NUMERIC)
        return value;
    if (numeric->single)
        return (value - (float)numeric->center) * (float)numeric->scale;
    return (float)(((double)value - numeric->center) * numeric->scale);
}

uint64_t kernel_bits(const uint8_t *bits, uint32_t first, uint32_t count)
{
    uint64_t found = 0;
    if (first % 8 == 0 && count == 64) {
        memcpy(&found, bits + first / 8, sizeof found);
        return le64toh(found);
    }
    uint32_t last = (first + count - 1) / 8;
    for (uint32_t byte = first / 8, at = 0; byte <= last; byte++, at += 8) {
        uint64_t part = bits[byte];
        uint32_t skipped = first % 8;
        found |= at >= skipped ? part << (at - skipped) : part >> (skipped - at);
    }
    return count == 64 ? found : found & ((UINT64_C(1) << count) - 1);
}
