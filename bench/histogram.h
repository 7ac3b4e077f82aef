/* SPDX-License-Identifier: Apache-2.0 */
/* histogram.h - how often which latency: counts in buckets that widen with the value.
 *
 * Values below 2,048 have a bucket each; above, every doubling is divided into 1,024, as
 * HdrHistogram does with three digits. What is read from it is never below the value it
 * stands for, and above it by less than one part in 1,024: HISTOGRAM_DIVISIONS. Adding
 * takes the same few nanoseconds whatever the value. Pure. */

#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include "base/status.h"

#include <stdint.h>
#include <stdio.h>

enum { HISTOGRAM_DIVISIONS = 1024 };

struct histogram;

/* Returns NULL when out of memory. */
struct histogram *histogram_new(void);
void histogram_free(struct histogram *self); /* accepts NULL */
void histogram_clear(struct histogram *self);

/* Values from 2^48 on (78 hours in nanoseconds) share a bucket. */
void histogram_add(struct histogram *self, uint64_t value);
void histogram_merge(struct histogram *self, const struct histogram *more);

uint64_t histogram_count(const struct histogram *self);
uint64_t histogram_min(const struct histogram *self); /* these three are exact; */
uint64_t histogram_max(const struct histogram *self); /* 0 where there are none */
double histogram_mean(const struct histogram *self);

/* The value that a share `q` of them, 0 to 1, does not pass (nearest rank): the highest
 * of its bucket, and never above the maximum. 0 where there are none. */
uint64_t histogram_quantile(const struct histogram *self, double q);

/* All of it, a line for each bucket that is not empty, as HdrHistogram prints percentiles
 * (.hgrm: value, percentile, count so far, 1/(1-percentile)): its plotter reads it.
 * Values are divided by `unit`. */
void histogram_write(const struct histogram *self, double unit, FILE *file);

#endif
