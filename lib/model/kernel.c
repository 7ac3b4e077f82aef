/* SPDX-License-Identifier: Apache-2.0 */
/* kernel.c - which kernel, and what they share. */
#include "model/kernel.h"

static const struct kernel_type *const kernels[] = {&kernel_linear, &kernel_sliced};

enum status kernel_choose(const struct model *model, const struct kernel_type **type,
                          void **compiled)
{
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
        enum status status = kernels[i]->compile(model, compiled);
        if (status != STATUS_OK)
            return status;
        if (*compiled != NULL) {
            *type = kernels[i];
            return STATUS_OK;
        }
    }
    *type = NULL;
    return STATUS_OK;
}

float kernel_input(const struct feature *self, float value)
{
    const Chw__Numeric *numeric = self->source->numeric;
    return self->source->kind_case == CHW__FEATURE__KIND_NUMERIC
               ? (float)(((double)value - numeric->center) * numeric->scale)
               : value;
}

uint64_t kernel_bits(const uint8_t *bits, uint32_t first, uint32_t count)
{
    uint64_t found = 0;
    uint32_t last = (first + count - 1) / 8;
    for (uint32_t byte = first / 8, at = 0; byte <= last; byte++, at += 8) {
        uint64_t part = bits[byte];
        uint32_t skipped = first % 8;
        found |= at >= skipped ? part << (at - skipped) : part >> (skipped - at);
    }
    return count == 64 ? found : found & ((UINT64_C(1) << count) - 1);
}
