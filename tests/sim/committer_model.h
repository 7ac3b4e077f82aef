/* SPDX-License-Identifier: Apache-2.0 */
/* committer_model.h - a worker process's one thread that settles, as worker/committer.c:
 * what waits goes into one transaction; while the store is away it tries again, up to
 * wait_ms for a job, and then hands jobs back unsettled. */

#ifndef SIM_COMMITTER_MODEL_H
#define SIM_COMMITTER_MODEL_H

#include "base/list.h"
#include "tests/sim/store_model.h"

struct node;

enum { COMMIT_GROUP_MAX = 64 };

/* Lives in the submitter's task. */
struct commit {
    struct list link;
    void *owner; /* to whom it comes back */
    struct settle_call call;
    uint64_t since_us;
    /* When it is back: */
    bool unavailable;
    struct settle_return result;
};

struct committer_model {
    struct world *world;
    struct node *node;
    void (*done)(struct world *world, struct commit *commit);
    struct list jobs;
    struct commit *group[COMMIT_GROUP_MAX];
    uint32_t count; /* of the group being settled; 0: it is idle */
    uint64_t busy_since_us, pause_us;
    bool away, looking;
    bool hurry;
};

void committer_model_init(struct world *world, struct committer_model *self,
                          struct node *node,
                          void (*done)(struct world *world, struct commit *commit));

void committer_model_submit(struct committer_model *self, struct commit *commit);

/* Its process ends; a transaction under way is made, or is not. */
void committer_model_die(struct committer_model *self);

/* Since when it has been at a group; 0: it is idle. */
uint64_t committer_model_busy_since_us(const struct committer_model *self);

#endif
