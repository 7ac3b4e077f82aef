/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h - a solved problem as the message that is published (proto/plan.proto). */

#ifndef OPTIMIZER_PLAN_H
#define OPTIMIZER_PLAN_H

#include "optimizer/problem.h"

#include "plan.pb-c.h"

enum { PLAN_FORMAT = 1 };

/* Solve and write down; *bytes is the caller's to free. The allocation is only read. */
MUST_CHECK enum status plan_make(struct allocation *allocation,
                                 const struct demand *demand, uint8_t **bytes,
                                 size_t *size, struct error_text *error);

/* STATUS_MALFORMED: not a plan, or of another format; `error` says which. What it returns
 * has indexes within their lists. */
MUST_CHECK enum status plan_unpack(const uint8_t *bytes, size_t size, Chw__Plan **out,
                                   struct error_text *error);
void plan_free(Chw__Plan *self); /* accepts NULL */

#endif
