/* SPDX-License-Identifier: Apache-2.0 */
/* fit_logistic.h - logistic regression with an L2 penalty on the weights: the one home of
 * liblinear. Not safe for two threads at once. */

#ifndef TRAINER_FIT_LOGISTIC_H
#define TRAINER_FIT_LOGISTIC_H

#include "trainer/pipeline.h"

#define FIT_LOGISTIC_SOLVER "liblinear 2.30 L2R_LR"

struct fit_logistic {
    double intercept;
    float *weights; /* one per input of the pipeline */
    float *means;   /* of each input over the rows */
};

/* Minimises |w|^2 / 2 + c * sum of log-losses over the rows; c > 0. Both outcomes occur
 * in them. */
MUST_CHECK enum status fit_logistic_run(const struct pipeline *pipeline,
                                        const struct dataset *data, const uint32_t *rows,
                                        size_t row_count, double c,
                                        struct fit_logistic *out,
                                        struct error_text *error);
void fit_logistic_release(struct fit_logistic *self);

#endif
