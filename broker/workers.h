/* SPDX-License-Identifier: Apache-2.0 */
/* workers.h - the workers that the broker knows: credits, signs of life, progress.
 *
 * Two things are watched. Any frame shows that the worker lives; only a changed progress
 * number shows that it gets on with what it holds. Both are counted in ticks that the
 * broker really ran: a broker that was stopped does not blame its workers.
 *
 * Pure: allocates in workers_new() only. */

#ifndef BROKER_WORKERS_H
#define BROKER_WORKERS_H

#include "base/hash.h"
#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    WORKER_NAME_MAX = 63,
    WORKER_SERVING_MAX = 191,
    WORKER_RELEASE_MAX = 31,
    WORKER_WINDOW_MAX = 256, /* credits */
};

/* Whether new batches go to a worker. */
enum worker_mood {
    WORKER_WILLING,
    WORKER_RETURNED, /* gave a batch back: not before its next heartbeat */
    WORKER_STUCK,    /* made no progress: not before it does, or says it is idle */
    WORKER_AWAY,     /* its connection ended: not before it is back by another */
};

/* Changed by workers.c, and by the dispatcher as said. */
struct worker {
    struct list link;      /* in `free` or `known` */
    struct list ready;     /* with others that hold as many and take more; or alone */
    struct hash_node node; /* by route, while known */
    uint64_t route;
    uint64_t number;                /* of all there were, from 1 */
    uint64_t instance;              /* of its socket, in its own word; 0: not told */
    char name[WORKER_NAME_MAX + 1]; /* printable */
    uint32_t window;                /* batches */
    uint64_t window_bytes;          /* of bodies, beyond a first; 0: no bound */
    uint32_t leased;                /* length of `leases` */
    uint64_t leased_bytes;          /* of their bodies */
    bool alone;                     /* takes nothing beside what it holds */
    struct list leases;             /* dispatch: jobs, the first granted first */
    uint32_t credits;               /* as workers.c has counted it */
    enum worker_mood mood;
    uint64_t progress;
    uint64_t scoring_ticket; /* 0: none */
    bool elsewhere;          /* dispatch: it scores another broker's batch */
    bool parted;             /* dispatch: from some, when its connection ended */
    uint32_t list_count;     /* dispatch: how often it has told what it holds, */
    uint32_t pass_count;     /* and what it scores together */
    uint32_t silent_ticks;
    uint32_t stalled_ticks;               /* without progress while it holds leases */
    bool told_drain;                      /* dispatch */
    uint64_t answered, charged;           /* dispatch: batches, attempts */
    uint64_t records;                     /* in these, as it says itself */
    char serving[WORKER_SERVING_MAX + 1]; /* printable; empty: not told */
    char release[WORKER_RELEASE_MAX + 1]; /* likewise */
};

struct workers;

/* Returns NULL when out of memory. */
struct workers *workers_new(uint32_t workers_max, uint64_t seed);
void workers_free(struct workers *self);

/* NULL: not known. */
struct worker *workers_find(const struct workers *self, uint64_t route);

/* The one whose socket that is; NULL: none is known. Linear: for those who say hello. */
struct worker *workers_find_instance(const struct workers *self, uint64_t instance);

/* NULL: there are workers_max. `name` is the peer's: unprintable bytes are replaced. */
struct worker *workers_add(struct workers *self, uint64_t route, const char *name);

/* It is reached by another route from now on, which nobody has. */
void workers_move(struct workers *self, struct worker *worker, uint64_t route);

/* It must hold no leases. Its fields can be read until the next workers_add(). */
void workers_remove(struct workers *self, struct worker *worker);

/* The one that holds least of those that would take a body of `size` bytes; the one that
 * has held as many for longest among equals. NULL: none would. */
struct worker *workers_pick(struct workers *self, uint64_t size);

/* One that holds nothing, rather one that is not elsewhere. NULL: all hold something. */
struct worker *workers_pick_idle(struct workers *self);

/* How many batches all of them would take now, were they small. */
uint64_t workers_credits(const struct workers *self);

/* Some worker takes batches, now or when it has ended some. */
bool workers_any_open(const struct workers *self);

/* A body of `size` bytes is in its hands, and no longer. `alone`: nothing is until then.
 */
void workers_hold(struct workers *self, struct worker *worker, uint64_t size, bool alone);
void workers_unhold(struct workers *self, struct worker *worker, uint64_t size);

void workers_set_mood(struct workers *self, struct worker *worker, enum worker_mood mood);
void workers_set_window(struct workers *self, struct worker *worker, uint32_t window,
                        uint64_t window_bytes);

/* The worker spoke of what it does. */
void workers_report(struct workers *self, struct worker *worker, uint64_t progress,
                    uint64_t scoring_ticket);

/* What it serves and is, in its own words: unprintable bytes are replaced. */
void worker_serves(struct worker *worker, const char *serving, const char *release,
                   uint64_t records);

/* The first (`after` NULL) or next known worker. */
struct worker *workers_next(struct workers *self, struct worker *after);

uint32_t workers_count(const struct workers *self);

/* Abort unless every invariant holds. Linear: for tests and the simulator. */
void workers_check(const struct workers *self);

#endif
