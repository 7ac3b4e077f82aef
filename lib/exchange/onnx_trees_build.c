/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_trees_build.c - a list of nodes as our trees, breadth first. */
#include "exchange/assemble.h"
#include "exchange/onnx_trees.h"

#include <math.h>
#include <stdlib.h>

static float at_most(double number)
{
    float nearest = (float)number;
    return (double)nearest > number ? nextafterf(nearest, -INFINITY) : nearest;
}

static float at_least(double number)
{
    float nearest = (float)number;
    return (double)nearest < number ? nextafterf(nearest, INFINITY) : nearest;
}

/* x <= t is x < the float after the last that is not above t. */
static float threshold_of(const struct onnx_tree_node *node)
{
    bool inclusive = node->mode == ONNX_AT_MOST || node->mode == ONNX_ABOVE;
    return inclusive ? nextafterf(at_most(node->split), INFINITY) : at_least(node->split);
}

struct building {
    const struct onnx_estimator *estimator;
    const struct onnx_forest *forest;
    const uint32_t *places;
    Chw__Trees *trees;
    uint32_t *queue; /* the forest's nodes in the order of the tree's */
    bool *seen;
};

/* yes goes left, but for what is turned round to ask "below?" or "in the set?". */
static bool is_turned(const struct onnx_tree_node *node)
{
    return node->mode == ONNX_AT_LEAST || node->mode == ONNX_ABOVE ||
           node->mode == ONNX_UNEQUAL;
}

/* A tree's nodes, breadth first, into the queue. */
static enum status queue_tree(const struct building *self, uint32_t root, uint32_t *count,
                              bool *ours, struct error_text *error)
{
    const struct onnx_forest *forest = self->forest;
    self->queue[0] = root;
    *count = 1;
    *ours = false;
    for (uint32_t at = 0; at < *count; at++) {
        const struct onnx_tree_node *node = &forest->nodes[self->queue[at]];
        *ours = *ours || node->ours;
        if (node->mode == ONNX_LEAF)
            continue;
        if (self->seen[self->queue[at]] || *count + 2 > forest->node_count)
            return onnx_refuse(self->estimator->node, error, "a node is reached twice");
        self->seen[self->queue[at]] = true;
        self->queue[(*count)++] = is_turned(node) ? node->no : node->yes;
        self->queue[(*count)++] = is_turned(node) ? node->yes : node->no;
    }
    return STATUS_OK;
}

static enum status put_set(const struct building *self, const struct onnx_tree_node *node,
                           Chw__Tree *tree, uint32_t at, struct error_text *error)
{
    struct split_use use = {0};
    struct split_set set;
    enum status status =
        onnx_asked_categories(self->estimator, self->forest, node, &use, &set, error);
    if (status != STATUS_OK)
        return status;
    if ((tree->n_set == 0 && !assemble_tree_sets(tree)) ||
        !assemble_set(self->trees, set.members, set.size))
        return STATUS_NOMEM;
    tree->set[at] = (uint32_t)self->trees->n_sets;
    return STATUS_OK;
}

static enum status put_split(const struct building *self,
                             const struct onnx_tree_node *node, Chw__Tree *tree,
                             uint32_t at, uint32_t left, struct error_text *error)
{
    tree->left[at] = left;
    tree->right[at] = left + 1;
    tree->input[at] = self->places[node->column];
    tree->default_left.data[at] = node->missing_yes != is_turned(node);
    if (onnx_asks_category(node))
        return put_set(self, node, tree, at, error);
    tree->threshold[at] = threshold_of(node);
    return STATUS_OK;
}

static enum status add_tree(const struct building *self, uint32_t root,
                            struct error_text *error)
{
    uint32_t count, left = 1;
    bool ours;
    enum status status = queue_tree(self, root, &count, &ours, error);
    if (status != STATUS_OK || (!ours && !self->forest->mean))
        return status;
    if (self->trees->n_trees == EXCHANGE_TREES_MAX)
        return error_set(error, STATUS_FULL, "more than %d trees", EXCHANGE_TREES_MAX);
    Chw__Tree *tree = assemble_tree(self->trees, count);
    if (tree == NULL)
        return STATUS_NOMEM;
    for (uint32_t at = 0; status == STATUS_OK && at < count; at++) {
        const struct onnx_tree_node *node = &self->forest->nodes[self->queue[at]];
        if (node->mode == ONNX_LEAF) {
            tree->threshold[at] = node->value;
            continue;
        }
        status = put_split(self, node, tree, at, left, error);
        left += 2;
    }
    return status;
}

/* A model needs one. */
static enum status add_empty(Chw__Trees *trees)
{
    return trees->n_trees > 0 || assemble_tree(trees, 1) != NULL ? STATUS_OK
                                                                 : STATUS_NOMEM;
}

enum status onnx_forest_build(const struct onnx_estimator *estimator,
                              const struct onnx_forest *forest, const uint32_t *places,
                              Chw__Trees **out, struct error_text *error)
{
    struct building building = {estimator,
                                forest,
                                places,
                                assemble_trees(),
                                calloc(forest->node_count, sizeof *building.queue),
                                calloc(forest->node_count, sizeof *building.seen)};
    bool room = building.trees != NULL && building.queue != NULL && building.seen != NULL;
    enum status status = room ? STATUS_OK : STATUS_NOMEM;
    for (size_t i = 0; status == STATUS_OK && i < forest->tree_count; i++)
        status = add_tree(&building, forest->roots[i], error);
    if (status == STATUS_OK)
        status = add_empty(building.trees);
    free(building.queue);
    free(building.seen);
    if (status != STATUS_OK) {
        chw__trees__free_unpacked(building.trees, NULL);
        return status;
    }
    building.trees->base_margin = (float)forest->base;
    if (forest->mean)
        building.trees->aggregate = CHW__TREES__AGGREGATE__MEAN;
    *out = building.trees;
    return STATUS_OK;
}
