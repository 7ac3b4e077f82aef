/* SPDX-License-Identifier: Apache-2.0 */
/* network.c - connections, and what happens to messages on them. */
#include "tests/sim/network.h"

#include "tests/sim/node_broker.h"
#include "tests/sim/world.h"

#include <stdlib.h>

enum {
    RETRY_MIN_US = 50000,
    RETRY_MAX_US = 1000000,
};

struct network {
    uint32_t peers, brokers;
    struct link links[];
};

struct network *network_new(struct world *world, uint32_t peers, uint32_t brokers)
{
    size_t count = (size_t)peers * brokers;
    struct network *self = calloc(1, sizeof *self + count * sizeof self->links[0]);
    (void)world;
    if (self == NULL)
        abort();
    self->peers = peers;
    self->brokers = brokers;
    return self;
}

void network_free(struct network *self)
{
    free(self);
}

struct link *network_link(struct network *self, const struct peer *peer, uint32_t broker)
{
    return &self->links[(size_t)peer->index * self->brokers + broker];
}

uint32_t network_link_count(const struct network *self)
{
    return self->peers * self->brokers;
}

struct link *network_at(struct network *self, uint32_t index)
{
    return &self->links[index];
}

void network_join(struct network *self, struct peer *peer, struct broker_node *broker,
                  uint32_t number)
{
    *network_link(self, peer, number) =
        (struct link){.peer = peer, .broker = broker, .number = number, .wanted = true};
}

/* ---- connections ---- */

static uint64_t route_of(const struct world *world, const struct link *link,
                         uint64_t incarnation)
{
    return incarnation << 32 | (uint64_t)(link - world->network->links);
}

struct link *network_link_of(struct network *self, uint64_t route)
{
    return &self->links[(uint32_t)route];
}

static bool is_blocked(const struct world *world, const struct link *link)
{
    uint64_t now_us = world_now_us(world);
    return link->blocked_until_us[UP] > now_us || link->blocked_until_us[DOWN] > now_us;
}

static void connect(struct world *world, struct link *link)
{
    link->connected = true;
    link->incarnation++;
    link->last_us[UP] = link->last_us[DOWN] = 0;
    world_trace(world, &link->peer->name, "connects to", &link->broker->node.name);
    if (link->peer->connected != NULL)
        link->peer->connected(world, link->peer, link);
}

static void try_later(struct world *world, struct link *link, uint64_t wait_us);

/* A listening socket accepts though its process stands still. */
static void try_now(struct world *world, struct event *event)
{
    struct link *link = event->subject;
    link->trying = false;
    if (!link->wanted || link->connected || !link->peer->node->up)
        return;
    bool blind = link->blind_until_us[UP] > world_now_us(world);
    if (link->broker->node.up && !blind && !is_blocked(world, link)) {
        connect(world, link);
        return;
    }
    try_later(world, link, RETRY_MIN_US + dice_roll(&world->dice, RETRY_MAX_US));
}

static void try_later(struct world *world, struct link *link, uint64_t wait_us)
{
    if (link->trying || link->connected || !link->wanted)
        return;
    link->trying = true;
    agenda_add(world->agenda, world_now_us(world) + wait_us, try_now, link);
}

void network_open(struct world *world, struct peer *peer)
{
    for (uint32_t i = 0; i < world->network->brokers; i++)
        try_later(world, network_link(world->network, peer, i),
                  world->setup->link_us + dice_roll(&world->dice, 1000));
}

static void learn(struct world *world, struct event *event)
{
    struct link *link = event->subject;
    if (event->token == link->peer->node->life && link->peer->lost != NULL)
        link->peer->lost(world, link->peer, link);
}

void network_break(struct world *world, struct link *link, uint64_t peer_blind_us,
                   uint64_t broker_blind_us)
{
    uint64_t now_us = world_now_us(world);
    if (!link->connected)
        return;
    world_trace(world, &link->peer->name, "is cut off from", &link->broker->node.name);
    link->connected = false;
    link->blind_until_us[UP] = now_us + peer_blind_us;
    link->blind_until_us[DOWN] = now_us + broker_blind_us;
    struct event *event =
        agenda_add(world->agenda, link->blind_until_us[UP], learn, link);
    event->token = link->peer->node->life;
    try_later(world, link, RETRY_MIN_US + dice_roll(&world->dice, RETRY_MAX_US));
}

/* The broker sees the end of the connection after what came before it. */
void network_hang_up(struct world *world, struct link *link, bool flush)
{
    uint64_t now_us = world_now_us(world), last_us = link->last_us[UP];
    uint64_t wait_us = last_us > now_us ? last_us - now_us : 0;
    if (!link->connected)
        return;
    link->flushing = flush ? link->incarnation : 0;
    network_break(world, link, 0, flush ? wait_us + world->setup->link_us : 0);
}

bool network_is_troubled(const struct world *world, const struct link *link)
{
    return !link->connected || is_blocked(world, link);
}

void network_note_mishap(const struct world *world, const struct link *link,
                         struct message *message)
{
    bool trouble = network_is_troubled(world, link) ||
                   link->peer->node->troubled_until_us > world_now_us(world);
    message->batch->mishaps += trouble && !message->mishap;
    message->mishap = message->mishap || trouble;
}

void network_want(struct world *world, struct link *link, bool wanted)
{
    link->wanted = wanted;
    if (!wanted)
        network_break(world, link, 0, 0);
    else
        try_later(world, link, world->setup->link_us);
}

void network_block(struct world *world, struct link *link, enum direction direction,
                   uint64_t until_us)
{
    (void)world;
    if (link->blocked_until_us[direction] < until_us)
        link->blocked_until_us[direction] = until_us;
}

/* ---- messages ---- */

static bool is_current(const struct link *link, const struct event *event)
{
    return link->connected && event->token == link->incarnation;
}

static struct message *take_message(struct event *event)
{
    struct message *message = event->message;
    event->message = NULL;
    return message;
}

/* A broker may charge it: it believes that it had been begun, or not been answered. */
static void lose(const struct message *message)
{
    if (message->batch != NULL)
        message->batch->mishaps++;
}

static void arrive_at_broker(struct world *world, struct event *event)
{
    struct link *link = event->subject;
    bool flushed = event->token == link->flushing;
    if (!is_current(link, event) && !flushed) {
        lose(event->message);
        return;
    }
    if (!node_takes_message(world, &link->broker->node, event))
        return;
    broker_receive(world, link->broker, route_of(world, link, event->token), link,
                   event->message);
}

static bool is_grant(const struct message *message)
{
    return message->batch != NULL && (message->header.type == MESSAGE_SCORE ||
                                      message->header.type == MESSAGE_BURY ||
                                      message->header.type == MESSAGE_DESCRIBE);
}

static void arrive_at_peer(struct world *world, struct event *event)
{
    struct link *link = event->subject;
    if (is_grant(event->message))
        event->message->batch->flying--;
    if (!is_current(link, event) || !link->peer->node->up) {
        lose(event->message);
        return;
    }
    if (!node_takes_message(world, link->peer->node, event)) {
        if (is_grant(event->message))
            event->message->batch->flying++;
        return;
    }
    if (is_grant(event->message)) /* the trouble may have begun while it was on its way */
        network_note_mishap(world, link, event->message);
    if (is_blocked(world, link)) /* since it was sent */
        lose(event->message);
    link->peer->receive(world, link->peer, link, take_message(event));
}

/* A broker of a scenario takes its time with each message, one after the other. */
static void queue_at_broker(struct world *world, struct event *event)
{
    struct link *link = event->subject;
    event->happen = arrive_at_broker;
    agenda_again(world->agenda, event, broker_busy_until_us(world, link->broker));
}

static uint64_t arrival_us(struct world *world, struct link *link,
                           enum direction direction)
{
    const struct setup *setup = world->setup;
    uint64_t at_us = world_now_us(world), *last_us = &link->last_us[direction];
    if (link->blocked_until_us[direction] > at_us)
        at_us = link->blocked_until_us[direction];
    at_us += setup->link_us + dice_wait(&world->dice, setup->link_jitter_us);
    if (!world->calm && dice_chance(&world->dice, setup->reorder))
        return at_us + dice_wait(&world->dice, 20 * setup->link_jitter_us);
    if (at_us <= *last_us)
        at_us = *last_us + 1;
    *last_us = at_us;
    return at_us;
}

static void dispatch_message(struct world *world, struct link *link,
                             enum direction direction, struct message *message)
{
    bool slow = world->setup->front_ns > 0 && direction == UP;
    event_fn *happen = direction == DOWN ? arrive_at_peer
                       : slow            ? queue_at_broker
                                         : arrive_at_broker;
    uint64_t at_us = arrival_us(world, link, direction);
    struct event *event = agenda_add(world->agenda, at_us, happen, link);
    if (direction == DOWN && is_grant(message))
        message->batch->flying++;
    event->token = link->incarnation;
    event->message = message;
}

static void transport(struct world *world, struct link *link, enum direction direction,
                      struct message *message)
{
    bool harsh = !world->calm;
    if (harsh && dice_chance(&world->dice, world->setup->drop)) {
        world_trace_batch(world, &link->peer->name, "loses a message with",
                          &link->broker->node.name, message->batch);
        message_give_back(&world->messages, message);
        return;
    }
    if (harsh && dice_chance(&world->dice, world->setup->twice))
        dispatch_message(world, link, direction, message_copy(&world->messages, message));
    dispatch_message(world, link, direction, message);
}

/* Whoever sends believes that it went. */
static bool swallow(struct world *world, struct link *link, enum direction direction,
                    struct message *message)
{
    lose(message);
    message_give_back(&world->messages, message);
    return link->blind_until_us[direction] > world_now_us(world);
}

bool network_send(struct world *world, struct link *link, struct message *message)
{
    if (!link->connected)
        return swallow(world, link, UP, message);
    transport(world, link, UP, message);
    return true;
}

bool network_answer(struct world *world, struct broker_node *broker, uint64_t route,
                    struct message *message)
{
    struct link *link = network_link_of(world->network, route);
    bool same = link->incarnation == route >> 32;
    (void)broker;
    if (same && link->connected) {
        transport(world, link, DOWN, message);
        return true;
    }
    return swallow(world, link, DOWN, message) && same;
}
