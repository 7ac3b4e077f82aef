/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: whatever clients, workers, connections and the broker itself do, in whatever
 * order, each batch ends with exactly one final answer once things calm down, and the
 * same one to everybody who asks again. Method: a seeded random walk of the dispatcher
 * among made-up clients, workers that crash, pause, stall, reconnect and return,
 * poisonous batches and a store in which the first writer wins. Every invariant is
 * checked after every event. TEST_SEED=n runs one seed. */

#include "broker/dispatch.h"
#include "broker/status.h"

#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

enum {
    CLIENTS = 3,
    WORKERS = 4,
    BATCHES = 240,
    STEPS = 60000,
    CALM_ROUNDS_MAX = 5000,
    FRAMES_MAX = 512,
    HELD_MAX = 64,
    WINDOW = 4,
    DEADLINE_MS = 60,
    REPLY_SIZE = 700,
};

enum answer { ANSWER_NONE, ANSWER_COUNTED, ANSWER_DEAD, ANSWER_SCORED, ANSWER_REJECTED };

struct batch {
    struct header header;
    int client;
    bool poison;         /* whoever begins to score it dies */
    enum answer settled; /* in the store */
    enum answer final;   /* at the client */
};

struct frame {
    struct header header;
    struct dispatch_heartbeat heartbeat;
    uint64_t held[HELD_MAX]; /* what the heartbeat tells */
    enum answer answer;
};

struct pipe {
    struct frame frames[FRAMES_MAX];
    size_t first, count;
};

struct worker_process {
    bool alive;
    bool paused;    /* a stopped process: silent */
    bool stalled;   /* a hung thread: speaks, but gets no further */
    uint64_t route; /* of its connection */
    struct pipe in, out;
    struct header held[HELD_MAX];
    size_t held_count;
    bool scoring; /* held[0] */
    bool tells_held;
    uint64_t progress;
};

struct world {
    struct dispatch *broker;
    uint64_t now_ms;
    uint64_t next_route;
    uint64_t client_routes[CLIENTS];
    uint64_t taken[CLIENTS]; /* bytes of answers by the connections there were */
    uint64_t told[CLIENTS];  /* the most that it has said of these */
    struct worker_process workers[WORKERS];
    struct batch batches[BATCHES];
    size_t bodies; /* handed to the broker and not released */
    bool calm;
    struct counters counters; /* of brokers that are gone */
};

static uint64_t random_state;

/* xorshift64*: the same walk on every machine. */
static uint32_t roll(uint32_t below)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)((random_state * 0x2545F4914F6CDD1DULL) >> 33) % below;
}

static bool chance(uint32_t one_in)
{
    return roll(one_in) == 0;
}

/* ---- the broker among the others ---- */

static bool same_batch(void *a, void *b)
{
    return *(int *)a == *(int *)b;
}

static struct dispatch *new_broker(void)
{
    struct dispatch *broker = dispatch_new(&(struct dispatch_limits){
        .jobs_max = 40,
        .regions_max = 4,
        .workers_max = WORKERS + 1, /* a dead one lingers until it is missed */
        .attempts_max = 3,
        .bytes_max = 60000,
        .region_bytes_max = 25000,
        .client_bytes_max = 30000,
        .untaken_bytes_max = 3 * (REPLY_SIZE + HEADER_SIZE),
        .bulk_wait_ticks = 3,
        .lease_ticks = 30,
        .liveness_ticks = 12,
        .drain_ticks = 5,
        .instance = (uint64_t)roll(UINT32_MAX) << 32 | roll(UINT32_MAX),
        .secret = roll(UINT32_MAX),
        .body_equal = same_batch,
    });
    assert_non_null(broker);
    return broker;
}

static void push(struct pipe *pipe, const struct frame *frame)
{
    assert_true(pipe->count < FRAMES_MAX);
    pipe->frames[(pipe->first + pipe->count++) % FRAMES_MAX] = *frame;
}

static bool pull(struct pipe *pipe, struct frame *frame)
{
    if (pipe->count == 0)
        return false;
    *frame = pipe->frames[pipe->first];
    pipe->first = (pipe->first + 1) % FRAMES_MAX;
    pipe->count--;
    return true;
}

static bool is_counted(const struct header *header)
{
    return header->type != MESSAGE_DESCRIBE && (header->flags & HEADER_WHAT_IF) == 0;
}

/* False: that client is not there any more. */
static bool client_receives(struct world *world, const struct dispatch_action *action)
{
    struct batch *batch = &world->batches[action->header.key.sequence];
    if (action->route != world->client_routes[batch->client])
        return false;
    if (action->header.type == MESSAGE_CHARGED) {
        assert_true(action->header.attempt > 0 && action->header.attempt <= 3);
        if (action->header.attempt > batch->header.attempt)
            batch->header.attempt = action->header.attempt;
    }
    if (action->header.type == MESSAGE_EXPIRED)
        assert_true(batch->header.deadline_ms != 0);
    if (action->header.type == MESSAGE_BUSY || action->header.type == MESSAGE_DRAIN ||
        action->header.type == MESSAGE_CHARGED || action->header.type == MESSAGE_EXPIRED)
        return true; /* it is not over */

    world->taken[batch->client] += action->answer_size;
    enum answer answer = ANSWER_REJECTED;
    if (action->header.type != MESSAGE_REJECT)
        answer = *(enum answer *)action->body;
    if (is_counted(&batch->header)) {
        assert_true(answer == ANSWER_COUNTED || answer == ANSWER_DEAD);
        assert_int_equal(answer, batch->settled);
        if (batch->final != ANSWER_NONE) /* asked again: told the same */
            assert_int_equal(answer, batch->final);
    } else {
        assert_true(answer == ANSWER_SCORED || answer == ANSWER_REJECTED);
    }
    batch->final = answer;
    return true;
}

/* False: the broker is told that the worker is gone. */
static bool worker_receives(struct world *world, const struct dispatch_action *action)
{
    struct frame frame = {.header = action->header};
    for (int i = 0; i < WORKERS; i++)
        if (world->workers[i].route == action->route) {
            push(&world->workers[i].in, &frame);
            return true;
        }
    return !chance(3); /* or it is not: the connection looks open still */
}

static void perform(struct world *world, const struct dispatch_action *action)
{
    bool sent = true;
    if (action->to == DISPATCH_CLIENT)
        sent = client_receives(world, action);
    else if (action->to == DISPATCH_WORKER)
        sent = worker_receives(world, action);
    if (!sent)
        dispatch_unsent(world->broker, action);
    if (action->released != NULL)
        world->bodies--;
    free(action->released);
}

static void settle_down(struct world *world)
{
    struct dispatch_action action;
    dispatch_check(world->broker);
    while (dispatch_next(world->broker, &action)) {
        perform(world, &action);
        dispatch_check(world->broker);
    }
    assert_int_equal(world->bodies, dispatch_job_count(world->broker));
}

/* Each job that was queued is still held or has had one end. Not while draining. */
static void check_ends(struct world *world)
{
    const struct counters *counters = dispatch_counters(world->broker);
    assert_int_equal(counters->jobs_queued,
                     counters->replies_forwarded + counters->replies_dropped +
                         counters->jobs_rejected + counters->jobs_expired +
                         dispatch_job_count(world->broker));
}

/* What is reported by region and by worker adds up to what there is. */
static void check_report(struct world *world)
{
    Chw__StatusReport *report = status_report_new(world->broker);
    uint32_t queued = 0, leased = 0, held = 0;
    uint64_t bytes = 0;
    assert_non_null(report);
    for (size_t i = 0; i < report->n_regions; i++) {
        queued += report->regions[i]->queued;
        leased += report->regions[i]->leased;
        bytes += report->regions[i]->bytes;
    }
    for (size_t i = 0; i < report->n_workers; i++)
        held += report->workers[i]->leased;
    assert_int_equal(queued, report->queued);
    assert_int_equal(leased, report->leased);
    assert_int_equal(held, report->leased);
    assert_int_equal(bytes, report->bytes);
    assert_int_equal(queued + leased, dispatch_job_count(world->broker));
    assert_int_equal(report->answered,
                     dispatch_counters(world->broker)->replies_forwarded);
    status_report_free(report);
}

static void collect_counters(struct world *world)
{
    const struct counters *counters = dispatch_counters(world->broker);
#define COUNTER_ADD(name, help) world->counters.name += counters->name;
    COUNTER_LIST(COUNTER_ADD)
#undef COUNTER_ADD
}

static void stop_broker(struct world *world)
{
    collect_counters(world);
    dispatch_drain(world->broker);
    settle_down(world);
    for (int i = 0; i < 5 && !dispatch_is_done(world->broker); i++) {
        dispatch_tick(world->broker);
        settle_down(world);
    }
    assert_true(dispatch_is_done(world->broker));
    dispatch_free(world->broker);
}

/* ---- clients ---- */

static void client_sends(struct world *world, int number)
{
    struct batch *batch = &world->batches[number];
    if (batch->final != ANSWER_NONE && !chance(20))
        return;
    int *body = malloc(sizeof *body);
    assert_non_null(body);
    *body = number;
    world->bodies++;
    if (batch->client != 0 && (world->calm || chance(30))) /* the first never says it */
        world->told[batch->client] = 1 + world->taken[batch->client];
    batch->header.ticket = world->told[batch->client];
    dispatch_job(world->broker, world->client_routes[batch->client], &batch->header, body,
                 (size_t)(number % 7) * 1000);
    settle_down(world);
}

/* ---- workers ---- */

static void say(struct worker_process *self, struct frame frame)
{
    frame.heartbeat = (struct dispatch_heartbeat){
        .progress = self->progress,
        .scoring_ticket = self->scoring ? self->held[0].ticket : 0,
        .window = WINDOW,
        .window_bytes = 4000,
        .told_held = self->tells_held,
        .held_count = self->held_count,
    };
    for (size_t i = 0; i < self->held_count; i++)
        frame.held[i] = self->held[i].ticket;
    push(&self->out, &frame);
}

static void say_type(struct worker_process *self, enum message_type type)
{
    say(self, (struct frame){.header.type = type});
}

/* A new connection: what was under way on the old one is partly lost. */
static void connect_worker(struct world *world, struct worker_process *self)
{
    self->route = world->next_route++;
    self->in.count = 0;
    self->out.count = 0;
}

static void start_worker(struct world *world, struct worker_process *self)
{
    memset(self, 0, sizeof *self);
    self->alive = true;
    self->tells_held = chance(2);
    connect_worker(world, self);
    say_type(self, MESSAGE_HELLO);
}

/* What it had said last may not have got out. */
static void crash(struct worker_process *self)
{
    self->alive = false;
    self->in.count = 0;
    self->out.count -= self->out.count > 0 ? roll((uint32_t)self->out.count + 1) : 0;
}

static void worker_reads(struct world *world, struct worker_process *self)
{
    struct frame frame;
    (void)world;
    if (!pull(&self->in, &frame))
        return;
    if (frame.header.type == MESSAGE_WHO)
        say_type(self, MESSAGE_HELLO);
    else if (frame.header.type != MESSAGE_DRAIN && self->held_count < HELD_MAX)
        self->held[self->held_count++] = frame.header;
}

static void drop_first(struct worker_process *self)
{
    self->scoring = false;
    self->held_count--;
    memmove(self->held, self->held + 1, self->held_count * sizeof self->held[0]);
}

static enum answer settle(struct world *world, const struct header *lease)
{
    struct batch *batch = &world->batches[lease->key.sequence];
    if (!is_counted(&batch->header))
        return ANSWER_SCORED;
    if (batch->settled == ANSWER_NONE) /* the first writer wins */
        batch->settled = lease->type == MESSAGE_BURY ? ANSWER_DEAD : ANSWER_COUNTED;
    return batch->settled;
}

static void finish(struct world *world, struct worker_process *self)
{
    struct frame frame = {.header = self->held[0]};
    frame.answer = settle(world, &self->held[0]);
    frame.header.type =
        frame.header.type == MESSAGE_DESCRIBE ? MESSAGE_DESCRIPTION : MESSAGE_REPLY;
    self->progress++;
    drop_first(self);
    if (!world->calm && chance(40)) { /* between settlement and reply */
        crash(self);
        return;
    }
    say(self, frame);
}

static void give_back(struct worker_process *self, enum message_type type)
{
    struct frame frame = {.header = self->held[0]};
    frame.header.type = type;
    drop_first(self);
    say(self, frame);
}

static void worker_works(struct world *world, struct worker_process *self)
{
    if (self->held_count == 0 || self->stalled)
        return;
    if (!self->scoring) {
        if (!world->calm && self->tells_held && chance(40)) { /* loses it */
            drop_first(self);
            return;
        }
        if (!world->calm && chance(20)) {
            give_back(self, MESSAGE_RETURN);
            return;
        }
        if (!world->calm && self->held[0].deadline_ms != 0 && chance(4)) {
            give_back(self, MESSAGE_EXPIRED);
            return;
        }
        self->scoring = true;
        say_type(self, MESSAGE_HEARTBEAT);
        if (world->batches[self->held[0].key.sequence].poison &&
            self->held[0].type != MESSAGE_BURY)
            crash(self);
        return;
    }
    self->progress++;
    if (world->calm || chance(3))
        finish(world, self);
}

/* One frame of the worker reaches the broker; also after it died. */
static void broker_hears(struct world *world, struct worker_process *self)
{
    struct frame frame;
    uint64_t route = self->route;
    if (!pull(&self->out, &frame))
        return;
    frame.heartbeat.held = frame.held;
    if (frame.header.type == MESSAGE_HELLO)
        dispatch_hello(world->broker, route, 0, WINDOW, 0, "worker");
    else if (frame.header.type == MESSAGE_HEARTBEAT)
        dispatch_heartbeat(world->broker, route, &frame.heartbeat);
    else if (frame.header.type == MESSAGE_RETURN)
        dispatch_return(world->broker, route, &frame.header);
    else if (frame.header.type == MESSAGE_BYE)
        dispatch_bye(world->broker, route);
    else
        dispatch_reply(world->broker, route, &frame.header, &frame.answer, REPLY_SIZE);
    settle_down(world);
}

/* ---- the walk ---- */

static void leave(struct world *world, struct worker_process *self)
{
    say_type(self, MESSAGE_BYE);
    while (self->out.count > 0)
        broker_hears(world, self);
    start_worker(world, self);
}

static void chaos(struct world *world)
{
    struct worker_process *worker = &world->workers[roll(WORKERS)];
    switch (roll(8)) {
    case 0:
        crash(worker);
        break;
    case 1:
        worker->paused = !worker->paused;
        break;
    case 2:
        worker->stalled = !worker->stalled;
        break;
    case 3:
        if (worker->alive)
            connect_worker(world, worker);
        break;
    case 4:
        if (worker->alive)
            leave(world, worker);
        break;
    case 5: /* a client starts anew and sends what it knows of */
        world->client_routes[roll(CLIENTS)] = world->next_route++;
        break;
    case 6:
        if (chance(4)) {
            stop_broker(world);
            world->broker = new_broker();
        }
        break;
    default:
        break;
    }
}

static void worker_step(struct world *world, struct worker_process *self)
{
    if (!self->alive) {
        if (self->out.count == 0 && chance(10))
            start_worker(world, self);
        return;
    }
    if (self->paused) {
        self->paused = !chance(200);
        return;
    }
    worker_reads(world, self);
    worker_works(world, self);
    self->stalled = self->stalled && !chance(300);
    if (self->alive && chance(4) && self->out.count < FRAMES_MAX / 2)
        say_type(self, MESSAGE_HEARTBEAT);
}

static void step(struct world *world)
{
    uint32_t what = roll(100);
    dispatch_clock(world->broker, ++world->now_ms);
    if (what < 15)
        client_sends(world, (int)roll(BATCHES));
    else if (what < 55)
        worker_step(world, &world->workers[roll(WORKERS)]);
    else if (what < 95)
        broker_hears(world, &world->workers[roll(WORKERS)]);
    else if (what < 99)
        dispatch_tick(world->broker);
    else
        chaos(world);
    settle_down(world);
    check_ends(world);
    if (what >= 95)
        check_report(world);
}

static bool all_final(const struct world *world)
{
    for (int i = 0; i < BATCHES; i++)
        if (world->batches[i].final == ANSWER_NONE)
            return false;
    return true;
}

/* Everybody gets on with it; only poison kills. */
static void calm_round(struct world *world)
{
    for (int i = 0; i < WORKERS; i++) {
        struct worker_process *worker = &world->workers[i];
        worker->paused = worker->stalled = false;
        if (!worker->alive && worker->out.count == 0)
            start_worker(world, worker);
        while (worker->alive && worker->in.count > 0)
            worker_reads(world, worker);
        if (worker->alive)
            worker_works(world, worker);
        if (worker->alive)
            say_type(worker, MESSAGE_HEARTBEAT);
        while (worker->out.count > 0)
            broker_hears(world, worker);
    }
    dispatch_clock(world->broker, ++world->now_ms);
    client_sends(world, (int)roll(BATCHES));
    dispatch_tick(world->broker);
    settle_down(world);
    check_ends(world);
}

static void make_batches(struct world *world)
{
    static const char *const regions[] = {"KE/Kisumu", "KE/Nyando", "UG"};
    for (int i = 0; i < BATCHES; i++) {
        struct batch *batch = &world->batches[i];
        batch->client = i % CLIENTS;
        batch->poison = i % 40 < 3;
        batch->header = (struct header){
            .type = i % 10 == 0 ? MESSAGE_DESCRIBE : MESSAGE_SCORE,
            .flags = i % 10 == 1 ? HEADER_WHAT_IF : 0,
            .priority = i % 5 == 0,
            .deadline_ms = i % 4 == 0 ? DEADLINE_MS : 0,
            .key.sequence = (uint64_t)i,
        };
        batch->header.key.client[0] = (uint8_t)batch->client;
        strcpy(batch->header.region, regions[i / CLIENTS % 3]);
    }
}

/* Adds what was counted to `counters`. */
static void walk(uint32_t seed, struct counters *counters)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    print_message("TEST_SEED=%u\n", seed);
    random_state = seed * 0x9E3779B97F4A7C15ULL + 1;
    world->next_route = 1;
    world->counters = *counters;
    world->broker = new_broker();
    make_batches(world);
    for (int i = 0; i < CLIENTS; i++)
        world->client_routes[i] = world->next_route++;
    for (int i = 0; i < WORKERS; i++)
        start_worker(world, &world->workers[i]);

    for (int i = 0; i < STEPS; i++)
        step(world);
    world->calm = true;
    int rounds = 0;
    for (; rounds < CALM_ROUNDS_MAX; rounds++) {
        calm_round(world);
        if (all_final(world) && dispatch_job_count(world->broker) == 0)
            break;
    }
    assert_in_range(rounds, 0, CALM_ROUNDS_MAX - 1);
    for (int i = 0; i < BATCHES; i++) /* poison and counted: buried, not scored */
        if (world->batches[i].poison && is_counted(&world->batches[i].header))
            assert_int_equal(world->batches[i].final, ANSWER_DEAD);
    stop_broker(world);
    *counters = world->counters;
    free(world);
}

static void each_batch_ends_once_whatever_happens(void **state)
{
    (void)state;
    struct counters counters = {0};
    const char *given = getenv("TEST_SEED");
    if (given != NULL) {
        walk((uint32_t)strtoul(given, NULL, 10), &counters);
        return;
    }
    for (uint32_t seed = 1; seed <= 10; seed++)
        walk(seed, &counters);
    /* The walks went where it is difficult. */
    assert_true(counters.jobs_duplicate > 0 && counters.jobs_busy > 0);
    assert_true(counters.jobs_rejected > 0 && counters.burials > 0);
    assert_true(counters.jobs_expired > 0 && counters.leases_missed > 0);
    assert_true(counters.replies_dropped > 0 && counters.busy_untaken > 0);
    assert_true(counters.busy_client > 0 && counters.busy_region > 0);
    assert_true(counters.leases_returned > 0 && counters.leases_lost > 0);
    assert_true(counters.replies_late > 0 && counters.clients_gone > 0);
    assert_true(counters.workers_lost > 0 && counters.workers_stuck > 0);
    assert_true(counters.workers_unknown > 0 && counters.workers_left > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_batch_ends_once_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
