/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_subject.h - what is scored: an estimator trained by the peer in this run, as the
 * peer keeps it and as a model of ours, read by the project's own reader. */

#ifndef BENCH_KERNEL_SUBJECT_H
#define BENCH_KERNEL_SUBJECT_H

#include "base/error_text.h"
#include "bench/kernel_peer_sklearn.h"
#include "bench/kernel_peer_xgboost.h"
#include "model/model.h"

struct kernel_subject {
    struct kernel_recipe recipe;
    struct kernel_design design;
    struct kernel_json json;        /* of XGBoost; else empty */
    bool proxies;                   /* its way to score */
    struct kernel_sklearn *sklearn; /* which has the model; else NULL */
    const char *peer;               /* with its version */
    struct model *model;
    double load_ms; /* what model_load() took: parse, check, compile */
    size_t model_size;
    size_t tree_count, leaf_count; /* 0: it has none */
};

struct kernel_request {
    const struct kernel_table *table; /* of the recipe */
    bool codes;                       /* see kernel_design.h; of XGBoost's models only */
    uint64_t seed;
    bool proxies;       /* see kernel_peer_xgboost.h */
    const char *models; /* folder that keeps XGBoost's models; NULL: none are kept */
};

/* A kept model is taken where everything that it comes from is the same.
 * STATUS_UNAVAILABLE: the peer is not there; `error` says so. */
MUST_CHECK enum status kernel_subject_train(const struct kernel_request *request,
                                            const struct kernel_recipe *recipe,
                                            struct kernel_subject *out,
                                            struct error_text *error);
void kernel_subject_release(struct kernel_subject *self);

#endif
