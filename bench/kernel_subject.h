/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_subject.h - what is scored: an estimator trained by the peer in this run, as the
 * peer keeps it and as a model of ours, read by the project's own reader. */

#ifndef BENCH_KERNEL_SUBJECT_H
#define BENCH_KERNEL_SUBJECT_H

#include "base/error_text.h"
#include "bench/kernel_design.h"
#include "bench/kernel_peer_xgboost.h"
#include "model/model.h"

struct kernel_subject {
    struct kernel_design design;
    char *json; /* of XGBoost, with a zero after its end */
    size_t json_size;
    struct model *model;
    double load_ms; /* what model_load() took: parse, check, compile */
    size_t model_size, tree_count, leaf_count;
};

/* `codes`: see kernel_design.h. */
MUST_CHECK enum status kernel_subject_train(const struct kernel_table *table, bool codes,
                                            const struct kernel_xgboost_params *params,
                                            struct kernel_subject *out,
                                            struct error_text *error);
void kernel_subject_release(struct kernel_subject *self);

#endif
