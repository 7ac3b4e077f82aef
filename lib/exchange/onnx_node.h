/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_node.h - a node's attributes and the constants of a graph, checked. Inside
 * lib/exchange only.
 *
 * Each get_ function leaves *out as it is where the attribute is absent; STATUS_INVALID:
 * it is not of the type asked for. All is borrowed from the node. */

#ifndef EXCHANGE_ONNX_NODE_H
#define EXCHANGE_ONNX_NODE_H

#include "base/error_text.h"

#include "model.pb-c.h"
#include "onnx.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef Chw__Onnx__Node onnx_node;

struct onnx_floats {
    const float *items; /* or doubles: one of the two, or none */
    const double *doubles;
    size_t count;
};

struct onnx_ints {
    const int64_t *items;
    size_t count;
};

struct onnx_texts {
    const ProtobufCBinaryData *items;
    size_t count;
};

/* Refuse a node: "node NAME (Scaler): ...". */
enum status onnx_refuse(const onnx_node *node, struct error_text *error,
                        const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Refuse an attribute that is not among `names`. */
MUST_CHECK enum status onnx_know(const onnx_node *node, const char *const *names,
                                 size_t count, struct error_text *error);

#define ONNX_KNOW(node, names, error)                                                    \
    onnx_know(node, names, sizeof(names) / sizeof((names)[0]), error)

double onnx_number(const struct onnx_floats *self, size_t index);

void onnx_get_int(const onnx_node *node, const char *name, int64_t *out);
void onnx_get_float(const onnx_node *node, const char *name, float *out);
bool onnx_has(const onnx_node *node, const char *name);
struct onnx_floats onnx_get_floats(const onnx_node *node, const char *name);
struct onnx_ints onnx_get_ints(const onnx_node *node, const char *name);
struct onnx_texts onnx_get_texts(const onnx_node *node, const char *name);

/* Is the attribute absent or this text? */
bool onnx_text_is(const onnx_node *node, const char *name, const char *text);

/* A tensor attribute, or "NAME_as_tensor" of doubles in place of "NAME". */
const Chw__Onnx__Tensor *onnx_get_tensor(const onnx_node *node, const char *name);

/* ---- constants ---- */

/* Types of tensors' elements. */
enum onnx_type {
    ONNX_FLOAT = 1,
    ONNX_UINT8 = 2,
    ONNX_INT8 = 3,
    ONNX_INT32 = 6,
    ONNX_INT64 = 7,
    ONNX_STRING = 8,
    ONNX_BOOL = 9,
    ONNX_DOUBLE = 11,
};

/* How many numbers the tensor holds; the raw ones are little-endian. */
size_t onnx_tensor_count(const Chw__Onnx__Tensor *self);

/* One of them; NaN: of no type that is read. */
double onnx_tensor_number(const Chw__Onnx__Tensor *self, size_t index);

#endif
