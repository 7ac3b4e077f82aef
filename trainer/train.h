/* SPDX-License-Identifier: Apache-2.0 */
/* train.h - one training from a table to a published model, step after step. */

#ifndef TRAINER_TRAIN_H
#define TRAINER_TRAIN_H

#include "base/config.h"
#include "base/error_text.h"

struct train_options {
    char *target, *positive, *name;
    struct config_list ids, drops;
    char *dictionary;
    char *promote;      /* NULL: publish only */
    char *data, *store; /* without a store: store.db in the data folder */
    uint64_t seed;
    double heldout, validation;
    char *estimator; /* logistic, boosting or forest */
    double l2;       /* liblinear's C, the inverse strength of the penalty */
    /* Of boosting and forest: see trainer/fit_xgboost.h. The estimator's default where
     * rounds or depth is 0, subsample or colsample NaN. */
    uint64_t rounds, depth, early_stopping, threads;
    double learning_rate, min_child_weight, subsample, colsample, lambda;
    char *split_out, *predictions_out, *report;
    char *config;
};

/* Prints the report on stdout and progress on stderr. Nothing is published before every
 * check has passed and the files asked for are written, the report excepted. */
MUST_CHECK enum status train_run(const struct train_options *options, const char *path,
                                 struct error_text *error);

#endif
