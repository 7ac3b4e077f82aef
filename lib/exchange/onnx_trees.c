/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_trees.c - the two ways in which ONNX says trees, as one list of nodes. */
#include "exchange/onnx_trees.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const mode_names[] = {
    [ONNX_AT_MOST] = "BRANCH_LEQ",
    [ONNX_BELOW] = "BRANCH_LT",
    [ONNX_AT_LEAST] = "BRANCH_GTE",
    [ONNX_ABOVE] = "BRANCH_GT",
    [ONNX_EQUAL] = "BRANCH_EQ",
    [ONNX_UNEQUAL] = "BRANCH_NEQ",
    [ONNX_MEMBER] = "",
    [ONNX_LEAF] = "LEAF",
};

/* ---- opsets 1 and 3: nodes by the ids of their tree and their own ---- */

struct named_node {
    int64_t tree, node;
    uint32_t index;
};

static int by_name(const void *a, const void *b)
{
    const struct named_node *one = a, *other = b;
    if (one->tree != other->tree)
        return one->tree < other->tree ? -1 : 1;
    return (one->node > other->node) - (one->node < other->node);
}

struct lists {
    struct onnx_ints trees, nodes, columns, yes, no, missing;
    struct onnx_texts modes;
    struct onnx_floats splits;
    struct onnx_ints leaf_trees, leaf_nodes, leaf_outputs;
    struct onnx_floats weights;
};

static enum status read_lists(const onnx_node *node, struct lists *out,
                              struct error_text *error)
{
    bool classes = onnx_has(node, "class_ids");
    *out = (struct lists){
        .trees = onnx_get_ints(node, "nodes_treeids"),
        .nodes = onnx_get_ints(node, "nodes_nodeids"),
        .columns = onnx_get_ints(node, "nodes_featureids"),
        .yes = onnx_get_ints(node, "nodes_truenodeids"),
        .no = onnx_get_ints(node, "nodes_falsenodeids"),
        .missing = onnx_get_ints(node, "nodes_missing_value_tracks_true"),
        .modes = onnx_get_texts(node, "nodes_modes"),
        .splits = onnx_get_floats(node, "nodes_values"),
        .leaf_trees = onnx_get_ints(node, classes ? "class_treeids" : "target_treeids"),
        .leaf_nodes = onnx_get_ints(node, classes ? "class_nodeids" : "target_nodeids"),
        .leaf_outputs = onnx_get_ints(node, classes ? "class_ids" : "target_ids"),
        .weights = onnx_get_floats(node, classes ? "class_weights" : "target_weights"),
    };
    size_t count = out->trees.count, leaves = out->leaf_outputs.count;
    if (count == 0 || count > EXCHANGE_NODES_MAX)
        return onnx_refuse(node, error, "it has %zu nodes, expected 1 to %d", count,
                           EXCHANGE_NODES_MAX);
    if (out->nodes.count != count || out->columns.count != count ||
        out->yes.count != count || out->no.count != count || out->modes.count != count ||
        out->splits.count != count ||
        (out->missing.count != count && out->missing.count != 0))
        return onnx_refuse(node, error, "the lists of its %zu nodes differ in length",
                           count);
    if (out->leaf_trees.count != leaves || out->leaf_nodes.count != leaves ||
        out->weights.count != leaves)
        return onnx_refuse(node, error, "the lists of its %zu leaves differ in length",
                           leaves);
    return STATUS_OK;
}

static enum status find_node(const onnx_node *node, const struct named_node *names,
                             size_t count, int64_t tree, int64_t id, uint32_t *out,
                             struct error_text *error)
{
    const struct named_node key = {tree, id, 0};
    const struct named_node *found = bsearch(&key, names, count, sizeof key, by_name);
    if (found == NULL)
        return onnx_refuse(node, error, "tree %lld has no node %lld", (long long)tree,
                           (long long)id);
    *out = found->index;
    return STATUS_OK;
}

static enum status read_mode(const onnx_node *node, const ProtobufCBinaryData *text,
                             enum onnx_mode *out, struct error_text *error)
{
    for (size_t i = 0; i < sizeof mode_names / sizeof mode_names[0]; i++)
        if (text->len > 0 && text->len == strlen(mode_names[i]) &&
            memcmp(text->data, mode_names[i], text->len) == 0) {
            *out = (enum onnx_mode)i;
            return STATUS_OK;
        }
    return onnx_refuse(node, error, "mode %.*s is not supported",
                       (int)(text->len < 20 ? text->len : 20), (const char *)text->data);
}

static enum status read_column(const struct onnx_estimator *estimator, int64_t column,
                               uint32_t *out, struct error_text *error)
{
    if (column < 0 || (uint64_t)column >= estimator->column_count)
        return onnx_refuse(estimator->node, error, "a node reads column %lld of %zu",
                           (long long)column, estimator->column_count);
    *out = (uint32_t)column;
    return STATUS_OK;
}

/* NaN is unequal to everything. */
static bool missing_is_yes(const struct onnx_ints *tracks, size_t at, enum onnx_mode mode)
{
    return mode == ONNX_UNEQUAL || (tracks->count > 0 && tracks->items[at] != 0);
}

static enum status fill_node(const struct onnx_estimator *estimator,
                             const struct lists *lists, const struct named_node *names,
                             size_t at, struct onnx_tree_node *out,
                             struct error_text *error)
{
    const onnx_node *node = estimator->node;
    size_t count = lists->trees.count;
    enum status status = read_mode(node, &lists->modes.items[at], &out->mode, error);
    if (status != STATUS_OK || out->mode == ONNX_LEAF)
        return status;
    out->split = onnx_number(&lists->splits, at);
    out->missing_yes = missing_is_yes(&lists->missing, at, out->mode);
    status = read_column(estimator, lists->columns.items[at], &out->column, error);
    if (status == STATUS_OK)
        status = find_node(node, names, count, lists->trees.items[at],
                           lists->yes.items[at], &out->yes, error);
    if (status == STATUS_OK)
        status = find_node(node, names, count, lists->trees.items[at],
                           lists->no.items[at], &out->no, error);
    return status;
}

static enum status fill_leaves(const struct onnx_estimator *estimator,
                               const struct lists *lists, const struct named_node *names,
                               struct onnx_forest *out, struct error_text *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < lists->leaf_outputs.count; i++) {
        uint32_t at = 0;
        status =
            find_node(estimator->node, names, out->node_count, lists->leaf_trees.items[i],
                      lists->leaf_nodes.items[i], &at, error);
        if (status != STATUS_OK || lists->leaf_outputs.items[i] != estimator->output)
            continue;
        out->nodes[at].value += (float)onnx_number(&lists->weights, i);
        out->nodes[at].ours = true;
    }
    return status;
}

/* Nodes and roots of a forest, all zero. */
static enum status make_forest(struct onnx_forest *self, size_t nodes, size_t roots)
{
    self->node_count = nodes;
    self->nodes = calloc(nodes, sizeof *self->nodes);
    self->roots = calloc(roots, sizeof *self->roots);
    return self->nodes == NULL || self->roots == NULL ? STATUS_NOMEM : STATUS_OK;
}

/* A tree's first node is its root. */
static struct named_node *name_nodes(const struct lists *lists, struct onnx_forest *out)
{
    size_t count = out->node_count;
    struct named_node *names = calloc(count, sizeof *names);
    for (size_t i = 0; names != NULL && i < count; i++) {
        names[i] = (struct named_node){lists->trees.items[i], lists->nodes.items[i],
                                       (uint32_t)i};
        if (i == 0 || lists->trees.items[i] != lists->trees.items[i - 1])
            out->roots[out->tree_count++] = (uint32_t)i;
    }
    if (names != NULL)
        qsort(names, count, sizeof *names, by_name);
    return names;
}

static enum status read_named(const struct onnx_estimator *estimator,
                              struct onnx_forest *out, struct error_text *error)
{
    struct lists lists;
    enum status status = read_lists(estimator->node, &lists, error);
    if (status == STATUS_OK)
        status = make_forest(out, lists.trees.count, lists.trees.count);
    if (status != STATUS_OK)
        return status;
    struct named_node *names = name_nodes(&lists, out);
    if (names == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; status == STATUS_OK && i < out->node_count; i++)
        status = fill_node(estimator, &lists, names, i, &out->nodes[i], error);
    if (status == STATUS_OK)
        status = fill_leaves(estimator, &lists, names, out, error);
    free(names);
    return status;
}

/* ---- opset 5: nodes and leaves by their index ---- */

struct ensemble {
    const Chw__Onnx__Tensor *modes, *splits, *weights;
    struct onnx_ints columns, yes, yes_leaf, no, no_leaf, missing, roots, outputs;
    size_t node_count, leaf_count;
};

static enum status read_ensemble(const onnx_node *node, struct ensemble *out,
                                 struct error_text *error)
{
    *out = (struct ensemble){
        .modes = onnx_get_tensor(node, "nodes_modes"),
        .splits = onnx_get_tensor(node, "nodes_splits"),
        .weights = onnx_get_tensor(node, "leaf_weights"),
        .columns = onnx_get_ints(node, "nodes_featureids"),
        .yes = onnx_get_ints(node, "nodes_truenodeids"),
        .yes_leaf = onnx_get_ints(node, "nodes_trueleafs"),
        .no = onnx_get_ints(node, "nodes_falsenodeids"),
        .no_leaf = onnx_get_ints(node, "nodes_falseleafs"),
        .missing = onnx_get_ints(node, "nodes_missing_value_tracks_true"),
        .roots = onnx_get_ints(node, "tree_roots"),
        .outputs = onnx_get_ints(node, "leaf_targetids"),
    };
    size_t count = out->node_count = out->columns.count;
    out->leaf_count = out->outputs.count;
    if (count == 0 || count > EXCHANGE_NODES_MAX ||
        out->leaf_count > EXCHANGE_NODES_MAX || out->roots.count == 0 ||
        out->roots.count > EXCHANGE_TREES_MAX)
        return onnx_refuse(node, error, "it has %zu trees, %zu nodes and %zu leaves",
                           out->roots.count, count, out->leaf_count);
    if (out->modes == NULL || out->splits == NULL || out->weights == NULL ||
        onnx_tensor_count(out->modes) != count ||
        onnx_tensor_count(out->splits) != count ||
        onnx_tensor_count(out->weights) != out->leaf_count || out->yes.count != count ||
        out->yes_leaf.count != count || out->no.count != count ||
        out->no_leaf.count != count ||
        (out->missing.count != 0 && out->missing.count != count))
        return onnx_refuse(node, error, "its lists differ in length");
    return STATUS_OK;
}

static enum status child_of(const onnx_node *node, const struct ensemble *ensemble,
                            int64_t index, bool leaf, uint32_t *out,
                            struct error_text *error)
{
    size_t end = leaf ? ensemble->leaf_count : ensemble->node_count;
    if (index < 0 || (uint64_t)index >= end)
        return onnx_refuse(node, error, "a node has child %lld of %zu", (long long)index,
                           end);
    *out = (uint32_t)((leaf ? ensemble->node_count : 0) + (size_t)index);
    return STATUS_OK;
}

static enum status fill_ensemble_node(const struct onnx_estimator *estimator,
                                      const struct ensemble *ensemble, size_t at,
                                      struct onnx_tree_node *out,
                                      struct error_text *error)
{
    const onnx_node *node = estimator->node;
    double mode = onnx_tensor_number(ensemble->modes, at);
    if (!(mode >= 0 && mode < ONNX_LEAF))
        return onnx_refuse(node, error, "mode %g is not supported", mode);
    out->mode = (enum onnx_mode)mode;
    out->split = onnx_tensor_number(ensemble->splits, at);
    out->missing_yes = missing_is_yes(&ensemble->missing, at, out->mode);
    enum status status =
        read_column(estimator, ensemble->columns.items[at], &out->column, error);
    if (status == STATUS_OK)
        status = child_of(node, ensemble, ensemble->yes.items[at],
                          ensemble->yes_leaf.items[at] != 0, &out->yes, error);
    if (status == STATUS_OK)
        status = child_of(node, ensemble, ensemble->no.items[at],
                          ensemble->no_leaf.items[at] != 0, &out->no, error);
    return status;
}

/* A list for each such node, in their order, with a NaN after each. */
static enum status place_members(const onnx_node *node, struct onnx_forest *self,
                                 struct error_text *error)
{
    self->members = onnx_get_tensor(node, "membership_values");
    size_t count = self->members == NULL ? 0 : onnx_tensor_count(self->members), at = 0;
    for (size_t i = 0; i < self->node_count; i++) {
        struct onnx_tree_node *member = &self->nodes[i];
        if (member->mode != ONNX_MEMBER)
            continue;
        member->first_member = (uint32_t)at;
        while (at < count && !isnan(onnx_tensor_number(self->members, at)))
            at++;
        if (at == count)
            return onnx_refuse(node, error, "membership_values end before node %zu", i);
        member->member_end = (uint32_t)at++;
    }
    return STATUS_OK;
}

static void fill_ensemble_leaves(const struct ensemble *ensemble, uint32_t output,
                                 struct onnx_forest *out)
{
    for (size_t i = 0; i < ensemble->leaf_count; i++) {
        struct onnx_tree_node *leaf = &out->nodes[ensemble->node_count + i];
        leaf->mode = ONNX_LEAF;
        leaf->ours = ensemble->outputs.items[i] == output;
        leaf->value = leaf->ours ? (float)onnx_tensor_number(ensemble->weights, i) : 0;
    }
}

static enum status read_indexed(const struct onnx_estimator *estimator,
                                struct onnx_forest *out, struct error_text *error)
{
    struct ensemble ensemble;
    enum status status = read_ensemble(estimator->node, &ensemble, error);
    if (status == STATUS_OK)
        status = make_forest(out, ensemble.node_count + ensemble.leaf_count,
                             ensemble.roots.count);
    if (status != STATUS_OK)
        return status;
    fill_ensemble_leaves(&ensemble, estimator->output, out);
    for (size_t i = 0; status == STATUS_OK && i < ensemble.node_count; i++)
        status = fill_ensemble_node(estimator, &ensemble, i, &out->nodes[i], error);
    for (size_t i = 0; status == STATUS_OK && i < ensemble.roots.count; i++)
        status = child_of(estimator->node, &ensemble, ensemble.roots.items[i], false,
                          &out->roots[out->tree_count++], error);
    return status == STATUS_OK ? place_members(estimator->node, out, error) : status;
}

/* ---- both ---- */

/* Opset 5. */
static bool is_indexed(const onnx_node *node)
{
    return strcmp(node->op_type, "TreeEnsemble") == 0;
}

static enum status read_aggregate(const onnx_node *node, struct onnx_forest *out,
                                  struct error_text *error)
{
    enum { AVERAGE, SUM };
    int64_t aggregate = SUM;
    onnx_get_int(node, "aggregate_function", &aggregate);
    bool indexed = is_indexed(node);
    out->mean = indexed ? aggregate == AVERAGE
                        : onnx_has(node, "aggregate_function") &&
                              onnx_text_is(node, "aggregate_function", "AVERAGE");
    if (out->mean ||
        (indexed ? aggregate == SUM : onnx_text_is(node, "aggregate_function", "SUM")))
        return STATUS_OK;
    return onnx_refuse(node, error,
                       "its aggregate_function is not supported: expected "
                       "SUM or AVERAGE");
}

bool onnx_is_forest(const onnx_node *node)
{
    return strncmp(node->op_type, "TreeEnsemble", strlen("TreeEnsemble")) == 0;
}

void onnx_forest_reset(struct onnx_forest *self)
{
    free(self->nodes);
    free(self->roots);
    *self = (struct onnx_forest){0};
}

enum status onnx_forest_read(const struct onnx_estimator *estimator,
                             struct onnx_forest *out, struct error_text *error)
{
    const onnx_node *node = estimator->node;
    *out = (struct onnx_forest){0};
    struct onnx_floats bases = onnx_get_floats(node, "base_values");
    enum status status = read_aggregate(node, out, error);
    if (status == STATUS_OK)
        status = is_indexed(node) ? read_indexed(estimator, out, error)
                                  : read_named(estimator, out, error);
    if (status != STATUS_OK || bases.count == 0)
        return status;
    if (bases.count != 1 && estimator->output >= bases.count)
        return onnx_refuse(node, error, "base_values has %zu numbers", bases.count);
    out->base = onnx_number(&bases, bases.count == 1 ? 0 : estimator->output);
    return STATUS_OK;
}

/* ---- categories ---- */

bool onnx_asks_category(const struct onnx_tree_node *node)
{
    return node->mode == ONNX_EQUAL || node->mode == ONNX_UNEQUAL ||
           node->mode == ONNX_MEMBER;
}

static enum status add_member(const struct onnx_estimator *estimator, double number,
                              struct split_use *use, struct split_set *set,
                              struct error_text *error)
{
    if (!(number >= 0 && number < EXCHANGE_CATEGORIES_MAX) || number != floor(number))
        return onnx_refuse(estimator->node, error,
                           "a category of %g: expected a whole number from 0 to %d",
                           number, EXCHANGE_CATEGORIES_MAX - 1);
    return split_set_add(set, use, (uint64_t)number, error);
}

enum status onnx_asked_categories(const struct onnx_estimator *estimator,
                                  const struct onnx_forest *forest,
                                  const struct onnx_tree_node *node,
                                  struct split_use *use, struct split_set *out,
                                  struct error_text *error)
{
    enum status status = STATUS_OK;
    *out = (struct split_set){.size = 1};
    if (node->mode != ONNX_MEMBER)
        return add_member(estimator, node->split, use, out, error);
    for (size_t i = node->first_member; status == STATUS_OK && i < node->member_end; i++)
        status = add_member(estimator, onnx_tensor_number(forest->members, i), use, out,
                            error);
    return status;
}
