/* SPDX-License-Identifier: Apache-2.0 */
/* node.c - lives and pauses. */
#include "tests/sim/node.h"

#include "tests/sim/world.h"

void node_init(struct node *self, const char *kind, uint32_t number)
{
    *self = (struct node){.name = {kind, number}};
    list_init(&self->backlog);
}

void node_begin(struct node *self)
{
    self->up = true;
    self->life++;
    self->paused_until_us = 0;
}

static struct event *take_backlog(struct node *self)
{
    if (list_empty(&self->backlog))
        return NULL;
    struct event *event = list_item(self->backlog.next, struct event, link);
    list_remove(&event->link);
    return event;
}

void node_end(struct world *world, struct node *self)
{
    struct event *event;
    self->up = false;
    self->life++;
    self->paused_until_us = 0;
    while ((event = take_backlog(self)) != NULL)
        world_drop_event(world, event);
}

bool node_is_paused(const struct world *world, const struct node *self)
{
    return self->paused_until_us > world_now_us(world);
}

static void go_on(struct world *world, struct event *event)
{
    struct node *self = event->subject;
    struct event *waiting;
    if (event->token != self->life || node_is_paused(world, self))
        return;
    self->paused_until_us = 0;
    while (!node_is_paused(world, self) && (waiting = take_backlog(self)) != NULL)
        world_happen(world, waiting);
}

void node_pause(struct world *world, struct node *self, uint64_t until_us)
{
    if (until_us <= self->paused_until_us)
        return;
    self->paused_until_us = until_us;
    agenda_add(world->agenda, until_us, go_on, self)->token = self->life;
}

struct event *node_timer(struct world *world, struct node *self, uint64_t at_us,
                         event_fn *happen, void *subject)
{
    struct event *event = agenda_add(world->agenda, at_us, happen, subject);
    event->token = self->life;
    return event;
}

/* A timer that came due meanwhile goes off after what has arrived. */
bool node_timer_is_due(struct world *world, struct node *self, struct event *event)
{
    if (!self->up || event->token != self->life)
        return false;
    if (!node_is_paused(world, self))
        return true;
    agenda_again(world->agenda, event, self->paused_until_us + 1);
    return false;
}

bool node_takes_message(struct world *world, struct node *self, struct event *event)
{
    if (!self->up)
        return false;
    if (!node_is_paused(world, self))
        return true;
    list_push_back(&self->backlog, &event->link);
    return false;
}
