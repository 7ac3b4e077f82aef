/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - chw-bench: a cluster of its own -> records in memory -> warm-up -> runs -> the
 * same records without a cluster -> report. */
#include "base/config.h"
#include "base/log.h"
#include "bench/alone.h"
#include "bench/cluster.h"
#include "bench/load.h"
#include "bench/machine.h"
#include "bench/report.h"
#include "client/process.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { DIFFERENT_RECORDS = 1000000 };

struct bench_config {
    char *store, *estimator, *format;
    uint64_t records, batch, workers, threads, window, seed, runs, warmup;
    bool what_if, keep;
};

#define KEY(name, type, field) name, type, offsetof(struct bench_config, field)
static const struct config_key keys[] = {
    {KEY("records", CONFIG_COUNT, records), "10000000", 1, 10000000000, "N",
     "synthetic records a run, in whole batches; a million different ones at most"},
    {KEY("batch", CONFIG_COUNT, batch), "1024", 1, CHW_ROWS_MAX, "N",
     "records of a batch"},
    {KEY("workers", CONFIG_COUNT, workers), "2", 1, 64, "N", "worker processes"},
    {KEY("threads", CONFIG_COUNT, threads), "1", 1, 256, "N",
     "scoring threads of each worker"},
    {KEY("window", CONFIG_COUNT, window), "32", 1, 1024, "N", "batches in flight"},
    {KEY("store", CONFIG_TEXT, store), NULL, 0, 0, "URL",
     "an empty store, such as redis://HOST/5 (default: an SQLite file of its own)"},
    {KEY("seed", CONFIG_COUNT, seed), "1", 0, 0, "N", "of the people"},
    {KEY("estimator", CONFIG_TEXT, estimator), "logistic", 0, 0, "KIND",
     "of the model: logistic, boosting or forest"},
    {KEY("runs", CONFIG_COUNT, runs), "5", 1, REPORT_RUNS_MAX, "N", "measured runs"},
    {KEY("warmup", CONFIG_COUNT, warmup), "1000000", 0, 10000000000, "N",
     "records before the first of them"},
    {KEY("what-if", CONFIG_FLAG, what_if), NULL, 0, 0, NULL,
     "score only: nothing is settled"},
    {KEY("format", CONFIG_TEXT, format), "table", 0, 0, "FORMAT", "table or json"},
    {KEY("keep", CONFIG_FLAG, keep), NULL, 0, 0, NULL,
     "keep the cluster's folder and logs"},
};
#undef KEY

static const struct config_spec spec = {
    .program = "chw-bench",
    .summary = "Measure records/s through client, broker, workers and back.",
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .notes =
        "Starts a broker and workers in a folder of its own, trains a model, makes the\n"
        "records, and checks each answer, and the demand, against a reference. Beside "
        "the\ncluster's figures stand those of the same records without one: "
        "docs/benchmark.md.\nWants a release build and an idle machine.\n",
};

struct bench {
    const struct bench_config *config;
    struct cluster cluster;
    struct chw_client *client;
    struct load load;
    struct report report;
    struct error_text *error;
};

/* ---- CPU ---- */

enum { CLIENT, FIRST_PROCESS };

static double own_cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Adds what each process has used so far, times `sign`. */
static void count_cpu(struct bench *self, double sign)
{
    struct report *report = &self->report;
    report->processes[CLIENT].us_per_record += sign * own_cpu_s();
    for (size_t i = 0; i < self->cluster.process_count; i++)
        report->processes[FIRST_PROCESS + i].us_per_record +=
            sign * cluster_cpu_s(&self->cluster, i);
}

/* "chw-worker 1" and so on, where there are several of a name. */
static void name_processes(struct bench *self)
{
    const struct cluster *cluster = &self->cluster;
    struct report *report = &self->report;
    size_t workers = 0;
    snprintf(report->processes[CLIENT].name, sizeof report->processes[0].name,
             "client (this process)");
    for (size_t i = 0; i < cluster->process_count; i++) {
        struct report_process *process = &report->processes[FIRST_PROCESS + i];
        if (strcmp(cluster->processes[i].name, "chw-worker") == 0)
            snprintf(process->name, sizeof process->name, "chw-worker %zu", ++workers);
        else
            snprintf(process->name, sizeof process->name, "%s",
                     cluster->processes[i].name);
    }
    report->process_count = FIRST_PROCESS + cluster->process_count;
}

/* ---- the steps ---- */

static bool is_estimator(const char *name)
{
    static const char *const names[] = {"logistic", "boosting", "forest"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static enum status check_config(struct bench *self)
{
    const struct bench_config *config = self->config;
    if (strcmp(config->format, "table") != 0 && strcmp(config->format, "json") != 0)
        return error_set(self->error, STATUS_INVALID,
                         "--format is '%.20s'; expected table or json", config->format);
    if (!is_estimator(config->estimator))
        return error_set(self->error, STATUS_INVALID,
                         "--estimator is '%.20s'; expected logistic, boosting or forest",
                         config->estimator);
    if (!machine_is_release())
        fputs("chw-bench: warning: this is no release build; its figures say nothing\n",
              stderr);
    return STATUS_OK;
}

static enum status start_cluster(struct bench *self)
{
    const struct bench_config *config = self->config;
    const struct cluster_options options = {
        .workers = config->workers,
        .threads = config->threads,
        .seed = config->seed,
        .store = config->store,
        .estimator = config->estimator,
    };
    return cluster_start(&options, &self->cluster, self->error);
}

static enum status connect_client(struct bench *self)
{
    const struct chw_options options = {
        .struct_size = sizeof options,
        .endpoint = self->cluster.folder.front,
        .what_if = self->config->what_if,
        .window = (uint32_t)self->config->window,
    };
    struct chw_error error;
    return chw_open(&options, &self->client, &error) == CHW_OK
               ? STATUS_OK
               : error_set(self->error, STATUS_UNAVAILABLE, "%s", error.text);
}

static size_t batches_of(const struct bench *self, uint64_t records)
{
    return (size_t)((records + self->config->batch - 1) / self->config->batch);
}

static uint64_t run_records(const struct bench *self)
{
    return batches_of(self, self->config->records) * self->config->batch;
}

static enum status make_load(struct bench *self)
{
    size_t needed = batches_of(self, self->config->records);
    size_t most = batches_of(self, DIFFERENT_RECORDS);
    return load_make(self->client, needed < most ? needed : most, self->config->batch,
                     self->config->seed, &self->load, self->error);
}

static enum status score_alone(struct bench *self)
{
    static char version[16];
    struct alone alone;
    enum status status = alone_run(&self->load, self->cluster.store, &alone, self->error);
    if (status != STATUS_OK)
        return status;
    snprintf(version, sizeof version, "%s", alone.version);
    self->report.version = version;
    double records = (double)(self->load.count * self->config->batch);
    self->report.kernel_per_s = records / alone.kernel_seconds;
    self->report.worker_per_s = records / alone.worker_seconds;
    return STATUS_OK;
}

static enum status run_once(struct bench *self, size_t batches, struct load_run *out)
{
    return load_run(&self->load, batches, self->client, &self->cluster, out, self->error);
}

static enum status warm_up(struct bench *self)
{
    struct load_run run;
    fprintf(stderr, "warming up\n");
    enum status status = run_once(self, batches_of(self, self->config->warmup), &run);
    load_run_release(&run);
    return status;
}

static void note_run(struct bench *self, struct load_run *run)
{
    struct report_run *out = &self->report.runs[self->report.run_count++];
    stats_of(run->latencies_ms, run->count); /* sorts them */
    *out = (struct report_run){
        .seconds = run->seconds,
        .records_per_s = (double)run_records(self) / run->seconds,
        .p50_ms = stats_quantile(run->latencies_ms, run->count, 0.50),
        .p95_ms = stats_quantile(run->latencies_ms, run->count, 0.95),
        .p99_ms = stats_quantile(run->latencies_ms, run->count, 0.99),
    };
    fprintf(stderr, "run %zu of %" PRIu64 ": %.0f records/s\n", self->report.run_count,
            self->config->runs, out->records_per_s);
}

static enum status run_all(struct bench *self)
{
    enum status status = STATUS_OK;
    name_processes(self);
    while (status == STATUS_OK && self->report.run_count < self->config->runs) {
        struct load_run run;
        count_cpu(self, -1);
        status = run_once(self, batches_of(self, self->config->records), &run);
        count_cpu(self, 1);
        if (status == STATUS_OK)
            status = cluster_check_whole(&self->cluster, self->error);
        if (status == STATUS_OK)
            note_run(self, &run);
        load_run_release(&run);
    }
    double records = (double)(run_records(self) * self->config->runs);
    for (size_t i = 0; i < self->report.process_count; i++)
        self->report.processes[i].us_per_record *= 1e6 / records;
    return status;
}

static bool add_people(void *arg, const struct demand_cell *cell)
{
    *(int64_t *)arg += cell->people;
    return true;
}

/* Each record counted once: that is what is measured. */
static enum status check_demand(struct bench *self)
{
    struct store *store;
    int64_t people = 0;
    uint64_t records = batches_of(self, self->config->warmup) * self->config->batch +
                       run_records(self) * self->config->runs;
    int64_t expected = self->config->what_if ? 0 : (int64_t)records;
    enum status status = store_open(self->cluster.store, &store, self->error);
    if (status != STATUS_OK)
        return status;
    status = store_demand(store, 0, add_people, &people, self->error);
    store_close(store);
    return status == STATUS_OK && people != expected
               ? error_set(self->error, STATUS_CORRUPT,
                           "the demand counts %" PRId64 " people, expected %" PRId64,
                           people, expected)
               : status;
}

static enum status print_report(struct bench *self)
{
    const struct bench_config *config = self->config;
    struct report *report = &self->report;
    report->store = strncmp(self->cluster.store, "redis:", 6) == 0 ? "redis" : "sqlite";
    report->estimator = config->estimator;
    report->records = run_records(self);
    report->batch = config->batch;
    report->workers = config->workers;
    report->threads = config->threads;
    report->window = config->window;
    report->seed = config->seed;
    report->what_if = config->what_if;
    (strcmp(config->format, "json") == 0 ? report_json : report_table)(report, stdout);
    return fflush(stdout) == 0
               ? STATUS_OK
               : error_set(self->error, STATUS_IO, "the report cannot be written");
}

int main(int argc, char **argv)
{
    static enum status (*const steps[])(struct bench *) = {
        check_config, start_cluster, connect_client, make_load,    score_alone,
        warm_up,      run_all,       check_demand,   print_report,
    };
    struct bench_config config = {0};
    struct error_text error = {""};
    int exit_code;
    if (!config_load(&spec, argc, argv, &config, NULL, &exit_code))
        return exit_code;
    struct bench *bench = calloc(1, sizeof *bench);
    if (bench == NULL)
        return status_exit_code(STATUS_NOMEM);
    bench->config = &config;
    bench->error = &error;
    log_open("chw-bench", LOG_WARN);
    process_signals();
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof steps / sizeof steps[0]; i++)
        status = steps[i](bench);
    if (status != STATUS_OK)
        fprintf(stderr, "chw-bench: %s\n", error.text);
    chw_close(bench->client);
    load_free(&bench->load);
    int number = bench->cluster.signal;
    bool wondered_at = status == STATUS_UNAVAILABLE && number == 0;
    cluster_stop(&bench->cluster, config.keep || wondered_at);
    free(bench);
    config_free(&spec, &config, NULL);
    return number != 0 ? 128 + number : status_exit_code(status);
}
