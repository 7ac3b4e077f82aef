/* SPDX-License-Identifier: Apache-2.0 */
/* agenda.h - the virtual clock: what is to happen, in the order of its time. Events of
 * the same microsecond happen in the order in which they were added. */

#ifndef SIM_AGENDA_H
#define SIM_AGENDA_H

#include "base/heap.h"

#include <stdbool.h>
#include <stdint.h>

struct world;
struct event;
struct message;

typedef void event_fn(struct world *world, struct event *event);

struct event {
    struct heap_node due;
    struct list link; /* agenda: among the free ones; node.c: in a node's backlog */
    event_fn *happen;
    void *subject;           /* whom it happens to */
    uint64_t token;          /* of the life or connection that it belongs to */
    uint32_t number;         /* the subject's business */
    struct message *message; /* owned; NULL: none */
};

struct agenda;

/* Never more than `events_max` at once: it aborts. */
struct agenda *agenda_new(uint32_t events_max);
/* `drop` is called for every event that is left. */
void agenda_free(struct agenda *self, void (*drop)(void *arg, struct event *event),
                 void *arg);

uint64_t agenda_now_us(const struct agenda *self);

/* `at_us` in the past: now. The event is the agenda's; its fields may be set. */
struct event *agenda_add(struct agenda *self, uint64_t at_us, event_fn *happen,
                         void *subject);
/* One that was taken and not released, once more. */
void agenda_again(struct agenda *self, struct event *event, uint64_t at_us);

/* The next one; time goes on to it. NULL: there is none at or before `until_us`, where
 * time stands then. */
struct event *agenda_take(struct agenda *self, uint64_t until_us);
void agenda_release(struct agenda *self, struct event *event);

#endif
