/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - messages in slabs: a run takes and gives back many. */
#include "tests/sim/message.h"

#include <stdlib.h>
#include <string.h>

enum { SLAB_MESSAGES = 64 };

struct message_slab {
    struct message_slab *next;
    struct message messages[SLAB_MESSAGES];
};

void messages_init(struct messages *self)
{
    list_init(&self->free);
    self->slabs = NULL;
    self->out = 0;
}

void messages_close(struct messages *self)
{
    while (self->slabs != NULL) {
        struct message_slab *slab = self->slabs;
        self->slabs = slab->next;
        free(slab);
    }
}

static void add_slab(struct messages *self)
{
    struct message_slab *slab = malloc(sizeof *slab);
    if (slab == NULL)
        abort();
    slab->next = self->slabs;
    self->slabs = slab;
    for (int i = 0; i < SLAB_MESSAGES; i++)
        list_push_back(&self->free, &slab->messages[i].link);
}

static struct message *take(struct messages *self)
{
    if (list_empty(&self->free))
        add_slab(self);
    struct message *message = list_item(self->free.next, struct message, link);
    list_remove(&message->link);
    self->out++;
    return message;
}

struct message *message_take(struct messages *self, enum message_type type)
{
    struct message *message = take(self);
    memset(message, 0, offsetof(struct message, held_tickets));
    list_init(&message->link);
    message->header.type = type;
    return message;
}

struct message *message_copy(struct messages *self, const struct message *message)
{
    struct message *copy = take(self);
    memcpy(copy, message,
           offsetof(struct message, held_tickets) +
               message->held_count * sizeof message->held_tickets[0]);
    list_init(&copy->link);
    return copy;
}

void message_give_back(struct messages *self, struct message *message)
{
    if (message == NULL)
        return;
    list_push_front(&self->free, &message->link);
    self->out--;
}
