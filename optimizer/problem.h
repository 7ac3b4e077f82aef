/* SPDX-License-Identifier: Apache-2.0 */
/* problem.h - demand and allocation as a linear program, and what its numbers mean.
 *
 * Column (i, s): people of cell i (a region's tier, for one target) who get service s.
 *
 *      maximise   sum benefit_s * p_i * x_is       expected cases reached
 *
 *      people     sum_s x_is <= people_i           one service per person, target
 *
 *      resource   sum use_qs * travel_r * x_is <= capacity_q     all, or per region
 *
 * The source is the project's allocation model (docs/planning.md). Room is left for a
 * minimum coverage (a column z and a row per region) and for demand with uncertainty (a
 * column per region for what is not met): both only add columns and rows. Pure. */

#ifndef OPTIMIZER_PROBLEM_H
#define OPTIMIZER_PROBLEM_H

#include "optimizer/allocation.h"
#include "optimizer/demand.h"
#include "optimizer/lp.h"

struct problem {
    const struct allocation *allocation; /* borrowed */
    const struct demand *demand;         /* borrowed */
    struct lp lp;
    struct problem_column {
        size_t cell, service;
    } * columns; /* lp.column_count: by cell, service */
    struct problem_capacity {
        size_t resource;
        const char *region; /* NULL: for all; else of a cell */
        double capacity;
    } * capacities; /* capacity_count, the last rows of the program */
    size_t people_count, capacity_count;
};

/* A region without demand gets nothing and is not in it. STATUS_NOT_FOUND: no service is
 * for any of the demand; `error` names its targets. */
MUST_CHECK enum status problem_make(const struct allocation *allocation,
                                    const struct demand *demand, struct problem *out,
                                    struct error_text *error);
void problem_release(struct problem *self);

/* How much of each capacity the solution uses, into used[capacity_count]. */
void problem_use(const struct problem *self, const struct lp_solution *solution,
                 double *used);

#endif
