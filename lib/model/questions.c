/* SPDX-License-Identifier: Apache-2.0 */
/* questions.c - what the nodes of an ensemble ask, each once. */
#include "model/questions.h"

#include <stdlib.h>

static size_t inner_nodes(const Chw__Trees *trees)
{
    size_t count = 0;
    for (size_t i = 0; i < trees->n_trees; i++)
        for (size_t node = 0; node < trees->trees[i]->n_left; node++)
            count += trees->trees[i]->left[node] != 0;
    return count;
}

/* Every node's, in no order. */
static size_t gather(struct questions *self)
{
    const Chw__Trees *trees = self->classes->trees;
    size_t count = 0;
    for (size_t i = 0; i < trees->n_trees; i++)
        for (size_t node = 0; node < trees->trees[i]->n_left; node++)
            if (trees->trees[i]->left[node] != 0)
                self->items[count++] =
                    classes_question(self->classes, trees->trees[i], node);
    return count;
}

static void keep_distinct(struct questions *self, size_t count)
{
    self->count = classes_distinct(self->items, count);
    for (uint32_t i = self->count; i > 0; i--) {
        struct question_span *span = &self->spans[self->items[i - 1].feature];
        span->first = i - 1;
        span->count++;
    }
}

enum status questions_new(const struct model *model, const Chw__Trees *trees,
                          struct questions **out)
{
    *out = NULL;
    struct questions *self = calloc(1, sizeof *self);
    if (self == NULL)
        return STATUS_NOMEM;
    enum status status = classes_new(model, trees, &self->classes);
    if (status != STATUS_OK || self->classes == NULL)
        goto end;
    self->feature_count = model->message->n_features;
    self->spans = calloc(self->feature_count + 1, sizeof *self->spans);
    self->items = calloc(inner_nodes(trees) + 1, sizeof *self->items);
    status = STATUS_NOMEM;
    if (self->spans == NULL || self->items == NULL)
        goto end;
    keep_distinct(self, gather(self));
    *out = self;
    return STATUS_OK;
end:
    questions_free(self);
    return status;
}

void questions_free(struct questions *self)
{
    if (self == NULL)
        return;
    classes_free(self->classes);
    free(self->spans);
    free(self->items);
    free(self);
}

size_t questions_bytes(const struct questions *self)
{
    return sizeof *self + classes_bytes(self->classes) +
           self->feature_count * sizeof *self->spans + self->count * sizeof *self->items;
}

uint32_t questions_plane(const struct questions *self, const Chw__Tree *tree, size_t node)
{
    struct question question = classes_question(self->classes, tree, node);
    return classes_find(self->items, self->count, &question) + 1;
}
