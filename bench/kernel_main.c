/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_main.c - chw-bench-kernel: a table -> a model per group of cases -> each case
 * beside its peer -> report. */
#include "base/config.h"
#include "base/log.h"
#include "bench/kernel_compare.h"
#include "bench/kernel_rate.h"
#include "bench/kernel_report.h"
#include "bench/machine.h"
#include "client/process.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char default_data[] = "../shared/data/brfss2020_heart_state.csv.gz";

struct bench_config {
    struct config_list cases;
    char *data, *models, *encoding, *format;
    uint64_t runs, threads, seed, rows, trees;
    double seconds;
    bool generate, keep_proxy, cpu_time, print_kernels;
};

#define KEY(name, type, field) name, type, offsetof(struct bench_config, field)
static const struct config_key keys[] = {
    {KEY("case", CONFIG_LIST, cases), NULL, 0, 0, "NAME",
     "run this case, or those that begin so; several times for several (default: all)"},
    {KEY("runs", CONFIG_COUNT, runs), "5", 1, KERNEL_RUNS_MAX, "N",
     "measured runs of each side, in turn"},
    {KEY("seconds", CONFIG_REAL, seconds), "0.5", 0, 0, "S",
     "how long a run lasts, at least; and at least one batch"},
    {KEY("cpu-time", CONFIG_FLAG, cpu_time), NULL, 0, 0, NULL,
     "count the threads' CPU time, not the time that passes: where others are busy"},
    {KEY("threads", CONFIG_COUNT, threads), "2", 1, KERNEL_THREADS_MAX, "N",
     "measure with one thread, then with so many"},
    {KEY("data", CONFIG_TEXT, data), NULL, 0, 0, "FILE",
     "BRFSS 2020 as CSV (default: " /* see default_data */
     "../shared/data/brfss2020_heart_state.csv.gz, else as --generate)"},
    {KEY("generate", CONFIG_FLAG, generate), NULL, 0, 0, NULL,
     "make a synthetic population instead"},
    {KEY("rows", CONFIG_COUNT, rows), "0", 0, 10000000, "N",
     "use so many rows at most to train and score; 0: all"},
    {KEY("trees", CONFIG_COUNT, trees), "0", 0, 10000, "N",
     "train so many trees at most; 0: as the cases say"},
    {KEY("models", CONFIG_TEXT, models), NULL, 0, 0, "DIR",
     "keep XGBoost's models here, and take them when they come from the same"},
    {KEY("encoding", CONFIG_TEXT, encoding), "one-hot", 0, 0, "HOW",
     "categories as inputs of trees: one-hot, as chw train has them, or code"},
    {KEY("seed", CONFIG_COUNT, seed), "1", 0, 0, "N",
     "of the split, the training and what is made up"},
    {KEY("format", CONFIG_TEXT, format), "table", 0, 0, "FORMAT", "table, csv or json"},
    {KEY("keep-proxy", CONFIG_FLAG, keep_proxy), NULL, 0, 0, NULL,
     "keep XGBoost's proxy DMatrix between calls, which small batches gain by"},
    {KEY("print-kernels", CONFIG_FLAG, print_kernels), NULL, 0, 0, NULL,
     "also print which kernel each model has, and its loading (table only)"},
};
#undef KEY

static const struct config_spec spec = {
    .program = "chw-bench-kernel",
    .summary = "Measure the scoring kernels beside XGBoost and scikit-learn.",
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .notes =
        "Trains each model by its peer, reads it as ours, scores the same held-out rows\n"
        "by both, compares the scores (XGBoost's margins bit for bit), then measures "
        "ours\n"
        "and theirs in turn. Ours: typed columns, model_bind() of every batch included.\n"
        "XGBoost: dense in-place prediction of rows of float32 in this process;\n"
        "scikit-learn: predict_proba() in a process of its own, where it is installed.\n"
        "Inputs are made before the clock starts. Files between them are in TMPDIR, or "
        "/tmp.\n\n"
        "Cases, as model, trees and records of a batch: "
        "boosting-500-{65536,4096,256,128,64,32,16,8,1},\n"
        "boosting-100-{the same}, depth8-500-65536, continuous-500-65536,\n"
        "forest-100-{65536,1024}, sklearn-forest-{65536,1024}, logistic-65536;\n"
        "explanations: treeshap-500-256, treeshap-depth8-500-64.\n\n"
        "docs/benchmark.md says more. Wants a release build and an idle machine.\n\n"
        "Exit codes: 0 measured, whatever the ratios; 65 the scores are not equal.\n",
};

struct bench {
    const struct bench_config *config;
    struct kernel_table *table, *continuous; /* read when first needed */
    struct kernel_subject subject;
    const struct kernel_case *subject_of; /* NULL: there is none */
    struct kernel_report report;
    struct error_text *error;
};

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static bool some_case_is_named(char *const *name)
{
    const struct kernel_case *next;
    for (size_t i = 0; (next = kernel_case_at(i)) != NULL; i++)
        if (kernel_case_is_named(next, name, 1))
            return true;
    return false;
}

static enum status check_config(struct bench *self)
{
    static const char *const formats[] = {"table", "csv", "json", NULL};
    static const char *const encodings[] = {"one-hot", "code", NULL};
    const struct bench_config *config = self->config;
    if (!is_one_of(config->format, formats))
        return error_set(self->error, STATUS_INVALID,
                         "--format is '%.20s'; expected table, csv or json",
                         config->format);
    if (!is_one_of(config->encoding, encodings))
        return error_set(self->error, STATUS_INVALID,
                         "--encoding is '%.20s'; expected one-hot or code",
                         config->encoding);
    if (!(config->seconds >= 0 && config->seconds <= 3600))
        return error_set(self->error, STATUS_INVALID,
                         "--seconds is %g; expected 0 to 3600", config->seconds);
    for (size_t i = 0; i < config->cases.count; i++)
        if (!some_case_is_named(&config->cases.items[i]))
            return error_set(self->error, STATUS_INVALID,
                             "--case %.40s: there is no such case; --help names them",
                             config->cases.items[i]);
    if (!machine_is_release())
        fputs("chw-bench-kernel: warning: this is no release build; its figures say "
              "nothing\n",
              stderr);
    return STATUS_OK;
}

/* ---- tables and models ---- */

static const char *choose_data(const struct bench_config *config)
{
    if (config->generate)
        return NULL;
    if (config->data != NULL)
        return config->data;
    return access(default_data, R_OK) == 0 ? default_data : NULL;
}

static enum status open_table(struct bench *self, bool continuous,
                              const struct kernel_table **out)
{
    const struct bench_config *config = self->config;
    struct kernel_table **table = continuous ? &self->continuous : &self->table;
    enum status status = STATUS_OK;
    if (*table == NULL)
        status = continuous
                     ? kernel_table_make(config->rows, config->seed, table, self->error)
                     : kernel_table_open(choose_data(config), config->rows, config->seed,
                                         table, self->error);
    *out = *table;
    return status;
}

/* The model of the case, where it is not that of the case before. */
static enum status train(struct bench *self, const struct kernel_case *of,
                         const struct kernel_table *table)
{
    const struct bench_config *config = self->config;
    const struct kernel_request request = {
        .table = table,
        .codes = strcmp(config->encoding, "code") == 0,
        .seed = config->seed,
        .proxies = config->keep_proxy,
        .models = config->models,
    };
    if (self->subject_of != NULL && kernel_case_shares_model(self->subject_of, of))
        return STATUS_OK;
    kernel_subject_release(&self->subject);
    self->subject_of = NULL;
    struct kernel_recipe recipe = of->recipe;
    if (config->trees > 0 && recipe.trees > config->trees)
        recipe.trees = config->trees;
    fprintf(stderr, "%s: %zu rows to train on, of %s\n", of->name,
            table->split->train_count, table->origin);
    enum status status =
        kernel_subject_train(&request, &recipe, &self->subject, self->error);
    if (status == STATUS_OK)
        self->subject_of = of;
    return status;
}

/* ---- cases ---- */

static void note(struct bench *self, const struct kernel_result *result)
{
    const struct kernel_subject *subject = &self->subject;
    struct kernel_entry *entry = &self->report.entries[self->report.count++];
    *entry = (struct kernel_entry){
        .result = *result,
        .model = {.kernel = model_kernel(subject->model),
                  .load_ms = subject->load_ms,
                  .model_size = subject->model_size,
                  .kernel_size = model_kernel_bytes(subject->model),
                  .tree_count = subject->tree_count,
                  .leaf_count = subject->leaf_count,
                  .input_count = subject->design.width},
    };
    snprintf(entry->model.peer, sizeof entry->model.peer, "%s", subject->peer);
}

static void leave_out(struct bench *self, const struct kernel_case *of)
{
    char *text = self->report.left_out;
    size_t size = sizeof self->report.left_out, used = strlen(text);
    fprintf(stderr, "%s is left out: %s\n", of->name, self->error->text);
    snprintf(text + used, size - used, "%s%s (%s)", used > 0 ? ", " : "", of->name,
             self->error->text);
}

static enum status compare(struct bench *self, const struct kernel_case *of)
{
    const struct bench_config *config = self->config;
    const struct kernel_setting setting = {
        .threads = {1, config->threads},
        .thread_count = config->threads > 1 ? 2 : 1,
        .runs = config->runs,
        .seconds = config->seconds,
        .cpu_time = config->cpu_time,
    };
    struct kernel_result results[KERNEL_SETTINGS_MAX];
    enum status status =
        kernel_compare(of, &self->subject, &setting, results, self->error);
    for (size_t i = 0; status == STATUS_OK && i < setting.thread_count; i++)
        note(self, &results[i]);
    return status;
}

static enum status run_case(struct bench *self, const struct kernel_case *of)
{
    const struct kernel_table *table;
    enum status status = open_table(self, of->recipe.continuous, &table);
    if (status != STATUS_OK)
        return status;
    status = train(self, of, table);
    if (status == STATUS_UNAVAILABLE) {
        leave_out(self, of);
        return STATUS_OK;
    }
    return status == STATUS_OK ? compare(self, of) : status;
}

static enum status run_cases(struct bench *self)
{
    const struct config_list *names = &self->config->cases;
    const struct kernel_case *next;
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && (next = kernel_case_at(i)) != NULL; i++)
        if (kernel_case_is_named(next, names->items, names->count))
            status = run_case(self, next);
    return status;
}

/* ---- report ---- */

static enum status print_report(struct bench *self)
{
    const struct bench_config *config = self->config;
    struct kernel_report *report = &self->report;
    report->table = self->table;
    report->continuous = self->continuous;
    report->encoding = config->encoding;
    report->proxies = config->keep_proxy;
    report->cpu_time = config->cpu_time;
    report->seed = config->seed;
    report->runs = config->runs;
    report->seconds = config->seconds;
    if (strcmp(config->format, "csv") == 0)
        kernel_report_csv(report, stdout);
    else if (strcmp(config->format, "json") == 0)
        kernel_report_json(report, stdout);
    else
        kernel_report_table(report, stdout);
    if (config->print_kernels && strcmp(config->format, "table") == 0) {
        fputc('\n', stdout);
        kernel_report_kernels(report, stdout);
    }
    return fflush(stdout) == 0
               ? STATUS_OK
               : error_set(self->error, STATUS_IO, "the report cannot be written");
}

/* Last, so that the report is there to look at. */
static enum status check_equal(struct bench *self)
{
    for (size_t i = 0; i < self->report.count; i++) {
        const struct kernel_result *result = &self->report.entries[i].result;
        if (!result->equal)
            return error_set(self->error, STATUS_CORRUPT,
                             "%s: %zu of %zu scores differ, by %g at most",
                             result->of->name, result->different, result->compared,
                             result->largest);
    }
    return STATUS_OK;
}

int main(int argc, char **argv)
{
    static enum status (*const steps[])(struct bench *) = {check_config, run_cases,
                                                           print_report, check_equal};
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
    log_open("chw-bench-kernel", LOG_WARN);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof steps / sizeof steps[0]; i++)
        status = steps[i](bench);
    if (status != STATUS_OK)
        fprintf(stderr, "chw-bench-kernel: %s\n",
                error.text[0] != '\0' ? error.text : status_text(status));
    kernel_subject_release(&bench->subject);
    kernel_table_free(bench->table);
    kernel_table_free(bench->continuous);
    free(bench);
    config_free(&spec, &config, NULL);
    return status_exit_code(status);
}
