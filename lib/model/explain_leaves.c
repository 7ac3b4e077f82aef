/* SPDX-License-Identifier: Apache-2.0 */
/* explain_leaves.c - from trees to leaves, players and tables. */
#include "model/explain_leaves.h"

#include "model/explain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

/* ---- the rule ---- */

/* The Legendre polynomial of degree n at x, and its derivative, by their recurrence. */
static double legendre(uint32_t n, double x, double *derivative)
{
    double before = 1, at = x;
    for (uint32_t k = 2; k <= n; k++) {
        double next = ((2.0 * k - 1) * x * at - (k - 1.0) * before) / k;
        before = at;
        at = next;
    }
    *derivative = n * (x * at - before) / (x * x - 1);
    return at;
}

void shapley_rule_make(struct shapley_rule *self, uint32_t players)
{
    uint32_t count = (players + 1) / 2;
    self->count = count;
    for (uint32_t i = 0; i < count; i++) {
        double x = cos(PI * (i + 0.75) / (count + 0.5)), derivative, step;
        do { /* Newton's method, from a guess that leads to the i-th root */
            step = legendre(count, x, &derivative) / derivative;
            x -= step;
        } while (fabs(step) > 1e-15);
        legendre(count, x, &derivative);
        self->points[i] = (1 + x) / 2;
        self->weights[i] = 1 / ((1 - x * x) * derivative * derivative);
    }
}

/* ---- tables ---- */

uint32_t table_floats(uint32_t players)
{
    return 1U << players < TABLE_FLOATS_MIN ? TABLE_FLOATS_MIN : 1U << players;
}

/* What a record that meets these conditions has from the leaf for each player. */
static void contribute(const struct explained_leaf *leaf, const struct player *players,
                       const struct shapley_rule *rule, uint32_t met, double *out)
{
    double factors[TABLE_PLAYERS_MAX];
    uint32_t count = leaf->player_count;
    memset(out, 0, count * sizeof *out);
    for (uint32_t i = 0; i < rule->count; i++) {
        double t = rule->points[i], product = rule->weights[i];
        for (uint32_t k = 0; k < count; k++) {
            factors[k] = (met >> k & 1 ? t : 0) + players[k].part * (1 - t);
            product *= factors[k];
        }
        for (uint32_t k = 0; k < count; k++)
            out[k] += product / factors[k];
    }
    for (uint32_t k = 0; k < count; k++)
        out[k] *= leaf->value * ((met >> k & 1) - players[k].part);
}

static void fill_tables(const struct explained_leaves *self,
                        const struct explained_leaf *leaf,
                        const struct shapley_rule *rule)
{
    double contributions[TABLE_PLAYERS_MAX];
    uint32_t size = table_floats(leaf->player_count);
    float *tables = self->tables + leaf->first_float;
    for (uint32_t met = 0; met < size; met++) {
        contribute(leaf, self->players + leaf->first_player, rule, met, contributions);
        for (uint32_t k = 0; k < leaf->player_count; k++)
            tables[k * size + met] = (float)contributions[k];
    }
}

static bool make_tables(struct explained_leaves *self)
{
    struct shapley_rule rules[TABLE_PLAYERS_MAX + 1];
    for (size_t i = 0; i < self->leaf_count; i++) {
        struct explained_leaf *leaf = &self->leaves[i];
        size_t size = (size_t)leaf->player_count * table_floats(leaf->player_count);
        size_t room = EXPLAIN_TABLES_SIZE_MAX / sizeof *self->tables - self->float_count;
        leaf->tabulated = leaf->player_count <= TABLE_PLAYERS_MAX && size <= room;
        leaf->first_float = self->float_count;
        self->float_count += leaf->tabulated ? size : 0;
    }
    self->tables = aligned_alloc(64, (self->float_count + 16) * sizeof *self->tables);
    if (self->tables == NULL)
        return false;
    for (uint32_t players = 0; players <= TABLE_PLAYERS_MAX; players++)
        shapley_rule_make(&rules[players], players);
    for (size_t i = 0; i < self->leaf_count; i++)
        if (self->leaves[i].tabulated)
            fill_tables(self, &self->leaves[i], &rules[self->leaves[i].player_count]);
    return true;
}

/* ---- leaves ---- */

struct step {
    uint32_t node;
    bool right;
};

struct walking {
    struct explained_leaves *out;
    const Chw__Tree *tree;
    struct step path[EXPLAIN_DEPTH_MAX];
    size_t leaf_room, player_room, literal_room;
};

/* Room for one more item; `items` points to the list's pointer. */
static bool reserve(void *items, size_t count, size_t *room, size_t item_size)
{
    void *old, *grown;
    if (count < *room)
        return true;
    memcpy(&old, items, sizeof old);
    grown = realloc(old, (*room * 2 + 64) * item_size);
    if (grown == NULL)
        return false;
    *room = *room * 2 + 64;
    memcpy(items, &grown, sizeof grown);
    return true;
}

static bool add_literal(struct walking *self, const struct step *step)
{
    struct explained_leaves *out = self->out;
    if (!reserve(&out->literals, out->literal_count, &self->literal_room,
                 sizeof *out->literals))
        return false;
    out->literals[out->literal_count++] =
        2 * questions_plane(out->questions, self->tree, step->node) + step->right;
    return true;
}

static double part_of(const Chw__Tree *tree, const struct step *step)
{
    uint32_t child = step->right ? tree->right[step->node] : tree->left[step->node];
    return (double)tree->cover[child] / (double)tree->cover[step->node];
}

/* All of the path's steps that ask for one input. */
static bool add_player(struct walking *self, uint32_t input, uint32_t depth)
{
    struct explained_leaves *out = self->out;
    if (!reserve(&out->players, out->player_count, &self->player_room,
                 sizeof *out->players))
        return false;
    struct player *player = &out->players[out->player_count++];
    *player = (struct player){.feature = out->questions->classes->feature_of[input],
                              .first_literal = (uint32_t)out->literal_count,
                              .part = 1};
    for (uint32_t i = 0; i < depth; i++) {
        const struct step *step = &self->path[i];
        if (self->tree->input[step->node] != input)
            continue;
        if (!add_literal(self, step))
            return false;
        player->literal_count++;
        player->part *= part_of(self->tree, step);
    }
    return true;
}

static bool is_first_of_input(const struct walking *self, uint32_t at)
{
    const uint32_t *input = self->tree->input;
    for (uint32_t i = 0; i < at; i++)
        if (input[self->path[i].node] == input[self->path[at].node])
            return false;
    return true;
}

static bool add_leaf(struct walking *self, uint32_t node, uint32_t depth)
{
    struct explained_leaves *out = self->out;
    if (!reserve(&out->leaves, out->leaf_count, &self->leaf_room, sizeof *out->leaves))
        return false;
    struct explained_leaf *leaf = &out->leaves[out->leaf_count++];
    *leaf = (struct explained_leaf){.first_player = (uint32_t)out->player_count,
                                    .value = (double)self->tree->threshold[node]};
    double share = 1;
    for (uint32_t i = 0; i < depth; i++) {
        share *= part_of(self->tree, &self->path[i]);
        if (!is_first_of_input(self, i))
            continue;
        if (!add_player(self, self->tree->input[self->path[i].node], depth))
            return false;
        leaf->player_count++;
    }
    if (leaf->player_count > out->players_max)
        out->players_max = leaf->player_count;
    out->base += leaf->value * share;
    return true;
}

static size_t size_of(const struct explained_leaves *self)
{
    return self->leaf_count * sizeof *self->leaves +
           self->player_count * sizeof *self->players +
           self->literal_count * sizeof *self->literals;
}

/* As deep as EXPLAIN_DEPTH_MAX. */
static bool visit(struct walking *self, uint32_t node, uint32_t depth)
{
    const Chw__Tree *tree = self->tree;
    if (self->out->reason != NULL)
        return true;
    if (tree->left[node] == 0) {
        if (size_of(self->out) > EXPLAIN_SIZE_MAX - EXPLAIN_TABLES_SIZE_MAX)
            self->out->reason = "its explanations would take too much memory";
        return add_leaf(self, node, depth);
    }
    if (depth == EXPLAIN_DEPTH_MAX) {
        self->out->reason = "a tree is too deep";
        return true;
    }
    self->path[depth] = (struct step){node, false};
    if (!visit(self, tree->left[node], depth + 1))
        return false;
    self->path[depth].right = true;
    return visit(self, tree->right[node], depth + 1);
}

static bool make_leaves(struct explained_leaves *self, const Chw__Trees *trees)
{
    struct walking walking = {.out = self};
    self->tree_ends = calloc(trees->n_trees, sizeof *self->tree_ends);
    self->tree_count = (uint32_t)trees->n_trees;
    if (self->tree_ends == NULL)
        return false;
    for (size_t i = 0; i < trees->n_trees && self->reason == NULL; i++) {
        walking.tree = trees->trees[i];
        if (walking.tree->n_cover == 0)
            self->reason = "it does not know how much training data its trees' nodes saw";
        else if (!visit(&walking, 0, 0))
            return false;
        self->tree_ends[i] = (uint32_t)self->leaf_count;
    }
    return true;
}

/* ---- life ---- */

enum status explained_leaves_new(const struct model *model, const Chw__Trees *trees,
                                 struct explained_leaves **out)
{
    *out = NULL;
    struct explained_leaves *self = calloc(1, sizeof *self);
    if (self == NULL)
        return STATUS_NOMEM;
    enum status status = questions_new(model, trees, &self->questions);
    if (status != STATUS_OK)
        goto fail;
    if (self->questions == NULL)
        self->reason = "a feature has too many thresholds";
    status = STATUS_NOMEM;
    if (self->reason == NULL && !make_leaves(self, trees))
        goto fail;
    if (self->reason == NULL && !make_tables(self))
        goto fail;
    *out = self;
    return STATUS_OK;
fail:
    explained_leaves_free(self);
    return status;
}

void explained_leaves_free(struct explained_leaves *self)
{
    if (self == NULL)
        return;
    questions_free(self->questions);
    free(self->leaves);
    free(self->players);
    free(self->literals);
    free(self->tables);
    free(self->tree_ends);
    free(self);
}
