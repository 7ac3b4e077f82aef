/* SPDX-License-Identifier: Apache-2.0 */
/* committer.h - the process's one thread that settles: whatever waits goes into one store
 * transaction (group commit), so scoring threads never wait for a disk.
 *
 *      scoring thread --committer_submit--> queue --store_settle--> outbox --> scoring
 * thread
 *
 * It also does what else needs the store: recalling the versions of a batch that was
 * settled before, and reading a newer snapshot when a request names what this worker has
 * not seen.
 *
 * While the store is away it tries again, up to `wait_ms` for a job, and then hands jobs
 * back with STATUS_UNAVAILABLE: they are returned to the broker, nothing is lost. */

#ifndef WORKER_COMMITTER_H
#define WORKER_COMMITTER_H

#include "base/list.h"
#include "worker/serving.h"

#include <stdbool.h>
#include <stdint.h>

struct committer;
struct outbox;

enum commit_kind {
    COMMIT_SETTLE,
    COMMIT_REFRESH, /* publish the newest snapshot */
};

/* Owned by the submitter; not touched by it between submit and take. */
struct commit_job {
    enum commit_kind kind;
    struct settle_request request; /* what it borrows stays until the job is back */
    struct outbox *outbox;         /* where the job comes back */
    void *owner;                   /* the submitter's */

    /* When it is back: */
    enum status status; /* OK, or UNAVAILABLE: not settled, return the batch */
    struct settle_result result;
    struct serving *recalled; /* of a COUNTED duplicate: the recorded versions, owned */

    struct list link;
    uint64_t since_ms; /* when it was submitted */
};

/* A thread's own queue of jobs that came back, with a descriptor to poll. */
struct outbox *outbox_new(void);
void outbox_free(struct outbox *self);
int outbox_fd(const struct outbox *self);
void outbox_wake(struct outbox *self);               /* makes the descriptor readable */
struct commit_job *outbox_take(struct outbox *self); /* NULL: none */

struct committer_options {
    const char *store_url;
    struct current *current; /* outlives it */
    uint32_t wait_ms;        /* how long a job waits for a store that is away */
    bool weak; /* settle, too, where the store may lose what it has acknowledged */
};

/* Opens its own handle of the store and starts. */
MUST_CHECK enum status committer_start(const struct committer_options *options,
                                       struct committer **out, struct error_text *error);

/* All of `jobs`, linked by `link`, which is empty then: what is submitted together is
 * settled together. */
void committer_submit(struct committer *self, struct list *jobs);

/* The store is away: take no new batches. */
bool committer_is_away(const struct committer *self);

/* How often the store came back without what it had acknowledged. */
uint64_t committer_setbacks(const struct committer *self);

/* A store call has been going on, or has been tried, since then; 0: none is. */
uint64_t committer_busy_since_ms(const struct committer *self);

/* From now on a job whose settlement fails comes back at once. */
void committer_hurry(struct committer *self);

/* Settles what was submitted, stops and frees. */
void committer_stop(struct committer *self);

#endif
