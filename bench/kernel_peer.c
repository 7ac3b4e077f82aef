/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_peer.c - XGBoost in this process, scikit-learn in another. */
#include "bench/kernel_peer.h"

#include <stdlib.h>

/* ---- XGBoost ---- */

static enum status open_xgboost(const struct kernel_subject *subject,
                                const struct kernel_rows *rows, size_t threads,
                                void **out, struct error_text *error)
{
    struct kernel_xgboost *self;
    const struct kernel_xgboost_options options = {threads, subject->proxies};
    enum status status =
        kernel_xgboost_open(&subject->json, rows, &options, &self, error);
    if (status == STATUS_OK)
        *out = self;
    return status;
}

static void close_xgboost(void *self)
{
    kernel_xgboost_close(self);
}

static enum status score_xgboost(void *arg, size_t thread, size_t batch, float *out,
                                 struct error_text *error)
{
    return kernel_xgboost_margins(arg, thread, batch, out, error);
}

static enum status results_xgboost(void *self, const struct kernel_load *load, float *out,
                                   struct error_text *error)
{
    const struct kernel_scorer scorer = {self, score_xgboost};
    return kernel_results(&scorer, load, out, error);
}

static enum status rate_xgboost(void *self, const struct kernel_load *load,
                                double *records_per_s, struct error_text *error)
{
    const struct kernel_scorer scorer = {self, score_xgboost};
    return kernel_rate(&scorer, load, records_per_s, error);
}

/* ---- XGBoost's contributions ---- */

struct explaining {
    struct kernel_xgboost *xgboost;
    const struct kernel_design *design;
    size_t rows; /* of a batch */
};

static void close_explaining(void *arg)
{
    struct explaining *self = arg;
    if (self != NULL)
        kernel_xgboost_close(self->xgboost);
    free(self);
}

static enum status open_explaining(const struct kernel_subject *subject,
                                   const struct kernel_rows *rows, size_t threads,
                                   void **out, struct error_text *error)
{
    const struct kernel_xgboost_options options = {.threads = threads};
    struct explaining *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    self->design = &subject->design;
    self->rows = rows->batch_rows;
    enum status status =
        kernel_xgboost_open(&subject->json, rows, &options, &self->xgboost, error);
    if (status == STATUS_OK)
        status = kernel_xgboost_prepare(self->xgboost, error);
    if (status == STATUS_OK)
        *out = self;
    else
        close_explaining(self);
    return status;
}

/* Inputs are summed up to features, as ours are. */
static enum status score_explaining(void *arg, size_t thread, size_t batch, float *out,
                                    struct error_text *error)
{
    const struct explaining *self = arg;
    size_t features = self->design->pipeline->feature_count;
    const float *found;
    enum status status =
        kernel_xgboost_contributions(self->xgboost, thread, batch, &found, error);
    for (size_t i = 0; status == STATUS_OK && i < self->rows; i++) {
        kernel_design_fold(self->design, found, out);
        out[features] = found[self->design->width];
        found += self->design->width + 1;
        out += features + 1;
    }
    return status;
}

static enum status results_explaining(void *self, const struct kernel_load *load,
                                      float *out, struct error_text *error)
{
    const struct kernel_scorer scorer = {self, score_explaining};
    return kernel_results(&scorer, load, out, error);
}

static enum status rate_explaining(void *self, const struct kernel_load *load,
                                   double *records_per_s, struct error_text *error)
{
    const struct kernel_scorer scorer = {self, score_explaining};
    return kernel_rate(&scorer, load, records_per_s, error);
}

/* ---- scikit-learn: the subject's process ---- */

static enum status open_sklearn(const struct kernel_subject *subject,
                                const struct kernel_rows *rows, size_t threads,
                                void **out, struct error_text *error)
{
    (void)threads;
    *out = subject->sklearn;
    return kernel_sklearn_take(subject->sklearn, rows, error);
}

static void close_sklearn(void *self)
{
    (void)self; /* the subject closes it */
}

static enum status results_sklearn(void *self, const struct kernel_load *load, float *out,
                                   struct error_text *error)
{
    return kernel_sklearn_results(self, load->batch_rows * load->batch_count, out, error);
}

static enum status rate_sklearn(void *self, const struct kernel_load *load,
                                double *records_per_s, struct error_text *error)
{
    return kernel_sklearn_rate(self, load, records_per_s, error);
}

static const struct kernel_peer xgboost = {KERNEL_MARGINS,  0,
                                           open_xgboost,    close_xgboost,
                                           results_xgboost, rate_xgboost},
                                explaining = {KERNEL_CONTRIBUTIONS, 1e-4,
                                              open_explaining,      close_explaining,
                                              results_explaining,   rate_explaining},
                                sklearn = {KERNEL_PROBABILITIES, 1e-6,
                                           open_sklearn,         close_sklearn,
                                           results_sklearn,      rate_sklearn};

const struct kernel_peer *kernel_peer_of(const struct kernel_case *of)
{
    if (of->explains)
        return &explaining;
    return kernel_recipe_is_sklearn(&of->recipe) ? &sklearn : &xgboost;
}
