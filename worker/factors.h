/* SPDX-License-Identifier: Apache-2.0 */
/* factors.h - what contributed most to each record's score for one target, as the reply
 * says it: proto/batch.proto. A function of the model and the columns alone. Pure. */

#ifndef WORKER_FACTORS_H
#define WORKER_FACTORS_H

#include "model/model.h"

#include "batch.pb-c.h"

enum { FACTORS_MAX = 16 /* per record */ };

struct factors;

/* `count` of each of `rows` records, or all where the model has fewer features. Borrows
 * both until it is freed. */
MUST_CHECK enum status factors_new(const struct model *model,
                                   const struct binding *binding, uint32_t rows,
                                   uint32_t count, struct factors **out);
void factors_free(struct factors *self); /* accepts NULL */

/* A short step towards explaining all; faults[i] is that of row i, of all rows. False:
 * every row had been explained before, or the model cannot explain. */
bool factors_step(struct factors *self, const Chw__RecordFault *faults);

/* Owned by the factors. */
Chw__Factors *factors_message(struct factors *self);

#endif
