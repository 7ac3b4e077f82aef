/* SPDX-License-Identifier: Apache-2.0 */
/* export_onnx_inputs.c - from a tensor per feature to one with all inputs.
 *
 * A number is a float32 tensor, NaN where it is missing; a category a text tensor, empty
 * where it is missing. */
#include "exchange/export_onnx.h"

#include <math.h>

struct reading {
    struct export_graph *graph;
    const char **tensors; /* one per feature */
    const char **faults;  /* of the features that can make a record invalid */
    size_t fault_count;
};

static bool is_numeric(const Chw__Feature *self)
{
    return self->kind_case == CHW__FEATURE__KIND_NUMERIC;
}

/* ---- numbers ---- */

/* What Numeric.zero_missing takes for zero. */
static const char *without_zeros(struct export_graph *graph, const char *values)
{
    const char *size = export_graph_op(graph, "Abs", values, NULL, NULL);
    const char *zero = export_graph_op(graph, "LessOrEqual", size,
                                       export_graph_float(graph, 1e-35F), NULL);
    return export_graph_op(graph, "Where", zero, export_graph_float(graph, NAN), values);
}

static const char *imputed(struct export_graph *graph, float impute, const char *values)
{
    const char *filled = export_graph_ml(graph, "Imputer", values);
    float *value = export_graph_take(graph, 1, sizeof *value);
    if (value == NULL)
        return filled;
    *value = impute;
    export_graph_set_floats(graph, "imputed_value_floats", value, 1);
    export_graph_set_float(graph, "replaced_value_float", NAN);
    return filled;
}

/* NaN stays, all else is 0. */
static const char *nan_or_zero(struct export_graph *graph, const char *values)
{
    const char *missing = export_graph_op(graph, "IsNaN", values, NULL, NULL);
    return export_graph_op(graph, "Where", missing, values,
                           export_graph_float(graph, 0.0F));
}

static const char *read_number(struct reading *self, const Chw__Feature *feature)
{
    struct export_graph *graph = self->graph;
    const char *values = feature->name;
    export_graph_input(graph, feature->name, GRAPH_FLOAT);
    if (feature->missing == CHW__MISSING_POLICY__MISSING_INVALID)
        self->faults[self->fault_count++] = nan_or_zero(graph, values);
    if (feature->numeric->zero_missing)
        values = without_zeros(graph, values);
    if (feature->missing == CHW__MISSING_POLICY__MISSING_IMPUTE)
        values = imputed(graph, feature->numeric->impute, values);
    return values;
}

/* ---- categories ---- */

/* What a name, no name, and another name become. */
struct labels {
    bool counted; /* names: 0, 1, 2 ..., else 0 */
    float missing, unknown;
};

static const char *label(struct export_graph *graph, const Chw__Feature *feature,
                         const struct labels *labels)
{
    static char none[] = "";
    size_t count = feature->category->n_names;
    const char *values = export_graph_ml(graph, "LabelEncoder", feature->name);
    ProtobufCBinaryData *keys = export_graph_take(graph, count + 1, sizeof *keys);
    float *codes = export_graph_take(graph, count + 1, sizeof *codes);
    if (keys == NULL || codes == NULL)
        return values;
    for (size_t i = 0; i < count; i++) {
        keys[i] = export_graph_text(feature->category->names[i]);
        codes[i] = labels->counted ? (float)i : 0.0F;
    }
    keys[count] = export_graph_text(none);
    codes[count] = labels->missing;
    export_graph_set_texts(graph, "keys_strings", keys, count + 1);
    export_graph_set_floats(graph, "values_floats", codes, count + 1);
    export_graph_set_float(graph, "default_float", labels->unknown);
    return values;
}

static float unknown_code(const Chw__Feature *feature)
{
    return feature->category->unknown == CHW__UNKNOWN_POLICY__UNKNOWN_OTHER
               ? export_other(feature)
               : export_missing(feature);
}

static void note_faults(struct reading *self, const Chw__Feature *feature)
{
    bool missing = feature->missing == CHW__MISSING_POLICY__MISSING_INVALID;
    Chw__UnknownPolicy policy = feature->category->unknown;
    bool unknown = policy == CHW__UNKNOWN_POLICY__UNKNOWN_INVALID ||
                   (policy == CHW__UNKNOWN_POLICY__UNKNOWN_MISSING && missing);
    const struct labels labels = {false, missing ? NAN : 0.0F, unknown ? NAN : 0.0F};
    if (missing || unknown)
        self->faults[self->fault_count++] = label(self->graph, feature, &labels);
}

/* 1 where the code is the input's, and NaN where the code is. */
static const char *one_hot(struct export_graph *graph, const char *codes, size_t count)
{
    float *all = export_graph_take(graph, count, sizeof *all);
    for (size_t i = 0; all != NULL && i < count; i++)
        all[i] = (float)i;
    if (all == NULL)
        return codes;
    const char *same = export_graph_op(graph, "Equal", codes,
                                       export_graph_floats(graph, all, 1, count), NULL);
    const char *ones = export_graph_cast(graph, same, GRAPH_FLOAT);
    const char *nothing = export_graph_op(graph, "Sub", codes, codes, NULL);
    return export_graph_op(graph, "Add", ones, nothing, NULL);
}

static const char *read_category(struct reading *self, const Chw__Feature *feature,
                                 size_t inputs)
{
    const struct labels labels = {true, export_missing(feature), unknown_code(feature)};
    export_graph_input(self->graph, feature->name, GRAPH_TEXT);
    note_faults(self, feature);
    const char *codes = label(self->graph, feature, &labels);
    return export_is_one_hot(feature) ? one_hot(self->graph, codes, inputs) : codes;
}

/* ---- scales ---- */

/* What is scaled in the precision, over all inputs; what is not keeps its value. */
static const char *scaled_single(struct export_graph *graph,
                                 const struct export_inputs *list, const char *inputs)
{
    float *centers = export_graph_take(graph, list->count, sizeof *centers);
    float *scales = export_graph_take(graph, list->count, sizeof *scales);
    bool any = false;
    for (size_t i = 0; centers != NULL && scales != NULL && i < list->count; i++) {
        const Chw__Feature *feature = list->items[i].feature;
        bool is = is_numeric(feature) && feature->numeric->single;
        centers[i] = is ? (float)feature->numeric->center : 0.0F;
        scales[i] = is ? (float)feature->numeric->scale : 1.0F;
        any = any || is;
    }
    if (!any)
        return inputs;
    inputs = export_graph_op(graph, "Sub", inputs,
                             export_graph_floats(graph, centers, 1, list->count), NULL);
    return export_graph_op(graph, "Mul", inputs,
                           export_graph_floats(graph, scales, 1, list->count), NULL);
}

static const char *scaled_double(struct export_graph *graph,
                                 const struct export_inputs *list, const char *inputs)
{
    double *centers = export_graph_take(graph, list->count, sizeof *centers);
    double *scales = export_graph_take(graph, list->count, sizeof *scales);
    bool any = false;
    for (size_t i = 0; centers != NULL && scales != NULL && i < list->count; i++) {
        const Chw__Feature *feature = list->items[i].feature;
        bool is = is_numeric(feature) && !feature->numeric->single;
        centers[i] = is ? feature->numeric->center : 0.0;
        scales[i] = is ? feature->numeric->scale : 1.0;
        any = any || centers[i] != 0.0 || scales[i] != 1.0;
    }
    if (!any)
        return inputs;
    inputs = export_graph_cast(graph, inputs, GRAPH_DOUBLE);
    inputs = export_graph_op(graph, "Sub", inputs,
                             export_graph_doubles(graph, centers, 1, list->count), NULL);
    inputs = export_graph_op(graph, "Mul", inputs,
                             export_graph_doubles(graph, scales, 1, list->count), NULL);
    return export_graph_cast(graph, inputs, GRAPH_FLOAT);
}

/* ---- all of them ---- */

static size_t inputs_of(const struct export_inputs *list, const Chw__Feature *feature,
                        size_t first)
{
    size_t end = first;
    while (end < list->count && list->items[end].feature == feature)
        end++;
    return end - first;
}

const char *export_onnx_inputs(struct export_graph *graph, const Chw__Model *model,
                               const struct export_inputs *list, const char **faults)
{
    size_t count = model->n_features, first = 0;
    struct reading reading = {
        .graph = graph,
        .tensors = export_graph_take(graph, count, sizeof(const char *)),
        .faults = export_graph_take(graph, count, sizeof(const char *)),
    };
    *faults = NULL;
    if (reading.tensors == NULL || reading.faults == NULL)
        return "";
    for (size_t i = 0; i < count; i++) {
        const Chw__Feature *feature = model->features[i];
        size_t inputs = inputs_of(list, feature, first);
        reading.tensors[i] = is_numeric(feature)
                                 ? read_number(&reading, feature)
                                 : read_category(&reading, feature, inputs);
        first += inputs;
    }
    if (reading.fault_count > 0)
        *faults = export_graph_join(graph, "Sum", reading.faults, reading.fault_count);
    const char *inputs = export_graph_concat(graph, reading.tensors, count);
    return scaled_double(graph, list, scaled_single(graph, list, inputs));
}
