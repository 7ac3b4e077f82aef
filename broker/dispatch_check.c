/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch_check.c - what must hold of the dispatcher between any two actions. */
#include "broker/leases.h"

#include <stdlib.h>

static void check_that(bool holds)
{
    if (!holds)
        abort();
}

static void check_job(struct dispatch *self, const struct job *job)
{
    bool queued = job->state == JOB_QUEUED, leased = job->state == JOB_LEASED;
    check_that(job->body != NULL && job->place.region != NULL);
    check_that(queued == job->place.queued && leased == (job->worker != NULL));
    check_that(job->client != NULL && job->payer != NULL);
    check_that(job->charges <= self->limits.attempts_max);
    check_that(job->parted == 0 || job->suspected > 0);
    check_that(job->state == JOB_REFUSED || leases_can_bury(job) ||
               !leases_used_up(self, job));
    check_that((job->deadline.place != 0) == (queued && job->expires_ms != 0));
    check_that(!leased || job->alone == job->worker->alone);
    if (leased)
        check_that(jobs_find_ticket(self->jobs, jobs_ticket(self->jobs, job)) == job);
}

static uint32_t check_worker(const struct worker *worker)
{
    uint32_t count = 0;
    uint64_t bytes = 0;
    for (struct list *node = worker->leases.next; node != &worker->leases;
         node = node->next) {
        const struct job *job = list_item(node, struct job, link);
        check_that(job->state == JOB_LEASED && job->worker == worker);
        check_that(++count <= WORKER_WINDOW_MAX);
        bytes += job->place.size - BATCH_COST;
    }
    check_that(count == worker->leased && bytes == worker->leased_bytes);
    return count;
}

void dispatch_check(struct dispatch *self)
{
    uint32_t counts[JOB_REFUSED + 1] = {0}, workers = 0, leased = 0;
    size_t bytes = 0;
    for (struct job *job = jobs_next(self->jobs, NULL); job != NULL;
         job = jobs_next(self->jobs, job)) {
        check_job(self, job);
        counts[job->state]++;
        bytes += job->place.size;
    }
    for (struct worker *worker = workers_next(self->workers, NULL); worker != NULL;
         worker = workers_next(self->workers, worker)) {
        leased += check_worker(worker);
        check_that(++workers <= self->limits.workers_max);
    }
    region_queue_check(self->queue);
    workers_check(self->workers);
    clients_check_all(self->clients, bytes, 2 * jobs_count(self->jobs));
    /* Each credit that was used is in somebody's hands, or was given back. */
    check_that(self->counters.leases_granted == self->leases_ended + leased);
    check_that(leased == counts[JOB_LEASED] && workers == workers_count(self->workers));
    check_that(counts[JOB_QUEUED] == region_queue_count(self->queue));
    check_that(counts[JOB_QUEUED] + leased + counts[JOB_REFUSED] ==
               jobs_count(self->jobs));
    check_that(bytes == region_queue_bytes(self->queue));
}
