/* SPDX-License-Identifier: Apache-2.0 */
/* slots.c - the slots of an ensemble, each once. */
#include "model/slots.h"

#include <assert.h>
#include <stdlib.h>

/* What is asked of a slot, without what the node compares it with. */
static struct question slot_of(const struct slots *self, struct question question)
{
    const struct feature *feature = &self->classes->model->features[question.feature];
    bool kept = feature->source->missing == CHW__MISSING_POLICY__MISSING_KEEP;
    if (question.kind == QUESTION_ABOVE) {
        question.operand = (uint16_t)(question.operand / self->range);
    } else if (question.kind != QUESTION_IS && question.kind != QUESTION_OUTSIDE) {
        question.kind = QUESTION_ABOVE;
        question.operand = 0;
    }
    question.missing_right = kept && question.missing_right;
    return question;
}

static size_t inner_nodes(const Chw__Trees *trees)
{
    size_t count = 0;
    for (size_t i = 0; i < trees->n_trees; i++)
        for (size_t node = 0; node < trees->trees[i]->n_left; node++)
            count += trees->trees[i]->left[node] != 0;
    return count;
}

bool slots_make(struct slots *self, const struct classes *classes,
                const Chw__Trees *trees, uint32_t range)
{
    size_t count = 0;
    *self = (struct slots){.classes = classes, .range = range};
    self->items = calloc(inner_nodes(trees) + 1, sizeof *self->items);
    if (self->items == NULL)
        return false;
    for (size_t i = 0; i < trees->n_trees; i++)
        for (size_t node = 0; node < trees->trees[i]->n_left; node++)
            if (trees->trees[i]->left[node] != 0)
                self->items[count++] =
                    slot_of(self, classes_question(classes, trees->trees[i], node));
    self->count = classes_distinct(self->items, count);
    return true;
}

void slots_release(struct slots *self)
{
    free(self->items);
    self->items = NULL;
}

uint32_t slots_find(const struct slots *self, const struct question *question)
{
    struct question slot = slot_of(self, *question);
    return classes_find(self->items, self->count, &slot);
}

uint16_t slots_bound(const struct slots *self, const struct question *question)
{
    switch ((enum question_kind)question->kind) {
    case QUESTION_ABOVE:
        return (uint16_t)(question->operand % self->range + 2);
    case QUESTION_IS:
    case QUESTION_OUTSIDE:
        return 2;
    case QUESTION_ALWAYS:
        return 1;
    case QUESTION_NEVER:
        break;
    }
    return (uint16_t)(self->range + 2);
}
