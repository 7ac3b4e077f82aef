/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_graph.c - a graph's values from its inputs to its outputs. */
#include "exchange/onnx_graph.h"

#include "base/proto_parse.h"
#include "exchange/format.h"
#include "exchange/onnx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CORE_OPSET_MAX = 24,
    ML_OPSET_MAX = 5,
    SHOWN = 60, /* of a name in an error */
};

static const char ml_domain[] = "ai.onnx.ml";

/* ---- memory ---- */

static bool make_room(struct onnx_graph *self)
{
    if (self->block_count < self->block_room)
        return true;
    size_t room = self->block_room == 0 ? 64 : 2 * self->block_room;
    void **blocks = realloc(self->blocks, room * sizeof *blocks);
    if (blocks == NULL)
        return false;
    self->blocks = blocks;
    self->block_room = room;
    return true;
}

enum status onnx_alloc(struct onnx_graph *self, size_t count, size_t size, void *out,
                       struct error_text *error)
{
    void *block = NULL;
    if (count > (ONNX_BYTES_MAX - self->bytes) / size)
        return error_set(error, STATUS_FULL, "its values take more than %d bytes",
                         ONNX_BYTES_MAX);
    if (make_room(self))
        block = calloc(count == 0 ? 1 : count, size);
    memcpy(out, &block, sizeof block);
    if (block == NULL)
        return STATUS_NOMEM;
    self->bytes += count * size;
    self->blocks[self->block_count++] = block;
    return STATUS_OK;
}

static void graph_reset(struct onnx_graph *self)
{
    for (size_t i = 0; i < self->block_count; i++)
        free(self->blocks[i]);
    free(self->blocks);
    free(self->values);
}

/* ---- values by name ---- */

const struct onnx_value *onnx_find(const struct onnx_graph *self, const char *name)
{
    for (size_t i = 0; i < self->value_count; i++)
        if (strcmp(self->values[i].name, name) == 0)
            return &self->values[i];
    return NULL;
}

static enum status add_value(struct onnx_graph *self, const char *name,
                             struct onnx_value value, struct error_text *error)
{
    if (name == NULL || onnx_find(self, name) != NULL)
        return error_set(error, STATUS_INVALID, "%.*s: a value of this name exists",
                         SHOWN, name == NULL ? "(no name)" : name);
    if (self->value_count == self->value_room)
        return error_set(error, STATUS_FULL, "more than %zu values", self->value_room);
    value.name = name;
    self->values[self->value_count++] = value;
    return STATUS_OK;
}

enum status onnx_put(struct onnx_graph *self, const onnx_node *node, size_t output,
                     struct onnx_value value, struct error_text *error)
{
    if (output >= node->n_output || node->output[output][0] == '\0')
        return STATUS_OK; /* nobody reads it */
    return add_value(self, node->output[output], value, error);
}

static enum status need(const struct onnx_graph *self, const onnx_node *node,
                        size_t input, enum onnx_value_type type,
                        const struct onnx_value **out, struct error_text *error)
{
    static const char *const names[] = {
        [ONNX_COLUMNS] = "columns of records",
        [ONNX_SCORES] = "an estimator's scores",
        [ONNX_LABELS] = "labels",
        [ONNX_CONSTANT] = "a constant",
    };
    *out = input < node->n_input ? onnx_find(self, node->input[input]) : NULL;
    if (*out != NULL && (*out)->type == type)
        return STATUS_OK;
    return onnx_refuse(node, error, "input %zu is %s, expected %s", input,
                       *out == NULL ? "not there" : names[(*out)->type], names[type]);
}

enum status onnx_need_columns(const struct onnx_graph *self, const onnx_node *node,
                              size_t input, const struct onnx_value **out,
                              struct error_text *error)
{
    return need(self, node, input, ONNX_COLUMNS, out, error);
}

enum status onnx_need_scores(const struct onnx_graph *self, const onnx_node *node,
                             size_t input, const struct onnx_value **out,
                             struct error_text *error)
{
    return need(self, node, input, ONNX_SCORES, out, error);
}

enum status onnx_need_constant(const struct onnx_graph *self, const onnx_node *node,
                               size_t input, const Chw__Onnx__Tensor **out,
                               struct error_text *error)
{
    const struct onnx_value *value;
    enum status status = need(self, node, input, ONNX_CONSTANT, &value, error);
    if (status == STATUS_OK)
        *out = value->constant;
    return status;
}

/* ---- constants ---- */

static enum status check_tensor(const Chw__Onnx__Tensor *tensor, struct error_text *error)
{
    const char *name = tensor->name == NULL ? "" : tensor->name;
    if (tensor->data_location != 0)
        return error_set(error, STATUS_INVALID,
                         "constant %.*s is in another file, which is not supported",
                         SHOWN, name);
    return STATUS_OK;
}

static enum status add_constants(struct onnx_graph *self, struct error_text *error)
{
    const Chw__Onnx__Graph *source = self->source;
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < source->n_initializer; i++) {
        status = check_tensor(source->initializer[i], error);
        if (status == STATUS_OK)
            status = add_value(self, source->initializer[i]->name,
                               (struct onnx_value){.type = ONNX_CONSTANT,
                                                   .constant = source->initializer[i]},
                               error);
    }
    return status;
}

static enum status constant(struct onnx_graph *self, const onnx_node *node,
                            struct error_text *error)
{
    static const char *const known[] = {"value"};
    const Chw__Onnx__Tensor *tensor = onnx_get_tensor(node, known[0]);
    enum status status = ONNX_KNOW(node, known, error);
    if (status == STATUS_OK && tensor == NULL)
        status = onnx_refuse(node, error, "it has no tensor");
    if (status == STATUS_OK)
        status = check_tensor(tensor, error);
    if (status != STATUS_OK)
        return status;
    return onnx_put(self, node, 0,
                    (struct onnx_value){.type = ONNX_CONSTANT, .constant = tensor},
                    error);
}

/* ---- inputs ---- */

static enum status read_width(const Chw__Onnx__Value *input, size_t *out,
                              struct error_text *error)
{
    const Chw__Onnx__TensorType *type =
        input->type == NULL ? NULL : input->type->tensor_type;
    const Chw__Onnx__Shape *shape = type == NULL ? NULL : type->shape;
    int64_t width = 0;
    if (shape != NULL && shape->n_dim == 1)
        width = 1;
    if (shape != NULL && shape->n_dim == 2 && shape->dim[1]->has_dim_value)
        width = shape->dim[1]->dim_value;
    if (width < 1 || width > EXCHANGE_FEATURES_MAX)
        return error_set(error, STATUS_INVALID,
                         "its width is not said or not supported: expected a tensor of "
                         "[records, 1 to %d]",
                         EXCHANGE_FEATURES_MAX);
    *out = (size_t)width;
    return STATUS_OK;
}

static enum status read_element(const Chw__Onnx__Value *input, struct onnx_input *out,
                                struct error_text *error)
{
    static const struct {
        int32_t type;
        bool text, whole;
    } types[] = {{ONNX_FLOAT, false, false}, {ONNX_DOUBLE, false, false},
                 {ONNX_INT64, false, true},  {ONNX_INT32, false, true},
                 {ONNX_BOOL, false, true},   {ONNX_STRING, true, false}};
    int32_t type = input->type->tensor_type->elem_type;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].type == type) {
            out->text = types[i].text;
            out->whole = types[i].whole;
            return STATUS_OK;
        }
    return error_set(error, STATUS_INVALID, "elements of type %d are not supported",
                     type);
}

/* The tensor's own name, or where it has several columns "f3"; "NAME_3" if there are
 * other tensors. */
static enum status name_input(struct onnx_graph *self, const char *name, size_t column,
                              size_t width, bool alone, char **out,
                              struct error_text *error)
{
    size_t size = strlen(name) + 24;
    enum status status = onnx_alloc(self, size, 1, out, error);
    if (status != STATUS_OK)
        return status;
    if (width == 1)
        snprintf(*out, size, "%s", name);
    else if (alone)
        snprintf(*out, size, "f%zu", column);
    else
        snprintf(*out, size, "%s_%zu", name, column);
    return STATUS_OK;
}

static enum status add_input(struct onnx_graph *self, const Chw__Onnx__Value *source,
                             bool alone, struct error_text *error)
{
    struct onnx_input element = {.name = NULL};
    struct onnx_column *columns = NULL;
    size_t width = 0;
    enum status status = read_width(source, &width, error);
    if (status == STATUS_OK)
        status = read_element(source, &element, error);
    if (status == STATUS_OK && self->input_count + width > EXCHANGE_FEATURES_MAX)
        status =
            error_set(error, STATUS_FULL, "more than %d columns", EXCHANGE_FEATURES_MAX);
    if (status == STATUS_OK)
        status = onnx_alloc(self, width, sizeof *columns, &columns, error);
    for (size_t i = 0; status == STATUS_OK && i < width; i++) {
        struct onnx_input *input = &self->inputs[self->input_count];
        *input = element;
        status = name_input(self, source->name, i, width, alone, &input->name, error);
        columns[i] =
            (struct onnx_column){.kind = element.text ? ONNX_CATEGORY : ONNX_NUMBER,
                                 .input = (uint32_t)self->input_count++};
    }
    if (status != STATUS_OK)
        return status;
    return add_value(
        self, source->name,
        (struct onnx_value){.type = ONNX_COLUMNS, .columns = columns, .count = width},
        error);
}

/* Older files list constants among the inputs. */
static enum status add_inputs(struct onnx_graph *self, struct error_text *error)
{
    const Chw__Onnx__Graph *source = self->source;
    size_t others = 0;
    enum status status = onnx_alloc(self, EXCHANGE_FEATURES_MAX, sizeof *self->inputs,
                                    &self->inputs, error);
    for (size_t i = 0; i < source->n_input; i++)
        others += source->input[i]->name == NULL ||
                  onnx_find(self, source->input[i]->name) == NULL;
    for (size_t i = 0; status == STATUS_OK && i < source->n_input; i++) {
        const char *name = source->input[i]->name;
        if (name == NULL)
            return error_set(error, STATUS_INVALID, "input %zu has no name", i);
        if (onnx_find(self, name) != NULL)
            continue;
        status = add_input(self, source->input[i], others == 1, error);
        if (status != STATUS_OK)
            status = error_prefix(error, status, "input %.*s", SHOWN, name);
    }
    return status;
}

/* ---- operators ---- */

static const struct {
    const char *name;
    bool ml; /* of ml_domain, else of ONNX itself */
    onnx_operator *run;
} operators[] = {
    {"Imputer", true, onnx_impute},
    {"Scaler", true, onnx_scale},
    {"OneHotEncoder", true, onnx_one_hot},
    {"LabelEncoder", true, onnx_label},
    {"ArrayFeatureExtractor", true, onnx_select},
    {"FeatureVectorizer", true, onnx_concat},
    {"LinearClassifier", true, onnx_linear_classifier},
    {"LinearRegressor", true, onnx_linear_regressor},
    {"TreeEnsembleClassifier", true, onnx_tree_classifier},
    {"TreeEnsembleRegressor", true, onnx_tree_regressor},
    {"TreeEnsemble", true, onnx_tree_ensemble},
    {"Normalizer", true, onnx_normalize},
    {"ZipMap", true, onnx_zip_map},
    {"Constant", false, constant},
    {"Concat", false, onnx_concat},
    {"Gather", false, onnx_gather},
    {"Cast", false, onnx_cast},
    {"Identity", false, onnx_same},
    {"Reshape", false, onnx_same},
    {"Flatten", false, onnx_same},
    {"Add", false, onnx_add},
    {"Sub", false, onnx_subtract},
    {"Mul", false, onnx_multiply},
    {"Div", false, onnx_divide},
    {"Sum", false, onnx_sum},
    {"ReduceSum", false, onnx_total},
    {"Exp", false, onnx_exp},
    {"Neg", false, onnx_negate},
    {"Reciprocal", false, onnx_reciprocal},
    {"Sigmoid", false, onnx_sigmoid},
    {"Softmax", false, onnx_softmax},
    {"ArgMax", false, onnx_arg_max},
};

static onnx_operator *find_operator(const onnx_node *node)
{
    const char *domain = node->domain == NULL ? "" : node->domain;
    const char *name = node->op_type == NULL ? "" : node->op_type;
    bool ml = strcmp(domain, ml_domain) == 0;
    if (!ml && strcmp(domain, "") != 0 && strcmp(domain, "ai.onnx") != 0)
        return NULL;
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
        if (operators[i].ml == ml && strcmp(operators[i].name, name) == 0)
            return operators[i].run;
    return NULL;
}

/* What is made of labels is of nobody's interest either. */
static bool reads_labels(const struct onnx_graph *self, const onnx_node *node)
{
    for (size_t i = 0; i < node->n_input; i++) {
        const struct onnx_value *value = onnx_find(self, node->input[i]);
        if (value != NULL && value->type == ONNX_LABELS)
            return true;
    }
    return false;
}

static enum status run_node(struct onnx_graph *self, const onnx_node *node,
                            struct error_text *error)
{
    onnx_operator *operator= find_operator(node);
    if (operator== NULL)
        return onnx_refuse(node, error, "the operator is not supported%s%.*s",
                           node->domain == NULL || node->domain[0] == '\0' ? "" : ", of ",
                           SHOWN, node->domain == NULL ? "" : node->domain);
    if (!reads_labels(self, node))
        return operator(self, node, error);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < node->n_output; i++)
        status = onnx_put(self, node, i, (struct onnx_value){.type = ONNX_LABELS}, error);
    return status;
}

/* ---- the whole ---- */

static enum status check_opset(const Chw__Onnx__Operators *opset,
                               struct error_text *error)
{
    const char *domain = opset->domain == NULL ? "" : opset->domain;
    bool ml = strcmp(domain, ml_domain) == 0;
    int64_t most = ml ? ML_OPSET_MAX : CORE_OPSET_MAX;
    bool known = ml || strcmp(domain, "") == 0 || strcmp(domain, "ai.onnx") == 0;
    if (!known || (opset->version >= 1 && opset->version <= most))
        return STATUS_OK; /* others may be declared and not used */
    return error_set(
        error, STATUS_INVALID, "opset %lld of %s is not supported: expected 1 to %lld",
        (long long)opset->version, ml ? ml_domain : "ai.onnx", (long long)most);
}

static enum status check_model(const Chw__Onnx__Model *model, struct error_text *error)
{
    const Chw__Onnx__Graph *graph = model->graph;
    if (graph == NULL || graph->n_node == 0 || graph->n_node > ONNX_NODES_MAX ||
        graph->n_initializer > ONNX_CONSTANTS_MAX)
        return error_set(
            error, STATUS_INVALID,
            "its graph is absent or too large: expected 1 to %d nodes and at "
            "most %d constants",
            ONNX_NODES_MAX, ONNX_CONSTANTS_MAX);
    if (model->n_functions > 0 || graph->n_sparse_initializer > 0)
        return error_set(error, STATUS_INVALID,
                         "functions and sparse constants are not supported");
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < model->n_opset_import; i++)
        status = check_opset(model->opset_import[i], error);
    return status;
}

static enum status count_outputs(const Chw__Onnx__Graph *graph, size_t *out,
                                 struct error_text *error)
{
    *out = graph->n_initializer + graph->n_input;
    for (size_t i = 0; i < graph->n_node; i++)
        *out += graph->node[i]->n_output;
    if (*out > 4 * (size_t)ONNX_NODES_MAX)
        return error_set(error, STATUS_FULL, "more than %d values", 4 * ONNX_NODES_MAX);
    return STATUS_OK;
}

static enum status run_graph(struct onnx_graph *self, struct error_text *error)
{
    enum status status = count_outputs(self->source, &self->value_room, error);
    if (status != STATUS_OK)
        return status;
    self->values = calloc(self->value_room, sizeof *self->values);
    if (self->values == NULL)
        return STATUS_NOMEM;
    status = add_constants(self, error);
    if (status == STATUS_OK)
        status = add_inputs(self, error);
    for (size_t i = 0; status == STATUS_OK && i < self->source->n_node; i++)
        status = run_node(self, self->source->node[i], error);
    return status;
}

static enum status choose_output(const struct onnx_graph *self,
                                 const struct onnx_value **out, struct error_text *error)
{
    *out = NULL;
    for (size_t i = 0; i < self->source->n_output; i++) {
        const char *name = self->source->output[i]->name;
        const struct onnx_value *value = name == NULL ? NULL : onnx_find(self, name);
        if (value == NULL)
            return error_set(error, STATUS_INVALID, "output %zu is not there", i);
        if (value->type != ONNX_SCORES)
            continue;
        if (*out != NULL)
            return error_set(error, STATUS_INVALID,
                             "which of its outputs is the score is not clear: %.*s or "
                             "%.*s",
                             SHOWN, (*out)->name, SHOWN, name);
        *out = value;
    }
    return *out != NULL ? STATUS_OK
                        : error_set(error, STATUS_INVALID,
                                    "none of its outputs is an estimator's score");
}

bool onnx_is_model(const uint8_t *bytes, size_t size)
{
    enum { IR_VERSION = 0x08 }; /* field 1, as a number: what writers begin with */
    return size > 0 && bytes[0] == IR_VERSION && format_contains(bytes, size, ml_domain);
}

enum status onnx_import(const uint8_t *bytes, size_t size,
                        const struct exchange_options *options, Chw__Model *model,
                        struct error_text *error)
{
    const struct onnx_value *value;
    struct onnx_graph graph = {.source = NULL};
    ProtobufCMessage *base = proto_parse(&chw__onnx__model__descriptor, bytes, size);
    const Chw__Onnx__Model *source = (const Chw__Onnx__Model *)base;
    if (source == NULL)
        return error_set(error, STATUS_MALFORMED, "it is damaged or too large");
    enum status status = check_model(source, error);
    graph.source = source->graph;
    if (status == STATUS_OK)
        status = run_graph(&graph, error);
    if (status == STATUS_OK)
        status = choose_output(&graph, &value, error);
    if (status == STATUS_OK)
        status = onnx_build(&graph, value, options, model, error);
    graph_reset(&graph);
    proto_free(base);
    return status;
}
