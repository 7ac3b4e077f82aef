/* SPDX-License-Identifier: Apache-2.0 */
/* committer.c - one queue in, one transaction at a time, many outboxes. */
#include "worker/committer.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    GROUP_MAX = 256,
    RETRY_MIN_MS = 20,
    RETRY_MAX_MS = 500,
};

/* ---- outbox ---- */

struct outbox {
    pthread_mutex_t lock;
    struct list jobs;
    int event;
    bool woken; /* the descriptor is readable */
};

struct outbox *outbox_new(void)
{
    struct outbox *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int made = pthread_mutex_init(&self->lock, NULL);
    assert(self->event >= 0 && made == 0);
    list_init(&self->jobs);
    return self;
}

void outbox_free(struct outbox *self)
{
    if (self == NULL)
        return;
    assert(list_empty(&self->jobs));
    close(self->event);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

int outbox_fd(const struct outbox *self)
{
    return self->event;
}

/* One wake-up for all that comes before the thread looks. */
static void wake_locked(struct outbox *self)
{
    const uint64_t one = 1;
    if (self->woken)
        return;
    ssize_t written = write(self->event, &one, sizeof one);
    assert(written == sizeof one);
    self->woken = true;
}

void outbox_wake(struct outbox *self)
{
    pthread_mutex_lock(&self->lock);
    wake_locked(self);
    pthread_mutex_unlock(&self->lock);
}

/* Woken under the lock: who takes its last job may free the outbox at once. */
static void outbox_put(struct outbox *self, struct commit_job *job)
{
    pthread_mutex_lock(&self->lock);
    list_push_back(&self->jobs, &job->link);
    wake_locked(self);
    pthread_mutex_unlock(&self->lock);
}

struct commit_job *outbox_take(struct outbox *self)
{
    uint64_t count;
    struct commit_job *job = NULL;
    pthread_mutex_lock(&self->lock);
    if (!list_empty(&self->jobs)) {
        job = list_item(self->jobs.next, struct commit_job, link);
        list_remove(&job->link);
    } else if (self->woken) {
        ssize_t taken = read(self->event, &count, sizeof count);
        assert(taken == sizeof count);
        self->woken = false;
    }
    pthread_mutex_unlock(&self->lock);
    return job;
}

/* ---- committer ---- */

struct committer {
    struct store *store;
    struct current *current;
    struct snapshot *held;
    uint32_t wait_ms;
    pthread_t thread;
    struct settle_request requests[GROUP_MAX]; /* of the group being settled */
    struct settle_result results[GROUP_MAX];
    struct error_text away_reason; /* last logged */

    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct list jobs;
    bool stopping;

    atomic_bool away, hurry;
    atomic_uint_fast64_t busy_since_ms, setbacks;
};

static struct timespec after_ms(uint32_t ms)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_sec += ms / 1000;
    time.tv_nsec += (long)(ms % 1000) * 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    return time;
}

/* Wait for jobs and take up to a group. None: it is time to stop, or, while the store is
 * away, to look whether it is back. */
static size_t take_group(struct committer *self, struct commit_job **group, bool *stop)
{
    size_t count = 0;
    struct timespec until = after_ms(RETRY_MAX_MS);
    int waited = 0;
    pthread_mutex_lock(&self->lock);
    while (list_empty(&self->jobs) && !self->stopping && waited == 0)
        waited = atomic_load(&self->away)
                     ? pthread_cond_timedwait(&self->filled, &self->lock, &until)
                     : pthread_cond_wait(&self->filled, &self->lock);
    while (!list_empty(&self->jobs) && count < GROUP_MAX) {
        group[count] = list_item(self->jobs.next, struct commit_job, link);
        list_remove(&group[count++]->link);
    }
    *stop = self->stopping && count == 0;
    pthread_mutex_unlock(&self->lock);
    return count;
}

/* What keeps it away is logged again where it changes: the first reason is often only
 * that it is being started. */
static void set_away(struct committer *self, bool away, const struct error_text *error)
{
    atomic_store(&self->setbacks, store_setbacks(self->store));
    bool was_away = atomic_exchange(&self->away, away);
    if (away && !(was_away && strcmp(error->text, self->away_reason.text) == 0))
        log_error("store_away", "reason=\"%s\"", error->text);
    if (!away && was_away)
        log_info("store_back", "settling=on");
    if (away)
        self->away_reason = *error;
}

static bool is_settled_elsewhere(const struct commit_job *job)
{
    return job->result.verdict == SETTLED_DUPLICATE &&
           job->result.settlement.outcome == SETTLE_COUNTED;
}

/* A settled batch whose versions cannot be had now is not answered now. */
static void recall(struct committer *self, struct commit_job *job)
{
    struct error_text error = {""};
    current_hold(self->current, &self->held);
    job->status = serving_recall(self->store, self->held, &job->result.settlement,
                                 &job->recalled, &error);
    if (job->status == STATUS_OK)
        return;
    log_error("recall_failed", "reason=\"%s\"", error.text);
    job->status = STATUS_UNAVAILABLE;
}

static void refresh(struct committer *self, struct commit_job *job)
{
    struct error_text error = {""};
    struct snapshot *snapshot;
    current_hold(self->current, &self->held);
    job->status = snapshot_load(self->store, self->held, &snapshot, &error);
    if (job->status == STATUS_OK)
        current_publish(self->current, snapshot);
    set_away(self, job->status != STATUS_OK, &error);
}

static enum status settle_group(struct committer *self, struct commit_job **group,
                                size_t count, struct error_text *error)
{
    for (size_t i = 0; i < count; i++)
        self->requests[i] = group[i]->request;
    enum status status =
        store_settle(self->store, self->requests, count, self->results, error);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        group[i]->result = self->results[i];
    return status;
}

/* Long enough tried: the oldest job of the group decides for all. */
static bool gives_up(const struct committer *self, struct commit_job **group)
{
    return atomic_load(&self->hurry) ||
           clock_monotonic_ms() - group[0]->since_ms >= self->wait_ms;
}

/* A group that fails for a reason that will not pass (a sum that overflows) is settled
 * one by one, so that one batch never costs its neighbours. */
static enum status settle_or_wait(struct committer *self, struct commit_job **group,
                                  size_t count)
{
    struct error_text error = {""};
    int pause_ms = RETRY_MIN_MS;
    for (;;) {
        enum status status = settle_group(self, group, count, &error);
        set_away(self, status == STATUS_UNAVAILABLE || status == STATUS_CORRUPT, &error);
        if (status == STATUS_OK || status == STATUS_INVALID || gives_up(self, group))
            return status;
        poll(NULL, 0, pause_ms);
        pause_ms = 2 * pause_ms < RETRY_MAX_MS ? 2 * pause_ms : RETRY_MAX_MS;
    }
}

static void finish_settle(struct committer *self, struct commit_job *job,
                          enum status status)
{
    job->status = status == STATUS_OK ? STATUS_OK : STATUS_UNAVAILABLE;
    if (status == STATUS_OK && is_settled_elsewhere(job))
        recall(self, job);
    outbox_put(job->outbox, job);
}

static void settle_jobs(struct committer *self, struct commit_job **group, size_t count)
{
    if (count == 0)
        return;
    enum status status = settle_or_wait(self, group, count);
    if (status == STATUS_INVALID && count > 1) {
        for (size_t i = 0; i < count; i++)
            settle_jobs(self, &group[i], 1);
        return;
    }
    if (status == STATUS_INVALID)
        log_error("settle_refused", "sequence=%" PRIu64, group[0]->request.sequence);
    if (status == STATUS_OK)
        fault_point("worker.settled");
    for (size_t i = 0; i < count; i++)
        finish_settle(self, group[i], status);
}

/* Refreshes are answered first: batches wait for them. */
static void work(struct committer *self, struct commit_job **group, size_t count)
{
    struct commit_job *settle[GROUP_MAX];
    size_t settle_count = 0;
    atomic_store(&self->busy_since_ms, clock_monotonic_ms());
    for (size_t i = 0; i < count; i++) {
        if (group[i]->kind == COMMIT_SETTLE) {
            settle[settle_count++] = group[i];
            continue;
        }
        refresh(self, group[i]);
        outbox_put(group[i]->outbox, group[i]);
    }
    settle_jobs(self, settle, settle_count);
    atomic_store(&self->busy_since_ms, 0);
}

static void look_if_back(struct committer *self)
{
    struct error_text error = {""};
    uint64_t generation;
    if (atomic_load(&self->away) &&
        store_generation(self->store, &generation, &error) == STATUS_OK)
        set_away(self, false, &error);
}

static void *run(void *arg)
{
    struct committer *self = arg;
    struct commit_job *group[GROUP_MAX];
    for (bool stop = false; !stop;) {
        size_t count = take_group(self, group, &stop);
        if (count > 0)
            work(self, group, count);
        else if (!stop)
            look_if_back(self);
    }
    return NULL;
}

enum status committer_start(const struct committer_options *options,
                            struct committer **out, struct error_text *error)
{
    struct committer *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    enum status status = store_open(options->store_url, &self->store, error);
    if (status == STATUS_OK && !options->weak)
        status = store_require_durable(self->store, error);
    if (status != STATUS_OK) {
        store_close(self->store);
        free(self);
        return status;
    }
    self->current = options->current;
    self->wait_ms = options->wait_ms;
    list_init(&self->jobs);
    int made = pthread_mutex_init(&self->lock, NULL);
    made += pthread_cond_init(&self->filled, NULL);
    made += pthread_create(&self->thread, NULL, run, self);
    assert(made == 0);
    *out = self;
    return STATUS_OK;
}

static void prepare(struct commit_job *job, uint64_t now_ms)
{
    job->status = STATUS_OK;
    job->recalled = NULL;
    job->since_ms = now_ms;
}

void committer_submit(struct committer *self, struct list *jobs)
{
    uint64_t now_ms = clock_monotonic_ms();
    for (struct list *node = jobs->next; node != jobs; node = node->next)
        prepare(list_item(node, struct commit_job, link), now_ms);
    pthread_mutex_lock(&self->lock);
    while (!list_empty(jobs)) {
        struct list *node = jobs->next;
        list_remove(node);
        list_push_back(&self->jobs, node);
    }
    pthread_cond_signal(&self->filled);
    pthread_mutex_unlock(&self->lock);
}

bool committer_is_away(const struct committer *self)
{
    return atomic_load(&self->away);
}

uint64_t committer_setbacks(const struct committer *self)
{
    return atomic_load(&self->setbacks);
}

uint64_t committer_busy_since_ms(const struct committer *self)
{
    return atomic_load(&self->busy_since_ms);
}

void committer_hurry(struct committer *self)
{
    atomic_store(&self->hurry, true);
}

void committer_stop(struct committer *self)
{
    if (self == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    self->stopping = true;
    pthread_cond_signal(&self->filled);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    snapshot_drop(self->held);
    store_close(self->store);
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->filled);
    free(self);
}
