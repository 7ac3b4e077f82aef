/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_peer_xgboost.h - XGBoost as the kernels' peer: it trains the ensembles that both
 * score, and scores them by its C API on one thread per handle. */

#ifndef BENCH_KERNEL_PEER_XGBOOST_H
#define BENCH_KERNEL_PEER_XGBOOST_H

#include "base/error_text.h"
#include "bench/kernel_rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Boosting by the log-loss, a tree per round; or a forest on the squared error, whose
 * margin is a probability. */
struct kernel_xgboost_params {
    bool forest;
    uint64_t trees;
    uint64_t depth;  /* boosting only */
    uint64_t leaves; /* of each tree of a forest at most, whatever its depth */
    uint64_t seed;
};

/* "XGBoost 1.7.4": the library that is loaded. */
const char *kernel_xgboost_version(void);

/* The model as JSON with a zero after its end; the caller's to free. The same rows,
 * parameters and seed give the same model. */
MUST_CHECK enum status kernel_xgboost_train(const struct kernel_matrix *inputs,
                                            const float *outcomes,
                                            const struct kernel_xgboost_params *params,
                                            char **json, size_t *size,
                                            struct error_text *error);

struct kernel_xgboost;

/* A handle of the model for each of `threads` threads, ready to score the batches of
 * `rows`, which are borrowed. */
MUST_CHECK enum status kernel_xgboost_open(const char *json, size_t size,
                                           const struct kernel_rows *rows, size_t threads,
                                           struct kernel_xgboost **out,
                                           struct error_text *error);
void kernel_xgboost_close(struct kernel_xgboost *self);

/* Dense in-place prediction of a batch's margins; one thread per `thread`. */
MUST_CHECK enum status kernel_xgboost_margins(struct kernel_xgboost *self, size_t thread,
                                              size_t batch, float *margins,
                                              struct error_text *error);

#endif
