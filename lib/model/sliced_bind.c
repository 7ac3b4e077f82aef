/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_bind.c - a compiled ensemble meets a batch's columns. */
#include "model/sliced_state.h"

#include <stdlib.h>

static uint32_t most_classes(const struct sliced *compiled)
{
    uint32_t most = 0;
    for (size_t i = 0; i < compiled->feature_count; i++) {
        uint32_t last = classes_last(&compiled->classes->features[i]);
        most = last > most ? last : most;
    }
    return most + 1;
}

static void *new_planes(size_t count)
{
    return aligned_alloc(SLICED_PLANE_SIZE_MAX, count * SLICED_PLANE_SIZE_MAX);
}

struct sliced_run *sliced_run_new(const struct sliced *compiled,
                                  const struct binding *binding)
{
    size_t count = compiled->feature_count;
    struct sliced_run *self = aligned_alloc(64, (sizeof *self + 63) / 64 * 64);
    if (self == NULL)
        return NULL;
    self->compiled = compiled;
    self->columns = calloc(count + 1, sizeof *self->columns);
    self->answers = new_planes(compiled->question_count + 1);
    self->at_least = new_planes(most_classes(compiled));
    if (self->columns == NULL || self->answers == NULL || self->at_least == NULL) {
        sliced_run_free(self);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        class_column_bind(&self->columns[i], &binding->features[i],
                          &compiled->classes->features[i]);
    return self;
}

void sliced_run_free(struct sliced_run *self)
{
    if (self == NULL)
        return;
    free(self->columns);
    free(self->answers);
    free(self->at_least);
    free(self);
}
