/* SPDX-License-Identifier: Apache-2.0 */
/* export_onnx.h - the parts of a model as operators of an ONNX graph: a function gives
 * the name of what its operators compute. Inside lib/exchange only. */

#ifndef EXCHANGE_EXPORT_ONNX_H
#define EXCHANGE_EXPORT_ONNX_H

#include "exchange/export_format.h"
#include "exchange/export_graph.h"

/* All inputs of the estimators, [records, inputs]: each feature's tensor imputed, encoded
 * and scaled. *faults is [records, 1]: NaN where a record is invalid, else 0; NULL: none
 * ever is. */
const char *export_onnx_inputs(struct export_graph *graph, const Chw__Model *model,
                               const struct export_inputs *list, const char **faults);

/* Margins, [records, 1]. */
const char *export_onnx_trees(struct export_graph *graph, const Chw__Trees *trees,
                              const struct export_inputs *list, const char *inputs);
const char *export_onnx_linear(struct export_graph *graph, const Chw__Linear *linear,
                               const char *inputs);

/* What comes after a margin; the calibrations may be NULL. */
struct export_output {
    Chw__Link link;
    const Chw__Platt *platt;
    const Chw__Isotonic *isotonic;
};

/* Probabilities, [records, 1]. */
const char *export_onnx_output(struct export_graph *graph,
                               const struct export_output *output, const char *margins);

#endif
