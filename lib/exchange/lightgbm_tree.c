/* SPDX-License-Identifier: Apache-2.0 */
/* lightgbm_tree.c - reads a tree's lists, then walks it from its root: nodes from 0 up,
 * leaves as their complement. */
#include "exchange/lightgbm_tree.h"

#include "exchange/assemble.h"
#include "exchange/exchange.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { CATEGORICAL = 1, DEFAULT_LEFT = 2, MISSING_SHIFT = 2 };
enum { MISSING_NONE = 0, MISSING_ZERO = 1, MISSING_NAN = 2 };
enum { WORD_BITS = 32 }; /* of cat_threshold */

/* Per node, per leaf, per set of categories. */
struct lists {
    size_t leaves, sets, words;
    int64_t *feature, *decision, *left, *right;
    double *threshold, *node_cover;
    double *value, *leaf_cover;
    int64_t *boundaries, *members;
};

static void release(struct lists *self)
{
    free(self->feature);
    free(self->decision);
    free(self->left);
    free(self->right);
    free(self->threshold);
    free(self->node_cover);
    free(self->value);
    free(self->leaf_cover);
    free(self->boundaries);
    free(self->members);
}

static const char *const keys[] = {
    "num_leaves",     "num_cat",        "split_feature",   "split_gain",
    "threshold",      "decision_type",  "left_child",      "right_child",
    "leaf_value",     "leaf_weight",    "leaf_count",      "leaf_parent",
    "shrinkage",      "internal_value", "internal_weight", "internal_count",
    "cat_boundaries", "cat_threshold",  "is_linear",
};

/* ---- lists ---- */

static enum status read_integers(const struct span *section,
                                 const struct integer_list *list, int64_t **out,
                                 struct error_text *error)
{
    *out = calloc(list->count + 1, sizeof **out);
    return *out == NULL ? STATUS_NOMEM : section_integers(section, list, *out, error);
}

static enum status read_numbers(const struct span *section, const char *key, size_t count,
                                double **out, struct error_text *error)
{
    *out = calloc(count + 1, sizeof **out);
    return *out == NULL ? STATUS_NOMEM
                        : section_numbers(section, key, count, *out, error);
}

/* A tree of one leaf has no such lists. */
static enum status read_nodes(const struct span *section, struct lists *self,
                              size_t input_count, struct error_text *error)
{
    size_t count = self->leaves - 1;
    int64_t leaves = (int64_t)self->leaves, last = leaves - 2;
    const struct {
        struct integer_list list;
        int64_t **out;
    } rows[] = {
        {{"split_feature", count, 0, (int64_t)input_count - 1}, &self->feature},
        {{"decision_type", count, 0, 15}, &self->decision},
        {{"left_child", count, -leaves, last}, &self->left},
        {{"right_child", count, -leaves, last}, &self->right},
    };
    enum status status = STATUS_OK;
    if (count == 0)
        return STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof rows / sizeof rows[0]; i++)
        status = read_integers(section, &rows[i].list, rows[i].out, error);
    return status == STATUS_OK
               ? read_numbers(section, "threshold", count, &self->threshold, error)
               : status;
}

/* How many words the sets have is where the last one ends. */
static enum status read_sets(const struct span *section, struct lists *self,
                             struct error_text *error)
{
    if (self->sets == 0)
        return STATUS_OK;
    const struct integer_list boundaries = {"cat_boundaries", self->sets + 1, 0,
                                            section->end - section->at};
    enum status status = read_integers(section, &boundaries, &self->boundaries, error);
    for (size_t i = 0; status == STATUS_OK && i < self->sets; i++)
        if (self->boundaries[i] > self->boundaries[i + 1])
            status =
                error_set(error, STATUS_INVALID, "cat_boundaries: entry %zu descends", i);
    if (status != STATUS_OK)
        return status;
    self->words = (size_t)self->boundaries[self->sets];
    const struct integer_list members = {"cat_threshold", self->words, 0, UINT32_MAX};
    return read_integers(section, &members, &self->members, error);
}

static enum status read_covers(const struct span *section, struct lists *self,
                               struct error_text *error)
{
    static const char *const names[][2] = {{"leaf_count", "internal_count"},
                                           {"leaf_weight", "internal_weight"}};
    struct span value;
    for (size_t i = 0; i < 2; i++) {
        if (!section_find(section, names[i][0], &value) || value.at == value.end ||
            !section_find(section, names[i][1], &value) || value.at == value.end)
            continue;
        enum status status =
            read_numbers(section, names[i][0], self->leaves, &self->leaf_cover, error);
        return status == STATUS_OK ? read_numbers(section, names[i][1], self->leaves - 1,
                                                  &self->node_cover, error)
                                   : status;
    }
    return STATUS_OK; /* none: the tree has no explanation */
}

/* "is_linear=1": the leaves hold equations. "shrinkage" is the last line: the tree is
 * whole. */
static enum status check_lines(const struct span *section, struct error_text *error)
{
    struct span value;
    if (section_find(section, "is_linear", &value) && !span_is(&value, "0"))
        return error_set(error, STATUS_INVALID, "linear trees are not supported");
    if (!section_find(section, "shrinkage", &value))
        return error_set(error, STATUS_INVALID, "shrinkage is absent");
    return section_check(section, keys, sizeof keys / sizeof keys[0], error);
}

static enum status read_lists(const struct lightgbm_forest *forest,
                              const struct span *section, struct lists *out,
                              struct error_text *error)
{
    size_t leaves_max = (forest->nodes_left + 1) / 2;
    enum status status = check_lines(section, error);
    if (status == STATUS_OK)
        status = section_count(section, "num_leaves",
                               (size_t)(section->end - section->at), &out->leaves, error);
    if (status == STATUS_OK && out->leaves == 0)
        status = error_set(error, STATUS_INVALID, "num_leaves is 0");
    if (status == STATUS_OK && out->leaves > leaves_max)
        status = error_set(error, STATUS_FULL, "more than %d nodes", EXCHANGE_NODES_MAX);
    if (status == STATUS_OK)
        status = section_count(section, "num_cat", out->leaves - 1, &out->sets, error);
    if (status == STATUS_OK)
        status = read_nodes(section, out, forest->input_count, error);
    if (status == STATUS_OK)
        status = read_numbers(section, "leaf_value", out->leaves, &out->value, error);
    if (status == STATUS_OK)
        status = read_sets(section, out, error);
    return status == STATUS_OK && out->leaves > 1 ? read_covers(section, out, error)
                                                  : status;
}

/* ---- the walk ---- */

/* from[i]: LightGBM's number of our node i; leaves are below 0. */
struct walk {
    struct lightgbm_forest *forest;
    struct lists lists;
    Chw__Tree *tree;
    size_t count;
    int64_t *from;
    bool *seen; /* nodes, then leaves */
};

static enum status add_child(struct walk *self, int64_t child, struct error_text *error)
{
    size_t index = child >= 0 ? (size_t)child : self->lists.leaves + (size_t)~child;
    if (self->seen[index])
        return error_set(error, STATUS_INVALID, "child %lld is reached twice",
                         (long long)child);
    self->seen[index] = true;
    self->from[self->count++] = child;
    return STATUS_OK;
}

float lightgbm_threshold(double threshold)
{
    float below = threshold > (double)FLT_MAX    ? FLT_MAX
                  : threshold < -(double)FLT_MAX ? -INFINITY
                                                 : (float)threshold;
    if ((double)below > threshold)
        below = nextafterf(below, -INFINITY);
    return nextafterf(below, INFINITY);
}

/* A missing value is 0 where the node does not know missing ones. */
static void copy_number(struct walk *self, size_t node, int64_t from)
{
    int64_t decision = self->lists.decision[from];
    int64_t missing = decision >> MISSING_SHIFT;
    double threshold = self->lists.threshold[from];
    uint32_t input = self->tree->input[node];
    bool left =
        missing == MISSING_NONE ? 0.0 <= threshold : (decision & DEFAULT_LEFT) != 0;
    self->forest->uses[input].number = true;
    self->forest->missing[input].zero |= missing == MISSING_ZERO;
    self->forest->missing[input].other |= missing != MISSING_ZERO;
    self->tree->default_left.data[node] = left;
    self->tree->threshold[node] = lightgbm_threshold(threshold);
}

static enum status read_set(const struct walk *self, size_t set, struct split_use *use,
                            struct split_set *out, struct error_text *error)
{
    const int64_t *boundaries = self->lists.boundaries;
    size_t first = (size_t)boundaries[set], end = (size_t)boundaries[set + 1];
    enum status status = STATUS_OK;
    if (end - first > SPLIT_SET_SIZE * 8 / WORD_BITS)
        return error_set(error, STATUS_INVALID,
                         "set %zu has %zu words: only categories from 0 to %d are "
                         "supported",
                         set, end - first, EXCHANGE_CATEGORIES_MAX - 1);
    for (size_t i = first; i < end; i++)
        for (size_t bit = 0; status == STATUS_OK && bit < WORD_BITS; bit++)
            if (self->lists.members[i] >> bit & 1)
                status = split_set_add(out, use, (i - first) * WORD_BITS + bit, error);
    return status;
}

/* In the set goes left; missing values and all others right. */
static enum status copy_set(struct walk *self, size_t node, int64_t from,
                            struct error_text *error)
{
    Chw__Trees *trees = self->forest->trees;
    struct split_use *use = &self->forest->uses[self->tree->input[node]];
    struct split_set set = {.size = 1};
    double index = self->lists.threshold[from];
    if (!(index >= 0 && index < (double)self->lists.sets))
        return error_set(error, STATUS_INVALID, "there is no set %g", index);
    use->category = true;
    enum status status = read_set(self, (size_t)index, use, &set, error);
    if (status != STATUS_OK)
        return status;
    if ((self->tree->set == NULL && !assemble_tree_sets(self->tree)) ||
        !assemble_set(trees, set.members, set.size))
        return STATUS_NOMEM;
    self->tree->set[node] = (uint32_t)trees->n_sets;
    return STATUS_OK;
}

static enum status copy_split(struct walk *self, size_t node, int64_t from,
                              struct error_text *error)
{
    enum status status = STATUS_OK;
    int64_t decision = self->lists.decision[from];
    if (decision >> MISSING_SHIFT > MISSING_NAN)
        return error_set(error, STATUS_INVALID, "decision_type %lld is not supported",
                         (long long)decision);
    self->tree->input[node] = (uint32_t)self->lists.feature[from];
    if ((decision & CATEGORICAL) != 0)
        status = copy_set(self, node, from, error);
    else
        copy_number(self, node, from);
    self->tree->left[node] = (uint32_t)self->count;
    self->tree->right[node] = (uint32_t)self->count + 1;
    if (status == STATUS_OK)
        status = add_child(self, self->lists.left[from], error);
    return status == STATUS_OK ? add_child(self, self->lists.right[from], error) : status;
}

static enum status copy_leaf(struct walk *self, size_t node, int64_t from,
                             struct error_text *error)
{
    float value = (float)self->lists.value[~from];
    self->tree->threshold[node] = value;
    return isfinite(value)
               ? STATUS_OK
               : error_set(error, STATUS_INVALID, "leaf_value is beyond float32");
}

/* Breadth first: our nodes are the queue. No child is met twice, so it ends. */
static enum status copy_nodes(struct walk *self, struct error_text *error)
{
    enum status status = add_child(self, self->lists.leaves == 1 ? -1 : 0, error);
    for (size_t node = 0; status == STATUS_OK && node < self->count; node++) {
        int64_t from = self->from[node];
        status = from < 0 ? copy_leaf(self, node, from, error)
                          : copy_split(self, node, from, error);
        if (status == STATUS_INVALID)
            status = error_prefix(error, status, "node %lld", (long long)from);
    }
    return status;
}

static double cover_of(const struct lists *self, int64_t from)
{
    if (self->leaves == 1)
        return 1; /* all that there is, in whatever measure */
    return from < 0 ? self->leaf_cover[~from] : self->node_cover[from];
}

/* None where a number is none; next to nothing for 0. */
static enum status copy_covers(struct walk *self)
{
    bool known = self->lists.leaves == 1 || self->lists.node_cover != NULL;
    for (size_t node = 0; known && node < self->count; node++) {
        double cover = cover_of(&self->lists, self->from[node]);
        known = cover >= 0 && cover <= (double)FLT_MAX;
    }
    if (!known)
        return STATUS_OK;
    if (!assemble_tree_covers(self->tree))
        return STATUS_NOMEM;
    for (size_t node = 0; node < self->count; node++)
        self->tree->cover[node] =
            fmaxf((float)cover_of(&self->lists, self->from[node]), FLT_MIN);
    return STATUS_OK;
}

static enum status open_walk(struct walk *self)
{
    size_t count = 2 * self->lists.leaves - 1;
    self->forest->nodes_left -= count;
    self->tree = assemble_tree(self->forest->trees, count);
    self->from = calloc(count, sizeof *self->from);
    self->seen = calloc(2 * self->lists.leaves, sizeof *self->seen);
    return self->tree != NULL && self->from != NULL && self->seen != NULL ? STATUS_OK
                                                                          : STATUS_NOMEM;
}

enum status lightgbm_tree_read(struct lightgbm_forest *self, const struct span *section,
                               struct error_text *error)
{
    struct walk walk = {.forest = self};
    enum status status = read_lists(self, section, &walk.lists, error);
    if (status == STATUS_OK)
        status = open_walk(&walk);
    if (status == STATUS_OK)
        status = copy_nodes(&walk, error);
    if (status == STATUS_OK)
        status = copy_covers(&walk);
    if (status == STATUS_OK)
        assemble_tree_cut(walk.tree, walk.count);
    release(&walk.lists);
    free(walk.from);
    free(walk.seen);
    return status;
}
