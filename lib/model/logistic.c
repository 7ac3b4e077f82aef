/* SPDX-License-Identifier: Apache-2.0 */
/* logistic.c - which way this processor can. */
#include "model/logistic.h"

#include "model/cpu.h"

static bool always(void)
{
    return true;
}

#if defined(__x86_64__)

const struct logistic_way logistic_ways[] = {
    {cpu_has_avx512, logistic_avx512},
    {cpu_has_avx2, logistic_avx2},
    {always, logistic_portable},
};

#else

const struct logistic_way logistic_ways[] = {{always, logistic_portable}};

#endif

const size_t logistic_way_count = sizeof logistic_ways / sizeof logistic_ways[0];

void logistic_all(const double *margins, uint32_t count, float *out)
{
    const struct logistic_way *way = logistic_ways;
    while (!way->supported())
        way++;
    way->all(margins, count, out);
}
