/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - chw-worker: configuration -> store watched -> committer -> scoring threads ->
 * wait for a signal -> drain. */
#include "base/config.h"
#include "base/log.h"
#include "base/schedule.h"
#include "metrics/metrics_server.h"
#include "store/store.h"
#include "wire/addresses.h"
#include "worker/committer.h"
#include "worker/loop.h"
#include "worker/watcher.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS_MAX = 256 };

struct worker_config {
    char *broker, *store, *store_durability, *metrics, *log_level, *log_format, *config;
    uint64_t threads, window, window_bytes, store_wait_ms;
    bool insecure;
};

#define KEY(name, type, field) name, type, offsetof(struct worker_config, field)
static const struct config_key keys[] = {
    {KEY("broker", CONFIG_TEXT, broker), "ipc://back.ipc", 0, 0, "LIST",
     "the brokers' addresses for workers, by commas; a host name stands for all its "
     "addresses"},
    {KEY("store", CONFIG_TEXT, store), "sqlite:store.db", 0, 0, "URL",
     "where models come from and batches are settled: " STORE_URL_FORMS},
    {KEY("store-durability", CONFIG_TEXT, store_durability), "strict", 0, 0, "MODE",
     "strict, or weak: settle, too, where the store may lose what it acknowledged"},
    {KEY("threads", CONFIG_COUNT, threads), "1", 1, THREADS_MAX, "N", "scoring threads"},
    {KEY("window", CONFIG_COUNT, window), "256", 1, 256, "N",
     "batches that a thread holds at once"},
    {KEY("window-bytes", CONFIG_COUNT, window_bytes), "1048576", 1, 1ULL << 40, "N",
     "bytes of batches that a thread holds beyond a first"},
    {KEY("store-wait-ms", CONFIG_COUNT, store_wait_ms), "30000", 100, 3600000, "MS",
     "how long a batch waits for a store that is away before it is returned"},
    {KEY("insecure", CONFIG_FLAG, insecure), NULL, 0, 0, NULL,
     "allow TCP addresses that are not loopback"},
    {KEY("metrics", CONFIG_TEXT, metrics), NULL, 0, 0, "ADDRESS:PORT",
     "serve /metrics and /health there by HTTP, such as 127.0.0.1:9102"},
    {KEY("log-level", CONFIG_TEXT, log_level), "info", 0, 0, "LEVEL",
     "debug, info, warn or error"},
    {KEY("log-format", CONFIG_TEXT, log_format), "text", 0, 0, "FORMAT",
     "text, or json: one object a line"},
    {KEY("config", CONFIG_TEXT, config), NULL, 0, 0, "FILE",
     "read options from a YAML file"},
};
#undef KEY

static bool is_weak(const struct worker_config *config)
{
    return strcmp(config->store_durability, "weak") == 0;
}

static enum status check_config(const void *target, struct error_text *error)
{
    const struct worker_config *config = target;
    enum status status = log_configure("chw-worker", config->log_level, error);
    if (status == STATUS_OK)
        status = log_set_format(config->log_format, error);
    if (status != STATUS_OK)
        return status;
    if (strcmp(config->store_durability, "strict") != 0 && !is_weak(config))
        return error_set(error, STATUS_INVALID,
                         "store-durability is '%s'; expected strict or weak",
                         config->store_durability);
    status = addresses_check(config->broker, config->insecure, error);
    if (status != STATUS_OK)
        return error_prefix(error, status, "broker");
    if (config->metrics != NULL)
        status = metrics_address_check(config->metrics, config->insecure, error);
    return status == STATUS_OK ? STATUS_OK : error_prefix(error, status, "metrics");
}

static const struct config_spec spec = {
    .program = "chw-worker",
    .summary = "Score batches with the newest models and settle them in the store.",
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .check = check_config,
    .notes = "SIGTERM and SIGINT drain: begun batches are finished, the rest returned; "
             "exit 0.",
};

struct worker {
    const struct worker_config *config;
    void *context;
    struct addresses *addresses;
    struct current *current;
    struct watcher *watcher;
    struct committer *committer;
    struct loop *loops[THREADS_MAX];
    uint64_t loop_count;
    atomic_bool stop;
    struct meters meters;
    struct metrics_server *server;
    struct snapshot *seen; /* by the server's thread */
};

static enum status start_loops(struct worker *self, struct error_text *error)
{
    struct loop_options options = {
        .context = self->context,
        .addresses = self->addresses,
        .window = (uint32_t)self->config->window,
        .window_bytes = self->config->window_bytes,
        .wait_ms = (uint32_t)self->config->store_wait_ms,
        .current = self->current,
        .committer = self->committer,
        .meters = &self->meters,
        .stop = &self->stop,
    };
    enum status status = STATUS_OK;
    while (status == STATUS_OK && self->loop_count < self->config->threads) {
        options.number = (uint32_t)self->loop_count;
        status = loop_start(&options, &self->loops[self->loop_count], error);
        self->loop_count += status == STATUS_OK;
    }
    return status;
}

/* In the server's thread. Ready: models to serve, a broker, a store, and no end in sight.
 */
static bool collect(void *context)
{
    struct worker *self = context;
    unsigned connected = atomic_load(&self->meters.connected);
    bool away = committer_is_away(self->committer);
    current_hold(self->current, &self->seen);
    uint64_t generation = self->seen == NULL ? 0 : snapshot_generation(self->seen);
    metric_set(self->meters.threads, connected);
    metric_set(self->meters.links, atomic_load(&self->meters.connections));
    metric_set(self->meters.generation, (double)generation);
    metric_set(self->meters.away, away);
    metric_set_total(self->meters.setbacks, committer_setbacks(self->committer));
    return self->seen != NULL && connected > 0 && !away && !atomic_load(&self->stop);
}

static enum status start_server(struct worker *self, struct error_text *error)
{
    const struct metrics_server_options options = {
        .address = self->config->metrics,
        .metrics = self->meters.metrics,
        .collect = collect,
        .context = self,
    };
    if (options.address == NULL)
        return STATUS_OK;
    return metrics_server_open(&options, &self->server, error);
}

static enum status start(struct worker *self, struct error_text *error)
{
    const struct worker_config *config = self->config;
    self->context = loop_context_new();
    self->current = current_new();
    if (meters_open(&self->meters) != STATUS_OK || self->context == NULL ||
        self->current == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    enum status status =
        watcher_start(config->store, self->current, &self->watcher, error);
    const struct committer_options options = {
        .store_url = config->store,
        .current = self->current,
        .wait_ms = (uint32_t)config->store_wait_ms,
        .weak = is_weak(config),
    };
    if (status == STATUS_OK)
        status = committer_start(&options, &self->committer, error);
    if (status == STATUS_OK)
        status = addresses_open(config->broker, config->insecure, NULL, &self->addresses,
                                error);
    if (status == STATUS_OK)
        status = start_loops(self, error);
    return status == STATUS_OK ? start_server(self, error) : status;
}

static void log_counters(const struct loop_counters *counters)
{
    log_info("ended",
             "batches=%" PRIu64 " records=%" PRIu64 " invalid=%" PRIu64
             " what_if=%" PRIu64 " duplicates=%" PRIu64 " expired=%" PRIu64
             " returned=%" PRIu64 " malformed=%" PRIu64 " unsent=%" PRIu64,
             counters->batches, counters->records, counters->invalid, counters->what_if,
             counters->duplicates, counters->expired, counters->returned,
             counters->malformed, counters->unsent);
}

/* Scoring threads first: they need the committer to finish what they hold. */
static void drain(struct worker *self, struct loop_counters *counters)
{
    atomic_store(&self->stop, true);
    if (self->committer != NULL)
        committer_hurry(self->committer);
    for (uint64_t i = 0; i < self->loop_count; i++)
        loop_wake(self->loops[i]);
    for (uint64_t i = 0; i < self->loop_count; i++)
        loop_join(self->loops[i], counters);
    metrics_server_close(self->server); /* it looks at what goes now */
    snapshot_drop(self->seen);
    committer_stop(self->committer);
    watcher_stop(self->watcher);
    addresses_close(self->addresses);
    current_free(self->current);
    loop_context_free(self->context);
    meters_close(&self->meters);
}

/* Before any thread starts, so that all of them leave the signals to main. */
static void block_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file too large is the store's answer, not our death */
}

static enum status serve(const struct worker_config *config, struct error_text *error)
{
    struct worker worker = {.config = config};
    struct loop_counters counters = {0};
    sigset_t signals;
    int number;
    enum status status = check_config(config, error);
    if (status != STATUS_OK)
        return status;
    block_signals(&signals);
    status = start(&worker, error);
    if (status == STATUS_OK) {
        log_info("serving", "broker=%s threads=%" PRIu64, config->broker,
                 config->threads);
        sigwait(&signals, &number);
        log_info("draining", "signal=%d", number);
    }
    drain(&worker, &counters);
    if (status == STATUS_OK)
        log_counters(&counters);
    return status;
}

int main(int argc, char **argv)
{
    struct worker_config config = {0};
    struct error_text error = {""};
    int exit_code;

    schedule_patiently();
    log_open("chw-worker", LOG_INFO);
    if (!config_load(&spec, argc, argv, &config, NULL, &exit_code))
        return exit_code;
    enum status status = serve(&config, &error);
    if (status != STATUS_OK)
        log_error("ended", "reason=\"%s\"", error.text);
    config_free(&spec, &config, NULL);
    return status_exit_code(status);
}
