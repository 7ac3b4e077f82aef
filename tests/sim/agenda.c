/* SPDX-License-Identifier: Apache-2.0 */
/* agenda.c - a heap of events, and slabs that they come from. */
#include "tests/sim/agenda.h"

#include <stdlib.h>

enum {
    SLAB_EVENTS = 256,
    ORDER_BITS = 20, /* as many events of one microsecond are told apart */
};

struct slab {
    struct slab *next;
    struct event events[SLAB_EVENTS];
};

struct agenda {
    struct heap heap;
    struct list free;
    struct slab *slabs;
    uint64_t now_us, order;
};

struct agenda *agenda_new(uint32_t events_max)
{
    struct agenda *self = calloc(1, sizeof *self);
    if (self == NULL || heap_open(&self->heap, events_max) != STATUS_OK)
        abort();
    list_init(&self->free);
    return self;
}

void agenda_free(struct agenda *self, void (*drop)(void *arg, struct event *event),
                 void *arg)
{
    struct heap_node *node;
    while ((node = heap_first(&self->heap)) != NULL) {
        heap_remove(&self->heap, node);
        drop(arg, heap_item(node, struct event, due));
    }
    while (self->slabs != NULL) {
        struct slab *slab = self->slabs;
        self->slabs = slab->next;
        free(slab);
    }
    heap_close(&self->heap);
    free(self);
}

uint64_t agenda_now_us(const struct agenda *self)
{
    return self->now_us;
}

static void add_slab(struct agenda *self)
{
    struct slab *slab = malloc(sizeof *slab);
    if (slab == NULL)
        abort();
    slab->next = self->slabs;
    self->slabs = slab;
    for (int i = 0; i < SLAB_EVENTS; i++)
        list_push_back(&self->free, &slab->events[i].link);
}

void agenda_again(struct agenda *self, struct event *event, uint64_t at_us)
{
    uint64_t time_us = at_us > self->now_us ? at_us : self->now_us;
    uint64_t order = self->order++ & (((uint64_t)1 << ORDER_BITS) - 1);
    if (self->heap.count == self->heap.count_max)
        abort();
    heap_insert(&self->heap, &event->due, time_us << ORDER_BITS | order);
}

struct event *agenda_add(struct agenda *self, uint64_t at_us, event_fn *happen,
                         void *subject)
{
    if (list_empty(&self->free))
        add_slab(self);
    struct event *event = list_item(self->free.next, struct event, link);
    list_remove(&event->link);
    *event = (struct event){.happen = happen, .subject = subject};
    list_init(&event->link);
    agenda_again(self, event, at_us);
    return event;
}

struct event *agenda_take(struct agenda *self, uint64_t until_us)
{
    struct heap_node *node = heap_first(&self->heap);
    if (node == NULL || node->key >> ORDER_BITS > until_us) {
        self->now_us = until_us;
        return NULL;
    }
    self->now_us = node->key >> ORDER_BITS;
    heap_remove(&self->heap, node);
    return heap_item(node, struct event, due);
}

void agenda_release(struct agenda *self, struct event *event)
{
    list_push_front(&self->free, &event->link);
}
