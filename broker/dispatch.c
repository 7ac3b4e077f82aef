/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch.c - events change the state and leave at most two answers in the outbox; all
 * else follows from the state, one action at a time. */
#include "broker/leases.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    RETRY_LEAST_MS = 100, /* of an empty broker */
    RETRY_MOST_MS = 2000, /* of a full one */
    RETRY_DRAINING_MS = 1000,
    AWAY_TICKS = 2000 / DISPATCH_TICK_MS, /* for a worker to connect anew and say so */
};

struct dispatch *dispatch_new(const struct dispatch_limits *limits)
{
    assert(limits->attempts_max > 0 && limits->attempts_max < UINT8_MAX);
    assert(limits->lease_ticks > 0 && limits->liveness_ticks > 0);
    assert(limits->body_equal != NULL);

    const struct region_limits region_limits = {
        .regions_max = limits->regions_max,
        .bytes_max = limits->bytes_max,
        .region_bytes_max = limits->region_bytes_max,
        .bulk_wait = limits->bulk_wait_ticks,
        .weights = limits->weights,
    };
    const struct client_limits client_limits = {
        .jobs_max = limits->jobs_max,
        .bytes_max = limits->client_bytes_max,
        .untaken_max = limits->untaken_bytes_max,
    };
    struct dispatch *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->limits = *limits;
    list_init(&self->refused);
    list_init(&self->charged);
    self->jobs =
        jobs_new(limits->jobs_max, (uint32_t)(limits->instance >> 32), limits->secret);
    self->workers = workers_new(limits->workers_max, limits->secret);
    self->queue = region_queue_new(&region_limits, limits->secret);
    self->clients = clients_new(&client_limits, limits->secret);
    if (self->jobs == NULL || self->workers == NULL || self->queue == NULL ||
        self->clients == NULL ||
        heap_open(&self->deadlines, limits->jobs_max) != STATUS_OK) {
        dispatch_free(self);
        return NULL;
    }
    return self;
}

void dispatch_free(struct dispatch *self)
{
    if (self == NULL)
        return;
    jobs_free(self->jobs);
    workers_free(self->workers);
    region_queue_free(self->queue);
    clients_free(self->clients);
    heap_close(&self->deadlines);
    free(self);
}

/* ---- answers ---- */

static void post(struct dispatch *self, const struct dispatch_action *action)
{
    assert(self->outbox_count < DISPATCH_OUTBOX_MAX);
    self->outbox[self->outbox_count++] = *action;
}

/* The header of what is said about a request: its key, and nothing of a lease. */
static struct header answer_header(const struct header *request, enum message_type type)
{
    struct header header = *request;
    header.type = type;
    header.ticket = 0;
    header.attempt = 0;
    header.deadline_ms = 0;
    return header;
}

static struct dispatch_action refusal(uint64_t client, const struct header *request,
                                      enum message_type type, const char *reason)
{
    return (struct dispatch_action){
        .to = DISPATCH_CLIENT,
        .route = client,
        .header = answer_header(request, type),
        .reason = reason,
    };
}

static void post_to_worker(struct dispatch *self, uint64_t route, enum message_type type,
                           const char *reason)
{
    post(self, &(struct dispatch_action){
                   .to = DISPATCH_WORKER,
                   .route = route,
                   .header.type = type,
                   .reason = reason,
               });
}

static void post_note(struct dispatch *self, enum dispatch_note note,
                      const struct worker *worker)
{
    post(self, &(struct dispatch_action){.note = note, .worker = worker->name});
}

/* ---- deadlines and attempts ---- */

void dispatch_clock(struct dispatch *self, uint64_t now_ms)
{
    if (now_ms > self->now_ms)
        self->now_ms = now_ms;
}

uint64_t dispatch_wake_ms(const struct dispatch *self)
{
    const struct heap_node *first = heap_first(&self->deadlines);
    return first == NULL ? UINT64_MAX : first->key;
}

/* What the client says of the job: until when, and how many workers it has cost. What
 * cannot be buried has a last attempt here in any case. */
static void learn(struct dispatch *self, struct job *job, const struct header *header)
{
    uint32_t most = self->limits.attempts_max - (leases_can_bury(job) ? 0 : 1);
    uint32_t told = header->attempt < most ? header->attempt : most;
    if (job->charges < told)
        job->charges = told;
    job->expires_ms = 0;
    if (header->deadline_ms != 0)
        job->expires_ms = self->now_ms + header->deadline_ms;
}

/* ---- from clients ---- */

/* BUSY_NOT: the job is in its queue. */
static enum busy enqueue(struct dispatch *self, struct client *client,
                         const struct header *header, void *body, size_t size)
{
    const char *region = header->region[0] == '\0' ? "-" : header->region;
    enum busy busy = clients_check(self->clients, client, size);
    if (busy != BUSY_NOT)
        return busy;
    struct job *job = jobs_add(self->jobs, header, body);
    if (job == NULL)
        return BUSY_BATCHES;
    job->place.entered = self->ticks;
    job->place.priority = header->priority == 0 ? REGION_BULK : REGION_INTERACTIVE;
    busy = region_queue_enter(self->queue, region, &job->place, size);
    if (busy != BUSY_NOT) {
        jobs_remove(self->jobs, job);
        return busy;
    }
    job->client = job->payer = client;
    clients_name(self->clients, client, 0);
    clients_name(self->clients, client, size);
    learn(self, job, header);
    leases_await(self, job);
    self->counters.jobs_queued++;
    return BUSY_NOT;
}

/* The fuller the broker is, the later a client asks again. */
static uint32_t retry_after(const struct dispatch *self, enum busy busy)
{
    const struct dispatch_limits *limits = &self->limits;
    double bytes = (double)region_queue_bytes(self->queue) / (double)limits->bytes_max;
    double jobs = (double)jobs_count(self->jobs) / (double)limits->jobs_max;
    if (busy == BUSY_DRAINING)
        return RETRY_DRAINING_MS;
    return RETRY_LEAST_MS +
           (uint32_t)((RETRY_MOST_MS - RETRY_LEAST_MS) * (bytes > jobs ? bytes : jobs));
}

static struct dispatch_action refuse_busy(struct dispatch *self, uint64_t client,
                                          const struct header *request, enum busy busy)
{
    struct dispatch_action action =
        refusal(client, request, MESSAGE_BUSY, busy_text(busy));
    action.retry_after_ms = retry_after(self, busy);
    self->counters.jobs_busy++;
    ++*busy_counter(&self->counters, busy);
    return action;
}

/* A resend of what is held: the answer goes to where the client is now. */
static void join_job(struct dispatch *self, struct job *job, struct client *client,
                     const struct header *header)
{
    clients_name(self->clients, client, 0);
    clients_unname(self->clients, job->client, 0);
    job->client = client;
    learn(self, job, header);
    if (job->state == JOB_QUEUED)
        leases_await(self, job);
    self->counters.jobs_duplicate++;
}

void dispatch_job(struct dispatch *self, uint64_t route, const struct header *header,
                  void *body, size_t body_size)
{
    assert(header->type == MESSAGE_SCORE || header->type == MESSAGE_DESCRIBE);
    assert(body != NULL && self->outbox_count == 0);
    self->counters.jobs_received++;

    struct client *client = clients_hear(self->clients, route, header->ticket);
    struct job *same = jobs_find_same(self->jobs, header, body, self->limits.body_equal);
    if (same != NULL) {
        join_job(self, same, client, header);
        post(self, &(struct dispatch_action){.released = body});
        return;
    }
    enum busy busy = BUSY_DRAINING;
    if (!self->draining)
        busy = enqueue(self, client, header, body, body_size + BATCH_COST);
    if (busy == BUSY_NOT)
        return;
    struct dispatch_action action = refuse_busy(self, route, header, busy);
    action.released = body;
    post(self, &action);
}

/* The route itself would tell clients what the next ones will be, which they could take.
 */
static uint64_t connection_of(const struct dispatch *self, uint64_t route)
{
    return hash_bytes(self->limits.secret, &route, sizeof route);
}

void dispatch_ping(struct dispatch *self, uint64_t route, const struct header *header)
{
    assert(self->outbox_count == 0);
    enum message_type type = self->draining ? MESSAGE_DRAIN : MESSAGE_PONG;
    struct dispatch_action action = refusal(route, header, type, NULL);
    struct client *client = clients_find(self->clients, route);
    if (client != NULL)
        clients_told(self->clients, client, header->ticket);
    action.header.ticket = self->limits.instance;
    action.connection = connection_of(self, route);
    action.workerless = !workers_any_open(self->workers);
    action.held = jobs_count(self->jobs);
    action.credits = self->draining ? 0 : (uint32_t)workers_credits(self->workers);
    post(self, &action);
}

/* ---- from workers ---- */

/* The worker that speaks, whose silence ends. NULL: unknown, and asked who it is. */
static struct worker *hear(struct dispatch *self, uint64_t route)
{
    struct worker *worker = workers_find(self->workers, route);
    if (worker == NULL) {
        self->counters.workers_unknown++;
        if (workers_count(self->workers) < self->limits.workers_max)
            post_to_worker(self, route, MESSAGE_WHO, NULL);
        return NULL; /* else its HELLO would be refused, and its next frame asked again */
    }
    worker->silent_ticks = 0;
    return worker;
}

/* The same socket by another connection: its process lives, and so its leases do. */
static struct worker *come_back(struct dispatch *self, uint64_t route, uint64_t instance)
{
    struct worker *worker = workers_find_instance(self->workers, instance);
    if (worker == NULL)
        return NULL;
    workers_move(self->workers, worker, route);
    leases_acquit(self, worker);
    leases_expect_list(worker);
    worker->told_drain = false;
    self->counters.workers_back++;
    post_note(self, DISPATCH_NOTE_BACK, worker);
    return worker;
}

static struct worker *join(struct dispatch *self, uint64_t route, uint64_t instance,
                           const char *name)
{
    struct worker *worker = workers_add(self->workers, route, name);
    if (worker == NULL) {
        post_to_worker(self, route, MESSAGE_REJECT,
                       "the broker serves its maximum of workers");
        return NULL;
    }
    worker->instance = instance;
    self->counters.workers_joined++;
    post_note(self, DISPATCH_NOTE_JOINED, worker);
    return worker;
}

void dispatch_hello(struct dispatch *self, uint64_t route, uint64_t instance,
                    uint32_t window, uint64_t window_bytes, const char *name)
{
    assert(self->outbox_count == 0 && window <= WORKER_WINDOW_MAX);
    struct worker *worker = workers_find(self->workers, route);
    if (worker == NULL)
        worker = come_back(self, route, instance);
    if (worker == NULL)
        worker = join(self, route, instance, name);
    if (worker == NULL)
        return;
    worker->silent_ticks = 0;
    workers_set_window(self->workers, worker, window, window_bytes);
    workers_set_mood(self->workers, worker, WORKER_WILLING);
}

void dispatch_heartbeat(struct dispatch *self, uint64_t route,
                        const struct dispatch_heartbeat *heartbeat)
{
    assert(self->outbox_count == 0 && heartbeat->window <= WORKER_WINDOW_MAX);
    struct worker *worker = hear(self, route);
    if (worker == NULL)
        return;
    workers_set_window(self->workers, worker, heartbeat->window, heartbeat->window_bytes);
    workers_report(self->workers, worker, heartbeat->progress, heartbeat->scoring_ticket);
    if (heartbeat->serving != NULL)
        worker_serves(worker, heartbeat->serving, heartbeat->release, heartbeat->records);
    worker->elsewhere = heartbeat->elsewhere;
    leases_hear_pass(self, worker, heartbeat->together, heartbeat->together_count);
    if (heartbeat->told_held)
        leases_hear_list(self, worker, heartbeat->held, heartbeat->held_count);
    else
        leases_hear(worker);
}

/* The job that this frame of a worker is about; NULL: its lease is over. The ticket
 * decides, not the route: a worker that connected anew may still answer. */
static struct job *leased_job(struct dispatch *self, const struct header *header)
{
    struct job *job = jobs_find_ticket(self->jobs, header->ticket);
    return job != NULL && batch_key_equal(&job->header.key, &header->key) ? job : NULL;
}

static bool answers(enum message_type type, const struct job *job)
{
    bool describes = job->header.type == MESSAGE_DESCRIBE;
    return type == MESSAGE_REJECT || (type == MESSAGE_EXPIRED && job->expires_ms != 0) ||
           type == (describes ? MESSAGE_DESCRIPTION : MESSAGE_REPLY);
}

/* The worker's answer as it goes out: to nobody, where the client has too many to take.
 */
static struct dispatch_action forward(struct dispatch *self, struct job *job,
                                      enum message_type type, void *body,
                                      size_t body_size)
{
    struct dispatch_action action = {
        .to = DISPATCH_CLIENT,
        .route = job->client->route,
        .header = answer_header(&job->header, type),
        .body = body,
    };
    if (type != MESSAGE_REPLY && type != MESSAGE_DESCRIPTION)
        return action;
    action.answer_size = HEADER_SIZE + body_size;
    if (clients_send(self->clients, job->client, action.answer_size))
        return action;
    self->counters.replies_dropped++;
    return (struct dispatch_action){.to = DISPATCH_NOBODY};
}

void dispatch_reply(struct dispatch *self, uint64_t route, const struct header *header,
                    void *body, size_t body_size)
{
    assert(self->outbox_count == 0);
    hear(self, route);
    struct job *job = leased_job(self, header);
    if (job == NULL) {
        self->counters.replies_late++;
        return;
    }
    struct worker *worker = job->worker; /* who has the lease, whoever spoke */
    leases_end(self, job);
    if (!answers(header->type, job)) {
        self->counters.malformed_back++;
        worker->charged++;
        leases_charge(self, job);
        return;
    }
    struct dispatch_action action = forward(self, job, header->type, body, body_size);
    if (header->type == MESSAGE_EXPIRED) {
        self->counters.jobs_expired++;
    } else {
        worker->answered++;
        region_item_answered(&job->place);
        self->counters.replies_forwarded += action.to == DISPATCH_CLIENT;
    }
    action.released = leases_close(self, job);
    post(self, &action);
}

void dispatch_return(struct dispatch *self, uint64_t route, const struct header *header)
{
    assert(self->outbox_count == 0);
    struct worker *worker = hear(self, route);
    struct job *job = leased_job(self, header);
    if (worker != NULL) /* else it would get the same job again at once */
        workers_set_mood(self->workers, worker, WORKER_RETURNED);
    if (job == NULL)
        return;
    leases_end(self, job);
    leases_requeue(self, job);
    self->counters.leases_returned++;
}

void dispatch_bye(struct dispatch *self, uint64_t route)
{
    assert(self->outbox_count == 0);
    struct worker *worker = workers_find(self->workers, route);
    if (worker == NULL) /* whom WHO would not reach any more */
        return;
    self->counters.leases_returned += worker->leased;
    self->counters.workers_left++;
    leases_take_back(self, worker, NULL);
    post_note(self, DISPATCH_NOTE_LEFT, worker);
    workers_remove(self->workers, worker);
}

/* Its connection is gone. If its process is, too, there is silence from now on. */
static void go_away(struct dispatch *self, struct worker *worker)
{
    uint32_t liveness = self->limits.liveness_ticks;
    uint32_t silent = liveness > AWAY_TICKS ? liveness - AWAY_TICKS : 0;
    if (worker->silent_ticks < silent)
        worker->silent_ticks = silent;
    leases_keep_at_work(self, worker);
    workers_set_mood(self->workers, worker, WORKER_AWAY);
}

void dispatch_unsent(struct dispatch *self, const struct dispatch_action *action)
{
    if (action->to == DISPATCH_CLIENT) {
        struct client *client = clients_find(self->clients, action->route);
        if (client != NULL)
            clients_gone(self->clients, client);
        self->counters.clients_gone++;
        return;
    }
    struct worker *worker = workers_find(self->workers, action->route);
    if (worker == NULL)
        return;
    struct job *job = jobs_find_ticket(self->jobs, action->header.ticket);
    if (job != NULL && job->worker == worker) { /* it never saw this one */
        leases_end(self, job);
        leases_requeue(self, job);
    }
    go_away(self, worker);
}

void dispatch_untaken(struct dispatch *self, const struct dispatch_action *action)
{
    struct client *client = clients_find(self->clients, action->route);
    assert(action->to == DISPATCH_CLIENT);
    if (client != NULL)
        clients_unsend(self->clients, client, action->answer_size);
    if (action->answer_size == 0)
        return;
    self->counters.replies_dropped++;
    self->counters.replies_forwarded--;
}

/* ---- time ---- */

static void give_up_leases(struct dispatch *self)
{
    for (struct worker *worker = workers_next(self->workers, NULL); worker != NULL;
         worker = workers_next(self->workers, worker))
        leases_take_back(self, worker, NULL);
}

void dispatch_tick(struct dispatch *self)
{
    assert(self->outbox_count == 0);
    for (struct worker *worker = workers_next(self->workers, NULL); worker != NULL;
         worker = workers_next(self->workers, worker)) {
        worker->silent_ticks++;
        if (worker->leased > 0)
            worker->stalled_ticks++;
    }
    self->ticks++;
    self->inspecting = true;
    if (self->draining && ++self->drain_ticks >= self->limits.drain_ticks)
        give_up_leases(self);
}

void dispatch_drain(struct dispatch *self)
{
    self->draining = true;
}

/* ---- what follows from the state ---- */

static bool take_outbox(struct dispatch *self, struct dispatch_action *action)
{
    if (self->outbox_count == 0)
        return false;
    *action = self->outbox[0];
    self->outbox_count--;
    memmove(self->outbox, self->outbox + 1, self->outbox_count * sizeof self->outbox[0]);
    return true;
}

/* For half a lease: it may be stuck and say so, or has died and is not missed yet. */
static bool is_silent(const struct dispatch *self, const struct worker *worker)
{
    return 2 * (uint64_t)worker->silent_ticks >= self->limits.lease_ticks;
}

/* Dead or stuck: its leases go back, and a person may read about it. */
static void fail_worker(struct dispatch *self, struct worker *worker, bool dead,
                        struct dispatch_action *action)
{
    struct job *to_charge = leases_at_work(self, worker);
    *action = (struct dispatch_action){
        .note = dead ? DISPATCH_NOTE_LOST : DISPATCH_NOTE_STUCK,
        .worker = worker->name,
        .lease_count = worker->leased,
        .charged = to_charge != NULL,
    };
    self->counters.leases_lost += worker->leased;
    if (dead || is_silent(self, worker))
        leases_suspect(worker, to_charge);
    leases_take_back(self, worker, to_charge);
    if (dead) {
        self->counters.workers_lost++;
        workers_remove(self->workers, worker);
    } else {
        self->counters.workers_stuck++;
        workers_set_mood(self->workers, worker, WORKER_STUCK);
    }
}

static bool inspect_workers(struct dispatch *self, struct dispatch_action *action)
{
    if (!self->inspecting)
        return false;
    for (struct worker *worker = workers_next(self->workers, NULL); worker != NULL;
         worker = workers_next(self->workers, worker)) {
        bool dead = worker->silent_ticks >= self->limits.liveness_ticks;
        if (dead || worker->stalled_ticks >= self->limits.lease_ticks) {
            fail_worker(self, worker, dead, action);
            return true;
        }
    }
    self->inspecting = false;
    return false;
}

static bool refuse_job(struct dispatch *self, struct dispatch_action *action)
{
    if (list_empty(&self->refused))
        return false;
    struct job *job = list_item(self->refused.next, struct job, link);
    *action = refusal(job->client->route, &job->header, MESSAGE_REJECT,
                      "given up: each attempt ended with the loss of its worker");
    list_remove(&job->link);
    action->released = leases_close(self, job);
    self->counters.jobs_rejected++;
    return true;
}

static bool tell_charged(struct dispatch *self, struct dispatch_action *action)
{
    if (list_empty(&self->charged))
        return false;
    struct job *job = list_item(self->charged.next, struct job, link);
    list_remove(&job->link);
    *action = refusal(job->client->route, &job->header, MESSAGE_CHARGED, NULL);
    action->header.attempt = (uint8_t)job->charges;
    return true;
}

static bool expire_job(struct dispatch *self, struct dispatch_action *action)
{
    if (dispatch_wake_ms(self) > self->now_ms)
        return false;
    struct job *job = heap_item(heap_first(&self->deadlines), struct job, deadline);
    *action = refusal(job->client->route, &job->header, MESSAGE_EXPIRED, NULL);
    action->released = leases_close(self, job);
    self->counters.jobs_expired++;
    return true;
}

static bool drain_queue(struct dispatch *self, struct dispatch_action *action)
{
    struct region_item *item = region_queue_first(self->queue, self->ticks);
    if (item == NULL)
        return false;
    struct job *job = list_item(item, struct job, place);
    *action = refuse_busy(self, job->client->route, &job->header, BUSY_DRAINING);
    action->released = leases_close(self, job);
    return true;
}

static bool tell_worker(struct dispatch *self, struct dispatch_action *action)
{
    for (struct worker *worker = workers_next(self->workers, NULL); worker != NULL;
         worker = workers_next(self->workers, worker)) {
        if (worker->told_drain)
            continue;
        worker->told_drain = true;
        *action = (struct dispatch_action){
            .to = DISPATCH_WORKER,
            .route = worker->route,
            .header.type = MESSAGE_DRAIN,
        };
        return true;
    }
    return false;
}

/* Whoever waits for a leased job; the others have been told BUSY, or will be. */
static bool tell_client(struct dispatch *self, struct dispatch_action *action)
{
    struct job *job = self->drain_told ? NULL : jobs_next(self->jobs, self->drain_cursor);
    self->drain_cursor = job;
    if (job == NULL) {
        self->drain_told = true;
        return false;
    }
    *action = refusal(job->client->route, &job->header, MESSAGE_DRAIN, NULL);
    return true;
}

static bool grant_next(struct dispatch *self, struct dispatch_action *action)
{
    struct region_item *item = workers_credits(self->workers) == 0
                                   ? NULL
                                   : region_queue_first(self->queue, self->ticks);
    if (item == NULL)
        return false;
    /* Where it fits into no worker now, it waits, and the others with it: a worker that
     * ends what it holds takes whatever is next. */
    struct job *job = list_item(item, struct job, place);
    struct worker *worker = leases_goes_alone(self, job)
                                ? workers_pick_idle(self->workers)
                                : workers_pick(self->workers, item->size - BATCH_COST);
    if (worker == NULL)
        return false;
    region_queue_take(self->queue, item);
    leases_grant(self, job, worker);

    *action = (struct dispatch_action){
        .to = DISPATCH_WORKER,
        .route = worker->route,
        .header = job->header,
        .body = job->body,
    };
    action->header.ticket = jobs_ticket(self->jobs, job);
    action->header.attempt = leases_attempt(job);
    action->header.deadline_ms = 0;
    if (job->expires_ms != 0) /* not passed: expire_job() comes first */
        action->header.deadline_ms = (uint32_t)(job->expires_ms - self->now_ms);
    if (leases_used_up(self, job)) {
        action->header.type = MESSAGE_BURY;
        self->counters.burials++;
    }
    return true;
}

bool dispatch_next(struct dispatch *self, struct dispatch_action *action)
{
    if (take_outbox(self, action) || inspect_workers(self, action) ||
        refuse_job(self, action) || tell_charged(self, action) ||
        expire_job(self, action))
        return true;
    if (self->draining)
        return drain_queue(self, action) || tell_worker(self, action) ||
               tell_client(self, action);
    return grant_next(self, action);
}

bool dispatch_is_done(const struct dispatch *self)
{
    return self->draining && self->outbox_count == 0 && jobs_count(self->jobs) == 0;
}

bool dispatch_is_taken(const struct dispatch *self)
{
    return clients_took_all(self->clients);
}

struct counters *dispatch_counters(struct dispatch *self)
{
    return &self->counters;
}

uint32_t dispatch_job_count(const struct dispatch *self)
{
    return jobs_count(self->jobs);
}

uint32_t dispatch_worker_count(const struct dispatch *self)
{
    return workers_count(self->workers);
}

void dispatch_measure(const struct dispatch *self, struct dispatch_gauges *gauges)
{
    uint32_t queued = region_queue_count(self->queue);
    *gauges = (struct dispatch_gauges){
        .queued = queued,
        .leased = jobs_count(self->jobs) - queued,
        .workers = workers_count(self->workers),
        .clients = clients_count(self->clients),
        .untaken_bytes = clients_untaken(self->clients),
        .bytes = region_queue_bytes(self->queue),
        .oldest_ticks = self->ticks - region_queue_oldest(self->queue, self->ticks),
        .draining = self->draining,
    };
}

const struct region_queue *dispatch_regions(const struct dispatch *self)
{
    return self->queue;
}

struct workers *dispatch_workers(const struct dispatch *self)
{
    return self->workers;
}

const struct dispatch_limits *dispatch_limits(const struct dispatch *self)
{
    return &self->limits;
}

uint64_t dispatch_ticks(const struct dispatch *self)
{
    return self->ticks;
}
