/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_node.c - attributes by name, numbers out of tensors. */
#include "exchange/onnx_node.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 60 };

enum status onnx_refuse(const onnx_node *node, struct error_text *error,
                        const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *output = node->n_output > 0 ? node->output[0] : "";
    return error_set(error, STATUS_INVALID, "node %.*s (%.*s): %s", SHOWN,
                     node->name != NULL && node->name[0] != '\0' ? node->name : output,
                     SHOWN, node->op_type == NULL ? "" : node->op_type, text);
}

static const Chw__Onnx__Attribute *find(const onnx_node *node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (node->attribute[i]->name != NULL &&
            strcmp(node->attribute[i]->name, name) == 0)
            return node->attribute[i];
    return NULL;
}

enum status onnx_know(const onnx_node *node, const char *const *names, size_t count,
                      struct error_text *error)
{
    for (size_t i = 0; i < node->n_attribute; i++) {
        const char *name = node->attribute[i]->name;
        bool known = false;
        for (size_t k = 0; name != NULL && k < count; k++)
            known = known || strcmp(name, names[k]) == 0;
        if (!known)
            return onnx_refuse(node, error, "attribute %.*s is not supported", SHOWN,
                               name == NULL ? "(no name)" : name);
    }
    return STATUS_OK;
}

double onnx_number(const struct onnx_floats *self, size_t index)
{
    return self->doubles != NULL ? self->doubles[index] : (double)self->items[index];
}

void onnx_get_int(const onnx_node *node, const char *name, int64_t *out)
{
    const Chw__Onnx__Attribute *found = find(node, name);
    if (found != NULL)
        *out = found->i;
}

void onnx_get_float(const onnx_node *node, const char *name, float *out)
{
    const Chw__Onnx__Attribute *found = find(node, name);
    if (found != NULL)
        *out = found->f;
}

bool onnx_has(const onnx_node *node, const char *name)
{
    return find(node, name) != NULL;
}

struct onnx_floats onnx_get_floats(const onnx_node *node, const char *name)
{
    char wide[96];
    const Chw__Onnx__Attribute *found = find(node, name);
    if (found != NULL)
        return (struct onnx_floats){found->floats, NULL, found->n_floats};
    snprintf(wide, sizeof wide, "%s_as_tensor", name);
    const Chw__Onnx__Tensor *tensor = onnx_get_tensor(node, wide);
    if (tensor == NULL)
        return (struct onnx_floats){NULL, NULL, 0};
    if (tensor->n_double_data > 0)
        return (struct onnx_floats){NULL, tensor->double_data, tensor->n_double_data};
    return (struct onnx_floats){tensor->float_data, NULL, tensor->n_float_data};
}

struct onnx_ints onnx_get_ints(const onnx_node *node, const char *name)
{
    const Chw__Onnx__Attribute *found = find(node, name);
    return found == NULL ? (struct onnx_ints){NULL, 0}
                         : (struct onnx_ints){found->ints, found->n_ints};
}

struct onnx_texts onnx_get_texts(const onnx_node *node, const char *name)
{
    const Chw__Onnx__Attribute *found = find(node, name);
    return found == NULL ? (struct onnx_texts){NULL, 0}
                         : (struct onnx_texts){found->strings, found->n_strings};
}

bool onnx_text_is(const onnx_node *node, const char *name, const char *text)
{
    const Chw__Onnx__Attribute *found = find(node, name);
    return found == NULL || (found->s.len == strlen(text) &&
                             memcmp(found->s.data, text, found->s.len) == 0);
}

const Chw__Onnx__Tensor *onnx_get_tensor(const onnx_node *node, const char *name)
{
    const Chw__Onnx__Attribute *found = find(node, name);
    return found == NULL ? NULL : found->t;
}

/* ---- constants ---- */

static size_t element_size(int32_t type)
{
    switch (type) {
    case ONNX_DOUBLE:
    case ONNX_INT64:
        return 8;
    case ONNX_FLOAT:
    case ONNX_INT32:
        return 4;
    case ONNX_UINT8:
    case ONNX_INT8:
    case ONNX_BOOL:
        return 1;
    default:
        return 0;
    }
}

size_t onnx_tensor_count(const Chw__Onnx__Tensor *self)
{
    size_t size = element_size(self->data_type);
    if (self->has_raw_data)
        return size == 0 ? 0 : self->raw_data.len / size;
    if (self->data_type == ONNX_FLOAT)
        return self->n_float_data;
    if (self->data_type == ONNX_DOUBLE)
        return self->n_double_data;
    if (self->data_type == ONNX_INT64)
        return self->n_int64_data;
    return size == 0 ? 0 : self->n_int32_data;
}

static uint64_t raw_bits(const uint8_t *bytes, size_t size)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++)
        bits |= (uint64_t)bytes[i] << 8 * i;
    return bits;
}

static double raw_number(const Chw__Onnx__Tensor *self, size_t index)
{
    size_t size = element_size(self->data_type);
    uint64_t bits = raw_bits(self->raw_data.data + index * size, size);
    uint32_t half = (uint32_t)bits;
    double wide;
    float narrow;
    memcpy(&wide, &bits, sizeof wide);
    memcpy(&narrow, &half, sizeof narrow);
    switch (self->data_type) {
    case ONNX_DOUBLE:
        return wide;
    case ONNX_FLOAT:
        return (double)narrow;
    case ONNX_INT64:
        return (double)(int64_t)bits;
    case ONNX_INT32:
        return (double)(int32_t)half;
    case ONNX_INT8:
        return (double)(int8_t)half;
    default:
        return (double)half;
    }
}

double onnx_tensor_number(const Chw__Onnx__Tensor *self, size_t index)
{
    if (index >= onnx_tensor_count(self))
        return NAN;
    if (self->has_raw_data)
        return raw_number(self, index);
    if (self->data_type == ONNX_FLOAT)
        return (double)self->float_data[index];
    if (self->data_type == ONNX_DOUBLE)
        return self->double_data[index];
    if (self->data_type == ONNX_INT64)
        return (double)self->int64_data[index];
    return (double)self->int32_data[index];
}
