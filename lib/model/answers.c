/* SPDX-License-Identifier: Apache-2.0 */
/* answers.c - an ensemble's questions meet a batch's columns. */
#include "model/answers.h"

#include <stdlib.h>

static uint32_t most_classes(const struct questions *questions)
{
    uint32_t most = 0;
    for (size_t i = 0; i < questions->feature_count; i++) {
        uint32_t last = classes_last(&questions->classes->features[i]);
        most = last > most ? last : most;
    }
    return most + 1;
}

static void *new_planes(size_t count)
{
    return aligned_alloc(PLANE_SIZE_MAX, count * PLANE_SIZE_MAX);
}

struct answers *answers_new(const struct questions *questions,
                            const struct binding *binding)
{
    size_t count = questions->feature_count;
    struct answers *self = aligned_alloc(64, (sizeof *self + 63) / 64 * 64);
    if (self == NULL)
        return NULL;
    self->questions = questions;
    self->columns = calloc(count + 1, sizeof *self->columns);
    self->planes = new_planes(questions->count + 1);
    self->at_least = new_planes(most_classes(questions));
    if (self->columns == NULL || self->planes == NULL || self->at_least == NULL) {
        answers_free(self);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        class_column_bind(&self->columns[i], &binding->features[i],
                          &questions->classes->features[i]);
    return self;
}

void answers_free(struct answers *self)
{
    if (self == NULL)
        return;
    free(self->columns);
    free(self->planes);
    free(self->at_least);
    free(self);
}
