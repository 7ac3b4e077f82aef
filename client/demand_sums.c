/* SPDX-License-Identifier: Apache-2.0 */
/* demand_sums.c - cells to lines: integers until the very end. */
#include "client/demand_sums.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double demand_expected(int64_t sum_p)
{
    return (double)sum_p / 4294967296.0;
}

double demand_deviation(int64_t sum_pq)
{
    return sqrt((double)sum_pq / 4294967296.0);
}

static struct demand_group *find_group(const struct demand_sums *self,
                                       const struct demand_cell *cell)
{
    for (size_t i = 0; i < self->group_count; i++) {
        const struct demand_line *line = &self->groups[i].lines[0];
        if (line->period == cell->period && strcmp(line->target, cell->target) == 0)
            return &self->groups[i];
    }
    return NULL;
}

/* The store orders by period, region, target, tier: a group's lines come in order. */
static struct demand_line *add_line(struct demand_group *group,
                                    const struct demand_cell *cell, const char *region)
{
    struct demand_line *lines =
        realloc(group->lines, (group->line_count + 1) * sizeof *lines);
    if (lines == NULL)
        return NULL;
    group->lines = lines;
    struct demand_line *line = &lines[group->line_count++];
    *line = (struct demand_line){
        .period = cell->period, .target = cell->target, .region = region};
    return line;
}

static struct demand_group *add_group(struct demand_sums *self,
                                      const struct demand_cell *cell,
                                      const struct program *program)
{
    struct demand_group *groups =
        realloc(self->groups, (self->group_count + 1) * sizeof *groups);
    if (groups == NULL)
        return NULL;
    self->groups = groups;
    struct demand_group *group = &groups[self->group_count];
    *group = (struct demand_group){0};
    if (add_line(group, cell, cell->region) == NULL)
        return NULL;
    self->group_count++;
    const struct program_target *target =
        program == NULL ? NULL : program_find(program, cell->target);
    for (size_t i = 0; target != NULL && i < target->tier_count; i++)
        memcpy(group->tiers[group->tier_count++], target->tiers[i].name,
               sizeof group->tiers[0]);
    return group;
}

static enum status find_tier(struct demand_group *group, const char *name, size_t *tier)
{
    for (*tier = 0; *tier < group->tier_count; (*tier)++)
        if (strcmp(group->tiers[*tier], name) == 0)
            return STATUS_OK;
    if (group->tier_count == PROGRAM_TIERS_MAX)
        return STATUS_FULL;
    memcpy(group->tiers[group->tier_count++], name, strlen(name) + 1);
    return STATUS_OK;
}

static void add_cell(struct demand_line *line, const struct demand_cell *cell,
                     size_t tier)
{
    line->people += cell->people;
    line->sum_p += cell->sum_p;
    line->sum_pq += cell->sum_pq;
    line->tiers[tier] += cell->people;
}

static enum status add_to_group(struct demand_sums *self, const struct demand_cell *cell,
                                const struct program *program)
{
    size_t tier;
    struct demand_group *group = find_group(self, cell);
    if (group == NULL)
        group = add_group(self, cell, program);
    if (group == NULL)
        return STATUS_NOMEM;
    struct demand_line *line = &group->lines[group->line_count - 1];
    if (strcmp(line->region, cell->region) != 0)
        line = add_line(group, cell, cell->region);
    if (line == NULL)
        return STATUS_NOMEM;
    enum status status = find_tier(group, cell->tier, &tier);
    if (status == STATUS_OK)
        add_cell(line, cell, tier);
    return status;
}

static enum status add_total(struct demand_group *group)
{
    size_t regions = group->line_count;
    const struct demand_cell key = {.period = group->lines[0].period};
    struct demand_line *total = add_line(group, &key, "");
    if (total == NULL)
        return STATUS_NOMEM;
    total->target = group->lines[0].target;
    for (size_t i = 0; i < regions; i++) {
        const struct demand_line *line = &group->lines[i];
        total->people += line->people;
        total->sum_p += line->sum_p;
        total->sum_pq += line->sum_pq;
        for (size_t tier = 0; tier < group->tier_count; tier++)
            total->tiers[tier] += line->tiers[tier];
    }
    return STATUS_OK;
}

static int by_period_and_target(const void *a, const void *b)
{
    const struct demand_line *left = ((const struct demand_group *)a)->lines;
    const struct demand_line *right = ((const struct demand_group *)b)->lines;
    if (left->period != right->period)
        return left->period < right->period ? -1 : 1;
    return strcmp(left->target, right->target);
}

enum status demand_sums_make(const struct demand_cell *cells, size_t count,
                             const struct program *program, struct demand_sums *out)
{
    enum status status = STATUS_OK;
    *out = (struct demand_sums){0};
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = add_to_group(out, &cells[i], program);
    for (size_t i = 0; status == STATUS_OK && i < out->group_count; i++)
        status = add_total(&out->groups[i]);
    if (status != STATUS_OK)
        demand_sums_free(out);
    else if (out->group_count > 0)
        qsort(out->groups, out->group_count, sizeof out->groups[0], by_period_and_target);
    return status;
}

void demand_sums_free(struct demand_sums *self)
{
    for (size_t i = 0; i < self->group_count; i++)
        free(self->groups[i].lines);
    free(self->groups);
    *self = (struct demand_sums){0};
}
