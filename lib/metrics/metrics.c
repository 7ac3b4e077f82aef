/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c - a list of atomic numbers and their text. */
#include "metrics/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_INFO };

struct metric {
    struct metric *next;
    enum metric_kind kind;
    const char *name, *help, *version;
    atomic_uint_fast64_t total; /* of a counter */
    _Atomic double value;       /* of a gauge; the sum of a histogram */
    const double *bounds;
    size_t bound_count;
    atomic_uint_fast64_t buckets[METRICS_BUCKETS_MAX + 1]; /* each its own, not summed */
};

struct metrics {
    struct metric *first, **end;
};

const double metrics_seconds[METRICS_BUCKETS_MAX] = {
    .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 30,
};

struct metrics *metrics_new(void)
{
    struct metrics *self = calloc(1, sizeof *self);
    if (self != NULL)
        self->end = &self->first;
    return self;
}

void metrics_free(struct metrics *self)
{
    if (self == NULL)
        return;
    for (struct metric *metric = self->first, *next; metric != NULL; metric = next) {
        next = metric->next;
        free(metric);
    }
    free(self);
}

static struct metric *add_metric(struct metrics *self, enum metric_kind kind,
                                 const char *name, const char *help)
{
    assert(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name));
    for (struct metric *other = self->first; other != NULL; other = other->next)
        assert(strcmp(other->name, name) != 0);
    struct metric *metric = calloc(1, sizeof *metric);
    if (metric == NULL)
        return NULL;
    metric->kind = kind;
    metric->name = name;
    metric->help = help;
    *self->end = metric;
    self->end = &metric->next;
    return metric;
}

struct metric *metrics_counter(struct metrics *self, const char *name, const char *help)
{
    return add_metric(self, METRIC_COUNTER, name, help);
}

struct metric *metrics_gauge(struct metrics *self, const char *name, const char *help)
{
    return add_metric(self, METRIC_GAUGE, name, help);
}

struct metric *metrics_histogram(struct metrics *self, const char *name, const char *help,
                                 const double *bounds, size_t bound_count)
{
    assert(bound_count <= METRICS_BUCKETS_MAX);
    struct metric *metric = add_metric(self, METRIC_HISTOGRAM, name, help);
    if (metric == NULL)
        return NULL;
    metric->bounds = bounds;
    metric->bound_count = bound_count;
    return metric;
}

struct metric *metrics_info(struct metrics *self, const char *name, const char *help,
                            const char *version)
{
    struct metric *metric = add_metric(self, METRIC_INFO, name, help);
    if (metric != NULL)
        metric->version = version;
    return metric;
}

void metric_add(struct metric *self, uint64_t more)
{
    if (self != NULL && more != 0)
        atomic_fetch_add_explicit(&self->total, more, memory_order_relaxed);
}

void metric_set_total(struct metric *self, uint64_t total)
{
    if (self != NULL)
        atomic_store_explicit(&self->total, total, memory_order_relaxed);
}

void metric_set(struct metric *self, double value)
{
    if (self != NULL)
        atomic_store_explicit(&self->value, value, memory_order_relaxed);
}

void metric_observe(struct metric *self, double value)
{
    size_t bucket = 0;
    if (self == NULL)
        return;
    while (bucket < self->bound_count && value > self->bounds[bucket])
        bucket++;
    double sum = atomic_load_explicit(&self->value, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(
        &self->value, &sum, sum + value, memory_order_relaxed, memory_order_relaxed))
        continue;
    atomic_fetch_add_explicit(&self->buckets[bucket], 1, memory_order_relaxed);
}

static uint64_t load(const atomic_uint_fast64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

static double load_value(const struct metric *metric)
{
    return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

static void write_counter(const struct metric *metric, FILE *out)
{
    fprintf(out, "%s %" PRIu64 "\n", metric->name, load(&metric->total));
}

static void write_gauge(const struct metric *metric, FILE *out)
{
    fprintf(out, "%s %.17g\n", metric->name, load_value(metric));
}

static void write_info(const struct metric *metric, FILE *out)
{
    fprintf(out, "%s{version=\"%s\"} 1\n", metric->name, metric->version);
}

/* The count is the sum of the buckets read here, so that the two never disagree. */
static void write_histogram(const struct metric *metric, FILE *out)
{
    uint64_t count = 0;
    for (size_t i = 0; i < metric->bound_count; i++) {
        count += load(&metric->buckets[i]);
        fprintf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", metric->name,
                metric->bounds[i], count);
    }
    count += load(&metric->buckets[metric->bound_count]);
    fprintf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", metric->name, count);
    fprintf(out, "%s_sum %.17g\n%s_count %" PRIu64 "\n", metric->name, load_value(metric),
            metric->name, count);
}

static const struct {
    const char *type;
    void (*write)(const struct metric *metric, FILE *out);
} kinds[] = {
    [METRIC_COUNTER] = {"counter", write_counter},
    [METRIC_GAUGE] = {"gauge", write_gauge},
    [METRIC_HISTOGRAM] = {"histogram", write_histogram},
    [METRIC_INFO] = {"gauge", write_info},
};

enum status metrics_write(const struct metrics *self, char **text, size_t *size)
{
    *text = NULL;
    FILE *out = open_memstream(text, size);
    if (out == NULL)
        return STATUS_NOMEM;
    for (const struct metric *metric = self->first; metric != NULL;
         metric = metric->next) {
        fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
                metric->name, kinds[metric->kind].type);
        kinds[metric->kind].write(metric, out);
    }
    bool failed = ferror(out) != 0;
    if (fclose(out) == 0 && !failed)
        return STATUS_OK;
    free(*text);
    *text = NULL;
    return STATUS_NOMEM;
}
