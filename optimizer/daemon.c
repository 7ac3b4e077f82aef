/* SPDX-License-Identifier: Apache-2.0 */
/* daemon.c - a round every few seconds; what keeps it from a plan is logged once. */
#include "optimizer/daemon.h"

#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics_server.h"
#include "optimizer/planner.h"
#include "optimizer/publish.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct daemon {
    const struct daemon_config *config;
    struct store *store;
    struct metrics *metrics;
    struct metric *plans, *failures, *seconds;
    struct metrics_server *server;
    struct digest planned; /* the inputs of the last plan */
    bool has_planned;
    uint64_t generation;        /* of the store, when it was last looked at */
    struct error_text obstacle; /* what was logged last; empty: nothing in the way */
    atomic_bool ready;
};

static enum status open_metrics(struct daemon *self)
{
    self->metrics = metrics_new();
    if (self->metrics == NULL || metrics_info(self->metrics, "chw_optimizer_build_info",
                                              "which build this is", CHW_VERSION) == NULL)
        return STATUS_NOMEM;
    self->plans = metrics_counter(self->metrics, "chw_optimizer_plans_total",
                                  "plans published because their inputs had changed");
    self->failures = metrics_counter(self->metrics, "chw_optimizer_failed_rounds_total",
                                     "rounds that something kept from a plan");
    self->seconds = metrics_histogram(self->metrics, "chw_optimizer_round_seconds",
                                      "from reading the inputs to the published plan",
                                      metrics_seconds, METRICS_BUCKETS_MAX);
    return self->plans != NULL && self->failures != NULL && self->seconds != NULL
               ? STATUS_OK
               : STATUS_NOMEM;
}

/* ---- a round ---- */

/* A store that was away at the start may be there now. One that has gone back may have
 * lost the plan; a plan that was rolled back on purpose stays so. */
static enum status look_at_store(struct daemon *self, struct error_text *error)
{
    enum status status = self->store == NULL
                             ? store_open(self->config->store, &self->store, error)
                             : STATUS_OK;
    uint64_t generation = 0;
    if (status == STATUS_OK)
        status = store_generation(self->store, &generation, error);
    if (status != STATUS_OK)
        return status;
    self->has_planned = self->has_planned && generation >= self->generation;
    self->generation = generation;
    return STATUS_OK;
}

static enum status plan(struct daemon *self, struct error_text *error)
{
    struct planner_inputs inputs = {.allocation = self->config->allocation};
    struct planner_result result;
    struct digest version;
    char hex[DIGEST_HEX_SIZE];
    bool news = false;
    uint64_t start_ms = clock_monotonic_ms();
    enum status status = look_at_store(self, error);
    if (status != STATUS_OK)
        return status;
    inputs.store = self->store;
    status =
        planner_run(&inputs, self->has_planned ? &self->planned : NULL, &result, error);
    if (status != STATUS_OK || result.bytes == NULL)
        return status;
    if (result.warning.text[0] != '\0')
        log_warn("no_effect", "reason=\"%s\"", result.warning.text);
    status = publish_plan(self->store, result.bytes, result.size, &version, &news, error);
    free(result.bytes);
    if (status == STATUS_OK)
        status = store_generation(self->store, &self->generation, error);
    if (status != STATUS_OK)
        return status;
    uint64_t took_ms = clock_monotonic_ms() - start_ms;
    self->planned = result.inputs;
    self->has_planned = true;
    metric_add(self->plans, news);
    metric_observe(self->seconds, (double)took_ms / 1000);
    digest_format(&version, hex);
    log_info("plan", "version=%.12s news=%d ms=%" PRIu64, hex, news, took_ms);
    return STATUS_OK;
}

static void tell(enum status status, const struct error_text *error)
{
    if (status == STATUS_OK)
        log_info("planning", "reason=\"nothing is in the way any more\"");
    else if (status == STATUS_NOT_FOUND)
        log_info("waiting", "reason=\"%s\"", error->text);
    else
        log_error("no_plan", "reason=\"%s\"", error->text);
}

/* Nothing to plan with or for is how a cluster begins, and no failure. */
static void do_round(struct daemon *self)
{
    struct error_text error = {""};
    enum status status = plan(self, &error);
    bool calm = status == STATUS_OK || status == STATUS_NOT_FOUND;
    atomic_store(&self->ready, calm);
    if (!calm)
        metric_add(self->failures, 1);
    if (status == STATUS_OK)
        error.text[0] = '\0';
    if (strcmp(error.text, self->obstacle.text) != 0)
        tell(status, &error);
    self->obstacle = error;
}

/* ---- from start to end ---- */

static bool collect(void *context)
{
    struct daemon *self = context;
    return atomic_load(&self->ready);
}

static enum status start(struct daemon *self, struct error_text *error)
{
    const struct metrics_server_options options = {
        .address = self->config->metrics,
        .metrics = self->metrics,
        .collect = collect,
        .context = self,
    };
    enum status status = store_open(self->config->store, &self->store, error);
    bool away = status == STATUS_UNAVAILABLE; /* the first round says so, all try again */
    if ((status != STATUS_OK && !away) || options.address == NULL)
        return away ? STATUS_OK : status;
    return metrics_server_open(&options, &self->server, error);
}

/* True: it is time to end. */
static bool await_signal(const sigset_t *signals, uint64_t seconds)
{
    const struct timespec wait = {.tv_sec = (time_t)seconds};
    int number;
    do
        number = sigtimedwait(signals, NULL, &wait);
    while (number < 0 && errno == EINTR);
    if (number > 0)
        log_info("draining", "signal=%d", number);
    return number > 0;
}

enum status daemon_run(const struct daemon_config *config, struct error_text *error)
{
    struct daemon self = {.config = config};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    enum status status = open_metrics(&self);
    if (status != STATUS_OK)
        error_set(error, status, "out of memory");
    if (status == STATUS_OK)
        status = start(&self, error);
    if (status == STATUS_OK) {
        log_info("serving", "allocation=%s every_s=%" PRIu64, config->allocation,
                 config->every_s);
        do
            do_round(&self);
        while (!await_signal(&signals, config->every_s));
        log_info("ended", "reason=signal");
    }
    metrics_server_close(self.server);
    store_close(self.store);
    metrics_free(self.metrics);
    return status;
}
