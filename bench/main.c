/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - chw-bench: a cluster -> records in memory -> the same records without a
 * cluster
 * -> warm-up -> runs -> report. */
#include "base/log.h"
#include "base/schedule.h"
#include "bench/machine.h"
#include "bench/options.h"
#include "bench/proc.h"
#include "bench/report.h"
#include "client/process.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { DIFFERENT_RECORDS = 1000000, DIFFERENT_BATCHES = 20000 };

struct bench {
    struct bench_config *config;
    struct cluster cluster;
    struct chw_client *client;
    struct load load;
    struct report report;
    pid_t watched[REPORT_WATCHED_MAX];
    size_t watched_count;
    double batches_per_s;  /* that the warm-up reached */
    uint64_t counted;      /* records, of all that was sent */
    int64_t people_before; /* in the demand */
    bool reloaded, next_is_champion;
    struct digest versions[2]; /* champion's at first, and next's */
    struct error_text *error;
};

/* ---- CPU ---- */

static double own_cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Adds what each process has used so far, times `sign`: client, cluster, watched. */
static void count_cpu(struct bench *self, double sign)
{
    struct report_process *process = self->report.processes;
    (process++)->us_per_record += sign * own_cpu_s();
    for (size_t i = 0; i < self->cluster.process_count; i++)
        (process++)->us_per_record += sign * cluster_cpu_s(&self->cluster, i);
    for (size_t i = 0; i < self->watched_count; i++)
        (process++)->us_per_record += sign * proc_cpu_s(self->watched[i]);
}

/* "chw-worker 1" and so on, where there are several of a name. */
static void name_processes(struct bench *self)
{
    struct report *report = &self->report;
    struct report_process *process = report->processes;
    size_t workers = 0;
    snprintf((process++)->name, sizeof process->name, "client (this process)");
    for (size_t i = 0; i < self->cluster.process_count; i++, process++) {
        const char *name = self->cluster.processes[i].name;
        if (strcmp(name, "chw-worker") == 0)
            snprintf(process->name, sizeof process->name, "%s %zu", name, ++workers);
        else
            snprintf(process->name, sizeof process->name, "%s", name);
    }
    for (size_t i = 0; i < self->watched_count; i++, process++)
        snprintf(process->name, sizeof process->name, "%.*s",
                 (int)strcspn(self->config->watch.items[i], "="),
                 self->config->watch.items[i]);
    report->process_count = (size_t)(process - report->processes);
}

static enum status find_watched(struct bench *self)
{
    for (size_t i = 0; i < self->config->watch.count; i++) {
        const char *equals = strchr(self->config->watch.items[i], '=');
        long pid = equals == NULL ? 0 : strtol(equals + 1, NULL, 10);
        if (pid <= 0 || proc_cpu_s((pid_t)pid) <= 0)
            return error_set(
                self->error, STATUS_INVALID,
                "--watch is '%.40s'; expected NAME=PID of a process that runs",
                self->config->watch.items[i]);
        self->watched[self->watched_count++] = (pid_t)pid;
    }
    return STATUS_OK;
}

/* ---- before the runs ---- */

static enum status prepare(struct bench *self)
{
    struct report *report = &self->report;
    enum status status = bench_options_complete(self->config, self->error);
    if (status == STATUS_OK)
        status = find_watched(self);
    if (status != STATUS_OK)
        return status;
    if (!machine_is_release())
        fputs("chw-bench: warning: this is no release build; its figures say nothing\n",
              stderr);
    report->latencies = histogram_new();
    report->lateness = histogram_new();
    report->during = histogram_new();
    report->besides = histogram_new();
    return report->latencies != NULL && report->lateness != NULL &&
                   report->during != NULL && report->besides != NULL
               ? STATUS_OK
               : error_set(self->error, STATUS_NOMEM, "out of memory");
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
        .trees = config->trees,
        .depth = config->depth,
        .listen = config->listen,
        .second = config->disturb == DISTURB_RELOAD,
    };
    if (config->broker == NULL)
        return cluster_start(&options, &self->cluster, self->error);
    self->cluster.store = config->store;
    self->cluster.front = config->broker;
    return STATUS_OK;
}

static enum status connect_client(struct bench *self)
{
    const struct chw_options options = {
        .struct_size = sizeof options,
        .endpoint = self->cluster.front,
        .insecure = self->config->insecure,
        .what_if = self->config->what_if,
        .window = (uint32_t)self->config->window,
    };
    struct chw_error error;
    return chw_open(&options, &self->client, &error) == CHW_OK
               ? STATUS_OK
               : error_set(self->error, STATUS_UNAVAILABLE, "%s", error.text);
}

static uint64_t batches_of(const struct bench *self, uint64_t records)
{
    return (records + self->config->batch - 1) / self->config->batch;
}

static enum status make_load(struct bench *self)
{
    uint64_t most = batches_of(self, DIFFERENT_RECORDS);
    if (self->config->scenario == SCENARIO_OFFLINE &&
        batches_of(self, self->config->records) < most)
        most = batches_of(self, self->config->records);
    return load_make(self->client, most < DIFFERENT_BATCHES ? most : DIFFERENT_BATCHES,
                     self->config->batch, self->config->seed, &self->load, self->error);
}

static enum status score_alone(struct bench *self)
{
    if (self->cluster.store == NULL)
        return STATUS_OK;
    self->report.referenced = true;
    return alone_run(&self->load, self->cluster.store, &self->report.alone, self->error);
}

static bool add_people(void *arg, const struct demand_cell *cell)
{
    *(int64_t *)arg += cell->people;
    return true;
}

static enum status count_people(struct bench *self, int64_t *people)
{
    struct store *store;
    *people = 0;
    if (self->cluster.store == NULL)
        return STATUS_OK;
    enum status status = store_open(self->cluster.store, &store, self->error);
    if (status != STATUS_OK)
        return status;
    status = store_demand(store, 0, add_people, people, self->error);
    store_close(store);
    return status;
}

static enum status count_before(struct bench *self)
{
    return count_people(self, &self->people_before);
}

/* ---- runs ---- */

static void note_outcomes(struct bench *self, const struct run_result *run)
{
    self->counted += run->outcomes[CHW_COUNTED] * self->config->batch;
}

static enum status warm_up(struct bench *self)
{
    const struct run_options options = {.seconds = self->config->warmup,
                                        .what = "warming up"};
    struct run_result run;
    if (self->config->warmup <= 0)
        return STATUS_OK;
    fprintf(stderr, "warming up\n");
    enum status status = run_result_open(&run);
    if (status == STATUS_OK)
        status = run_once(&self->load, &options, self->client, &self->cluster, &run,
                          self->error);
    if (status == STATUS_OK) {
        note_outcomes(self, &run);
        self->batches_per_s = (double)run.answered / run.seconds;
    }
    run_result_close(&run);
    return status;
}

static enum status kill_worker(void *arg, struct error_text *error)
{
    return cluster_kill_worker(&((struct bench *)arg)->cluster, error);
}

/* What "next" is becomes champion, or what champion was before. */
static enum status reload(void *arg, struct error_text *error)
{
    struct bench *self = arg;
    struct store *store;
    struct digest *versions = self->versions;
    enum status status = store_open(self->cluster.store, &store, error);
    if (status != STATUS_OK)
        return status;
    bool first = !self->reloaded;
    self->reloaded = true;
    if (first)
        status = store_alias_get(store, ARTIFACT_MODEL, "chd", "champion", &versions[0],
                                 error);
    if (first && status == STATUS_OK)
        status =
            store_alias_get(store, ARTIFACT_MODEL, "chd", "next", &versions[1], error);
    self->next_is_champion = !self->next_is_champion;
    if (status == STATUS_OK)
        status = store_alias_move(store, ARTIFACT_MODEL, "chd", "champion",
                                  &versions[self->next_is_champion], error);
    store_close(store);
    return status;
}

static struct run_options run_options(const struct bench *self,
                                      const struct run_event *event)
{
    const struct bench_config *config = self->config;
    bool offline = config->scenario == SCENARIO_OFFLINE;
    bool server = config->scenario == SCENARIO_SERVER;
    double per_s = config->rate > 0 ? config->rate / (double)config->batch
                                    : .7 * self->batches_per_s;
    return (struct run_options){
        .per_s = server ? per_s : 0,
        .arrivals = config->arrivals,
        .seed = config->seed + self->report.run_count,
        .batches = offline ? batches_of(self, config->records) : 0,
        .seconds = offline ? 0 : config->seconds,
        .event = config->disturb == DISTURB_NOTHING ? NULL : event,
        .what = "running",
    };
}

static void note_run(struct bench *self, const struct run_result *run)
{
    struct report *report = &self->report;
    double batch = (double)self->config->batch;
    report->runs[report->run_count++] = (struct report_run){
        .seconds = run->seconds,
        .records_per_s = (double)run->answered * batch / run->seconds,
        .offered_per_s = run->offered_per_s * batch,
        .latency = report_latency(run->latencies),
        .during = report_latency(run->during),
        .besides = report_latency(run->besides),
        .recovery_ms = run->recovery_ms,
        .unsent = run->unsent,
    };
    histogram_merge(report->latencies, run->latencies);
    histogram_merge(report->lateness, run->lateness);
    histogram_merge(report->during, run->during);
    histogram_merge(report->besides, run->besides);
    for (size_t i = 0; i < RUN_OUTCOMES; i++)
        report->outcomes[i] += run->outcomes[i];
    report->unsent += run->unsent;
    report->records += run->answered * self->config->batch;
    note_outcomes(self, run);
    fprintf(stderr, "run %zu of %" PRIu64 ": %.0f records/s\n", report->run_count,
            self->config->runs, report->runs[report->run_count - 1].records_per_s);
}

/* A killed worker takes its count of CPU with it; one that was not killed spoils the run.
 */
static enum status run_and_note(struct bench *self)
{
    const struct run_event event = {
        .happen = self->config->disturb == DISTURB_KILL ? kill_worker : reload,
        .arg = self,
    };
    const struct run_options options = run_options(self, &event);
    bool kills = self->config->disturb == DISTURB_KILL;
    struct run_result run;
    enum status status = run_result_open(&run);
    count_cpu(self, -1);
    if (status == STATUS_OK)
        status = run_once(&self->load, &options, self->client, &self->cluster, &run,
                          self->error);
    count_cpu(self, 1);
    if (status == STATUS_OK)
        status = kills ? cluster_await_whole(&self->cluster, self->error)
                       : cluster_check_whole(&self->cluster, self->error);
    if (status == STATUS_OK)
        note_run(self, &run);
    run_result_close(&run);
    return status;
}

/* Of all workers, times `sign`; a killed one's are gone, so that nothing is told then. */
static enum status count_parts(struct bench *self, double sign)
{
    struct parts now = {0}, *sum = &self->report.parts;
    enum status status = STATUS_OK;
    bool known = self->cluster.metrics_port != 0 && self->config->disturb != DISTURB_KILL;
    for (size_t i = 0; known && status == STATUS_OK && i < self->config->workers; i++)
        status = parts_read(&now, cluster_worker_port(&self->cluster, i), self->error);
    sum->scored += sign * now.scored;
    sum->scoring_s += sign * now.scoring_s;
    sum->settled += sign * now.settled;
    sum->settlement_s += sign * now.settlement_s;
    return status;
}

static enum status run_all(struct bench *self)
{
    struct report *report = &self->report;
    name_processes(self);
    enum status status = count_parts(self, -1);
    while (status == STATUS_OK && report->run_count < self->config->runs)
        status = run_and_note(self);
    if (status == STATUS_OK)
        status = count_parts(self, 1);
    for (size_t i = 0; i < report->process_count; i++)
        report->processes[i].us_per_record *= 1e6 / (double)report->records;
    if (self->config->disturb == DISTURB_KILL)
        report->process_count = 0;
    return status;
}

/* ---- after them ---- */

/* Each record counted once: that is what is measured. */
static enum status check_demand(struct bench *self)
{
    int64_t people;
    enum status status = count_people(self, &people);
    if (status != STATUS_OK || self->cluster.store == NULL)
        return status;
    int64_t expected = self->people_before + (int64_t)self->counted;
    return people == expected
               ? STATUS_OK
               : error_set(self->error, STATUS_CORRUPT,
                           "the demand counts %" PRId64 " people, expected %" PRId64,
                           people, expected);
}

static const char *loop_name(const struct bench_config *config)
{
    if (config->scenario != SCENARIO_SERVER)
        return config->scenario == SCENARIO_OFFLINE ? "closed loop"
                                                    : "closed loop of one";
    return config->arrivals == ARRIVALS_POISSON ? "open loop, Poisson arrivals"
                                                : "open loop, fixed arrivals";
}

static void describe(struct bench *self)
{
    static const char *const events[] = {[DISTURB_RELOAD] =
                                             "another version of the model is promoted",
                                         [DISTURB_KILL] = "a worker is killed"};
    const struct bench_config *config = self->config;
    const char *store = self->cluster.store;
    struct report *report = &self->report;
    report->scenario = config->scenario_name;
    report->loop = loop_name(config);
    report->store = store == NULL                      ? "unknown"
                    : strncmp(store, "redis:", 6) == 0 ? "redis"
                                                       : "sqlite";
    report->estimator = config->estimator;
    report->disturb = events[config->disturb];
    report->own = config->broker == NULL;
    report->batch = config->batch;
    report->workers = config->workers;
    report->threads = config->threads;
    report->window = config->window;
    report->seed = config->seed;
    report->trees = config->trees;
    report->depth = config->depth;
    report->what_if = config->what_if;
}

static enum status write_histogram(struct bench *self)
{
    const char *path = self->config->histogram;
    FILE *file = path == NULL ? NULL : fopen(path, "w");
    if (path == NULL)
        return STATUS_OK;
    if (file != NULL)
        histogram_write(self->report.latencies, 1e6, file);
    return file != NULL && fclose(file) == 0
               ? STATUS_OK
               : error_set(self->error, STATUS_IO, "%s cannot be written", path);
}

static enum status print_report(struct bench *self)
{
    const char *format = self->config->format;
    describe(self);
    (strcmp(format, "json") == 0  ? report_json
     : strcmp(format, "csv") == 0 ? report_csv
                                  : report_table)(&self->report, stdout);
    if (fflush(stdout) != 0)
        return error_set(self->error, STATUS_IO, "the report cannot be written");
    uint64_t errors = report_errors(&self->report);
    return errors == 0 ? write_histogram(self)
                       : error_set(self->error, STATUS_CORRUPT,
                                   "%" PRIu64 " batches were not scored", errors);
}

static void close_all(struct bench *self)
{
    chw_close(self->client);
    load_free(&self->load);
    histogram_free(self->report.latencies);
    histogram_free(self->report.lateness);
    histogram_free(self->report.during);
    histogram_free(self->report.besides);
}

int main(int argc, char **argv)
{
    static enum status (*const steps[])(struct bench *) = {
        prepare,      start_cluster, connect_client, make_load,    score_alone,
        count_before, warm_up,       run_all,        check_demand, print_report,
    };
    struct bench_config config = {0};
    struct error_text error = {""};
    int exit_code;
    if (!config_load(&bench_options, argc, argv, &config, NULL, &exit_code))
        return exit_code;
    struct bench *bench = calloc(1, sizeof *bench);
    if (bench == NULL)
        return status_exit_code(STATUS_NOMEM);
    bench->config = &config;
    bench->error = &error;
    schedule_patiently(); /* as chw score */
    log_open("chw-bench", LOG_WARN);
    process_signals();
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof steps / sizeof steps[0]; i++)
        status = steps[i](bench);
    if (status != STATUS_OK)
        fprintf(stderr, "chw-bench: %s\n", error.text);
    close_all(bench);
    int number = bench->cluster.signal;
    bool wondered_at = status == STATUS_UNAVAILABLE && number == 0;
    cluster_stop(&bench->cluster, config.keep || wondered_at);
    free(bench);
    config_free(&bench_options, &config, NULL);
    return number != 0 ? 128 + number : status_exit_code(status);
}
