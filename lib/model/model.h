/* SPDX-License-Identifier: Apache-2.0 */
/* model.h - a model as it serves: loaded once, checked, immutable, shared between
 * threads.
 *
 *   bytes (proto/model.proto) --model_load--> model --model_bind(columns)--> binding
 *                                                   model_score(binding, rows) --> scores
 *
 * Many records at once are scored by a kernel chosen when the model is loaded; few, and
 * those of models that no kernel takes, by the reference scorer, written for clarity.
 * They give the same floats to the bit. Scoring is deterministic: the same bytes and
 * columns give the same floats on every machine with IEEE arithmetic. How each part is
 * evaluated is said in proto/model.proto. Pure. */

#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/crypto.h"
#include "base/error_text.h"
#include "model/columns.h"

#include "model.pb-c.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MODEL_FORMAT = 1,
    MODEL_FEATURES_MAX = 4096,
    MODEL_INPUTS_MAX = 65536,
    MODEL_TREES_MAX = 10000,
    MODEL_NODES_MAX = 1 << 24, /* of all trees together */
    MODEL_NAME_MAX = 63,
};

struct model;

/* Parse and check untrusted bytes. STATUS_MALFORMED: does not parse; STATUS_INVALID:
 * `error` says what is not allowed and where (another format, a tree with a cycle, a
 * weight count that does not fit, a feature twice, ...). */
MUST_CHECK enum status model_load(const uint8_t *bytes, size_t size, struct model **out,
                                  struct error_text *error);
void model_free(struct model *self);

const char *model_name(const struct model *self);
const struct digest *model_version(const struct model *self);

/* The message it was made from: features, lineage, golden. Borrowed. */
const Chw__Model *model_message(const struct model *self);

/* Score the golden records inside the artifact. STATUS_CORRUPT: a result differs by more
 * than 1e-6, or a row is invalid where it should not be or the other way round;
 * STATUS_INVALID: the golden records are not a batch that binds. `error` says which. A
 * model without golden records passes. */
MUST_CHECK enum status model_check_golden(const struct model *self,
                                          struct error_text *error);

/* Names bound to a batch's columns, categories to the model's codes: whatever the order
 * and types of the columns. A number may come as float or small integer; a category as
 * codes with names, or as numbers whose decimal text is the category's name; a number as
 * codes whose names are numbers. 5, 5.0 and "5" are one category. Borrows both. Has room
 * for one record's inputs, so a binding belongs to one thread. */
struct binding;

/* STATUS_INVALID: a required column is absent, `error` names it. */
MUST_CHECK enum status model_bind(const struct model *self, const struct columns *columns,
                                  struct binding **out, struct error_text *error);
void binding_free(struct binding *self);

struct record_fault {
    Chw__RecordFault fault; /* NONE: scored */
    uint32_t feature;       /* index into the model's features: the first at fault */
};

/* Score rows [first, first + count) of the bound batch: probabilities[i] and faults[i]
 * belong to row first + i. A probability is within [0, 1], and 0 for a record with a
 * fault. NaN in a cell, or as the result of infinite inputs, is NOT_A_NUMBER. Returns
 * whether any record has a fault. */
bool model_score(const struct binding *self, uint32_t first, uint32_t count,
                 float *probabilities, struct record_fault *faults);

/* The margin before calibration and link of the same rows. */
void model_margins(const struct binding *self, uint32_t first, uint32_t count,
                   float *margins, struct record_fault *faults);

/* The same two by the reference scorer, a record at a time: what every kernel must equal
 * to the bit. For tests and benchmarks. */
void model_reference_score(const struct binding *self, uint32_t first, uint32_t count,
                           float *probabilities, struct record_fault *faults);
void model_reference_margins(const struct binding *self, uint32_t first, uint32_t count,
                             float *margins, struct record_fault *faults);

/* Which kernel scores large batches: "bit-sliced trees", "bit-sliced and walked trees",
 * "walked trees", "trees in lanes", "linear" or "reference"; of the first part where
 * there are several. */
const char *model_kernel(const struct model *self);

/* What its kernels take besides the message; compiled by model_load(). */
size_t model_kernel_bytes(const struct model *self);

#endif
