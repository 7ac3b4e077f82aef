/* SPDX-License-Identifier: Apache-2.0 */
/* histogram.c - a value's bucket is its upper eleven bits and how far they are shifted.
 */
#include "bench/histogram.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIVISION_BITS = 10,
    VALUE_BITS = 48,
    TOO_LARGE = (VALUE_BITS - DIVISION_BITS + 1) << DIVISION_BITS, /* a bucket */
    BUCKET_COUNT,
};

static_assert(1 << DIVISION_BITS == HISTOGRAM_DIVISIONS, "the header promises it");

struct histogram {
    uint64_t count, sum, min, max;
    uint64_t buckets[BUCKET_COUNT];
};

struct histogram *histogram_new(void)
{
    struct histogram *self = malloc(sizeof *self);
    if (self != NULL)
        histogram_clear(self);
    return self;
}

void histogram_free(struct histogram *self)
{
    free(self);
}

void histogram_clear(struct histogram *self)
{
    memset(self, 0, sizeof *self);
    self->min = UINT64_MAX;
}

/* Bits that the bucket of a value leaves out. */
static unsigned shift_of(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    return bits <= DIVISION_BITS + 1 ? 0 : bits - (DIVISION_BITS + 1);
}

static size_t bucket_of(uint64_t value)
{
    if (value >> VALUE_BITS != 0)
        return TOO_LARGE;
    unsigned shift = shift_of(value);
    return ((size_t)shift << DIVISION_BITS) + (size_t)(value >> shift);
}

static uint64_t highest_of(size_t bucket)
{
    size_t octave = bucket >> DIVISION_BITS;
    unsigned shift = octave == 0 ? 0 : (unsigned)octave - 1;
    uint64_t upper_bits = bucket - ((size_t)shift << DIVISION_BITS);
    return ((upper_bits + 1) << shift) - 1;
}

void histogram_add(struct histogram *self, uint64_t value)
{
    self->buckets[bucket_of(value)]++;
    self->count++;
    self->sum += value;
    self->min = value < self->min ? value : self->min;
    self->max = value > self->max ? value : self->max;
}

void histogram_merge(struct histogram *self, const struct histogram *more)
{
    for (size_t i = 0; i < BUCKET_COUNT; i++)
        self->buckets[i] += more->buckets[i];
    self->count += more->count;
    self->sum += more->sum;
    self->min = more->min < self->min ? more->min : self->min;
    self->max = more->max > self->max ? more->max : self->max;
}

uint64_t histogram_count(const struct histogram *self)
{
    return self->count;
}

uint64_t histogram_min(const struct histogram *self)
{
    return self->count == 0 ? 0 : self->min;
}

uint64_t histogram_max(const struct histogram *self)
{
    return self->max;
}

double histogram_mean(const struct histogram *self)
{
    return self->count == 0 ? 0 : (double)self->sum / (double)self->count;
}

static uint64_t bucket_value(const struct histogram *self, size_t bucket)
{
    uint64_t highest = bucket == TOO_LARGE ? self->max : highest_of(bucket);
    return highest < self->max ? highest : self->max;
}

uint64_t histogram_quantile(const struct histogram *self, double q)
{
    double rank = ceil(q * (double)self->count);
    uint64_t wanted = rank < 1 ? 1 : (uint64_t)rank;
    uint64_t seen = 0;
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        seen += self->buckets[i];
        if (seen >= wanted)
            return bucket_value(self, i);
    }
    return self->max;
}

static double deviation(const struct histogram *self)
{
    double mean = histogram_mean(self), sum = 0;
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        double off = self->buckets[i] == 0 ? 0 : (double)bucket_value(self, i) - mean;
        sum += off * off * (double)self->buckets[i];
    }
    return self->count == 0 ? 0 : sqrt(sum / (double)self->count);
}

void histogram_write(const struct histogram *self, double unit, FILE *file)
{
    uint64_t seen = 0;
    fputs("       Value     Percentile TotalCount 1/(1-Percentile)\n\n", file);
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        if (self->buckets[i] == 0)
            continue;
        seen += self->buckets[i];
        double share = (double)seen / (double)self->count;
        fprintf(file, "%12.3f %2.12f %10llu", (double)bucket_value(self, i) / unit, share,
                (unsigned long long)seen);
        if (seen < self->count)
            fprintf(file, " %14.2f", 1 / (1 - share));
        fputc('\n', file);
    }
    fprintf(file, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
            histogram_mean(self) / unit, deviation(self) / unit);
    fprintf(file, "#[Max     = %12.3f, Total count    = %12llu]\n",
            (double)self->max / unit, (unsigned long long)self->count);
    fprintf(file, "#[Buckets = %12d, SubBuckets     = %12d]\n",
            VALUE_BITS - DIVISION_BITS, 2 * HISTOGRAM_DIVISIONS);
}
