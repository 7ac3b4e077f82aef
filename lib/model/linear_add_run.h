/* SPDX-License-Identifier: Apache-2.0 */
/* linear_add_run.h - loops that the compiler makes vectors of; compiled by
 * linear_add_portable.c, linear_add_avx2.c and linear_add_avx512.c, which set LINEAR_NAME
 * to their suffix. */

#include "model/kernel.h"
#include "model/linear_add.h"

void LINEAR_NAME(linear_numbers)(const float *numbers, uint32_t count,
                                 const struct linear_number *number, double *margins)
{
    double center = number->center, scale = number->scale, weight = number->weight;
    float center_single = (float)center, scale_single = (float)scale;
    if (number->single)
        for (uint32_t i = 0; i < count; i++)
            margins[i] += weight * (double)((numbers[i] - center_single) * scale_single);
    else
        for (uint32_t i = 0; i < count; i++)
            margins[i] += weight * (double)(float)(((double)numbers[i] - center) * scale);
}
