/* SPDX-License-Identifier: Apache-2.0 */
/* stats.c - order statistics. */
#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

struct stats stats_of(double *values, size_t count)
{
    if (count == 0)
        return (struct stats){0};
    qsort(values, count, sizeof *values, ascending);
    return (struct stats){
        .median = (values[(count - 1) / 2] + values[count / 2]) / 2,
        .min = values[0],
        .max = values[count - 1],
    };
}

double stats_quantile(const double *values, size_t count, double q)
{
    if (count == 0)
        return 0;
    double rank = ceil(q * (double)count);
    return values[rank < 1 ? 0 : (size_t)rank - 1];
}
