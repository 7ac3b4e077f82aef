/* SPDX-License-Identifier: Apache-2.0 */
/* node_worker.h - a worker process: threads that score, one committer, and the models of
 * some version. A model of worker/loop.c, task.c and committer.c; what it holds of each
 * broker and tells it of that is the worker's own code. */

#ifndef SIM_NODE_WORKER_H
#define SIM_NODE_WORKER_H

#include "tests/sim/committer_model.h"
#include "tests/sim/network.h"

struct worker_node;

/* A batch in a thread's hands. */
struct task {
    struct list link;
    struct thread *thread;
    struct link *from;
    struct held held;
    struct header header;
    struct batch *batch;
    uint64_t expires_us; /* 0: never */
    uint64_t pass;       /* that it is scored in, with others of the same number */
    uint32_t version;    /* that scores it */
    bool duplicate;
    struct commit commit;
};

/* What a thread keeps for each broker. */
struct post {
    struct holding holding;
    bool greeted;
    uint64_t incarnation; /* of the connection, when it was greeted last */
    uint32_t window_sent;
};

struct thread {
    struct peer peer; /* first */
    struct worker_node *process;
    struct post *posts;   /* by broker */
    struct list inbox;    /* not begun, oldest first */
    struct list ready;    /* to be scored (again) */
    struct list settling; /* with the committer */
    struct list active;   /* in progress: being begun, or scored in one pass */
    uint64_t passes;
    struct list received;   /* messages that wait for the end of a block */
    struct list committed;  /* likewise what came back from the committer */
    uint32_t batches, rows; /* of the pass that is being scored */
    uint32_t blocks;        /* of it that are still to be scored */
    bool scoring;           /* a block is under way */
    bool woken;             /* a heartbeat's timer is set */
    bool gone;              /* it has said BYE */
    uint64_t progress, heartbeat_us;
};

struct worker_node {
    struct node node;
    struct committer_model committer;
    struct thread *threads;
    uint32_t version;  /* of its models */
    uint32_t slowness; /* times as long */
    bool draining;
};

void worker_init(struct world *world, struct worker_node *self, uint32_t number);
void worker_close(struct world *world, struct worker_node *self);

void worker_start(struct world *world, struct worker_node *self);
/* kill -9. It starts again after a while. */
void worker_crash(struct world *world, struct worker_node *self);
/* SIGTERM. */
void worker_drain(struct world *world, struct worker_node *self);

/* Until then and a lease longer brokers may charge what is in its hands. */
void worker_mishap(struct world *world, struct worker_node *self, uint64_t until_us);

/* The store's models are newer: it sees that after a while. */
void worker_see_promotion(struct world *world, struct worker_node *self);

#endif
