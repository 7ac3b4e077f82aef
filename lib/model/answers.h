/* SPDX-License-Identifier: Apache-2.0 */
/* answers.h - all questions of an ensemble, answered for a plane of a batch's records.
 * Private to lib/model. answers_run.h, compiled for each width of planes, fills them. */

#ifndef MODEL_ANSWERS_H
#define MODEL_ANSWERS_H

#include "model/questions.h"

enum { PLANE_SIZE_MAX = 64 };

struct answers {
    const struct questions *questions;
    struct class_column *columns; /* of each feature */
    void *planes;                 /* questions->count + 1 */
    void *at_least;               /* as many planes as a feature has classes at most */
    struct class_block block;     /* of the feature at hand */
};

/* NULL: no memory. Borrows both. */
struct answers *answers_new(const struct questions *questions,
                            const struct binding *binding);
void answers_free(struct answers *self);

#endif
