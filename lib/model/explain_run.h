/* SPDX-License-Identifier: Apache-2.0 */
/* explain_run.h - answers -> per leaf: conditions -> contributions, added in the order of
 * leaves and players; compiled by explain_portable.c and explain_avx512.c, which set
 * EXPLAIN_STEP_NAME, include a plane_*.h and define
 *
 *   void add_tables(leaf, players, conditions, tables, sums)
 *
 * `sums` being those of the first feature for PLANE_RECORDS records. The additions are
 * the same everywhere, to the bit. */

#include "model/answers_run.h"
#include "model/explain_state.h"

enum {
    TREES_TOGETHER = 8,
    STEP_COST = 1 << 15, /* of the leaves of a step: several milliseconds */
};

static void add_tables(const struct explained_leaf *leaf, const struct player *players,
                       const plane *conditions, const float *tables, float *sums);

static plane condition(const struct explain_run *self, const struct player *player)
{
    const plane *planes = self->answers->planes;
    const uint32_t *literals = self->leaves->literals + player->first_literal;
    plane met = ~(plane){0};
    for (uint32_t i = 0; i < player->literal_count; i++) {
        plane answer = planes[literals[i] / 2];
        met &= literals[i] % 2 != 0 ? answer : ~answer;
    }
    return met;
}

/* ---- leaves of many players ---- */

static void spread(plane condition, float *met)
{
    for (uint32_t word = 0; word < PLANE_WORDS; word++)
        for (uint32_t i = 0; i < 64; i++)
            met[64 * word + i] = (float)(condition[word] >> i & 1);
}

static void add_point(struct explain_run *self, const struct explained_leaf *leaf,
                      double point, double weight, float *sums)
{
    const struct player *players = self->leaves->players + leaf->first_player;
    float *product = self->product, t = (float)point;
    for (uint32_t i = 0; i < PLANE_RECORDS; i++)
        product[i] = (float)(leaf->value * weight);
    for (uint32_t k = 0; k < leaf->player_count; k++) {
        const float *met = self->met + (size_t)k * PLANE_RECORDS;
        float unmet = (float)(players[k].part * (1 - point));
        for (uint32_t i = 0; i < PLANE_RECORDS; i++)
            product[i] *= met[i] * t + unmet;
    }
    for (uint32_t k = 0; k < leaf->player_count; k++) {
        const float *met = self->met + (size_t)k * PLANE_RECORDS;
        float unmet = (float)(players[k].part * (1 - point));
        float part = (float)players[k].part;
        float *sum = sums + (size_t)players[k].feature * KERNEL_BLOCK;
        for (uint32_t i = 0; i < PLANE_RECORDS; i++)
            sum[i] += (met[i] - part) * (product[i] / (met[i] * t + unmet));
    }
}

static void add_products(struct explain_run *self, const struct explained_leaf *leaf,
                         float *sums)
{
    const struct player *players = self->leaves->players + leaf->first_player;
    const struct shapley_rule *rule = &self->rules[leaf->player_count];
    for (uint32_t k = 0; k < leaf->player_count; k++)
        spread(condition(self, &players[k]), self->met + (size_t)k * PLANE_RECORDS);
    for (uint32_t i = 0; i < rule->count; i++)
        add_point(self, leaf, rule->points[i], rule->weights[i], sums);
}

/* ---- leaves ---- */

static void add_leaf(struct explain_run *self, const struct explained_leaf *leaf,
                     float *sums)
{
    const struct explained_leaves *leaves = self->leaves;
    const struct player *players = leaves->players + leaf->first_player;
    plane conditions[8] = {{0}};
    if (!leaf->tabulated) {
        add_products(self, leaf, sums);
        return;
    }
    for (uint32_t k = 0; k < leaf->player_count; k++)
        conditions[k] = condition(self, &players[k]);
    add_tables(leaf, players, conditions, leaves->tables + leaf->first_float, sums);
}

static void total_up(struct explain_run *self, uint32_t at)
{
    size_t features = self->leaves->questions->feature_count;
    for (size_t k = 0; k < features; k++) {
        float *sums = self->sums + k * KERNEL_BLOCK + at;
        double *totals = self->totals + k * KERNEL_BLOCK + at;
        for (uint32_t i = 0; i < PLANE_RECORDS; i++) {
            totals[i] += (double)sums[i];
            sums[i] = 0;
        }
    }
}

/* About as many table look-ups for PLANE_RECORDS records. */
static uint32_t cost(const struct explain_run *self, const struct explained_leaf *leaf)
{
    uint32_t players = leaf->player_count;
    return 1 + (leaf->tabulated ? players : players * self->rules[players].count / 4);
}

/* False: the step is over before the leaves are. */
static bool explain_planes(struct explain_run *self)
{
    const struct explained_leaves *leaves = self->leaves;
    uint32_t spent = 0;
    for (; self->tree < leaves->tree_count; self->tree++) {
        for (; self->leaf < leaves->tree_ends[self->tree]; self->leaf++) {
            const struct explained_leaf *leaf = &leaves->leaves[self->leaf];
            if (spent > STEP_COST)
                return false;
            add_leaf(self, leaf, self->sums + self->at);
            spent += cost(self, leaf);
        }
        if (self->tree % TREES_TOGETHER == TREES_TOGETHER - 1)
            total_up(self, self->at);
    }
    total_up(self, self->at);
    return true;
}

bool EXPLAIN_STEP_NAME(struct explain_run *self)
{
    uint32_t left = self->count - self->at;
    if (self->tree == 0 && self->leaf == 0)
        answer_all(self->answers, self->first + self->at,
                   left < PLANE_RECORDS ? left : PLANE_RECORDS);
    if (!explain_planes(self))
        return true;
    self->at += PLANE_RECORDS;
    self->tree = self->leaf = 0;
    return self->at < self->count;
}
