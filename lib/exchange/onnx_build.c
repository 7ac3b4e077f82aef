/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_build.c - from scores to a model: which score, of which estimators, by which link.
 */
#include "exchange/assemble.h"
#include "exchange/format.h"
#include "exchange/onnx_features.h"
#include "exchange/onnx_trees.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One estimator: link of (slope * margin + intercept). */
struct part {
    const struct onnx_estimator *estimator;
    bool logistic;
    double slope, intercept;
};

struct building {
    struct onnx_graph *graph;
    struct onnx_features features;
    struct part *parts;
    size_t part_count;
    Chw__Parts__Combine combine;
    size_t chosen;
};

/* ---- which score ---- */

static enum status read_labels(struct onnx_graph *graph, const onnx_node *node,
                               size_t count, char ***out, struct error_text *error)
{
    struct onnx_texts texts = onnx_get_texts(node, "classlabels_strings");
    struct onnx_ints ints = onnx_get_ints(node, "classlabels_int64s");
    if (ints.count == 0)
        ints = onnx_get_ints(node, "classlabels_ints");
    if (texts.count + ints.count != count)
        return onnx_refuse(node, error, "it has %zu labels for %zu classes",
                           texts.count + ints.count, count);
    enum status status = onnx_alloc(graph, count, sizeof **out, out, error);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        size_t size = texts.count > 0 ? texts.items[i].len + 1 : 24;
        status = onnx_alloc(graph, size, 1, &(*out)[i], error);
        if (status == STATUS_OK && texts.count > 0)
            memcpy((*out)[i], texts.items[i].data, size - 1);
        else if (status == STATUS_OK)
            snprintf((*out)[i], size, "%" PRId64, ints.items[i]);
    }
    return status;
}

static enum status choose_class(struct building *self, const struct onnx_value *value,
                                const struct exchange_options *options, Chw__Model *model,
                                struct error_text *error)
{
    char **labels = NULL, number[24];
    enum status status = STATUS_OK;
    if (value->labels != NULL)
        status = read_labels(self->graph, value->labels, value->count, &labels, error);
    if (status == STATUS_OK)
        status = format_choose(options, (const char *const *)labels, value->count,
                               &self->chosen, error);
    if (status != STATUS_OK)
        return status;
    snprintf(number, sizeof number, "%zu", self->chosen);
    const char *label = labels == NULL ? number : labels[self->chosen];
    return assemble_outcome(model, label) ? STATUS_OK : STATUS_NOMEM;
}

static enum status choose(struct building *self, const struct onnx_value *value,
                          const struct exchange_options *options, Chw__Model *model,
                          struct error_text *error)
{
    if (value->classes && value->count > 1)
        return choose_class(self, value, options, model, error);
    if (value->count != 1 || value->total != NULL)
        return error_set(error, STATUS_INVALID,
                         "output %.60s is %zu numbers, which is not supported",
                         value->name, value->count);
    return format_choose_none(options, error);
}

/* ---- its parts ---- */

/* weight * p is weight - weight * (1 - p): so that no weight is negative. */
static void turn_round(struct onnx_score *score)
{
    for (size_t i = 0; i < score->count; i++) {
        struct onnx_term *term = &score->terms[i];
        if (term->weight >= 0 || term->stage == ONNX_EXP)
            continue;
        score->constant += term->weight;
        term->weight = -term->weight;
        term->slope = -term->slope;
        term->intercept = -term->intercept;
        if (term->stage == ONNX_MARGIN)
            term->intercept += 1;
    }
}

static bool is_near(double number, double other)
{
    return fabs(number - other) < 1e-6;
}

/* Whether a margin is a probability: a classifier's that has no link. */
static bool is_probability(const struct onnx_term *term)
{
    const char *type = term->estimator.node->op_type;
    return term->stage == ONNX_LOGISTIC ||
           (term->stage == ONNX_MARGIN && strcmp(type, "TreeEnsembleClassifier") == 0);
}

static struct part part_of(const struct onnx_term *term)
{
    return (struct part){.estimator = &term->estimator,
                         .logistic = term->stage == ONNX_LOGISTIC,
                         .slope = term->slope,
                         .intercept = term->intercept};
}

static enum status refuse_score(const struct onnx_value *value, struct error_text *error)
{
    return error_set(
        error, STATUS_INVALID,
        "output %.60s is not supported: expected an estimator's score, a "
        "calibration of one, a softmax or shares of some, or an average with "
        "equal weights",
        value->name);
}

static enum status one_term(struct building *self, const struct onnx_value *value,
                            const struct onnx_score *score, struct error_text *error)
{
    const struct onnx_term *term = score->terms;
    struct part part = part_of(term);
    if (term->stage == ONNX_MARGIN) {
        part.slope *= term->weight;
        part.intercept = part.intercept * term->weight + score->constant;
    } else if (term->stage == ONNX_EXP || term->weight != 1 || score->constant != 0) {
        return refuse_score(value, error);
    }
    self->parts[self->part_count++] = part;
    return STATUS_OK;
}

static enum status average(struct building *self, const struct onnx_value *value,
                           const struct onnx_score *score, struct error_text *error)
{
    self->combine = CHW__PARTS__COMBINE__MEAN;
    if (!is_near(score->constant, 0))
        return refuse_score(value, error);
    for (size_t i = 0; i < score->count; i++) {
        const struct onnx_term *term = &score->terms[i];
        if (!is_probability(term) || !is_near(term->weight, 1.0 / (double)score->count))
            return refuse_score(value, error);
        self->parts[self->part_count++] = part_of(term);
    }
    return STATUS_OK;
}

static enum status apart(struct building *self, const struct onnx_value *value,
                         struct error_text *error)
{
    struct onnx_score *score = &value->scores[value->count == 1 ? 0 : self->chosen];
    enum status status =
        onnx_alloc(self->graph, score->count, sizeof *self->parts, &self->parts, error);
    if (status != STATUS_OK)
        return status;
    if (score->count > 1 || score->terms[0].stage == ONNX_LOGISTIC)
        turn_round(score);
    return score->count == 1 ? one_term(self, value, score, error)
                             : average(self, value, score, error);
}

static enum status together(struct building *self, const struct onnx_value *value,
                            struct error_text *error)
{
    bool softmax = value->combination == ONNX_SOFTMAX;
    self->combine = softmax ? CHW__PARTS__COMBINE__SOFTMAX : CHW__PARTS__COMBINE__SHARE;
    enum status status =
        onnx_alloc(self->graph, value->count, sizeof *self->parts, &self->parts, error);
    for (size_t i = 0; status == STATUS_OK && i < value->count; i++) {
        struct onnx_score *score = &value->scores[i];
        const struct onnx_term *term = score->terms;
        turn_round(score);
        bool as_it_is = score->count == 1 && term->weight == 1 && score->constant == 0;
        bool margin =
            term->stage == ONNX_MARGIN && term->slope == 1 && term->intercept == 0;
        if (!as_it_is || !(softmax ? margin : is_probability(term)))
            return refuse_score(value, error);
        self->parts[self->part_count++] = part_of(term);
    }
    return status;
}

/* ---- estimators ---- */

/* A column's input is scaled as the first estimator had it: x = input / scale + offset.
 */
static void add_weight(const struct building *self, const struct onnx_column *column,
                       double weight, Chw__Linear *out)
{
    const struct onnx_column *as = &self->features.items[column->input].as;
    uint32_t place = onnx_features_place(&self->features, column);
    double offset = column->scaled ? (double)column->offset : 0;
    double scale = column->scaled ? (double)column->scale : 1;
    double as_offset = as->scaled ? (double)as->offset : 0;
    double as_scale = as->scaled ? (double)as->scale : 1;
    out->intercept += weight * scale * (as_offset - offset);
    out->weights[place] +=
        (float)(scale == as_scale ? weight : weight * scale / as_scale);
}

static Chw__Linear *build_linear(const struct building *self,
                                 const struct onnx_estimator *estimator)
{
    struct onnx_floats weights = onnx_get_floats(estimator->node, "coefficients");
    struct onnx_floats intercepts = onnx_get_floats(estimator->node, "intercepts");
    Chw__Linear *out = assemble_linear(self->features.input_count);
    if (out == NULL)
        return NULL;
    if (intercepts.count > 0)
        out->intercept = onnx_number(&intercepts, estimator->output);
    size_t first = estimator->output * estimator->column_count;
    for (size_t i = 0; i < estimator->column_count; i++)
        add_weight(self, &estimator->columns[i], onnx_number(&weights, first + i), out);
    return out;
}

static enum status build_trees(const struct building *self,
                               const struct onnx_estimator *estimator, Chw__Trees **out,
                               struct error_text *error)
{
    struct onnx_forest forest;
    uint32_t *places = calloc(estimator->column_count + 1, sizeof *places);
    if (places == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; i < estimator->column_count; i++)
        places[i] = onnx_features_place(&self->features, &estimator->columns[i]);
    enum status status = onnx_forest_read(estimator, &forest, error);
    if (status == STATUS_OK)
        status = onnx_forest_build(estimator, &forest, places, out, error);
    onnx_forest_reset(&forest);
    free(places);
    return status;
}

static enum status set_link(const struct part *part, Chw__Model *model, size_t index)
{
    bool calibrated = part->slope != 1 || part->intercept != 0;
    Chw__Link link = part->logistic ? CHW__LINK__LINK_LOGISTIC : CHW__LINK__LINK_IDENTITY;
    if (model->estimator_case != CHW__MODEL__ESTIMATOR_PARTS)
        model->link = link;
    else
        model->parts->parts[index]->link = link;
    if (!calibrated)
        return STATUS_OK;
    return assemble_output_platt(model, index, part->slope, part->intercept)
               ? STATUS_OK
               : STATUS_NOMEM;
}

static enum status build_part(const struct building *self, size_t index,
                              Chw__Model *model, struct error_text *error)
{
    const struct onnx_estimator *estimator = self->parts[index].estimator;
    Chw__Trees *trees = NULL;
    if (!onnx_is_forest(estimator->node)) {
        Chw__Linear *linear = build_linear(self, estimator);
        if (linear == NULL)
            return STATUS_NOMEM;
        assemble_output_linear(model, index, linear);
    } else {
        enum status status = build_trees(self, estimator, &trees, error);
        if (status != STATUS_OK)
            return status;
        assemble_output_trees(model, index, trees);
    }
    return set_link(&self->parts[index], model, index);
}

static enum status build_parts(struct building *self, Chw__Model *model,
                               struct error_text *error)
{
    size_t chosen = self->combine == CHW__PARTS__COMBINE__MEAN ? 0 : self->chosen;
    if (!assemble_outputs(model, self->part_count, chosen))
        return STATUS_NOMEM;
    if (self->part_count > 1)
        model->parts->combine = self->combine;
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < self->part_count; i++)
        status = build_part(self, i, model, error);
    return status;
}

/* ---- the whole ---- */

enum status onnx_build(struct onnx_graph *graph, const struct onnx_value *value,
                       const struct exchange_options *options, Chw__Model *model,
                       struct error_text *error)
{
    struct building building = {.graph = graph};
    enum status status = onnx_features_open(graph, &building.features, error);
    if (status == STATUS_OK)
        status = choose(&building, value, options, model, error);
    if (status == STATUS_OK)
        status = value->combination == ONNX_APART ? apart(&building, value, error)
                                                  : together(&building, value, error);
    for (size_t i = 0; status == STATUS_OK && i < building.part_count; i++)
        status = onnx_features_note(graph, &building.features,
                                    building.parts[i].estimator, error);
    if (status == STATUS_OK)
        status = onnx_features_add(graph, &building.features, model, error);
    return status == STATUS_OK ? build_parts(&building, model, error) : status;
}
