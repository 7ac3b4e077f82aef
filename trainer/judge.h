/* SPDX-License-Identifier: Apache-2.0 */
/* judge.h - scores the held-out rows by the model that will serve, as batches through
 * model_bind() and model_score(), and measures the result. Pure. */

#ifndef TRAINER_JUDGE_H
#define TRAINER_JUDGE_H

#include "base/error_text.h"
#include "trainer/evaluate.h"
#include "trainer/pipeline.h"
#include "trainer/split.h"

struct model;
struct record_fault;

struct judgement {
    float *probabilities;        /* one per held-out row */
    float *margins;              /* one per held-out row, before calibration and link */
    struct record_fault *faults; /* one per held-out row */
    size_t unscored_count;       /* rows with a fault: not in the metrics */
    struct metrics metrics;
};

MUST_CHECK enum status judge(const struct model *model, const struct dataset *data,
                             const struct pipeline *pipeline, const struct split *split,
                             struct judgement *out, struct error_text *error);
void judgement_release(struct judgement *self);

#endif
