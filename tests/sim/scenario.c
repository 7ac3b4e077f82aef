/* SPDX-License-Identifier: Apache-2.0 */
/* scenario.c - a file of keys becomes a setup; the world runs as for a seed. */
#include "tests/sim/scenario.h"

#include "base/clock.h"
#include "base/config.h"
#include "tests/sim/figures.h"
#include "tests/sim/node_broker.h"
#include "tests/sim/node_worker.h"
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { MS = 1000, SECOND = 1000 * MS };

struct scenario {
    uint64_t brokers, workers, threads, zones, regions, seed;
    struct config_list weights;
    uint64_t seconds, warm_up_s, rate, records, batch_bytes, answer_bytes;
    uint64_t window, worker_window, window_bytes;
    uint64_t message_us, batch_us, batch_each_us, record_ns, commit_us, commit_each_us,
        link_us;
    uint64_t broker_batches, broker_bytes, broker_regions, broker_workers;
    char *fail;
    uint64_t fail_at_s, fail_for_s;
    char *config;
};

#define KEY(name, type, field) name, type, offsetof(struct scenario, field)

static const struct config_key keys[] = {
    {KEY("brokers", CONFIG_COUNT, brokers), "3", 1, 64, "N", "brokers"},
    {KEY("workers", CONFIG_COUNT, workers), "10", 1, 10000, "N", "processes that score"},
    {KEY("threads", CONFIG_COUNT, threads), "1", 1, 64, "N", "threads of each"},
    {KEY("zones", CONFIG_COUNT, zones), "3", 1, 64, "N",
     "over which brokers and workers are spread"},
    {KEY("regions", CONFIG_COUNT, regions), "100", 1, 100000, "N",
     "regions, a client each"},
    {KEY("weights", CONFIG_LIST, weights), "1", 0, 0, "N",
     "of the regions: the first of the first, and so on, round and round"},
    {KEY("seed", CONFIG_COUNT, seed), "1", 0, UINT32_MAX, "N", "of all that is drawn"},
    {KEY("seconds", CONFIG_COUNT, seconds), "20", 1, 3600, "S",
     "in which batches come; then all come to their end"},
    {KEY("warm-up-s", CONFIG_COUNT, warm_up_s), "3", 0, 3600, "S",
     "that are not measured"},
    {KEY("rate", CONFIG_COUNT, rate), "1000", 1, 10000000, "N",
     "batches that come each second, from all clients"},
    {KEY("records", CONFIG_COUNT, records), "64", 1, 100000, "N", "of a batch"},
    {KEY("batch-bytes", CONFIG_COUNT, batch_bytes), "3000", 1, 16 << 20, "N",
     "of a batch"},
    {KEY("answer-bytes", CONFIG_COUNT, answer_bytes), "30", 1, 10000, "N",
     "of an answer for each record"},
    {KEY("window", CONFIG_COUNT, window), "64", 1, 1024, "N",
     "batches of a client that are not yet answered"},
    {KEY("worker-window", CONFIG_COUNT, worker_window), "256", 1, 256, "N",
     "batches that a thread wants at once, of all brokers"},
    {KEY("window-bytes", CONFIG_COUNT, window_bytes), "1048576", 1, UINT64_MAX / 2, "N",
     "bytes of these, beyond a first of each broker"},
    {KEY("message-us", CONFIG_COUNT, message_us), "10", 1, 100000, "US",
     "a broker with a message that arrives"},
    {KEY("batch-us", CONFIG_COUNT, batch_us), "100", 1, 10000000, "US",
     "a worker with what it scores in one pass, small batches together"},
    {KEY("batch-each-us", CONFIG_COUNT, batch_each_us), "15", 0, 10000000, "US",
     "a worker with each batch of it besides"},
    {KEY("record-ns", CONFIG_COUNT, record_ns), "120", 1, 1000000000, "NS",
     "a worker with each record besides"},
    {KEY("commit-us", CONFIG_COUNT, commit_us), "15", 0, 1000000, "US",
     "the store with a transaction; it makes one after the other"},
    {KEY("commit-each-us", CONFIG_COUNT, commit_each_us), "50", 0, 1000000, "US",
     "the store with each batch of it besides"},
    {KEY("link-us", CONFIG_COUNT, link_us), "200", 1, 10000000, "US",
     "a message on its way; half as much jitter besides, on average"},
    {KEY("broker-batches", CONFIG_COUNT, broker_batches), "16384", 1, 1 << 20, "N",
     "as chw-broker's queue-batches"},
    {KEY("broker-bytes", CONFIG_COUNT, broker_bytes), "268435456", 1, UINT64_MAX / 2, "N",
     "as its queue-bytes; a quarter of it for a region, a client, its answers"},
    {KEY("broker-regions", CONFIG_COUNT, broker_regions), "4096", 1, 1 << 20, "N",
     "with something at a broker at a time"},
    {KEY("broker-workers", CONFIG_COUNT, broker_workers), "4096", 1, 1 << 20, "N",
     "threads that a broker knows"},
    {KEY("fail", CONFIG_TEXT, fail), "nothing", 0, 0, "WHAT",
     "nothing; broker: the first; zone: all brokers and workers of the first"},
    {KEY("fail-at-s", CONFIG_COUNT, fail_at_s), "10", 0, 3600, "S", "when"},
    {KEY("fail-for-s", CONFIG_COUNT, fail_for_s), "5", 1, 3600, "S",
     "until it is there again"},
    {KEY("config", CONFIG_TEXT, config), NULL, 0, 0, "FILE", "the scenario"},
};
#undef KEY

/* 0: it is none. */
static uint32_t weight_at(const struct scenario *self, size_t i)
{
    char *end;
    unsigned long weight = strtoul(self->weights.items[i], &end, 10);
    return *end == '\0' && weight <= WEIGHT_MAX ? (uint32_t)weight : 0;
}

static enum status check(const void *target, struct error_text *error)
{
    const struct scenario *self = target;
    if (self->weights.count > CLASSES_MAX)
        return error_set(error, STATUS_INVALID, "weights must be at most %d",
                         CLASSES_MAX);
    if (self->warm_up_s >= self->seconds)
        return error_set(error, STATUS_INVALID,
                         "warm-up-s must be less than seconds, not %" PRIu64,
                         self->warm_up_s);
    if (strcmp(self->fail, "nothing") != 0 && strcmp(self->fail, "broker") != 0 &&
        strcmp(self->fail, "zone") != 0)
        return error_set(error, STATUS_INVALID,
                         "fail must be nothing, broker or zone, not '%s'", self->fail);
    for (size_t i = 0; i < self->weights.count; i++)
        if (weight_at(self, i) == 0)
            return error_set(
                error, STATUS_INVALID,
                "each of weights must be a whole number from 1 to %d, not '%s'",
                WEIGHT_MAX, self->weights.items[i]);
    if (self->seconds * self->rate < self->regions)
        return error_set(error, STATUS_INVALID,
                         "rate must be a batch for each region in all seconds, at least");
    return STATUS_OK;
}

static const struct config_spec spec = {
    .program = "chw-sim",
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .check = check,
};

static enum status read_file(const char *path, struct scenario *self,
                             struct error_text *error)
{
    char *argv[] = {(char[]){"scenario"}, (char[]){"--config"}, (char *)(uintptr_t)path};
    char *environment[] = {NULL};
    struct error_text why = {""};
    enum status status = config_read(&spec, 3, argv, environment, self, NULL, error);
    if (status != STATUS_OK)
        return status;
    status = check(self, &why); /* else for --check-config alone */
    return status == STATUS_OK ? status
                               : error_set(error, status, "%s: %s", path, why.text);
}

/* ---- the setup ---- */

static void set_cluster(const struct scenario *self, struct setup *setup)
{
    setup->brokers = (uint32_t)self->brokers;
    setup->workers = (uint32_t)self->workers;
    setup->threads = (uint32_t)self->threads;
    setup->clients = setup->regions = (uint32_t)self->regions;
    setup->link_us = self->link_us;
    setup->link_jitter_us = self->link_us / 2;
    setup->restart_us = self->fail_for_s * SECOND;
    setup->reload_us = SECOND;
}

static void set_weights(const struct scenario *self, struct setup *setup)
{
    setup->class_count = (uint32_t)self->weights.count;
    for (size_t i = 0; i < self->weights.count; i++)
        setup->class_weights[i] = weight_at(self, i);
}

static void set_work(const struct scenario *self, struct setup *setup)
{
    setup->submit_us = self->regions * SECOND / self->rate;
    setup->batches =
        (uint32_t)((self->seconds * self->rate + self->regions - 1) / self->regions);
    setup->body_size_min = setup->body_size_max = (uint32_t)self->batch_bytes;
    setup->rows_max = (uint32_t)self->records;
    setup->answer_row_size = (uint32_t)self->answer_bytes;
    setup->client_window = (uint32_t)self->window;
    setup->worker_window = (uint32_t)self->worker_window;
    setup->front_ns = self->message_us * 1000;
    setup->begin_us = self->batch_us;
    setup->begin_each_us = self->batch_each_us;
    setup->row_ns = self->record_ns;
    setup->commit_us = self->commit_us;
    setup->commit_each_us = self->commit_each_us;
}

/* As the programs have them by themselves. */
static void set_limits(const struct scenario *self, struct setup *setup)
{
    setup->jobs_max = (uint32_t)self->broker_batches;
    setup->bytes_max = self->broker_bytes;
    setup->region_bytes_max = setup->client_bytes_max = self->broker_bytes / 4;
    setup->untaken_bytes_max = self->broker_bytes / 4;
    setup->regions_max = (uint32_t)self->broker_regions;
    setup->workers_max = (uint32_t)self->broker_workers;
    setup->attempts_max = 3;
    setup->lease_ticks = setup->drain_ticks = 100;
    setup->liveness_ticks = 30;
    setup->bulk_wait_ticks = 10;
    setup->resend_ms = 30000;
    setup->ping_ms = 1000;
    setup->silence_ms = 5000;
    setup->hold_ms = 2000;
    setup->wait_ms = 30000;
    setup->window_bytes = self->window_bytes;
    setup->together = HOLDING_NAMED_MAX;
    setup->together_size = HELD_SMALL_MAX;
    setup->sync_us = 5 * MS;
}

static void make_setup(const struct scenario *self, struct setup *setup)
{
    *setup = (struct setup){.seed = self->seed, .steady = true};
    set_cluster(self, setup);
    set_work(self, setup);
    set_limits(self, setup);
    setup->chaos_us = self->seconds * SECOND;
    setup->calm_us_max = 3600ull * SECOND;
    set_weights(self, setup);
}

/* ---- the failure ---- */

static void break_zone(struct world *world, uint32_t zones)
{
    for (uint32_t i = 0; i < world->setup->brokers; i += zones)
        broker_crash(world, &world->brokers[i]);
    for (uint32_t i = 0; i < world->setup->workers; i += zones)
        worker_crash(world, &world->workers[i]);
}

static void break_down(struct world *world, struct event *event)
{
    const struct scenario *self = event->subject;
    if (strcmp(self->fail, "zone") == 0)
        break_zone(world, (uint32_t)self->zones);
    else
        broker_crash(world, &world->brokers[0]);
}

static bool fails(const struct scenario *self)
{
    return strcmp(self->fail, "nothing") != 0;
}

static struct figures_times times_of(const struct scenario *self)
{
    struct figures_times times = {
        .from_us = self->warm_up_s * SECOND,
        .until_us = self->seconds * SECOND,
        .fail_us = fails(self) ? self->fail_at_s * SECOND : UINT64_MAX,
    };
    times.well_us = fails(self) ? times.fail_us + self->fail_for_s * SECOND : UINT64_MAX;
    return times;
}

/* ---- the run ---- */

static void print_head(const struct scenario *self, FILE *out)
{
    fprintf(out,
            "%" PRIu64 " brokers and %" PRIu64 " workers of %" PRIu64
            " threads in %" PRIu64 " zones, %" PRIu64 " regions with a client each\n",
            self->brokers, self->workers, self->threads, self->zones, self->regions);
    fprintf(out,
            "offered: %" PRIu64 " batches/s of %" PRIu64 " records, %" PRIu64
            " bytes, for %" PRIu64 " s, measured from %" PRIu64 " s on\n",
            self->rate, self->records, self->batch_bytes, self->seconds, self->warm_up_s);
    if (fails(self))
        fprintf(out, "fails: the first %s, at %" PRIu64 " s, for %" PRIu64 " s\n",
                self->fail, self->fail_at_s, self->fail_for_s);
    fputc('\n', out);
}

static void print_tail(const struct world *world, uint64_t wall_ms, FILE *out)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    fprintf(out,
            "\nevery batch ended, was counted once, and its client knows: after %.1f s\n"
            "the run: %.1f s, %.1f of CPU; %.1f million events, %.0f MB of memory\n",
            (double)world_now_us(world) / SECOND, (double)wall_ms / 1000,
            (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6,
            (double)world->events / 1e6, (double)usage.ru_maxrss / 1024);
}

static void run(const struct scenario *self, const struct setup *setup, FILE *out)
{
    uint64_t begin_ms = clock_monotonic_ms();
    const struct figures_times times = times_of(self);
    struct world *world = world_new(setup);
    world->figures = figures_new(world, &times);
    if (fails(self))
        agenda_add(world->agenda, times.fail_us, break_down,
                   (struct scenario *)(uintptr_t)self);
    world_run(world);
    world_close(world);
    figures_print(world->figures, out);
    print_tail(world, clock_monotonic_ms() - begin_ms, out);
    figures_free(world->figures);
    world_free(world);
}

enum status scenario_run(const char *path, FILE *out, struct error_text *error)
{
    struct scenario self = {0};
    struct setup setup;
    enum status status = read_file(path, &self, error);
    if (status == STATUS_OK) {
        make_setup(&self, &setup);
        print_head(&self, out);
        run(&self, &setup, out);
    }
    config_free(&spec, &self, NULL);
    return status;
}
