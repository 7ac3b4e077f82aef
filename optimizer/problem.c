/* SPDX-License-Identifier: Apache-2.0 */
/* problem.c - rows are counted before anything is filled: people first, capacities last.
 */
#include "optimizer/problem.h"

#include "optimizer/list.h"

#include <stdlib.h>
#include <string.h>

static bool serves(const struct problem *self, size_t cell, size_t service)
{
    return allocation_serves(&self->allocation->services[service],
                             self->demand->cells[cell].target,
                             self->demand->cells[cell].tier);
}

static const char *region_of(const struct problem *self, size_t cell)
{
    return self->demand->cells[cell].region;
}

/* Cells are sorted: a region's are neighbours. */
static bool begins_region(const struct problem *self, size_t cell)
{
    return cell == 0 || strcmp(region_of(self, cell - 1), region_of(self, cell)) != 0;
}

static double use_of(const struct problem *self, size_t cell, size_t service,
                     size_t resource)
{
    const struct allocation *allocation = self->allocation;
    double use = allocation->services[service].uses[resource];
    return allocation->resources[resource].travels
               ? use * allocation_number(&allocation->travel, region_of(self, cell))
               : use;
}

/* ---- counting ---- */

struct counts {
    size_t columns, elements, regions, locals;
};

static struct counts count(const struct problem *self)
{
    struct counts counts = {0};
    for (size_t cell = 0; cell < self->demand->count; cell++) {
        counts.regions += begins_region(self, cell);
        for (size_t s = 0; s < self->allocation->service_count; s++)
            counts.columns += serves(self, cell, s);
    }
    counts.elements = counts.columns * (1 + self->allocation->resource_count);
    for (size_t q = 0; q < self->allocation->resource_count; q++)
        counts.locals += self->allocation->resources[q].local;
    return counts;
}

/* ---- filling ---- */

static void fill_people(struct problem *self)
{
    self->people_count = self->demand->count;
    for (size_t cell = 0; cell < self->people_count; cell++)
        self->lp.row_max[cell] = (double)self->demand->cells[cell].people;
}

static void add_capacity(struct problem *self, size_t resource, const char *region)
{
    const struct allocation_numbers *numbers =
        &self->allocation->resources[resource].capacity;
    double capacity =
        region == NULL ? numbers->fallback : allocation_number(numbers, region);
    self->lp.row_max[self->people_count + self->capacity_count] = capacity;
    self->capacities[self->capacity_count++] =
        (struct problem_capacity){resource, region, capacity};
}

/* Resources for all first, then each region's own. */
static void fill_capacities(struct problem *self)
{
    const struct allocation *allocation = self->allocation;
    for (size_t q = 0; q < allocation->resource_count; q++)
        if (!allocation->resources[q].local)
            add_capacity(self, q, NULL);
    for (size_t cell = 0; cell < self->demand->count; cell++)
        for (size_t q = 0; begins_region(self, cell) && q < allocation->resource_count;
             q++)
            if (allocation->resources[q].local)
                add_capacity(self, q, region_of(self, cell));
}

static void add_element(struct problem *self, size_t row, double value)
{
    self->lp.rows[self->lp.element_count] = (int)row;
    self->lp.values[self->lp.element_count++] = value;
}

/* `local`: the row of the region's first own capacity. */
static void add_column(struct problem *self, size_t cell, size_t service, size_t local)
{
    const struct allocation *allocation = self->allocation;
    size_t column = self->lp.column_count++, central = self->people_count;
    self->columns[column] = (struct problem_column){cell, service};
    self->lp.column_max[column] = (double)self->demand->cells[cell].people;
    self->lp.objective[column] = allocation->services[service].benefit *
                                 demand_probability(&self->demand->cells[cell]);
    add_element(self, cell, 1);
    for (size_t q = 0; q < allocation->resource_count; q++) {
        size_t row = allocation->resources[q].local ? local++ : central++;
        double use = use_of(self, cell, service, q);
        if (use > 0)
            add_element(self, row, use);
    }
    self->lp.starts[column + 1] = (int)self->lp.element_count;
}

static void fill_columns(struct problem *self, const struct counts *counts)
{
    size_t centrals = self->allocation->resource_count - counts->locals;
    size_t local = self->people_count + centrals - counts->locals;
    for (size_t cell = 0; cell < self->demand->count; cell++) {
        if (begins_region(self, cell))
            local += counts->locals;
        for (size_t s = 0; s < self->allocation->service_count; s++)
            if (serves(self, cell, s))
                add_column(self, cell, s, local);
    }
}

static enum status nobody_served(const struct problem *self, struct error_text *error)
{
    char list[200] = "";
    for (size_t i = 0; i < self->demand->count; i++)
        list_add(list, sizeof list, self->demand->cells[i].target);
    return error_set(error, STATUS_NOT_FOUND,
                     "no service is for a target and tier of the demand; its targets "
                     "are %s",
                     list);
}

enum status problem_make(const struct allocation *allocation, const struct demand *demand,
                         struct problem *out, struct error_text *error)
{
    *out = (struct problem){.allocation = allocation, .demand = demand};
    struct counts counts = count(out);
    if (counts.columns == 0)
        return nobody_served(out, error);
    size_t rows = demand->count + allocation->resource_count - counts.locals +
                  counts.regions * counts.locals;
    enum status status = lp_open(&out->lp, counts.columns, rows, counts.elements);
    if (status != STATUS_OK)
        return error_set(error, status, "%zu columns are too many", counts.columns);
    out->columns = calloc(counts.columns, sizeof *out->columns);
    out->capacities = calloc(rows - demand->count + 1, sizeof *out->capacities);
    if (out->columns == NULL || out->capacities == NULL) {
        problem_release(out);
        return error_set(error, STATUS_NOMEM, "out of memory");
    }
    fill_people(out);
    fill_capacities(out);
    fill_columns(out, &counts);
    out->lp.row_count = out->people_count + out->capacity_count;
    return STATUS_OK;
}

void problem_release(struct problem *self)
{
    lp_close(&self->lp);
    free(self->columns);
    free(self->capacities);
    *self = (struct problem){0};
}

void problem_use(const struct problem *self, const struct lp_solution *solution,
                 double *used)
{
    const struct lp *lp = &self->lp;
    memset(used, 0, self->capacity_count * sizeof *used);
    for (size_t column = 0; column < lp->column_count; column++)
        for (int k = lp->starts[column]; k < lp->starts[column + 1]; k++)
            if ((size_t)lp->rows[k] >= self->people_count)
                used[(size_t)lp->rows[k] - self->people_count] +=
                    lp->values[k] * solution->x[column];
}
