/* SPDX-License-Identifier: Apache-2.0 */
/* command_demo.c - chw demo: the whole path, from nothing, as a person would walk it.
 * Each step is a command that could be typed; the children are real and end with this
 * one. */
#include "base/clock.h"
#include "base/config.h"
#include "base/file.h"
#include "client/commands.h"
#include "client/data_folder.h"
#include "client/demo_files.h"
#include "client/probe.h"
#include "client/process.h"
#include "client/store_option.h"
#include "model/model.h"
#include "table/text_table.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum {
    PATH_SIZE = 512,
    STEP_MS = 300000, /* no step takes this long; a guard, not a pace */
    TICK_MS = 100,
    FIRST_BATCH_MS = 10,
    ENDING_MS = 30000,
    SECOND_PART_SHARE = 10, /* of the records, within: */
    SECOND_PART_MIN = 20000,
    SECOND_PART_MAX = 40000,
    FIRST_PART_SHARE = 5, /* of the second */
    COLUMNS_MAX = 100,
    ARGUMENTS_MAX = 32 + 2 * COLUMNS_MAX,
    VERSION_SHOWN = 12,
};

struct demo_config {
    char *data, *records, *region_column, *target, *positive, *name;
    struct config_list ids, drops;
    uint64_t rows, workers;
};

#define KEY(name, type, field) name, type, offsetof(struct demo_config, field)
static const struct config_key keys[] = {
    {KEY("data", CONFIG_TEXT, data), NULL, 0, 0, "DIR",
     "a folder without a store (default: a new chw-demo-N)"},
    {KEY("rows", CONFIG_COUNT, rows), "1000000", 1000, 100000000, "N",
     "synthetic people"},
    {KEY("workers", CONFIG_COUNT, workers), "2", 1, 64, "N", "worker processes"},
    {KEY("records", CONFIG_TEXT, records), NULL, 0, 0, "FILE",
     "use this table (.csv or .csv.gz) instead of synthetic people; then:"},
    {KEY("region-column", CONFIG_TEXT, region_column), NULL, 0, 0, "COLUMN",
     "its column with the region"},
    {KEY("target", CONFIG_TEXT, target), NULL, 0, 0, "COLUMN",
     "its column with the outcome"},
    {KEY("positive", CONFIG_TEXT, positive), NULL, 0, 0, "VALUE",
     "the target's value that is the outcome"},
    {KEY("name", CONFIG_TEXT, name), NULL, 0, 0, "NAME",
     "the model's name (default: the target in small letters)"},
    {KEY("id-column", CONFIG_LIST, ids), NULL, 0, 0, "COLUMN",
     "a column that names a person or a row"},
    {KEY("drop", CONFIG_LIST, drops), NULL, 0, 0, "COLUMN", "leave the column out"},
};
#undef KEY

static const struct config_spec spec = {
    .program = "chw demo",
    .summary =
        "Start a cluster, train and publish a model, stream records of all regions\n"
        "through it, publish a second version while the stream runs, and plan what each\n"
        "region gets.",
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .notes = "Synthetic people are made up; tiers are for demonstration. The folder is "
             "kept, its\nprocesses end with the command. Example with real records:\n"
             "  chw demo --records heart.csv.gz --region-column state --target "
             "HeartDisease \\\n      --positive Yes --id-column row_id\n",
};

enum child { CLUSTER, TRAINER, STREAM, PLANNER, CHILD_COUNT };

struct demo {
    const struct demo_config *config;
    char home[PATH_SIZE - 32]; /* the data folder */
    struct data_folder folder;
    char records[PATH_SIZE], name[64];
    const char *region_column, *target, *positive;
    uint64_t rows;
    uint64_t part_rows[2]; /* that the two versions are trained on */
    struct {
        pid_t pid; /* 0: not running */
        int exit_code;
        uint64_t started_ms, ended_ms;
    } children[CHILD_COUNT];
    int signal; /* that asked us to stop; 0: none */
    struct error_text *error;
};

/* ---- words ---- */

static void say(const char *step, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const char *step, const char *format, ...)
{
    va_list arguments;
    if (isatty(STDOUT_FILENO)) /* the line may hold the stream's progress bar */
        fputs("\r\033[K", stdout);
    printf("%-11s ", step);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

static double seconds(uint64_t from_ms, uint64_t to_ms)
{
    return (double)(to_ms - from_ms) / 1000;
}

static void path_of(const struct demo *self, const char *name, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%s", self->home, name);
}

/* ---- children ---- */

struct arguments {
    const char *items[ARGUMENTS_MAX + 1];
    size_t count;
};

static void add(struct arguments *self, const char *word)
{
    assert(self->count < ARGUMENTS_MAX);
    self->items[self->count++] = word;
}

static void add_pair(struct arguments *self, const char *flag, const char *value)
{
    if (value != NULL) {
        add(self, flag);
        add(self, value);
    }
}

static void add_list(struct arguments *self, const char *flag,
                     const struct config_list *values)
{
    for (size_t i = 0; i < values->count; i++)
        add_pair(self, flag, values->items[i]);
}

static enum status start(struct demo *self, enum child child,
                         const struct arguments *arguments, const char *log)
{
    const struct process_spec process = {
        .argv = arguments->items, .log = log, .output = -1, .parent_dies = SIGTERM};
    self->children[child].started_ms = clock_monotonic_ms();
    return process_start(&process, &self->children[child].pid, self->error);
}

static void reap(struct demo *self)
{
    pid_t pid;
    int exit_code;
    while (process_reap(&pid, &exit_code))
        for (size_t i = 0; i < CHILD_COUNT; i++)
            if (self->children[i].pid == pid) {
                self->children[i].pid = 0;
                self->children[i].exit_code = exit_code;
                self->children[i].ended_ms = clock_monotonic_ms();
            }
}

/* Let time pass, up to timeout_ms or until something happens. */
static enum status pass_time(struct demo *self, uint64_t timeout_ms)
{
    int number = process_wait_signal(timeout_ms);
    reap(self);
    if (number != 0 && number != SIGCHLD) {
        self->signal = number;
        return error_set(self->error, STATUS_UNAVAILABLE, "stopped by signal %d", number);
    }
    if (self->children[CLUSTER].pid == 0)
        return error_set(self->error, STATUS_UNAVAILABLE,
                         "the cluster ended with code %d; %s/cluster.log says why",
                         self->children[CLUSTER].exit_code, self->home);
    return STATUS_OK;
}

static enum status await(struct demo *self, enum child child, const char *what)
{
    uint64_t deadline_ms = clock_monotonic_ms() + STEP_MS;
    while (self->children[child].pid != 0) {
        enum status status = pass_time(self, TICK_MS);
        if (status != STATUS_OK)
            return status;
        if (clock_monotonic_ms() > deadline_ms)
            return error_set(self->error, STATUS_UNAVAILABLE, "%s took longer than %d s",
                             what, STEP_MS / 1000);
    }
    if (self->children[child].exit_code != EX_OK)
        return error_set(self->error, STATUS_UNAVAILABLE, "%s ended with code %d", what,
                         self->children[child].exit_code);
    return STATUS_OK;
}

static void end_child(struct demo *self, enum child child)
{
    uint64_t deadline_ms = clock_monotonic_ms() + ENDING_MS;
    if (self->children[child].pid == 0)
        return;
    kill(self->children[child].pid, SIGTERM);
    while (self->children[child].pid != 0 && clock_monotonic_ms() < deadline_ms) {
        process_wait_signal(TICK_MS);
        reap(self);
    }
    if (self->children[child].pid != 0) /* its own children go with it */
        kill(self->children[child].pid, SIGKILL);
}

static void end_children(struct demo *self)
{
    end_child(self, PLANNER);
    end_child(self, STREAM);
    end_child(self, TRAINER);
    end_child(self, CLUSTER);
}

/* ---- the folder and the records ---- */

static enum status make_new_folder(struct demo *self)
{
    for (int n = 1; n < 10000; n++) {
        snprintf(self->home, sizeof self->home, "chw-demo-%d", n);
        if (mkdir(self->home, 0700) == 0)
            return STATUS_OK;
        if (errno != EEXIST)
            break;
    }
    return error_set(self->error, STATUS_IO, "%s: %s", self->home, strerror(errno));
}

static enum status prepare_folder(struct demo *self)
{
    enum status status = STATUS_OK;
    if (self->config->data == NULL)
        status = make_new_folder(self);
    else
        snprintf(self->home, sizeof self->home, "%s", self->config->data);
    if (status == STATUS_OK)
        status =
            data_folder_name(self->config->data == NULL ? self->home : self->config->data,
                             &self->folder, self->error);
    if (status == STATUS_OK && access(self->folder.store + strlen("sqlite:"), F_OK) == 0)
        return error_set(self->error, STATUS_TAKEN,
                         "%s has a store: the demonstration wants a folder of its own",
                         self->home);
    return status == STATUS_OK ? file_make_folder(self->home, self->error) : status;
}

static enum status check_records(const struct demo_config *config,
                                 struct error_text *error)
{
    if (config->records != NULL &&
        (config->region_column == NULL || config->target == NULL))
        return error_set(error, STATUS_INVALID,
                         "--records needs --region-column and --target too");
    if (config->records == NULL &&
        (config->region_column != NULL || config->target != NULL))
        return error_set(error, STATUS_INVALID,
                         "--region-column and --target are for --records");
    if (config->ids.count + config->drops.count > COLUMNS_MAX)
        return error_set(
            error, STATUS_INVALID,
            "at most %d --id-column and --drop; `chw train` takes any number",
            COLUMNS_MAX);
    return STATUS_OK;
}

/* "HeartDisease" -> "heartdisease" */
static void name_model(struct demo *self)
{
    const char *from = self->config->name != NULL ? self->config->name : self->target;
    size_t size = 0;
    for (; *from != '\0' && size + 1 < sizeof self->name; from++) {
        int letter = tolower((unsigned char)*from);
        self->name[size++] = isalnum(letter) && letter < 128 ? (char)letter : '-';
    }
}

/* A table that cannot be used is refused before anything is made. */
static enum status choose_records(struct demo *self)
{
    const struct demo_config *config = self->config;
    bool own = config->records == NULL;
    enum status status = check_records(config, self->error);
    if (status != STATUS_OK)
        return status;
    self->region_column = own ? "region" : config->region_column;
    self->target = own ? "chd" : config->target;
    self->positive = config->positive;
    self->rows = config->rows;
    name_model(self);
    if (own)
        return STATUS_OK;
    if (strlen(config->records) >= sizeof self->records)
        return error_set(self->error, STATUS_INVALID,
                         "the path of --records is too long");
    snprintf(self->records, sizeof self->records, "%s", config->records);
    status = demo_count_rows(self->records, self->region_column, self->target,
                             &self->rows, self->error);
    if (status == STATUS_OK)
        say("records", "%s: %" PRIu64 " rows", self->records, self->rows);
    return status;
}

static enum status make_people(struct demo *self)
{
    char rows[24];
    if (self->config->records != NULL)
        return STATUS_OK;
    snprintf(rows, sizeof rows, "%" PRIu64, self->rows);
    path_of(self, "people.csv", self->records);
    char *argv[] = {(char[]){"generate"}, (char[]){"--rows"}, rows,
                    (char[]){"-o"},       self->records,      NULL};
    printf("%-11s ", "people");
    fflush(stdout);
    if (command_generate(5, argv) != EX_OK)
        return error_set(self->error, STATUS_IO, "no population could be made");
    return STATUS_OK;
}

/* ---- the steps ---- */

static enum status start_cluster(struct demo *self)
{
    char workers[24], log[PATH_SIZE];
    struct arguments arguments = {.count = 0};
    struct probe *probe;
    uint64_t began_ms = clock_monotonic_ms();
    snprintf(workers, sizeof workers, "%" PRIu64, self->config->workers);
    path_of(self, "cluster.log", log);
    add(&arguments, "chw");
    add(&arguments, "up");
    add_pair(&arguments, "--data", self->home);
    add_pair(&arguments, "--workers", workers);
    enum status status = start(self, CLUSTER, &arguments, log);
    if (status == STATUS_OK)
        status =
            probe_open(self->folder.front, self->folder.back, false, &probe, self->error);
    if (status != STATUS_OK)
        return status;
    while (status == STATUS_OK && !probe_answers(probe, TICK_MS)) {
        status = pass_time(self, 0);
        if (status == STATUS_OK && clock_monotonic_ms() > began_ms + STEP_MS)
            status = error_set(self->error, STATUS_UNAVAILABLE,
                               "the cluster does not answer; see %s", log);
    }
    probe_close(probe);
    if (status == STATUS_OK)
        say("cluster", "a broker and %s workers answer (%.1f s)", workers,
            seconds(began_ms, clock_monotonic_ms()));
    return status;
}

/* Part 1 and 2 are trained on; cut before the stream, so that it does not wait for us. */
static enum status cut_parts(struct demo *self)
{
    char first[PATH_SIZE], second[PATH_SIZE];
    uint64_t wanted = self->rows / SECOND_PART_SHARE;
    if (wanted < SECOND_PART_MIN)
        wanted = SECOND_PART_MIN;
    if (wanted > SECOND_PART_MAX)
        wanted = SECOND_PART_MAX;
    uint64_t stride = self->rows < wanted ? 1 : self->rows / wanted;
    path_of(self, "part-1.csv", first);
    path_of(self, "part-2.csv", second);
    enum status status = demo_cut(self->records, stride * FIRST_PART_SHARE, first,
                                  &self->part_rows[0], self->error);
    if (status == STATUS_OK)
        status =
            demo_cut(self->records, stride, second, &self->part_rows[1], self->error);
    return status;
}

static const struct training {
    const char *step, *part, *estimator, *alias, *log;
} trainings[] = {
    {"model 1", "part-1.csv", "logistic", "champion", "train-1.log"},
    {"model 2", "part-2.csv", "boosting", "challenger", "train-2.log"},
};

static enum status start_training(struct demo *self, const struct training *training,
                                  const char *log)
{
    char path[PATH_SIZE];
    struct arguments arguments = {.count = 0};
    path_of(self, training->part, path);
    add(&arguments, "chw-train");
    add(&arguments, path);
    add_pair(&arguments, "--target", self->target);
    add_pair(&arguments, "--positive", self->positive);
    add_pair(&arguments, "--name", self->name);
    add_pair(&arguments, "--estimator", training->estimator);
    add_pair(&arguments, "--promote", training->alias);
    add_pair(&arguments, "--data", self->home);
    if (self->config->records == NULL) {
        add_pair(&arguments, "--id-column", "person_id");
        add_pair(&arguments, "--drop", "diabetes");
    }
    add_list(&arguments, "--id-column", &self->config->ids);
    add_list(&arguments, "--drop", &self->config->drops);
    return start(self, TRAINER, &arguments, log);
}

static void show_log_end(const char *path)
{
    uint8_t *bytes;
    size_t size;
    int lines = 0;
    if (file_read(path, 1 << 20, &bytes, &size, NULL) != STATUS_OK)
        return;
    size_t at = size;
    while (at > 0 && lines <= 8)
        lines += bytes[--at] == '\n';
    fprintf(stderr, "---- the end of %s\n%s\n", path,
            (const char *)bytes + at + (at > 0));
    free(bytes);
}

static double metric(const Chw__Lineage *lineage, const char *name)
{
    for (size_t i = 0; i < lineage->n_metrics; i++)
        if (strcmp(lineage->metrics[i]->name, name) == 0)
            return lineage->metrics[i]->number;
    return 0;
}

/* What an alias is now, as a sentence. */
static enum status describe(struct demo *self, const char *alias, char *text, size_t size)
{
    struct store *store;
    struct digest version;
    struct model *model = NULL;
    uint8_t *bytes = NULL;
    size_t byte_count;
    char hex[DIGEST_HEX_SIZE];
    enum status status = store_option_open(NULL, self->folder.store, &store, self->error);
    if (status != STATUS_OK)
        return status;
    status =
        store_alias_get(store, ARTIFACT_MODEL, self->name, alias, &version, self->error);
    if (status == STATUS_OK)
        status =
            store_get(store, ARTIFACT_MODEL, &version, &bytes, &byte_count, self->error);
    if (status == STATUS_OK)
        status = model_load(bytes, byte_count, &model, self->error);
    if (status == STATUS_OK) {
        const Chw__Lineage *lineage = model_message(model)->lineage;
        digest_format(&version, hex);
        hex[VERSION_SHOWN] = '\0';
        snprintf(text, size, "%s@%s is version %s, AUC %.3f held out", self->name, alias,
                 hex, lineage == NULL ? 0 : metric(lineage, "auc"));
    }
    model_free(model);
    free(bytes);
    store_close(store);
    return status;
}

static enum status finish_training(struct demo *self, const struct training *training,
                                   const char *log, uint64_t rows)
{
    char text[256];
    enum status status = await(self, TRAINER, "training");
    if (status != STATUS_OK) {
        if (self->signal == 0)
            show_log_end(log);
        return status;
    }
    status = describe(self, training->alias, text, sizeof text);
    if (status == STATUS_OK)
        say(training->step, "%s on %" PRIu64 " records (%.1f s): %s", training->estimator,
            rows,
            seconds(self->children[TRAINER].started_ms, self->children[TRAINER].ended_ms),
            text);
    return status;
}

static enum status train_first(struct demo *self)
{
    char log[PATH_SIZE];
    path_of(self, trainings[0].log, log);
    enum status status = start_training(self, &trainings[0], log);
    return status == STATUS_OK
               ? finish_training(self, &trainings[0], log, self->part_rows[0])
               : status;
}

static enum status start_stream(struct demo *self)
{
    char results[PATH_SIZE];
    struct arguments arguments = {.count = 0};
    path_of(self, "results.csv", results);
    add(&arguments, "chw");
    add(&arguments, "score");
    add(&arguments, self->records);
    add_pair(&arguments, "--region-column", self->region_column);
    add_pair(&arguments, "--data", self->home);
    add_pair(&arguments, "-o", results);
    say("stream",
        "%" PRIu64 " records, all regions at once; meanwhile a second model, of "
        "boosted trees, is trained",
        self->rows);
    return start(self, STREAM, &arguments, NULL);
}

static bool note_demand(void *arg, const struct demand_cell *cell)
{
    bool *counted = arg;
    *counted = cell->people > 0;
    return !*counted;
}

/* Until the first batch is counted: before, chw score reads and digests the table. */
static enum status await_first_batch(struct demo *self)
{
    struct store *store;
    bool counted = false;
    enum status status = store_option_open(NULL, self->folder.store, &store, self->error);
    if (status != STATUS_OK)
        return status;
    while (status == STATUS_OK && !counted && self->children[STREAM].pid != 0) {
        status = store_demand(store, 0, note_demand, &counted, self->error);
        if (status == STATUS_OK && !counted)
            status = pass_time(self, FIRST_BATCH_MS);
    }
    store_close(store);
    return status;
}

/* The challenger becomes champion, as `chw model promote` does it. */
static enum status promote_second(struct demo *self)
{
    struct store *store;
    struct digest version;
    enum status status = store_option_open(NULL, self->folder.store, &store, self->error);
    if (status != STATUS_OK)
        return status;
    status = store_alias_get(store, ARTIFACT_MODEL, self->name, trainings[1].alias,
                             &version, self->error);
    if (status == STATUS_OK)
        status = store_alias_move(store, ARTIFACT_MODEL, self->name, trainings[0].alias,
                                  &version, self->error);
    store_close(store);
    return status;
}

/* The second model is trained while chw score reads the table, and promoted while the
 * records stream. */
static enum status stream_and_train(struct demo *self)
{
    char log[PATH_SIZE];
    path_of(self, trainings[1].log, log);
    enum status status = start_stream(self);
    if (status == STATUS_OK)
        status = start_training(self, &trainings[1], log);
    if (status == STATUS_OK)
        status = finish_training(self, &trainings[1], log, self->part_rows[1]);
    if (status == STATUS_OK)
        status = await_first_batch(self);
    if (status == STATUS_OK)
        status = promote_second(self);
    reap(self);
    bool streams = self->children[STREAM].pid != 0;
    if (status == STATUS_OK && streams)
        say("", "promoted to champion while the stream runs");
    else if (status == STATUS_OK && self->children[STREAM].exit_code == EX_OK)
        say("", "the stream had ended before: try more --rows to see both serve");
    return status == STATUS_OK ? await(self, STREAM, "chw score") : status;
}

static void print_served(const struct demo_served *served)
{
    struct text_table *table = text_table_new("lr");
    if (table == NULL)
        return;
    text_table_add(table, "version that served");
    text_table_add(table, "records");
    for (size_t i = 0; i < served->version_count; i++) {
        text_table_add(table, "%.*s", VERSION_SHOWN, served->versions[i].version);
        text_table_count(table, (int64_t)served->versions[i].rows);
    }
    if (served->invalid > 0) {
        text_table_add(table, "none: invalid record");
        text_table_count(table, (int64_t)served->invalid);
    }
    putchar('\n');
    text_table_print(table, stdout);
    text_table_free(table);
    if (served->version_count < 2)
        puts("Only one version served this stream: it ended, or the promotion came, too "
             "soon.");
}

static enum status report(struct demo *self)
{
    char results[PATH_SIZE];
    struct demo_served served;
    double took =
        seconds(self->children[STREAM].started_ms, self->children[STREAM].ended_ms);
    path_of(self, "results.csv", results);
    enum status status = demo_read_results(results, self->name, &served, self->error);
    if (status != STATUS_OK)
        return status;
    if (served.rows != self->rows)
        return error_set(self->error, STATUS_CORRUPT,
                         "%s has %" PRIu64 " rows for %" PRIu64 " records", results,
                         served.rows, self->rows);
    say("streamed",
        "%" PRIu64 " records in %.1f s: %.0f records/s, from the table to "
        "the results",
        served.rows, took, (double)served.rows / took);
    print_served(&served);
    char *argv[] = {(char[]){"demand"}, (char[]){"--data"}, self->home, NULL};
    putchar('\n');
    return command_demand(3, argv) == EX_OK
               ? STATUS_OK
               : error_set(self->error, STATUS_UNAVAILABLE, "no demand could be read");
}

/* ---- the plan ---- */

/* A month's means for so many records, made up as they are. */
static enum status write_allocation(const struct demo *self)
{
    char text[1024];
    double rows = (double)self->rows;
    int size = snprintf(
        text, sizeof text,
        "# What there is to plan with (docs/planning.md). The numbers are made up.\n"
        "resources:\n"
        "  chw_hours:    {capacity: %.0f, unit: hours}\n"
        "  test_kits:    {capacity: %.0f, unit: kits}\n"
        "  clinic_slots: {capacity: %.0f, unit: slots, scope: local}\n"
        "services:\n"
        "  home_visit:    {target: %s, tiers: [moderate, high], benefit: 0.3,\n"
        "                  uses: {chw_hours: 0.75, test_kits: 1}}\n"
        "  clinic_review: {target: %s, tiers: [high], benefit: 1.0,\n"
        "                  uses: {chw_hours: 0.25, clinic_slots: 1}}\n",
        rows * 0.1, rows * 0.2, rows * 0.001, self->name, self->name);
    return file_replace(self->folder.allocation, text, (size_t)size, self->error);
}

static enum status plan(struct demo *self)
{
    struct arguments arguments = {.count = 0};
    enum status status = write_allocation(self);
    if (status != STATUS_OK)
        return status;
    say("plan", "`chw plan solve`, with the made-up means of %s",
        self->folder.allocation);
    putchar('\n');
    fflush(stdout);
    add(&arguments, "chw");
    add(&arguments, "plan");
    add(&arguments, "solve");
    add_pair(&arguments, "--data", self->home);
    status = start(self, PLANNER, &arguments, NULL);
    return status == STATUS_OK ? await(self, PLANNER, "chw plan") : status;
}

static void say_what_it_was(const struct demo *self)
{
    puts("");
    if (self->config->records == NULL)
        puts("The people are synthetic: made up by a seeded generator "
             "(docs/synthetic.md). "
             "No number\nhere is a finding about anyone.");
    puts(
        "The tiers (low from 0, moderate from .05, high from .20) are for demonstration: "
        "a clinician\nsets them before use.");
    printf("Kept in %s: %sresults.csv, store.db, allocation.yaml, part-1.csv, "
           "part-2.csv, train-1.log,\n"
           "train-2.log, cluster.log. `chw up --data %s` goes on from here.\n",
           self->home, self->config->records == NULL ? "people.csv, " : "", self->home);
}

static enum status run(struct demo *self)
{
    static enum status (*const steps[])(struct demo * self) = {
        choose_records, prepare_folder,   make_people, cut_parts, start_cluster,
        train_first,    stream_and_train, report,      plan,
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof steps / sizeof steps[0]; i++)
        status = steps[i](self);
    end_children(self);
    if (status == STATUS_OK)
        say_what_it_was(self);
    return status;
}

int command_demo(int argc, char **argv)
{
    struct demo_config config = {0};
    struct error_text error = {""};
    int exit_code;
    if (!config_load(&spec, argc, argv, &config, NULL, &exit_code))
        return exit_code;
    struct demo demo = {.config = &config, .error = &error};
    process_signals();
    enum status status = run(&demo);
    if (status != STATUS_OK)
        fprintf(stderr, "chw demo: %s\n", error.text);
    config_free(&spec, &config, NULL);
    return demo.signal != 0 ? 128 + demo.signal : status_exit_code(status);
}
