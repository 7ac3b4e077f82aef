/* SPDX-License-Identifier: Apache-2.0 */
/* top_rows.c - rates of each broker's rows; then rows of one name become one. */
#include "client/top_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- which brokers ---- */

const char *top_rows_same(const struct top_view *view, size_t broker)
{
    const struct top_broker *brokers = view->brokers;
    for (size_t i = 0; i < broker; i++)
        if (brokers[i].now != NULL && brokers[broker].now != NULL &&
            brokers[i].now->instance == brokers[broker].now->instance &&
            brokers[i].state == TOP_WELL)
            return brokers[i].address;
    return NULL;
}

bool top_rows_counts(const struct top_view *view, size_t broker)
{
    const struct top_broker *it = &view->brokers[broker];
    if (it->now == NULL)
        return false;
    return view->count == 1 ||
           (it->state == TOP_WELL && top_rows_same(view, broker) == NULL);
}

/* ---- rates ---- */

double top_rate(uint64_t now, uint64_t before, uint64_t elapsed_ms)
{
    uint64_t grown = now >= before ? now - before : now;
    return (double)grown * 1000.0 / (double)elapsed_ms;
}

static bool is_comparable(const struct top_broker *broker)
{
    return broker->before != NULL && broker->elapsed_ms > 0 &&
           broker->before->instance == broker->now->instance;
}

static const Chw__RegionStatus *region_before(const struct top_broker *broker,
                                              const char *name)
{
    for (size_t i = 0; i < broker->before->n_regions; i++)
        if (strcmp(broker->before->regions[i]->name, name) == 0)
            return broker->before->regions[i];
    return NULL;
}

static const Chw__WorkerStatus *worker_before(const struct top_broker *broker,
                                              const char *name)
{
    for (size_t i = 0; i < broker->before->n_workers; i++)
        if (strcmp(broker->before->workers[i]->name, name) == 0)
            return broker->before->workers[i];
    return NULL;
}

static struct region_row rate_region(const struct top_broker *broker,
                                     const Chw__RegionStatus *now)
{
    struct region_row row = {*now, (double)NAN, (double)NAN};
    if (!is_comparable(broker))
        return row;
    const Chw__RegionStatus *before = region_before(broker, now->name);
    if (before == NULL && broker->before->regions_left_out > 0)
        return row;
    bool is_new = before == NULL;
    row.batches =
        top_rate(now->answered, is_new ? 0 : before->answered, broker->elapsed_ms);
    row.bytes = top_rate(now->answered_bytes, is_new ? 0 : before->answered_bytes,
                         broker->elapsed_ms);
    return row;
}

static struct worker_row rate_worker(const struct top_broker *broker,
                                     const Chw__WorkerStatus *now)
{
    const Chw__WorkerStatus *before =
        is_comparable(broker) ? worker_before(broker, now->name) : NULL;
    if (before == NULL)
        return (struct worker_row){*now, (double)NAN, (double)NAN};
    return (struct worker_row){
        *now,
        top_rate(now->answered, before->answered, broker->elapsed_ms),
        top_rate(now->records, before->records, broker->elapsed_ms),
    };
}

static double rate_broker(const struct top_broker *broker)
{
    if (broker->now == NULL || !is_comparable(broker))
        return (double)NAN;
    return top_rate(broker->now->answered, broker->before->answered, broker->elapsed_ms);
}

static double sum(double a, double b)
{
    if (isnan(a))
        return b;
    return isnan(b) ? a : a + b;
}

/* ---- order ---- */

static int descending(double a, double b)
{
    return (a < b) - (a > b);
}

static double known(double rate)
{
    return isnan(rate) ? -1.0 : rate;
}

static int by_depth(const void *a, const void *b)
{
    const struct region_row *one = a, *other = b;
    const Chw__RegionStatus *x = &one->status, *y = &other->status;
    int order = descending(x->queued, y->queued);
    if (order == 0)
        order = descending(x->leased, y->leased);
    if (order == 0)
        order = descending(known(one->batches), known(other->batches));
    if (order == 0)
        order = descending((double)x->answered, (double)y->answered);
    return order == 0 ? strcmp(x->name, y->name) : order;
}

static int by_rate(const void *a, const void *b)
{
    const struct region_row *one = a, *other = b;
    int order = descending(known(one->batches), known(other->batches));
    return order == 0 ? by_depth(a, b) : order;
}

static int regions_by_name(const void *a, const void *b)
{
    const struct region_row *one = a, *other = b;
    return strcmp(one->status.name, other->status.name);
}

static int workers_by_name(const void *a, const void *b)
{
    const struct worker_row *one = a, *other = b;
    return strcmp(one->status.name, other->status.name);
}

/* ---- several brokers' rows of one name ---- */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void join_region(struct region_row *row, const struct region_row *other)
{
    Chw__RegionStatus *status = &row->status;
    status->queued += other->status.queued;
    status->leased += other->status.leased;
    status->bytes += other->status.bytes;
    status->oldest_ms = larger(status->oldest_ms, other->status.oldest_ms);
    status->answered += other->status.answered;
    status->answered_bytes += other->status.answered_bytes;
    row->batches = sum(row->batches, other->batches);
    row->bytes = sum(row->bytes, other->bytes);
}

/* A thread shares its window out among the brokers, and tells each of them all of its
 * records. What serves is told by the one that heard from it last; the state is the worse
 * one. */
static void join_worker(struct worker_row *row, const struct worker_row *other)
{
    Chw__WorkerStatus *status = &row->status;
    const Chw__WorkerStatus *more = &other->status;
    if (more->silent_ms < status->silent_ms)
        status->serving = more->serving;
    if (more->state > status->state)
        status->state = more->state;
    status->window += more->window;
    status->leased += more->leased;
    status->silent_ms = larger(status->silent_ms, more->silent_ms);
    status->charged += more->charged;
    status->answered += more->answered;
    status->records = larger(status->records, more->records);
    row->batches = sum(row->batches, other->batches);
    if (isnan(row->records) || other->records > row->records)
        row->records = other->records;
}

static void join_regions(struct top_rows *self)
{
    size_t kept = 0;
    qsort(self->regions, self->region_count, sizeof *self->regions, regions_by_name);
    for (size_t i = 1; i < self->region_count; i++)
        if (regions_by_name(&self->regions[kept], &self->regions[i]) == 0)
            join_region(&self->regions[kept], &self->regions[i]);
        else
            self->regions[++kept] = self->regions[i];
    self->region_count = self->region_count == 0 ? 0 : kept + 1;
}

static void join_workers(struct top_rows *self)
{
    size_t kept = 0;
    qsort(self->workers, self->worker_count, sizeof *self->workers, workers_by_name);
    for (size_t i = 1; i < self->worker_count; i++)
        if (workers_by_name(&self->workers[kept], &self->workers[i]) == 0)
            join_worker(&self->workers[kept], &self->workers[i]);
        else
            self->workers[++kept] = self->workers[i];
    self->worker_count = self->worker_count == 0 ? 0 : kept + 1;
}

/* ---- making them ---- */

static void add_to_all(Chw__StatusReport *all, const Chw__StatusReport *now)
{
    all->queued += now->queued;
    all->leased += now->leased;
    all->bytes += now->bytes;
    all->bytes_max += now->bytes_max;
    all->oldest_ms = larger(all->oldest_ms, now->oldest_ms);
    all->answered += now->answered;
    all->regions_left_out += now->regions_left_out;
    all->workers_left_out += now->workers_left_out;
}

static void add_broker(struct top_rows *self, const struct top_broker *broker)
{
    const Chw__StatusReport *now = broker->now;
    add_to_all(&self->all, now);
    self->batches = sum(self->batches, rate_broker(broker));
    for (size_t i = 0; i < now->n_regions; i++)
        self->regions[self->region_count++] = rate_region(broker, now->regions[i]);
    for (size_t i = 0; i < now->n_workers; i++)
        self->workers[self->worker_count++] = rate_worker(broker, now->workers[i]);
}

static bool make_room(const struct top_view *view, struct top_rows *self)
{
    size_t regions = 0, workers = 0;
    for (size_t i = 0; i < view->count; i++) {
        const Chw__StatusReport *now = view->brokers[i].now;
        regions += now == NULL ? 0 : now->n_regions;
        workers += now == NULL ? 0 : now->n_workers;
    }
    self->broker_batches = calloc(view->count + 1, sizeof *self->broker_batches);
    self->regions = calloc(regions + 1, sizeof *self->regions);
    self->workers = calloc(workers + 1, sizeof *self->workers);
    return self->broker_batches != NULL && self->regions != NULL && self->workers != NULL;
}

bool top_rows_make(const struct top_view *view, struct top_rows *self)
{
    *self = (struct top_rows){.batches = (double)NAN, .records = (double)NAN};
    chw__status_report__init(&self->all);
    if (!make_room(view, self))
        return false;
    for (size_t i = 0; i < view->count; i++) {
        self->broker_batches[i] = rate_broker(&view->brokers[i]);
        if (top_rows_counts(view, i))
            add_broker(self, &view->brokers[i]);
    }
    if (view->count > 1) {
        join_regions(self);
        join_workers(self);
    }
    if (!isnan(self->batches))
        self->records = 0.0;
    for (size_t i = 0; i < self->worker_count; i++)
        self->records = sum(self->records, self->workers[i].records);
    qsort(self->regions, self->region_count, sizeof *self->regions,
          view->by_rate ? by_rate : by_depth);
    qsort(self->workers, self->worker_count, sizeof *self->workers, workers_by_name);
    return true;
}

void top_rows_release(struct top_rows *self)
{
    free(self->broker_batches);
    free(self->regions);
    free(self->workers);
}
