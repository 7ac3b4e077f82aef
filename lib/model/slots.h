/* SPDX-License-Identifier: Apache-2.0 */
/* slots.h - what the nodes of an ensemble compare: a record has a small integer in each
 * slot, and a node goes right where that is at least the node's bound. Questions of one
 * feature about its class share a slot. Private to lib/model.
 *
 * A value is 1 to range + 1; what is missing is 0 in the slots whose nodes send it to the
 * left, and more than any bound but NEVER in those that send it to the right. So a
 * missing value costs nothing. A feature with more classes than the range has several
 * slots, each for a stretch of them. */

#ifndef MODEL_SLOTS_H
#define MODEL_SLOTS_H

#include "model/classes.h"

struct slots {
    const struct classes *classes;
    uint32_t range;         /* classes that a slot tells apart by questions */
    struct question *items; /* feature by feature; QUESTION_ABOVE: of the stretch
                             * `operand`; no ALWAYS and NEVER */
    uint32_t count;
};

/* False: no memory. Borrows both. */
MUST_CHECK bool slots_make(struct slots *self, const struct classes *classes,
                           const Chw__Trees *trees, uint32_t range);
void slots_release(struct slots *self);

/* The slot of an inner node's question, and the least value there that answers with yes.
 */
uint32_t slots_find(const struct slots *self, const struct question *question);
uint16_t slots_bound(const struct slots *self, const struct question *question);

/* The value of a class. */
static inline uint16_t slots_value(const struct slots *self, const struct question *slot,
                                   uint16_t class_)
{
    uint32_t low = slot->operand * self->range;
    if (slot->kind == QUESTION_IS)
        return (uint16_t)((class_ == slot->operand) + 1);
    if (slot->kind == QUESTION_OUTSIDE)
        return (uint16_t)(classes_answer(self->classes, slot, class_) + 1);
    if (class_ < low)
        return 1;
    return (uint16_t)((class_ - low < self->range ? class_ - low : self->range) + 1);
}

static inline uint16_t slots_missing(const struct slots *self,
                                     const struct question *slot)
{
    return (uint16_t)(slot->missing_right ? self->range + 2 : 0);
}

#endif
