/* SPDX-License-Identifier: Apache-2.0 */
/* xgboost.c - what is around the trees: objective, base score, classes, features. */
#include "exchange/xgboost.h"

#include "exchange/assemble.h"
#include "exchange/format.h"
#include "exchange/xgboost_features.h"
#include "exchange/xgboost_tree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the head ---- */

enum output {
    OUTPUT_NUMBER,  /* the margin is the score */
    OUTPUT_OUTCOME, /* of two classes, the probability of the second */
    OUTPUT_SHARE,   /* a number between 0 and 1 */
    OUTPUT_CLASSES, /* a margin for each */
};

struct objective {
    const char *name;
    enum output output;
    bool base_is_probability;
};

static const struct objective objectives[] = {
    {"binary:logistic", OUTPUT_OUTCOME, true}, {"binary:logitraw", OUTPUT_OUTCOME, false},
    {"reg:logistic", OUTPUT_SHARE, true},      {"reg:squarederror", OUTPUT_NUMBER, false},
    {"multi:softprob", OUTPUT_CLASSES, false}, {"multi:softmax", OUTPUT_CLASSES, false},
};
enum { OBJECTIVE_COUNT = sizeof objectives / sizeof objectives[0] };

/* A model being read. */
struct reading {
    const json_t *learner;
    const struct exchange_options *options;
    const struct objective *objective;
    size_t input_count;
    size_t output_count;                       /* margins */
    float base[EXCHANGE_CLASSES_MAX];          /* of each */
    size_t chosen;                             /* class */
    struct split_use *uses;                    /* one per input */
    Chw__Trees *outputs[EXCHANGE_CLASSES_MAX]; /* the model's own */
};

static enum status refuse_objective(const char *name, struct error_text *error)
{
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < OBJECTIVE_COUNT && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                                 i == 0 ? "" : ", ", objectives[i].name);
    return error_set(error, STATUS_INVALID,
                     "objective %.40s is not supported: expected %s", name, names);
}

static enum status read_objective(struct reading *self, struct error_text *error)
{
    const char *name;
    enum status status = document_text(self->learner, "objective.name", &name, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < OBJECTIVE_COUNT; i++)
        if (strcmp(objectives[i].name, name) == 0)
            self->objective = &objectives[i];
    return self->objective != NULL ? STATUS_OK : refuse_objective(name, error);
}

static enum status read_counts(struct reading *self, size_t inputs_max,
                               struct error_text *error)
{
    size_t classes = 0, targets = 0;
    enum status status = document_count(self->learner, "learner_model_param.num_class",
                                        EXCHANGE_CLASSES_MAX, 0, &classes, error);
    if (status == STATUS_OK)
        status = document_count(self->learner, "learner_model_param.num_target", 1, 1,
                                &targets, error);
    if (status == STATUS_OK)
        status = document_count(self->learner, "learner_model_param.num_feature",
                                inputs_max, 0, &self->input_count, error);
    if (status != STATUS_OK)
        return status;
    bool several = self->objective->output == OUTPUT_CLASSES;
    if (several ? classes < 2 : classes > 1)
        return error_set(error, STATUS_INVALID,
                         "learner_model_param.num_class is %zu, expected %s", classes,
                         several ? "2 or more" : "0 or 1");
    self->output_count = several ? classes : 1;
    if (self->input_count == 0)
        return error_set(error, STATUS_INVALID,
                         "learner_model_param.num_feature is 0: no features");
    return STATUS_OK;
}

/* ---- base score ---- */

/* XGBoost's own float32 logit. */
static enum status read_base(struct reading *self, size_t output, float score,
                             struct error_text *error)
{
    bool probability = self->objective->base_is_probability;
    if (!isfinite(score) || (probability && !(score > 0 && score < 1)))
        return error_set(error, STATUS_INVALID, "base_score is %g, expected %s",
                         (double)score,
                         probability ? "a number between 0 and 1" : "a number");
    self->base[output] = probability ? -logf(1.0F / score - 1.0F) : score;
    return STATUS_OK;
}

/* "5E-1", and since 3.1 a list in a text. Returns the numbers, 0 where it is neither. */
static size_t parse_scores(const char *text, float *scores, size_t max)
{
    bool list = text[0] == '[';
    const char *at = text + list;
    size_t count = 0;
    char *end = NULL;
    for (bool more = true; more; at = end + more) {
        float score = strtof(at, &end);
        if (end == at || count == max)
            return 0;
        scores[count++] = score;
        more = list && *end == ',';
    }
    return strcmp(end, list ? "]" : "") == 0 ? count : 0;
}

static enum status read_bases(struct reading *self, struct error_text *error)
{
    static const char path[] = "learner_model_param.base_score";
    float scores[EXCHANGE_CLASSES_MAX];
    const char *text;
    enum status status = document_text(self->learner, path, &text, error);
    if (status != STATUS_OK)
        return status;
    size_t count = parse_scores(text, scores, self->output_count);
    if (count != 1 && count != self->output_count)
        return error_set(error, STATUS_INVALID,
                         "base_score is %.40s, expected a number%s", text,
                         self->output_count > 1 ? " or one per class" : "");
    for (size_t i = 0; status == STATUS_OK && i < self->output_count; i++)
        status = read_base(self, i, scores[count == 1 ? 0 : i], error);
    return status;
}

static enum status choose(struct reading *self, struct error_text *error)
{
    if (self->objective->output == OUTPUT_OUTCOME)
        return format_choose(self->options, NULL, 2, &self->chosen, error);
    if (self->objective->output == OUTPUT_CLASSES)
        return format_choose(self->options, NULL, self->output_count, &self->chosen,
                             error);
    return format_choose_none(self->options, error);
}

static enum status read_head(struct reading *self, size_t inputs_max,
                             struct error_text *error)
{
    enum status status = read_objective(self, error);
    if (status == STATUS_OK)
        status = read_counts(self, inputs_max, error);
    if (status == STATUS_OK)
        status = read_bases(self, error);
    if (status == STATUS_OK)
        status = choose(self, error);
    if (status != STATUS_OK)
        return status;
    self->uses = calloc(self->input_count, sizeof self->uses[0]);
    return self->uses != NULL ? STATUS_OK : STATUS_NOMEM;
}

/* ---- estimators ---- */

static enum status open_trees(struct reading *self, Chw__Model *model)
{
    for (size_t i = 0; i < self->output_count; i++) {
        Chw__Trees *trees = assemble_trees();
        if (trees == NULL)
            return STATUS_NOMEM;
        trees->base_margin = self->base[i];
        self->outputs[i] = trees;
        assemble_output_trees(model, i, trees);
    }
    return STATUS_OK;
}

/* tree_info: which output a tree adds to. */
static enum status read_tree(struct reading *self, struct xgboost_forest *forest,
                             const json_t *tree, const json_t *group,
                             struct error_text *error)
{
    json_int_t output = json_integer_value(group);
    if (!json_is_integer(group) || output < 0 || (size_t)output >= self->output_count)
        return error_set(error, STATUS_INVALID, "tree_info is not 0 to %zu",
                         self->output_count - 1);
    forest->trees = self->outputs[output];
    return xgboost_tree_read(forest, tree, error);
}

/* What dart multiplies the trees by; 1 where there is no such list. */
static enum status read_weight(const json_t *weights, size_t tree, float *out,
                               struct error_text *error)
{
    const json_t *item = json_array_get(weights, tree);
    *out = weights == NULL ? 1.0F : (float)json_number_value(item);
    if (weights != NULL && (!json_is_number(item) || !isfinite(*out)))
        return error_set(error, STATUS_INVALID, "weight_drop is no finite float32");
    return STATUS_OK;
}

/* Trees that are told of elsewhere must be there. */
static enum status check_trees(const json_t *model, size_t count,
                               struct error_text *error)
{
    size_t groups = json_array_size(document_find(model, "tree_info")), told;
    if (count == 0 || count > EXCHANGE_TREES_MAX)
        return error_set(error, STATUS_INVALID, "trees has %zu trees, expected 1 to %d",
                         count, EXCHANGE_TREES_MAX);
    if (groups != count)
        return error_set(error, STATUS_INVALID, "tree_info has %zu entries for %zu trees",
                         groups, count);
    enum status status = document_count(model, "gbtree_model_param.num_trees",
                                        EXCHANGE_TREES_MAX, count, &told, error);
    if (status == STATUS_OK && told != count)
        return error_set(error, STATUS_INVALID,
                         "gbtree_model_param.num_trees is %zu for %zu trees", told,
                         count);
    return status;
}

static enum status read_trees(struct reading *self, const json_t *model,
                              const json_t *weights, struct error_text *error)
{
    const json_t *trees = document_find(model, "trees");
    const json_t *groups = document_find(model, "tree_info");
    size_t count = json_array_size(trees);
    enum status status = check_trees(model, count, error);
    struct xgboost_forest forest = {.uses = self->uses,
                                    .input_count = self->input_count,
                                    .nodes_left = EXCHANGE_NODES_MAX};
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = read_weight(weights, i, &forest.weight, error);
        if (status == STATUS_OK)
            status = read_tree(self, &forest, json_array_get(trees, i),
                               json_array_get(groups, i), error);
        if (status != STATUS_OK)
            status = error_prefix(error, status, "tree %zu", i);
    }
    return status;
}

static enum status read_gbtree(struct reading *self, Chw__Model *model,
                               struct error_text *error)
{
    enum status status = open_trees(self, model);
    const json_t *trees = document_find(self->learner, "gradient_booster.model");
    return status == STATUS_OK ? read_trees(self, trees, NULL, error) : status;
}

static enum status read_dart(struct reading *self, Chw__Model *model,
                             struct error_text *error)
{
    const json_t *weights;
    const json_t *trees = document_find(self->learner, "gradient_booster.gbtree.model");
    enum status status =
        document_list(self->learner, "gradient_booster.weight_drop", &weights, error);
    if (status == STATUS_OK)
        status = open_trees(self, model);
    return status == STATUS_OK ? read_trees(self, trees, weights, error) : status;
}

/* A row of weights per input, one for each output, and a last row of intercepts. */
static enum status read_output_weights(struct reading *self, const json_t *list,
                                       size_t output, Chw__Linear *linear,
                                       struct error_text *error)
{
    for (size_t i = 0; i <= self->input_count; i++) {
        const json_t *item = json_array_get(list, i * self->output_count + output);
        float weight = (float)json_number_value(item);
        if (!json_is_number(item) || !isfinite(weight))
            return error_set(error, STATUS_INVALID, "weight %zu is no finite float32",
                             i * self->output_count + output);
        if (i < self->input_count)
            linear->weights[i] = weight;
        else
            linear->intercept = (double)weight + (double)self->base[output];
    }
    return STATUS_OK;
}

static enum status read_gblinear(struct reading *self, Chw__Model *model,
                                 struct error_text *error)
{
    const json_t *list;
    enum status status =
        document_list(self->learner, "gradient_booster.model.weights", &list, error);
    if (status != STATUS_OK)
        return status;
    size_t expected = (self->input_count + 1) * self->output_count;
    if (json_array_size(list) != expected)
        return error_set(error, STATUS_INVALID, "%zu weights, expected %zu",
                         json_array_size(list), expected);
    for (size_t i = 0; status == STATUS_OK && i < self->output_count; i++) {
        Chw__Linear *linear = assemble_linear(self->input_count);
        if (linear == NULL)
            return STATUS_NOMEM;
        assemble_output_linear(model, i, linear);
        status = read_output_weights(self, list, i, linear, error);
    }
    return status;
}

static const struct booster {
    const char *name;
    Chw__MissingPolicy missing;
    enum status (*read)(struct reading *self, Chw__Model *model,
                        struct error_text *error);
} boosters[] = {
    {"gbtree", CHW__MISSING_POLICY__MISSING_KEEP, read_gbtree},
    {"dart", CHW__MISSING_POLICY__MISSING_KEEP, read_dart},
    /* a missing value adds nothing: as 0 */
    {"gblinear", CHW__MISSING_POLICY__MISSING_IMPUTE, read_gblinear},
};

static enum status find_booster(const json_t *learner, const struct booster **out,
                                struct error_text *error)
{
    const char *name;
    enum status status = document_text(learner, "gradient_booster.name", &name, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < sizeof boosters / sizeof boosters[0]; i++) {
        *out = &boosters[i];
        if (strcmp(boosters[i].name, name) == 0)
            return STATUS_OK;
    }
    return error_set(error, STATUS_INVALID,
                     "booster %.40s is not supported: expected gbtree, dart, gblinear",
                     name);
}

/* ---- link ---- */

static enum status set_outcome(const struct reading *self, Chw__Model *model)
{
    char label[24];
    snprintf(label, sizeof label, "%zu", self->chosen);
    return assemble_outcome(model, label) ? STATUS_OK : STATUS_NOMEM;
}

/* The first of two classes has the opposite margin. */
static enum status finish(const struct reading *self, Chw__Model *model)
{
    enum output output = self->objective->output;
    if (output == OUTPUT_OUTCOME || output == OUTPUT_SHARE)
        model->link = CHW__LINK__LINK_LOGISTIC;
    if (output == OUTPUT_NUMBER || output == OUTPUT_SHARE)
        return STATUS_OK;
    if (output == OUTPUT_OUTCOME && self->chosen == 0 && !assemble_platt(model, -1, 0))
        return STATUS_NOMEM;
    return set_outcome(self, model);
}

/* ---- the whole ---- */

static enum status read_estimator(struct reading *self, Chw__Model *model,
                                  Chw__MissingPolicy *missing, struct error_text *error)
{
    const struct booster *booster;
    enum status status = find_booster(self->learner, &booster, error);
    if (status != STATUS_OK)
        return status;
    *missing = booster->missing;
    if (!assemble_outputs(model, self->output_count, self->chosen))
        return STATUS_NOMEM;
    status = booster->read(self, model, error);
    return status == STATUS_OK ? finish(self, model) : status;
}

static enum status import_document(const json_t *root,
                                   const struct exchange_options *options,
                                   Chw__Model *model, struct error_text *error)
{
    Chw__MissingPolicy missing;
    struct reading reading = {.learner = document_find(root, "learner"),
                              .options = options};
    enum status status = read_head(&reading, EXCHANGE_FEATURES_MAX, error);
    if (status == STATUS_OK)
        status = read_estimator(&reading, model, &missing, error);
    if (status == STATUS_OK)
        status = xgboost_add_features(reading.learner, reading.uses, reading.input_count,
                                      missing, model, error);
    free(reading.uses);
    return status;
}

/* The first byte behind the first brace that is no blank: a key's quote in JSON; 0 where
 * there is none. */
static uint8_t after_brace(const uint8_t *bytes, size_t size)
{
    bool brace = false;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == ' ' || bytes[i] == '\t' || bytes[i] == '\r' || bytes[i] == '\n')
            continue;
        if (brace || bytes[i] != '{')
            return brace ? bytes[i] : 0;
        brace = true;
    }
    return 0;
}

bool xgboost_is_json(const uint8_t *bytes, size_t size)
{
    return after_brace(bytes, size) == '"' && format_contains(bytes, size, "\"learner\"");
}

bool xgboost_is_ubjson(const uint8_t *bytes, size_t size)
{
    uint8_t next = after_brace(bytes, size);
    return next != 0 && next != '"' && next != '}' &&
           format_contains(bytes, size, "learner");
}

enum status xgboost_import_json(const uint8_t *bytes, size_t size,
                                const struct exchange_options *options, Chw__Model *model,
                                struct error_text *error)
{
    json_t *root;
    enum status status = document_read_json(bytes, size, &root, error);
    if (status == STATUS_OK)
        status = import_document(root, options, model, error);
    json_decref(root);
    return status;
}

enum status xgboost_import_ubjson(const uint8_t *bytes, size_t size,
                                  const struct exchange_options *options,
                                  Chw__Model *model, struct error_text *error)
{
    json_t *root;
    enum status status = document_read_ubjson(bytes, size, &root, error);
    if (status == STATUS_OK)
        status = import_document(root, options, model, error);
    json_decref(root);
    return status;
}

static enum status read_trees_alone(const json_t *root, Chw__Model *model,
                                    struct error_text *error)
{
    const struct exchange_options options = {.name = "", .chosen = NULL};
    Chw__MissingPolicy missing;
    struct reading reading = {.learner = document_find(root, "learner"),
                              .options = &options};
    enum status status = read_head(&reading, EXCHANGE_INPUTS_MAX, error);
    if (status == STATUS_OK)
        status = read_estimator(&reading, model, &missing, error);
    if (status == STATUS_OK && (model->estimator_case != CHW__MODEL__ESTIMATOR_TREES ||
                                model->trees->n_sets > 0))
        status = error_set(error, STATUS_INVALID,
                           "not an ensemble with one output that splits by numbers");
    free(reading.uses);
    return status;
}

enum status xgboost_read_trees(const char *text, size_t size, struct xgboost_trees *out,
                               struct error_text *error)
{
    *out = (struct xgboost_trees){.trees = NULL};
    json_t *root = NULL;
    Chw__Model *model = assemble_model("trees");
    if (model == NULL)
        return STATUS_NOMEM;
    enum status status = document_read_json((const uint8_t *)text, size, &root, error);
    if (status == STATUS_OK)
        status = read_trees_alone(root, model, error);
    if (status == STATUS_OK) {
        *out = (struct xgboost_trees){model->trees, model->link};
        model->trees = NULL;
    }
    json_decref(root);
    chw__model__free_unpacked(model, NULL);
    return status == STATUS_OK || status == STATUS_NOMEM
               ? status
               : error_prefix(error, status, "XGBoost's model");
}
