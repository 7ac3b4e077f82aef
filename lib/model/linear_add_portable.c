/* SPDX-License-Identifier: Apache-2.0 */
/* linear_add_portable.c - on any processor. */
#define LINEAR_NAME(name) name##_portable
#include "model/linear_add_run.h"

#include "model/linear_bits_run.h"

void linear_codes_portable(const uint8_t *codes, uint32_t count, const double *addends,
                           uint32_t code_end, double *margins)
{
    (void)code_end;
    for (uint32_t i = 0; i < count; i++)
        margins[i] += addends[codes[i]];
}
