/* SPDX-License-Identifier: Apache-2.0 */
/* describe.h - what the models of a serving read, for clients that prepare batches. Pure.
 */

#ifndef WORKER_DESCRIBE_H
#define WORKER_DESCRIBE_H

#include "worker/serving.h"

#include "batch.pb-c.h"

/* The union of the features by name, in order of first appearance. Categories that
 * several models know are listed once; a feature that one model reads as a number is
 * numeric. NULL when out of memory. Borrows the serving's names; free with
 * description_free. */
Chw__Description *description_new(const struct serving *serving);
void description_free(Chw__Description *self);

#endif
