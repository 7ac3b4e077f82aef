/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_peer_sklearn.h - scikit-learn as a peer: a Python process that trains, hands its
 * model over, and scores and times when told to, with every library on one thread.
 *
 * They talk by lines on a socket, and give each other rows in files of a folder that the
 * process removes when the socket closes. */

#ifndef BENCH_KERNEL_PEER_SKLEARN_H
#define BENCH_KERNEL_PEER_SKLEARN_H

#include "base/error_text.h"
#include "bench/kernel_case.h"
#include "bench/kernel_rate.h"
#include "bench/kernel_rows.h"

#include "model.pb-c.h"

struct kernel_sklearn;

/* STATUS_UNAVAILABLE: there is no scikit-learn; `error` says so. */
MUST_CHECK enum status kernel_sklearn_open(struct kernel_sklearn **out,
                                           struct error_text *error);
void kernel_sklearn_close(struct kernel_sklearn *self);

/* "scikit-learn 1.2.1". */
const char *kernel_sklearn_version(const struct kernel_sklearn *self);

/* Train, and give the estimator to `model`, which has none. */
MUST_CHECK enum status kernel_sklearn_train(struct kernel_sklearn *self,
                                            const struct kernel_training *training,
                                            const struct kernel_recipe *recipe,
                                            Chw__Model *model, struct error_text *error);

/* Take the rows that are scored from now on. */
MUST_CHECK enum status kernel_sklearn_take(struct kernel_sklearn *self,
                                           const struct kernel_rows *rows,
                                           struct error_text *error);

/* The probabilities of all `count` rows, by predict_proba() of each batch. */
MUST_CHECK enum status kernel_sklearn_results(struct kernel_sklearn *self, size_t count,
                                              float *out, struct error_text *error);

/* As kernel_rate(): threads are processes there. */
MUST_CHECK enum status kernel_sklearn_rate(struct kernel_sklearn *self,
                                           const struct kernel_load *load,
                                           double *records_per_s,
                                           struct error_text *error);

/* x <= t, as it splits, is x < this for every float x. */
float kernel_sklearn_threshold(double t);

#endif
