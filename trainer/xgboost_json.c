/* SPDX-License-Identifier: Apache-2.0 */
/* xgboost_json.c - looks up what it needs, checks every length and index, and walks each
 * tree from its root. */
#include "trainer/xgboost_json.h"

#include "model/model.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- looking things up ---- */

/* The value at `path` ("learner.objective.name"), or NULL. */
static const json_t *look_up(const json_t *root, const char *path)
{
    char key[64];
    while (root != NULL && *path != '\0') {
        size_t size = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)size, path);
        root = json_object_get(root, key);
        path += size + (path[size] == '.');
    }
    return root;
}

static enum status need_text(const json_t *root, const char *path, const char **out,
                             struct error_text *error)
{
    *out = json_string_value(look_up(root, path));
    return *out != NULL ? STATUS_OK
                        : error_set(error, STATUS_INVALID, "%s is no text", path);
}

/* Scalars are texts in this format, and in XGBoost 3.1 base_score is a list in a text. */
static bool parse_float(const char *text, float *out)
{
    bool list = text[0] == '[';
    char *end;
    *out = strtof(text + list, &end);
    return end != text + list && strcmp(end, list ? "]" : "") == 0 && isfinite(*out);
}

/* A count that must be 0 or 1 where it is there: more would be another kind of model. */
static enum status check_at_most_one(const json_t *root, const char *path,
                                     struct error_text *error)
{
    const char *text = json_string_value(look_up(root, path));
    if (text == NULL || strcmp(text, "0") == 0 || strcmp(text, "1") == 0)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID,
                     "%s is %.20s: only models with one output are understood", path,
                     text);
}

/* ---- one tree ---- */

/* The lists of a tree, all of the same length. */
struct source {
    const json_t *left, *right, *input, *threshold, *default_left, *split_type;
    size_t count;
};

static enum status need_list(const json_t *tree, const char *name, size_t count,
                             const json_t **out, struct error_text *error)
{
    *out = json_object_get(tree, name);
    if (!json_is_array(*out))
        return error_set(error, STATUS_INVALID, "%s is no list", name);
    if (json_array_size(*out) != count)
        return error_set(error, STATUS_INVALID, "%s has %zu entries for %zu nodes", name,
                         json_array_size(*out), count);
    return STATUS_OK;
}

static enum status open_source(const json_t *tree, struct source *out,
                               struct error_text *error)
{
    const json_t *left = json_object_get(tree, "left_children");
    *out = (struct source){.count = json_array_size(left)};
    if (out->count == 0 || out->count > MODEL_NODES_MAX)
        return error_set(error, STATUS_INVALID, "left_children has %zu nodes",
                         out->count);
    const struct {
        const char *name;
        const json_t **list;
    } lists[] = {
        {"left_children", &out->left},        {"right_children", &out->right},
        {"split_indices", &out->input},       {"split_conditions", &out->threshold},
        {"default_left", &out->default_left},
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof lists / sizeof lists[0]; i++)
        status = need_list(tree, lists[i].name, out->count, lists[i].list, error);
    if (status == STATUS_OK && json_object_get(tree, "split_type") != NULL)
        status = need_list(tree, "split_type", out->count, &out->split_type, error);
    return status;
}

static enum status need_integer(const json_t *list, const char *name, size_t node,
                                json_int_t max, json_int_t *out, struct error_text *error)
{
    const json_t *item = json_array_get(list, node);
    if (json_is_boolean(item)) /* default_left, in some versions */
        *out = json_is_true(item);
    else if (json_is_integer(item))
        *out = json_integer_value(item);
    else
        return error_set(error, STATUS_INVALID, "%s of node %zu is no whole number", name,
                         node);
    if (*out < 0 || *out > max)
        return error_set(error, STATUS_INVALID,
                         "%s of node %zu is %lld, expected 0 to %lld", name, node,
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

/* A tree being copied: from[i] is the source's index of our node i. */
struct walk {
    struct source source;
    Chw__Tree *tree;
    size_t *from;
    bool *seen;
};

static enum status add_child(struct walk *self, json_int_t child,
                             struct error_text *error)
{
    size_t index = (size_t)child;
    if (self->seen[index])
        return error_set(error, STATUS_INVALID, "node %zu is reached twice", index);
    self->seen[index] = true;
    self->from[self->tree->n_left++] = index;
    return STATUS_OK;
}

static enum status copy_split(struct walk *self, size_t node, struct error_text *error)
{
    const struct source *source = &self->source;
    Chw__Tree *tree = self->tree;
    size_t from = self->from[node];
    json_int_t last = (json_int_t)source->count - 1, left = 0, right = 0, input = 0,
               default_left = 0, type = 0;
    enum status status =
        need_integer(source->left, "left_children", from, last, &left, error);
    if (status == STATUS_OK)
        status = need_integer(source->right, "right_children", from, last, &right, error);
    if (status == STATUS_OK)
        status = need_integer(source->input, "split_indices", from, MODEL_INPUTS_MAX - 1,
                              &input, error);
    if (status == STATUS_OK)
        status = need_integer(source->default_left, "default_left", from, 1,
                              &default_left, error);
    if (status == STATUS_OK && source->split_type != NULL)
        status = need_integer(source->split_type, "split_type", from, 1, &type, error);
    if (status == STATUS_OK && type != 0)
        status = error_set(error, STATUS_INVALID,
                           "node %zu splits by categories, which is not supported", from);
    if (status != STATUS_OK)
        return status;
    tree->input[node] = (uint32_t)input;
    tree->default_left.data[node] = (uint8_t)default_left;
    tree->left[node] = (uint32_t)tree->n_left;
    tree->right[node] = (uint32_t)tree->n_left + 1;
    status = add_child(self, left, error);
    return status == STATUS_OK ? add_child(self, right, error) : status;
}

/* Breadth first: our nodes are the queue. No node is met twice, so it ends. */
static enum status copy_nodes(struct walk *self, struct error_text *error)
{
    enum status status = add_child(self, 0, error);
    for (size_t node = 0; status == STATUS_OK && node < self->tree->n_left; node++) {
        status = need_float(&self->source, self->from[node], &self->tree->threshold[node],
                            error);
        if (status == STATUS_OK && !is_leaf(&self->source, self->from[node]))
            status = copy_split(self, node, error);
    }
    Chw__Tree *tree = self->tree;
    tree->n_input = tree->n_threshold = tree->n_right = tree->n_left;
    tree->default_left.len = tree->n_left;
    return status;
}

static bool make_nodes(struct walk *self)
{
    size_t count = self->source.count;
    Chw__Tree *tree = self->tree;
    tree->input = calloc(count, sizeof *tree->input);
    tree->threshold = calloc(count, sizeof *tree->threshold);
    tree->left = calloc(count, sizeof *tree->left);
    tree->right = calloc(count, sizeof *tree->right);
    tree->default_left.data = calloc(count, 1);
    self->from = calloc(count, sizeof *self->from);
    self->seen = calloc(count, sizeof *self->seen);
    return tree->input != NULL && tree->threshold != NULL && tree->left != NULL &&
           tree->right != NULL && tree->default_left.data != NULL && self->from != NULL &&
           self->seen != NULL;
}

static enum status read_tree(const json_t *json, Chw__Tree *tree,
                             struct error_text *error)
{
    struct walk walk = {.tree = tree};
    enum status status = open_source(json, &walk.source, error);
    if (status == STATUS_OK)
        status = check_at_most_one(json, "tree_param.size_leaf_vector", error);
    if (status == STATUS_OK)
        status = make_nodes(&walk) ? copy_nodes(&walk, error) : STATUS_NOMEM;
    free(walk.from);
    free(walk.seen);
    return status;
}

/* ---- all trees ---- */

/* Counted as they come: an unfinished list can be freed. */
static enum status add_tree(const json_t *json, Chw__Trees *out, struct error_text *error)
{
    Chw__Tree *tree = calloc(1, sizeof *tree);
    if (tree == NULL)
        return STATUS_NOMEM;
    chw__tree__init(tree);
    out->trees[out->n_trees++] = tree;
    enum status status = read_tree(json, tree, error);
    return status == STATUS_INVALID
               ? error_prefix(error, status, "tree %zu", out->n_trees - 1)
               : status;
}

/* The group of a tree is the output that it adds to. */
static enum status check_groups(const json_t *info, struct error_text *error)
{
    for (size_t i = 0; i < json_array_size(info); i++) {
        const json_t *group = json_array_get(info, i);
        if (!json_is_integer(group) || json_integer_value(group) != 0)
            return error_set(error, STATUS_INVALID,
                             "tree_info of tree %zu is not 0: only models with one "
                             "output are understood",
                             i);
    }
    return STATUS_OK;
}

static enum status read_trees(const json_t *root, Chw__Trees *out,
                              struct error_text *error)
{
    static const char path[] = "learner.gradient_booster.model";
    const json_t *model = look_up(root, path);
    const json_t *trees = json_object_get(model, "trees");
    size_t count = json_array_size(trees);
    if (count == 0 || count > MODEL_TREES_MAX)
        return error_set(error, STATUS_INVALID,
                         "%s.trees has %zu trees, expected 1 to %d", path, count,
                         MODEL_TREES_MAX);
    enum status status = check_groups(json_object_get(model, "tree_info"), error);
    if (status != STATUS_OK)
        return status;
    out->trees = calloc(count, sizeof(Chw__Tree *));
    if (out->trees == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = add_tree(json_array_get(trees, i), out, error);
    return status;
}

/* ---- the rest of the model ---- */

static enum status check_booster(const json_t *root, struct error_text *error)
{
    const char *name;
    enum status status = need_text(root, "learner.gradient_booster.name", &name, error);
    if (status != STATUS_OK)
        return status;
    if (strcmp(name, "gbtree") != 0)
        return error_set(error, STATUS_INVALID,
                         "the booster is %.40s: only gbtree is supported", name);
    status = check_at_most_one(root, "learner.learner_model_param.num_class", error);
    return status == STATUS_OK
               ? check_at_most_one(root, "learner.learner_model_param.num_target", error)
               : status;
}

static enum status read_link(const json_t *root, Chw__Link *out, struct error_text *error)
{
    static const struct {
        const char *objective;
        Chw__Link link;
    } known[] = {
        {"binary:logistic", CHW__LINK__LINK_LOGISTIC},
        {"reg:logistic", CHW__LINK__LINK_LOGISTIC},
        {"reg:squarederror", CHW__LINK__LINK_IDENTITY},
    };
    const char *name;
    enum status status = need_text(root, "learner.objective.name", &name, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].objective, name) == 0) {
            *out = known[i].link;
            return STATUS_OK;
        }
    }
    return error_set(error, STATUS_INVALID,
                     "the objective is %.40s: binary:logistic, reg:logistic and "
                     "reg:squarederror are supported",
                     name);
}

/* base_score is a probability where the link is logistic; float32 as in XGBoost. */
static enum status read_base(const json_t *root, Chw__Link link, float *out,
                             struct error_text *error)
{
    const char *text;
    float base;
    enum status status =
        need_text(root, "learner.learner_model_param.base_score", &text, error);
    if (status != STATUS_OK)
        return status;
    bool logistic = link == CHW__LINK__LINK_LOGISTIC;
    if (!parse_float(text, &base) || (logistic && !(base > 0 && base < 1)))
        return error_set(error, STATUS_INVALID, "base_score is %.40s, expected %s", text,
                         logistic ? "a number between 0 and 1" : "a number");
    *out = logistic ? -logf(1.0F / base - 1.0F) : base;
    return STATUS_OK;
}

static enum status read_model(const json_t *root, struct xgboost_model *out,
                              struct error_text *error)
{
    enum status status = check_booster(root, error);
    if (status == STATUS_OK)
        status = read_link(root, &out->link, error);
    if (status == STATUS_OK)
        status = read_base(root, out->link, &out->trees->base_margin, error);
    return status == STATUS_OK ? read_trees(root, out->trees, error) : status;
}

enum status xgboost_json_read(const char *text, size_t size, struct xgboost_model *out,
                              struct error_text *error)
{
    out->trees = NULL;
    json_error_t place;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &place);
    if (root == NULL)
        return error_set(error, STATUS_MALFORMED, "not JSON: line %d: %s", place.line,
                         place.text);
    enum status status = STATUS_NOMEM;
    out->trees = calloc(1, sizeof *out->trees);
    if (out->trees != NULL) {
        chw__trees__init(out->trees);
        status = read_model(root, out, error);
    }
    json_decref(root);
    if (status == STATUS_OK)
        return status;
    if (out->trees != NULL)
        chw__trees__free_unpacked(out->trees, NULL);
    out->trees = NULL;
    return status == STATUS_INVALID ? error_prefix(error, status, "XGBoost's model")
                                    : status;
}
