/* SPDX-License-Identifier: Apache-2.0 */
/* lp.c - Clp's C interface. It minimises, so the objective is negated on the way in and
 * its row prices on the way out. It crashes on a model without columns, which therefore
 * never reaches it. */
#include "optimizer/lp.h"

#include <coin/ClpConfig.h>
#include <coin/Clp_C_Interface.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char lp_solver[] = "Clp " CLP_VERSION;

enum status lp_open(struct lp *self, size_t columns, size_t rows, size_t elements)
{
    memset(self, 0, sizeof *self);
    if (columns >= INT_MAX || rows >= INT_MAX || elements >= INT_MAX)
        return STATUS_FULL;
    self->starts = calloc(columns + 1, sizeof *self->starts);
    self->rows = calloc(elements + 1, sizeof *self->rows);
    self->values = calloc(elements + 1, sizeof *self->values);
    self->objective = calloc(columns + 1, sizeof *self->objective);
    self->column_max = calloc(columns + 1, sizeof *self->column_max);
    self->row_max = calloc(rows + 1, sizeof *self->row_max);
    if (self->starts != NULL && self->rows != NULL && self->values != NULL &&
        self->objective != NULL && self->column_max != NULL && self->row_max != NULL)
        return STATUS_OK;
    lp_close(self);
    return STATUS_NOMEM;
}

void lp_close(struct lp *self)
{
    free(self->starts);
    free(self->rows);
    free(self->values);
    free(self->objective);
    free(self->column_max);
    free(self->row_max);
    memset(self, 0, sizeof *self);
}

static double within(double value, double min, double max)
{
    return value < min ? min : value > max ? max : value;
}

static void read_solution(const struct lp *self, Clp_Simplex *model,
                          struct lp_solution *out)
{
    const double *x = Clp_getColSolution(model);
    const double *price = Clp_getRowPrice(model);
    for (size_t i = 0; i < self->column_count; i++) {
        out->x[i] = within(x[i], 0, self->column_max[i]);
        out->objective += self->objective[i] * out->x[i];
    }
    for (size_t i = 0; i < self->row_count; i++)
        out->price[i] = price[i] < 0 ? -price[i] : 0;
}

static enum status run(const struct lp *self, Clp_Simplex *model, double *negated,
                       struct lp_solution *out, struct error_text *error)
{
    for (size_t i = 0; i < self->column_count; i++)
        negated[i] = -self->objective[i];
    Clp_setLogLevel(model, 0);
    Clp_loadProblem(model, (int)self->column_count, (int)self->row_count, self->starts,
                    self->rows, self->values, NULL, self->column_max, negated, NULL,
                    self->row_max);
    Clp_setPrimalTolerance(model, 1e-9);
    Clp_setDualTolerance(model, 1e-9);
    Clp_initialSolve(model);
    if (Clp_status(model) != 0)
        return error_set(error, STATUS_MALFORMED,
                         "%s found no optimum (status %d); the numbers of the "
                         "allocation may be too far apart",
                         lp_solver, Clp_status(model));
    read_solution(self, model, out);
    return STATUS_OK;
}

enum status lp_solve(const struct lp *self, struct lp_solution *out,
                     struct error_text *error)
{
    out->objective = 0;
    out->x = calloc(self->column_count + 1, sizeof *out->x);
    out->price = calloc(self->row_count + 1, sizeof *out->price);
    double *negated = calloc(self->column_count + 1, sizeof *negated);
    Clp_Simplex *model = Clp_newModel();
    enum status status = STATUS_NOMEM;
    if (out->x != NULL && out->price != NULL && negated != NULL && model != NULL)
        status =
            self->column_count == 0 ? STATUS_OK : run(self, model, negated, out, error);
    else
        error_set(error, status, "out of memory");
    if (model != NULL)
        Clp_deleteModel(model);
    free(negated);
    if (status != STATUS_OK)
        lp_solution_release(out);
    return status;
}

void lp_solution_release(struct lp_solution *self)
{
    free(self->x);
    free(self->price);
    memset(self, 0, sizeof *self);
}
