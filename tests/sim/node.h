/* SPDX-License-Identifier: Apache-2.0 */
/* node.h - a process: it starts, stops still, goes on, dies and starts again. */

#ifndef SIM_NODE_H
#define SIM_NODE_H

#include "tests/sim/agenda.h"
#include "tests/sim/trace.h"

struct node {
    struct trace_name name;
    bool up;
    uint64_t life;            /* grows with each start and end */
    uint64_t paused_until_us; /* 0: it runs */
    /* Until then a broker may find fault with it, and charge a batch that it holds. */
    uint64_t troubled_until_us;
    struct list backlog; /* events with messages that came while it stood still */
};

void node_init(struct node *self, const char *kind, uint32_t number);

void node_begin(struct node *self);
/* What was to happen to it will not. */
void node_end(struct world *world, struct node *self);

/* Like SIGSTOP, and SIGCONT at that time. */
void node_pause(struct world *world, struct node *self, uint64_t until_us);
bool node_is_paused(const struct world *world, const struct node *self);

/* A timer of this life of the node; while it stands still, the timer waits. */
struct event *node_timer(struct world *world, struct node *self, uint64_t at_us,
                         event_fn *happen, void *subject);

/* At the beginning of what happens. False: not now, or not any more. */
bool node_timer_is_due(struct world *world, struct node *self, struct event *event);
bool node_takes_message(struct world *world, struct node *self, struct event *event);

#endif
