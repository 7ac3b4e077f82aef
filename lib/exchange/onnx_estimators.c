/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_estimators.c - estimators' scores, with what ONNX Runtime makes of a classifier
 * that has one score for two classes. */
#include "exchange/onnx_graph.h"

#include <string.h>

/* ---- scores of an estimator ---- */

/* One margin for each output. */
static enum status margins(struct onnx_graph *self, const onnx_node *node, size_t count,
                           struct onnx_value *out, struct error_text *error)
{
    const struct onnx_value *value;
    struct onnx_term *terms;
    enum status status = onnx_need_columns(self, node, 0, &value, error);
    if (status == STATUS_OK && (count == 0 || count > EXCHANGE_CLASSES_MAX))
        status = onnx_refuse(node, error, "it has %zu outputs, expected 1 to %d", count,
                             EXCHANGE_CLASSES_MAX);
    if (status == STATUS_OK)
        status = onnx_alloc(self, count, sizeof *terms, &terms, error);
    *out = (struct onnx_value){.type = ONNX_SCORES, .count = count};
    if (status == STATUS_OK)
        status = onnx_alloc(self, count, sizeof *out->scores, &out->scores, error);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        terms[i] = (struct onnx_term){
            .estimator = {node, value->columns, value->count, (uint32_t)i},
            .slope = 1,
            .weight = 1};
        out->scores[i] = (struct onnx_score){&terms[i], 1, 0};
    }
    return status;
}

/* The first of two classes is what the second is not: constant - second. */
static void oppose(const struct onnx_value *pair, double constant)
{
    struct onnx_score *first = &pair->scores[0];
    const struct onnx_score *second = &pair->scores[1];
    first->terms[0] = second->terms[0];
    first->terms[0].weight = -second->terms[0].weight;
    first->constant = constant - second->constant;
}

enum transform {
    TRANSFORM_NONE,
    TRANSFORM_LOGISTIC,
    TRANSFORM_SOFTMAX,
    TRANSFORM_COUNT,
};

static enum status read_transform(const onnx_node *node, enum transform *out,
                                  struct error_text *error)
{
    static const char *const names[] = {"NONE", "LOGISTIC", "SOFTMAX"};
    for (*out = TRANSFORM_NONE; *out < TRANSFORM_COUNT; (*out)++)
        if (onnx_text_is(node, "post_transform", names[*out]))
            return STATUS_OK;
    return onnx_refuse(node, error,
                       "its post_transform is not supported: expected NONE, LOGISTIC or "
                       "SOFTMAX");
}

/* Regressors' transforms are ignored by some runtimes and not by others. */
static enum status need_no_transform(const onnx_node *node, struct error_text *error)
{
    return onnx_text_is(node, "post_transform", "NONE")
               ? STATUS_OK
               : onnx_refuse(node, error,
                             "a post_transform of numbers is not supported: expected "
                             "NONE");
}

static void transform(struct onnx_value *value, enum transform by)
{
    for (size_t i = 0; by == TRANSFORM_LOGISTIC && i < value->count; i++)
        onnx_make_logistic(&value->scores[i], 1);
    if (by == TRANSFORM_SOFTMAX)
        value->combination = ONNX_SOFTMAX;
}

/* Two classes out of the second's margin; of the first's, `constant` - margin. The
 * softmax of m and -m is the logistic of 2 m. */
static void transform_pair(struct onnx_value *pair, enum transform by, double constant)
{
    if (by != TRANSFORM_NONE)
        onnx_make_logistic(&pair->scores[1], by == TRANSFORM_SOFTMAX ? 2 : 1);
    oppose(pair, by == TRANSFORM_NONE ? constant : 1);
}

static size_t label_count(const onnx_node *node)
{
    return onnx_get_texts(node, "classlabels_strings").count +
           onnx_get_ints(node, "classlabels_ints").count +
           onnx_get_ints(node, "classlabels_int64s").count;
}

static enum status put_classes(struct onnx_graph *self, const onnx_node *node,
                               struct onnx_value scores, struct error_text *error)
{
    scores.classes = true;
    scores.labels = node;
    enum status status =
        onnx_put(self, node, 0, (struct onnx_value){.type = ONNX_LABELS}, error);
    return status == STATUS_OK ? onnx_put(self, node, 1, scores, error) : status;
}

/* ---- linear ---- */

static enum status check_linear(struct onnx_graph *self, const onnx_node *node,
                                size_t rows, struct error_text *error)
{
    const struct onnx_value *value;
    enum status status = onnx_need_columns(self, node, 0, &value, error);
    if (status != STATUS_OK)
        return status;
    size_t weights = onnx_get_floats(node, "coefficients").count;
    size_t intercepts = onnx_get_floats(node, "intercepts").count;
    if (weights != rows * value->count || (intercepts != rows && intercepts != 0))
        return onnx_refuse(node, error,
                           "%zu coefficients and %zu intercepts for %zu outputs of %zu "
                           "columns",
                           weights, intercepts, rows, value->count);
    return STATUS_OK;
}

/* Whether the margin of the first class is always minus the second's. */
static bool are_opposite(const onnx_node *node)
{
    struct onnx_floats weights = onnx_get_floats(node, "coefficients");
    struct onnx_floats intercepts = onnx_get_floats(node, "intercepts");
    size_t half = weights.count / 2;
    for (size_t i = 0; i < half; i++)
        if (onnx_number(&weights, i) != -onnx_number(&weights, half + i))
            return false;
    return intercepts.count == 0 ||
           onnx_number(&intercepts, 0) == -onnx_number(&intercepts, 1);
}

enum status onnx_linear_classifier(struct onnx_graph *self, const onnx_node *node,
                                   struct error_text *error)
{
    static const char *const known[] = {"coefficients",     "intercepts",
                                        "multi_class",      "post_transform",
                                        "classlabels_ints", "classlabels_strings"};
    size_t classes = label_count(node);
    size_t rows = onnx_get_floats(node, "intercepts").count == 1 ? 1 : classes;
    enum transform by = TRANSFORM_NONE;
    struct onnx_value scores;
    enum status status = ONNX_KNOW(node, known, error);
    if (status == STATUS_OK)
        status = read_transform(node, &by, error);
    if (status == STATUS_OK && classes < 2)
        status =
            onnx_refuse(node, error, "it has %zu classes, expected 2 or more", classes);
    if (status == STATUS_OK &&
        (rows != classes && (classes != 2 || by == TRANSFORM_SOFTMAX)))
        status = onnx_refuse(node, error, "one score for %zu classes is not supported",
                             classes);
    if (status == STATUS_OK)
        status = check_linear(self, node, rows, error);
    if (status == STATUS_OK)
        status = margins(self, node, classes, &scores, error);
    if (status != STATUS_OK)
        return status;
    if (rows == 1)
        scores.scores[1].terms[0].estimator.output = 0;
    if (classes == 2 && (rows == 1 || are_opposite(node)))
        transform_pair(&scores, by, rows == 1 ? 1 : 0);
    else
        transform(&scores, by);
    return put_classes(self, node, scores, error);
}

enum status onnx_linear_regressor(struct onnx_graph *self, const onnx_node *node,
                                  struct error_text *error)
{
    static const char *const known[] = {"coefficients", "intercepts", "targets",
                                        "post_transform"};
    int64_t targets = 1;
    struct onnx_value scores;
    onnx_get_int(node, "targets", &targets);
    enum status status = ONNX_KNOW(node, known, error);
    if (status == STATUS_OK)
        status = need_no_transform(node, error);
    if (status == STATUS_OK)
        status = margins(self, node, targets < 0 ? 0 : (size_t)targets, &scores, error);
    if (status == STATUS_OK)
        status = check_linear(self, node, scores.count, error);
    return status == STATUS_OK ? onnx_put(self, node, 0, scores, error) : status;
}

/* ---- trees ---- */

/* What all leaves of a classifier say. */
struct leaves {
    bool first_only;   /* all are the first class's */
    bool not_negative; /* all weights are 0 or more */
};

static struct leaves look_at_leaves(const onnx_node *node)
{
    struct onnx_ints ids = onnx_get_ints(node, "class_ids");
    struct onnx_floats weights = onnx_get_floats(node, "class_weights");
    struct leaves leaves = {true, true};
    for (size_t i = 0; i < ids.count; i++)
        leaves.first_only = leaves.first_only && ids.items[i] == 0;
    for (size_t i = 0; i < weights.count; i++)
        leaves.not_negative = leaves.not_negative && onnx_number(&weights, i) >= 0;
    return leaves;
}

/* With one score for two classes that is the second's, whatever its id is. */
static enum status tree_pair(const onnx_node *node, const struct leaves *leaves,
                             enum transform by, struct onnx_value *pair,
                             struct error_text *error)
{
    if (by == TRANSFORM_SOFTMAX || onnx_get_floats(node, "base_values").count > 1)
        return onnx_refuse(node, error,
                           "one score for two classes with SOFTMAX or several "
                           "base_values is not supported");
    pair->scores[1].terms[0].estimator.output = 0;
    transform_pair(pair, by, leaves->not_negative ? 1 : 0);
    return STATUS_OK;
}

enum status onnx_tree_classifier(struct onnx_graph *self, const onnx_node *node,
                                 struct error_text *error)
{
    static const char *const known[] = {"nodes_treeids",
                                        "nodes_nodeids",
                                        "nodes_featureids",
                                        "nodes_modes",
                                        "nodes_values",
                                        "nodes_values_as_tensor",
                                        "nodes_truenodeids",
                                        "nodes_falsenodeids",
                                        "nodes_missing_value_tracks_true",
                                        "nodes_hitrates",
                                        "nodes_hitrates_as_tensor",
                                        "class_treeids",
                                        "class_nodeids",
                                        "class_ids",
                                        "class_weights",
                                        "class_weights_as_tensor",
                                        "base_values",
                                        "base_values_as_tensor",
                                        "classlabels_int64s",
                                        "classlabels_strings",
                                        "post_transform"};
    size_t classes = label_count(node),
           bases = onnx_get_floats(node, "base_values").count;
    struct leaves leaves = look_at_leaves(node);
    enum transform by = TRANSFORM_NONE;
    struct onnx_value scores;
    enum status status = ONNX_KNOW(node, known, error);
    if (status == STATUS_OK)
        status = read_transform(node, &by, error);
    if (status == STATUS_OK && classes < 2)
        status =
            onnx_refuse(node, error, "it has %zu classes, expected 2 or more", classes);
    if (status == STATUS_OK)
        status = margins(self, node, classes, &scores, error);
    if (status == STATUS_OK && classes == 2 && leaves.first_only) {
        status = tree_pair(node, &leaves, by, &scores, error);
    } else if (status == STATUS_OK) {
        if (bases != 0 && bases != classes)
            return onnx_refuse(node, error, "%zu base_values for %zu classes", bases,
                               classes);
        transform(&scores, by);
    }
    return status == STATUS_OK ? put_classes(self, node, scores, error) : status;
}

enum status onnx_tree_regressor(struct onnx_graph *self, const onnx_node *node,
                                struct error_text *error)
{
    static const char *const known[] = {"nodes_treeids",
                                        "nodes_nodeids",
                                        "nodes_featureids",
                                        "nodes_modes",
                                        "nodes_values",
                                        "nodes_values_as_tensor",
                                        "nodes_truenodeids",
                                        "nodes_falsenodeids",
                                        "nodes_missing_value_tracks_true",
                                        "nodes_hitrates",
                                        "nodes_hitrates_as_tensor",
                                        "target_treeids",
                                        "target_nodeids",
                                        "target_ids",
                                        "target_weights",
                                        "target_weights_as_tensor",
                                        "base_values",
                                        "base_values_as_tensor",
                                        "n_targets",
                                        "aggregate_function",
                                        "post_transform"};
    int64_t targets = 1;
    struct onnx_value scores;
    onnx_get_int(node, "n_targets", &targets);
    enum status status = ONNX_KNOW(node, known, error);
    if (status == STATUS_OK)
        status = need_no_transform(node, error);
    if (status == STATUS_OK)
        status = margins(self, node, targets < 0 ? 0 : (size_t)targets, &scores, error);
    return status == STATUS_OK ? onnx_put(self, node, 0, scores, error) : status;
}

/* Opset 5, where transforms have numbers. */
static enum status numbered_transform(const onnx_node *node, size_t targets,
                                      enum transform *out, struct error_text *error)
{
    static const enum transform transforms[] = {TRANSFORM_NONE, TRANSFORM_SOFTMAX,
                                                TRANSFORM_LOGISTIC};
    int64_t number = 0;
    onnx_get_int(node, "post_transform", &number);
    if (number < 0 || number >= TRANSFORM_COUNT || (number > 0 && targets < 2))
        return onnx_refuse(node, error,
                           "post_transform %lld of %zu targets is not "
                           "supported",
                           (long long)number, targets);
    *out = transforms[number];
    return STATUS_OK;
}

enum status onnx_tree_ensemble(struct onnx_graph *self, const onnx_node *node,
                               struct error_text *error)
{
    static const char *const known[] = {
        "aggregate_function", "leaf_targetids",    "leaf_weights",
        "membership_values",  "n_targets",         "nodes_falseleafs",
        "nodes_falsenodeids", "nodes_featureids",  "nodes_hitrates",
        "nodes_modes",        "nodes_splits",      "nodes_missing_value_tracks_true",
        "nodes_trueleafs",    "nodes_truenodeids", "post_transform",
        "tree_roots"};
    int64_t targets = 1;
    enum transform by = TRANSFORM_NONE;
    struct onnx_value scores;
    onnx_get_int(node, "n_targets", &targets);
    enum status status = ONNX_KNOW(node, known, error);
    if (status == STATUS_OK)
        status = margins(self, node, targets < 0 ? 0 : (size_t)targets, &scores, error);
    if (status == STATUS_OK)
        status = numbered_transform(node, scores.count, &by, error);
    if (status != STATUS_OK)
        return status;
    scores.classes = scores.count > 1;
    transform(&scores, by);
    return onnx_put(self, node, 0, scores, error);
}
