/* SPDX-License-Identifier: Apache-2.0 */
/* explain.h - why a record has its score: what each feature contributes to the margin.
 *
 * For trees these are the Shapley values of the path-dependent expectation: "exact
 * TreeSHAP" (Lundberg et al. 2018, Consistent Individualized Feature Attribution for Tree
 * Ensembles), as XGBoost's pred_contribs gives them. For a linear model, weight times the
 * distance from the training data's mean (from 0 where that is not known). Inputs of a
 * one-hot category are summed up to the feature that a person knows.
 *
 *   base + sum of a record's contributions = its margin, after a Platt calibration
 *
 * to within a float's rounding. With a logistic link both are in log-odds, else in
 * probability. An isotonic calibration comes after, and is not explained. Of a model of
 * several parts: the mean of the parts' contributions where it is the mean of the parts,
 * else those to the chosen class.
 *
 * The same bytes and columns give the same floats on every machine. Pure. */

#ifndef MODEL_EXPLAIN_H
#define MODEL_EXPLAIN_H

#include "model/model.h"

enum {
    EXPLAIN_ROWS_MAX = 512,            /* at once */
    EXPLAIN_DEPTH_MAX = 64,            /* of a tree */
    EXPLAIN_SIZE_MAX = 1 << 29,        /* bytes that a model's explanations may take */
    EXPLAIN_TABLES_SIZE_MAX = 1 << 28, /* of these, for tables: beyond, slower */
};

/* Belongs to one thread, borrows the binding. */
struct explainer;

/* *out is NULL, with a literal in *reason, where the model cannot be explained: it has no
 * covers, a tree is deeper than EXPLAIN_DEPTH_MAX, or it takes more than
 * EXPLAIN_SIZE_MAX. The first call for a model compiles what all later ones share;
 * threads may race. */
MUST_CHECK enum status explainer_new(const struct binding *binding,
                                     struct explainer **out, const char **reason);
void explainer_free(struct explainer *self);

/* The margin of a record of which nothing is known. */
double explainer_base(const struct explainer *self);

/* Are contributions in log-odds, not in probability? */
bool explainer_in_log_odds(const struct explainer *self);

/* Rows [first, first + count): contributions[i * features + k] is that of the model's
 * feature k to row first + i. Those of a record with a fault mean nothing. */
void explainer_run(struct explainer *self, uint32_t first, uint32_t count,
                   float *contributions);

/* The same in steps, for a thread with other duties: each is short, whatever the model.
 * Begin with 1 to EXPLAIN_ROWS_MAX rows, then step until that is false: only then
 * `contributions`, which stay until then, have been written. */
void explainer_begin(struct explainer *self, uint32_t first, uint32_t count,
                     float *contributions);
bool explainer_step(struct explainer *self);

#endif
