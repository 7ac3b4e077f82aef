/* SPDX-License-Identifier: Apache-2.0 */
/* fit_xgboost.h - gradient boosting and random forests: the one home of XGBoost.
 *
 * Boosting minimises the log-loss, a tree per round, and keeps the rounds up to the best
 * one on the validation part. A forest is one round of many trees on the squared error,
 * so its margin is the mean of its trees' frequencies and needs no link. Both start from
 * the training part's frequency of the outcome. The same rows, parameters and seed give
 * the same trees. */

#ifndef TRAINER_FIT_XGBOOST_H
#define TRAINER_FIT_XGBOOST_H

#include "exchange/xgboost.h"
#include "trainer/pipeline.h"
#include "trainer/split.h"

extern const char fit_xgboost_solver[]; /* with its version */

struct fit_xgboost_params {
    bool forest;
    uint64_t rounds; /* of boosting at most; trees of a forest */
    uint64_t depth;
    double learning_rate; /* boosting only */
    double min_child_weight, subsample, lambda;
    double colsample;        /* of the inputs: per tree; per node of a forest */
    uint64_t early_stopping; /* rounds without a better validation loss; 0: never */
    uint64_t threads, seed;
};

/* A round's log-loss; NaN where there is no validation part. */
struct fit_xgboost_round {
    uint64_t number; /* from 1 */
    double train, validation;
};

struct fit_xgboost_request {
    const struct pipeline *pipeline; /* fitted for trees */
    const struct dataset *data;
    const struct split *split; /* its validation part may be empty */
    const struct fit_xgboost_params *params;
    void (*on_round)(const struct fit_xgboost_round *round); /* boosting only */
};

struct fit_xgboost {
    struct xgboost_trees model;
    uint64_t rounds_done, rounds_kept;
    float base_score; /* the training part's frequency */
};

/* STATUS_INVALID: a parameter is not allowed or XGBoost refuses, `error` says what. */
MUST_CHECK enum status fit_xgboost_run(const struct fit_xgboost_request *request,
                                       struct fit_xgboost *out, struct error_text *error);
void fit_xgboost_release(struct fit_xgboost *self);

/* The parameters' ranges; `error` names the option. */
MUST_CHECK enum status fit_xgboost_check(const struct fit_xgboost_params *params,
                                         struct error_text *error);

#endif
