/* SPDX-License-Identifier: Apache-2.0 */
/* export_xgboost.c - a model as XGBoost's JSON: what an objective is to a link, names for
 * inputs, trees in the order in which they are added.
 *
 * A base margin is the first tree, which is one leaf: base_score is in the objective's
 * space, where float32 does not hold every margin. */
#include "exchange/export_xgboost_tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct objective {
    const char *name;
    const char *base_score; /* whose margin is 0 */
    const char *params;
};

/* By link; then one of several classes. */
static const struct objective objectives[] = {
    [CHW__LINK__LINK_IDENTITY] = {"reg:squarederror", "0E0",
                                  "\"reg_loss_param\":{\"scale_pos_weight\":\"1\"}"},
    [CHW__LINK__LINK_LOGISTIC] = {"binary:logistic", "5E-1",
                                  "\"reg_loss_param\":{\"scale_pos_weight\":\"1\"}"},
};
static const struct objective softmax = {"multi:softprob", "0E0", NULL};

struct writing {
    const Chw__Model *model;
    FILE *out;
    const struct objective *objective;
    struct export_inputs inputs;
    char **names;                  /* of the inputs */
    struct export_forest *forests; /* one, or one per class */
    size_t forest_count;
    size_t rounds; /* trees per class, with that of the base margin */
};

static bool has_classes(const struct writing *self)
{
    return self->objective == &softmax;
}

/* ---- what can be said ---- */

static enum status check_features(const Chw__Model *model, struct error_text *error)
{
    for (size_t i = 0; i < model->n_features; i++) {
        const Chw__Feature *feature = model->features[i];
        if (feature->kind_case == CHW__FEATURE__KIND_NUMERIC &&
            feature->numeric->zero_missing)
            return error_set(error, STATUS_INVALID, "that 0 is a missing value of %.80s",
                             feature->name);
    }
    return STATUS_OK;
}

static enum status check_parts(const Chw__Model *model, struct error_text *error)
{
    if (model->parts->combine != CHW__PARTS__COMBINE__SOFTMAX)
        return error_set(error, STATUS_INVALID,
                         "several estimators whose probabilities are put together");
    if (model->link != CHW__LINK__LINK_IDENTITY ||
        model->calibration_case != CHW__MODEL__CALIBRATION__NOT_SET)
        return error_set(error, STATUS_INVALID, "a link or calibration after a softmax");
    return STATUS_OK;
}

static enum status check_model(const Chw__Model *model, struct error_text *error)
{
    if (model->calibration_case == CHW__MODEL__CALIBRATION_ISOTONIC)
        return error_set(error, STATUS_INVALID, "isotonic calibration");
    enum status status = model->estimator_case == CHW__MODEL__ESTIMATOR_PARTS
                             ? check_parts(model, error)
                             : STATUS_OK;
    return status == STATUS_OK ? check_features(model, error) : status;
}

/* ---- forests ---- */

/* Platt's slope and intercept are folded into leaves and base margin, and so is a mean:
 * exact but for rounding to float32. */
static enum status open_forest(struct writing *self, const Chw__Trees *trees,
                               struct error_text *error)
{
    const Chw__Platt none = {.slope = 1}, *platt = &none;
    if (trees == NULL)
        return error_set(error, STATUS_INVALID,
                         "a linear model, whose missing values it would take for 0: "
                         "`onnx` can");
    if (self->model->calibration_case == CHW__MODEL__CALIBRATION_PLATT)
        platt = self->model->platt;
    struct export_forest *forest = &self->forests[self->forest_count++];
    bool mean = trees->aggregate == CHW__TREES__AGGREGATE__MEAN;
    *forest = (struct export_forest){
        .trees = trees,
        .inputs = &self->inputs,
        .scale = mean ? platt->slope / (double)trees->n_trees : platt->slope,
        .base = (float)(platt->slope * (double)trees->base_margin + platt->intercept),
    };
    size_t rounds = trees->n_trees + 1;
    self->rounds = rounds > self->rounds ? rounds : self->rounds;
    return isfinite(forest->base)
               ? STATUS_OK
               : error_set(error, STATUS_INVALID, "a base margin beyond float32");
}

static enum status open_parts(struct writing *self, struct error_text *error)
{
    const Chw__Parts *parts = self->model->parts;
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < parts->n_parts; i++)
        status = open_forest(self,
                             parts->parts[i]->estimator_case == CHW__PART__ESTIMATOR_TREES
                                 ? parts->parts[i]->trees
                                 : NULL,
                             error);
    return status;
}

static enum status open_forests(struct writing *self, struct error_text *error)
{
    const Chw__Model *model = self->model;
    bool several = model->estimator_case == CHW__MODEL__ESTIMATOR_PARTS;
    self->objective = several ? &softmax : &objectives[model->link];
    self->forests = calloc(several ? model->parts->n_parts : 1, sizeof *self->forests);
    if (self->forests == NULL)
        return STATUS_NOMEM;
    if (several)
        return open_parts(self, error);
    return open_forest(
        self, model->estimator_case == CHW__MODEL__ESTIMATOR_TREES ? model->trees : NULL,
        error);
}

/* ---- names ---- */

/* "age"; "smoker=Yes" of one-hot categories, and "smoker=" where it is missing. XGBoost
 * does not allow three letters in names. */
static char *name_of(const struct export_input *input)
{
    const Chw__Feature *feature = input->feature;
    bool one_hot = export_is_one_hot(feature);
    const char *category = one_hot && input->category < feature->category->n_names
                               ? feature->category->names[input->category]
                               : "";
    size_t size = strlen(feature->name) + strlen(category) + 2;
    char *name = malloc(size);
    if (name == NULL)
        return NULL;
    snprintf(name, size, "%s%s%s", feature->name, one_hot ? "=" : "", category);
    for (char *at = name; (at = strpbrk(at, "[]<")) != NULL;)
        *at = '_';
    return name;
}

static int compare_names(const void *a, const void *b)
{
    char *const *left = a;
    char *const *right = b;
    return strcmp(*left, *right);
}

static enum status check_unique(const struct writing *self, struct error_text *error)
{
    size_t count = self->inputs.count;
    char **sorted = calloc(count, sizeof *sorted);
    if (sorted == NULL)
        return STATUS_NOMEM;
    memcpy(sorted, self->names, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_names);
    enum status status = STATUS_OK;
    for (size_t i = 1; status == STATUS_OK && i < count; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            status = error_set(error, STATUS_INVALID, "two inputs by the name of %.80s",
                               sorted[i]);
    free(sorted);
    return status;
}

static enum status name_inputs(struct writing *self, struct error_text *error)
{
    self->names = calloc(self->inputs.count, sizeof *self->names);
    if (self->names == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; i < self->inputs.count; i++) {
        self->names[i] = name_of(&self->inputs.items[i]);
        if (self->names[i] == NULL)
            return STATUS_NOMEM;
    }
    return check_unique(self, error);
}

/* ---- text ---- */

static void write_text(const char *text, FILE *out)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ')
            fprintf(out, "\\u%04x", (unsigned)*text);
        else
            fprintf(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
}

static const char *type_of(const struct export_input *input)
{
    if (export_is_code(input->feature))
        return "c";
    return export_is_one_hot(input->feature) ? "i" : "float";
}

static void write_features(const struct writing *self)
{
    fputs("\"feature_names\":[", self->out);
    for (size_t i = 0; i < self->inputs.count; i++) {
        fputs(i == 0 ? "\"" : ",\"", self->out);
        write_text(self->names[i], self->out);
        fputc('"', self->out);
    }
    fputs("],\"feature_types\":[", self->out);
    for (size_t i = 0; i < self->inputs.count; i++)
        fprintf(self->out, "%s\"%s\"", i == 0 ? "" : ",",
                type_of(&self->inputs.items[i]));
    fputs("],", self->out);
}

/* XGBoost knows categories by their codes: the names, a line each. */
static void write_codes(const struct writing *self)
{
    const char *comma = "";
    fputs("\"attributes\":{", self->out);
    for (size_t i = 0; i < self->inputs.count; i++) {
        const Chw__Feature *feature = self->inputs.items[i].feature;
        if (!export_is_code(feature))
            continue;
        fprintf(self->out, "%s\"categories of ", comma);
        write_text(feature->name, self->out);
        for (size_t k = 0; k < feature->category->n_names; k++) {
            fputs(k == 0 ? "\":\"" : "\\n", self->out);
            write_text(feature->category->names[k], self->out);
        }
        fputc('"', self->out);
        comma = ",";
    }
    fputs("},", self->out);
}

static enum status write_round(const struct writing *self, size_t round, size_t class,
                               struct error_text *error)
{
    const struct export_forest *forest = &self->forests[class];
    size_t id = round * self->forest_count + class;
    fputs(id == 0 ? "" : ",", self->out);
    if (round > 0 && round <= forest->trees->n_trees)
        return export_xgboost_tree(forest, round - 1, id, self->out, error);
    export_xgboost_leaf(forest, round == 0 ? forest->base : 0.0F, id, self->out);
    return STATUS_OK;
}

/* Round by round, a tree for each class: where a class has fewer, leaves of 0. */
static enum status write_trees(const struct writing *self, struct error_text *error)
{
    size_t count = self->rounds * self->forest_count;
    fprintf(self->out,
            "\"gbtree_model_param\":{\"num_parallel_tree\":\"1\",\"num_trees\":\"%zu\","
            "\"size_leaf_vector\":\"0\"},\"tree_info\":[",
            count);
    for (size_t i = 0; i < count; i++)
        fprintf(self->out, "%s%zu", i == 0 ? "" : ",", i % self->forest_count);
    fputs("],\"trees\":[", self->out);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = write_round(self, i / self->forest_count, i % self->forest_count, error);
    fputs("]", self->out);
    return status;
}

static void write_objective(const struct writing *self)
{
    size_t classes = has_classes(self) ? self->forest_count : 0;
    fprintf(self->out,
            "\"learner_model_param\":{\"base_score\":\"%s\",\"boost_from_average\":\"0\","
            "\"num_class\":\"%zu\",\"num_feature\":\"%zu\",\"num_target\":\"1\"},"
            "\"objective\":{\"name\":\"%s\",",
            self->objective->base_score, classes, self->inputs.count,
            self->objective->name);
    if (classes == 0)
        fputs(self->objective->params, self->out);
    else
        fprintf(self->out, "\"softmax_multiclass_param\":{\"num_class\":\"%zu\"}",
                classes);
}

static enum status write_document(const struct writing *self, struct error_text *error)
{
    fputs("{\"learner\":{", self->out);
    write_codes(self);
    write_features(self);
    fputs("\"gradient_booster\":{\"model\":{", self->out);
    enum status status = write_trees(self, error);
    fputs("},\"name\":\"gbtree\"},", self->out);
    write_objective(self);
    fputs("}},\"version\":[1,7,4]}\n", self->out);
    return status;
}

/* ---- the whole ---- */

static void release(struct writing *self)
{
    for (size_t i = 0; self->names != NULL && i < self->inputs.count; i++)
        free(self->names[i]);
    free(self->names);
    free(self->forests);
    export_inputs_free(&self->inputs);
}

enum status export_xgboost_json(const Chw__Model *model, FILE *out,
                                struct error_text *error)
{
    struct writing writing = {.model = model, .out = out};
    enum status status = check_model(model, error);
    if (status == STATUS_OK)
        status = export_inputs_list(model, &writing.inputs);
    if (status == STATUS_OK)
        status = open_forests(&writing, error);
    if (status == STATUS_OK)
        status = name_inputs(&writing, error);
    if (status == STATUS_OK)
        status = write_document(&writing, error);
    release(&writing);
    return status;
}
