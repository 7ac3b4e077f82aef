/* SPDX-License-Identifier: Apache-2.0 */
/* holding.h - what a thread holds of one broker, and what it told that broker of it:
 * should the thread die, the broker charges what it believes to be in progress.
 *
 * Pure. broker/leases.c is its other side; the simulator's workers (tests/sim) run it,
 * too. */

#ifndef WORKER_HOLDING_H
#define WORKER_HOLDING_H

#include "base/list.h"
#include "wire/header.h"

/* As proto/control.proto says. */
enum {
    HOLDING_LIST_MAX = 256,
    HOLDING_NAMED_MAX = 128,
};

/* Of a body; what is larger is begun alone. */
enum { HELD_SMALL_MAX = 16384 };

struct holding {
    struct list all;         /* the oldest first */
    uint32_t count, waiting; /* of these not begun */
    uint32_t scoring;        /* of these in progress */

    /* What the last heartbeat said. */
    uint32_t named_told; /* how many are in progress */
    uint32_t named;      /* of these still held */
    bool elsewhere_told;
};

/* A batch that the broker has handed out. */
struct held {
    struct list link;
    struct holding *in;
    uint64_t ticket;
    bool may_join;
    bool begun;
    bool scoring; /* in progress now: it is charged if this worker dies */
    bool told;    /* a heartbeat has listed it */
    bool named;   /* the last heartbeat said that it is in progress */
};

/* What a heartbeat says of it. */
struct holding_news {
    uint64_t held[HOLDING_LIST_MAX], named[HOLDING_NAMED_MAX];
    uint32_t held_count, named_count;
    bool told_held; /* `held` is all */
    bool elsewhere; /* what is in progress is another broker's */
};

void holding_init(struct holding *self);

void holding_add(struct holding *self, struct held *held, const struct header *header,
                 size_t body_size);
void held_begin(struct held *self); /* it waits no more */
void held_set_scoring(struct held *self, bool scoring);
void held_drop(struct held *self);

/* Begun together with others: it is small, and nobody has died of it. One that has cost a
 * worker is begun alone, so that no neighbour is charged with it again. */
bool held_may_join(const struct header *header, size_t body_size);

/* What the last heartbeat said of what is in progress holds no longer, and the broker
 * cannot know: whom it would charge should the thread die now is another. `scoring`: some
 * batch of some broker is in progress. */
bool holding_is_misled(const struct holding *self, bool scoring);

/* All that the last heartbeat named is over, and some of it waits for the store: if the
 * thread dies now the broker charges that. */
bool holding_is_outdated(const struct holding *self);

/* The next heartbeat, which is on its way then. */
void holding_tell(struct holding *self, bool scoring, struct holding_news *out);

#endif
