/* SPDX-License-Identifier: Apache-2.0 */
/* export_graph.c - the messages of an ONNX file in memory that is given back at once. */
#include "exchange/export_graph.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    IR_VERSION = 7,
    OPSET = 13,
    ML_OPSET = 2,
    NAME_SIZE = 32,
    ATTRIBUTES_MAX = 16, /* of an operator */
    ATTRIBUTE_FLOAT = 1, /* AttributeProto.AttributeType */
    ATTRIBUTE_INT = 2,
    ATTRIBUTE_TEXT = 3,
    ATTRIBUTE_FLOATS = 6,
    ATTRIBUTE_INTS = 7,
    ATTRIBUTE_TEXTS = 8,
};

static const char ml_domain[] = "ai.onnx.ml";

struct block {
    struct block *next;
    max_align_t bytes[];
};

struct export_graph {
    Chw__Onnx__Graph message;
    struct block *blocks;
    size_t room; /* of each of its lists */
    size_t names;
    bool failed;
};

/* ---- memory ---- */

void *export_graph_take(struct export_graph *self, size_t count, size_t size)
{
    size_t max = (SIZE_MAX - sizeof(struct block)) / (size == 0 ? 1 : size);
    struct block *block =
        self->failed || count > max ? NULL : calloc(1, sizeof *block + count * size);
    if (block == NULL) {
        self->failed = true;
        return NULL;
    }
    block->next = self->blocks;
    self->blocks = block;
    return block->bytes;
}

static void *copy(struct export_graph *self, const void *items, size_t count, size_t size)
{
    void *copied = export_graph_take(self, count, size);
    if (copied != NULL && count > 0)
        memcpy(copied, items, count * size);
    return copied;
}

static char *copy_text(struct export_graph *self, const char *text)
{
    return copy(self, text, strlen(text) + 1, 1);
}

/* ---- the graph ---- */

struct export_graph *export_graph_new(const char *name, size_t room)
{
    struct export_graph *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    Chw__Onnx__Graph *message = &self->message;
    chw__onnx__graph__init(message);
    self->room = room;
    message->name = copy_text(self, name);
    message->node = export_graph_take(self, room, sizeof *message->node);
    message->initializer = export_graph_take(self, room, sizeof *message->initializer);
    message->input = export_graph_take(self, room, sizeof *message->input);
    message->output = export_graph_take(self, room, sizeof *message->output);
    return self;
}

void export_graph_free(struct export_graph *self)
{
    if (self == NULL)
        return;
    while (self->blocks != NULL) {
        struct block *next = self->blocks->next;
        free(self->blocks);
        self->blocks = next;
    }
    free(self);
}

static char *new_name(struct export_graph *self)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, EXPORT_GRAPH_PREFIX "%zu", self->names++);
    return copy_text(self, name);
}

/* ---- inputs and outputs ---- */

/* The first dimension, of records, is left open. */
static Chw__Onnx__Shape *new_shape(struct export_graph *self, size_t columns)
{
    Chw__Onnx__Shape *shape = export_graph_take(self, 1, sizeof *shape);
    Chw__Onnx__Dimension **list = export_graph_take(self, 2, sizeof *list);
    Chw__Onnx__Dimension *dims = export_graph_take(self, 2, sizeof *dims);
    if (self->failed)
        return NULL;
    chw__onnx__shape__init(shape);
    shape->dim = list;
    shape->n_dim = columns == 0 ? 1 : 2;
    for (size_t i = 0; i < shape->n_dim; i++) {
        chw__onnx__dimension__init(&dims[i]);
        list[i] = &dims[i];
    }
    dims[1].has_dim_value = true;
    dims[1].dim_value = (int64_t)columns;
    return shape;
}

static Chw__Onnx__Value *new_value(struct export_graph *self, const char *name,
                                   enum export_graph_type type, size_t columns)
{
    Chw__Onnx__Value *value = export_graph_take(self, 1, sizeof *value);
    Chw__Onnx__Type *of = export_graph_take(self, 1, sizeof *of);
    Chw__Onnx__TensorType *tensor = export_graph_take(self, 1, sizeof *tensor);
    Chw__Onnx__Shape *shape = new_shape(self, columns);
    char *copied = copy_text(self, name);
    if (self->failed)
        return NULL;
    chw__onnx__value__init(value);
    chw__onnx__type__init(of);
    chw__onnx__tensor_type__init(tensor);
    value->name = copied;
    value->type = of;
    of->tensor_type = tensor;
    tensor->has_elem_type = true;
    tensor->elem_type = (int32_t)type;
    tensor->shape = shape;
    return value;
}

void export_graph_input(struct export_graph *self, const char *name,
                        enum export_graph_type type)
{
    Chw__Onnx__Value *value = new_value(self, name, type, 1);
    assert(self->message.n_input < self->room);
    if (value != NULL)
        self->message.input[self->message.n_input++] = value;
}

void export_graph_output(struct export_graph *self, const char *tensor, const char *name,
                         enum export_graph_type type, size_t columns)
{
    Chw__Onnx__Value *value = new_value(self, name, type, columns);
    (void)export_graph_op(self, "Identity", tensor, NULL, NULL);
    assert(self->message.n_output < self->room);
    if (self->failed)
        return;
    self->message.output[self->message.n_output++] = value;
    self->message.node[self->message.n_node - 1]->output[0] = value->name;
}

/* ---- constants ---- */

/* Without values. */
static Chw__Onnx__Tensor *new_tensor(struct export_graph *self,
                                     enum export_graph_type type, size_t rows,
                                     size_t columns)
{
    const int64_t dims[] = {(int64_t)rows, (int64_t)columns};
    Chw__Onnx__Tensor *tensor = export_graph_take(self, 1, sizeof *tensor);
    int64_t *copied = copy(self, dims, 2, sizeof dims[0]);
    char *name = new_name(self);
    assert(self->message.n_initializer < self->room);
    if (self->failed)
        return NULL;
    chw__onnx__tensor__init(tensor);
    tensor->name = name;
    tensor->has_data_type = true;
    tensor->data_type = (int32_t)type;
    tensor->dims = copied;
    tensor->n_dims = rows == 0 ? 0 : 2;
    self->message.initializer[self->message.n_initializer++] = tensor;
    return tensor;
}

const char *export_graph_floats(struct export_graph *self, const float *values,
                                size_t rows, size_t columns)
{
    size_t count = rows == 0 ? 1 : rows * columns;
    float *copied = copy(self, values, count, sizeof *values);
    Chw__Onnx__Tensor *tensor = new_tensor(self, GRAPH_FLOAT, rows, columns);
    if (tensor == NULL)
        return "";
    tensor->float_data = copied;
    tensor->n_float_data = count;
    return tensor->name;
}

const char *export_graph_doubles(struct export_graph *self, const double *values,
                                 size_t rows, size_t columns)
{
    size_t count = rows == 0 ? 1 : rows * columns;
    double *copied = copy(self, values, count, sizeof *values);
    Chw__Onnx__Tensor *tensor = new_tensor(self, GRAPH_DOUBLE, rows, columns);
    if (tensor == NULL)
        return "";
    tensor->double_data = copied;
    tensor->n_double_data = count;
    return tensor->name;
}

const char *export_graph_float(struct export_graph *self, float value)
{
    return export_graph_floats(self, &value, 0, 0);
}

const char *export_graph_index(struct export_graph *self, size_t value)
{
    int64_t index = (int64_t)value;
    int64_t *copied = copy(self, &index, 1, sizeof index);
    Chw__Onnx__Tensor *tensor = new_tensor(self, GRAPH_INT64, 1, 1);
    if (tensor == NULL)
        return "";
    tensor->n_dims = 1;
    tensor->int64_data = copied;
    tensor->n_int64_data = 1;
    return tensor->name;
}

/* ---- operators ---- */

static Chw__Onnx__Node *new_node(struct export_graph *self, const char *type,
                                 const char *const *tensors, size_t count)
{
    Chw__Onnx__Node *node = export_graph_take(self, 1, sizeof *node);
    char **inputs = export_graph_take(self, count, sizeof *inputs);
    char **outputs = export_graph_take(self, 1, sizeof *outputs);
    Chw__Onnx__Attribute **attributes =
        export_graph_take(self, ATTRIBUTES_MAX, sizeof *attributes);
    for (size_t i = 0; i < count && !self->failed; i++)
        inputs[i] = copy_text(self, tensors[i]);
    char *output = new_name(self), *copied = copy_text(self, type);
    assert(self->message.n_node < self->room);
    if (self->failed)
        return NULL;
    chw__onnx__node__init(node);
    node->op_type = copied;
    node->input = inputs;
    node->n_input = count;
    node->output = outputs;
    node->n_output = 1;
    node->attribute = attributes;
    outputs[0] = output;
    self->message.node[self->message.n_node++] = node;
    return node;
}

const char *export_graph_join(struct export_graph *self, const char *type,
                              const char *const *tensors, size_t count)
{
    const Chw__Onnx__Node *node = new_node(self, type, tensors, count);
    return node == NULL ? "" : node->output[0];
}

const char *export_graph_op(struct export_graph *self, const char *type, const char *a,
                            const char *b, const char *c)
{
    const char *const tensors[] = {a, b, c};
    size_t count = 1;
    while (count < 3 && tensors[count] != NULL)
        count++;
    return export_graph_join(self, type, tensors, count);
}

const char *export_graph_ml(struct export_graph *self, const char *type, const char *a)
{
    Chw__Onnx__Node *node = new_node(self, type, &a, 1);
    char *domain = copy_text(self, ml_domain);
    if (self->failed)
        return "";
    node->domain = domain;
    return node->output[0];
}

const char *export_graph_concat(struct export_graph *self, const char *const *tensors,
                                size_t count)
{
    const char *joined = export_graph_join(self, "Concat", tensors, count);
    export_graph_set_int(self, "axis", 1);
    return joined;
}

const char *export_graph_cast(struct export_graph *self, const char *tensor,
                              enum export_graph_type type)
{
    const char *cast = export_graph_op(self, "Cast", tensor, NULL, NULL);
    export_graph_set_int(self, "to", (int64_t)type);
    return cast;
}

/* ---- attributes ---- */

/* Of the last operator; NULL: no memory. */
static Chw__Onnx__Attribute *new_attribute(struct export_graph *self, const char *name,
                                           int32_t type)
{
    Chw__Onnx__Attribute *attribute = export_graph_take(self, 1, sizeof *attribute);
    char *copied = copy_text(self, name);
    if (self->failed)
        return NULL;
    Chw__Onnx__Node *node = self->message.node[self->message.n_node - 1];
    assert(node->n_attribute < ATTRIBUTES_MAX);
    chw__onnx__attribute__init(attribute);
    attribute->name = copied;
    attribute->has_type = true;
    attribute->type = type;
    node->attribute[node->n_attribute++] = attribute;
    return attribute;
}

void export_graph_set_int(struct export_graph *self, const char *name, int64_t value)
{
    Chw__Onnx__Attribute *attribute = new_attribute(self, name, ATTRIBUTE_INT);
    if (attribute == NULL)
        return;
    attribute->has_i = true;
    attribute->i = value;
}

void export_graph_set_float(struct export_graph *self, const char *name, float value)
{
    Chw__Onnx__Attribute *attribute = new_attribute(self, name, ATTRIBUTE_FLOAT);
    if (attribute == NULL)
        return;
    attribute->has_f = true;
    attribute->f = value;
}

void export_graph_set_text(struct export_graph *self, const char *name, const char *value)
{
    char *copied = copy_text(self, value);
    Chw__Onnx__Attribute *attribute = new_attribute(self, name, ATTRIBUTE_TEXT);
    if (attribute == NULL)
        return;
    attribute->has_s = true;
    attribute->s = export_graph_text(copied);
}

void export_graph_set_ints(struct export_graph *self, const char *name, int64_t *values,
                           size_t count)
{
    Chw__Onnx__Attribute *attribute = new_attribute(self, name, ATTRIBUTE_INTS);
    if (attribute == NULL)
        return;
    attribute->ints = values;
    attribute->n_ints = count;
}

void export_graph_set_floats(struct export_graph *self, const char *name, float *values,
                             size_t count)
{
    Chw__Onnx__Attribute *attribute = new_attribute(self, name, ATTRIBUTE_FLOATS);
    if (attribute == NULL)
        return;
    attribute->floats = values;
    attribute->n_floats = count;
}

void export_graph_set_texts(struct export_graph *self, const char *name,
                            ProtobufCBinaryData *values, size_t count)
{
    Chw__Onnx__Attribute *attribute = new_attribute(self, name, ATTRIBUTE_TEXTS);
    if (attribute == NULL)
        return;
    attribute->strings = values;
    attribute->n_strings = count;
}

ProtobufCBinaryData export_graph_text(char *text)
{
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
}

/* ---- the file ---- */

struct stream {
    ProtobufCBuffer base;
    FILE *file;
};

static void append(ProtobufCBuffer *base, size_t size, const uint8_t *bytes)
{
    struct stream *self = (struct stream *)base;
    (void)fwrite(bytes, 1, size, self->file); /* the stream remembers a failure */
}

enum status export_graph_write(struct export_graph *self, FILE *out,
                               struct error_text *error)
{
    char domain[] = "", ml[sizeof ml_domain], producer[] = "chw";
    struct stream stream = {{append}, out};
    Chw__Onnx__Operators sets[2], *list[] = {&sets[0], &sets[1]};
    Chw__Onnx__Model model;
    if (self->failed)
        return STATUS_NOMEM;
    chw__onnx__operators__init(&sets[0]);
    chw__onnx__operators__init(&sets[1]);
    chw__onnx__model__init(&model);
    memcpy(ml, ml_domain, sizeof ml);
    sets[0].domain = domain;
    sets[0].has_version = sets[1].has_version = true;
    sets[0].version = OPSET;
    sets[1].domain = ml;
    sets[1].version = ML_OPSET;
    model.has_ir_version = true;
    model.ir_version = IR_VERSION;
    model.producer_name = producer;
    model.opset_import = list;
    model.n_opset_import = 2;
    model.graph = &self->message;
    if (chw__onnx__model__get_packed_size(&model) > INT32_MAX)
        return error_set(error, STATUS_INVALID, "more than 2 GiB");
    (void)chw__onnx__model__pack_to_buffer(&model, &stream.base);
    return STATUS_OK;
}
