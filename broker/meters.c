/* SPDX-License-Identifier: Apache-2.0 */
/* meters.c - a metric for each row of counters.h, and the gauges. */
#include "broker/meters.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
#define COUNTER_INDEX(name, help) COUNTER_##name,
    COUNTER_LIST(COUNTER_INDEX)
#undef COUNTER_INDEX
        COUNTER_COUNT,
};

struct meters {
    struct metrics *metrics;
    struct metric *counters[COUNTER_COUNT];
    struct metric *queue_batches, *queue_bytes, *queue_age, *leased, *workers;
    struct metric *clients, *reply_bytes;
    atomic_bool ready;
};

static bool make_counters(struct meters *self)
{
    bool made = true;
#define COUNTER_MAKE(name, help)                                                         \
    self->counters[COUNTER_##name] =                                                     \
        metrics_counter(self->metrics, "chw_broker_" #name "_total", help);              \
    made = made && self->counters[COUNTER_##name] != NULL;
    COUNTER_LIST(COUNTER_MAKE)
#undef COUNTER_MAKE
    return made;
}

static bool make_gauges(struct meters *self)
{
    struct metrics *metrics = self->metrics;
    self->queue_batches = metrics_gauge(metrics, "chw_broker_queue_batches",
                                        "batches that wait for a worker");
    self->queue_bytes =
        metrics_gauge(metrics, "chw_broker_queue_bytes",
                      "bytes held of batches, waiting and with workers; the budget");
    self->queue_age = metrics_gauge(metrics, "chw_broker_queue_oldest_age_seconds",
                                    "since the oldest waiting batch came; 0: none waits");
    self->leased =
        metrics_gauge(metrics, "chw_broker_leased_batches", "batches that workers hold");
    self->workers = metrics_gauge(metrics, "chw_broker_workers",
                                  "scoring threads that are connected");
    self->clients = metrics_gauge(metrics, "chw_broker_clients",
                                  "connections whose batches are held");
    self->reply_bytes = metrics_gauge(
        metrics, "chw_broker_reply_bytes",
        "bytes of answers sent, that clients have not yet said to have taken");
    return self->queue_batches != NULL && self->queue_bytes != NULL &&
           self->queue_age != NULL && self->leased != NULL && self->workers != NULL &&
           self->clients != NULL && self->reply_bytes != NULL;
}

struct meters *meters_new(void)
{
    struct meters *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->metrics = metrics_new();
    if (self->metrics != NULL &&
        metrics_info(self->metrics, "chw_broker_build_info", "which build this is",
                     CHW_VERSION) != NULL &&
        make_gauges(self) && make_counters(self))
        return self;
    meters_free(self);
    return NULL;
}

void meters_free(struct meters *self)
{
    if (self == NULL)
        return;
    metrics_free(self->metrics);
    free(self);
}

void meters_publish(struct meters *self, struct dispatch *dispatch)
{
    struct dispatch_gauges gauges;
    if (self == NULL)
        return;
    const struct counters *counters = dispatch_counters(dispatch);
    dispatch_measure(dispatch, &gauges);
#define COUNTER_PUBLISH(name, help)                                                      \
    metric_set_total(self->counters[COUNTER_##name], counters->name);
    COUNTER_LIST(COUNTER_PUBLISH)
#undef COUNTER_PUBLISH
    metric_set(self->queue_batches, gauges.queued);
    metric_set(self->queue_bytes, (double)gauges.bytes);
    metric_set(self->queue_age, (double)gauges.oldest_ticks * DISPATCH_TICK_MS / 1000);
    metric_set(self->leased, gauges.leased);
    metric_set(self->workers, gauges.workers);
    metric_set(self->clients, gauges.clients);
    metric_set(self->reply_bytes, (double)gauges.untaken_bytes);
    atomic_store(&self->ready, !gauges.draining);
}

const struct metrics *meters_metrics(const struct meters *self)
{
    return self->metrics;
}

bool meters_ready(const struct meters *self)
{
    return atomic_load(&self->ready);
}
