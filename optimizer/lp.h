/* SPDX-License-Identifier: Apache-2.0 */
/* lp.h - a linear program and its optimum: the one home of Clp.
 *
 *      maximise   objective . x
 *      subject to A x <= row_max,  0 <= x <= column_max
 *
 * A by columns: those of column j are rows[starts[j]] to rows[starts[j + 1] - 1], with
 * `values`. All numbers are finite, row_max and column_max >= 0: x = 0 is always allowed
 * and x is bounded, so there is always an optimum. */

#ifndef OPTIMIZER_LP_H
#define OPTIMIZER_LP_H

#include "base/error_text.h"

#include <stddef.h>

struct lp {
    size_t column_count, row_count, element_count;
    int *starts; /* column_count + 1 */
    int *rows;
    double *values;
    double *objective, *column_max, *row_max;
};

struct lp_solution {
    double objective;
    double *x;     /* column_count, within their bounds */
    double *price; /* row_count, >= 0: the objective's gain for one more of row_max */
};

extern const char lp_solver[]; /* with its version */

/* Room for that many; the counts are then the caller's. STATUS_NOMEM; STATUS_FULL: more
 * than the solver can count. */
MUST_CHECK enum status lp_open(struct lp *self, size_t columns, size_t rows,
                               size_t elements);
void lp_close(struct lp *self);

/* STATUS_MALFORMED: the solver found no optimum; `error` says what it says. */
MUST_CHECK enum status lp_solve(const struct lp *self, struct lp_solution *out,
                                struct error_text *error);
void lp_solution_release(struct lp_solution *self);

#endif
