/* SPDX-License-Identifier: Apache-2.0 */
/* status.c - one block of memory holds the report and all that it points to. */
#include "broker/status.h"

#include "broker/workers.h"

#include <stdlib.h>
#include <string.h>

/* The generated structs want their texts without const; they are only read. */
static char *borrow(const char *text)
{
    return (char *)(uintptr_t)text;
}

struct block {
    Chw__StatusReport report; /* first: it stands for the block */
    struct dispatch *dispatch;
    size_t region_count;
    Chw__RegionStatus *region_list[STATUS_REGIONS_MAX];
    Chw__WorkerStatus workers[STATUS_WORKERS_MAX];
    Chw__WorkerStatus *worker_list[STATUS_WORKERS_MAX];
    Chw__RegionStatus regions[]; /* all that there are: regions_max at most */
};

static uint64_t age_ms(const struct block *self, uint64_t entered)
{
    return (dispatch_ticks(self->dispatch) - entered) * DISPATCH_TICK_MS;
}

static void add_region(void *arg, const struct region_view *view)
{
    struct block *self = arg;
    Chw__RegionStatus *region = &self->regions[self->region_count++];
    chw__region_status__init(region);
    region->name = borrow(view->name);
    region->queued = view->queued;
    region->leased = view->taken;
    region->bytes = view->bytes;
    region->oldest_ms = view->queued == 0 ? 0 : age_ms(self, view->oldest_entered);
    region->answered = view->answered;
    region->answered_bytes = view->answered_bytes;
    region->weight = view->weight;
    region->interactive = view->interactive;
}

static int descending(uint64_t a, uint64_t b)
{
    return (a < b) - (a > b);
}

static int by_depth(const void *a, const void *b)
{
    const Chw__RegionStatus *one = a, *other = b;
    int order = descending(one->queued, other->queued);
    if (order == 0)
        order = descending(one->leased, other->leased);
    if (order == 0)
        order = descending(one->answered, other->answered);
    return order == 0 ? strcmp(one->name, other->name) : order;
}

static void list_regions(struct block *self)
{
    size_t count = self->region_count;
    qsort(self->regions, count, sizeof self->regions[0], by_depth);
    self->report.n_regions = count < STATUS_REGIONS_MAX ? count : STATUS_REGIONS_MAX;
    self->report.regions_left_out = (uint32_t)(count - self->report.n_regions);
    for (size_t i = 0; i < self->report.n_regions; i++)
        self->region_list[i] = &self->regions[i];
}

static Chw__WorkerStatus__State state_of(const struct worker *worker)
{
    if (worker->mood == WORKER_STUCK)
        return CHW__WORKER_STATUS__STATE__STUCK;
    if (worker->mood == WORKER_AWAY)
        return CHW__WORKER_STATUS__STATE__AWAY;
    if (worker->mood == WORKER_RETURNED)
        return CHW__WORKER_STATUS__STATE__RETURNED;
    if (worker->window == 0)
        return CHW__WORKER_STATUS__STATE__CLOSED;
    return worker->leased >= worker->window ? CHW__WORKER_STATUS__STATE__FULL
                                            : CHW__WORKER_STATUS__STATE__WORKING;
}

static void add_worker(struct block *self, const struct worker *from)
{
    if (self->report.n_workers == STATUS_WORKERS_MAX) {
        self->report.workers_left_out++;
        return;
    }
    Chw__WorkerStatus *worker = &self->workers[self->report.n_workers];
    self->worker_list[self->report.n_workers++] = worker;
    chw__worker_status__init(worker);
    worker->name = borrow(from->name);
    worker->serving = borrow(from->serving);
    worker->release = borrow(from->release);
    worker->state = state_of(from);
    worker->window = from->window;
    worker->leased = from->leased;
    worker->window_bytes = from->window_bytes;
    worker->leased_bytes = from->leased_bytes;
    worker->elsewhere = from->elsewhere;
    worker->answered = from->answered;
    worker->charged = from->charged;
    worker->records = from->records;
    worker->silent_ms = (uint64_t)from->silent_ticks * DISPATCH_TICK_MS;
}

static void add_totals(struct block *self)
{
    struct dispatch_gauges gauges;
    const struct dispatch_limits *limits = dispatch_limits(self->dispatch);
    const struct counters *counters = dispatch_counters(self->dispatch);
    Chw__StatusReport *report = &self->report;
    dispatch_measure(self->dispatch, &gauges);
    report->instance = limits->instance;
    report->uptime_ms = dispatch_ticks(self->dispatch) * DISPATCH_TICK_MS;
    report->version = borrow(CHW_VERSION);
    report->draining = gauges.draining;
    report->queued = gauges.queued;
    report->leased = gauges.leased;
    report->bytes = gauges.bytes;
    report->bytes_max = limits->bytes_max;
    report->clients = gauges.clients;
    report->reply_bytes = gauges.untaken_bytes;
    report->answered = counters->replies_forwarded;
    report->busy = counters->jobs_busy;
    report->expired = counters->jobs_expired;
    report->dropped = counters->replies_dropped;
    report->oldest_ms = gauges.oldest_ticks * DISPATCH_TICK_MS;
}

Chw__StatusReport *status_report_new(struct dispatch *dispatch)
{
    struct workers *workers = dispatch_workers(dispatch);
    size_t regions_max = dispatch_limits(dispatch)->regions_max;
    struct block *self = calloc(1, sizeof *self + regions_max * sizeof self->regions[0]);
    if (self == NULL)
        return NULL;
    self->dispatch = dispatch;
    chw__status_report__init(&self->report);
    self->report.regions = self->region_list;
    self->report.workers = self->worker_list;
    add_totals(self);
    region_queue_visit(dispatch_regions(dispatch), add_region, self);
    list_regions(self);
    for (struct worker *worker = workers_next(workers, NULL); worker != NULL;
         worker = workers_next(workers, worker))
        add_worker(self, worker);
    return &self->report;
}

void status_report_free(Chw__StatusReport *self)
{
    free(self); /* the block's first member */
}
