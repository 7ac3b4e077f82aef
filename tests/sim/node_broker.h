/* SPDX-License-Identifier: Apache-2.0 */
/* node_broker.h - a broker: the real dispatcher, fed by the network instead of sockets.
 */

#ifndef SIM_NODE_BROKER_H
#define SIM_NODE_BROKER_H

#include "broker/dispatch.h"
#include "tests/sim/fairness.h"
#include "tests/sim/network.h"

struct broker_node {
    struct node node;
    struct dispatch *dispatch; /* NULL while it is down */
    uint64_t wake_us;          /* when it is to look at deadlines; UINT64_MAX: never */
    uint64_t busy_ns;          /* until then it has work, where that takes time */
    uint64_t *tickets;         /* the last of each of the dispatcher's slots */
    uint32_t bodies;           /* handed to the dispatcher and not released */
    bool draining;
    struct fairness fairness;
};

void broker_init(struct world *world, struct broker_node *self, uint32_t number);
void broker_close(struct world *world, struct broker_node *self);

void broker_start(struct world *world, struct broker_node *self);
/* kill -9. It starts again after a while. */
void broker_crash(struct world *world, struct broker_node *self);
/* SIGTERM: it ends when it is done, and starts again. */
void broker_drain(struct world *world, struct broker_node *self);

/* The message stays the caller's. */
void broker_receive(struct world *world, struct broker_node *self, uint64_t route,
                    struct link *link, struct message *message);

/* In a scenario: when it is done with one more message. */
uint64_t broker_busy_until_us(struct world *world, struct broker_node *self);
/* Bytes of a dispatcher that holds nothing. */
size_t broker_tables_size(struct world *world);

#endif
