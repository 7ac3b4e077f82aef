/* SPDX-License-Identifier: Apache-2.0 */
/* broker_main.c - chw-bench-broker: every case in turn, run after run -> report. */
#include "base/config.h"
#include "base/log.h"
#include "bench/broker_report.h"
#include "bench/machine.h"
#include "client/process.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct broker_config {
    char *measure, *heartbeats, *format;
    uint64_t runs, clients, workers, outstanding, window, window_bytes;
    double seconds;
};

#define KEY(name, type, field) name, type, offsetof(struct broker_config, field)
static const struct config_key keys[] = {
    {KEY("measure", CONFIG_TEXT, measure), "cpu", 0, 0, "WHAT",
     "cpu: CPU per message; latency: one request at a time; flood: memory of a broker "
     "that gets more than it may hold; all"},
    {KEY("runs", CONFIG_COUNT, runs), "7", 1, BROKER_RUNS_MAX, "N",
     "of each, in turn with the others"},
    {KEY("seconds", CONFIG_REAL, seconds), "1", 0, 0, "S", "of each run"},
    {KEY("clients", CONFIG_COUNT, clients), "4", 1, 64, "N", "processes that ask"},
    {KEY("workers", CONFIG_COUNT, workers), "2", 1, 64, "N", "processes that answer"},
    {KEY("outstanding", CONFIG_COUNT, outstanding), "64", 1, 4096, "N",
     "requests of each client that wait for their answer"},
    {KEY("window", CONFIG_COUNT, window), "256", 1, 256, "N",
     "bodies that a worker of the broker's takes at once; zmq_proxy hands out all"},
    {KEY("window-bytes", CONFIG_COUNT, window_bytes), "1048576", 0, 1ULL << 40, "N",
     "bytes of bodies that it takes beyond a first; 0: any"},
    {KEY("heartbeats", CONFIG_TEXT, heartbeats), "worker", 0, 0, "WHEN",
     "of the broker's workers, beside those of each half second. worker: before a body "
     "above 16 KiB, as a worker sends them; each: before each body; timed: before none"},
    {KEY("format", CONFIG_TEXT, format), "table", 0, 0, "FORMAT", "table or json"},
};
#undef KEY

static const struct config_spec spec = {
    .program = "chw-bench-broker",
    .summary = "Measure chw-broker beside zmq_proxy of the same libzmq.",
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .notes = "Each is a process of its own, over TCP loopback; clients and workers are "
             "this program's.\ndocs/benchmark.md says what the figures are. Wants a "
             "release build and an idle machine.\n",
};

/* ---- what is measured ---- */

struct subject_case {
    const char *name;
    enum subject_kind kind;
    enum peers_protocol protocol;
};

static const struct subject_case subjects[] = {
    {"chw-broker", SUBJECT_BROKER, PEERS_OURS},
    {"zmq_proxy, header and body", SUBJECT_PROXY, PEERS_TWO_FRAMES},
    {"zmq_proxy, body alone", SUBJECT_PROXY, PEERS_ONE_FRAME},
};

enum {
    SUBJECTS = sizeof subjects / sizeof subjects[0],
    FLOOD_CLIENTS = 8,
    QUEUE_BYTES = 256 << 20, /* chw-broker's own default */
};

struct measure_case {
    const char *measure;
    size_t size;
    size_t subjects; /* the first so many */
    double condition, aim;
};

static const struct measure_case cases[] = {
    {"cpu", 256, SUBJECTS, 1.0, .7},      {"cpu", 4096, SUBJECTS, .9, .7},
    {"cpu", 128 << 10, SUBJECTS, .9, .7}, {"latency", 256, SUBJECTS, 0, 0},
    {"flood", 16 << 10, 1, 1.1, 0},       {"flood", 128 << 10, 1, 1.1, 0},
};

struct bench {
    const struct broker_config *config;
    struct broker_report report;
    const struct measure_case *case_of[BROKER_ROWS_MAX];
    const struct subject_case *subject_of[BROKER_ROWS_MAX];
    struct error_text *error;
};

static bool is_wanted(const struct bench *self, const struct measure_case *one)
{
    const char *measure = self->config->measure;
    return strcmp(measure, "all") == 0 || strcmp(measure, one->measure) == 0;
}

static void add_rows(struct bench *self, const struct measure_case *one)
{
    struct broker_report *report = &self->report;
    size_t ours = report->count;
    for (size_t i = 0; i < one->subjects; i++) {
        size_t at = report->count++;
        report->rows[at] = (struct broker_row){
            .measure = one->measure,
            .subject = subjects[i].name,
            .size = one->size,
            .condition = i == 0 && one->subjects > 1 ? 0 : one->condition,
            .aim = one->aim,
            .beside = ours,
        };
        self->case_of[at] = one;
        self->subject_of[at] = &subjects[i];
    }
}

/* ---- the steps ---- */

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words != NULL && strcmp(word, *words) != 0)
        words++;
    return *words != NULL;
}

static enum status check_config(struct bench *self)
{
    static const char *const measures[] = {"cpu", "latency", "flood", "all", NULL};
    static const char *const heartbeats[] = {"worker", "each", "timed", NULL};
    static const char *const formats[] = {"table", "json", NULL};
    const struct broker_config *config = self->config;
    if (!is_one_of(config->measure, measures))
        return error_set(self->error, STATUS_INVALID,
                         "--measure is '%.20s'; expected cpu, latency, flood or all",
                         config->measure);
    if (!is_one_of(config->heartbeats, heartbeats))
        return error_set(self->error, STATUS_INVALID,
                         "--heartbeats is '%.20s'; expected worker, each or timed",
                         config->heartbeats);
    if (!is_one_of(config->format, formats))
        return error_set(self->error, STATUS_INVALID,
                         "--format is '%.20s'; expected table or json", config->format);
    if (!(config->seconds > 0 && config->seconds <= 3600))
        return error_set(self->error, STATUS_INVALID,
                         "--seconds is not between 0 and 3600");
    if (!machine_is_release())
        fputs("chw-bench-broker: warning: this is no release build; its figures say "
              "nothing\n",
              stderr);
    return STATUS_OK;
}

/* worker/together.h: before a smaller one the broker knows as much without. */
static size_t beat_above(const char *heartbeats)
{
    return strcmp(heartbeats, "worker") == 0 ? 16 << 10
           : strcmp(heartbeats, "each") == 0 ? 0
                                             : SIZE_MAX;
}

static enum status plan(struct bench *self)
{
    const struct broker_config *config = self->config;
    self->report = (struct broker_report){
        .runs = config->runs,
        .seconds = config->seconds,
        .clients = (uint32_t)config->clients,
        .workers = (uint32_t)config->workers,
        .outstanding = (uint32_t)config->outstanding,
        .window = (uint32_t)config->window,
        .window_bytes = config->window_bytes,
        .beat_above = beat_above(config->heartbeats),
        .budget = QUEUE_BYTES,
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (is_wanted(self, &cases[i]))
            add_rows(self, &cases[i]);
    return STATUS_OK;
}

/* A flood has nobody who answers, and half as much again as the broker may hold. */
static struct measure_options options_of(const struct bench *self, size_t row)
{
    const struct broker_report *report = &self->report;
    const struct measure_case *one = self->case_of[row];
    bool lone = strcmp(one->measure, "latency") == 0;
    bool flood = strcmp(one->measure, "flood") == 0;
    uint64_t flooding = QUEUE_BYTES / one->size / FLOOD_CLIENTS * 3 / 2;
    return (struct measure_options){
        .kind = self->subject_of[row]->kind,
        .warm_s = .3,
        .seconds = report->seconds,
        .peers =
            {
                .protocol = self->subject_of[row]->protocol,
                .size = one->size,
                .clients = lone    ? 1
                           : flood ? FLOOD_CLIENTS
                                   : report->clients,
                .workers = lone    ? 1
                           : flood ? 0
                                   : report->workers,
                .outstanding = lone    ? 1
                               : flood ? (uint32_t)flooding
                                       : report->outstanding,
                .window = report->window,
                .window_bytes = report->window_bytes,
                .beat_above = report->beat_above,
            },
    };
}

static enum status measure_row(struct bench *self, size_t row, size_t run)
{
    struct broker_row *out = &self->report.rows[row];
    const struct measure_options options = options_of(self, row);
    fprintf(stderr, "run %zu of %zu: %s, %zu bytes, %s\n", run + 1, self->report.runs,
            out->measure, out->size, out->subject);
    return measure_once(&options, &out->runs[run], self->error);
}

/* All of them once, then again: what disturbs the machine for a while disturbs all. */
static enum status measure_all(struct bench *self)
{
    enum status status = STATUS_OK;
    for (size_t run = 0; status == STATUS_OK && run < self->report.runs; run++)
        for (size_t row = 0; status == STATUS_OK && row < self->report.count; row++)
            status = measure_row(self, row, run);
    return status;
}

static enum status print_report(struct bench *self)
{
    bool json = strcmp(self->config->format, "json") == 0;
    (json ? broker_report_json : broker_report_table)(&self->report, stdout);
    return fflush(stdout) == 0
               ? STATUS_OK
               : error_set(self->error, STATUS_IO, "the report cannot be written");
}

int main(int argc, char **argv)
{
    static enum status (*const steps[])(struct bench *) = {check_config, plan,
                                                           measure_all, print_report};
    struct broker_config config = {0};
    struct error_text error = {""};
    int exit_code;
    if (!config_load(&spec, argc, argv, &config, NULL, &exit_code))
        return exit_code;
    struct bench *bench = calloc(1, sizeof *bench);
    if (bench == NULL)
        return status_exit_code(STATUS_NOMEM);
    bench->config = &config;
    bench->error = &error;
    log_open("chw-bench-broker", LOG_WARN);
    process_signals();
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof steps / sizeof steps[0]; i++)
        status = steps[i](bench);
    if (status != STATUS_OK)
        fprintf(stderr, "chw-bench-broker: %s\n", error.text);
    free(bench);
    config_free(&spec, &config, NULL);
    return status_exit_code(status);
}
