/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_peer_xgboost.c - training by hist, prediction in place. */
#include "bench/kernel_peer_xgboost.h"

#include "base/progress.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xgboost/c_api.h>

enum { VALUES_TEXT_SIZE = 128 };

struct values_text {
    char text[VALUES_TEXT_SIZE]; /* of a batch's rows: an __array_interface__ */
};

struct xgboost_thread {
    BoosterHandle booster;
    DMatrixHandle proxy; /* NULL: none */
};

struct kernel_xgboost {
    const struct kernel_rows *rows;
    struct xgboost_thread *threads;
    size_t thread_count;
    struct values_text *texts; /* one per batch: not made while the clock runs */
    DMatrixHandle *matrices;   /* for contributions: batch after batch of each thread */
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

const char *kernel_xgboost_version(void)
{
    static char text[32];
    int major, minor, patch;
    XGBoostVersion(&major, &minor, &patch);
    snprintf(text, sizeof text, "XGBoost %d.%d.%d", major, minor, patch);
    return text;
}

/* ---- training ---- */

struct parameter {
    const char *name;
    double value;
};

static enum status set_text(BoosterHandle booster, const char *name, const char *value,
                            struct error_text *error)
{
    return check_call(XGBoosterSetParam(booster, name, value), name, error);
}

static enum status set_numbers(BoosterHandle booster, const struct parameter *numbers,
                               size_t count, struct error_text *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        char text[32];
        snprintf(text, sizeof text, "%.9g", numbers[i].value);
        status = set_text(booster, numbers[i].name, text, error);
    }
    return status;
}

static enum status set_boosting(BoosterHandle booster, const struct kernel_recipe *recipe,
                                struct error_text *error)
{
    const struct parameter numbers[] = {
        {"max_depth", (double)recipe->depth},
        {"eta", 0.1},
    };
    enum status status = set_text(booster, "objective", "binary:logistic", error);
    return status == STATUS_OK
               ? set_numbers(booster, numbers, sizeof numbers / sizeof numbers[0], error)
               : status;
}

static enum status set_forest(BoosterHandle booster, const struct kernel_recipe *recipe,
                              struct error_text *error)
{
    const struct parameter numbers[] = {
        {"num_parallel_tree", (double)recipe->trees},
        {"max_leaves", (double)recipe->leaves},
        {"max_depth", 0},
        {"eta", 1},
        {"subsample", 0.632},
        {"colsample_bynode", 0.3},
    };
    enum status status = set_text(booster, "objective", "reg:squarederror", error);
    if (status == STATUS_OK)
        status = set_text(booster, "grow_policy", "lossguide", error);
    return status == STATUS_OK
               ? set_numbers(booster, numbers, sizeof numbers / sizeof numbers[0], error)
               : status;
}

static double mean(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i];
    return sum / (double)count;
}

static enum status set_params(BoosterHandle booster,
                              const struct kernel_training *training,
                              const struct kernel_recipe *recipe,
                              struct error_text *error)
{
    const struct parameter numbers[] = {
        {"seed", (double)(training->seed % (1U << 31))},
        {"base_score", mean(training->outcomes, training->rows)},
        {"nthread", 1},
        {"verbosity", 0},
    };
    enum status status = set_text(booster, "tree_method", "hist", error);
    if (status == STATUS_OK)
        status = set_numbers(booster, numbers, sizeof numbers / sizeof numbers[0], error);
    if (status == STATUS_OK)
        status = recipe->estimator == KERNEL_FOREST
                     ? set_forest(booster, recipe, error)
                     : set_boosting(booster, recipe, error);
    return status;
}

static enum status grow(BoosterHandle booster, DMatrixHandle matrix,
                        const struct kernel_recipe *recipe, struct error_text *error)
{
    struct progress *progress = progress_new("training", "rounds");
    uint64_t rounds = recipe->estimator == KERNEL_FOREST ? 1 : recipe->trees;
    enum status status = STATUS_OK;
    for (uint64_t i = 0; status == STATUS_OK && i < rounds; i++) {
        status =
            check_call(XGBoosterUpdateOneIter(booster, (int)i, matrix), "train", error);
        progress_update(progress, i + 1, (double)(i + 1) / (double)rounds);
    }
    if (status == STATUS_OK)
        progress_end(progress, rounds);
    progress_free(progress);
    return status;
}

static enum status write_model(BoosterHandle booster, struct kernel_json *out,
                               struct error_text *error)
{
    bst_ulong size;
    const char *text; /* the booster's */
    enum status status = check_call(
        XGBoosterSaveModelToBuffer(booster, "{\"format\": \"json\"}", &size, &text),
        "write the model", error);
    if (status != STATUS_OK)
        return status;
    out->text = malloc(size + 1);
    if (out->text == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    memcpy(out->text, text, size);
    out->text[size] = '\0';
    out->size = size;
    return STATUS_OK;
}

static enum status open_training(const struct kernel_training *training,
                                 DMatrixHandle *matrix, BoosterHandle *booster,
                                 struct error_text *error)
{
    enum status status =
        check_call(XGDMatrixCreateFromMat_omp(training->inputs, training->rows,
                                              training->width, NAN, matrix, 1),
                   "take the rows", error);
    if (status == STATUS_OK)
        status = check_call(
            XGDMatrixSetFloatInfo(*matrix, "label", training->outcomes, training->rows),
            "take the outcomes", error);
    if (status == STATUS_OK)
        status = check_call(XGBoosterCreate(matrix, 1, booster), "start", error);
    return status;
}

enum status kernel_xgboost_train(const struct kernel_training *training,
                                 const struct kernel_recipe *recipe,
                                 struct kernel_json *json, struct error_text *error)
{
    DMatrixHandle matrix = NULL;
    BoosterHandle booster = NULL;
    enum status status = open_training(training, &matrix, &booster, error);
    if (status == STATUS_OK)
        status = set_params(booster, training, recipe, error);
    if (status == STATUS_OK)
        status = grow(booster, matrix, recipe, error);
    if (status == STATUS_OK)
        status = write_model(booster, json, error);
    if (booster != NULL)
        XGBoosterFree(booster);
    if (matrix != NULL)
        XGDMatrixFree(matrix);
    return status;
}

/* ---- scoring ---- */

static enum status open_thread(const struct kernel_json *json, bool proxy,
                               struct xgboost_thread *out, struct error_text *error)
{
    BoosterHandle *booster = &out->booster;
    enum status status = check_call(XGBoosterCreate(NULL, 0, booster), "start", error);
    if (status == STATUS_OK)
        status =
            check_call(XGBoosterLoadModelFromBuffer(*booster, json->text, json->size),
                       "read its model", error);
    if (status == STATUS_OK)
        status = set_text(*booster, "nthread", "1", error);
    if (status == STATUS_OK && proxy)
        status = check_call(XGProxyDMatrixCreate(&out->proxy), "make a proxy", error);
    return status;
}

static void describe_batches(struct kernel_xgboost *self)
{
    const struct kernel_rows *rows = self->rows;
    for (size_t i = 0; i < rows->batch_count; i++)
        snprintf(self->texts[i].text, VALUES_TEXT_SIZE,
                 "{\"data\": [%" PRIuPTR ", true], \"shape\": [%" PRIu32 ", %zu], "
                 "\"typestr\": \"<f4\", \"version\": 3}",
                 (uintptr_t)kernel_rows_inputs(rows, i), rows->batch_rows, rows->width);
}

enum status kernel_xgboost_open(const struct kernel_json *json,
                                const struct kernel_rows *rows,
                                const struct kernel_xgboost_options *options,
                                struct kernel_xgboost **out, struct error_text *error)
{
    enum status status = STATUS_NOMEM;
    struct kernel_xgboost *self = calloc(1, sizeof *self);
    if (self == NULL)
        goto fail;
    self->rows = rows;
    self->threads = calloc(options->threads, sizeof *self->threads);
    self->texts = calloc(rows->batch_count, sizeof *self->texts);
    if (self->threads == NULL || self->texts == NULL)
        goto fail;
    describe_batches(self);
    for (size_t i = 0; i < options->threads; i++) {
        self->thread_count++;
        status = open_thread(json, options->proxies, &self->threads[i], error);
        if (status != STATUS_OK)
            goto fail;
    }
    *out = self;
    return STATUS_OK;
fail:
    kernel_xgboost_close(self);
    return status;
}

static void close_thread(struct xgboost_thread *self)
{
    if (self->proxy != NULL)
        XGDMatrixFree(self->proxy);
    if (self->booster != NULL)
        XGBoosterFree(self->booster);
}

static size_t matrix_count(const struct kernel_xgboost *self)
{
    return self->thread_count * self->rows->batch_count;
}

void kernel_xgboost_close(struct kernel_xgboost *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->thread_count; i++)
        close_thread(&self->threads[i]);
    for (size_t i = 0; self->matrices != NULL && i < matrix_count(self); i++)
        if (self->matrices[i] != NULL)
            XGDMatrixFree(self->matrices[i]);
    free(self->matrices);
    free(self->threads);
    free(self->texts);
    free(self);
}

enum status kernel_xgboost_margins(struct kernel_xgboost *self, size_t thread,
                                   size_t batch, float *margins, struct error_text *error)
{
    static const char config[] =
        "{\"type\": 1, \"training\": false, \"iteration_begin\": 0, "
        "\"iteration_end\": 0, \"strict_shape\": false, \"cache_id\": 0, "
        "\"missing\": NaN}";
    const bst_ulong *shape;
    bst_ulong dimensions;
    const float *found; /* the booster's */
    enum status status =
        check_call(XGBoosterPredictFromDense(
                       self->threads[thread].booster, self->texts[batch].text, config,
                       self->threads[thread].proxy, &shape, &dimensions, &found),
                   "score", error);
    if (status != STATUS_OK)
        return status;
    assert(dimensions >= 1 && shape[0] == self->rows->batch_rows);
    memcpy(margins, found, self->rows->batch_rows * sizeof *margins);
    return STATUS_OK;
}

/* ---- contributions ---- */

enum status kernel_xgboost_prepare(struct kernel_xgboost *self, struct error_text *error)
{
    const struct kernel_rows *rows = self->rows;
    enum status status = STATUS_OK;
    self->matrices = calloc(matrix_count(self), sizeof *self->matrices);
    if (self->matrices == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    for (size_t i = 0; status == STATUS_OK && i < matrix_count(self); i++)
        status =
            check_call(XGDMatrixCreateFromMat_omp(
                           kernel_rows_inputs(rows, i % rows->batch_count),
                           rows->batch_rows, rows->width, NAN, &self->matrices[i], 1),
                       "take the rows", error);
    return status;
}

enum status kernel_xgboost_contributions(struct kernel_xgboost *self, size_t thread,
                                         size_t batch, const float **out,
                                         struct error_text *error)
{
    static const char config[] =
        "{\"type\": 2, \"training\": false, \"iteration_begin\": 0, "
        "\"iteration_end\": 0, \"strict_shape\": false}";
    const bst_ulong *shape;
    bst_ulong dimensions;
    DMatrixHandle matrix = self->matrices[thread * self->rows->batch_count + batch];
    enum status status =
        check_call(XGBoosterPredictFromDMatrix(self->threads[thread].booster, matrix,
                                               config, &shape, &dimensions, out),
                   "explain", error);
    if (status == STATUS_OK)
        assert(dimensions == 2 && shape[0] == self->rows->batch_rows &&
               shape[1] == self->rows->width + 1);
    return status;
}
