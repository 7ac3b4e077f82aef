/* SPDX-License-Identifier: Apache-2.0 */
/* assemble.h - a model's message on the heap, part by part: counts grow as parts come, so
 * that an unfinished message can be freed with chw__model__free_unpacked(). NULL or
 * false: no memory. Inside lib/exchange only. */

#ifndef EXCHANGE_ASSEMBLE_H
#define EXCHANGE_ASSEMBLE_H

#include "model.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With format, name and an empty lineage. */
Chw__Model *assemble_model(const char *name);

/* The lineage's outcome: "class LABEL". */
bool assemble_outcome(Chw__Model *self, const char *label);

/* A copy of `text` in place of what the field holds. */
bool assemble_text(char **field, const char *text);

/* A further feature whose column is required, and whose missing values are INVALID until
 * the caller says otherwise. Numeric: center 0, scale 1. Category: without names, encoded
 * as a code, an unknown one as OTHER. */
Chw__Feature *assemble_numeric(Chw__Model *self, const char *name);
Chw__Feature *assemble_category(Chw__Model *self, const char *name);
bool assemble_category_name(Chw__Category *self, const char *name);

/* A further parameter of the lineage. */
bool assemble_parameter(Chw__Model *self, const char *name, const char *text);

/* Estimators: not yet of any model or part. */
Chw__Linear *assemble_linear(size_t weight_count); /* all weights 0 */
Chw__Trees *assemble_trees(void);
Chw__Parts *assemble_parts(void);

/* A further tree with room for `node_count` nodes and so many in each of its lists, all
 * zero: leaves of 0. */
Chw__Tree *assemble_tree(Chw__Trees *self, size_t node_count);

/* Give the tree room for sets or covers, all 0. */
bool assemble_tree_sets(Chw__Tree *self);
bool assemble_tree_covers(Chw__Tree *self);

/* Keep the first `node_count` nodes. */
void assemble_tree_cut(Chw__Tree *self, size_t node_count);

/* A further set; what a node holds in `set` is the count of sets after it. */
bool assemble_set(Chw__Trees *self, const uint8_t *members, size_t size);

/* A further part, without an estimator. */
Chw__Part *assemble_part(Chw__Parts *self);

/* Hand over an estimator. */
void assemble_model_linear(Chw__Model *self, Chw__Linear *linear);
void assemble_model_trees(Chw__Model *self, Chw__Trees *trees);
void assemble_model_parts(Chw__Model *self, Chw__Parts *parts);

/* One margin, or one part per class, the score being the softmax of `chosen`; then each
 * output's estimator is handed over. */
bool assemble_outputs(Chw__Model *self, size_t count, size_t chosen);
void assemble_output_linear(Chw__Model *self, size_t output, Chw__Linear *linear);
void assemble_output_trees(Chw__Model *self, size_t output, Chw__Trees *trees);

/* Slope and intercept before the link: the model's, or an output's. */
bool assemble_platt(Chw__Model *self, double slope, double intercept);
bool assemble_output_platt(Chw__Model *self, size_t output, double slope,
                           double intercept);

#endif
