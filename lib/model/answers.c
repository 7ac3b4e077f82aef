/* SPDX-License-Identifier: Apache-2.0 */
/* answers.c - an ensemble's questions meet a batch's columns. */
#include "model/answers.h"

#include "model/layout.h"

static uint32_t most_classes(const struct questions *questions)
{
    uint32_t most = 0;
    for (size_t i = 0; i < questions->feature_count; i++) {
        uint32_t last = classes_last(&questions->classes->features[i]);
        most = last > most ? last : most;
    }
    return most + 1;
}

struct answers *answers_new(const struct questions *questions,
                            const struct binding *binding)
{
    size_t count = questions->feature_count, size = 0;
    layout_add(&size, sizeof(struct answers));
    size_t planes = layout_add(&size, (questions->count + 1) * PLANE_SIZE_MAX);
    size_t at_least = layout_add(&size, most_classes(questions) * PLANE_SIZE_MAX);
    size_t columns = layout_add(&size, count * sizeof(struct class_column));
    char *block = layout_alloc(size);
    if (block == NULL)
        return NULL;
    struct answers *self = (struct answers *)(void *)block;
    self->questions = questions;
    self->planes = block + planes;
    self->at_least = (void *)(block + at_least);
    self->columns = (struct class_column *)(void *)(block + columns);
    for (size_t i = 0; i < count; i++)
        class_column_bind(&self->columns[i], &binding->features[i],
                          &questions->classes->features[i]);
    return self;
}

void answers_free(struct answers *self)
{
    layout_free(self);
}
