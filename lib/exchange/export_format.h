/* SPDX-License-Identifier: Apache-2.0 */
/* export_format.h - what a format is to exchange_export(), and what the inputs of an
 * estimator are to all of them. Inside lib/exchange only.
 *
 * To add one: a file with its function, a row in the table of export.c. */

#ifndef EXCHANGE_EXPORT_FORMAT_H
#define EXCHANGE_EXPORT_FORMAT_H

#include "exchange/export.h"

#include <stdbool.h>
#include <stdio.h>

/* Writes the model to memory. STATUS_INVALID: something that cannot be said. */
typedef enum status export_writer(const Chw__Model *model, FILE *out,
                                  struct error_text *error);
export_writer export_xgboost_json, export_onnx;

/* One of the estimator's inputs. */
struct export_input {
    const Chw__Feature *feature;
    uint32_t category; /* one-hot: index into its names; their count: the indicator */
};

struct export_inputs {
    struct export_input *items;
    size_t count;
};

MUST_CHECK enum status export_inputs_list(const Chw__Model *model,
                                          struct export_inputs *out);
void export_inputs_free(struct export_inputs *self);

/* How a category is encoded; neither of a number. */
bool export_is_one_hot(const Chw__Feature *self);
bool export_is_code(const Chw__Feature *self);

/* What stands for a missing value: a number or a category's index; NaN where it is kept
 * or makes the record invalid. */
float export_missing(const Chw__Feature *self);

/* The index of a category that is none of the names. */
float export_other(const Chw__Feature *self);

/* A record has the code of a name, or one more: how many can be asked for. */
uint32_t export_code_count(const Chw__Feature *self);
bool export_in_set(const Chw__CategorySet *self, uint32_t code);

/* The input for a number or a category's index, to the bit as lib/model computes it. */
float export_input_value(const struct export_input *self, float value);

#endif
