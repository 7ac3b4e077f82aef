/* SPDX-License-Identifier: Apache-2.0 */
/* questions.h - the distinct questions of an ensemble ("is input 3 at least 0.5?"): each
 * is answered once for a plane of records, whatever the number of trees that ask it.
 * Private to lib/model.
 *
 * A plane has a bit for each of 256 records, or 512. Plane 0 is no question's: all zero.
 */

#ifndef MODEL_QUESTIONS_H
#define MODEL_QUESTIONS_H

#include "model/classes.h"

struct question_span {
    uint32_t first, count;
};

struct questions {
    struct classes *classes;
    size_t feature_count;
    struct question_span *spans; /* of each feature: its questions */
    struct question *items;
    uint32_t count;
};

/* NULL in *out: classes_new() does not take the trees. Borrows both. */
MUST_CHECK enum status questions_new(const struct model *model, const Chw__Trees *trees,
                                     struct questions **out);
void questions_free(struct questions *self);
size_t questions_bytes(const struct questions *self);

/* The plane that holds the answers to an inner node's question: its index plus one. */
uint32_t questions_plane(const struct questions *self, const Chw__Tree *tree,
                         size_t node);

#endif
