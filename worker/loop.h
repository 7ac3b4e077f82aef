/* SPDX-License-Identifier: Apache-2.0 */
/* loop.h - one scoring thread: a worker in the eyes of each broker.
 *
 *   brokers --> inbox --begin--> scoring, a block at a time --> committer --> reply
 *                 |                 ^                             |
 *                 |                 +-- settled before: the recorded versions
 *                 +-- WHO, drain: forgotten or returned; nothing was begun
 *
 * The thread serves its brokers between blocks. A batch is answered only after it is
 * settled; what cannot be settled now is returned, so that the broker gives it to
 * another. */

#ifndef WORKER_LOOP_H
#define WORKER_LOOP_H

#include "wire/addresses.h"
#include "worker/committer.h"
#include "worker/meters.h"

#include <stdatomic.h>

struct loop;

struct loop_options {
    void *context;               /* of loop_context_new() */
    struct addresses *addresses; /* of the brokers */
    uint32_t window;             /* batches held at once, of all brokers */
    uint64_t window_bytes;       /* bodies of these, beyond a first; 0: no bound */
    uint32_t wait_ms;            /* how long waiting for the store is progress */
    uint32_t number;             /* of the thread, for logs */
    struct current *current;
    struct committer *committer;
    struct meters *meters;
    const atomic_bool *stop; /* drain: return what was not begun, finish the rest, end */
};

void *loop_context_new(void);
void loop_context_free(void *context);

/* Starts the thread, which connects. The options are copied; what they point to outlives
 * it.
 */
MUST_CHECK enum status loop_start(const struct loop_options *options, struct loop **out,
                                  struct error_text *error);

/* Makes the thread look at *stop now. */
void loop_wake(struct loop *self);

/* Waits for the thread to end, adds its counters, frees. */
void loop_join(struct loop *self, struct loop_counters *counters);

#endif
