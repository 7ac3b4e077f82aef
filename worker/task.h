/* SPDX-License-Identifier: Apache-2.0 */
/* task.h - one batch that a thread holds, from its arrival to its answer.
 *
 * What is decided here needs no socket: which versions score it, whether it can be
 * scored, what is to be settled, and what the answer says. The loop performs it. */

#ifndef WORKER_TASK_H
#define WORKER_TASK_H

#include "wire/header.h"
#include "worker/committer.h"
#include "worker/describe.h"
#include "worker/pass.h"

enum task_next {
    TASK_SCORE, /* scoring_step(task->pass->scoring) until it is done, then task_scored */
    TASK_COMMIT, /* submit task->job, then task_committed */
    TASK_ANSWER, /* send task->answer */
    TASK_RETURN, /* send RETURN with task->reason */
};

struct task {
    struct list link;
    struct header header;
    const uint8_t *body; /* borrowed from the caller's message */
    size_t body_size;

    Chw__Batch *batch;
    struct columns columns;  /* rows 0: not viewed */
    struct pass *pass;       /* its scoring */
    struct slice slice;      /* its rows in the pass */
    struct serving *serving; /* DESCRIBE's */
    bool refreshed;          /* the store has been asked for what the snapshot lacks */
    bool duplicate;          /* settled before */

    struct commit_job job;
    struct demand_cell *cells;
    char reason[STORE_REASON_MAX + 1];

    enum message_type answer_type;
    const ProtobufCMessage *answer; /* owned by the task; NULL: no body */
    Chw__Reply reply;
    Chw__Description *description;
};

/* Where its jobs come back. */
void task_init(struct task *self, const struct header *header, const uint8_t *body,
               size_t body_size, struct outbox *outbox);
void task_release(struct task *self);

/* It has waited so long here before it is begun. True: its deadline passed, and EXPIRED
 * is to be sent; only this attempt ends. What is to be buried has no deadline. */
bool task_expire(struct task *self, uint64_t waited_ms);

/* Begin: SCORE, DESCRIBE or BURY. `today` is the worker's UTC day. */
enum task_next task_begin(struct task *self, const struct snapshot *snapshot,
                          int32_t today);

/* The same of a SCORE in two steps, for together.c. False: it is over, and *next is what
 * is to be done. */
bool task_read(struct task *self, int32_t today, enum task_next *next);
enum task_next task_score(struct task *self, const struct snapshot *snapshot);
/* Or: it is in this pass, which it holds from now on, from row `first` on. */
enum task_next task_join(struct task *self, struct pass *pass, uint32_t first);

/* Every block has been scored. */
enum task_next task_scored(struct task *self);

/* Its job is back. */
enum task_next task_committed(struct task *self, const struct snapshot *snapshot,
                              int32_t today);

#endif
