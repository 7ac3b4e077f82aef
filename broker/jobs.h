/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.h - the batches that the broker holds, found by ticket and by key.
 *
 * A ticket names a slot and the lease granted from it: generation << 32 | slot. An answer
 * to an earlier lease carries an old generation and so finds nothing. Generations begin
 * at a random number, so that neither does an answer to an earlier broker.
 *
 * Pure: allocates in jobs_new() only. Bodies are never looked into. */

#ifndef BROKER_JOBS_H
#define BROKER_JOBS_H

#include "base/hash.h"
#include "base/heap.h"
#include "base/list.h"
#include "broker/clients.h"
#include "broker/region_queue.h"
#include "wire/header.h"

struct worker;

enum job_state {
    JOB_FREE,
    JOB_QUEUED,  /* in its region's queue */
    JOB_LEASED,  /* with a worker */
    JOB_REFUSED, /* out of attempts: the client is about to be told */
};

/* Changed by jobs.c and dispatch.c. */
struct job {
    enum job_state state;
    struct list link; /* in `free`, the worker's leases, dispatch's refused or charged */
    struct region_item place; /* from queued until removed */
    struct hash_node node;    /* by key, unless free */
    struct header header;     /* as the client sent it */
    struct client *client;    /* the newest connection by which it came */
    struct client *payer;     /* the first, in whose budget it is */
    void *body;
    uint64_t expires_ms;       /* 0: never */
    struct heap_node deadline; /* in dispatch's heap while it is queued and expires */
    uint32_t generation;
    uint32_t charges;   /* attempts used up */
    uint32_t suspected; /* workers that died with it in their hands, not charged to it */
    uint64_t parted;    /* number of the worker that may be the last of these */
    struct worker *worker; /* while leased */
    bool alone;            /* its worker was handed nothing else */
    bool unheard;          /* leased after the worker's last heartbeat, or not in it */
    uint32_t listed;       /* the worker's list_count when this was in it; 0: not yet */
    uint32_t pass;         /* its pass_count when this was scored with others; 0: not */
};

struct jobs;

/* Whether two bodies are the same bytes. */
typedef bool body_equal_fn(void *a, void *b);

/* Returns NULL when out of memory. */
struct jobs *jobs_new(uint32_t jobs_max, uint32_t generation, uint64_t seed);
void jobs_free(struct jobs *self);

/* NULL: there are jobs_max. In no queue yet: dispatch.c puts it into one. */
struct job *jobs_add(struct jobs *self, const struct header *header, void *body);
void jobs_remove(struct jobs *self, struct job *job);

/* A ticket of its own for the next lease. Never 0. */
void jobs_renew_ticket(struct jobs *self, struct job *job);
uint64_t jobs_ticket(const struct jobs *self, const struct job *job);

/* The leased job with this ticket; NULL: there is none. Any value may be asked for. */
struct job *jobs_find_ticket(struct jobs *self, uint64_t ticket);

/* A job with the same key, kind, region and body; NULL: there is none. */
struct job *jobs_find_same(struct jobs *self, const struct header *header, void *body,
                           body_equal_fn *equal);

/* The first (`after` NULL) or next job that is not free, in order of slots. */
struct job *jobs_next(struct jobs *self, const struct job *after);

uint32_t jobs_count(const struct jobs *self);

#endif
