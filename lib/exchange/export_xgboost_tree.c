/* SPDX-License-Identifier: Apache-2.0 */
/* export_xgboost_tree.c - a tree's nodes as XGBoost has them, then list by list. */
#include "exchange/export_xgboost_tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NO_CHILD = -1, NO_PARENT = INT32_MAX };

struct node {
    size_t index, from; /* here and in our tree */
    int32_t left, right, parent;
    uint32_t input;
    float threshold; /* or the leaf's value */
    const Chw__CategorySet
        *set; /* that goes left; NULL: what is less than the threshold */
    bool default_left;
    float cover;
    uint32_t codes;          /* 0: it splits no codes; else those below can occur */
    bool others;             /* the codes to list are those that do not go left */
    size_t segment, members; /* of the codes to list: their place among all */
};

struct nodes {
    const struct export_forest *forest;
    const Chw__Tree *tree; /* ours */
    struct node *items;
    size_t count, members;
};

/* ---- categories ---- */

static bool goes_left(const struct node *self, float input)
{
    return self->set != NULL ? export_in_set(self->set, (uint32_t)input)
                             : input < self->threshold;
}

static bool is_member(const struct node *self, uint32_t code)
{
    return goes_left(self, (float)code) != self->others;
}

static size_t count_members(const struct node *self)
{
    size_t count = 0;
    for (uint32_t code = 0; code < self->codes; code++)
        count += is_member(self, code);
    return count;
}

/* ---- thresholds ---- */

/* The float32 values from -infinity to infinity, in order, as whole numbers. */
static const int64_t LEAST = -0x7f800000, MOST = 0x7f800000;

static float float_at(int64_t place)
{
    uint32_t bits = (uint32_t)(place < 0 ? -place : place);
    float value;
    memcpy(&value, &bits, sizeof value);
    return place < 0 ? -value : value;
}

/* The least value whose input is on the other side of the threshold than -infinity's:
 * inputs rise or fall with values, so one comparison says what the other did. */
static float value_threshold(const struct export_input *input, float threshold)
{
    int64_t low = LEAST, high = MOST;
    bool first = export_input_value(input, float_at(LEAST)) < threshold;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if ((export_input_value(input, float_at(middle)) < threshold) == first)
            low = middle;
        else
            high = middle;
    }
    return float_at(high);
}

/* A product that is no number at one value compares as no other does. */
static bool is_monotone(const Chw__Numeric *numeric, const struct export_input *input)
{
    return !isnan(export_input_value(input, (float)numeric->center)) &&
           !isnan(export_input_value(input, -INFINITY)) &&
           !isnan(export_input_value(input, INFINITY));
}

/* ---- splits ---- */

static void swap_children(struct node *node)
{
    int32_t left = node->left;
    node->left = node->right;
    node->right = left;
    node->default_left = !node->default_left;
}

/* Where the feature has a value in place of a missing one, that says which way. */
static void fold_missing(const struct export_input *input, bool kept, struct node *node)
{
    float value = export_input_value(input, export_missing(input->feature));
    node->default_left = isnan(value) ? kept : goes_left(node, value);
}

static enum status fold_number(const struct export_input *input, struct node *node,
                               struct error_text *error)
{
    const Chw__Feature *feature = input->feature;
    float threshold = node->threshold;
    if (feature->kind_case == CHW__FEATURE__KIND_NUMERIC) {
        if (!is_monotone(feature->numeric, input))
            return error_set(error, STATUS_INVALID, "the scale of feature %.80s",
                             feature->name);
        node->threshold = value_threshold(input, threshold);
        if (!(export_input_value(input, -INFINITY) < threshold))
            swap_children(node);
    }
    return isfinite(node->threshold)
               ? STATUS_OK
               : error_set(error, STATUS_INVALID, "a threshold that is not finite");
}

/* XGBoost sends right what is in its list, which has to hold something. */
static void fold_codes(struct nodes *self, const struct export_input *input,
                       struct node *node)
{
    node->codes = export_code_count(input->feature);
    node->others = count_members(node) == 0;
    node->segment = self->members;
    node->members = count_members(node);
    self->members += node->members;
    if (!node->others)
        swap_children(node);
}

static enum status convert_split(struct nodes *self, struct node *node,
                                 struct error_text *error)
{
    const Chw__Tree *tree = self->tree;
    const Chw__Trees *trees = self->forest->trees;
    uint32_t set = tree->n_set == 0 ? 0 : tree->set[node->from];
    node->input = tree->input[node->from];
    node->threshold = tree->threshold[node->from];
    node->set = set == 0 ? NULL : trees->sets[set - 1];
    const struct export_input *input = &self->forest->inputs->items[node->input];
    fold_missing(input, tree->default_left.data[node->from] != 0, node);
    if (!export_is_code(input->feature))
        return fold_number(input, node, error);
    fold_codes(self, input, node);
    return STATUS_OK;
}

/* ---- nodes ---- */

static int32_t add_child(struct nodes *self, uint32_t from, size_t parent)
{
    size_t index = self->count++;
    self->items[index] =
        (struct node){.index = index, .from = from, .parent = (int32_t)parent};
    return (int32_t)index;
}

static enum status convert_node(struct nodes *self, size_t index,
                                struct error_text *error)
{
    const Chw__Tree *tree = self->tree;
    struct node *node = &self->items[index];
    node->cover = tree->n_cover == 0 ? 0.0F : tree->cover[node->from];
    node->left = node->right = NO_CHILD;
    if (tree->left[node->from] == 0) {
        double value = (double)tree->threshold[node->from] * self->forest->scale;
        node->threshold = (float)value;
        return isfinite(node->threshold)
                   ? STATUS_OK
                   : error_set(error, STATUS_INVALID, "a leaf beyond float32");
    }
    node->left = add_child(self, tree->left[node->from], index);
    node->right = add_child(self, tree->right[node->from], index);
    return convert_split(self, node, error);
}

/* Breadth first, from the root: what is not reached stays behind. */
static enum status convert(struct nodes *self, struct error_text *error)
{
    self->items = calloc(self->tree->n_left, sizeof *self->items);
    if (self->items == NULL)
        return STATUS_NOMEM;
    add_child(self, 0, NO_PARENT);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < self->count; i++) {
        status = convert_node(self, i, error);
        if (status != STATUS_OK)
            error_prefix(error, status, "node %zu", self->items[i].from);
    }
    return status;
}

/* ---- text ---- */

static bool is_leaf(const struct node *self)
{
    return self->left == NO_CHILD;
}

static void write_weight(const struct node *self, FILE *out)
{
    fprintf(out, "%.8E", is_leaf(self) ? (double)self->threshold : 0.0);
}

static void write_default(const struct node *self, FILE *out)
{
    fprintf(out, "%d", self->default_left);
}

static void write_left(const struct node *self, FILE *out)
{
    fprintf(out, "%d", self->left);
}

static void write_nothing(const struct node *self, FILE *out)
{
    (void)self;
    fputs("0E0", out);
}

static void write_parent(const struct node *self, FILE *out)
{
    fprintf(out, "%d", self->parent);
}

static void write_right(const struct node *self, FILE *out)
{
    fprintf(out, "%d", self->right);
}

static void write_threshold(const struct node *self, FILE *out)
{
    fprintf(out, "%.8E", self->codes > 0 ? 0.0 : (double)self->threshold);
}

static void write_input(const struct node *self, FILE *out)
{
    fprintf(out, "%u", self->input);
}

static void write_type(const struct node *self, FILE *out)
{
    fprintf(out, "%d", self->codes > 0);
}

static void write_cover(const struct node *self, FILE *out)
{
    fprintf(out, "%.8E", (double)self->cover);
}

static void write_members(const struct node *self, FILE *out)
{
    const char *comma = "";
    for (uint32_t code = 0; code < self->codes; code++)
        if (is_member(self, code)) {
            fprintf(out, "%s%u", comma, code);
            comma = ",";
        }
}

static void write_index(const struct node *self, FILE *out)
{
    fprintf(out, "%zu", self->index);
}

static void write_segment(const struct node *self, FILE *out)
{
    fprintf(out, "%zu", self->segment);
}

static void write_size(const struct node *self, FILE *out)
{
    fprintf(out, "%zu", self->members);
}

/* Nine digits tell float32 values apart; a point tells XGBoost that it is one. */
static const struct list {
    const char *name;
    void (*write)(const struct node *self, FILE *out);
    bool codes; /* of the nodes that split them */
} lists[] = {
    {"base_weights", write_weight, false},
    {"categories", write_members, true},
    {"categories_nodes", write_index, true},
    {"categories_segments", write_segment, true},
    {"categories_sizes", write_size, true},
    {"default_left", write_default, false},
    {"left_children", write_left, false},
    {"loss_changes", write_nothing, false},
    {"parents", write_parent, false},
    {"right_children", write_right, false},
    {"split_conditions", write_threshold, false},
    {"split_indices", write_input, false},
    {"split_type", write_type, false},
    {"sum_hessian", write_cover, false},
};

static void write_list(const struct list *list, const struct nodes *self, FILE *out)
{
    const char *comma = "";
    fprintf(out, "\"%s\":[", list->name);
    for (size_t i = 0; i < self->count; i++) {
        if (list->codes && self->items[i].codes == 0)
            continue;
        fputs(comma, out);
        list->write(&self->items[i], out);
        comma = ",";
    }
    fputs("],", out);
}

static void write_tree(const struct nodes *self, size_t id, FILE *out)
{
    fputc('{', out);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        write_list(&lists[i], self, out);
    fprintf(out,
            "\"id\":%zu,\"tree_param\":{\"num_deleted\":\"0\",\"num_feature\":\"%zu\","
            "\"num_nodes\":\"%zu\",\"size_leaf_vector\":\"0\"}}",
            id, self->forest->inputs->count, self->count);
}

enum status export_xgboost_tree(const struct export_forest *self, size_t tree, size_t id,
                                FILE *out, struct error_text *error)
{
    struct nodes nodes = {.forest = self, .tree = self->trees->trees[tree]};
    enum status status = convert(&nodes, error);
    if (status == STATUS_OK)
        write_tree(&nodes, id, out);
    else if (status != STATUS_NOMEM)
        error_prefix(error, status, "tree %zu", tree);
    free(nodes.items);
    return status;
}

void export_xgboost_leaf(const struct export_forest *self, float value, size_t id,
                         FILE *out)
{
    struct node leaf = {.left = NO_CHILD,
                        .right = NO_CHILD,
                        .parent = NO_PARENT,
                        .threshold = value,
                        .cover = 1};
    const struct nodes nodes = {.forest = self, .items = &leaf, .count = 1};
    write_tree(&nodes, id, out);
}
