/* SPDX-License-Identifier: Apache-2.0 */
/* leases.c - each change of a job's place in one function. */
#include "broker/leases.h"

bool leases_can_bury(const struct job *job)
{
    return job->header.type == MESSAGE_SCORE && (job->header.flags & HEADER_WHAT_IF) == 0;
}

bool leases_goes_alone(const struct dispatch *self, const struct job *job)
{
    uint32_t deaths = job->charges + job->suspected;
    return deaths > 0 && deaths + 1 >= self->limits.attempts_max &&
           !leases_used_up(self, job);
}

bool leases_used_up(const struct dispatch *self, const struct job *job)
{
    return job->charges >= self->limits.attempts_max;
}

void leases_await(struct dispatch *self, struct job *job)
{
    job->state = JOB_QUEUED;
    if (leases_used_up(self, job)) /* nobody but the store ends it */
        job->expires_ms = 0;
    heap_remove(&self->deadlines, &job->deadline);
    if (job->expires_ms != 0)
        heap_insert(&self->deadlines, &job->deadline, job->expires_ms);
}

static uint64_t body_size(const struct job *job)
{
    return job->place.size - BATCH_COST;
}

uint8_t leases_attempt(const struct job *job)
{
    uint32_t attempt = 1 + job->charges + (job->alone ? job->suspected : 0);
    return attempt < UINT8_MAX ? (uint8_t)attempt : UINT8_MAX;
}

void leases_end(struct dispatch *self, struct job *job)
{
    list_remove(&job->link);
    workers_unhold(self->workers, job->worker, body_size(job));
    job->worker = NULL;
    self->leases_ended++;
}

void leases_requeue(struct dispatch *self, struct job *job)
{
    leases_await(self, job);
    region_queue_again(self->queue, &job->place);
}

/* Alone as it was: what it was suspected of was its doing, too. */
static void add_charge(const struct dispatch *self, struct job *job)
{
    job->charges++;
    if (job->alone) {
        job->charges += job->suspected;
        job->suspected = 0;
        job->parted = 0;
    }
    if (job->charges > self->limits.attempts_max)
        job->charges = self->limits.attempts_max;
}

void leases_charge(struct dispatch *self, struct job *job)
{
    self->counters.attempts_charged++;
    bool buries = leases_used_up(self, job); /* which may fail for ever */
    if (!buries)
        add_charge(self, job);
    if (!leases_used_up(self, job) || leases_can_bury(job)) {
        leases_requeue(self, job);
        if (!buries)
            list_push_back(&self->charged, &job->link);
        return;
    }
    job->state = JOB_REFUSED;
    list_push_back(&self->refused, &job->link);
}

/* What was alone with many that died elsewhere, as they said: that may have been their
 * last but one word each time. */
static struct job *inexcusable(const struct dispatch *self, const struct worker *worker)
{
    if (!worker->alone)
        return NULL;
    struct job *job = list_item(worker->leases.next, struct job, link);
    return job->suspected >= DISPATCH_EXCUSES * self->limits.attempts_max ? job : NULL;
}

/* The one that it named last. Where that is over, the oldest it was handed since it last
 * spoke of itself: it may have begun that and died before its heartbeat was out. Else it
 * was idle or waiting. */
struct job *leases_at_work(const struct dispatch *self, const struct worker *worker)
{
    struct job *named = jobs_find_ticket(self->jobs, worker->scoring_ticket);
    if (worker->elsewhere)
        return inexcusable(self, worker);
    if (named != NULL && named->worker == worker)
        return named;
    for (struct list *node = worker->leases.next; node != &worker->leases;
         node = node->next) {
        struct job *job = list_item(node, struct job, link);
        if (job->unheard)
            return job;
    }
    return NULL;
}

/* Those that it was handed before it last spoke were heard of then. */
void leases_hear(struct worker *worker)
{
    for (struct list *node = worker->leases.prev; node != &worker->leases;
         node = node->prev) {
        struct job *job = list_item(node, struct job, link);
        if (!job->unheard)
            return;
        job->unheard = false;
    }
}

void leases_hear_list(struct dispatch *self, struct worker *worker,
                      const uint64_t *tickets, size_t count)
{
    worker->list_count++;
    for (size_t i = 0; i < count; i++) {
        struct job *job = jobs_find_ticket(self->jobs, tickets[i]);
        if (job == NULL || job->worker != worker)
            continue;
        job->listed = worker->list_count;
        job->unheard = false;
    }
    /* What is not in the list, nor was before, may be on its way. */
    for (struct list *node = worker->leases.prev; node != &worker->leases;) {
        struct job *job = list_item(node, struct job, link);
        node = node->prev;
        if (job->listed == 0 || job->listed == worker->list_count)
            continue;
        leases_end(self, job);
        leases_requeue(self, job);
        self->counters.leases_missed++;
    }
}

void leases_expect_list(struct worker *worker)
{
    for (struct list *node = worker->leases.next; node != &worker->leases;
         node = node->next) {
        struct job *job = list_item(node, struct job, link);
        if (job->listed == 0)
            job->listed = worker->list_count;
    }
}

static void join_pass(struct dispatch *self, struct worker *worker, uint64_t ticket)
{
    struct job *job = jobs_find_ticket(self->jobs, ticket);
    if (job != NULL && job->worker == worker)
        job->pass = worker->pass_count;
}

void leases_hear_pass(struct dispatch *self, struct worker *worker,
                      const uint64_t *tickets, size_t count)
{
    worker->pass_count++; /* what was named before is over */
    join_pass(self, worker, worker->scoring_ticket);
    for (size_t i = 0; i < count; i++)
        join_pass(self, worker, tickets[i]);
}

/* Which of a pass it was nobody knows: each is charged, and then tried alone. */
static bool is_at_work(const struct job *job, const struct job *named, uint32_t pass)
{
    return job == named || (pass != 0 && job->pass == pass);
}

void leases_keep_at_work(struct dispatch *self, struct worker *worker)
{
    const struct job *kept = leases_at_work(self, worker);
    uint32_t pass = kept == NULL ? 0 : kept->pass;
    for (struct list *node = worker->leases.prev; node != &worker->leases;) {
        struct job *job = list_item(node, struct job, link);
        node = node->prev;
        if (is_at_work(job, kept, pass))
            continue;
        job->suspected++;
        job->parted = worker->number;
        worker->parted = true;
        leases_end(self, job);
        leases_requeue(self, job);
    }
}

void leases_acquit(struct dispatch *self, struct worker *worker)
{
    if (!worker->parted)
        return;
    worker->parted = false;
    for (struct job *job = jobs_next(self->jobs, NULL); job != NULL;
         job = jobs_next(self->jobs, job))
        if (job->parted == worker->number) {
            job->parted = 0;
            job->suspected--;
        }
}

void leases_suspect(struct worker *worker, const struct job *to_charge)
{
    uint32_t pass = to_charge == NULL ? 0 : to_charge->pass;
    for (struct list *node = worker->leases.next; node != &worker->leases;
         node = node->next) {
        struct job *job = list_item(node, struct job, link);
        if (!is_at_work(job, to_charge, pass))
            job->suspected++;
    }
}

/* The newest first, so that the oldest ends at the head. */
void leases_take_back(struct dispatch *self, struct worker *worker, struct job *to_charge)
{
    uint32_t pass = to_charge == NULL ? 0 : to_charge->pass;
    while (!list_empty(&worker->leases)) {
        struct job *job = list_item(worker->leases.prev, struct job, link);
        leases_end(self, job);
        if (is_at_work(job, to_charge, pass)) {
            worker->charged++;
            leases_charge(self, job);
        } else {
            leases_requeue(self, job);
        }
    }
    worker->stalled_ticks = 0;
}

void leases_grant(struct dispatch *self, struct job *job, struct worker *worker)
{
    jobs_renew_ticket(self->jobs, job);
    heap_remove(&self->deadlines, &job->deadline);
    job->state = JOB_LEASED;
    job->worker = worker;
    job->unheard = true;
    job->listed = 0;
    job->pass = 0;
    job->alone = leases_goes_alone(self, job);
    list_push_back(&worker->leases, &job->link);
    if (worker->leased == 0)
        worker->stalled_ticks = 0;
    workers_hold(self->workers, worker, body_size(job), job->alone);
    self->counters.leases_granted++;
}

void *leases_close(struct dispatch *self, struct job *job)
{
    void *body = job->body;
    heap_remove(&self->deadlines, &job->deadline);
    region_queue_leave(self->queue, &job->place);
    clients_unname(self->clients, job->client, 0);
    clients_unname(self->clients, job->payer, job->place.size);
    jobs_remove(self->jobs, job);
    return body;
}
