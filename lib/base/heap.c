/* SPDX-License-Identifier: Apache-2.0 */
/* heap.c - what is due first. */
#include "base/heap.h"

#include <assert.h>
#include <stdlib.h>

enum status heap_open(struct heap *self, uint32_t count_max)
{
    *self = (struct heap){.count_max = count_max};
    self->nodes = calloc((size_t)count_max + 1, sizeof *self->nodes);
    return self->nodes == NULL ? STATUS_NOMEM : STATUS_OK;
}

void heap_close(struct heap *self)
{
    free(self->nodes);
    self->nodes = NULL;
}

static void put(struct heap *self, uint32_t place, struct heap_node *node)
{
    self->nodes[place] = node;
    node->place = place;
}

/* From `place`, where nothing is now, towards the first. */
static void rise(struct heap *self, uint32_t place, struct heap_node *node)
{
    for (; place > 1 && node->key < self->nodes[place / 2]->key; place /= 2)
        put(self, place, self->nodes[place / 2]);
    put(self, place, node);
}

static void sink(struct heap *self, uint32_t place, struct heap_node *node)
{
    for (;;) {
        uint32_t child = 2 * place;
        if (child < self->count && self->nodes[child + 1]->key < self->nodes[child]->key)
            child++;
        if (child > self->count || node->key <= self->nodes[child]->key)
            break;
        put(self, place, self->nodes[child]);
        place = child;
    }
    put(self, place, node);
}

void heap_insert(struct heap *self, struct heap_node *node, uint64_t key)
{
    assert(node->place == 0 && self->count < self->count_max);
    node->key = key;
    rise(self, ++self->count, node);
}

void heap_remove(struct heap *self, struct heap_node *node)
{
    uint32_t place = node->place;
    if (place == 0)
        return;
    struct heap_node *last = self->nodes[self->count--];
    node->place = 0;
    if (last == node)
        return;
    if (place > 1 && last->key < self->nodes[place / 2]->key)
        rise(self, place, last);
    else
        sink(self, place, last);
}

struct heap_node *heap_first(const struct heap *self)
{
    return self->count == 0 ? NULL : self->nodes[1];
}
