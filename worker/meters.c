/* SPDX-License-Identifier: Apache-2.0 */
/* meters.c - a metric for each row of LOOP_COUNTER_LIST, histograms and gauges. */
#include "worker/meters.h"

#include <string.h>

static bool make_counters(struct meters *self)
{
    bool made = true;
#define LOOP_COUNTER_MAKE(name, help)                                                    \
    self->name = metrics_counter(self->metrics, "chw_worker_" #name "_total", help);     \
    made = made && self->name != NULL;
    LOOP_COUNTER_LIST(LOOP_COUNTER_MAKE)
#undef LOOP_COUNTER_MAKE
    return made;
}

static bool make_others(struct meters *self)
{
    struct metrics *metrics = self->metrics;
    self->scoring =
        metrics_histogram(metrics, "chw_worker_scoring_seconds",
                          "from a batch's being read to its last record's score",
                          metrics_seconds, METRICS_BUCKETS_MAX);
    self->settlement =
        metrics_histogram(metrics, "chw_worker_settlement_seconds",
                          "from a batch's last score to its settlement in the store",
                          metrics_seconds, METRICS_BUCKETS_MAX);
    self->threads = metrics_gauge(metrics, "chw_worker_connected_threads",
                                  "scoring threads that have a broker");
    self->links = metrics_gauge(metrics, "chw_worker_broker_connections",
                                "connections of scoring threads to brokers");
    self->generation =
        metrics_gauge(metrics, "chw_worker_snapshot_generation",
                      "of the store, whose models and program are served; 0: none yet");
    self->away = metrics_gauge(metrics, "chw_worker_store_away",
                               "1 while the store does not answer");
    self->setbacks = metrics_counter(
        metrics, "chw_worker_store_setbacks_total",
        "times that the store came back without what it had acknowledged");
    return self->scoring != NULL && self->settlement != NULL && self->threads != NULL &&
           self->links != NULL && self->generation != NULL && self->away != NULL &&
           self->setbacks != NULL;
}

enum status meters_open(struct meters *self)
{
    memset(self, 0, sizeof *self);
    self->metrics = metrics_new();
    bool made = self->metrics != NULL &&
                metrics_info(self->metrics, "chw_worker_build_info",
                             "which build this is", CHW_VERSION) != NULL &&
                make_counters(self) && make_others(self);
    return made ? STATUS_OK : STATUS_NOMEM;
}

void meters_close(struct meters *self)
{
    metrics_free(self->metrics);
    self->metrics = NULL;
}

void meters_add(struct meters *self, const struct loop_counters *now,
                struct loop_counters *before)
{
#define LOOP_COUNTER_PUBLISH(name, help) metric_add(self->name, now->name - before->name);
    LOOP_COUNTER_LIST(LOOP_COUNTER_PUBLISH)
#undef LOOP_COUNTER_PUBLISH
    *before = *now;
}
