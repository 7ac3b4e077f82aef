/* SPDX-License-Identifier: Apache-2.0 */
/* artifact.c - builds the message on the heap, part by part, counting as parts come: an
 * unfinished one can be freed. */
#include "trainer/artifact.h"

#include "model/model.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool set_text(char **field, const char *text)
{
    char *copy = strdup(text);
    if (copy != NULL)
        *field = copy;
    return copy != NULL;
}

static bool make_numeric(Chw__Feature *feature, const struct pipeline_feature *source)
{
    Chw__Numeric *numeric = calloc(1, sizeof *numeric);
    if (numeric == NULL)
        return false;
    chw__numeric__init(numeric);
    numeric->impute = source->impute;
    numeric->center = source->center;
    numeric->scale = source->scale;
    feature->kind_case = CHW__FEATURE__KIND_NUMERIC;
    feature->numeric = numeric;
    return true;
}

static bool make_category(Chw__Feature *feature, const struct pipeline_feature *source,
                          const struct dataset_column *column)
{
    Chw__Category *category = calloc(1, sizeof *category);
    if (category == NULL)
        return false;
    chw__category__init(category);
    category->impute = source->impute_code;
    category->encoding = CHW__CATEGORY_ENCODING__ENCODING_ONE_HOT;
    category->unknown = source->unknown;
    feature->kind_case = CHW__FEATURE__KIND_CATEGORY;
    feature->category = category;
    category->names = calloc(column->category_count, sizeof *category->names);
    if (category->names == NULL)
        return false;
    for (size_t i = 0; i < column->category_count; i++) {
        category->names[i] = strdup(column->categories[i]);
        if (category->names[i] == NULL)
            return false;
        category->n_names++;
    }
    return true;
}

static bool add_feature(Chw__Model *self, const struct pipeline_feature *source,
                        const struct dataset_column *column)
{
    Chw__Feature *feature = calloc(1, sizeof *feature);
    if (feature == NULL)
        return false;
    chw__feature__init(feature);
    self->features[self->n_features++] = feature;
    feature->required = source->required;
    feature->missing = source->missing;
    return set_text(&feature->name, column->name) &&
           (column->numeric ? make_numeric(feature, source)
                            : make_category(feature, source, column));
}

static bool add_features(Chw__Model *self, const struct dataset *data,
                         const struct pipeline *pipeline)
{
    self->features = calloc(pipeline->feature_count, sizeof(Chw__Feature *));
    bool done = self->features != NULL;
    for (size_t i = 0; done && i < pipeline->feature_count; i++) {
        const struct pipeline_feature *source = &pipeline->features[i];
        done = add_feature(self, source, &data->columns[source->column]);
    }
    return done;
}

Chw__Model *artifact_new(const char *name, const struct dataset *data,
                         const struct pipeline *pipeline)
{
    Chw__Model *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    chw__model__init(self);
    self->format = MODEL_FORMAT;
    if (set_text(&self->name, name) && add_features(self, data, pipeline))
        return self;
    chw__model__free_unpacked(self, NULL);
    return NULL;
}

enum status artifact_set_linear(Chw__Model *self, const struct fit_logistic *fit,
                                size_t input_count)
{
    Chw__Linear *linear = calloc(1, sizeof *linear);
    if (linear == NULL)
        return STATUS_NOMEM;
    chw__linear__init(linear);
    self->link = CHW__LINK__LINK_LOGISTIC;
    self->estimator_case = CHW__MODEL__ESTIMATOR_LINEAR;
    self->linear = linear;
    linear->intercept = fit->intercept;
    linear->weights = calloc(input_count, sizeof *linear->weights);
    linear->means = calloc(input_count, sizeof *linear->means);
    if (linear->weights == NULL || linear->means == NULL)
        return STATUS_NOMEM;
    memcpy(linear->weights, fit->weights, input_count * sizeof *linear->weights);
    memcpy(linear->means, fit->means, input_count * sizeof *linear->means);
    linear->n_weights = input_count;
    linear->n_means = input_count;
    return STATUS_OK;
}

void artifact_set_trees(Chw__Model *self, Chw__Trees *trees, Chw__Link link)
{
    self->link = link;
    self->estimator_case = CHW__MODEL__ESTIMATOR_TREES;
    self->trees = trees;
}

static bool add_parameter(Chw__Lineage *self, const char *name, const char *text)
{
    Chw__NamedText *item = calloc(1, sizeof *item);
    if (item == NULL)
        return false;
    chw__named_text__init(item);
    self->parameters[self->n_parameters++] = item;
    return set_text(&item->name, name) && set_text(&item->text, text);
}

void artifact_note_text(struct artifact_lineage *self, const char *name, const char *text)
{
    assert(self->parameter_count < ARTIFACT_PARAMETERS_MAX);
    self->parameters[self->parameter_count].name = name;
    snprintf(self->parameters[self->parameter_count].text,
             sizeof self->parameters[0].text, "%s", text);
    self->parameter_count++;
}

void artifact_note_number(struct artifact_lineage *self, const char *name, double number)
{
    char text[32];
    snprintf(text, sizeof text, "%.17g", number);
    artifact_note_text(self, name, text);
}

static bool add_parameters(Chw__Lineage *self, const struct artifact_lineage *source)
{
    self->parameters = calloc(source->parameter_count + 1, sizeof(Chw__NamedText *));
    bool done = self->parameters != NULL;
    for (size_t i = 0; done && i < source->parameter_count; i++)
        done =
            add_parameter(self, source->parameters[i].name, source->parameters[i].text);
    return done;
}

static bool add_metric(Chw__Lineage *self, const char *name, double value)
{
    if (isnan(value))
        return true;
    Chw__NamedNumber *item = calloc(1, sizeof *item);
    if (item == NULL)
        return false;
    chw__named_number__init(item);
    self->metrics[self->n_metrics++] = item;
    item->number = value;
    return set_text(&item->name, name);
}

static bool add_metrics(Chw__Lineage *self, const struct metrics *metrics)
{
    size_t count = 0;
    while (evaluate_name(count) != NULL)
        count++;
    self->metrics = calloc(count, sizeof(Chw__NamedNumber *));
    bool done = self->metrics != NULL;
    for (size_t i = 0; done && i < count; i++)
        done = add_metric(self, evaluate_name(i), evaluate_value(metrics, i));
    return done;
}

static bool set_outcome(Chw__Lineage *self, const char *target, const char *positive)
{
    size_t size = strlen(target) + strlen(positive) + sizeof " = ";
    char *text = malloc(size);
    if (text == NULL)
        return false;
    snprintf(text, size, "%s = %s", target, positive);
    self->outcome = text;
    return true;
}

static bool set_data(Chw__Lineage *self, const struct digest *digest)
{
    self->data_sha256.data = malloc(DIGEST_SIZE);
    if (self->data_sha256.data == NULL)
        return false;
    memcpy(self->data_sha256.data, digest->bytes, DIGEST_SIZE);
    self->data_sha256.len = DIGEST_SIZE;
    return true;
}

enum status artifact_add_lineage(Chw__Model *self, const struct artifact_lineage *source,
                                 const struct metrics *metrics)
{
    Chw__Lineage *lineage = calloc(1, sizeof *lineage);
    if (lineage == NULL)
        return STATUS_NOMEM;
    chw__lineage__init(lineage);
    self->lineage = lineage;
    lineage->seed = source->seed;
    lineage->rows_train = source->rows_train;
    lineage->rows_heldout = source->rows_heldout;
    bool done = set_data(lineage, &source->data) &&
                set_outcome(lineage, source->target, source->positive) &&
                add_parameters(lineage, source) && add_metrics(lineage, metrics);
    return done ? STATUS_OK : STATUS_NOMEM;
}

enum status artifact_pack(const Chw__Model *self, uint8_t **bytes, size_t *size)
{
    *size = chw__model__get_packed_size(self);
    *bytes = malloc(*size);
    if (*bytes == NULL)
        return STATUS_NOMEM;
    (void)chw__model__pack(self, *bytes);
    return STATUS_OK;
}
