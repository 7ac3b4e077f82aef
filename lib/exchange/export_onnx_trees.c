/* SPDX-License-Identifier: Apache-2.0 */
/* export_onnx_trees.c - an ensemble as one TreeEnsembleRegressor, node by node.
 *
 * It splits by comparison only: a set becomes a chain of nodes, each of which asks for
 * one code and sends it to the same child. */
#include "exchange/export_onnx.h"

#include <stddef.h>

enum { NOT_OURS = -1 };

/* A node as the operator has it. */
struct row {
    int64_t tree, id, input, yes, no, missing; /* missing: goes the way of yes */
    int64_t from;                              /* our node; NOT_OURS: of a chain */
    int64_t target;
    float value; /* threshold, code or leaf */
    enum mode { MODE_LEAF, MODE_LESS, MODE_EQUAL } mode;
};

struct rows {
    const Chw__Trees *trees;
    const struct export_inputs *inputs;
    struct row *items;
    size_t count, first; /* of the tree being added */
};

/* ---- codes ---- */

static uint32_t codes_of(const struct rows *self, const Chw__Tree *tree, size_t node)
{
    return export_code_count(self->inputs->items[tree->input[node]].feature);
}

static const Chw__CategorySet *set_of(const struct rows *self, const Chw__Tree *tree,
                                      size_t node)
{
    bool none = tree->left[node] == 0 || tree->n_set == 0 || tree->set[node] == 0;
    return none ? NULL : self->trees->sets[tree->set[node] - 1];
}

/* ---- rows ---- */

/* How many they can be: a node for each of ours, and for each code of a set. */
static size_t rows_max(const struct rows *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->trees->n_trees; i++) {
        const Chw__Tree *tree = self->trees->trees[i];
        count += tree->n_left;
        for (size_t node = 0; node < tree->n_left; node++)
            if (set_of(self, tree, node) != NULL)
                count += codes_of(self, tree, node);
    }
    return count;
}

static int64_t add_row(struct rows *self, int64_t tree, int64_t from)
{
    int64_t id = (int64_t)(self->count - self->first);
    self->items[self->count++] = (struct row){.tree = tree, .id = id, .from = from};
    return id;
}

/* The row asks for the set's first code, and so on along the chain. */
static void add_chain(struct rows *self, struct row *row, const Chw__CategorySet *set,
                      uint32_t codes)
{
    const struct row whole = *row;
    bool begun = false;
    for (uint32_t code = 0; code < codes; code++) {
        if (!export_in_set(set, code))
            continue;
        if (begun) {
            row->no = add_row(self, whole.tree, NOT_OURS);
            row = &self->items[self->first + (size_t)row->no];
            row->input = whole.input;
            row->yes = whole.yes;
            row->missing = whole.missing;
        }
        row->mode = MODE_EQUAL;
        row->value = (float)code;
        begun = true;
    }
    row->no = whole.no;
}

static void convert(struct rows *self, struct row *row, const Chw__Tree *tree)
{
    size_t node = (size_t)row->from;
    const Chw__CategorySet *set = set_of(self, tree, node);
    row->value = tree->threshold[node];
    if (tree->left[node] == 0)
        return;
    row->mode = MODE_LESS;
    row->input = tree->input[node];
    row->missing = tree->default_left.data[node];
    row->yes = add_row(self, row->tree, tree->left[node]);
    row->no = add_row(self, row->tree, tree->right[node]);
    if (set == NULL)
        return;
    row->value = 0; /* no code is less: as an empty set */
    add_chain(self, row, set, codes_of(self, tree, node));
}

/* From the root: what is not reached stays behind. */
static void add_tree(struct rows *self, size_t index)
{
    self->first = self->count;
    (void)add_row(self, (int64_t)index, 0);
    for (size_t i = self->first; i < self->count; i++)
        if (self->items[i].from != NOT_OURS)
            convert(self, &self->items[i], self->trees->trees[index]);
}

/* ---- lists ---- */

/* Lists of all rows, or of the leaves. */
static const struct {
    const char *name;
    size_t offset;
    bool leaves;
} int_lists[] = {
    {"nodes_treeids", offsetof(struct row, tree), false},
    {"nodes_nodeids", offsetof(struct row, id), false},
    {"nodes_featureids", offsetof(struct row, input), false},
    {"nodes_truenodeids", offsetof(struct row, yes), false},
    {"nodes_falsenodeids", offsetof(struct row, no), false},
    {"nodes_missing_value_tracks_true", offsetof(struct row, missing), false},
    {"target_treeids", offsetof(struct row, tree), true},
    {"target_nodeids", offsetof(struct row, id), true},
    {"target_ids", offsetof(struct row, target), true},
};

static bool is_listed(const struct row *row, bool leaves)
{
    return !leaves || row->mode == MODE_LEAF;
}

static void set_ints(struct export_graph *graph, const struct rows *rows, size_t list)
{
    int64_t *values = export_graph_take(graph, rows->count, sizeof *values);
    size_t count = 0;
    for (size_t i = 0; values != NULL && i < rows->count; i++) {
        const char *row = (const char *)&rows->items[i];
        if (is_listed(&rows->items[i], int_lists[list].leaves))
            values[count++] =
                *(const int64_t *)(const void *)(row + int_lists[list].offset);
    }
    export_graph_set_ints(graph, int_lists[list].name, values, count);
}

static void set_values(struct export_graph *graph, const struct rows *rows,
                       const char *name, bool leaves)
{
    float *values = export_graph_take(graph, rows->count, sizeof *values);
    size_t count = 0;
    for (size_t i = 0; values != NULL && i < rows->count; i++)
        if (is_listed(&rows->items[i], leaves))
            values[count++] = rows->items[i].value;
    export_graph_set_floats(graph, name, values, count);
}

static void set_modes(struct export_graph *graph, const struct rows *rows)
{
    static char leaf[] = "LEAF", less[] = "BRANCH_LT", equal[] = "BRANCH_EQ";
    static char *const names[] = {
        [MODE_LEAF] = leaf, [MODE_LESS] = less, [MODE_EQUAL] = equal};
    ProtobufCBinaryData *modes = export_graph_take(graph, rows->count, sizeof *modes);
    for (size_t i = 0; modes != NULL && i < rows->count; i++)
        modes[i] = export_graph_text(names[rows->items[i].mode]);
    export_graph_set_texts(graph, "nodes_modes", modes, rows->count);
}

static void set_ensemble(struct export_graph *graph, const Chw__Trees *trees)
{
    bool mean = trees->aggregate == CHW__TREES__AGGREGATE__MEAN;
    float *base = export_graph_take(graph, 1, sizeof *base);
    if (base != NULL)
        *base = trees->base_margin;
    export_graph_set_floats(graph, "base_values", base, 1);
    export_graph_set_text(graph, "aggregate_function", mean ? "AVERAGE" : "SUM");
    export_graph_set_int(graph, "n_targets", 1);
}

const char *export_onnx_trees(struct export_graph *graph, const Chw__Trees *trees,
                              const struct export_inputs *list, const char *inputs)
{
    struct rows rows = {.trees = trees, .inputs = list};
    const char *margins = export_graph_ml(graph, "TreeEnsembleRegressor", inputs);
    rows.items = export_graph_take(graph, rows_max(&rows), sizeof *rows.items);
    if (rows.items == NULL)
        return margins;
    for (size_t i = 0; i < trees->n_trees; i++)
        add_tree(&rows, i);
    for (size_t i = 0; i < sizeof int_lists / sizeof int_lists[0]; i++)
        set_ints(graph, &rows, i);
    set_modes(graph, &rows);
    set_values(graph, &rows, "nodes_values", false);
    set_values(graph, &rows, "target_weights", true);
    set_ensemble(graph, trees);
    return margins;
}
