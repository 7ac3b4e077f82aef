/* SPDX-License-Identifier: Apache-2.0 */
/* export_onnx.c - a model as an ONNX graph: inputs, margins, probabilities, and which of
 * two classes they say. */
#include "exchange/export_onnx.h"

#include <stdlib.h>
#include <string.h>

enum {
    /* Operators, or constants, at most. */
    ROOM_OF_FEATURE = 12,
    ROOM_OF_PART = 24,
    ROOM_OF_MODEL = 48,
};

static const char label_name[] = "label", probabilities_name[] = "probabilities";

/* ---- names ---- */

static enum status check_category(const Chw__Category *category, struct error_text *error)
{
    for (size_t i = 0; i < category->n_names; i++)
        if (category->names[i][0] == '\0')
            return error_set(error, STATUS_INVALID,
                             "a category without a name, which is a missing value there");
    return STATUS_OK;
}

static enum status check_feature(const Chw__Feature *feature, struct error_text *error)
{
    const char *name = feature->name;
    if (strcmp(name, label_name) == 0 || strcmp(name, probabilities_name) == 0 ||
        strncmp(name, EXPORT_GRAPH_PREFIX, strlen(EXPORT_GRAPH_PREFIX)) == 0)
        return error_set(error, STATUS_INVALID,
                         "an input by this name, which is taken for another tensor");
    return feature->kind_case == CHW__FEATURE__KIND_CATEGORY
               ? check_category(feature->category, error)
               : STATUS_OK;
}

static enum status check_features(const Chw__Model *model, struct error_text *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < model->n_features; i++) {
        status = check_feature(model->features[i], error);
        if (status != STATUS_OK)
            error_prefix(error, status, "feature %.80s", model->features[i]->name);
    }
    return status;
}

/* ---- margins ---- */

struct writing {
    struct export_graph *graph;
    const Chw__Model *model;
    struct export_inputs list;
    const char *inputs;
};

const char *export_onnx_linear(struct export_graph *graph, const Chw__Linear *linear,
                               const char *inputs)
{
    const char *margins = export_graph_ml(graph, "LinearRegressor", inputs);
    float *intercept = export_graph_take(graph, 1, sizeof *intercept);
    if (intercept != NULL)
        *intercept = (float)linear->intercept;
    export_graph_set_floats(graph, "coefficients", linear->weights, linear->n_weights);
    export_graph_set_floats(graph, "intercepts", intercept, 1);
    export_graph_set_int(graph, "targets", 1);
    return margins;
}

static const char *margins_of(const struct writing *self, const Chw__Linear *linear,
                              const Chw__Trees *trees)
{
    return linear != NULL
               ? export_onnx_linear(self->graph, linear, self->inputs)
               : export_onnx_trees(self->graph, trees, &self->list, self->inputs);
}

/* ---- probabilities ---- */

static const char *calibrated(struct export_graph *graph, const Chw__Platt *platt,
                              const char *margins)
{
    const char *slope = export_graph_float(graph, (float)platt->slope);
    const char *intercept = export_graph_float(graph, (float)platt->intercept);
    margins = export_graph_op(graph, "Mul", margins, slope, NULL);
    return export_graph_op(graph, "Add", margins, intercept, NULL);
}

static const char *clipped(struct export_graph *graph, const char *values)
{
    return export_graph_op(graph, "Clip", values, export_graph_float(graph, 0.0F),
                           export_graph_float(graph, 1.0F));
}

/* The first point's y, and of each step between points the part that lies below p. */
static const char *interpolated(struct export_graph *graph, const Chw__Isotonic *points,
                                const char *p)
{
    size_t steps = points->n_x - 1, room = steps == 0 ? 1 : steps;
    float *widths = export_graph_take(graph, room, sizeof *widths);
    float *heights = export_graph_take(graph, room, sizeof *heights);
    if (widths == NULL || heights == NULL)
        return p;
    widths[0] = 1; /* of one point alone: to nowhere */
    for (size_t i = 0; i < steps; i++) {
        widths[i] = points->x[i + 1] - points->x[i];
        heights[i] = points->y[i + 1] - points->y[i];
    }
    const char *x = export_graph_floats(graph, points->x, 1, room);
    p = export_graph_op(graph, "Sub", p, x, NULL);
    p = export_graph_op(graph, "Div", p, export_graph_floats(graph, widths, 1, room),
                        NULL);
    p = export_graph_op(graph, "MatMul", clipped(graph, p),
                        export_graph_floats(graph, heights, room, 1), NULL);
    return export_graph_op(graph, "Add", p, export_graph_float(graph, points->y[0]),
                           NULL);
}

const char *export_onnx_output(struct export_graph *graph,
                               const struct export_output *output, const char *margins)
{
    const char *p = margins;
    if (output->platt != NULL)
        p = calibrated(graph, output->platt, p);
    bool logistic = output->link == CHW__LINK__LINK_LOGISTIC;
    if (logistic)
        p = export_graph_op(graph, "Sigmoid", p, NULL, NULL);
    if (output->isotonic != NULL)
        p = interpolated(graph, output->isotonic, p);
    return logistic && output->isotonic == NULL ? p : clipped(graph, p);
}

/* ---- parts ---- */

static const char *part_of(const struct writing *self, const Chw__Part *part)
{
    bool linear = part->estimator_case == CHW__PART__ESTIMATOR_LINEAR;
    const struct export_output output = {
        part->link,
        part->calibration_case == CHW__PART__CALIBRATION_PLATT ? part->platt : NULL,
        part->calibration_case == CHW__PART__CALIBRATION_ISOTONIC ? part->isotonic
                                                                  : NULL};
    const char *margins =
        margins_of(self, linear ? part->linear : NULL, linear ? NULL : part->trees);
    return self->model->parts->combine == CHW__PARTS__COMBINE__SOFTMAX
               ? margins
               : export_onnx_output(self->graph, &output, margins);
}

static const char *chosen_of(const struct writing *self, const char *scores)
{
    const char *chosen = export_graph_op(
        self->graph, "Gather", scores,
        export_graph_index(self->graph, self->model->parts->chosen), NULL);
    export_graph_set_int(self->graph, "axis", 1);
    return chosen;
}

static const char *mean(const struct writing *self, const char *scores)
{
    const char *sum = export_graph_op(self->graph, "ReduceSum", scores,
                                      export_graph_index(self->graph, 1), NULL);
    const char *count =
        export_graph_float(self->graph, (float)self->model->parts->n_parts);
    return export_graph_op(self->graph, "Div", sum, count, NULL);
}

static const char *softmax(const struct writing *self, const char *scores)
{
    scores = export_graph_op(self->graph, "Softmax", scores, NULL, NULL);
    export_graph_set_int(self->graph, "axis", 1);
    return chosen_of(self, scores);
}

/* 0 where their sum is. */
static const char *share(const struct writing *self, const char *scores)
{
    const char *zero = export_graph_float(self->graph, 0.0F);
    const char *sum = export_graph_op(self->graph, "ReduceSum", scores,
                                      export_graph_index(self->graph, 1), NULL);
    const char *none = export_graph_op(self->graph, "Equal", sum, zero, NULL);
    const char *part =
        export_graph_op(self->graph, "Div", chosen_of(self, scores), sum, NULL);
    return export_graph_op(self->graph, "Where", none, zero, part);
}

static const char *(*const combinations[])(const struct writing *self,
                                           const char *scores) = {
    [CHW__PARTS__COMBINE__MEAN] = mean,
    [CHW__PARTS__COMBINE__SOFTMAX] = softmax,
    [CHW__PARTS__COMBINE__SHARE] = share,
};

static const char *combined(const struct writing *self)
{
    const Chw__Parts *parts = self->model->parts;
    const char **scores = export_graph_take(self->graph, parts->n_parts, sizeof *scores);
    if (scores == NULL)
        return "";
    for (size_t i = 0; i < parts->n_parts; i++)
        scores[i] = part_of(self, parts->parts[i]);
    return combinations[parts->combine](
        self, export_graph_concat(self->graph, scores, parts->n_parts));
}

/* ---- the whole ---- */

static const char *score(const struct writing *self)
{
    const Chw__Model *model = self->model;
    const struct export_output output = {
        model->link,
        model->calibration_case == CHW__MODEL__CALIBRATION_PLATT ? model->platt : NULL,
        model->calibration_case == CHW__MODEL__CALIBRATION_ISOTONIC ? model->isotonic
                                                                    : NULL};
    bool linear = model->estimator_case == CHW__MODEL__ESTIMATOR_LINEAR;
    const char *margins = model->estimator_case == CHW__MODEL__ESTIMATOR_PARTS
                              ? combined(self)
                              : margins_of(self, linear ? model->linear : NULL,
                                           linear ? NULL : model->trees);
    return export_onnx_output(self->graph, &output, margins);
}

static void build(struct writing *self)
{
    struct export_graph *graph = self->graph;
    const char *faults;
    self->inputs = export_onnx_inputs(graph, self->model, &self->list, &faults);
    const char *p = score(self);
    if (faults != NULL)
        p = export_graph_op(graph, "Add", p, faults, NULL);
    const char *other =
        export_graph_op(graph, "Sub", export_graph_float(graph, 1.0F), p, NULL);
    const char *const both[] = {other, p};
    const char *probabilities = export_graph_concat(graph, both, 2);
    const char *label = export_graph_op(graph, "ArgMax", probabilities, NULL, NULL);
    export_graph_set_int(graph, "axis", 1);
    export_graph_set_int(graph, "keepdims", 0);
    export_graph_output(graph, label, label_name, GRAPH_INT64, 0);
    export_graph_output(graph, probabilities, probabilities_name, GRAPH_FLOAT, 2);
}

static size_t room_for(const Chw__Model *model)
{
    size_t parts =
        model->estimator_case == CHW__MODEL__ESTIMATOR_PARTS ? model->parts->n_parts : 1;
    return ROOM_OF_FEATURE * model->n_features + ROOM_OF_PART * parts + ROOM_OF_MODEL;
}

enum status export_onnx(const Chw__Model *model, FILE *out, struct error_text *error)
{
    struct writing writing = {.model = model};
    enum status status = check_features(model, error);
    if (status == STATUS_OK)
        status = export_inputs_list(model, &writing.list);
    if (status == STATUS_OK) {
        writing.graph = export_graph_new(model->name, room_for(model));
        status = writing.graph == NULL ? STATUS_NOMEM : STATUS_OK;
    }
    if (status == STATUS_OK) {
        build(&writing);
        status = export_graph_write(writing.graph, out, error);
    }
    export_graph_free(writing.graph);
    export_inputs_free(&writing.list);
    return status;
}
