/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_peer_xgboost.h - XGBoost as the kernels' peer: it trains the ensembles that both
 * score, and scores them by its C API on one thread per handle. */

#ifndef BENCH_KERNEL_PEER_XGBOOST_H
#define BENCH_KERNEL_PEER_XGBOOST_H

#include "base/error_text.h"
#include "bench/kernel_case.h"
#include "bench/kernel_rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "XGBoost 1.7.4": the library that is loaded. */
const char *kernel_xgboost_version(void);

/* A model as JSON with a zero after its end; owned. */
struct kernel_json {
    char *text;
    size_t size;
};

/* The same rows, seed and recipe give the same model. */
MUST_CHECK enum status kernel_xgboost_train(const struct kernel_training *training,
                                            const struct kernel_recipe *recipe,
                                            struct kernel_json *json,
                                            struct error_text *error);

struct kernel_xgboost;

struct kernel_xgboost_options {
    size_t threads; /* a handle of the model for each */
    /* Give each prediction the thread's own proxy DMatrix, which the API allows: it makes
     * one for each call otherwise, as for the Python package. */
    bool proxies;
};

/* Ready to score the batches of `rows`, which are borrowed. */
MUST_CHECK enum status kernel_xgboost_open(const struct kernel_json *json,
                                           const struct kernel_rows *rows,
                                           const struct kernel_xgboost_options *options,
                                           struct kernel_xgboost **out,
                                           struct error_text *error);
void kernel_xgboost_close(struct kernel_xgboost *self);

/* Dense in-place prediction of a batch's margins; one thread per `thread`. */
MUST_CHECK enum status kernel_xgboost_margins(struct kernel_xgboost *self, size_t thread,
                                              size_t batch, float *margins,
                                              struct error_text *error);

/* Make what contributions are computed from, before the clock runs. */
MUST_CHECK enum status kernel_xgboost_prepare(struct kernel_xgboost *self,
                                              struct error_text *error);

/* The exact contributions to the margin of a batch's records: one of each input and the
 * bias, record after record. Borrowed until the next call of the thread. */
MUST_CHECK enum status kernel_xgboost_contributions(struct kernel_xgboost *self,
                                                    size_t thread, size_t batch,
                                                    const float **out,
                                                    struct error_text *error);

#endif
