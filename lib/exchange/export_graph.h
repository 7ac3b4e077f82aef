/* SPDX-License-Identifier: Apache-2.0 */
/* export_graph.h - an ONNX graph as it grows: operators that read tensors and give one
 * more. Inside lib/exchange only.
 *
 * A tensor is known by its name, which lives as long as the graph. Once there is no
 * memory names are empty, nothing more is added, and export_graph_write() says so. */

#ifndef EXCHANGE_EXPORT_GRAPH_H
#define EXCHANGE_EXPORT_GRAPH_H

#include "base/error_text.h"

#include "onnx.pb-c.h"

#include <stdio.h>

enum export_graph_type {
    GRAPH_FLOAT = 1,
    GRAPH_INT64 = 7,
    GRAPH_TEXT = 8,
    GRAPH_DOUBLE = 11
};

/* What the graph's own names begin with. */
#define EXPORT_GRAPH_PREFIX "chw/"

struct export_graph;

/* With room for so many operators, constants, inputs and outputs each; they are not to be
 * more. NULL: no memory. */
struct export_graph *export_graph_new(const char *name, size_t room);
void export_graph_free(struct export_graph *self);

/* Zeroed; lives as long as the graph. NULL: no memory. */
void *export_graph_take(struct export_graph *self, size_t count, size_t size);

/* A tensor that is given, [records, 1]. */
void export_graph_input(struct export_graph *self, const char *name,
                        enum export_graph_type type);

/* Give a tensor this name, as a result; `columns` 0: [records], else [records, columns].
 */
void export_graph_output(struct export_graph *self, const char *tensor, const char *name,
                         enum export_graph_type type, size_t columns);

/* Constants; `rows` 0: one number, else [rows, columns]. Copies. */
const char *export_graph_floats(struct export_graph *self, const float *values,
                                size_t rows, size_t columns);
const char *export_graph_doubles(struct export_graph *self, const double *values,
                                 size_t rows, size_t columns);
const char *export_graph_float(struct export_graph *self, float value);
const char *export_graph_index(struct export_graph *self, size_t value); /* [1] */

/* An operator of ai.onnx, or of ai.onnx.ml, over one to three tensors (NULL: no more), or
 * over as many as there are. Returns what it gives. */
const char *export_graph_op(struct export_graph *self, const char *type, const char *a,
                            const char *b, const char *c);
const char *export_graph_ml(struct export_graph *self, const char *type, const char *a);
const char *export_graph_join(struct export_graph *self, const char *type,
                              const char *const *tensors, size_t count);

/* Columns side by side, and values as another type. */
const char *export_graph_concat(struct export_graph *self, const char *const *tensors,
                                size_t count);
const char *export_graph_cast(struct export_graph *self, const char *tensor,
                              enum export_graph_type type);

/* An attribute of the operator that was added last. Lists are borrowed from
 * export_graph_take() or from who outlives the graph. */
void export_graph_set_int(struct export_graph *self, const char *name, int64_t value);
void export_graph_set_float(struct export_graph *self, const char *name, float value);
void export_graph_set_text(struct export_graph *self, const char *name,
                           const char *value);
void export_graph_set_ints(struct export_graph *self, const char *name, int64_t *values,
                           size_t count);
void export_graph_set_floats(struct export_graph *self, const char *name, float *values,
                             size_t count);
void export_graph_set_texts(struct export_graph *self, const char *name,
                            ProtobufCBinaryData *values, size_t count);

/* The model's bytes: ai.onnx 13, ai.onnx.ml 2. STATUS_INVALID: more than a file of this
 * kind can hold. */
MUST_CHECK enum status export_graph_write(struct export_graph *self, FILE *out,
                                          struct error_text *error);

/* A text as a list's item; borrows. */
ProtobufCBinaryData export_graph_text(char *text);

#endif
