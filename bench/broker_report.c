/* SPDX-License-Identifier: Apache-2.0 */
/* broker_report.c - a table for each thing that was measured; JSON of all runs. */
#include "bench/broker_report.h"

#include "bench/machine.h"
#include "table/json_text.h"
#include "table/text_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is(const struct broker_row *row, const char *measure)
{
    return strcmp(row->measure, measure) == 0;
}

/* ---- figures ---- */

static double messages_per_s(const struct measured *run)
{
    return run->messages_per_s;
}

static double us_per_message(const struct measured *run)
{
    return run->us_per_message;
}

static double p50_us(const struct measured *run)
{
    return run->p50_us;
}

static double p99_us(const struct measured *run)
{
    return run->p99_us;
}

static double peak_bytes(const struct measured *run)
{
    return (double)run->peak_bytes;
}

typedef double figure_fn(const struct measured *run);

static struct stats stats_over(const struct broker_report *self,
                               const struct broker_row *row, figure_fn *figure)
{
    double values[BROKER_RUNS_MAX];
    for (size_t i = 0; i < self->runs; i++)
        values[i] = figure(&row->runs[i]);
    return stats_of(values, self->runs);
}

/* The figure that is judged. */
static figure_fn *judged(const struct broker_row *row)
{
    return is(row, "cpu") ? us_per_message : is(row, "latency") ? p50_us : peak_bytes;
}

struct stats broker_report_ratio(const struct broker_report *self, size_t which)
{
    const struct broker_row *row = &self->rows[which];
    const struct broker_row *ours = &self->rows[row->beside];
    figure_fn *figure = judged(row);
    double values[BROKER_RUNS_MAX];
    for (size_t i = 0; i < self->runs; i++)
        values[i] = figure(&ours->runs[i]) /
                    (is(row, "flood") ? (double)self->budget : figure(&row->runs[i]));
    return stats_of(values, self->runs);
}

/* The broker itself has a ratio only beside its budget. */
static bool has_ratio(const struct broker_report *self, size_t which)
{
    return self->rows[which].beside != which || is(&self->rows[which], "flood");
}

static const char *verdict(const struct broker_report *self, size_t which)
{
    const struct broker_row *row = &self->rows[which];
    if (row->condition <= 0 || !has_ratio(self, which))
        return "-";
    double ratio = broker_report_ratio(self, which).median;
    return ratio > row->condition             ? "above the condition"
           : row->aim > 0 && ratio > row->aim ? "condition met"
           : row->aim > 0                     ? "aim met"
                                              : "condition met";
}

/* ---- table ---- */

static void print_head(const struct broker_report *self, FILE *file)
{
    struct machine machine;
    machine_read(&machine);
    fprintf(file, "chw-bench-broker %s, %s build, GCC-compatible %s\n", CHW_VERSION,
            machine_build(), __VERSION__);
    fprintf(file, "machine: %s, %ld cores, %s\n", machine.cpu, machine.cores,
            machine.system);
    fprintf(
        file,
        "method:  %zu runs of each in turn, %g s each, over TCP loopback; median, and "
        "range\n",
        self->runs, self->seconds);
    fprintf(file,
            "load:    %" PRIu32 " clients with %" PRIu32 " requests outstanding, %" PRIu32
            " workers that send each body back;\n         of the broker's: windows of "
            "%" PRIu32 " bodies, ",
            self->clients, self->outstanding, self->workers, self->window);
    if (self->window_bytes > 0)
        fprintf(file, "%" PRIu64 " bytes, ", self->window_bytes);
    fputs("a heartbeat each half second", file);
    if (self->beat_above != SIZE_MAX)
        fprintf(file, " and before bodies above %zu bytes", self->beat_above);
    fputc('\n', file);
    if (!machine_is_release())
        fputs("\nWARNING: this is no release build; its figures say nothing\n", file);
}

static void add_heading(struct text_table *table, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++)
        text_table_add(table, "%s", words[i]);
}

static void add_ratio(struct text_table *table, const struct broker_report *self,
                      size_t which)
{
    const struct broker_row *row = &self->rows[which];
    struct stats ratio = broker_report_ratio(self, which);
    if (has_ratio(self, which)) {
        text_table_add(table, "%.2f", ratio.median);
        text_table_add(table, "%.2f-%.2f", ratio.min, ratio.max);
    } else {
        text_table_add(table, "-");
        text_table_add(table, "-");
    }
    if (row->condition > 0)
        text_table_add(table, "%g", row->condition);
    else
        text_table_add(table, "-");
    text_table_add(table, "%s", verdict(self, which));
}

static void add_figures(struct text_table *table, const struct broker_report *self,
                        const struct broker_row *row)
{
    if (is(row, "flood")) {
        text_table_count(table, (int64_t)stats_over(self, row, peak_bytes).median);
        text_table_count(table, (int64_t)self->budget);
    } else if (is(row, "latency")) {
        text_table_add(table, "%.0f", stats_over(self, row, p50_us).median);
        text_table_add(table, "%.0f", stats_over(self, row, p99_us).median);
    } else {
        struct stats cpu = stats_over(self, row, us_per_message);
        text_table_count(table, (int64_t)stats_over(self, row, messages_per_s).median);
        text_table_add(table, "%.2f (%.2f-%.2f)", cpu.median, cpu.min, cpu.max);
    }
}

static void print_measure(const struct broker_report *self, const char *measure,
                          const char *const *heading, FILE *file)
{
    struct text_table *table = text_table_new("rlrrrrrl");
    bool some = false;
    if (table == NULL)
        return;
    add_heading(table, heading);
    for (size_t i = 0; i < self->count; i++) {
        const struct broker_row *row = &self->rows[i];
        if (!is(row, measure))
            continue;
        some = true;
        text_table_count(table, (int64_t)row->size);
        text_table_add(table, "%s", row->subject);
        add_figures(table, self, row);
        add_ratio(table, self, i);
    }
    if (some) {
        fputc('\n', file);
        text_table_print(table, file);
    }
    text_table_free(table);
}

void broker_report_table(const struct broker_report *self, FILE *file)
{
    static const char *const cpu[] = {"bytes",          "passed on by", "messages/s",
                                      "CPU us/message", "ratio",        "from-to",
                                      "condition",      "verdict",      NULL};
    static const char *const latency[] = {"bytes",     "passed on by", "p50 us",
                                          "p99 us",    "ratio of p50", "from-to",
                                          "condition", "verdict",      NULL};
    static const char *const flood[] = {"bytes",     "flooded", "peak of memory",
                                        "budget",    "ratio",   "from-to",
                                        "condition", "verdict", NULL};
    print_head(self, file);
    print_measure(self, "cpu", cpu, file);
    print_measure(self, "latency", latency, file);
    print_measure(self, "flood", flood, file);
    fputs("\nA message is a request with its answer. Ratios are the broker's figure to "
          "the row's, run\nby run: below 1 the broker uses less.\n",
          file);
}

/* ---- json ---- */

static void write_runs(const struct broker_report *self, const struct broker_row *row,
                       FILE *file)
{
    for (size_t i = 0; i < self->runs; i++) {
        const struct measured *run = &row->runs[i];
        fprintf(file,
                "      {\"messages_per_s\": %.1f, \"us_per_message\": %.4f, "
                "\"p50_us\": %.2f, \"p99_us\": %.2f, \"peak_bytes\": %" PRIu64
                ", \"busy\": %" PRIu64 "}%s\n",
                run->messages_per_s, run->us_per_message, run->p50_us, run->p99_us,
                run->peak_bytes, run->busy, i + 1 < self->runs ? "," : "");
    }
}

static void write_row(const struct broker_report *self, size_t which, FILE *file)
{
    const struct broker_row *row = &self->rows[which];
    struct stats figure = stats_over(self, row, judged(row));
    fputs("    {\"measure\": ", file);
    json_write_text(file, row->measure);
    fputs(", \"subject\": ", file);
    json_write_text(file, row->subject);
    fprintf(file, ", \"size\": %zu,\n", row->size);
    fprintf(file, "     \"figure\": {\"median\": %.4f, \"min\": %.4f, \"max\": %.4f},\n",
            figure.median, figure.min, figure.max);
    if (has_ratio(self, which)) {
        struct stats ratio = broker_report_ratio(self, which);
        fprintf(file,
                "     \"ratio\": {\"median\": %.4f, \"min\": %.4f, \"max\": %.4f},\n",
                ratio.median, ratio.min, ratio.max);
        fprintf(file, "     \"condition\": %g, \"aim\": %g,\n", row->condition, row->aim);
    }
    fputs("     \"runs\": [\n", file);
    write_runs(self, row, file);
    fprintf(file, "     ]}%s\n", which + 1 < self->count ? "," : "");
}

static void write_word(FILE *file, const char *key, const char *word)
{
    fprintf(file, "  \"%s\": ", key);
    json_write_text(file, word);
    fputs(",\n", file);
}

void broker_report_json(const struct broker_report *self, FILE *file)
{
    struct machine machine;
    machine_read(&machine);
    fputs("{\n", file);
    write_word(file, "version", CHW_VERSION);
    write_word(file, "build", machine_build());
    write_word(file, "compiler", __VERSION__);
    write_word(file, "cpu", machine.cpu);
    write_word(file, "system", machine.system);
    fprintf(file,
            "  \"cores\": %ld,\n  \"runs\": %zu,\n  \"seconds\": %g,\n  \"clients\": "
            "%" PRIu32 ",\n  \"workers\": %" PRIu32 ",\n  \"outstanding\": %" PRIu32
            ",\n  \"window\": %" PRIu32 ",\n  \"window_bytes\": %" PRIu64
            ",\n  \"beat_above\": %zu,\n  \"rows\": [\n",
            machine.cores, self->runs, self->seconds, self->clients, self->workers,
            self->outstanding, self->window, self->window_bytes, self->beat_above);
    for (size_t i = 0; i < self->count; i++)
        write_row(self, i, file);
    fputs("  ]\n}\n", file);
}
