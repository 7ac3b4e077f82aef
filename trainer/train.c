/* SPDX-License-Identifier: Apache-2.0 */
/* train.c - the steps in their order; each leaves its result in the struct. */
#include "trainer/train.h"

#include "base/file.h"
#include "base/progress.h"
#include "model/model.h"
#include "trainer/artifact.h"
#include "trainer/fit_xgboost.h"
#include "trainer/golden.h"
#include "trainer/judge.h"
#include "trainer/outputs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct training;

/* What differs between the kinds of model. */
struct estimator {
    const char *name, *solver;
    enum pipeline_style style;
    bool validates;                     /* where early stopping is asked for */
    struct fit_xgboost_params defaults; /* for what an option leaves at 0 */
    enum status (*fit)(struct training *, struct error_text *);
    void (*add_parameters)(struct training *);
};

struct training {
    const struct train_options *options;
    const struct estimator *estimator;
    struct fit_xgboost_params params; /* boosting and forest */
    const char *path;
    struct dictionary *dictionary;
    struct dataset *data;
    struct split *split;
    struct pipeline *pipeline;
    struct store *store;
    struct fit_xgboost trees; /* boosting and forest */
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

/* ---- the kinds of model ---- */

static void add_parameter(struct artifact_lineage *self, const char *name,
                          const char *text)
{
    self->parameters[self->parameter_count].name = name;
    snprintf(self->parameters[self->parameter_count].text,
             sizeof self->parameters[0].text, "%s", text);
    self->parameter_count++;
}

static void add_number(struct artifact_lineage *self, const char *name, double number)
{
    char text[32];
    snprintf(text, sizeof text, "%.17g", number);
    add_parameter(self, name, text);
}

static enum status fit_linear(struct training *self, struct error_text *error)
{
    struct fit_logistic fit = {.weights = NULL};
    enum status status =
        fit_logistic_run(self->pipeline, self->data, self->split->train,
                         self->split->train_count, self->options->l2, &fit, error);
    if (status == STATUS_OK)
        status = artifact_set_linear(self->message, &fit, self->pipeline->input_count);
    fit_logistic_release(&fit);
    return status;
}

static void add_linear_parameters(struct training *self)
{
    add_number(&self->lineage, "C", self->options->l2);
}

static void print_round(const struct fit_xgboost_round *round)
{
    fprintf(stderr, "round %llu: log-loss %.6f in training",
            (unsigned long long)round->number, round->train);
    if (!isnan(round->validation))
        fprintf(stderr, ", %.6f in validation", round->validation);
    fputc('\n', stderr);
}

static enum status fit_trees(struct training *self, struct error_text *error)
{
    struct fit_xgboost_request request = {
        .pipeline = self->pipeline,
        .data = self->data,
        .split = self->split,
        .params = &self->params,
        .on_round = print_round,
    };
    enum status status = fit_xgboost_run(&request, &self->trees, error);
    if (status != STATUS_OK)
        return status;
    if (self->trees.rounds_kept < self->trees.rounds_done)
        fprintf(stderr, "kept the first %llu rounds, best in validation\n",
                (unsigned long long)self->trees.rounds_kept);
    artifact_set_trees(self->message, self->trees.model.trees, self->trees.model.link);
    self->trees.model.trees = NULL;
    return STATUS_OK;
}

static void add_tree_parameters(struct training *self)
{
    struct artifact_lineage *lineage = &self->lineage;
    const struct fit_xgboost_params *params = &self->params;
    add_number(lineage, "base_score", (double)self->trees.base_score);
    add_number(lineage, params->forest ? "trees" : "rounds", (double)params->rounds);
    add_number(lineage, "depth", (double)params->depth);
    add_number(lineage, "min_child_weight", params->min_child_weight);
    add_number(lineage, "subsample", params->subsample);
    add_number(lineage, "colsample", params->colsample);
    add_number(lineage, "lambda", params->lambda);
    add_number(lineage, "threads", (double)params->threads);
    if (params->forest)
        return;
    add_number(lineage, "learning_rate", params->learning_rate);
    add_number(lineage, "early_stopping", (double)params->early_stopping);
    add_number(lineage, "validation",
               params->early_stopping > 0 ? self->options->validation : 0);
    add_number(lineage, "rounds_kept", (double)self->trees.rounds_kept);
}

static const struct estimator estimators[] = {
    {.name = "logistic",
     .solver = FIT_LOGISTIC_SOLVER,
     .style = PIPELINE_LINEAR,
     .fit = fit_linear,
     .add_parameters = add_linear_parameters},
    {.name = "boosting",
     .solver = fit_xgboost_solver,
     .style = PIPELINE_TREES,
     .validates = true,
     .defaults = {.rounds = 200, .depth = 5, .subsample = 1, .colsample = 1},
     .fit = fit_trees,
     .add_parameters = add_tree_parameters},
    {.name = "forest",
     .solver = fit_xgboost_solver,
     .style = PIPELINE_TREES,
     .defaults = {.forest = true,
                  .rounds = 100,
                  .depth = 10,
                  .subsample = 0.632,
                  .colsample = 0.3},
     .fit = fit_trees,
     .add_parameters = add_tree_parameters},
};

static double real_or(double value, double fallback)
{
    return isnan(value) ? fallback : value;
}

static struct fit_xgboost_params choose_params(const struct train_options *options,
                                               const struct fit_xgboost_params *defaults)
{
    return (struct fit_xgboost_params){
        .forest = defaults->forest,
        .rounds = options->rounds == 0 ? defaults->rounds : options->rounds,
        .depth = options->depth == 0 ? defaults->depth : options->depth,
        .learning_rate = options->learning_rate,
        .min_child_weight = options->min_child_weight,
        .subsample = real_or(options->subsample, defaults->subsample),
        .colsample = real_or(options->colsample, defaults->colsample),
        .lambda = options->lambda,
        .early_stopping = options->early_stopping,
        .threads = options->threads,
        .seed = options->seed,
    };
}

static enum status choose_estimator(struct training *self, struct error_text *error)
{
    for (size_t i = 0; i < sizeof estimators / sizeof estimators[0]; i++) {
        if (strcmp(estimators[i].name, self->options->estimator) == 0)
            self->estimator = &estimators[i];
    }
    if (self->estimator == NULL)
        return error_set(error, STATUS_INVALID,
                         "--estimator %s: logistic, boosting or forest",
                         self->options->estimator);
    if (self->estimator->style == PIPELINE_LINEAR)
        return STATUS_OK;
    self->params = choose_params(self->options, &self->estimator->defaults);
    return fit_xgboost_check(&self->params, error);
}

/* ---- the steps ---- */

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
    bool stops = self->estimator->validates && self->params.early_stopping > 0;
    struct split_request request = {
        .seed = self->options->seed,
        .heldout = self->options->heldout,
        .validation = stops ? self->options->validation : 0,
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
    return self->message == NULL ? STATUS_NOMEM : self->estimator->fit(self, error);
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
    add_parameter(lineage, "estimator", self->estimator->name);
    add_parameter(lineage, "solver", self->estimator->solver);
    self->estimator->add_parameters(self);
    add_number(lineage, "heldout", self->options->heldout);
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
    fit_xgboost_release(&self->trees);
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
