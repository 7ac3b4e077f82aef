/* SPDX-License-Identifier: Apache-2.0 */
/* command_score.c - chw score: a table in, a result for each row out; runs again where it
 * was stopped. Options -> job -> what the models read -> rows to batches -> answers ->
 * results. */
#include "base/clock.h"
#include "base/config.h"
#include "base/day.h"
#include "base/progress.h"
#include "base/schedule.h"
#include "client/batcher.h"
#include "client/chw_status.h"
#include "client/commands.h"
#include "client/data_folder.h"
#include "client/interrupt.h"
#include "client/job.h"
#include "client/results.h"
#include "client/sent_columns.h"
#include "client/spool_state.h"
#include "table/csv_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum {
    MODELS_MAX = 16,
    GATHERED_CELLS_MAX = 1 << 24,   /* in unfinished batches, all regions together */
    FACTORS_OF_BATCH_MAX = 1 << 17, /* for each target: the largest reply is 16 MiB */
    WAIT_MS = 200,                  /* how soon a signal is seen */
    PATIENCE_MS = 5000,             /* before we say what we wait for */
};

struct score_config {
    char *region_column, *output, *as_of, *data, *broker, *spool, *columns;
    struct config_list models;
    char *priority;
    uint64_t batch_rows, window, explain, deadline_ms, spool_bytes;
    bool what_if, insecure, new_job, wait;
};

#define KEY(name, type, field) name, type, offsetof(struct score_config, field)
static const struct config_key keys[] = {
    {KEY("region-column", CONFIG_TEXT, region_column), NULL, 0, 0, "COLUMN",
     "the column that names each record's region"},
    {KEY("model", CONFIG_LIST, models), NULL, 0, 0, "NAME@ALIAS",
     "score with this model instead of the program's"},
    {KEY("output", CONFIG_TEXT, output), NULL, 0, 0, "RESULTS.csv",
     "where the results go"},
    {KEY("as-of", CONFIG_TEXT, as_of), NULL, 0, 0, "YYYY-MM-DD",
     "the day the records belong to (default: today, UTC)"},
    {KEY("explain", CONFIG_COUNT, explain), "0", 0, CHW_FACTORS_MAX, "K",
     "also the K features that contributed most to each score"},
    {KEY("what-if", CONFIG_FLAG, what_if), NULL, 0, 0, NULL, "score only: count nothing"},
    {KEY("new-job", CONFIG_FLAG, new_job), NULL, 0, 0, NULL,
     "do not go on with an earlier run: score, and count, again"},
    {KEY("spool", CONFIG_TEXT, spool), NULL, 0, 0, "DIR",
     "keep the job's batches in DIR before they are sent, until they are answered"},
    {KEY("spool-bytes", CONFIG_COUNT, spool_bytes), "1073741824", 1 << 16, UINT64_MAX,
     "N", "what these may take on the disk"},
    {KEY("columns", CONFIG_TEXT, columns), NULL, 0, 0, "LIST",
     "send these (age,sex:category), instead of asking what the models read"},
    {KEY("wait", CONFIG_FLAG, wait), NULL, 0, 0, NULL,
     "with --spool: wait for a broker as long as it takes"},
    {KEY("data", CONFIG_TEXT, data), DATA_FOLDER_DEFAULT, 0, 0, "DIR",
     "the cluster's data folder"},
    {KEY("broker", CONFIG_TEXT, broker), NULL, 0, 0, "LIST",
     "the brokers' addresses for clients, with commas (default: the data folder's)"},
    {KEY("priority", CONFIG_TEXT, priority), "bulk", 0, 0, "PRIORITY",
     "bulk, or interactive: before what is bulk"},
    {KEY("deadline-ms", CONFIG_COUNT, deadline_ms), "0", 0, UINT32_MAX, "MS",
     "with --what-if: give up a batch that took longer (0: never)"},
    {KEY("insecure", CONFIG_FLAG, insecure), NULL, 0, 0, NULL,
     "allow TCP addresses that are not loopback"},
    {KEY("batch-rows", CONFIG_COUNT, batch_rows), "1024", 1, CHW_ROWS_MAX, "N",
     "records in a batch"},
    {KEY("window", CONFIG_COUNT, window), "64", 1, 1024, "N", "batches in flight"},
};
#undef KEY

static const struct config_spec spec = {
    .program = "chw score",
    .summary = "Score the records of a table (.csv or .csv.gz): a result for each row.",
    .operands = "FILE",
    .operands_min = 1,
    .operands_max = 1,
    .keys = keys,
    .key_count = sizeof keys / sizeof keys[0],
    .notes = "Only the columns that the models read leave the table, and the region.\n"
             "A run that was stopped goes on when the same command is run again; each "
             "record is\n"
             "counted once. The job is kept in RESULTS.csv.job.\n\n"
             "With --spool each batch is on the disk before it is sent. No cluster is "
             "needed to begin\n"
             "where --columns says what is sent: names, numbers but for those with "
             ":category, as\n"
             "`chw model show MODEL --columns` prints them. When no broker has answered "
             "for five\n"
             "seconds and the table is spooled, the command ends with 75. Run again, it "
             "goes on; or\n"
             "`chw spool flush DIR` sends, and the same command writes the results. Each "
             "job needs a\n"
             "DIR of its own.\n\n"
             "RESULTS.csv has row,region,status and for each target its probability, "
             "tier and\n"
             "model version; status is ok, `invalid: COLUMN: why` or `dead: why`. With "
             "--explain\n"
             "also its base and, the largest first, the factors that raised "
             "(contribution above 0)\n"
             "or lowered the score, in log-odds.\n\n"
             "Exit codes: 0 each row has a result, 64 wrong options, 65 the table, or a "
             "file in the\n"
             "spool, cannot be used, 66 no such file, column, model or program, 69 a "
             "batch was refused,\n"
             "or took longer than --deadline-ms, or no broker says what the models "
             "read, 74 a file\n"
             "cannot be written, 75 stopped, or no broker answers and batches stay in "
             "the spool: run\n"
             "again to resume.\n",
};

/* Of one run. */
struct scoring {
    const struct score_config *config;
    const char *input;
    char models_text[MODELS_MAX * 130];
    char model_names[MODELS_MAX][64], model_aliases[MODELS_MAX][64];
    struct chw_model models[MODELS_MAX];
    size_t model_count;

    struct job job;
    struct csv_reader *reader;
    size_t region_cell;
    struct batcher_column *columns;
    struct sent_columns_check *check; /* of a new job whose columns a person named */
    struct chw_client *client;
    struct batcher *batcher;
    struct results *results;
    struct progress *progress;

    bool is_scratch;        /* the job folder is this what-if's own, and goes with it */
    bool is_silent;         /* no broker answers */
    struct error_text full; /* why the spool takes no more; "": it does */

    uint64_t rows, batches, answered_rows, answered_batches, start_ms;
};

/* ---- options ---- */

static enum status take_model(struct scoring *self, const char *text,
                              struct error_text *error)
{
    const char *at = strchr(text, '@');
    size_t name_size = at == NULL ? 0 : (size_t)(at - text);
    if (self->model_count == MODELS_MAX)
        return error_set(error, STATUS_INVALID, "more than %d models", MODELS_MAX);
    if (name_size == 0 || name_size > 63 || at[1] == '\0' || strlen(at + 1) > 63)
        return error_set(error, STATUS_INVALID, "--model '%.140s' is not NAME@ALIAS",
                         text);
    char *name = self->model_names[self->model_count];
    char *alias = self->model_aliases[self->model_count];
    memcpy(name, text, name_size);
    snprintf(alias, 64, "%s", at + 1);
    self->models[self->model_count] = (struct chw_model){name, alias};
    size_t used = strlen(self->models_text);
    snprintf(self->models_text + used, sizeof self->models_text - used, "%s%s",
             self->model_count == 0 ? "" : ",", text);
    self->model_count++;
    return STATUS_OK;
}

static enum status check_options(struct scoring *self, struct error_text *error)
{
    const struct score_config *config = self->config;
    enum status status = STATUS_OK;
    if (config->region_column == NULL || config->output == NULL)
        return error_set(error, STATUS_INVALID,
                         "--region-column and -o are needed; try `chw score --help`");
    if (strlen(config->output) == 0 || config->output[strlen(config->output) - 1] == '/')
        return error_set(error, STATUS_INVALID, "-o must name a file");
    if (config->batch_rows * config->explain > FACTORS_OF_BATCH_MAX)
        return error_set(error, STATUS_INVALID,
                         "--batch-rows times --explain is at most %d",
                         FACTORS_OF_BATCH_MAX);
    if (strcmp(config->priority, "bulk") != 0 &&
        strcmp(config->priority, "interactive") != 0)
        return error_set(error, STATUS_INVALID,
                         "--priority is '%.40s'; expected bulk or interactive",
                         config->priority);
    if (config->deadline_ms > 0 && !config->what_if)
        return error_set(error, STATUS_INVALID,
                         "--deadline-ms needs --what-if: a batch that counts is kept "
                         "until it is answered");
    if (config->spool != NULL && config->what_if)
        return error_set(error, STATUS_INVALID,
                         "--spool does not go with --what-if: it counts nothing, so "
                         "there is nothing to keep");
    if (config->wait && config->spool == NULL)
        return error_set(error, STATUS_INVALID,
                         "--wait needs --spool: without one every run waits");
    for (size_t i = 0; status == STATUS_OK && i < config->models.count; i++)
        status = take_model(self, config->models.items[i], error);
    self->job.spool = config->spool;
    self->job.region_column = config->region_column;
    self->job.models = self->models_text;
    self->job.batch_rows = config->batch_rows;
    self->job.explain = config->explain;
    self->job.what_if = config->what_if;
    self->job.as_of = clock_today();
    if (status == STATUS_OK && config->as_of != NULL &&
        day_parse(config->as_of, &self->job.as_of) != STATUS_OK)
        return error_set(error, STATUS_INVALID, "--as-of '%.40s' is not a day YYYY-MM-DD",
                         config->as_of);
    if (status == STATUS_OK && self->job.as_of > clock_today() + 1)
        return error_set(error, STATUS_INVALID, "--as-of is more than a day ahead");
    return status;
}

/* Before anything is counted: the results can be where they shall be. */
static enum status check_output(const struct scoring *self, struct error_text *error)
{
    struct stat input, output;
    if (stat(self->config->output, &output) != 0)
        return STATUS_OK; /* nothing there yet; the job folder's making says the rest */
    if (S_ISDIR(output.st_mode))
        return error_set(error, STATUS_INVALID, "-o %s is a folder",
                         self->config->output);
    if (stat(self->input, &input) == 0 && input.st_dev == output.st_dev &&
        input.st_ino == output.st_ino)
        return error_set(error, STATUS_INVALID,
                         "-o %s is the table itself: choose another file",
                         self->config->output);
    return STATUS_OK;
}

static enum status open_input(struct scoring *self, struct error_text *error)
{
    enum status status = csv_reader_open(self->input, &self->reader, error);
    if (status == STATUS_OK)
        status = csv_reader_find(self->reader, self->config->region_column,
                                 &self->region_cell, error);
    if (status == STATUS_OK &&
        digest_sha256_file(self->input, &self->job.input) != STATUS_OK)
        status =
            error_set(error, STATUS_IO,
                      "%s cannot be read twice: give a file, not a pipe", self->input);
    return status;
}

/* ---- the job ---- */

/* Whatever the folder holds is no longer wanted, or never counted. */
static enum status begin_anew(struct scoring *self, int32_t as_of,
                              struct error_text *error)
{
    if (self->config->new_job && job_is_saved(&self->job))
        fprintf(stderr, "chw score: a new job: every record is scored and %s again\n",
                self->config->what_if ? "shown" : "counted");
    self->job.as_of = as_of;
    self->is_scratch = self->config->what_if;
    return job_forget(&self->job, error);
}

static enum status read_spool(const struct scoring *self, struct spool_state *state,
                              struct error_text *error)
{
    enum status status = spool_state_read(self->config->spool, state, error);
    if (status == STATUS_NOT_FOUND && error != NULL)
        error->text[0] = '\0'; /* it will be made */
    return status;
}

/* Before anything is forgotten: what was kept to be counted once is not given up for a
 * job that counts again. */
static enum status check_spool_is_new(const struct scoring *self,
                                      struct error_text *error)
{
    struct spool_state state;
    enum status status = read_spool(self, &state, error);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    if (state.batches + state.answered + state.given_up > 0)
        status = error_set(error, STATUS_INVALID,
                           "--new-job needs a spool of its own: %s has %" PRIu64
                           " batches that wait and %" PRIu64 " answers of an earlier job",
                           self->config->spool, state.batches, state.answered);
    spool_state_free(&state);
    return status;
}

static enum status check_spool_is_ours(const struct scoring *self,
                                       struct error_text *error)
{
    struct spool_state state;
    struct digest identity = job_identity(&self->job);
    enum status status = read_spool(self, &state, error);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    if (memcmp(&state.job, &identity, sizeof identity) != 0)
        status = error_set(error, STATUS_INVALID,
                           "--spool %s is of another job, with %" PRIu64
                           " batches that wait: choose another folder",
                           self->config->spool, state.batches);
    spool_state_free(&state);
    return status;
}

/* An earlier run of this job, if there was one. */
static enum status resume_job(struct scoring *self, bool *found, struct error_text *error)
{
    int32_t as_of = self->job.as_of;
    enum status status = STATUS_OK;
    *found = false;
    if (self->config->new_job && self->config->spool != NULL)
        status = check_spool_is_new(self, error);
    if (status != STATUS_OK)
        return status;
    status = job_load(&self->job, self->config->as_of != NULL, error);
    bool is_anew =
        status == STATUS_NOT_FOUND || (self->config->new_job && !self->config->what_if);
    *found = status == STATUS_OK && !is_anew;
    if (is_anew)
        return begin_anew(self, as_of, error);
    if (*found && self->job.is_complete && access(self->config->output, F_OK) != 0) {
        self->job.is_complete = false;
        fprintf(stderr, "chw score: %s is gone: it is written again from its journal\n",
                self->config->output);
    }
    return *found && self->config->columns != NULL
               ? sent_columns_compare(&self->job, self->config->columns, error)
               : status;
}

static enum status client_failed(const struct scoring *self, enum chw_status status,
                                 struct error_text *error)
{
    return error_set(error, chw_status_of(status), "%s", chw_last_error(self->client));
}

static void tell(void *arg, enum chw_notice notice, const char *text)
{
    struct scoring *self = arg;
    if (notice == CHW_NOTICE_SILENT || notice == CHW_NOTICE_BACK)
        self->is_silent = notice == CHW_NOTICE_SILENT;
    fprintf(stderr, "chw score: %s\n", text);
}

/* Else it is only to ask what the models read, and nothing is kept. */
static enum status open_client(struct scoring *self, bool is_for_job,
                               struct error_text *error)
{
    const char *spool = self->config->spool;
    struct data_folder folder;
    struct chw_error text = {""};
    struct digest identity;
    const char *endpoint;
    enum status named = data_folder_clients_list(self->config->broker, self->config->data,
                                                 &folder, &endpoint, error);
    if (named != STATUS_OK)
        return named;
    identity = job_identity(&self->job);
    struct chw_options options = {
        .struct_size = sizeof options,
        .endpoint = endpoint,
        .insecure = self->config->insecure,
        .what_if = self->config->what_if,
        .journal = is_for_job && spool == NULL ? self->job.journal : NULL,
        .job = is_for_job ? identity.bytes : NULL,
        .window = (uint32_t)self->config->window,
        .notice = tell,
        .notice_arg = self,
        .deadline_ms = (uint32_t)self->config->deadline_ms,
        .priority = strcmp(self->config->priority, "interactive") == 0 ? CHW_INTERACTIVE
                                                                       : CHW_BULK,
        .spool = is_for_job ? spool : NULL,
        .spool_bytes = self->config->spool_bytes,
    };
    self->is_silent = false;
    enum chw_status status = chw_open(&options, &self->client, &text);
    return status == CHW_OK ? STATUS_OK
                            : error_set(error, chw_status_of(status), "%s", text.text);
}

static enum status stopped_status(struct error_text *error)
{
    return error_set(error, STATUS_TAKEN,
                     "stopped: run the same command again to resume");
}

/* Nobody is there, and what is to be done can wait. */
static bool is_alone(const struct scoring *self)
{
    return self->is_silent && self->config->spool != NULL && !self->config->wait;
}

static enum status describe(struct scoring *self, struct chw_description **description,
                            struct error_text *error)
{
    enum chw_status status = CHW_TIMEOUT;
    uint64_t begun_ms = clock_monotonic_ms();
    bool is_told = false;
    while (status == CHW_TIMEOUT && !interrupt_came() && !is_alone(self)) {
        status = chw_describe(self->client, self->models, self->model_count, WAIT_MS,
                              description);
        if (status == CHW_TIMEOUT && !is_told &&
            clock_monotonic_ms() - begun_ms > PATIENCE_MS) {
            fprintf(stderr, "chw score: waiting for the cluster (is `chw up` running?); "
                            "Ctrl-C stops\n");
            is_told = true;
        }
    }
    if (status == CHW_TIMEOUT && !interrupt_came())
        return error_set(error, STATUS_UNAVAILABLE,
                         "no broker says what the models read: to begin without one, "
                         "say it with --columns");
    if (status == CHW_TIMEOUT)
        return stopped_status(error);
    return status == CHW_OK ? STATUS_OK : client_failed(self, status, error);
}

/* A table that breaks off in the middle is refused before any of it is counted. */
static enum status check_rows(struct scoring *self, struct error_text *error)
{
    struct csv_row row = {.number = 0};
    struct progress *progress = progress_new("checking", "rows");
    enum status status = STATUS_OK;
    while (status == STATUS_OK && !interrupt_came()) {
        status = csv_reader_next(self->reader, &row, error);
        if (status != STATUS_OK)
            break;
        progress_update(progress, row.number, csv_reader_fraction(self->reader));
        if (self->check != NULL)
            sent_columns_check_row(self->check, row.cells);
    }
    progress_free(progress);
    if (status != STATUS_END)
        return status == STATUS_OK ? stopped_status(error) : status;
    if (row.number == 0)
        return error_set(error, STATUS_MALFORMED, "%s has no records", self->input);
    csv_reader_close(self->reader);
    self->reader = NULL;
    return csv_reader_open(self->input, &self->reader, error);
}

static enum status ask_columns(struct scoring *self, struct error_text *error)
{
    struct chw_description *description = NULL;
    enum status status = open_client(self, false, error);
    if (status == STATUS_OK)
        status = describe(self, &description, error);
    if (status == STATUS_OK)
        status = sent_columns_described(&self->job, self->reader, self->input,
                                        description, error);
    chw_description_free(description);
    chw_close(self->client);
    self->client = NULL;
    return status;
}

/* Named columns need no cluster. */
static enum status name_columns(struct scoring *self, struct error_text *error)
{
    enum status status =
        sent_columns_named(&self->job, self->reader, self->config->columns, error);
    if (status != STATUS_OK)
        return status;
    self->check = sent_columns_check_new(&self->job, self->reader);
    return self->check == NULL ? STATUS_NOMEM : STATUS_OK;
}

static enum status begin_job(struct scoring *self, struct error_text *error)
{
    bool is_named = self->config->columns != NULL;
    enum status status = is_named ? name_columns(self, error) : STATUS_OK;
    if (status == STATUS_OK)
        status = check_rows(self, error);
    if (status != STATUS_OK)
        return status;
    return is_named ? sent_columns_check_end(self->check, error)
                    : ask_columns(self, error);
}

static void tell_resumed(const struct scoring *self)
{
    fprintf(stderr, "chw score: resuming: %" PRIu64 " batches are answered already",
            chw_answered(self->client));
    if (self->config->spool != NULL)
        fprintf(stderr, ", %" PRIu32 " are in the spool", chw_outstanding(self->client));
    fputc('\n', stderr);
}

static enum status open_job(struct scoring *self, struct error_text *error)
{
    bool found;
    enum status status = job_open(&self->job, self->config->output, error);
    if (status == STATUS_OK)
        status = resume_job(self, &found, error);
    if (status == STATUS_OK && !found)
        status = begin_job(self, error);
    if (status != STATUS_OK || self->job.is_complete)
        return status;
    if (self->config->spool != NULL)
        status = check_spool_is_ours(self, error);
    if (status == STATUS_OK)
        status = open_client(self, true, error);
    if (status == STATUS_OK && !found)
        status = job_save(&self->job, error); /* before anything is sent: job.h */
    if (status == STATUS_OK && found)
        tell_resumed(self);
    return status;
}

/* ---- rows to answers ---- */

static enum status plan_batches(struct scoring *self, struct error_text *error)
{
    self->columns = calloc(self->job.column_count, sizeof *self->columns);
    if (self->columns == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; i < self->job.column_count; i++) {
        self->columns[i].name = self->job.columns[i].name;
        self->columns[i].is_number = self->job.columns[i].is_number;
        enum status status = csv_reader_find(self->reader, self->job.columns[i].name,
                                             &self->columns[i].cell, error);
        if (status != STATUS_OK)
            return status;
    }
    struct batcher_plan plan = {
        .columns = self->columns,
        .column_count = self->job.column_count,
        .models = self->models,
        .model_count = self->model_count,
        .explain = (uint32_t)self->job.explain,
        .as_of = self->job.as_of,
        .rows_max = self->job.batch_rows,
        .gathered_max = GATHERED_CELLS_MAX / (self->job.column_count + 2),
    };
    self->batcher = batcher_new(&plan);
    self->results = results_new(self->job.region_column, self->job.explain);
    self->progress = progress_new("scoring", "records");
    return self->batcher == NULL || self->results == NULL ? STATUS_NOMEM : STATUS_OK;
}

static void show_progress(struct scoring *self)
{
    double read = csv_reader_fraction(self->reader);
    double answered =
        self->rows == 0 ? 0 : (double)self->answered_rows / (double)self->rows;
    if (answered > 1)
        answered = 1; /* what an earlier run spooled may be answered before it is read */
    progress_update(self->progress, self->answered_rows, read * answered);
}

/* Nothing has come, and nobody is there. */
static enum status left_status(const struct scoring *self, struct error_text *error)
{
    return error_set(error, STATUS_TAKEN,
                     "%sno broker answers, so %" PRIu32
                     " batches stay in %.400s: run the same command again when one does",
                     self->full.text, chw_outstanding(self->client), self->config->spool);
}

/* Take one answer, waiting a little where there is none. */
static enum status take_answer(struct scoring *self, struct error_text *error)
{
    struct chw_result *result;
    enum chw_status got = chw_wait(self->client, WAIT_MS, &result);
    show_progress(self);
    if (got == CHW_TIMEOUT)
        return is_alone(self) ? left_status(self, error) : STATUS_OK;
    if (got != CHW_OK)
        return client_failed(self, got, error);
    enum status status = STATUS_OK;
    if (chw_result_outcome(result) == CHW_REFUSED)
        status = error_set(error, STATUS_UNAVAILABLE, "the cluster refused a batch: %s",
                           chw_result_reason(result));
    else if (chw_result_outcome(result) == CHW_EXPIRED)
        status = error_set(error, STATUS_UNAVAILABLE,
                           "a batch was not scored within --deadline-ms %" PRIu64
                           ": %s; run again, or with more time",
                           self->config->deadline_ms, chw_result_reason(result));
    else
        status = results_note(self->results, result);
    self->answered_rows += chw_result_rows(result);
    self->answered_batches++;
    chw_result_free(result);
    return status;
}

static enum status place_rows(struct scoring *self, const struct filled *filled,
                              uint64_t sequence)
{
    enum status status = results_batch(self->results, sequence, filled->region);
    for (size_t i = 0; status == STATUS_OK && i < filled->count; i++)
        status = results_place(self->results, filled->rows[i], sequence);
    return status;
}

static enum status submit(struct scoring *self, const struct filled *filled,
                          struct error_text *error)
{
    uint64_t sequence;
    for (;;) {
        if (interrupt_came())
            return stopped_status(error);
        enum chw_status got = chw_submit(self->client, filled->batch, &sequence);
        if (got == CHW_OK)
            break;
        if (got != CHW_FULL)
            return client_failed(self, got, error);
        snprintf(self->full.text, sizeof self->full.text, "%s; ",
                 chw_last_error(self->client));
        enum status status = take_answer(self, error);
        if (status != STATUS_OK)
            return status;
    }
    self->full.text[0] = '\0';
    self->batches++;
    return place_rows(self, filled, sequence);
}

static enum status submit_finished(struct scoring *self, struct error_text *error)
{
    struct filled *filled;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && (filled = batcher_take(self->batcher)) != NULL) {
        status = submit(self, filled, error);
        filled_free(filled);
    }
    return status;
}

static enum status take_row(struct scoring *self, const struct csv_row *row,
                            struct error_text *error)
{
    const char *region = row->cells[self->region_cell];
    self->rows++;
    if (!batcher_region_is_valid(region)) {
        self->answered_rows++;
        return results_refuse(self->results, row->number);
    }
    enum status status = batcher_add(self->batcher, region, row->number, row->cells);
    return status == STATUS_OK ? submit_finished(self, error) : status;
}

static enum status read_rows(struct scoring *self, struct error_text *error)
{
    struct csv_row row;
    enum status status;
    while ((status = csv_reader_next(self->reader, &row, error)) == STATUS_OK) {
        status = take_row(self, &row, error);
        if (status != STATUS_OK)
            return status;
    }
    if (status != STATUS_END)
        return status;
    batcher_end(self->batcher);
    return submit_finished(self, error);
}

static enum status take_rest(struct scoring *self, struct error_text *error)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK && chw_outstanding(self->client) > 0)
        status = interrupt_came() ? stopped_status(error) : take_answer(self, error);
    return status;
}

/* ---- the end ---- */

static void print_version(const struct results_version *self)
{
    struct digest version;
    char text[DIGEST_HEX_SIZE];
    memcpy(version.bytes, self->version, sizeof version.bytes);
    digest_format(&version, text);
    fprintf(stderr, "  %s %.12s scored %" PRIu64 " records", self->target, text,
            self->rows);
    if (self->explains)
        fprintf(stderr, "; contributions in %s",
                self->in_log_odds ? "log-odds" : "probability");
    if (self->unexplained[0] != '\0')
        fprintf(stderr, "; no factors: %s", self->unexplained);
    fputc('\n', stderr);
}

static void print_summary(const struct scoring *self,
                          const struct results_summary *summary)
{
    double seconds = (double)(clock_monotonic_ms() - self->start_ms) / 1000;
    fprintf(stderr,
            "%s: %" PRIu64 " records, %" PRIu64 " ok, %" PRIu64 " invalid, %" PRIu64
            " dead, in %" PRIu64 " batches, %.1f s, %.0f records/s%s\n",
            self->config->output, summary->rows, summary->ok, summary->invalid,
            summary->dead, self->batches, seconds,
            seconds > 0 ? (double)summary->rows / seconds : 0,
            self->config->what_if ? "; what-if: nothing was counted" : "");
    for (size_t i = 0; i < summary->version_count; i++)
        print_version(&summary->versions[i]);
}

static enum status finish(struct scoring *self, struct error_text *error)
{
    struct results_summary summary;
    progress_end(self->progress, self->answered_rows);
    enum status status =
        results_write(self->results, self->client, self->config->output, &summary, error);
    if (status != STATUS_OK)
        return status;
    print_summary(self, &summary);
    if (self->is_scratch)
        return STATUS_OK;
    self->job.is_complete = true;
    return job_save(&self->job, error);
}

static enum status run(struct scoring *self, struct error_text *error)
{
    enum status status = check_options(self, error);
    if (status == STATUS_OK)
        status = check_output(self, error);
    if (status == STATUS_OK)
        status = open_input(self, error);
    if (status == STATUS_OK)
        status = open_job(self, error);
    if (status == STATUS_OK && self->job.is_complete) {
        fprintf(stderr, "%s is complete; --new-job scores and counts again\n",
                self->config->output);
        return STATUS_OK;
    }
    if (status == STATUS_OK)
        status = plan_batches(self, error);
    if (status == STATUS_OK)
        status = read_rows(self, error);
    if (status == STATUS_OK)
        status = take_rest(self, error);
    return status == STATUS_OK ? finish(self, error) : status;
}

static void release(struct scoring *self)
{
    batcher_free(self->batcher);
    results_free(self->results);
    progress_free(self->progress);
    chw_close(self->client);
    csv_reader_close(self->reader);
    sent_columns_check_free(self->check);
    /* A what-if keeps no job, and one that was never saved sent nothing. */
    if (self->job.lock >= 0 && (self->is_scratch || !job_is_saved(&self->job)))
        job_remove(&self->job);
    job_close(&self->job);
    free(self->columns);
}

int command_score(int argc, char **argv)
{
    struct score_config config = {0};
    struct config_list operands;
    struct error_text error = {""};
    int exit_code;
    if (!config_load(&spec, argc, argv, &config, &operands, &exit_code))
        return exit_code;
    schedule_patiently();
    interrupt_catch();
    struct scoring scoring = {.config = &config,
                              .input = operands.items[0],
                              .job = {.lock = -1},
                              .start_ms = clock_monotonic_ms()};
    enum status status = run(&scoring, &error);
    exit_code = error_exit(&error, status, "chw score");
    release(&scoring);
    config_free(&spec, &config, &operands);
    return exit_code;
}
