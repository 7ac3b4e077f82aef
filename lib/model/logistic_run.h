/* SPDX-License-Identifier: Apache-2.0 */
/* logistic_run.h - a loop that the compiler makes vectors of; compiled by
 * logistic_portable.c, logistic_avx2.c and logistic_avx512.c, which set LOGISTIC_NAME. */

#include "model/logistic.h"

void LOGISTIC_NAME(const double *margins, uint32_t count, float *out)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = logistic_of(margins[i]);
}
