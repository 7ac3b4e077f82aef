/* SPDX-License-Identifier: Apache-2.0 */
/* estimator.c - logistic regression by liblinear; boosting and forest by XGBoost. */
#include "trainer/estimator.h"

#include "trainer/fit_xgboost.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- logistic regression ---- */

static enum status fit_linear(const struct estimator_request *request,
                              Chw__Model *message, struct artifact_lineage *lineage,
                              struct error_text *error)
{
    struct fit_logistic fit = {.weights = NULL};
    const struct split *split = request->split;
    enum status status =
        fit_logistic_run(request->pipeline, request->data, split->train,
                         split->train_count, request->options->l2, &fit, error);
    if (status == STATUS_OK)
        status = artifact_set_linear(message, &fit, request->pipeline->input_count);
    artifact_note_number(lineage, "C", request->options->l2);
    fit_logistic_release(&fit);
    return status;
}

/* ---- trees ---- */

/* For what an option leaves open. */
static const struct fit_xgboost_params boosting = {
    .rounds = 200, .depth = 5, .subsample = 1, .colsample = 1};
static const struct fit_xgboost_params forest = {
    .forest = true, .rounds = 100, .depth = 10, .subsample = 0.632, .colsample = 0.3};

static void print_round(const struct fit_xgboost_round *round)
{
    fprintf(stderr, "round %llu: log-loss %.6f in training",
            (unsigned long long)round->number, round->train);
    if (!isnan(round->validation))
        fprintf(stderr, ", %.6f in validation", round->validation);
    fputc('\n', stderr);
}

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

static void note_parameters(const struct train_options *options,
                            const struct fit_xgboost_params *params,
                            const struct fit_xgboost *fit,
                            struct artifact_lineage *lineage)
{
    artifact_note_number(lineage, "base_score", (double)fit->base_score);
    artifact_note_number(lineage, params->forest ? "trees" : "rounds",
                         (double)params->rounds);
    artifact_note_number(lineage, "depth", (double)params->depth);
    artifact_note_number(lineage, "min_child_weight", params->min_child_weight);
    artifact_note_number(lineage, "subsample", params->subsample);
    artifact_note_number(lineage, "colsample", params->colsample);
    artifact_note_number(lineage, "lambda", params->lambda);
    artifact_note_number(lineage, "threads", (double)params->threads);
    if (params->forest)
        return;
    artifact_note_number(lineage, "learning_rate", params->learning_rate);
    artifact_note_number(lineage, "early_stopping", (double)params->early_stopping);
    artifact_note_number(lineage, "validation",
                         params->early_stopping > 0 ? options->validation : 0);
    artifact_note_number(lineage, "rounds_kept", (double)fit->rounds_kept);
}

static enum status fit_trees(const struct estimator_request *request,
                             const struct fit_xgboost_params *params, Chw__Model *message,
                             struct artifact_lineage *lineage, struct error_text *error)
{
    struct fit_xgboost fit;
    const struct fit_xgboost_request fitting = {
        .pipeline = request->pipeline,
        .data = request->data,
        .split = request->split,
        .params = params,
        .on_round = print_round,
    };
    enum status status = fit_xgboost_run(&fitting, &fit, error);
    if (status != STATUS_OK) {
        fit_xgboost_release(&fit);
        return status;
    }
    if (fit.rounds_kept < fit.rounds_done)
        fprintf(stderr, "kept the first %llu rounds, best in validation\n",
                (unsigned long long)fit.rounds_kept);
    artifact_set_trees(message, fit.model.trees, fit.model.link);
    note_parameters(request->options, params, &fit, lineage);
    return STATUS_OK;
}

static enum status fit_boosting(const struct estimator_request *request,
                                Chw__Model *message, struct artifact_lineage *lineage,
                                struct error_text *error)
{
    struct fit_xgboost_params params = choose_params(request->options, &boosting);
    return fit_trees(request, &params, message, lineage, error);
}

static enum status fit_forest(const struct estimator_request *request,
                              Chw__Model *message, struct artifact_lineage *lineage,
                              struct error_text *error)
{
    struct fit_xgboost_params params = choose_params(request->options, &forest);
    return fit_trees(request, &params, message, lineage, error);
}

/* ---- all of them ---- */

static const struct estimator estimators[] = {
    {"logistic", FIT_LOGISTIC_SOLVER, PIPELINE_LINEAR, fit_linear},
    {"boosting", fit_xgboost_solver, PIPELINE_TREES, fit_boosting},
    {"forest", fit_xgboost_solver, PIPELINE_TREES, fit_forest},
};

enum status estimator_find(const struct train_options *options,
                           const struct estimator **out, struct error_text *error)
{
    *out = NULL;
    for (size_t i = 0; i < sizeof estimators / sizeof estimators[0]; i++)
        if (strcmp(estimators[i].name, options->estimator) == 0)
            *out = &estimators[i];
    if (*out == NULL)
        return error_set(error, STATUS_INVALID,
                         "--estimator %s: logistic, boosting or forest",
                         options->estimator);
    struct fit_xgboost_params params =
        choose_params(options, (*out)->fit == fit_forest ? &forest : &boosting);
    return (*out)->style == PIPELINE_LINEAR ? STATUS_OK
                                            : fit_xgboost_check(&params, error);
}

double estimator_validation(const struct estimator *self,
                            const struct train_options *options)
{
    bool stops = self->fit == fit_boosting && options->early_stopping > 0;
    return stops ? options->validation : 0;
}
