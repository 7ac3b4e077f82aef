/* SPDX-License-Identifier: Apache-2.0 */
/* check_trees.c - what an ensemble must hold before it may serve. */
#include "model/internal.h"

#include <math.h>
#include <stdlib.h>

enum { SET_SIZE_MAX = 32 };

static enum status check_lengths(const Chw__Tree *tree, struct error_text *error)
{
    size_t count = tree->n_left;
    if (count == 0)
        return error_set(error, STATUS_INVALID, "it has no nodes");
    if (tree->n_input != count || tree->n_threshold != count || tree->n_right != count ||
        tree->default_left.len != count)
        return error_set(
            error, STATUS_INVALID,
            "the arrays of its nodes differ in length: input %zu, threshold %zu, "
            "left %zu, right %zu, default_left %zu",
            tree->n_input, tree->n_threshold, count, tree->n_right,
            tree->default_left.len);
    if ((tree->n_set != 0 && tree->n_set != count) ||
        (tree->n_cover != 0 && tree->n_cover != count))
        return error_set(error, STATUS_INVALID, "%zu sets and %zu covers for %zu nodes",
                         tree->n_set, tree->n_cover, count);
    return STATUS_OK;
}

static enum status check_leaf(const Chw__Tree *tree, size_t node,
                              struct error_text *error)
{
    if (tree->right[node] != 0)
        return error_set(error, STATUS_INVALID, "node %zu has a right child only", node);
    if (!isfinite(tree->threshold[node]))
        return error_set(error, STATUS_INVALID, "the value of leaf %zu is not finite",
                         node);
    return STATUS_OK;
}

static enum status check_set(const struct model *self, const Chw__Trees *trees,
                             const Chw__Tree *tree, size_t node, struct error_text *error)
{
    const Chw__Feature *feature =
        self->features[model_feature_of(self, tree->input[node])].source;
    if (tree->set[node] > trees->n_sets)
        return error_set(error, STATUS_INVALID, "node %zu names set %u of %zu", node,
                         tree->set[node], trees->n_sets);
    if (feature->kind_case != CHW__FEATURE__KIND_CATEGORY ||
        feature->category->encoding != CHW__CATEGORY_ENCODING__ENCODING_CODE)
        return error_set(error, STATUS_INVALID,
                         "node %zu has a set, and its input %u is no category's code",
                         node, tree->input[node]);
    return STATUS_OK;
}

static enum status check_split(const struct model *self, const Chw__Trees *trees,
                               const Chw__Tree *tree, size_t node,
                               struct error_text *error)
{
    if (isnan(tree->threshold[node]))
        return error_set(error, STATUS_INVALID,
                         "the threshold of node %zu is not a number", node);
    if (tree->input[node] >= self->input_count)
        return error_set(error, STATUS_INVALID, "node %zu reads input %u of %u", node,
                         tree->input[node], self->input_count);
    if (tree->default_left.data[node] > 1)
        return error_set(error, STATUS_INVALID, "default_left of node %zu is not 0 or 1",
                         node);
    if (tree->left[node] >= tree->n_left || tree->right[node] >= tree->n_left)
        return error_set(error, STATUS_INVALID,
                         "node %zu has a child beyond the last node", node);
    return tree->n_set == 0 || tree->set[node] == 0
               ? STATUS_OK
               : check_set(self, trees, tree, node, error);
}

static enum status check_node(const struct model *self, const Chw__Trees *trees,
                              const Chw__Tree *tree, size_t node,
                              struct error_text *error)
{
    if (tree->n_cover != 0 && !(tree->cover[node] > 0 && isfinite(tree->cover[node])))
        return error_set(error, STATUS_INVALID, "the cover of node %zu is not above 0",
                         node);
    if (tree->left[node] == 0)
        return check_leaf(tree, node, error);
    return check_split(self, trees, tree, node, error);
}

/* From the root no node is met twice: so there is no cycle and every walk ends. `stack`
 * has room for each node, `seen` is zeroed. */
static enum status check_walk(const Chw__Tree *tree, uint32_t *stack, bool *seen,
                              struct error_text *error)
{
    size_t depth = 0;
    stack[depth++] = 0;
    seen[0] = true;
    while (depth > 0) {
        uint32_t node = stack[--depth];
        if (tree->left[node] == 0)
            continue;
        const uint32_t children[] = {tree->left[node], tree->right[node]};
        for (size_t i = 0; i < 2; i++) {
            if (seen[children[i]])
                return error_set(error, STATUS_INVALID, "node %u is reached twice",
                                 children[i]);
            seen[children[i]] = true;
            stack[depth++] = children[i];
        }
    }
    return STATUS_OK;
}

static enum status check_shape(const Chw__Tree *tree, struct error_text *error)
{
    uint32_t *stack = calloc(tree->n_left, sizeof stack[0]);
    bool *seen = calloc(tree->n_left, sizeof seen[0]);
    enum status status = STATUS_NOMEM;
    if (stack != NULL && seen != NULL)
        status = check_walk(tree, stack, seen, error);
    free(stack);
    free(seen);
    return status;
}

static enum status check_tree(const struct model *self, const Chw__Trees *trees,
                              const Chw__Tree *tree, struct error_text *error)
{
    enum status status = check_lengths(tree, error);
    for (size_t node = 0; status == STATUS_OK && node < tree->n_left; node++)
        status = check_node(self, trees, tree, node, error);
    return status == STATUS_OK ? check_shape(tree, error) : status;
}

static enum status check_ensemble(const Chw__Trees *self, struct error_text *error)
{
    if (self->n_trees == 0 || self->n_trees > MODEL_TREES_MAX)
        return error_set(error, STATUS_INVALID, "%zu trees, expected 1 to %d",
                         self->n_trees, MODEL_TREES_MAX);
    if ((uint32_t)self->aggregate > CHW__TREES__AGGREGATE__MEAN)
        return error_set(error, STATUS_INVALID, "no such aggregate: %d",
                         (int)self->aggregate);
    if (!isfinite(self->base_margin))
        return error_set(error, STATUS_INVALID, "the base margin is not finite");
    for (size_t i = 0; i < self->n_sets; i++)
        if (self->sets[i]->members.len == 0 || self->sets[i]->members.len > SET_SIZE_MAX)
            return error_set(error, STATUS_INVALID,
                             "category set %zu has %zu bytes, expected 1 to %d", i,
                             self->sets[i]->members.len, SET_SIZE_MAX);
    return STATUS_OK;
}

enum status model_check_trees(const struct model *self, const Chw__Trees *trees,
                              size_t *nodes, struct error_text *error)
{
    enum status status = check_ensemble(trees, error);
    for (size_t i = 0; status == STATUS_OK && i < trees->n_trees; i++) {
        *nodes += trees->trees[i]->n_left;
        if (*nodes > MODEL_NODES_MAX)
            return error_set(error, STATUS_INVALID, "more than %d nodes",
                             MODEL_NODES_MAX);
        status = check_tree(self, trees, trees->trees[i], error);
        if (status != STATUS_OK)
            return error_prefix(error, status, "tree %zu", i);
    }
    return status;
}
