/* SPDX-License-Identifier: Apache-2.0 */
/* train.c - the steps in their order; each leaves its result in the struct. */
#include "trainer/train.h"

#include "base/file.h"
#include "base/progress.h"
#include "model/model.h"
#include "trainer/artifact.h"
#include "trainer/estimator.h"
#include "trainer/golden.h"
#include "trainer/judge.h"
#include "trainer/outputs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct training {
    const struct train_options *options;
    const struct estimator *estimator;
    const char *path;
    struct dictionary *dictionary;
    struct dataset *data;
    struct split *split;
    struct pipeline *pipeline;
    struct store *store;
    Chw__Model *message;
    struct model *model; /* the draft, then the very bytes that are published */
    uint8_t *bytes;
    size_t size;
    struct judgement judgement;
    struct artifact_lineage lineage;
    struct publish_result published;
};

static enum status check_options(struct training *self, struct error_text *error)
{
    const struct train_options *options = self->options;
    if (options->target == NULL)
        return error_set(error, STATUS_INVALID,
                         "say which column is the outcome: --target COLUMN");
    if (options->name == NULL)
        return error_set(error, STATUS_INVALID,
                         "say what the model is called: --name NAME");
    if (!store_name_is_valid(options->name))
        return error_set(
            error, STATUS_INVALID,
            "--name %s: 1 to %d of a-z, 0-9, '.', '_' and '-' are allowed, the first "
            "a letter or digit",
            options->name, STORE_NAME_MAX);
    if (options->promote != NULL && !store_name_is_valid(options->promote))
        return error_set(
            error, STATUS_INVALID,
            "--promote %s: 1 to %d of a-z, 0-9, '.', '_' and '-' are allowed, the "
            "first a letter or digit",
            options->promote, STORE_NAME_MAX);
    if (!(options->heldout > 0 && options->heldout < 1))
        return error_set(error, STATUS_INVALID,
                         "--heldout %g: a fraction between 0 and 1", options->heldout);
    if (!(options->l2 > 0 && isfinite(options->l2)))
        return error_set(error, STATUS_INVALID, "--l2 %g: a number above 0", options->l2);
    if (!(options->validation > 0 && options->validation < 1))
        return error_set(error, STATUS_INVALID,
                         "--validation %g: a fraction between 0 and 1",
                         options->validation);
    return STATUS_OK;
}

static enum status choose_estimator(struct training *self, struct error_text *error)
{
    return estimator_find(self->options, &self->estimator, error);
}

/* A pipe would give its rows and then nothing to the digest. */
static enum status check_file(const char *path, struct error_text *error)
{
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
        return error_set(
            error, STATUS_INVALID,
            "%s: not a file: the table is read twice, for its rows and its SHA-256",
            path);
    return STATUS_OK;
}

static enum status read_data(struct training *self, struct error_text *error)
{
    const struct train_options *options = self->options;
    if (options->dictionary != NULL) {
        enum status status =
            dictionary_read(options->dictionary, &self->dictionary, error);
        if (status == STATUS_OK && self->estimator->style == PIPELINE_LINEAR)
            status = dictionary_check_linear(self->dictionary, error);
        if (status != STATUS_OK)
            return status;
    }
    enum status status = check_file(self->path, error);
    if (status != STATUS_OK)
        return status;
    struct dataset_request request = {
        .path = self->path,
        .target = options->target,
        .positive = options->positive,
        .ids = &options->ids,
        .drops = &options->drops,
        .dictionary = self->dictionary,
    };
    struct progress *progress = progress_new("reading", "rows");
    status = dataset_read(&request, progress, &self->data, error);
    if (status == STATUS_OK)
        progress_end(progress, self->data->rows_read);
    progress_free(progress);
    if (status != STATUS_OK)
        return status;
    if (digest_sha256_file(self->path, &self->lineage.data) != STATUS_OK)
        return error_set(error, STATUS_IO, "%s: cannot be read again", self->path);
    return STATUS_OK;
}

static enum status prepare(struct training *self, struct error_text *error)
{
    struct split_request request = {
        .seed = self->options->seed,
        .heldout = self->options->heldout,
        .validation = estimator_validation(self->estimator, self->options),
    };
    enum status status = split_rows(self->data, &request, &self->split, error);
    if (status == STATUS_OK)
        status = pipeline_fit(self->data, self->estimator->style, self->split->train,
                              self->split->train_count, &self->pipeline, error);
    return status == STATUS_MALFORMED ? error_prefix(error, status, "%s", self->path)
                                      : status;
}

/* Before the time-consuming fit, and after the checks: a bad table makes no folder. */
static enum status open_store(struct training *self, struct error_text *error)
{
    const struct train_options *options = self->options;
    if (options->store != NULL)
        return store_open(options->store, &self->store, error);
    enum status status = file_make_folder(options->data, error);
    if (status != STATUS_OK)
        return status;
    size_t size = strlen(options->data) + sizeof "sqlite:/store.db";
    char *url = malloc(size);
    if (url == NULL)
        return STATUS_NOMEM;
    snprintf(url, size, "sqlite:%s/store.db", options->data);
    status = store_open(url, &self->store, error);
    free(url);
    return status;
}

static enum status fit(struct training *self, struct error_text *error)
{
    fprintf(stderr, "fitting %zu rows with %zu inputs\n", self->split->train_count,
            self->pipeline->input_count);
    self->message = artifact_new(self->options->name, self->data, self->pipeline);
    const struct estimator_request request = {
        .options = self->options,
        .pipeline = self->pipeline,
        .data = self->data,
        .split = self->split,
    };
    return self->message == NULL
               ? STATUS_NOMEM
               : self->estimator->fit(&request, self->message, &self->lineage, error);
}

/* What is published is loaded as a worker would, before it is. */
static enum status load(struct training *self, struct error_text *error)
{
    model_free(self->model);
    free(self->bytes);
    self->model = NULL;
    self->bytes = NULL;
    enum status status = artifact_pack(self->message, &self->bytes, &self->size);
    if (status == STATUS_OK)
        status = model_load(self->bytes, self->size, &self->model, error);
    return status;
}

static enum status evaluate_heldout(struct training *self, struct error_text *error)
{
    fprintf(stderr, "scoring %zu held-out rows\n", self->split->heldout_count);
    enum status status = load(self, error);
    if (status == STATUS_OK)
        status = judge(self->model, self->data, self->pipeline, self->split,
                       &self->judgement, error);
    return status;
}

static void fill_lineage(struct training *self)
{
    struct artifact_lineage *lineage = &self->lineage;
    lineage->seed = self->options->seed;
    lineage->rows_train = self->split->train_count;
    lineage->rows_heldout = self->split->heldout_count;
    lineage->target = self->options->target;
    lineage->positive = self->data->positive;
    artifact_note_text(lineage, "estimator", self->estimator->name);
    artifact_note_text(lineage, "solver", self->estimator->solver);
    artifact_note_number(lineage, "heldout", self->options->heldout);
}

static enum status finish_artifact(struct training *self, struct error_text *error)
{
    fill_lineage(self);
    enum status status =
        artifact_add_lineage(self->message, &self->lineage, &self->judgement.metrics);
    if (status == STATUS_OK)
        status = golden_make(self->data, self->pipeline, self->split->train,
                             self->split->train_count, self->options->seed,
                             &self->message->golden);
    if (status == STATUS_OK)
        status = golden_score(self->message->golden, self->model, error);
    if (status == STATUS_OK)
        status = load(self, error);
    if (status == STATUS_OK)
        status = model_check_golden(self->model, error);
    return status;
}

static enum status write_files(struct training *self, struct error_text *error)
{
    const struct train_options *options = self->options;
    enum status status = STATUS_OK;
    if (options->split_out != NULL)
        status = outputs_write_split(options->split_out, self->data, self->split, error);
    if (status == STATUS_OK && options->predictions_out != NULL)
        status = outputs_write_predictions(options->predictions_out, self->data,
                                           self->split, &self->judgement, error);
    return status;
}

static enum status publish(struct training *self, struct error_text *error)
{
    return publish_model(self->store, self->options->name, self->bytes, self->size,
                         self->options->promote, &self->published, error);
}

static enum status report(struct training *self, struct error_text *error)
{
    struct report report = {
        .path = self->path,
        .name = self->options->name,
        .target = self->options->target,
        .alias = self->options->promote,
        .solver = self->estimator->solver,
        .data = self->data,
        .split = self->split,
        .pipeline = self->pipeline,
        .lineage = &self->lineage,
        .metrics = &self->judgement.metrics,
        .unscored_count = self->judgement.unscored_count,
        .published = self->published,
    };
    report_write_table(&report, stdout);
    if (fflush(stdout) != 0)
        return error_set(error, STATUS_IO,
                         "the report cannot be written to standard output");
    return self->options->report == NULL
               ? STATUS_OK
               : outputs_write_report(self->options->report, &report, error);
}

static void release(struct training *self)
{
    store_close(self->store);
    judgement_release(&self->judgement);
    model_free(self->model);
    free(self->bytes);
    if (self->message != NULL)
        chw__model__free_unpacked(self->message, NULL);
    pipeline_free(self->pipeline);
    split_free(self->split);
    dataset_free(self->data);
    dictionary_free(self->dictionary);
}

enum status train_run(const struct train_options *options, const char *path,
                      struct error_text *error)
{
    static enum status (*const steps[])(struct training *, struct error_text *) = {
        check_options,    choose_estimator, read_data,   prepare, open_store, fit,
        evaluate_heldout, finish_artifact,  write_files, publish, report,
    };
    struct training training = {.options = options, .path = path};
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof steps / sizeof steps[0]; i++)
        status = steps[i](&training, error);
    release(&training);
    return status;
}
