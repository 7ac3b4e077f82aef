/* SPDX-License-Identifier: Apache-2.0 */
/* node_worker.c - the rounds of a worker's threads. */
#include "tests/sim/node_worker.h"

#include "tests/sim/check.h"
#include "tests/sim/node_broker.h"
#include "tests/sim/world.h"

#include <stdlib.h>

enum {
    HEARTBEAT_US = 500000,
    BLOCK_ROWS = 1024,
    LINGER_US = 1000000,
    POLL_US = 250000, /* the watcher, while the store is away */
};

static void run(struct world *world, struct thread *self);

static void post_init(struct post *self)
{
    *self = (struct post){0};
    holding_init(&self->holding);
}

static struct post *post_of(struct thread *self, const struct link *link)
{
    return &self->posts[link->number];
}

/* ---- sending ---- */

static bool say(struct world *world, struct thread *self, struct link *link,
                struct message *message)
{
    world_trace_message(world, &self->peer.name, "sends", &link->broker->node.name,
                        message);
    return network_send(world, link, message);
}

static bool say_type(struct world *world, struct thread *self, struct link *link,
                     enum message_type type)
{
    return say(world, self, link, message_take(&world->messages, type));
}

/* What a broker may have of it here: rounded up, so that each has some. */
static uint64_t share_of(struct world *world, const struct thread *self, uint64_t whole)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < world->setup->brokers; i++)
        live += network_link(world->network, &self->peer, i)->connected;
    return live <= 1 ? whole : (whole + live - 1) / live;
}

static uint32_t window_now(struct world *world, const struct thread *self)
{
    if (self->process->draining || self->process->committer.away)
        return 0;
    return (uint32_t)share_of(world, self, world->setup->worker_window);
}

static void tell_window(struct world *world, const struct thread *self,
                        struct message *message)
{
    message->window = window_now(world, self);
    message->window_bytes = share_of(world, self, world->setup->window_bytes);
}

/* Of the socket, which has one life with its process. */
static uint64_t instance_of(const struct thread *self, const struct link *link)
{
    return self->process->node.life << 32 | self->peer.index << 8 | (link->number + 1);
}

static void greet(struct world *world, struct thread *self, struct link *link)
{
    struct message *hello = message_take(&world->messages, MESSAGE_HELLO);
    tell_window(world, self, hello);
    hello->instance = instance_of(self, link);
    post_of(self, link)->greeted = say(world, self, link, hello);
    post_of(self, link)->incarnation = link->incarnation;
}

static bool waits_for_store(struct world *world, const struct thread *self)
{
    uint64_t since_us = committer_model_busy_since_us(&self->process->committer);
    return !list_empty(&self->settling) && since_us != 0 &&
           world_now_us(world) - since_us < world->setup->wait_ms * 1000ull;
}

static void beat_to(struct world *world, struct thread *self, struct link *link)
{
    struct post *post = post_of(self, link);
    struct message *message = message_take(&world->messages, MESSAGE_HEARTBEAT);
    message->progress = self->progress;
    tell_window(world, self, message);
    post->window_sent = message->window;
    holding_tell(&post->holding, !list_empty(&self->active), message_add_news(message));
    say(world, self, link, message);
}

static struct link *link_at(struct world *world, struct thread *self, uint32_t broker)
{
    return network_link(world->network, &self->peer, broker);
}

static void beat(struct world *world, struct thread *self)
{
    self->progress += waits_for_store(world, self);
    self->heartbeat_us = world_now_us(world) + HEARTBEAT_US;
    for (uint32_t i = 0; i < world->setup->brokers; i++)
        if (self->posts[i].greeted)
            beat_to(world, self, link_at(world, self, i));
}

/* Before a batch is begun those are told who believe something else. */
static void tell_what_is_scored(struct world *world, struct thread *self)
{
    bool scoring = !list_empty(&self->active);
    for (uint32_t i = 0; i < world->setup->brokers; i++)
        if (self->posts[i].greeted && holding_is_misled(&self->posts[i].holding, scoring))
            beat_to(world, self, link_at(world, self, i));
}

/* Before a thread rests those are told who believe that what only waits for the store is
 * in progress. */
static void take_back(struct world *world, struct thread *self)
{
    for (uint32_t i = 0; i < world->setup->brokers; i++)
        if (self->posts[i].greeted && holding_is_outdated(&self->posts[i].holding))
            beat_to(world, self, link_at(world, self, i));
}

static bool window_changed(struct world *world, const struct thread *self)
{
    uint32_t window = window_now(world, self);
    for (uint32_t i = 0; i < world->setup->brokers; i++)
        if (self->posts[i].greeted && self->posts[i].window_sent != window)
            return true;
    return false;
}

static void say_about(struct world *world, struct task *task, enum message_type type,
                      const struct answer *answer)
{
    struct message *message = message_take(&world->messages, type);
    message->header = task->header;
    message->header.type = type;
    message->batch = task->batch;
    if (answer != NULL) {
        message->answer = *answer;
        message->answer_size = task->batch->rows * world->setup->answer_row_size;
    }
    say(world, task->thread, task->from, message);
}

/* ---- tasks ---- */

static void end_task(struct task *task)
{
    list_remove(&task->link);
    held_drop(&task->held);
    free(task);
}

static void answer(struct world *world, struct task *task, struct answer what)
{
    bool describes = task->header.type == MESSAGE_DESCRIBE;
    say_about(world, task, describes ? MESSAGE_DESCRIPTION : MESSAGE_REPLY, &what);
    end_task(task);
}

static void settle(struct world *world, struct task *task, enum outcome outcome)
{
    struct thread *self = task->thread;
    bool counts = outcome == OUTCOME_COUNTED;
    task->commit.owner = task;
    task->commit.call = (struct settle_call){
        .batch = task->batch,
        .acked_below = task->header.acked_below,
        .answer = {outcome, counts ? task->version : 0, task->batch->period},
        .attempts = task->header.attempt > 0 ? task->header.attempt - 1u : 0,
    };
    (void)world;
    list_remove(&task->link);
    list_push_back(&self->settling, &task->link);
    committer_model_submit(&self->process->committer, &task->commit);
}

/* In the pass that is being begun; one that is scored again has a pass of its own. */
static void score(struct thread *self, struct task *task, uint32_t version)
{
    task->version = version;
    task->pass = self->passes;
    list_remove(&task->link);
    list_push_back(&self->ready, &task->link);
}

static void task_scored(struct world *world, struct task *task)
{
    if (task->batch->what_if)
        answer(world, task, (struct answer){OUTCOME_SCORED, task->version, 0});
    else if (task->duplicate)
        answer(world, task,
               (struct answer){OUTCOME_COUNTED, task->version, task->batch->period});
    else
        settle(world, task, OUTCOME_COUNTED);
}

/* As task_committed(): what the store says, with the recorded versions. */
static void task_committed(struct world *world, struct task *task)
{
    const struct answer *recorded = &task->commit.result.recorded;
    if (task->commit.unavailable) {
        say_about(world, task, MESSAGE_RETURN, NULL);
        end_task(task);
        return;
    }
    if (task->commit.result.verdict == VERDICT_ACKNOWLEDGED) {
        answer(world, task, (struct answer){.outcome = OUTCOME_ACKNOWLEDGED});
        return;
    }
    task->duplicate = task->commit.result.verdict == VERDICT_DUPLICATE;
    if (recorded->outcome != OUTCOME_COUNTED || task->version == recorded->version) {
        answer(world, task, *recorded);
        return;
    }
    task->thread->passes++;
    score(task->thread, task, recorded->version);
}

static void refuse_invalid(struct world *world, struct task *task)
{
    if (task->batch->what_if)
        answer(world, task, (struct answer){.outcome = OUTCOME_INVALID});
    else
        settle(world, task, OUTCOME_INVALID);
}

static void begin_score(struct world *world, struct task *task)
{
    if (task->batch->invalid)
        refuse_invalid(world, task);
    else
        score(task->thread, task, task->thread->process->version);
}

static void begin_describe(struct world *world, struct task *task)
{
    answer(world, task, (struct answer){.outcome = OUTCOME_DESCRIBED});
}

static void begin_bury(struct world *world, struct task *task)
{
    settle(world, task, OUTCOME_DEAD);
}

static void end_process(struct world *world, struct worker_node *self, bool flush);
static void note_victims(struct world *world, const struct task *culprit);

/* Nobody knows which of a pass it was: each is charged. */
static void note_mates(struct task *culprit)
{
    struct list *ring = &culprit->thread->active;
    for (struct list *at = ring->next; at != ring; at = at->next) {
        struct task *task = list_item(at, struct task, link);
        task->batch->shared += task != culprit;
    }
}

/* Where nothing else goes wrong, what it said last is heard. */
static void die_of(struct world *world, struct task *task)
{
    struct worker_node *process = task->thread->process;
    struct batch *batch = task->batch;
    const struct setup *setup = world->setup;
    bool flush = setup_is_peaceful(setup) ||
                 dice_chance(&world->dice, setup->mute > 0 ? 1000 - setup->mute : 800);
    batch->deaths++;
    note_mates(task);
    world_trace_batch(world, &task->thread->peer.name, "dies of", NULL, batch);
    check_death(world, batch);
    note_victims(world, task);
    end_process(world, process, flush);
}

/* ---- the thread's rounds ---- */

static struct task *first_of(struct list *ring)
{
    return list_empty(ring) ? NULL : list_item(ring->next, struct task, link);
}

static void activate(struct thread *self, struct task *task)
{
    list_remove(&task->link);
    list_push_back(&self->active, &task->link);
    held_set_scoring(&task->held, true);
}

/* None is in progress any more. */
static void take_active(struct thread *self, struct list *out)
{
    struct task *task;
    list_init(out);
    while ((task = first_of(&self->active)) != NULL) {
        list_remove(&task->link);
        list_push_back(out, &task->link);
        held_set_scoring(&task->held, false);
    }
}

static bool is_too_late(struct world *world, const struct task *task)
{
    return task->expires_us != 0 && world_now_us(world) >= task->expires_us;
}

/* The oldest of the inbox becomes active, unless its time is over. */
static void begin_first(struct world *world, struct thread *self)
{
    struct task *task = first_of(&self->inbox);
    held_begin(&task->held);
    if (!is_too_late(world, task)) {
        activate(self, task);
        return;
    }
    say_about(world, task, MESSAGE_EXPIRED, NULL);
    end_task(task);
}

/* And what waits behind it, as far as it is small. */
static void begin_waiting(struct world *world, struct thread *self)
{
    bool together = first_of(&self->inbox)->held.may_join;
    uint32_t count = 0;
    do
        begin_first(world, self);
    while (++count < world->setup->together && together && !list_empty(&self->inbox) &&
           first_of(&self->inbox)->held.may_join);
    world->joined += count - 1;
}

/* NULL: whoever begins them lives. */
static struct task *find_poison(struct thread *self)
{
    for (struct list *at = self->active.next; at != &self->active; at = at->next) {
        struct task *task = list_item(at, struct task, link);
        if (task->batch->poison && task->header.type == MESSAGE_SCORE)
            return task;
    }
    return NULL;
}

/* False: the process is dead. */
static bool begin_next(struct world *world, struct thread *self)
{
    static void (*const begins[MESSAGE_TYPE_COUNT])(struct world *, struct task *) = {
        [MESSAGE_SCORE] = begin_score,
        [MESSAGE_DESCRIBE] = begin_describe,
        [MESSAGE_BURY] = begin_bury,
    };
    struct list begun;
    struct task *task;
    begin_waiting(world, self);
    if (list_empty(&self->active))
        return true;
    tell_what_is_scored(world, self);
    if ((task = find_poison(self)) != NULL) {
        die_of(world, task);
        return false;
    }
    self->passes++;
    take_active(self, &begun);
    while ((task = first_of(&begun)) != NULL)
        begins[task->header.type](world, task);
    return true;
}

/* The next pass: those that are in it. */
static void take_ready(struct thread *self)
{
    uint64_t pass = first_of(&self->ready)->pass;
    self->rows = self->batches = 0;
    do {
        self->batches++;
        self->rows += first_of(&self->ready)->batch->rows;
        activate(self, first_of(&self->ready));
    } while (!list_empty(&self->ready) && first_of(&self->ready)->pass == pass);
    self->blocks = (self->rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
}

static void end_pass(struct world *world, struct thread *self)
{
    struct list scored;
    struct task *task;
    take_active(self, &scored);
    while ((task = first_of(&scored)) != NULL)
        task_scored(world, task);
}

static void end_block(struct world *world, struct event *event)
{
    struct thread *self = event->subject;
    if (!node_timer_is_due(world, &self->process->node, event))
        return;
    self->scoring = false;
    self->progress++;
    if (--self->blocks == 0)
        end_pass(world, self);
    run(world, self);
}

/* Until its leases have run out for what it does not do before `until_us`. */
static void expect_trouble(const struct world *world, struct worker_node *self,
                           uint64_t until_us)
{
    uint64_t until =
        until_us + world->setup->lease_ticks * (uint64_t)DISPATCH_TICK_MS * 1000;
    if (self->node.troubled_until_us < until)
        self->node.troubled_until_us = until;
}

static void begin_block(struct world *world, struct thread *self)
{
    const struct setup *setup = world->setup;
    uint32_t rows = self->rows;
    uint64_t block_us = (rows < BLOCK_ROWS ? rows : BLOCK_ROWS) * setup->row_ns / 1000;
    if (self->blocks * (uint64_t)BLOCK_ROWS >= rows)
        block_us += setup->begin_us + self->batches * setup->begin_each_us;
    uint64_t end_us = world_now_us(world) + block_us * self->process->slowness;
    if (self->process->slowness > 1) /* it may be fast again before that */
        expect_trouble(world, self->process, end_us);
    self->scoring = true;
    node_timer(world, &self->process->node, end_us, end_block, self);
}

/* False: nothing more can be done now, or ever. */
static bool work(struct world *world, struct thread *self)
{
    if (list_empty(&self->active) && !list_empty(&self->ready)) {
        take_ready(self);
        tell_what_is_scored(world, self);
    }
    if (!list_empty(&self->active)) {
        begin_block(world, self);
        return false;
    }
    return !list_empty(&self->inbox) && begin_next(world, self);
}

/* ---- receiving ---- */

/* What a broker took for lost, on a way that was blocked or at a worker that was stuck
 * for longer than a lease, is there in the end. */
static bool may_overflow(const struct world *world, const struct link *link)
{
    return !setup_is_orderly(world->setup) || link->blocked_until_us[UP] > 0 ||
           link->blocked_until_us[DOWN] > 0 || link->peer->node->troubled_until_us > 0;
}

/* What is small here is what this world says. */
static size_t size_of(const struct world *world, const struct batch *batch)
{
    return batch->size <= world->setup->together_size ? 1 : HELD_SMALL_MAX + 1;
}

static void take_task(struct world *world, struct thread *self, struct link *link,
                      const struct message *message)
{
    struct post *post = post_of(self, link);
    bool full = post->holding.waiting >= world->setup->worker_window;
    struct task *task = calloc(1, sizeof *task);
    if (task == NULL)
        abort();
    *task = (struct task){
        .thread = self,
        .from = link,
        .header = message->header,
        .batch = message->batch,
    };
    list_init(&task->link);
    holding_add(&post->holding, &task->held, &task->header, size_of(world, task->batch));
    if (message->header.deadline_ms != 0)
        task->expires_us = world_now_us(world) + message->header.deadline_ms * 1000ull;
    if (self->process->draining || full) {
        check_that(world, !full || may_overflow(world, link),
                   "a broker sent more than the window");
        say_about(world, task, MESSAGE_RETURN, NULL);
        end_task(task);
        return;
    }
    list_push_back(&self->inbox, &task->link);
}

/* NULL: from every broker. */
static void empty_inbox(struct world *world, struct thread *self, const struct link *from,
                        bool returns)
{
    for (struct list *at = self->inbox.next, *next; at != &self->inbox; at = next) {
        struct task *task = list_item(at, struct task, link);
        next = at->next;
        if (from != NULL && task->from != from)
            continue;
        if (returns)
            say_about(world, task, MESSAGE_RETURN, NULL);
        end_task(task);
    }
}

static void take_message(struct world *world, struct thread *self, struct link *link,
                         const struct message *message)
{
    switch ((int)message->header.type) {
    case MESSAGE_SCORE:
    case MESSAGE_DESCRIBE:
    case MESSAGE_BURY:
        take_task(world, self, link, message);
        return;
    case MESSAGE_WHO:
        empty_inbox(world, self, link, false);
        greet(world, self, link);
        beat_to(world, self, link);
        return;
    default: /* DRAIN, REJECT: the log has them */
        return;
    }
}

static void take_received(struct world *world, struct thread *self)
{
    while (!list_empty(&self->received)) {
        struct message *message = list_item(self->received.next, struct message, link);
        list_remove(&message->link);
        struct link *link = link_at(world, self, message->credits);
        take_message(world, self, link, message);
        message_give_back(&world->messages, message);
    }
}

static void take_committed(struct world *world, struct thread *self)
{
    struct task *task;
    while ((task = first_of(&self->committed)) != NULL) {
        self->progress++;
        task_committed(world, task);
    }
}

/* ---- rounds ---- */

static void exit_process(struct world *world, struct event *event)
{
    struct worker_node *self = event->subject;
    if (node_timer_is_due(world, &self->node, event))
        end_process(world, self, true);
}

static bool has_work(const struct thread *self)
{
    return !list_empty(&self->active) || !list_empty(&self->inbox) ||
           !list_empty(&self->ready) || !list_empty(&self->settling) ||
           !list_empty(&self->committed);
}

static void leave(struct world *world, struct thread *self)
{
    struct worker_node *process = self->process;
    bool all = true;
    self->gone = true;
    for (uint32_t i = 0; i < world->setup->brokers; i++)
        if (self->posts[i].greeted)
            say_type(world, self, link_at(world, self, i), MESSAGE_BYE);
    for (uint32_t i = 0; i < world->setup->threads; i++)
        all = all && process->threads[i].gone;
    if (all)
        node_timer(world, &process->node, world_now_us(world) + LINGER_US, exit_process,
                   process);
}

static void beat_later(struct world *world, struct event *event)
{
    struct thread *self = event->subject;
    if (!node_timer_is_due(world, &self->process->node, event))
        return;
    self->woken = false;
    if (!self->scoring)
        run(world, self);
}

static void set_alarm(struct world *world, struct thread *self)
{
    if (self->woken)
        return;
    self->woken = true;
    node_timer(world, &self->process->node, self->heartbeat_us, beat_later, self);
}

static void round_of(struct world *world, struct thread *self)
{
    take_received(world, self);
    take_committed(world, self);
    if (world_now_us(world) >= self->heartbeat_us || window_changed(world, self))
        beat(world, self);
}

/* Until it has to wait: for the end of a block, a message or a time. */
static void run(struct world *world, struct thread *self)
{
    if (self->gone)
        return;
    uint64_t life = self->process->node.life;
    do
        round_of(world, self);
    while (work(world, self));
    if (self->process->node.life != life)
        return;
    take_back(world, self);
    if (self->process->draining && !has_work(self))
        leave(world, self);
    else
        set_alarm(world, self);
}

static struct thread *thread_of(struct peer *peer)
{
    return (struct thread *)(void *)peer; /* its first member */
}

static void receive(struct world *world, struct peer *peer, struct link *link,
                    struct message *message)
{
    struct thread *self = thread_of(peer);
    world_trace_message(world, &peer->name, "receives", &link->broker->node.name,
                        message);
    message->credits = link->number; /* unused in what a worker gets */
    list_push_back(&self->received, &message->link);
    if (!self->scoring)
        run(world, self);
}

static void connected(struct world *world, struct peer *peer, struct link *link)
{
    struct thread *self = thread_of(peer);
    if (!post_of(self, link)->greeted)
        greet(world, self, link);
}

static void wake(struct world *world, struct event *event)
{
    struct thread *self = event->subject;
    if (node_timer_is_due(world, &self->process->node, event) && !self->scoring)
        run(world, self);
}

static void commit_done(struct world *world, struct commit *commit)
{
    struct task *task = commit->owner;
    struct thread *self = task->thread;
    list_remove(&task->link);
    list_push_back(&self->committed, &task->link);
    node_timer(world, &self->process->node, world_now_us(world), wake, self);
}

/* ---- the process ---- */

static void init_thread(struct world *world, struct worker_node *self, uint32_t number)
{
    struct thread *thread = &self->threads[number];
    uint32_t index = self->node.name.number * world->setup->threads + number;
    thread->process = self;
    thread->peer = (struct peer){
        .node = &self->node,
        .name = {"thread", index},
        .index = index,
        .receive = receive,
        .connected = connected,
    };
    thread->posts = calloc(world->setup->brokers, sizeof *thread->posts);
    if (thread->posts == NULL)
        abort();
    for (uint32_t i = 0; i < world->setup->brokers; i++)
        post_init(&thread->posts[i]);
    list_init(&thread->active);
    list_init(&thread->inbox);
    list_init(&thread->ready);
    list_init(&thread->settling);
    list_init(&thread->committed);
    list_init(&thread->received);
}

void worker_init(struct world *world, struct worker_node *self, uint32_t number)
{
    node_init(&self->node, "worker", number);
    self->threads = calloc(world->setup->threads, sizeof *self->threads);
    if (self->threads == NULL)
        abort();
    for (uint32_t i = 0; i < world->setup->threads; i++)
        init_thread(world, self, i);
}

static void free_tasks(struct list *ring)
{
    struct task *task;
    while ((task = first_of(ring)) != NULL)
        end_task(task);
}

static void forget(struct world *world, struct thread *self)
{
    free_tasks(&self->active);
    free_tasks(&self->inbox);
    free_tasks(&self->ready);
    free_tasks(&self->settling);
    free_tasks(&self->committed);
    while (!list_empty(&self->received)) {
        struct message *message = list_item(self->received.next, struct message, link);
        list_remove(&message->link);
        message_give_back(&world->messages, message);
    }
    for (uint32_t i = 0; i < world->setup->brokers; i++)
        post_init(&self->posts[i]);
    self->scoring = self->woken = self->gone = false;
    self->progress = self->heartbeat_us = 0;
}

void worker_close(struct world *world, struct worker_node *self)
{
    for (uint32_t i = 0; i < world->setup->threads; i++) {
        forget(world, &self->threads[i]);
        free(self->threads[i].posts);
    }
    free(self->threads);
}

void worker_start(struct world *world, struct worker_node *self)
{
    node_begin(&self->node);
    committer_model_init(world, &self->committer, &self->node, commit_done);
    self->version = store_model_version(world->store);
    self->slowness = 1;
    self->draining = false;
    world_trace(world, &self->node.name, "starts", NULL);
    for (uint32_t i = 0; i < world->setup->threads; i++) {
        network_open(world, &self->threads[i].peer);
        set_alarm(world, &self->threads[i]);
    }
}

static void reload(struct world *world, struct event *event)
{
    struct worker_node *self = event->subject;
    if (!node_timer_is_due(world, &self->node, event))
        return;
    if (store_model_is_away(world, world->store))
        node_timer(world, &self->node, world_now_us(world) + POLL_US, reload, self);
    else
        self->version = store_model_version(world->store);
}

static void start_again(struct world *world, struct event *event)
{
    struct worker_node *self = event->subject;
    if (!self->node.up)
        worker_start(world, self);
}

/* What its sockets had not sent may be lost with it. */
static void end_process(struct world *world, struct worker_node *self, bool flush)
{
    node_end(world, &self->node);
    committer_model_die(&self->committer);
    for (uint32_t i = 0; i < world->setup->threads; i++) {
        for (uint32_t j = 0; j < world->setup->brokers; j++)
            network_hang_up(world, link_at(world, &self->threads[i], j), flush);
        forget(world, &self->threads[i]);
    }
    agenda_add(world->agenda, world_restart_us(world), start_again, self);
}

/* Its broker hears all that it said, and so that this one is not in progress: what it
 * named and has scored it took back before it rested or began another. One that stands
 * still may lose the connection before it goes on, and with it what was said. */
static bool is_known_safe(const struct world *world, struct task *task)
{
    const struct post *post = post_of(task->thread, task->from);
    return setup_is_orderly(world->setup) && task->held.told && !task->held.scoring &&
           post->incarnation == task->from->incarnation &&
           !network_is_troubled(world, task->from) &&
           !node_is_paused(world, &task->from->broker->node);
}

static void post_mishap(const struct world *world, struct post *self, bool all)
{
    struct list *held = &self->holding.all;
    for (struct list *at = held->next; at != held; at = at->next) {
        struct task *task = list_item(at, struct task, held.link);
        if (all || !is_known_safe(world, task))
            task->batch->mishaps++;
        else
            task->batch->spared++;
    }
}

/* What it has begun, and what it has not. `all`: what it said last may be lost. */
static void thread_mishap(const struct world *world, struct thread *self, bool all)
{
    for (uint32_t i = 0; i < world->setup->brokers; i++)
        post_mishap(world, &self->posts[i], all);
    for (struct list *at = self->received.next; at != &self->received; at = at->next) {
        struct batch *batch = list_item(at, struct message, link)->batch;
        if (batch != NULL)
            batch->mishaps++;
    }
}

static void mishap(struct world *world, struct worker_node *self, uint64_t until_us,
                   bool all)
{
    expect_trouble(world, self, until_us);
    for (uint32_t i = 0; i < world->setup->threads; i++)
        thread_mishap(world, &self->threads[i], all);
}

void worker_mishap(struct world *world, struct worker_node *self, uint64_t until_us)
{
    mishap(world, self, until_us, true);
}

/* What goes down with it, and may be suspected of that. */
static void note_victims(struct world *world, const struct task *culprit)
{
    for (uint32_t i = 0; i < world->setup->threads; i++)
        thread_mishap(world, &culprit->thread->process->threads[i], true);
    culprit->batch->mishaps--; /* which has a death of its own */
}

void worker_crash(struct world *world, struct worker_node *self)
{
    if (!self->node.up)
        return;
    world_trace(world, &self->node.name, "is killed", NULL);
    bool flush = dice_chance(&world->dice, 700);
    mishap(world, self, world_now_us(world), !flush);
    end_process(world, self, flush);
}

void worker_see_promotion(struct world *world, struct worker_node *self)
{
    uint64_t wait_us = dice_wait(&world->dice, world->setup->reload_us);
    node_timer(world, &self->node, world_now_us(world) + wait_us, reload, self);
}

void worker_drain(struct world *world, struct worker_node *self)
{
    if (!self->node.up || self->draining || node_is_paused(world, &self->node))
        return;
    uint64_t life = self->node.life;
    world_trace(world, &self->node.name, "drains", NULL);
    self->draining = self->committer.hurry = true;
    for (uint32_t i = 0; i < world->setup->threads && self->node.life == life; i++) {
        beat(world, &self->threads[i]);
        empty_inbox(world, &self->threads[i], NULL, true);
        if (!self->threads[i].scoring)
            run(world, &self->threads[i]);
    }
}
