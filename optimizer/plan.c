/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c - the message is made of arrays that borrow every text, and packed at once. */
#include "optimizer/plan.h"

#include "base/proto_parse.h"

#include <stdlib.h>
#include <string.h>

/* ---- to bytes ---- */

/* Texts are only read while packing; the generated structs want them without const. */
static char *borrow(const char *text)
{
    return (char *)(uintptr_t)text;
}

struct draft {
    Chw__Plan plan;
    Chw__PlanResource resources[ALLOCATION_RESOURCES_MAX];
    Chw__PlanResource *resource_list[ALLOCATION_RESOURCES_MAX];
    Chw__PlanService services[ALLOCATION_SERVICES_MAX];
    Chw__PlanService *service_list[ALLOCATION_SERVICES_MAX];
    Chw__PlanCapacity *capacities, **capacity_list;
    Chw__PlanLine *lines, **line_list;
    double *used;
};

static void fill_resources(struct draft *self, const struct allocation *allocation)
{
    for (size_t i = 0; i < allocation->resource_count; i++) {
        Chw__PlanResource *resource = self->resource_list[i] = &self->resources[i];
        chw__plan_resource__init(resource);
        resource->name = borrow(allocation->resources[i].name);
        resource->unit = borrow(allocation->resources[i].unit);
        resource->local = allocation->resources[i].local;
    }
    self->plan.resources = self->resource_list;
    self->plan.n_resources = allocation->resource_count;
}

static void fill_services(struct draft *self, struct allocation *allocation)
{
    for (size_t i = 0; i < allocation->service_count; i++) {
        Chw__PlanService *service = self->service_list[i] = &self->services[i];
        chw__plan_service__init(service);
        service->name = allocation->services[i].name;
        service->target = allocation->services[i].target;
        service->benefit = allocation->services[i].benefit;
        service->uses = allocation->services[i].uses;
        service->n_uses = allocation->resource_count;
    }
    self->plan.services = self->service_list;
    self->plan.n_services = allocation->service_count;
}

static void fill_capacities(struct draft *self, const struct problem *problem,
                            const struct lp_solution *solution)
{
    problem_use(problem, solution, self->used);
    for (size_t i = 0; i < problem->capacity_count; i++) {
        const struct problem_capacity *from = &problem->capacities[i];
        Chw__PlanCapacity *to = self->capacity_list[i] = &self->capacities[i];
        chw__plan_capacity__init(to);
        to->resource = (uint32_t)from->resource;
        to->region = borrow(from->region == NULL ? "" : from->region);
        to->capacity = from->capacity;
        to->used = self->used[i];
        to->shadow_price = solution->price[problem->people_count + i];
    }
    self->plan.capacities = self->capacity_list;
    self->plan.n_capacities = problem->capacity_count;
}

static void fill_lines(struct draft *self, const struct problem *problem,
                       const struct lp_solution *solution)
{
    for (size_t i = 0; i < problem->lp.column_count; i++) {
        const struct demand_cell *cell =
            &problem->demand->cells[problem->columns[i].cell];
        Chw__PlanLine *line = self->line_list[i] = &self->lines[i];
        chw__plan_line__init(line);
        line->region = borrow(cell->region);
        line->tier = borrow(cell->tier);
        line->service = (uint32_t)problem->columns[i].service;
        line->people = cell->people;
        line->probability = demand_probability(cell);
        line->served = solution->x[i];
    }
    self->plan.lines = self->line_list;
    self->plan.n_lines = problem->lp.column_count;
}

static bool make_room(struct draft *self, const struct problem *problem)
{
    size_t capacities = problem->capacity_count, lines = problem->lp.column_count;
    self->capacities = calloc(capacities + 1, sizeof *self->capacities);
    self->capacity_list = calloc(capacities + 1, sizeof(Chw__PlanCapacity *));
    self->lines = calloc(lines + 1, sizeof *self->lines);
    self->line_list = calloc(lines + 1, sizeof(Chw__PlanLine *));
    self->used = calloc(capacities + 1, sizeof *self->used);
    return self->capacities != NULL && self->capacity_list != NULL &&
           self->lines != NULL && self->line_list != NULL && self->used != NULL;
}

static void release(struct draft *self)
{
    free(self->capacities);
    free(self->capacity_list);
    free(self->lines);
    free(self->line_list);
    free(self->used);
}

static enum status pack(const Chw__Plan *plan, uint8_t **bytes, size_t *size)
{
    *size = chw__plan__get_packed_size(plan);
    *bytes = malloc(*size + 1);
    if (*bytes == NULL)
        return STATUS_NOMEM;
    chw__plan__pack(plan, *bytes);
    return STATUS_OK;
}

static enum status write_down(struct allocation *allocation,
                              const struct problem *problem,
                              const struct lp_solution *solution, uint8_t **bytes,
                              size_t *size)
{
    struct draft draft = {.used = NULL};
    enum status status = STATUS_NOMEM;
    if (make_room(&draft, problem)) {
        chw__plan__init(&draft.plan);
        draft.plan.format = PLAN_FORMAT;
        draft.plan.period = problem->demand->period;
        draft.plan.allocation.data = allocation->digest.bytes;
        draft.plan.allocation.len = DIGEST_SIZE;
        draft.plan.objective = solution->objective;
        draft.plan.solver = borrow(lp_solver);
        fill_resources(&draft, allocation);
        fill_services(&draft, allocation);
        fill_capacities(&draft, problem, solution);
        fill_lines(&draft, problem, solution);
        status = pack(&draft.plan, bytes, size);
    }
    release(&draft);
    return status;
}

enum status plan_make(struct allocation *allocation, const struct demand *demand,
                      uint8_t **bytes, size_t *size, struct error_text *error)
{
    struct problem problem;
    struct lp_solution solution;
    enum status status = problem_make(allocation, demand, &problem, error);
    if (status != STATUS_OK)
        return status;
    status = lp_solve(&problem.lp, &solution, error);
    if (status == STATUS_OK) {
        status = write_down(allocation, &problem, &solution, bytes, size);
        if (status != STATUS_OK)
            error_set(error, status, "out of memory");
        lp_solution_release(&solution);
    }
    problem_release(&problem);
    return status;
}

/* ---- from bytes ---- */

static enum status check(const Chw__Plan *plan, struct error_text *error)
{
    if (plan->format != PLAN_FORMAT)
        return error_set(error, STATUS_MALFORMED,
                         "the plan has format %u, this program knows %d", plan->format,
                         PLAN_FORMAT);
    bool sound = plan->n_resources <= ALLOCATION_RESOURCES_MAX &&
                 plan->n_services <= ALLOCATION_SERVICES_MAX;
    for (size_t i = 0; sound && i < plan->n_services; i++)
        sound = plan->services[i]->n_uses == plan->n_resources;
    for (size_t i = 0; sound && i < plan->n_capacities; i++)
        sound = plan->capacities[i]->resource < plan->n_resources;
    for (size_t i = 0; sound && i < plan->n_lines; i++)
        sound = plan->lines[i]->service < plan->n_services;
    return sound ? STATUS_OK
                 : error_set(error, STATUS_MALFORMED, "the plan points outside itself");
}

enum status plan_unpack(const uint8_t *bytes, size_t size, Chw__Plan **out,
                        struct error_text *error)
{
    *out = (Chw__Plan *)proto_parse(&chw__plan__descriptor, bytes, size);
    if (*out == NULL)
        return error_set(error, STATUS_MALFORMED, "the %zu bytes are not a plan", size);
    enum status status = check(*out, error);
    if (status != STATUS_OK) {
        plan_free(*out);
        *out = NULL;
    }
    return status;
}

void plan_free(Chw__Plan *self)
{
    proto_free((ProtobufCMessage *)self);
}
