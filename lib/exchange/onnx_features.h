/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_features.h - which inputs of the graph the estimators read, and how: our features.
 * Inside lib/exchange only. */

#ifndef EXCHANGE_ONNX_FEATURES_H
#define EXCHANGE_ONNX_FEATURES_H

#include "exchange/onnx_graph.h"
#include "exchange/split_use.h"

/* What becomes of one of the graph's inputs. */
struct onnx_feature {
    bool used;
    struct onnx_column as;   /* of the first that reads it */
    struct split_use splits; /* of the input as it is */
    uint32_t first;          /* of our inputs */
};

struct onnx_features {
    struct onnx_feature *items; /* one for each of the graph's inputs */
    bool linear;                /* some estimator is */
    size_t input_count;         /* ours */
};

MUST_CHECK enum status onnx_features_open(struct onnx_graph *graph,
                                          struct onnx_features *out,
                                          struct error_text *error);

/* Note what a further estimator reads. STATUS_INVALID: in another way than one before. */
MUST_CHECK enum status onnx_features_note(const struct onnx_graph *graph,
                                          struct onnx_features *self,
                                          const struct onnx_estimator *estimator,
                                          struct error_text *error);

/* The features, once all is noted. */
MUST_CHECK enum status onnx_features_add(const struct onnx_graph *graph,
                                         struct onnx_features *self, Chw__Model *model,
                                         struct error_text *error);

/* Our input of a column. */
uint32_t onnx_features_place(const struct onnx_features *self,
                             const struct onnx_column *column);

#endif
