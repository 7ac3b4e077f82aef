/* SPDX-License-Identifier: Apache-2.0 */
/* faults.c - a row for each fault; whom it strikes is drawn. */
#include "tests/sim/faults.h"

#include "tests/sim/node_broker.h"
#include "tests/sim/node_client.h"
#include "tests/sim/node_worker.h"
#include "tests/sim/world.h"

enum { MS = 1000, SECOND = 1000 * MS };

enum { BACK_TICKS = 27 }; /* a little more than a broker waits for who is away */

static struct worker_node *any_worker(struct world *world)
{
    return &world->workers[dice_roll(&world->dice, world->setup->workers)];
}

static struct broker_node *any_broker(struct world *world)
{
    return &world->brokers[dice_roll(&world->dice, world->setup->brokers)];
}

static struct client_node *any_client(struct world *world)
{
    return &world->clients[dice_roll(&world->dice, world->setup->clients)];
}

static struct link *any_link(struct world *world)
{
    return network_at(world->network,
                      dice_roll(&world->dice, network_link_count(world->network)));
}

static uint64_t draw_time(struct world *world, uint32_t least, uint32_t most)
{
    return world_now_us(world) + dice_scaled(&world->dice, least, most);
}

/* ---- processes ---- */

static void kill_worker(struct world *world)
{
    worker_crash(world, any_worker(world));
}

static void pause_worker(struct world *world)
{
    struct worker_node *worker = any_worker(world);
    uint64_t until_us = draw_time(world, 5 * MS, 15 * SECOND);
    if (!worker->node.up)
        return;
    world_trace_value(world, &worker->node.name, "stands still", "until", until_us);
    worker_mishap(world, worker, until_us);
    node_pause(world, &worker->node, until_us);
}

static void slow_worker(struct world *world)
{
    struct worker_node *worker = any_worker(world);
    worker->slowness = worker->slowness > 1 ? 1 : dice_scaled(&world->dice, 2, 60);
    world_trace_value(world, &worker->node.name, "is slow", "times", worker->slowness);
    worker_mishap(world, worker, world->setup->chaos_us);
}

static void drain_worker(struct world *world)
{
    worker_drain(world, any_worker(world));
}

static void kill_broker(struct world *world)
{
    broker_crash(world, any_broker(world));
}

static void pause_broker(struct world *world)
{
    struct broker_node *broker = any_broker(world);
    uint64_t until_us = draw_time(world, 5 * MS, 15 * SECOND);
    if (!broker->node.up)
        return;
    world_trace_value(world, &broker->node.name, "stands still", "until", until_us);
    node_pause(world, &broker->node, until_us);
}

static void drain_broker(struct world *world)
{
    broker_drain(world, any_broker(world));
}

/* At once, or in the middle of what its spool does. */
static void end_client(struct world *world, bool power_cut)
{
    struct client_node *client = any_client(world);
    if (client->spool.disk != NULL && dice_chance(&world->dice, 600))
        client_doom(world, client, dice_scaled(&world->dice, 1, 30) - 1, power_cut);
    else
        client_crash(world, client, power_cut);
}

static void kill_client(struct world *world)
{
    end_client(world, false);
}

static void power_cut(struct world *world)
{
    end_client(world, true);
}

static void disk_fault(struct world *world)
{
    client_disturb_disk(world, any_client(world), dice_roll(&world->dice, 8),
                        dice_chance(&world->dice, 500) ? STATUS_FULL : STATUS_IO);
}

static void pause_client(struct world *world)
{
    struct client_node *client = any_client(world);
    if (client->node.up)
        node_pause(world, &client->node, draw_time(world, 5 * MS, 15 * SECOND));
}

static void forget_broker(struct world *world)
{
    client_forget(world, any_client(world), any_broker(world)->node.name.number,
                  dice_scaled(&world->dice, 100 * MS, 10 * SECOND));
}

/* ---- the network ---- */

/* Whose link is in trouble may be charged. */
static void suspect(struct world *world, const struct link *link, uint64_t until_us)
{
    for (uint32_t i = 0; i < world->setup->workers; i++)
        if (link->peer->node == &world->workers[i].node)
            worker_mishap(world, &world->workers[i], until_us);
}

/* A worker connects anew within about a second, speaks within another half, and is asked
 * who it is: a broker that waits for longer takes it for the same, and charges nothing.
 */
static bool is_back_in_time(struct world *world, const struct link *link)
{
    const uint64_t back_us = BACK_TICKS * DISPATCH_TICK_MS * MS;
    return world->setup->liveness_ticks >= BACK_TICKS &&
           world_now_us(world) - link->reset_us > back_us &&
           !network_is_troubled(world, link);
}

static void reset(struct world *world)
{
    struct link *link = any_link(world);
    bool in_time = is_back_in_time(world, link);
    if (!in_time && setup_is_flapping(world->setup))
        return;
    link->reset_us = world_now_us(world);
    if (!in_time)
        suspect(world, link, world_now_us(world));
    network_break(world, link, 0, 0);
}

static void half_open(struct world *world)
{
    struct link *link = any_link(world);
    uint32_t peer_us = dice_scaled(&world->dice, 10 * MS, 8 * SECOND);
    uint32_t broker_us = dice_scaled(&world->dice, 10 * MS, 8 * SECOND);
    suspect(world, link, world_now_us(world) + peer_us + broker_us);
    network_break(world, link, peer_us, broker_us);
}

/* One way or both; TCP holds what is sent until the way is free, or gives up. */
static void block(struct world *world, struct link *link, uint64_t until_us)
{
    uint32_t ways = dice_between(&world->dice, 1, 3);
    suspect(world, link, until_us);
    if ((ways & 1) != 0)
        network_block(world, link, UP, until_us);
    if ((ways & 2) != 0)
        network_block(world, link, DOWN, until_us);
}

static void partition(struct world *world)
{
    struct link *link = any_link(world);
    world_trace(world, &link->peer->name, "cannot reach", &link->broker->node.name);
    block(world, link, draw_time(world, 50 * MS, 10 * SECOND));
}

static void isolate_broker(struct world *world)
{
    struct broker_node *broker = any_broker(world);
    uint64_t until_us = draw_time(world, 50 * MS, 10 * SECOND);
    world_trace_value(world, &broker->node.name, "is cut off", "until", until_us);
    for (uint32_t i = 0; i < network_link_count(world->network); i++)
        if (network_at(world->network, i)->broker == broker)
            block(world, network_at(world->network, i), until_us);
}

/* ---- the store ---- */

static void store_away(struct world *world)
{
    store_model_go_away(world, world->store, draw_time(world, 10 * MS, 20 * SECOND));
}

static void promote(struct world *world)
{
    store_model_promote(world, world->store);
    for (uint32_t i = 0; i < world->setup->workers; i++)
        if (world->workers[i].node.up)
            worker_see_promotion(world, &world->workers[i]);
}

/* ---- one after another ---- */

static enum fault draw_fault(struct world *world)
{
    const struct setup *setup = world->setup;
    uint32_t at = dice_roll(&world->dice, setup->weight_sum), fault = 0;
    while (at >= setup->weights[fault])
        at -= setup->weights[fault++];
    return (enum fault)fault;
}

static void strike(struct world *world, struct event *event)
{
    static void (*const strikes[FAULT_COUNT])(struct world *) = {
#define FAULT_ROW(name) [FAULT_##name] = name,
        FAULT_LIST(FAULT_ROW)
#undef FAULT_ROW
    };
    (void)event;
    if (world->calm)
        return;
    enum fault fault = draw_fault(world);
    world->faults[fault]++;
    strikes[fault](world);
    faults_begin(world);
}

void faults_begin(struct world *world)
{
    const struct setup *setup = world->setup;
    if (setup->fault_us == 0)
        return;
    uint64_t at_us = world_now_us(world) + dice_wait(&world->dice, setup->fault_us);
    if (at_us < setup->chaos_us)
        agenda_add(world->agenda, at_us, strike, NULL);
}

void faults_end(struct world *world)
{
    for (uint32_t i = 0; i < world->setup->workers; i++)
        world->workers[i].slowness = 1;
    for (uint32_t i = 0; i < world->setup->clients; i++)
        client_remember(world, &world->clients[i]);
    for (uint32_t i = 0; i < world->setup->clients; i++)
        client_spare(&world->clients[i]);
}
