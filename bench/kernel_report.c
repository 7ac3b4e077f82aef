/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_report.c - one line per case and number of threads. */
#include "bench/kernel_report.h"

#include "bench/machine.h"
#include "table/json_text.h"
#include "table/text_table.h"

#include <inttypes.h>

static const char *const verdicts[] = {
    [KERNEL_VERDICT_NONE] = "-",
    [KERNEL_VERDICT_UNEQUAL] = "NOT EQUAL",
    [KERNEL_VERDICT_BELOW] = "below the condition",
    [KERNEL_VERDICT_CONDITION] = "condition met",
    [KERNEL_VERDICT_AIM] = "aim met",
};

enum kernel_verdict kernel_verdict(const struct kernel_result *result)
{
    const struct kernel_case *of = result->of;
    if (!result->equal)
        return KERNEL_VERDICT_UNEQUAL;
    if (of->condition <= 0)
        return KERNEL_VERDICT_NONE;
    if (result->ratio.median < of->condition)
        return KERNEL_VERDICT_BELOW;
    return result->ratio.median < of->aim ? KERNEL_VERDICT_CONDITION : KERNEL_VERDICT_AIM;
}

/* ---- table ---- */

static void print_head(const struct kernel_report *self, FILE *file)
{
    struct machine machine;
    machine_read(&machine);
    fprintf(file, "chw-bench-kernel %s, %s build, GCC-compatible %s\n", CHW_VERSION,
            machine_build(), __VERSION__);
    fprintf(file, "machine: %s, %ld cores, %s\n", machine.cpu, machine.cores,
            machine.system);
    if (self->table != NULL)
        fprintf(file, "rows:    %s; categories as %s inputs\n", self->table->origin,
                self->encoding);
    if (self->continuous != NULL)
        fprintf(file, "and:     %s\n", self->continuous->origin);
    fprintf(
        file,
        "method:  %zu runs of each side in turn, %g s %seach; median, and the ratio's "
        "range; seed %" PRIu64 "%s\n\n",
        self->runs, self->seconds, self->cpu_time ? "of CPU time " : "", self->seed,
        self->proxies ? "; XGBoost with proxies that are kept" : "");
    if (!machine_is_release())
        fputs("WARNING: this is no release build; its figures say nothing\n\n", file);
}

static void add_ratio(struct text_table *table, double asked)
{
    if (asked > 0)
        text_table_add(table, "%g", asked);
    else
        text_table_add(table, "-");
}

static void add_tree_ns(struct text_table *table, const struct kernel_entry *entry)
{
    if (entry->model.tree_count > 0)
        text_table_add(table, "%.2f",
                       kernel_tree_record_ns(&entry->result, entry->model.tree_count));
    else
        text_table_add(table, "-");
}

static void add_entry(struct text_table *table, const struct kernel_entry *entry)
{
    const struct kernel_result *result = &entry->result;
    text_table_add(table, "%s", result->of->name);
    text_table_add(table, "%s", entry->model.peer);
    text_table_add(table, "%zu", result->threads);
    text_table_count(table, (int64_t)result->ours.median);
    if (result->bound.median > 0)
        text_table_count(table, (int64_t)result->bound.median);
    else
        text_table_add(table, "-");
    text_table_count(table, (int64_t)result->theirs.median);
    add_tree_ns(table, entry);
    text_table_add(table, "%.1f", result->ratio.median);
    text_table_add(table, "%.1f-%.1f", result->ratio.min, result->ratio.max);
    add_ratio(table, result->of->condition);
    add_ratio(table, result->of->aim);
    text_table_add(table, "%s", verdicts[kernel_verdict(result)]);
    text_table_add(table, "%zu of %zu", result->different, result->compared);
    text_table_add(table, "%.2g", result->largest);
}

static void print_sums(const struct kernel_report *self, FILE *file)
{
    for (size_t i = 0; i < self->count; i++) {
        const struct kernel_result *result = &self->entries[i].result;
        if (result->of->explains && result->threads == 1)
            fprintf(file, "\n%s: contributions sum up to the margin within %.2g\n",
                    result->of->name, result->sums_apart);
    }
}

void kernel_report_table(const struct kernel_report *self, FILE *file)
{
    static const char *const heading[] = {
        "case",    "peer",  "threads", "records/s", "bound", "peer's records/s",
        "ns/tree", "ratio", "from-to", "condition", "aim",   "verdict",
        "differ",  "by"};
    print_head(self, file);
    struct text_table *table = text_table_new("llrrrrrrrrrlrr");
    if (table == NULL)
        return;
    for (size_t i = 0; i < sizeof heading / sizeof heading[0]; i++)
        text_table_add(table, "%s", heading[i]);
    for (size_t i = 0; i < self->count; i++)
        add_entry(table, &self->entries[i]);
    text_table_print(table, file);
    text_table_free(table);
    print_sums(self, file);
    if (self->left_out[0] != '\0')
        fprintf(file, "\nleft out: %s\n", self->left_out);
    fputs("\nrecords/s: with model_bind() of every batch; bound: without it, small "
          "batches only;\nns/tree: ours, of one thread, for a record in a tree; differ: "
          "values that are not the same bits, and by how much at most.\n",
          file);
}

/* Whether the entry's model is that of the one before. */
static bool is_same_model(const struct kernel_report *self, size_t index)
{
    return index > 0 && kernel_case_shares_model(self->entries[index].result.of,
                                                 self->entries[index - 1].result.of);
}

void kernel_report_kernels(const struct kernel_report *self, FILE *file)
{
    static const char *const heading[] = {"model of",     "kernel", "trees",
                                          "leaves",       "inputs", "KiB",
                                          "compiled KiB", "load ms"};
    struct text_table *table = text_table_new("llrrrrrr");
    if (table == NULL)
        return;
    for (size_t i = 0; i < sizeof heading / sizeof heading[0]; i++)
        text_table_add(table, "%s", heading[i]);
    for (size_t i = 0; i < self->count; i++) {
        const struct kernel_model_note *model = &self->entries[i].model;
        if (is_same_model(self, i))
            continue;
        text_table_add(table, "%s", self->entries[i].result.of->name);
        text_table_add(table, "%s", model->kernel);
        text_table_add(table, "%zu", model->tree_count);
        text_table_add(table, "%zu", model->leaf_count);
        text_table_add(table, "%zu", model->input_count);
        text_table_add(table, "%zu", model->model_size / 1024);
        text_table_add(table, "%zu", model->kernel_size / 1024);
        text_table_add(table, "%.1f", model->load_ms);
    }
    text_table_print(table, file);
    text_table_free(table);
    fputc('\n', file);
}

/* ---- csv and json ---- */

void kernel_report_csv(const struct kernel_report *self, FILE *file)
{
    fputs("case,peer,threads,batch,records_per_s,bound_records_per_s,peer_records_per_s,"
          "ns_per_tree_record,ratio,ratio_min,ratio_max,condition,aim,verdict,compared,"
          "different,largest_difference,kernel,load_ms\n",
          file);
    for (size_t i = 0; i < self->count; i++) {
        const struct kernel_entry *entry = &self->entries[i];
        const struct kernel_result *result = &entry->result;
        fprintf(
            file,
            "%s,%s,%zu,%" PRIu32 ",%.1f,%.1f,%.1f,%.4f,%.3f,%.3f,%.3f,%g,%g,%s,%zu,%zu,"
            "%g,%s,%.3f\n",
            result->of->name, entry->model.peer, result->threads, result->of->batch_rows,
            result->ours.median, result->bound.median, result->theirs.median,
            kernel_tree_record_ns(result, entry->model.tree_count), result->ratio.median,
            result->ratio.min, result->ratio.max, result->of->condition, result->of->aim,
            verdicts[kernel_verdict(result)], result->compared, result->different,
            result->largest, entry->model.kernel, entry->model.load_ms);
    }
}

static void write_text(FILE *file, const char *key, const char *text)
{
    fprintf(file, "  \"%s\": ", key);
    json_write_text(file, text);
    fputs(",\n", file);
}

static void write_stats(FILE *file, const char *key, struct stats stats)
{
    fprintf(file, "     \"%s\": {\"median\": %.3f, \"min\": %.3f, \"max\": %.3f},\n", key,
            stats.median, stats.min, stats.max);
}

static void write_entry(FILE *file, const struct kernel_entry *entry)
{
    const struct kernel_result *result = &entry->result;
    const struct kernel_model_note *model = &entry->model;
    fprintf(
        file,
        "    {\"case\": \"%s\", \"peer\": \"%s\", \"threads\": %zu, \"batch\": %" PRIu32
        ",\n",
        result->of->name, model->peer, result->threads, result->of->batch_rows);
    write_stats(file, "records_per_s", result->ours);
    write_stats(file, "bound_records_per_s", result->bound);
    write_stats(file, "peer_records_per_s", result->theirs);
    write_stats(file, "ratio", result->ratio);
    fprintf(file,
            "     \"ns_per_tree_record\": %.4f, \"condition\": %g, \"aim\": %g,\n"
            "     \"verdict\": \"%s\", \"compared\": %zu, \"different\": %zu, "
            "\"largest_difference\": %g, \"sums_apart\": %g,\n"
            "     \"kernel\": \"%s\", \"trees\": %zu, \"leaves\": %zu, \"inputs\": %zu, "
            "\"model_bytes\": %zu, \"compiled_bytes\": %zu, \"load_ms\": %.3f}",
            kernel_tree_record_ns(result, model->tree_count), result->of->condition,
            result->of->aim, verdicts[kernel_verdict(result)], result->compared,
            result->different, result->largest, result->sums_apart, model->kernel,
            model->tree_count, model->leaf_count, model->input_count, model->model_size,
            model->kernel_size, model->load_ms);
}

static const char *origin_of(const struct kernel_table *table)
{
    return table == NULL ? "" : table->origin;
}

void kernel_report_json(const struct kernel_report *self, FILE *file)
{
    struct machine machine;
    machine_read(&machine);
    fputs("{\n", file);
    write_text(file, "version", CHW_VERSION);
    write_text(file, "build", machine_build());
    write_text(file, "compiler", __VERSION__);
    write_text(file, "left_out", self->left_out);
    write_text(file, "cpu", machine.cpu);
    write_text(file, "system", machine.system);
    write_text(file, "rows", origin_of(self->table));
    write_text(file, "continuous_rows", origin_of(self->continuous));
    write_text(file, "encoding", self->encoding);
    fprintf(
        file,
        "  \"proxies\": %s,\n  \"cpu_time\": %s,\n  \"cores\": %ld,\n  \"seed\": %" PRIu64
        ",\n  \"runs\": %zu,\n"
        "  \"seconds\": %g,\n  \"cases\": [\n",
        self->proxies ? "true" : "false", self->cpu_time ? "true" : "false",
        machine.cores, self->seed, self->runs, self->seconds);
    for (size_t i = 0; i < self->count; i++) {
        write_entry(file, &self->entries[i]);
        fputs(i + 1 < self->count ? ",\n" : "\n", file);
    }
    fputs("  ]\n}\n", file);
}
