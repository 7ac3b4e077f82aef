/* SPDX-License-Identifier: Apache-2.0 */
/* clients.h - the connections that batches come by, and what each of them may hold.
 *
 * Two budgets bound it: the bytes of its batches, from when they came until they end, and
 * the bytes of answers that were sent and that it has not taken. What it has taken it
 * says itself with all that it sends (header.ticket); one that does not say is not
 * bounded here, but by the socket's high-water mark.
 *
 *      hear --> [ known ] --> forgotten, once no job names it and its place is needed:
 *                              the one that sent nothing for longest goes first
 *
 * A job names up to two clients: the one that pays for it, and where it came from last,
 * to which the answer goes. Pure: allocates in clients_new() only. */

#ifndef BROKER_CLIENTS_H
#define BROKER_CLIENTS_H

#include "base/hash.h"
#include "base/list.h"
#include "broker/busy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client_limits {
    uint32_t jobs_max;
    size_t bytes_max;   /* of the batches of one client; 0: no bound */
    size_t untaken_max; /* of its answers, at least the largest one; 0: no bound */
};

/* Changed by clients.c only. */
struct client {
    struct list link;      /* in `idle` while no job names it */
    struct hash_node node; /* by route, while known */
    uint64_t route;
    uint32_t name_count; /* by which jobs name it */
    size_t bytes;        /* of the jobs that it pays for */
    bool tells;          /* what it has taken */
    uint64_t told_first; /* of what it said, when it was first heard */
    uint64_t sent;       /* bytes of answers since then */
    uint64_t taken;      /* of these */
    uint64_t sent_before_told;
};

struct clients;

/* Returns NULL when out of memory. */
struct clients *clients_new(const struct client_limits *limits, uint64_t seed);
void clients_free(struct clients *self); /* accepts NULL */

/* It sends a job, and says with it what it has taken. It is known from now on; it may be
 * forgotten at the next call, unless a job names it. */
struct client *clients_hear(struct clients *self, uint64_t route, uint64_t ticket);

/* NULL: not known. */
struct client *clients_find(const struct clients *self, uint64_t route);

/* It said what it has taken. */
void clients_told(struct clients *self, struct client *client, uint64_t ticket);

/* Whether it may send a batch of `size` bytes. BUSY_NOT: it may. */
enum busy clients_check(const struct clients *self, const struct client *client,
                        size_t size);

/* A job names it, and no longer. The one that pays has its bytes, the other 0. */
void clients_name(struct clients *self, struct client *client, size_t bytes);
void clients_unname(struct clients *self, struct client *client, size_t bytes);

/* An answer of `size` bytes is about to be sent. False: it has too much to take. */
MUST_CHECK bool clients_send(struct clients *self, struct client *client, size_t size);
/* It was not sent. */
void clients_unsend(struct clients *self, struct client *client, size_t size);

/* Its connection ended: what was sent and not taken is no more. */
void clients_gone(struct clients *self, struct client *client);

/* No client has answers that it has not said to have taken. Linear. */
bool clients_took_all(const struct clients *self);

uint32_t clients_count(const struct clients *self);   /* that jobs name */
uint64_t clients_untaken(const struct clients *self); /* by all that tell */
uint64_t client_untaken(const struct client *client); /* 0 where it does not tell */

/* Abort unless every invariant holds. `bytes` is what all jobs have, `names` how often
 * they name a client. Linear: for tests and the simulator. */
void clients_check_all(const struct clients *self, size_t bytes, uint32_t names);

#endif
