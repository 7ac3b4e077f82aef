/* SPDX-License-Identifier: Apache-2.0 */
/* fit_xgboost.c - the adapter of XGBoost's C API: dense rows in, JSON out. */
#include "trainer/fit_xgboost.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xgboost/c_api.h>
#include <xgboost/version_config.h>

#define TEXT_OF(number) #number
#define VERSION_TEXT(major, minor, patch)                                                \
    TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char fit_xgboost_solver[] = "XGBoost " VERSION_TEXT(
    XGBOOST_VER_MAJOR, XGBOOST_VER_MINOR, XGBOOST_VER_PATCH) " hist";

struct fitting {
    const struct fit_xgboost_request *request;
    DMatrixHandle parts[2]; /* training, validation */
    bst_ulong part_count;
    BoosterHandle booster;
    struct fit_xgboost *out;
};

/* XGBoost's text goes on with a stack trace after the first line. */
static enum status check_call(int result, const char *what, struct error_text *error)
{
    if (result == 0)
        return STATUS_OK;
    const char *text = XGBGetLastError();
    return error_set(error, STATUS_INVALID, "XGBoost cannot %s: %.*s", what,
                     (int)strcspn(text, "\n"), text);
}

/* ---- parameters ---- */

enum status fit_xgboost_check(const struct fit_xgboost_params *params,
                              struct error_text *error)
{
    const struct {
        const char *option;
        double value, min, max;
        bool above; /* min itself is not allowed */
    } ranges[] = {
        {"learning-rate", params->learning_rate, 0, 1, true},
        {"min-child-weight", params->min_child_weight, 0, 1e9, false},
        {"subsample", params->subsample, 0, 1, true},
        {"colsample", params->colsample, 0, 1, true},
        {"lambda", params->lambda, 0, 1e9, false},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        double value = ranges[i].value, min = ranges[i].min, max = ranges[i].max;
        bool enough = ranges[i].above ? value > min : value >= min;
        if (!(enough && value <= max))
            return error_set(error, STATUS_INVALID,
                             "--%s %g: a number %s %g and up to %g", ranges[i].option,
                             value, ranges[i].above ? "above" : "from", min, max);
    }
    return STATUS_OK;
}

static enum status set_text(BoosterHandle booster, const char *name, const char *value,
                            struct error_text *error)
{
    char what[64];
    snprintf(what, sizeof what, "set %s", name);
    return check_call(XGBoosterSetParam(booster, name, value), what, error);
}

/* Doubles are exact in 17 digits, float32 in 9. */
static enum status set_number(BoosterHandle booster, const char *name, double value,
                              struct error_text *error)
{
    char text[32];
    snprintf(text, sizeof text, "%.17g", value);
    return set_text(booster, name, text, error);
}

static enum status set_texts(BoosterHandle booster, bool forest, struct error_text *error)
{
    const char *const texts[][2] = {
        {"booster", "gbtree"},
        {"tree_method", "hist"},
        {"verbosity", "0"},
        {"objective", forest ? "reg:squarederror" : "binary:logistic"},
        {"eval_metric", forest ? "rmse" : "logloss"},
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof texts / sizeof texts[0]; i++)
        status = set_text(booster, texts[i][0], texts[i][1], error);
    return status;
}

static enum status set_params(const struct fitting *self, struct error_text *error)
{
    const struct fit_xgboost_params *params = self->request->params;
    bool forest = params->forest;
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"base_score", (double)self->out->base_score},
        {"seed", (double)(params->seed % (1U << 31))},
        {"nthread", (double)params->threads},
        {"max_depth", (double)params->depth},
        {"eta", forest ? 1 : params->learning_rate},
        {"min_child_weight", params->min_child_weight},
        {"subsample", params->subsample},
        {"lambda", params->lambda},
        {forest ? "colsample_bynode" : "colsample_bytree", params->colsample},
        {"num_parallel_tree", forest ? (double)params->rounds : 1},
    };
    enum status status = set_texts(self->booster, forest, error);
    for (size_t i = 0; status == STATUS_OK && i < sizeof numbers / sizeof numbers[0]; i++)
        status = set_number(self->booster, numbers[i].name, numbers[i].value, error);
    return status;
}

/* ---- rows ---- */

static enum status make_part(const struct fitting *self, const float *inputs,
                             const float *outcomes, size_t count, DMatrixHandle *out,
                             struct error_text *error)
{
    int threads = (int)self->request->params->threads;
    enum status status = check_call(
        XGDMatrixCreateFromMat_omp(inputs, count, self->request->pipeline->input_count,
                                   NAN, out, threads),
        "take the rows", error);
    if (status != STATUS_OK)
        return status;
    return check_call(XGDMatrixSetFloatInfo(*out, "label", outcomes, count),
                      "take the outcomes", error);
}

static enum status add_part(struct fitting *self, const uint32_t *rows, size_t count,
                            struct error_text *error)
{
    const struct fit_xgboost_request *request = self->request;
    size_t width = request->pipeline->input_count;
    float *inputs = calloc(count, width * sizeof *inputs);
    float *outcomes = calloc(count, sizeof *outcomes);
    enum status status = STATUS_NOMEM;
    if (inputs != NULL && outcomes != NULL) {
        for (size_t i = 0; i < count; i++) {
            pipeline_encode_dense(request->pipeline, request->data, rows[i],
                                  inputs + i * width);
            outcomes[i] = request->data->outcomes[rows[i]];
        }
        DMatrixHandle *part = &self->parts[self->part_count++];
        status = make_part(self, inputs, outcomes, count, part, error);
    }
    free(inputs);
    free(outcomes);
    return status;
}

static enum status add_parts(struct fitting *self, struct error_text *error)
{
    const struct split *split = self->request->split;
    enum status status = add_part(self, split->train, split->train_count, error);
    if (status == STATUS_OK && split->validation_count > 0)
        status = add_part(self, split->validation, split->validation_count, error);
    return status;
}

static float frequency(const struct dataset *data, const uint32_t *rows, size_t count)
{
    size_t positive = 0;
    for (size_t i = 0; i < count; i++)
        positive += data->outcomes[rows[i]];
    return (float)((double)positive / (double)count);
}

/* ---- rounds ---- */

/* Of "[3]\ttrain-logloss:0.25\tvalidation-logloss:0.26"; NaN where there is none. */
static double read_metric(const char *text, const char *name)
{
    const char *found = strstr(text, name);
    return found == NULL ? NAN : strtod(found + strlen(name), NULL);
}

static enum status measure(const struct fitting *self, int iteration,
                           struct fit_xgboost_round *out, struct error_text *error)
{
    const char *names[] = {"train", "validation"};
    const char *text = NULL;
    DMatrixHandle parts[] = {self->parts[0], self->parts[1]};
    enum status status = check_call(XGBoosterEvalOneIter(self->booster, iteration, parts,
                                                         names, self->part_count, &text),
                                    "measure a round", error);
    if (status != STATUS_OK)
        return status;
    *out = (struct fit_xgboost_round){
        .number = (uint64_t)iteration + 1,
        .train = read_metric(text, "\ttrain-logloss:"),
        .validation = read_metric(text, "\tvalidation-logloss:"),
    };
    if (isnan(out->train) || (self->part_count > 1 && isnan(out->validation)))
        return error_set(error, STATUS_INVALID,
                         "XGBoost reports no log-loss in round %d: %.80s", iteration,
                         text);
    return STATUS_OK;
}

static enum status update(const struct fitting *self, int iteration,
                          struct error_text *error)
{
    return check_call(XGBoosterUpdateOneIter(self->booster, iteration, self->parts[0]),
                      "fit a round", error);
}

static enum status boost(struct fitting *self, struct error_text *error)
{
    const struct fit_xgboost_params *params = self->request->params;
    struct fit_xgboost *out = self->out;
    double best = INFINITY;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && out->rounds_done < params->rounds) {
        struct fit_xgboost_round round;
        status = update(self, (int)out->rounds_done, error);
        if (status == STATUS_OK)
            status = measure(self, (int)out->rounds_done, &round, error);
        if (status != STATUS_OK)
            break;
        out->rounds_done++;
        if (self->request->on_round != NULL)
            self->request->on_round(&round);
        if (self->part_count == 1 || round.validation < best) {
            best = round.validation;
            out->rounds_kept = out->rounds_done;
        }
        if (params->early_stopping > 0 &&
            out->rounds_done - out->rounds_kept >= params->early_stopping)
            break;
    }
    return status;
}

static enum status grow_forest(struct fitting *self, struct error_text *error)
{
    self->out->rounds_done = self->out->rounds_kept = 1;
    return update(self, 0, error);
}

/* ---- the result ---- */

static enum status keep_best(struct fitting *self, struct error_text *error)
{
    BoosterHandle best = NULL;
    enum status status = check_call(
        XGBoosterSlice(self->booster, 0, (int)self->out->rounds_kept, 1, &best),
        "keep the best rounds", error);
    if (status != STATUS_OK)
        return status;
    XGBoosterFree(self->booster);
    self->booster = best;
    return STATUS_OK;
}

static enum status read_model(struct fitting *self, struct error_text *error)
{
    bst_ulong size = 0;
    const char *text = NULL; /* the booster's */
    enum status status = check_call(
        XGBoosterSaveModelToBuffer(self->booster, "{\"format\": \"json\"}", &size, &text),
        "write the model", error);
    return status == STATUS_OK ? xgboost_read_trees(text, size, &self->out->model, error)
                               : status;
}

static enum status start(struct fitting *self, struct error_text *error)
{
    const struct split *split = self->request->split;
    self->out->base_score =
        frequency(self->request->data, split->train, split->train_count);
    enum status status = add_parts(self, error);
    if (status == STATUS_OK)
        status =
            check_call(XGBoosterCreate(self->parts, self->part_count, &self->booster),
                       "start", error);
    return status == STATUS_OK ? set_params(self, error) : status;
}

enum status fit_xgboost_run(const struct fit_xgboost_request *request,
                            struct fit_xgboost *out, struct error_text *error)
{
    assert(request->pipeline->style == PIPELINE_TREES);
    *out = (struct fit_xgboost){.rounds_done = 0};
    struct fitting fitting = {.request = request, .out = out};
    enum status status = fit_xgboost_check(request->params, error);
    if (status == STATUS_OK)
        status = start(&fitting, error);
    if (status == STATUS_OK)
        status = request->params->forest ? grow_forest(&fitting, error)
                                         : boost(&fitting, error);
    if (status == STATUS_OK)
        status = keep_best(&fitting, error);
    if (status == STATUS_OK)
        status = read_model(&fitting, error);
    if (fitting.booster != NULL)
        XGBoosterFree(fitting.booster);
    for (size_t i = 0; i < fitting.part_count; i++) {
        if (fitting.parts[i] != NULL)
            XGDMatrixFree(fitting.parts[i]);
    }
    return status;
}

void fit_xgboost_release(struct fit_xgboost *self)
{
    if (self->model.trees != NULL)
        chw__trees__free_unpacked(self->model.trees, NULL);
    self->model.trees = NULL;
}
