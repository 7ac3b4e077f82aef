/* SPDX-License-Identifier: Apache-2.0 */
/* network.h - connections between peers (clients, threads of workers) and brokers.
 *
 *                 tried              break
 *   (none) ---------------> connected -----> broken, of which either side may learn late
 *      ^                                        |
 *      +----------------------------------------+
 *
 * What is sent arrives late, in order, once; of what is under way when the connection
 * breaks nothing arrives. A setup may drop, double and reorder besides: worse than TCP.
 * Each connection has a route of its own at the broker, as a ROUTER gives it. */

#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "tests/sim/message.h"
#include "tests/sim/node.h"

enum direction { UP, DOWN }; /* to the broker, to the peer */

struct link;
struct broker_node;

/* What has a socket for each broker. */
struct peer {
    struct node *node; /* that it is a part of */
    struct trace_name name;
    uint32_t index;
    void (*receive)(struct world *world, struct peer *self, struct link *link,
                    struct message *message); /* which becomes its own */
    /* NULL: it is not told. */
    void (*connected)(struct world *world, struct peer *self, struct link *link);
    void (*lost)(struct world *world, struct peer *self, struct link *link);
};

struct link {
    struct peer *peer;
    struct broker_node *broker;
    uint32_t number; /* of the broker */
    bool wanted;     /* its address is among the peer's */
    bool connected;
    bool trying;
    uint64_t incarnation;
    uint64_t flushing; /* the incarnation whose last messages still reach the broker */
    uint64_t blind_until_us[2];   /* who sends so does not know that it broke */
    uint64_t blocked_until_us[2]; /* nothing gets through before */
    uint64_t last_us[2];          /* when the latest arrives */
    uint64_t reset_us;            /* when it was last reset */
};

struct network;

struct network *network_new(struct world *world, uint32_t peers, uint32_t brokers);
void network_free(struct network *self);

struct link *network_link(struct network *self, const struct peer *peer, uint32_t broker);
uint32_t network_link_count(const struct network *self);
struct link *network_at(struct network *self, uint32_t index);
void network_join(struct network *self, struct peer *peer, struct broker_node *broker,
                  uint32_t number);

/* The peer's sockets open: they try until they are connected. */
void network_open(struct world *world, struct peer *peer);
void network_want(struct world *world, struct link *link, bool wanted);

/* Either side learns of it only after so long: what it sends meanwhile is lost. */
void network_break(struct world *world, struct link *link, uint64_t peer_blind_us,
                   uint64_t broker_blind_us);
/* The peer's process ends: what it had sent still arrives, or does not. */
void network_hang_up(struct world *world, struct link *link, bool flush);
/* Something is wrong with it that a broker may take for the peer's end. */
bool network_is_troubled(const struct world *world, const struct link *link);

/* A broker may charge this grant, if one of both is in trouble: once. */
void network_note_mishap(const struct world *world, const struct link *link,
                         struct message *message);
void network_block(struct world *world, struct link *link, enum direction direction,
                   uint64_t until_us);

/* From the peer; the message is the network's. False: there is no connection. */
bool network_send(struct world *world, struct link *link, struct message *message);
struct link *network_link_of(struct network *self, uint64_t route);
/* From the broker. False: nobody is at that route. */
bool network_answer(struct world *world, struct broker_node *broker, uint64_t route,
                    struct message *message);

#endif
