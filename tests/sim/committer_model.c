/* SPDX-License-Identifier: Apache-2.0 */
/* committer_model.c - group commit, with a store that may be away. */
#include "tests/sim/committer_model.h"

#include "tests/sim/world.h"

enum {
    RETRY_MIN_US = 20000,
    RETRY_MAX_US = 500000,
    FAIL_MIN_US = 1000, /* until a call to a store that is away has failed */
    FAIL_MAX_US = 200000,
};

void committer_model_init(struct world *world, struct committer_model *self,
                          struct node *node,
                          void (*done)(struct world *world, struct commit *commit))
{
    *self = (struct committer_model){.world = world, .node = node, .done = done};
    list_init(&self->jobs);
}

uint64_t committer_model_busy_since_us(const struct committer_model *self)
{
    return self->count == 0 ? 0 : self->busy_since_us;
}

static void attempt(struct committer_model *self);

static void take_group(struct committer_model *self)
{
    while (!list_empty(&self->jobs) && self->count < COMMIT_GROUP_MAX) {
        struct commit *commit = list_item(self->jobs.next, struct commit, link);
        list_remove(&commit->link);
        self->group[self->count++] = commit;
    }
    if (self->count == 0)
        return;
    self->busy_since_us = world_now_us(self->world);
    self->pause_us = RETRY_MIN_US;
    attempt(self);
}

/* Reading the recorded versions of a duplicate needs the store, too. */
static void hand_back(struct committer_model *self, bool unavailable)
{
    struct world *world = self->world;
    uint32_t count = self->count;
    self->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct commit *commit = self->group[i];
        bool recalls = commit->result.verdict == VERDICT_DUPLICATE &&
                       commit->result.recorded.outcome == OUTCOME_COUNTED;
        commit->unavailable =
            unavailable || (recalls && store_model_is_away(world, world->store));
        self->done(world, commit);
    }
    if (self->count == 0)
        take_group(self);
}

static bool gives_up(const struct committer_model *self)
{
    uint64_t wait_us = self->world->setup->wait_ms * 1000ull;
    return self->hurry || world_now_us(self->world) - self->group[0]->since_us >= wait_us;
}

static void try_again(struct world *world, struct event *event)
{
    struct committer_model *self = event->subject;
    if (node_timer_is_due(world, self->node, event))
        attempt(self);
}

static void look_if_back(struct world *world, struct event *event)
{
    struct committer_model *self = event->subject;
    if (!node_timer_is_due(world, self->node, event))
        return;
    self->looking = false;
    self->away = store_model_is_away(world, world->store);
    if (self->away) {
        self->looking = true;
        node_timer(world, self->node, world_now_us(world) + RETRY_MAX_US, look_if_back,
                   self);
    }
}

static void go_away(struct committer_model *self)
{
    self->away = true;
    if (self->looking)
        return;
    self->looking = true;
    node_timer(self->world, self->node, world_now_us(self->world) + RETRY_MAX_US,
               look_if_back, self);
}

static void fail(struct world *world, struct event *event)
{
    struct committer_model *self = event->subject;
    if (!node_timer_is_due(world, self->node, event))
        return;
    go_away(self);
    if (gives_up(self)) {
        hand_back(self, true);
        return;
    }
    node_timer(world, self->node, world_now_us(world) + self->pause_us, try_again, self);
    self->pause_us =
        self->pause_us * 2 < RETRY_MAX_US ? self->pause_us * 2 : RETRY_MAX_US;
}

static void settle_group(struct committer_model *self)
{
    struct world *world = self->world;
    for (uint32_t i = 0; i < self->count; i++)
        store_model_settle(world, world->store, &self->group[i]->call,
                           &self->group[i]->result);
}

/* The store has answered the transaction, or the link to it broke on the way. */
static void finish(struct world *world, struct event *event)
{
    struct committer_model *self = event->subject;
    if (!node_timer_is_due(world, self->node, event))
        return;
    self->away = false;
    hand_back(self, false);
}

/* The transaction is made, or the store is away; its answer may be lost even so. */
static void settle_at_store(struct world *world, struct event *event)
{
    struct committer_model *self = event->subject;
    if (event->token != self->node->life)
        return;
    bool away = store_model_is_away(world, world->store);
    uint64_t now_us = world_now_us(world);
    if (!away || dice_chance(&world->dice, 300))
        settle_group(self);
    if (away)
        node_timer(world, self->node,
                   now_us + dice_between(&world->dice, FAIL_MIN_US, FAIL_MAX_US), fail,
                   self);
    else
        node_timer(world, self->node, now_us + world->setup->link_us, finish, self);
}

static void attempt(struct committer_model *self)
{
    struct world *world = self->world;
    uint64_t now_us = world_now_us(world);
    if (store_model_is_away(world, world->store)) {
        node_timer(world, self->node,
                   now_us + dice_between(&world->dice, FAIL_MIN_US, FAIL_MAX_US), fail,
                   self);
        return;
    }
    uint64_t done_us = store_model_reserve(world, world->store, self->count);
    agenda_add(world->agenda, done_us, settle_at_store, self)->token = self->node->life;
}

void committer_model_submit(struct committer_model *self, struct commit *commit)
{
    commit->since_us = world_now_us(self->world);
    commit->unavailable = false;
    commit->result = (struct settle_return){.verdict = VERDICT_FIRST};
    list_push_back(&self->jobs, &commit->link);
    if (self->count == 0)
        take_group(self);
}

void committer_model_die(struct committer_model *self)
{
    if (self->count > 0 && !store_model_is_away(self->world, self->world->store) &&
        dice_chance(&self->world->dice, 500))
        settle_group(self);
    self->count = 0;
}
