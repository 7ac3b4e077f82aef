/* SPDX-License-Identifier: Apache-2.0 */
/* report_json.c - the report for programs, all of it. */
#include "bench/machine.h"
#include "bench/report.h"
#include "table/json_text.h"

#include <inttypes.h>

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

static void write_machine(FILE *file)
{
    struct machine machine;
    machine_read(&machine);
    write_text(file, "version", CHW_VERSION);
    write_text(file, "build", machine_build());
    write_text(file, "compiler", __VERSION__);
    write_text(file, "cpu", machine.cpu);
    write_text(file, "system", machine.system);
    write_count(file, "cores", (uint64_t)machine.cores);
}

static void write_options(const struct report *self, FILE *file)
{
    write_text(file, "scenario", self->scenario);
    write_text(file, "loop", self->loop);
    write_text(file, "store", self->store);
    write_text(file, "estimator", self->estimator);
    write_text(file, "model", self->alone.version);
    write_text(file, "event", self->disturb == NULL ? "" : self->disturb);
    write_count(file, "batch", self->batch);
    write_count(file, "workers", self->workers);
    write_count(file, "threads", self->threads);
    write_count(file, "trees", self->trees);
    write_count(file, "depth", self->depth);
    write_count(file, "window", self->window);
    write_count(file, "seed", self->seed);
    write_count(file, "records", self->records);
    fprintf(file, "  \"own\": %s,\n", self->own ? "true" : "false");
    fprintf(file, "  \"what_if\": %s,\n", self->what_if ? "true" : "false");
}

/* Inside an object. */
static void write_latency(FILE *file, const struct report_latency *latency)
{
    for (size_t i = 0; i < REPORT_QUANTILES; i++)
        fprintf(file, "\"%s_ms\": %.4f, ", report_quantiles[i].name, latency->ms[i]);
    fprintf(file, "\"mean_ms\": %.4f, \"max_ms\": %.4f, \"batches\": %" PRIu64,
            latency->mean_ms, latency->max_ms, latency->count);
}

static void write_named(FILE *file, const char *name, const struct histogram *histogram)
{
    struct report_latency latency = report_latency(histogram);
    fprintf(file, "  \"%s\": {", name);
    write_latency(file, &latency);
    fputs("},\n", file);
}

static void write_run(FILE *file, const struct report *self, size_t which)
{
    const struct report_run *run = &self->runs[which];
    fprintf(file,
            "    {\"seconds\": %.6f, \"offered_per_s\": %.1f, \"records_per_s\": %.1f, "
            "\"unsent\": %" PRIu64 ",\n     ",
            run->seconds, run->offered_per_s, run->records_per_s, run->unsent);
    write_latency(file, &run->latency);
    if (self->disturb != NULL) {
        fprintf(file, ",\n     \"recovery_ms\": %.1f, \"during\": {", run->recovery_ms);
        write_latency(file, &run->during);
        fputs("}, \"besides\": {", file);
        write_latency(file, &run->besides);
        fputc('}', file);
    }
    fprintf(file, "}%s\n", which + 1 < self->run_count ? "," : "");
}

static void write_runs(const struct report *self, FILE *file)
{
    struct stats stats = report_throughput(self);
    fputs("  \"runs\": [\n", file);
    for (size_t i = 0; i < self->run_count; i++)
        write_run(file, self, i);
    fprintf(file,
            "  ],\n  \"records_per_s\": {\"median\": %.1f, \"min\": %.1f, \"max\": "
            "%.1f},\n",
            stats.median, stats.min, stats.max);
}

static void write_outcomes(const struct report *self, FILE *file)
{
    const char *comma = "";
    fputs("  \"outcomes\": {", file);
    for (size_t i = 0; i < RUN_OUTCOMES; i++)
        if (report_outcome(i) != NULL) {
            fprintf(file, "%s\"%s\": %" PRIu64, comma, report_outcome(i),
                    self->outcomes[i]);
            comma = ", ";
        }
    fprintf(file, "},\n  \"errors\": %" PRIu64 ",\n  \"unsent\": %" PRIu64 ",\n",
            report_errors(self), self->unsent);
}

static void write_parts(const struct report *self, FILE *file)
{
    const struct parts *parts = &self->parts;
    fprintf(file,
            "  \"workers_say\": {\"scored\": %.0f, \"scoring_s\": %.6f, \"settled\": "
            "%.0f, \"settlement_s\": %.6f},\n",
            parts->scored, parts->scoring_s, parts->settled, parts->settlement_s);
}

static void write_cpu(const struct report *self, FILE *file)
{
    fputs("  \"cpu_us_per_record\": [\n", file);
    for (size_t i = 0; i < self->process_count; i++) {
        fputs("    {\"process\": ", file);
        json_write_text(file, self->processes[i].name);
        fprintf(file, ", \"us\": %.6f}%s\n", self->processes[i].us_per_record,
                i + 1 < self->process_count ? "," : "");
    }
    fprintf(file,
            "  ],\n  \"alone\": {\"kernel_us_per_record\": %.6f, "
            "\"kernel_records_per_s\": %.1f, \"kernel_threads\": %d, "
            "\"worker_us_per_record\": %.6f, \"compare_us_per_record\": %.6f}\n",
            self->alone.kernel.us_per_record, self->alone.kernel.per_s, ALONE_THREADS,
            self->alone.worker_us, self->alone.compare_us);
}

void report_json(const struct report *self, FILE *file)
{
    fputs("{\n", file);
    write_machine(file);
    write_options(self, file);
    write_runs(self, file);
    write_named(file, "latency", self->latencies);
    write_named(file, "lateness", self->lateness);
    if (self->disturb != NULL) {
        write_named(file, "during", self->during);
        write_named(file, "besides", self->besides);
    }
    write_outcomes(self, file);
    write_parts(self, file);
    write_cpu(self, file);
    fputs("}\n", file);
}
