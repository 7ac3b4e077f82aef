/* SPDX-License-Identifier: Apache-2.0 */
/* report_table.c - the report for people. */
#include "bench/machine.h"
#include "bench/report.h"
#include "table/text_table.h"

#include <inttypes.h>
#include <string.h>

static void print_cluster(const struct report *self, FILE *file)
{
    if (!self->own)
        fputs("cluster: not its own\n", file);
    else
        fprintf(file,
                "cluster: 1 broker, %" PRIu64 " workers of %" PRIu64
                " threads, 1 client, store %s\n",
                self->workers, self->threads, self->store);
}

static void print_model(const struct report *self, FILE *file)
{
    if (!self->referenced)
        return;
    fprintf(file, "; model chd %s", self->alone.version);
    if (self->own)
        fprintf(file, " (%s", self->estimator);
    if (self->own && self->trees != 0)
        fprintf(file, ", %" PRIu64 " trees", self->trees);
    if (self->own)
        fputc(')', file);
}

static void print_head(const struct report *self, FILE *file)
{
    struct machine machine;
    machine_read(&machine);
    fprintf(file, "chw-bench %s, %s build, GCC-compatible %s\n", CHW_VERSION,
            machine_build(), __VERSION__);
    fprintf(file, "machine: %s, %ld cores, %s\n", machine.cpu, machine.cores,
            machine.system);
    print_cluster(self, file);
    fprintf(file,
            "load:    %s: %s; batches of %" PRIu64 " records%s, %" PRIu64
            " in flight at most, seed %" PRIu64,
            self->scenario, self->loop, self->batch,
            self->what_if ? " (what-if: nothing settled)" : "", self->window, self->seed);
    print_model(self, file);
    if (self->disturb != NULL)
        fprintf(file, "\nevent:   in the middle of each run, %s", self->disturb);
    fputs("\n\n", file);
    if (!machine_is_release())
        fputs("WARNING: this is no release build; its figures say nothing\n\n", file);
}

static void add_heading(struct text_table *table, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        text_table_add(table, "%s", words[i]);
    for (size_t i = 0; i < REPORT_QUANTILES; i++)
        text_table_add(table, "%s ms", report_quantiles[i].text);
    text_table_add(table, "max ms");
}

static void add_latency(struct text_table *table, const struct report_latency *latency)
{
    for (size_t i = 0; i < REPORT_QUANTILES; i++)
        text_table_add(table, "%.3f", latency->ms[i]);
    text_table_add(table, "%.3f", latency->max_ms);
}

static void print_runs(const struct report *self, FILE *file)
{
    static const char *const heading[] = {"run", "seconds", "offered/s", "records/s"};
    struct text_table *table = text_table_new("rrrrrrrrrrr");
    if (table == NULL)
        return;
    add_heading(table, heading, 4);
    for (size_t i = 0; i < self->run_count; i++) {
        const struct report_run *run = &self->runs[i];
        text_table_add(table, "%zu", i + 1);
        text_table_add(table, "%.3f", run->seconds);
        text_table_count(table, (int64_t)run->offered_per_s);
        text_table_count(table, (int64_t)run->records_per_s);
        add_latency(table, &run->latency);
    }
    text_table_print(table, file);
    text_table_free(table);
    struct stats stats = report_throughput(self);
    fprintf(file, "median %.0f records/s, from %.0f to %.0f\n\n", stats.median, stats.min,
            stats.max);
}

static void add_row(struct text_table *table, const char *name,
                    const struct histogram *histogram)
{
    struct report_latency latency = report_latency(histogram);
    text_table_add(table, "%s", name);
    text_table_count(table, (int64_t)latency.count);
    text_table_add(table, "%.3f", latency.mean_ms);
    add_latency(table, &latency);
}

static void print_latencies(const struct report *self, FILE *file)
{
    static const char *const heading[] = {"over all runs", "batches", "mean ms"};
    struct text_table *table = text_table_new("lrrrrrrrrr");
    if (table == NULL)
        return;
    add_heading(table, heading, 3);
    add_row(table, "latency", self->latencies);
    if (self->disturb != NULL) {
        add_row(table, "  in the second after the event", self->during);
        add_row(table, "  besides", self->besides);
    }
    add_row(table, "sent after it was due", self->lateness);
    text_table_print(table, file);
    text_table_free(table);
}

static void print_recovery(const struct report *self, FILE *file)
{
    double most_ms = 0;
    for (size_t i = 0; i < self->run_count; i++)
        if (self->runs[i].recovery_ms > most_ms)
            most_ms = self->runs[i].recovery_ms;
    if (self->disturb != NULL)
        fprintf(file,
                "batches under way at the event were all answered %.0f ms after it, at "
                "most\n",
                most_ms);
}

/* Means: workers keep sums. */
static void print_parts(const struct report *self, FILE *file)
{
    const struct parts *parts = &self->parts;
    double mean_ms = histogram_mean(self->latencies) / 1e6;
    double scoring_ms = parts->scored > 0 ? parts->scoring_s * 1e3 / parts->scored : 0;
    double settlement_ms =
        parts->settled > 0 ? parts->settlement_s * 1e3 / parts->settled : 0;
    if (parts->scored > 0)
        fprintf(file,
                "of the mean: %.3f ms scoring and %.3f ms settlement, by the workers' "
                "metrics; the rest,\n%.3f ms, queues and messages\n",
                scoring_ms, settlement_ms, mean_ms - scoring_ms - settlement_ms);
}

static void print_outcomes(const struct report *self, FILE *file)
{
    const char *comma = "";
    fputs("batches: ", file);
    for (size_t i = 0; i < RUN_OUTCOMES; i++)
        if (self->outcomes[i] != 0) {
            fprintf(file, "%s%" PRIu64 " %s", comma, self->outcomes[i],
                    report_outcome(i) == NULL ? "of another outcome" : report_outcome(i));
            comma = ", ";
        }
    if (self->unsent != 0)
        fprintf(file, "%s%" PRIu64 " due and never sent: too many were offered", comma,
                self->unsent);
    fputs("\n\n", file);
}

static void print_processes(const struct report *self, FILE *file)
{
    struct text_table *table = text_table_new("lr");
    double sum = 0;
    if (table == NULL)
        return;
    text_table_add(table, "process");
    text_table_add(table, "CPU us/record");
    for (size_t i = 0; i < self->process_count; i++) {
        text_table_add(table, "%s", self->processes[i].name);
        text_table_add(table, "%.3f", self->processes[i].us_per_record);
        sum += self->processes[i].us_per_record;
    }
    text_table_add(table, "all");
    text_table_add(table, "%.3f", sum);
    text_table_print(table, file);
    text_table_free(table);
}

static void print_alone(const struct report *self, FILE *file)
{
    const struct alone *alone = &self->alone;
    if (!self->referenced)
        return;
    fprintf(file,
            "\nthe same records without a cluster, in this process:\n"
            "  scoring alone               %9.3f us/record of one thread; %12.0f "
            "records/s of %d\n"
            "  a worker's work, unsettled  %9.3f us/record\n"
            "  comparing with a reference  %9.3f us/record, part of the client's\n",
            alone->kernel.us_per_record, alone->kernel.per_s, ALONE_THREADS,
            alone->worker_us, alone->compare_us);
}

void report_table(const struct report *self, FILE *file)
{
    print_head(self, file);
    print_runs(self, file);
    print_latencies(self, file);
    print_recovery(self, file);
    print_parts(self, file);
    print_outcomes(self, file);
    print_processes(self, file);
    print_alone(self, file);
    fprintf(file,
            "\nLatencies are of batches, %s. Every probability was compared with %s.\n",
            strncmp(self->loop, "open", 4) == 0
                ? "from when they were due to their answer"
                : "from their sending to their answer, in a closed loop",
            self->referenced ? "a reference's" : "that of the batch's first answer");
}
