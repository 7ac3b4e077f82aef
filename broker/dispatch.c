/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch.c - events change the state and leave at most two answers in the outbox; all
 * else follows from the state, one action at a time. */
#include "broker/leases.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    RETRY_FULL_MS = 500,
    RETRY_DRAINING_MS = 1000,
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
    if (self->jobs == NULL || self->workers == NULL || self->queue == NULL ||
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

/* NULL: the job is in its queue. Else the reason why not. */
static const char *enqueue(struct dispatch *self, uint64_t client,
                           const struct header *header, void *body, size_t body_size)
{
    const char *region = header->region[0] == '\0' ? "-" : header->region;
    const char *reason;
    struct job *job = jobs_add(self->jobs, header, body);
    if (job == NULL)
        return "the broker holds its maximum of batches";
    job->place.entered = self->ticks;
    job->place.priority = header->priority == 0 ? REGION_BULK : REGION_INTERACTIVE;
    if (region_queue_enter(self->queue, region, &job->place, body_size + HEADER_SIZE,
                           &reason) != STATUS_OK) {
        jobs_remove(self->jobs, job);
        return reason;
    }
    job->client = client;
    learn(self, job, header);
    leases_await(self, job);
    self->counters.jobs_queued++;
    return NULL;
}

static void refuse_body(struct dispatch *self, struct dispatch_action action, void *body)
{
    action.released = body;
    *(action.header.type == MESSAGE_BUSY ? &self->counters.jobs_busy
                                         : &self->counters.jobs_rejected) += 1;
    post(self, &action);
}

static struct dispatch_action busy(uint64_t client, const struct header *request,
                                   const char *reason, uint32_t retry_after_ms)
{
    struct dispatch_action action = refusal(client, request, MESSAGE_BUSY, reason);
    action.retry_after_ms = retry_after_ms;
    return action;
}

static struct dispatch_action draining(uint64_t client, const struct header *request)
{
    return busy(client, request, "draining", RETRY_DRAINING_MS);
}

void dispatch_job(struct dispatch *self, uint64_t client, const struct header *header,
                  void *body, size_t body_size)
{
    assert(header->type == MESSAGE_SCORE || header->type == MESSAGE_DESCRIBE);
    assert(body != NULL && self->outbox_count == 0);
    self->counters.jobs_received++;

    struct job *same = jobs_find_same(self->jobs, header, body, self->limits.body_equal);
    if (same != NULL) { /* the answer goes to where the client is now */
        same->client = client;
        learn(self, same, header);
        if (same->state == JOB_QUEUED)
            leases_await(self, same);
        self->counters.jobs_duplicate++;
        post(self, &(struct dispatch_action){.released = body});
        return;
    }
    if (self->draining) {
        refuse_body(self, draining(client, header), body);
        return;
    }
    const char *reason = enqueue(self, client, header, body, body_size);
    if (reason != NULL)
        refuse_body(self, busy(client, header, reason, RETRY_FULL_MS), body);
}

static uint32_t count_credits(struct dispatch *self)
{
    uint32_t credits = 0;
    for (struct worker *worker = workers_next(self->workers, NULL); worker != NULL;
         worker = workers_next(self->workers, worker))
        credits += worker_credits(worker);
    return credits;
}

void dispatch_ping(struct dispatch *self, uint64_t client, const struct header *header)
{
    assert(self->outbox_count == 0);
    enum message_type type = self->draining ? MESSAGE_DRAIN : MESSAGE_PONG;
    struct dispatch_action action = refusal(client, header, type, NULL);
    action.header.ticket = self->limits.instance;
    action.held = jobs_count(self->jobs);
    action.credits = self->draining ? 0 : count_credits(self);
    post(self, &action);
}

/* ---- from workers ---- */

/* The worker that speaks, whose silence ends. NULL: unknown, and asked who it is. */
static struct worker *hear(struct dispatch *self, uint64_t route)
{
    struct worker *worker = workers_find(self->workers, route);
    if (worker == NULL) {
        self->counters.workers_unknown++;
        post_to_worker(self, route, MESSAGE_WHO, NULL);
        return NULL;
    }
    worker->silent_ticks = 0;
    return worker;
}

void dispatch_hello(struct dispatch *self, uint64_t route, uint32_t window,
                    const char *name)
{
    assert(self->outbox_count == 0 && window <= WORKER_WINDOW_MAX);
    struct worker *worker = workers_find(self->workers, route);
    if (worker == NULL) {
        worker = workers_add(self->workers, route, name);
        if (worker == NULL) {
            post_to_worker(self, route, MESSAGE_REJECT,
                           "the broker serves its maximum of workers");
            return;
        }
        self->counters.workers_joined++;
        post_note(self, DISPATCH_NOTE_JOINED, worker);
    }
    worker->silent_ticks = 0;
    worker->window = window;
    worker->mood = WORKER_WILLING;
}

void dispatch_heartbeat(struct dispatch *self, uint64_t route,
                        const struct dispatch_heartbeat *heartbeat)
{
    assert(self->outbox_count == 0 && heartbeat->window <= WORKER_WINDOW_MAX);
    struct worker *worker = hear(self, route);
    if (worker == NULL)
        return;
    worker_report(worker, heartbeat->progress, heartbeat->scoring_ticket,
                  heartbeat->window);
    if (heartbeat->serving != NULL)
        worker_serves(worker, heartbeat->serving, heartbeat->release, heartbeat->records);
    for (struct list *node = worker->leases.next; node != &worker->leases;
         node = node->next)
        list_item(node, struct job, link)->unheard = false;
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

void dispatch_reply(struct dispatch *self, uint64_t route, const struct header *header,
                    void *body)
{
    assert(self->outbox_count == 0);
    hear(self, route);
    struct job *job = leased_job(self, header);
    if (job == NULL) {
        self->counters.replies_late++;
        return;
    }
    struct worker *worker = job->worker; /* who has the lease, whoever spoke */
    leases_end(job);
    if (!answers(header->type, job)) {
        self->counters.malformed_back++;
        worker->charged++;
        leases_charge(self, job);
        return;
    }
    struct dispatch_action action = {
        .to = DISPATCH_CLIENT,
        .route = job->client,
        .header = answer_header(&job->header, header->type),
        .body = body,
    };
    if (header->type == MESSAGE_EXPIRED) {
        self->counters.jobs_expired++;
    } else {
        worker->answered++;
        region_item_answered(&job->place);
        self->counters.replies_forwarded++;
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
        worker->mood = WORKER_RETURNED;
    if (job == NULL)
        return;
    leases_end(job);
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

void dispatch_unsent(struct dispatch *self, const struct dispatch_action *action)
{
    if (action->to == DISPATCH_CLIENT) {
        self->counters.clients_gone++;
        return;
    }
    struct worker *worker = workers_find(self->workers, action->route);
    if (worker == NULL)
        return;
    struct job *job = jobs_find_ticket(self->jobs, action->header.ticket);
    if (job != NULL && job->worker == worker) { /* it never saw this one */
        leases_end(job);
        leases_requeue(self, job);
    }
    worker->silent_ticks = self->limits.liveness_ticks;
    self->inspecting = true;
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
    leases_take_back(self, worker, to_charge);
    if (dead) {
        self->counters.workers_lost++;
        workers_remove(self->workers, worker);
    } else {
        self->counters.workers_stuck++;
        worker->mood = WORKER_STUCK;
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
    *action = refusal(job->client, &job->header, MESSAGE_REJECT,
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
    *action = refusal(job->client, &job->header, MESSAGE_CHARGED, NULL);
    action->header.attempt = (uint8_t)job->charges;
    return true;
}

static bool expire_job(struct dispatch *self, struct dispatch_action *action)
{
    if (dispatch_wake_ms(self) > self->now_ms)
        return false;
    struct job *job = heap_item(heap_first(&self->deadlines), struct job, deadline);
    *action = refusal(job->client, &job->header, MESSAGE_EXPIRED, NULL);
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
    *action = draining(job->client, &job->header);
    action->released = leases_close(self, job);
    self->counters.jobs_busy++;
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
    *action = refusal(job->client, &job->header, MESSAGE_DRAIN, NULL);
    return true;
}

static bool grant_next(struct dispatch *self, struct dispatch_action *action)
{
    if (region_queue_count(self->queue) == 0)
        return false;
    struct worker *worker = workers_pick(self->workers);
    if (worker == NULL)
        return false;
    struct region_item *item = region_queue_first(self->queue, self->ticks);
    struct job *job = list_item(item, struct job, place);
    region_queue_take(self->queue, item);
    leases_grant(self, job, worker);

    *action = (struct dispatch_action){
        .to = DISPATCH_WORKER,
        .route = worker->route,
        .header = job->header,
        .body = job->body,
    };
    action->header.ticket = jobs_ticket(self->jobs, job);
    action->header.attempt = (uint8_t)(job->charges + 1);
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
