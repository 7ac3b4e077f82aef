/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_peer.c - XGBoost in this process, scikit-learn in another. */
#include "bench/kernel_peer.h"

/* ---- XGBoost ---- */

static enum status open_xgboost(const struct kernel_subject *subject,
                                const struct kernel_rows *rows, size_t threads,
                                void **out, struct error_text *error)
{
    struct kernel_xgboost *self;
    enum status status = kernel_xgboost_open(&subject->json, rows, threads, &self, error);
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
    return kernel_sklearn_rate(self, load->threads, load->seconds, records_per_s, error);
}

static const struct kernel_peer xgboost = {KERNEL_MARGINS,  0,
                                           open_xgboost,    close_xgboost,
                                           results_xgboost, rate_xgboost},
                                sklearn = {KERNEL_PROBABILITIES, 1e-6,
                                           open_sklearn,         close_sklearn,
                                           results_sklearn,      rate_sklearn};

const struct kernel_peer *kernel_peer_of(const struct kernel_recipe *recipe)
{
    return kernel_recipe_is_sklearn(recipe) ? &sklearn : &xgboost;
}
