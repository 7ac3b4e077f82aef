/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - chw-broker: configuration -> addresses checked and locked -> sockets -> serve
 * -> drain. */
#include "base/config.h"
#include "base/file.h"
#include "base/log.h"
#include "base/schedule.h"
#include "broker/loop.h"
#include "metrics/metrics_server.h"
#include "wire/socket.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct broker_config {
    char *front, *back, *metrics, *log_level, *log_format, *config;
    bool insecure;
    uint64_t lease_ms, liveness_ms, drain_ms, attempts;
    uint64_t queue_bytes, region_queue_bytes, queue_batches;
    uint64_t client_queue_bytes, reply_bytes;
    uint64_t bulk_wait_ms;
    struct config_list weight;
};

/* A batch of the largest size must fit into each budget, or it would be BUSY for ever. */
#define KEY(name, type, field) name, type, offsetof(struct broker_config, field)
static const struct config_key keys[] = {
    {KEY("front", CONFIG_TEXT, front), "ipc://front.ipc", 0, 0, "ENDPOINT",
     "where clients connect"},
    {KEY("back", CONFIG_TEXT, back), "ipc://back.ipc", 0, 0, "ENDPOINT",
     "where workers connect"},
    {KEY("insecure", CONFIG_FLAG, insecure), NULL, 0, 0, NULL,
     "allow TCP addresses that are not loopback"},
    {KEY("lease-ms", CONFIG_COUNT, lease_ms), "10000", 100, 3600000, "MS",
     "how long a worker may hold batches without progress"},
    {KEY("liveness-ms", CONFIG_COUNT, liveness_ms), "3000", 100, 3600000, "MS",
     "how long a worker may be silent"},
    {KEY("attempts", CONFIG_COUNT, attempts), "3", 1, 100, "N",
     "how many workers a batch may cost before it is given up"},
    {KEY("queue-bytes", CONFIG_COUNT, queue_bytes), "268435456", 17 << 20, UINT64_MAX / 2,
     "BYTES", "batches held for all regions; more are answered BUSY"},
    {KEY("region-queue-bytes", CONFIG_COUNT, region_queue_bytes), "67108864", 17 << 20,
     UINT64_MAX / 2, "BYTES", "batches held for one region"},
    {KEY("client-queue-bytes", CONFIG_COUNT, client_queue_bytes), "67108864", 17 << 20,
     UINT64_MAX / 2, "BYTES", "batches held for one connection"},
    {KEY("reply-bytes", CONFIG_COUNT, reply_bytes), "67108864", 17 << 20, UINT64_MAX / 2,
     "BYTES", "answers that one connection may leave untaken; more are dropped"},
    {KEY("queue-batches", CONFIG_COUNT, queue_batches), "16384", 1, 1 << 20, "N",
     "batches held for all regions, whatever their size"},
    {KEY("weight", CONFIG_LIST, weight), NULL, 0, 0, "REGION=N",
     "REGION and all below it may send N times as many bytes as others"},
    {KEY("bulk-wait-ms", CONFIG_COUNT, bulk_wait_ms), "1000", 0, 3600000, "MS",
     "how long bulk batches wait for interactive ones before they take turns"},
    {KEY("drain-ms", CONFIG_COUNT, drain_ms), "10000", 0, 3600000, "MS",
     "how long workers have to finish when the broker is stopped"},
    {KEY("metrics", CONFIG_TEXT, metrics), NULL, 0, 0, "ADDRESS:PORT",
     "serve /metrics and /health there by HTTP, such as 127.0.0.1:9101"},
    {KEY("log-level", CONFIG_TEXT, log_level), "info", 0, 0, "LEVEL",
     "debug, info, warn or error"},
    {KEY("log-format", CONFIG_TEXT, log_format), "text", 0, 0, "FORMAT",
     "text, or json: one object a line"},
    {KEY("config", CONFIG_TEXT, config), NULL, 0, 0, "FILE",
     "read options from a YAML file"},
};
#undef KEY

static enum status check_weights(const struct broker_config *config,
                                 struct error_text *error)
{
    struct weights weights;
    enum status status =
        weights_open(&weights, config->weight.items, config->weight.count, error);
    if (status != STATUS_OK)
        return error_prefix(error, status, "weight");
    weights_close(&weights);
    return STATUS_OK;
}

static enum status check_config(const void *target, struct error_text *error)
{
    const struct broker_config *config = target;
    enum status status = log_configure("chw-broker", config->log_level, error);
    if (status == STATUS_OK)
        status = log_set_format(config->log_format, error);
    if (status != STATUS_OK)
        return status;
    if (strcmp(config->front, config->back) == 0)
        return error_set(error, STATUS_INVALID,
                         "front and back are both %s: clients and workers need an "
                         "address each",
                         config->front);
    status = endpoint_check(config->front, config->insecure, error);
    if (status != STATUS_OK)
        return error_prefix(error, status, "front");
    status = endpoint_check(config->back, config->insecure, error);
    if (status != STATUS_OK)
        return error_prefix(error, status, "back");
    status = check_weights(config, error);
    if (status != STATUS_OK)
        return status;
    if (config->metrics != NULL)
        status = metrics_address_check(config->metrics, config->insecure, error);
    return status == STATUS_OK ? STATUS_OK : error_prefix(error, status, "metrics");
}

static const struct config_spec spec = {
    .program = "chw-broker",
    .summary = "Hand batches from clients to workers, and the answers back.",
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .check = check_config,
    .notes = "SIGTERM and SIGINT drain: leased batches are finished, then it exits 0.\n",
};

enum {
    REGIONS_MAX = 4096,
    WORKERS_MAX = 4096,
};

static uint32_t ticks(uint64_t ms)
{
    uint64_t count = (ms + DISPATCH_TICK_MS - 1) / DISPATCH_TICK_MS;
    return count == 0 ? 1 : (uint32_t)count;
}

static struct dispatch_limits make_limits(const struct broker_config *config,
                                          const struct weights *weights)
{
    return (struct dispatch_limits){
        .jobs_max = (uint32_t)config->queue_batches,
        .regions_max = REGIONS_MAX,
        .workers_max = WORKERS_MAX,
        .attempts_max = (uint32_t)config->attempts,
        .bytes_max = config->queue_bytes,
        .region_bytes_max = config->region_queue_bytes,
        .client_bytes_max = config->client_queue_bytes,
        .untaken_bytes_max = config->reply_bytes,
        .weights = *weights,
        .bulk_wait_ticks = ticks(config->bulk_wait_ms),
        .lease_ticks = ticks(config->lease_ms),
        .liveness_ticks = ticks(config->liveness_ms),
        .drain_ticks = ticks(config->drain_ms),
    };
}

/* libzmq takes over an ipc path that another process serves, without a word: a lock
 * beside it keeps a second broker out. */
static enum status lock_address(const char *endpoint, int *fd, struct error_text *error)
{
    char path[256];
    if (strncmp(endpoint, "ipc://", 6) != 0)
        return STATUS_OK;
    snprintf(path, sizeof path, "%s.lock", endpoint + 6); /* checked to be short */
    enum status status = file_lock(path, fd, error);
    return status == STATUS_TAKEN
               ? error_prefix(error, status, "%s is served by another broker", endpoint)
               : status;
}

static bool collect(void *context)
{
    return meters_ready(context);
}

static enum status run(const struct broker_config *config, struct loop *loop,
                       struct meters *meters, struct error_text *error)
{
    const struct metrics_server_options options = {
        .address = config->metrics,
        .metrics = meters_metrics(meters),
        .collect = collect,
        .context = meters,
    };
    struct metrics_server *server = NULL;
    enum status status = STATUS_OK;
    loop_set_meters(loop, meters);
    if (config->metrics != NULL)
        status = metrics_server_open(&options, &server, error);
    if (status != STATUS_OK)
        return status;
    log_info("serving", "front=%s back=%s", config->front, config->back);
    status = loop_run(loop);
    if (status != STATUS_OK)
        error_set(error, status, "the sockets failed");
    metrics_server_close(server);
    return status;
}

static enum status open_loop(const struct broker_config *config,
                             const struct weights *weights, int locks[2],
                             struct loop **loop, struct error_text *error)
{
    const struct dispatch_limits limits = make_limits(config, weights);
    enum status status = lock_address(config->front, &locks[0], error);
    if (status == STATUS_OK)
        status = lock_address(config->back, &locks[1], error);
    if (status == STATUS_OK)
        status = loop_open(config->front, config->back, &limits, loop, error);
    return status;
}

static enum status serve(const struct broker_config *config, int locks[2],
                         struct error_text *error)
{
    struct weights weights = {0};
    struct meters *meters = NULL;
    struct loop *loop = NULL;
    enum status status = check_config(config, error);
    if (status == STATUS_OK)
        status =
            weights_open(&weights, config->weight.items, config->weight.count, error);
    if (status == STATUS_OK)
        status = open_loop(config, &weights, locks, &loop, error);
    if (status == STATUS_OK) {
        meters = meters_new();
        status = meters == NULL ? error_set(error, STATUS_NOMEM, "out of memory")
                                : run(config, loop, meters, error);
    }
    loop_close(loop);
    meters_free(meters);
    weights_close(&weights);
    return status;
}

/* Large bodies come from the heap, too: a mapping for each would round it to whole pages,
 * and be made and dropped for each. */
static void tune_heap(void)
{
#ifdef M_MMAP_THRESHOLD
    enum { NEVER = 32 << 20, KEPT = 64 << 20 }; /* more than a body has; bytes */
    mallopt(M_MMAP_THRESHOLD, NEVER);
    mallopt(M_TRIM_THRESHOLD, KEPT);
#endif
}

int main(int argc, char **argv)
{
    struct broker_config config = {0};
    struct error_text error;
    int locks[2] = {-1, -1};
    int exit_code;

    tune_heap();
    schedule_patiently();
    log_open("chw-broker", LOG_INFO);
    if (!config_load(&spec, argc, argv, &config, NULL, &exit_code))
        return exit_code;
    signal(SIGPIPE, SIG_IGN); /* whoever reads our log may go before us */
    enum status status = serve(&config, locks, &error);
    if (status != STATUS_OK)
        log_error("ended", "reason=\"%s\"", error.text);
    for (int i = 0; i < 2; i++)
        if (locks[i] >= 0)
            close(locks[i]);
    config_free(&spec, &config, NULL);
    return status_exit_code(status);
}
