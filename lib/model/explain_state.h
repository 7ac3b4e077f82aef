/* SPDX-License-Identifier: Apache-2.0 */
/* explain_state.h - what explaining an ensemble holds between its steps. explain_run.h is
 * compiled twice and must agree on it. Private to lib/model/explain*. */

#ifndef MODEL_EXPLAIN_STATE_H
#define MODEL_EXPLAIN_STATE_H

#include "model/answers.h"
#include "model/explain_leaves.h"

/* Of each feature a row of KERNEL_BLOCK records; of a few trees in float, then of all in
 * double, so that a thousand small numbers lose nothing beside a large one. */
struct explain_run {
    const struct explained_leaves *leaves;
    struct answers *answers;
    float *sums;
    double *totals;
    float *met;     /* of each player of a leaf: 1 where the condition is met, else 0 */
    float *product; /* of a leaf's factors */
    struct shapley_rule *rules; /* by players */

    /* Where the block is: */
    uint32_t first, count; /* rows, up to KERNEL_BLOCK */
    uint32_t at;           /* of these, the first that is being explained */
    uint32_t tree, leaf;   /* the next */
};

/* Begin a block of 1 to KERNEL_BLOCK records. */
void explain_run_begin(struct explain_run *self, uint32_t first, uint32_t count);

/* Explain some of its leaves; false: all are, and `totals` are filled. */
bool explain_step_portable(struct explain_run *self);
bool explain_step_avx512(struct explain_run *self);

/* Of a part whose estimator is trees; for tests. */
struct explainer;
struct explain_run *explainer_part_run(struct explainer *self, size_t part);

#endif
