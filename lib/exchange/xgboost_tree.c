/* SPDX-License-Identifier: Apache-2.0 */
/* xgboost_tree.c - checks every length and index of the lists that a tree is, and walks
 * it from its root. */
#include "exchange/xgboost_tree.h"

#include "exchange/assemble.h"
#include "exchange/exchange.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* ---- its lists ---- */

/* All of the same length but those of the categories. */
struct source {
    const json_t *left, *right, *input, *threshold, *default_left;
    const json_t *split_type, *cover; /* NULL: none */
    const json_t *segments, *sizes, *categories;
    size_t count;
};

static enum status need_list(const json_t *tree, const char *name, size_t count,
                             const json_t **out, struct error_text *error)
{
    enum status status = document_list(tree, name, out, error);
    if (status == STATUS_OK && json_array_size(*out) != count)
        status = error_set(error, STATUS_INVALID, "%s has %zu entries for %zu nodes",
                           name, json_array_size(*out), count);
    return status;
}

static enum status open_source(const json_t *tree, struct source *out,
                               struct error_text *error)
{
    *out =
        (struct source){.count = json_array_size(document_find(tree, "left_children"))};
    if (out->count == 0 || out->count > EXCHANGE_NODES_MAX)
        return error_set(error, STATUS_INVALID, "left_children has %zu nodes",
                         out->count);
    const struct {
        const char *name;
        const json_t **list;
        bool optional;
    } lists[] = {
        {"left_children", &out->left, false},
        {"right_children", &out->right, false},
        {"split_indices", &out->input, false},
        {"split_conditions", &out->threshold, false},
        {"default_left", &out->default_left, false},
        {"split_type", &out->split_type, true},
        {"sum_hessian", &out->cover, true},
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof lists / sizeof lists[0]; i++)
        if (!lists[i].optional || document_find(tree, lists[i].name) != NULL)
            status = need_list(tree, lists[i].name, out->count, lists[i].list, error);
    return status;
}

static enum status need_integer(const json_t *list, const char *name, size_t at,
                                json_int_t max, json_int_t *out, struct error_text *error)
{
    const json_t *item = json_array_get(list, at);
    if (json_is_boolean(item)) /* default_left, in some versions */
        *out = json_is_true(item);
    else if (json_is_integer(item))
        *out = json_integer_value(item);
    else
        return error_set(error, STATUS_INVALID, "%s of node %zu is no whole number", name,
                         at);
    if (*out < 0 || *out > max)
        return error_set(error, STATUS_INVALID,
                         "%s of node %zu is %lld, expected 0 to %lld", name, at,
                         (long long)*out, (long long)max);
    return STATUS_OK;
}

static bool is_leaf(const struct source *self, size_t node)
{
    const json_t *left = json_array_get(self->left, node);
    return json_is_integer(left) && json_integer_value(left) == -1;
}

static enum status need_float(const struct source *self, size_t node, float *out,
                              struct error_text *error)
{
    const json_t *item = json_array_get(self->threshold, node);
    *out = (float)json_number_value(item);
    if (!json_is_number(item) || !isfinite(*out))
        return error_set(error, STATUS_INVALID,
                         "split_conditions of node %zu is no finite float32", node);
    return STATUS_OK;
}

/* ---- the walk ---- */

/* A tree being copied: from[i] is the source's index of our node i. */
struct walk {
    struct xgboost_forest *forest;
    struct source source;
    Chw__Tree *tree;
    size_t count; /* of our nodes so far */
    size_t *from;
    bool *seen;
    uint32_t *entry; /* per source node: 0, or 1 + its place in categories_nodes */
};

static enum status add_child(struct walk *self, json_int_t child,
                             struct error_text *error)
{
    size_t index = (size_t)child;
    if (self->seen[index])
        return error_set(error, STATUS_INVALID, "node %zu is reached twice", index);
    self->seen[index] = true;
    self->from[self->count++] = index;
    return STATUS_OK;
}

/* ---- categories ---- */

/* Which node has which segment of the categories. */
static enum status open_categories(struct walk *self, const json_t *tree,
                                   struct error_text *error)
{
    struct source *source = &self->source;
    const json_t *nodes = document_find(tree, "categories_nodes");
    size_t count = json_array_size(nodes);
    if (count == 0)
        return STATUS_OK;
    enum status status =
        need_list(tree, "categories_segments", count, &source->segments, error);
    if (status == STATUS_OK)
        status = need_list(tree, "categories_sizes", count, &source->sizes, error);
    if (status == STATUS_OK)
        status = document_list(tree, "categories", &source->categories, error);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        json_int_t node = 0;
        status = need_integer(nodes, "categories_nodes", i, (json_int_t)source->count - 1,
                              &node, error);
        if (status == STATUS_OK)
            self->entry[node] = (uint32_t)i + 1;
    }
    return status;
}

static enum status read_set(const struct source *source, size_t entry,
                            struct split_use *use, struct split_set *out,
                            struct error_text *error)
{
    json_int_t total = (json_int_t)json_array_size(source->categories);
    json_int_t first = 0, size = 0, code = 0;
    enum status status = need_integer(source->segments, "categories_segments", entry,
                                      total, &first, error);
    json_int_t size_max =
        total - first < EXCHANGE_CATEGORIES_MAX ? total - first : EXCHANGE_CATEGORIES_MAX;
    if (status == STATUS_OK)
        status = need_integer(source->sizes, "categories_sizes", entry, size_max, &size,
                              error);
    for (json_int_t i = 0; status == STATUS_OK && i < size; i++) {
        status = need_integer(source->categories, "categories", (size_t)(first + i),
                              INT32_MAX, &code, error);
        if (status == STATUS_OK)
            status = split_set_add(out, use, (uint64_t)code, error);
    }
    return status;
}

/* XGBoost: in the set goes right. */
static enum status copy_set(struct walk *self, size_t node, struct split_use *use,
                            struct error_text *error)
{
    Chw__Trees *trees = self->forest->trees;
    Chw__Tree *tree = self->tree;
    struct split_set set = {.size = 1};
    use->category = true;
    if (self->entry[self->from[node]] == 0)
        return error_set(error, STATUS_INVALID, "node %zu splits by no categories",
                         self->from[node]);
    enum status status =
        read_set(&self->source, self->entry[self->from[node]] - 1, use, &set, error);
    if (status != STATUS_OK)
        return error_prefix(error, status, "node %zu", self->from[node]);
    if (tree->set == NULL && !assemble_tree_sets(tree))
        return STATUS_NOMEM;
    if (!assemble_set(trees, set.members, set.size))
        return STATUS_NOMEM;
    uint32_t left = tree->left[node];
    tree->set[node] = (uint32_t)trees->n_sets;
    tree->left[node] = tree->right[node];
    tree->right[node] = left;
    tree->default_left.data[node] ^= 1;
    return STATUS_OK;
}

/* ---- nodes ---- */

static enum status copy_children(struct walk *self, size_t node, struct error_text *error)
{
    const struct source *source = &self->source;
    size_t from = self->from[node];
    json_int_t last = (json_int_t)source->count - 1, left = 0, right = 0;
    enum status status =
        need_integer(source->left, "left_children", from, last, &left, error);
    if (status == STATUS_OK)
        status = need_integer(source->right, "right_children", from, last, &right, error);
    if (status != STATUS_OK)
        return status;
    self->tree->left[node] = (uint32_t)self->count;
    self->tree->right[node] = (uint32_t)self->count + 1;
    status = add_child(self, left, error);
    return status == STATUS_OK ? add_child(self, right, error) : status;
}

static enum status copy_split(struct walk *self, size_t node, struct error_text *error)
{
    const struct source *source = &self->source;
    size_t from = self->from[node];
    json_int_t last = (json_int_t)self->forest->input_count - 1;
    json_int_t input = 0, default_left = 0, type = 0;
    enum status status =
        need_integer(source->input, "split_indices", from, last, &input, error);
    if (status == STATUS_OK)
        status = need_integer(source->default_left, "default_left", from, 1,
                              &default_left, error);
    if (status == STATUS_OK && source->split_type != NULL)
        status = need_integer(source->split_type, "split_type", from, 1, &type, error);
    if (status == STATUS_OK)
        status = copy_children(self, node, error);
    if (status != STATUS_OK)
        return status;
    struct split_use *use = &self->forest->uses[input];
    self->tree->input[node] = (uint32_t)input;
    self->tree->default_left.data[node] = (uint8_t)default_left;
    if (type != 0)
        return copy_set(self, node, use, error);
    use->number = true;
    return need_float(source, from, &self->tree->threshold[node], error);
}

static enum status copy_leaf(struct walk *self, size_t node, struct error_text *error)
{
    float *value = &self->tree->threshold[node];
    enum status status = need_float(&self->source, self->from[node], value, error);
    *value *= self->forest->weight;
    return status;
}

/* Breadth first: our nodes are the queue. No node is met twice, so it ends. */
static enum status copy_nodes(struct walk *self, struct error_text *error)
{
    enum status status = add_child(self, 0, error);
    for (size_t node = 0; status == STATUS_OK && node < self->count; node++)
        status = is_leaf(&self->source, self->from[node]) ? copy_leaf(self, node, error)
                                                          : copy_split(self, node, error);
    return status;
}

/* A node that no training record reached has a cover of 0: next to nothing, so that there
 * are explanations. None at all where they are no such numbers. */
static enum status copy_covers(struct walk *self)
{
    const json_t *list = self->source.cover;
    Chw__Tree *tree = self->tree;
    for (size_t node = 0; list != NULL && node < self->count; node++) {
        const json_t *item = json_array_get(list, self->from[node]);
        float cover = (float)json_number_value(item);
        if (!json_is_number(item) || !(cover >= 0 && cover <= FLT_MAX))
            list = NULL;
    }
    if (list == NULL)
        return STATUS_OK;
    if (!assemble_tree_covers(tree))
        return STATUS_NOMEM;
    for (size_t node = 0; node < self->count; node++) {
        const json_t *item = json_array_get(list, self->from[node]);
        tree->cover[node] = fmaxf((float)json_number_value(item), FLT_MIN);
    }
    return STATUS_OK;
}

static enum status open_walk(struct walk *self, const json_t *json,
                             struct error_text *error)
{
    enum status status = open_source(json, &self->source, error);
    if (status != STATUS_OK)
        return status;
    size_t count = self->source.count;
    if (count > self->forest->nodes_left)
        return error_set(error, STATUS_FULL, "more than %d nodes", EXCHANGE_NODES_MAX);
    self->forest->nodes_left -= count;
    self->tree = assemble_tree(self->forest->trees, count);
    self->from = calloc(count, sizeof *self->from);
    self->seen = calloc(count, sizeof *self->seen);
    self->entry = calloc(count, sizeof *self->entry);
    if (self->tree == NULL || self->from == NULL || self->seen == NULL ||
        self->entry == NULL)
        return STATUS_NOMEM;
    return open_categories(self, json, error);
}

enum status xgboost_tree_read(struct xgboost_forest *self, const json_t *json,
                              struct error_text *error)
{
    struct walk walk = {.forest = self};
    size_t outputs;
    enum status status =
        document_count(json, "tree_param.size_leaf_vector", 1, 0, &outputs, error);
    if (status == STATUS_OK)
        status = open_walk(&walk, json, error);
    if (status == STATUS_OK)
        status = copy_nodes(&walk, error);
    if (status == STATUS_OK)
        status = copy_covers(&walk);
    if (status == STATUS_OK)
        assemble_tree_cut(walk.tree, walk.count);
    free(walk.from);
    free(walk.seen);
    free(walk.entry);
    return status;
}
