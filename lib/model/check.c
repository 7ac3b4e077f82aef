/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - what a model's message must hold before it may serve: after model_check() the
 * scorer indexes without looking. */
#include "model/internal.h"
#include "model/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FEATURE_NAME_MAX = COLUMNS_NAME_MAX,
    FEATURE_CATEGORIES_MAX = 255,
    CLASS_MAX = 255, /* of a category: a byte holds it */
    PARTS_MIN = 2,
    PARTS_MAX = 256,
};

/* ---- features ---- */

static enum status check_numeric(const Chw__Feature *feature, struct error_text *error)
{
    const Chw__Numeric *numeric = feature->numeric;
    if (!isfinite(numeric->impute) || !isfinite(numeric->center) ||
        !isfinite(numeric->scale))
        return error_set(error, STATUS_INVALID,
                         "impute, center and scale must be finite");
    if (numeric->scale == 0.0)
        return error_set(error, STATUS_INVALID, "the scale is 0");
    if (feature->missing == CHW__MISSING_POLICY__MISSING_INDICATOR)
        return error_set(error, STATUS_INVALID,
                         "only a one-hot category has an indicator for missing values");
    if (feature->missing == CHW__MISSING_POLICY__MISSING_OTHER)
        return error_set(error, STATUS_INVALID,
                         "only a category has another one for missing values");
    if (numeric->zero_missing && feature->missing != CHW__MISSING_POLICY__MISSING_KEEP)
        return error_set(error, STATUS_INVALID,
                         "zero is missing, and missing values are not kept");
    return STATUS_OK;
}

uint64_t text_beginning(const char *text)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < sizeof bytes && text[i] != '\0'; i++)
        bytes |= (uint64_t)(uint8_t)text[i] << 8 * i;
    return bytes;
}

/* Names that are the same number are one category to a numeric column. */
static enum status check_category_names(struct feature *self, struct error_text *error)
{
    const Chw__Category *category = self->source->category;
    for (size_t i = 0; i < category->n_names; i++) {
        self->beginnings[i] = text_beginning(category->names[i]);
        self->numbers[i] = number_of_text(category->names[i]);
        for (size_t j = 0; j < i; j++)
            if (strcmp(category->names[i], category->names[j]) == 0 ||
                self->numbers[i] == self->numbers[j])
                return error_set(error, STATUS_INVALID,
                                 "categories %zu and %zu have the same name or number", j,
                                 i);
    }
    return STATUS_OK;
}

static enum status check_category_choices(const Chw__Feature *feature,
                                          struct error_text *error)
{
    const Chw__Category *category = feature->category;
    if ((uint32_t)category->encoding > CHW__CATEGORY_ENCODING__ENCODING_CODE)
        return error_set(error, STATUS_INVALID, "no such encoding: %d",
                         (int)category->encoding);
    if ((uint32_t)category->unknown > CHW__UNKNOWN_POLICY__UNKNOWN_OTHER)
        return error_set(error, STATUS_INVALID,
                         "no such policy for unknown categories: %d",
                         (int)category->unknown);
    if (feature->missing == CHW__MISSING_POLICY__MISSING_INDICATOR &&
        category->encoding != CHW__CATEGORY_ENCODING__ENCODING_ONE_HOT)
        return error_set(error, STATUS_INVALID,
                         "only a one-hot category has an indicator for missing values");
    bool other = category->unknown == CHW__UNKNOWN_POLICY__UNKNOWN_OTHER ||
                 feature->missing == CHW__MISSING_POLICY__MISSING_OTHER;
    if (other && feature_other(feature) > CLASS_MAX)
        return error_set(error, STATUS_INVALID,
                         "%zu categories and an indicator leave no room for others",
                         category->n_names);
    if (category->impute >= category->n_names)
        return error_set(error, STATUS_INVALID, "impute is %u of %zu categories",
                         category->impute, category->n_names);
    return STATUS_OK;
}

static enum status check_category(struct feature *self, struct error_text *error)
{
    const Chw__Category *category = self->source->category;
    if (category->n_names == 0 || category->n_names > FEATURE_CATEGORIES_MAX)
        return error_set(error, STATUS_INVALID, "%zu categories, expected 1 to %d",
                         category->n_names, FEATURE_CATEGORIES_MAX);
    enum status status = check_category_choices(self->source, error);
    if (status != STATUS_OK)
        return status;
    self->numbers = calloc(category->n_names, sizeof self->numbers[0]);
    self->beginnings = calloc(category->n_names, sizeof self->beginnings[0]);
    if (self->numbers == NULL || self->beginnings == NULL)
        return STATUS_NOMEM;
    return check_category_names(self, error);
}

static uint32_t count_inputs(const Chw__Feature *feature)
{
    if (feature->kind_case == CHW__FEATURE__KIND_NUMERIC ||
        feature->category->encoding == CHW__CATEGORY_ENCODING__ENCODING_CODE)
        return 1;
    return (uint32_t)feature->category->n_names +
           (feature->missing == CHW__MISSING_POLICY__MISSING_INDICATOR);
}

static enum status check_kind(struct feature *self, struct error_text *error)
{
    if (self->source->kind_case == CHW__FEATURE__KIND_NUMERIC)
        return check_numeric(self->source, error);
    if (self->source->kind_case == CHW__FEATURE__KIND_CATEGORY)
        return check_category(self, error);
    return error_set(error, STATUS_INVALID, "it is neither numeric nor a category");
}

static bool all_trees(const struct model *self)
{
    for (size_t i = 0; i < self->part_count; i++)
        if (self->parts[i].trees == NULL)
            return false;
    return true;
}

static enum status check_feature(const struct model *model, struct feature *self,
                                 struct error_text *error)
{
    const Chw__Feature *source = self->source;
    size_t name_size = strlen(source->name);
    if (name_size == 0 || name_size > FEATURE_NAME_MAX)
        return error_set(error, STATUS_INVALID,
                         "the name has %zu bytes, expected 1 to %d", name_size,
                         FEATURE_NAME_MAX);
    if ((uint32_t)source->missing > CHW__MISSING_POLICY__MISSING_OTHER)
        return error_set(error, STATUS_INVALID, "no such policy for missing values: %d",
                         (int)source->missing);
    if (source->missing == CHW__MISSING_POLICY__MISSING_KEEP && !all_trees(model))
        return error_set(error, STATUS_INVALID, "only trees can keep a missing value");
    return check_kind(self, error);
}

static int compare_feature_names(const void *a, const void *b)
{
    struct feature *const *left = a;
    struct feature *const *right = b;
    return strcmp((*left)->source->name, (*right)->source->name);
}

static enum status rank_names(const struct model *self, struct error_text *error)
{
    size_t count = self->message->n_features;
    struct feature **sorted = calloc(count, sizeof sorted[0]);
    if (sorted == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &self->features[i];
    qsort(sorted, count, sizeof sorted[0], compare_feature_names);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++)
        sorted[i]->rank = (uint32_t)i;
    for (size_t i = 1; i < count && status == STATUS_OK; i++)
        if (compare_feature_names(&sorted[i - 1], &sorted[i]) == 0)
            status = error_set(error, STATUS_INVALID, "feature %s is there twice",
                               sorted[i]->source->name);
    free(sorted);
    return status;
}

static enum status check_features(struct model *self, struct error_text *error)
{
    size_t count = self->message->n_features;
    if (count == 0 || count > MODEL_FEATURES_MAX)
        return error_set(error, STATUS_INVALID, "%zu features, expected 1 to %d", count,
                         MODEL_FEATURES_MAX);
    self->features = calloc(count, sizeof self->features[0]);
    if (self->features == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; i < count; i++) {
        struct feature *feature = &self->features[i];
        feature->source = self->message->features[i];
        enum status status = check_feature(self, feature, error);
        if (status != STATUS_OK)
            return error_prefix(error, status, "feature %zu (%.*s)", i, FEATURE_NAME_MAX,
                                feature->source->name);
        feature->first_input = self->input_count;
        feature->input_count = count_inputs(feature->source);
        self->input_count += feature->input_count;
        if (self->input_count > MODEL_INPUTS_MAX)
            return error_set(error, STATUS_INVALID, "more than %d inputs",
                             MODEL_INPUTS_MAX);
    }
    return rank_names(self, error);
}

/* ---- estimators ---- */

static enum status check_linear(const struct model *self, const Chw__Linear *linear,
                                struct error_text *error)
{
    if (linear->n_weights != self->input_count)
        return error_set(error, STATUS_INVALID, "%zu weights for %u inputs",
                         linear->n_weights, self->input_count);
    if (!isfinite(linear->intercept))
        return error_set(error, STATUS_INVALID, "the intercept is not finite");
    for (size_t i = 0; i < linear->n_weights; i++)
        if (!isfinite(linear->weights[i]))
            return error_set(error, STATUS_INVALID, "weight %zu is not finite", i);
    if (linear->n_means != 0 && linear->n_means != self->input_count)
        return error_set(error, STATUS_INVALID, "%zu means for %u inputs",
                         linear->n_means, self->input_count);
    for (size_t i = 0; i < linear->n_means; i++)
        if (!isfinite(linear->means[i]))
            return error_set(error, STATUS_INVALID, "mean %zu is not finite", i);
    return STATUS_OK;
}

static enum status check_isotonic(const Chw__Isotonic *isotonic, struct error_text *error)
{
    if (isotonic->n_x == 0 || isotonic->n_x != isotonic->n_y)
        return error_set(error, STATUS_INVALID,
                         "isotonic calibration with %zu x and %zu y", isotonic->n_x,
                         isotonic->n_y);
    for (size_t i = 0; i < isotonic->n_x; i++) {
        float x = isotonic->x[i], y = isotonic->y[i];
        bool in_range = isfinite(x) && y >= 0.0F && y <= 1.0F;
        bool ascends = i == 0 || (isotonic->x[i - 1] < x && isotonic->y[i - 1] <= y);
        if (!in_range || !ascends)
            return error_set(
                error, STATUS_INVALID,
                "point %zu of the isotonic calibration does not ascend or is out "
                "of range",
                i);
    }
    return STATUS_OK;
}

static enum status check_output(const struct output *self, struct error_text *error)
{
    if ((uint32_t)self->link > CHW__LINK__LINK_LOGISTIC)
        return error_set(error, STATUS_INVALID, "no such link: %d", (int)self->link);
    if (self->isotonic != NULL)
        return check_isotonic(self->isotonic, error);
    if (self->platt != NULL &&
        (!isfinite(self->platt->slope) || !isfinite(self->platt->intercept)))
        return error_set(error, STATUS_INVALID, "the Platt calibration is not finite");
    return STATUS_OK;
}

static enum status check_part(const struct model *self, const struct part *part,
                              size_t *nodes, struct error_text *error)
{
    if (part->linear == NULL && part->trees == NULL)
        return error_set(error, STATUS_INVALID, "there is no estimator");
    enum status status = part->linear != NULL
                             ? check_linear(self, part->linear, error)
                             : model_check_trees(self, part->trees, nodes, error);
    return status == STATUS_OK ? check_output(&part->output, error) : status;
}

/* SOFTMAX is over margins. */
static bool has_output(const struct output *self)
{
    return self->link != CHW__LINK__LINK_IDENTITY || self->platt != NULL ||
           self->isotonic != NULL;
}

static enum status check_combination(const struct model *self, struct error_text *error)
{
    const Chw__Parts *parts = self->message->parts;
    if ((uint32_t)parts->combine > CHW__PARTS__COMBINE__SHARE)
        return error_set(error, STATUS_INVALID, "no such combination of parts: %d",
                         (int)parts->combine);
    if (parts->chosen >= parts->n_parts)
        return error_set(error, STATUS_INVALID, "the chosen part is %u of %zu",
                         parts->chosen, parts->n_parts);
    for (size_t i = 0; i < self->part_count; i++)
        if (parts->combine == CHW__PARTS__COMBINE__SOFTMAX &&
            has_output(&self->parts[i].output))
            return error_set(error, STATUS_INVALID,
                             "part %zu has a link or a calibration, which a softmax does "
                             "not use",
                             i);
    return STATUS_OK;
}

static enum status check_estimators(const struct model *self, struct error_text *error)
{
    bool several = self->message->estimator_case == CHW__MODEL__ESTIMATOR_PARTS;
    enum status status = several ? check_combination(self, error) : STATUS_OK;
    size_t nodes = 0;
    for (size_t i = 0; i < self->part_count && status == STATUS_OK; i++) {
        status = check_part(self, &self->parts[i], &nodes, error);
        if (status != STATUS_OK && several)
            return error_prefix(error, status, "part %zu", i);
    }
    return status == STATUS_OK ? check_output(&self->output, error) : status;
}

static enum status check_head(const Chw__Model *message, struct error_text *error)
{
    if (message->format != MODEL_FORMAT)
        return error_set(error, STATUS_INVALID, "model format %u, expected %d",
                         message->format, MODEL_FORMAT);
    size_t name_size = strlen(message->name);
    if (name_size == 0 || name_size > MODEL_NAME_MAX)
        return error_set(error, STATUS_INVALID,
                         "the model's name has %zu bytes, expected 1 to %d", name_size,
                         MODEL_NAME_MAX);
    size_t parts = message->estimator_case == CHW__MODEL__ESTIMATOR_PARTS
                       ? message->parts->n_parts
                       : PARTS_MIN;
    if (parts < PARTS_MIN || parts > PARTS_MAX)
        return error_set(error, STATUS_INVALID, "%zu parts, expected %d to %d", parts,
                         PARTS_MIN, PARTS_MAX);
    const Chw__Lineage *lineage = message->lineage;
    if (lineage != NULL && lineage->data_sha256.len != 0 &&
        lineage->data_sha256.len != DIGEST_SIZE)
        return error_set(error, STATUS_INVALID, "the data's SHA-256 has %zu bytes",
                         lineage->data_sha256.len);
    return STATUS_OK;
}

enum status model_check(struct model *self, struct error_text *error)
{
    enum status status = check_head(self->message, error);
    if (status == STATUS_OK)
        status = parts_describe(self);
    if (status == STATUS_OK)
        status = check_features(self, error);
    if (status == STATUS_OK)
        status = check_estimators(self, error);
    return status;
}
