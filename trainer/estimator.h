/* SPDX-License-Identifier: Apache-2.0 */
/* estimator.h - the kinds of model that can be trained, in one table: how each is fitted
 * and what of its parameters the model's lineage tells. */

#ifndef TRAINER_ESTIMATOR_H
#define TRAINER_ESTIMATOR_H

#include "trainer/artifact.h"
#include "trainer/split.h"
#include "trainer/train.h"

struct estimator_request {
    const struct train_options *options;
    const struct pipeline *pipeline; /* of the estimator's style */
    const struct dataset *data;
    const struct split *split;
};

struct estimator {
    const char *name, *solver;
    enum pipeline_style style;
    /* Fits the training part, completes `message` and notes the parameters. */
    enum status (*fit)(const struct estimator_request *request, Chw__Model *message,
                       struct artifact_lineage *lineage, struct error_text *error);
};

/* The one that the options name. STATUS_INVALID: there is none, or a parameter of its is
 * out of range. */
MUST_CHECK enum status estimator_find(const struct train_options *options,
                                      const struct estimator **out,
                                      struct error_text *error);

/* The part of the remaining rows that says when to stop; 0: it does not stop early. */
double estimator_validation(const struct estimator *self,
                            const struct train_options *options);

#endif
