/* SPDX-License-Identifier: Apache-2.0 */
/* stats.h - medians and quantiles of what was measured. Pure. */

#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>

struct stats {
    double median, min, max;
};

/* Sorts `values`; all zero where there are none. The median of an even count is the mean
 * of the middle two. */
struct stats stats_of(double *values, size_t count);

/* The value that a share `q` of them, 0 to 1, does not pass (nearest rank); `values` are
 * sorted. 0 where there are none. */
double stats_quantile(const double *values, size_t count, double q);

#endif
