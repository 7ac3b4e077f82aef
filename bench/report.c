/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - the machine, the runs, the CPU per record, and the yardsticks beside. */
#include "bench/report.h"

#include "bench/machine.h"
#include "table/json_text.h"
#include "table/text_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct stats report_throughput(const struct report *self)
{
    double values[REPORT_RUNS_MAX];
    for (size_t i = 0; i < self->run_count; i++)
        values[i] = self->runs[i].records_per_s;
    return stats_of(values, self->run_count);
}

static double total_us(const struct report *self)
{
    double sum = 0;
    for (size_t i = 0; i < self->process_count; i++)
        sum += self->processes[i].us_per_record;
    return sum;
}

/* ---- table ---- */

static void print_head(const struct report *self, FILE *file)
{
    struct machine machine;
    machine_read(&machine);
    fprintf(file, "chw-bench %s, %s build, GCC-compatible %s\n", CHW_VERSION,
            machine_build(), __VERSION__);
    fprintf(file, "machine: %s, %ld cores, %s\n", machine.cpu, machine.cores,
            machine.system);
    fprintf(file,
            "cluster: 1 broker, %" PRIu64 " workers of %" PRIu64
            " threads, 1 client, store %s%s\n",
            self->workers, self->threads, self->store,
            self->what_if ? ", nothing settled (what-if)" : "");
    fprintf(file,
            "load:    %" PRIu64 " synthetic records a run (seed %" PRIu64
            "), batches of %" PRIu64 ", %" PRIu64 " in flight; model chd %s (%s)\n\n",
            self->records, self->seed, self->batch, self->window, self->version,
            self->estimator);
    if (!machine_is_release())
        fputs("WARNING: this is no release build; its figures say nothing\n\n", file);
}

static void print_runs(const struct report *self, FILE *file)
{
    struct text_table *table = text_table_new("rrrrrr");
    static const char *const heading[] = {"run",    "seconds", "records/s",
                                          "p50 ms", "p95 ms",  "p99 ms"};
    if (table == NULL)
        return;
    for (size_t i = 0; i < sizeof heading / sizeof heading[0]; i++)
        text_table_add(table, "%s", heading[i]);
    for (size_t i = 0; i < self->run_count; i++) {
        const struct report_run *run = &self->runs[i];
        text_table_add(table, "%zu", i + 1);
        text_table_add(table, "%.3f", run->seconds);
        text_table_count(table, (int64_t)run->records_per_s);
        text_table_add(table, "%.2f", run->p50_ms);
        text_table_add(table, "%.2f", run->p95_ms);
        text_table_add(table, "%.2f", run->p99_ms);
    }
    text_table_print(table, file);
    text_table_free(table);
    struct stats stats = report_throughput(self);
    fprintf(file, "median %.0f records/s, from %.0f to %.0f\n\n", stats.median, stats.min,
            stats.max);
}

static void print_processes(const struct report *self, FILE *file)
{
    struct text_table *table = text_table_new("lr");
    if (table == NULL)
        return;
    text_table_add(table, "process");
    text_table_add(table, "CPU us/record");
    for (size_t i = 0; i < self->process_count; i++) {
        text_table_add(table, "%s", self->processes[i].name);
        text_table_add(table, "%.3f", self->processes[i].us_per_record);
    }
    text_table_add(table, "all");
    text_table_add(table, "%.3f", total_us(self));
    text_table_print(table, file);
    text_table_free(table);
}

void report_table(const struct report *self, FILE *file)
{
    print_head(self, file);
    print_runs(self, file);
    print_processes(self, file);
    fprintf(file,
            "\nthe same records without a cluster, in one thread of this process:\n"
            "  scoring alone               %12.0f records/s, %.3f us/record\n"
            "  a worker's work, unsettled  %12.0f records/s, %.3f us/record\n",
            self->kernel_per_s, 1e6 / self->kernel_per_s, self->worker_per_s,
            1e6 / self->worker_per_s);
    fputs("Latencies are of batches in a closed loop: from chw_submit() to the answer, "
          "with a full\nwindow before them. Every probability was compared with the "
          "reference's.\n",
          file);
}

/* ---- json ---- */

static void write_text(FILE *file, const char *key, const char *text)
{
    fprintf(file, "  \"%s\": ", key);
    json_write_text(file, text);
    fputs(",\n", file);
}

static void write_count(FILE *file, const char *key, uint64_t count)
{
    fprintf(file, "  \"%s\": %" PRIu64 ",\n", key, count);
}

static void write_options(const struct report *self, FILE *file)
{
    struct machine machine;
    machine_read(&machine);
    write_text(file, "version", CHW_VERSION);
    write_text(file, "build", machine_build());
    write_text(file, "compiler", __VERSION__);
    write_text(file, "cpu", machine.cpu);
    write_text(file, "system", machine.system);
    write_count(file, "cores", (uint64_t)machine.cores);
    write_text(file, "store", self->store);
    write_text(file, "estimator", self->estimator);
    write_text(file, "model", self->version);
    write_count(file, "records", self->records);
    write_count(file, "batch", self->batch);
    write_count(file, "workers", self->workers);
    write_count(file, "threads", self->threads);
    write_count(file, "window", self->window);
    write_count(file, "seed", self->seed);
    fprintf(file, "  \"what_if\": %s,\n", self->what_if ? "true" : "false");
}

void report_json(const struct report *self, FILE *file)
{
    struct stats stats = report_throughput(self);
    fputs("{\n", file);
    write_options(self, file);
    fputs("  \"runs\": [\n", file);
    for (size_t i = 0; i < self->run_count; i++) {
        const struct report_run *run = &self->runs[i];
        fprintf(file,
                "    {\"seconds\": %.6f, \"records_per_s\": %.1f, \"p50_ms\": %.4f, "
                "\"p95_ms\": %.4f, \"p99_ms\": %.4f}%s\n",
                run->seconds, run->records_per_s, run->p50_ms, run->p95_ms, run->p99_ms,
                i + 1 < self->run_count ? "," : "");
    }
    fprintf(
        file,
        "  ],\n  \"records_per_s\": {\"median\": %.1f, \"min\": %.1f, \"max\": %.1f},\n"
        "  \"cpu_us_per_record\": [\n",
        stats.median, stats.min, stats.max);
    for (size_t i = 0; i < self->process_count; i++)
        fprintf(file, "    {\"process\": \"%s\", \"us\": %.6f}%s\n",
                self->processes[i].name, self->processes[i].us_per_record,
                i + 1 < self->process_count ? "," : "");
    fprintf(file,
            "  ],\n  \"alone\": {\"scoring_records_per_s\": %.1f, "
            "\"worker_records_per_s\": %.1f}\n}\n",
            self->kernel_per_s, self->worker_per_s);
}
