/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - messages in slabs: a run takes and gives back many. */
#include "tests/sim/message.h"

#include <stdlib.h>

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
        for (int i = 0; i < SLAB_MESSAGES; i++)
            free(slab->messages[i].news);
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
    for (int i = 0; i < SLAB_MESSAGES; i++) {
        slab->messages[i].news = NULL;
        list_push_back(&self->free, &slab->messages[i].link);
    }
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
    *message = (struct message){.header.type = type};
    list_init(&message->link);
    return message;
}

struct holding_news *message_add_news(struct message *message)
{
    message->news = malloc(sizeof *message->news);
    if (message->news == NULL)
        abort();
    return message->news;
}

struct message *message_copy(struct messages *self, const struct message *message)
{
    struct message *copy = take(self);
    *copy = *message;
    list_init(&copy->link);
    if (message->news != NULL)
        *message_add_news(copy) = *message->news;
    return copy;
}

void message_give_back(struct messages *self, struct message *message)
{
    if (message == NULL)
        return;
    free(message->news);
    message->news = NULL;
    list_push_front(&self->free, &message->link);
    self->out--;
}
