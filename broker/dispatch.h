/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch.h - every decision of the broker: which batch goes to which worker, and what
 * happens when it does not come back.
 *
 * Pure: (state, event) -> actions, without sockets, clock or log, so that the broker, the
 * unit tests and the simulator (tests/sim) run the same code. Workers are judged by the
 * number of dispatch_tick() calls: a broker that was stopped does not blame them.
 * Deadlines pass by dispatch_clock().
 *
 *           job             grant               reply
 *   (new) -------> QUEUED ----------> LEASED ------------> forwarded to the client
 *                    ^   at the head    |
 *                    +------------------+  returned; or the worker left, died or stood
 *                                          still - only the last two charge an attempt,
 *                                          and only of the batch that was being scored
 *
 * A worker whose connection ends is not dead yet: what it may be at stays with it until
 * it is silent for long, or back by another connection and says what it holds.
 *
 * With its attempts used up a batch that counts goes out as BURY, which settles it and
 * has no deadline; a what-if or DESCRIBE is answered REJECT. A deadline that passes
 * before a worker has begun ends the job with EXPIRED, which settles nothing.
 *
 * The caller feeds one event, then pulls actions with dispatch_next() until it says
 * false, and only then feeds the next. A body belongs to the dispatcher from
 * dispatch_job() until an action hands it back as `released`. */

#ifndef BROKER_DISPATCH_H
#define BROKER_DISPATCH_H

#include "broker/counters.h"
#include "broker/jobs.h"

enum {
    DISPATCH_TICK_MS = 100,
    /* For each attempt: deaths of workers that were at another broker's batch, as they
     * said, before they are charged to the batch that they held alone. */
    DISPATCH_EXCUSES = 5,
};

struct dispatch_limits {
    uint32_t jobs_max; /* queued and leased together */
    uint32_t regions_max;
    uint32_t workers_max;
    uint32_t attempts_max; /* 1 to 254 */
    size_t bytes_max;      /* of bodies and BATCH_COST each, queued and leased together */
    size_t region_bytes_max;
    size_t client_bytes_max;  /* of what came by one connection; 0: no bound */
    size_t untaken_bytes_max; /* of answers sent to one connection that it has not taken;
                               * at least the largest answer; 0: no bound */
    struct weights weights;   /* of regions; borrowed */
    uint32_t bulk_wait_ticks; /* in the queue, until bulk takes turns with interactive */
    uint32_t lease_ticks;     /* without progress, until leases are taken back */
    uint32_t liveness_ticks;  /* of silence, until a worker counts as dead */
    uint32_t drain_ticks;     /* that leased jobs have to finish when draining */
    uint64_t instance; /* random, told to clients: names this start of the broker */
    uint64_t secret;   /* random, told to nobody: seeds the hash tables */
    body_equal_fn *body_equal;
};

enum dispatch_peer { DISPATCH_NOBODY, DISPATCH_CLIENT, DISPATCH_WORKER };

/* What a person may want to read about a worker. */
enum dispatch_note {
    DISPATCH_NOTE_NONE,
    DISPATCH_NOTE_JOINED,
    DISPATCH_NOTE_BACK,
    DISPATCH_NOTE_LEFT,
    DISPATCH_NOTE_LOST,
    DISPATCH_NOTE_STUCK,
};

struct dispatch_action {
    enum dispatch_peer to; /* NOBODY: nothing is sent */
    uint64_t route;
    struct header header; /* as it goes out */
    void *body;           /* follows the header; borrowed; NULL: none */
    const char *reason;   /* of BUSY and REJECT, static; else NULL */
    uint32_t retry_after_ms;
    uint32_t held, credits; /* of PONG */
    uint64_t connection;    /* of PONG: a name for the client's route */
    bool workerless;        /* of PONG: no worker takes batches */
    size_t answer_size;     /* of an answer, header and body; else 0 */
    void *released;         /* the caller's again, after sending; may be NULL */
    enum dispatch_note note;
    const char *worker;   /* whom the note is about */
    uint32_t lease_count; /* that the worker held */
    bool charged;         /* one of them has used an attempt */
};

/* Returns NULL when out of memory. */
struct dispatch *dispatch_new(const struct dispatch_limits *limits);

/* What time it is from now on. A clock that goes back is not followed. */
void dispatch_clock(struct dispatch *self, uint64_t now_ms);

/* When a deadline passes: there is work again after dispatch_clock(). UINT64_MAX: never.
 */
uint64_t dispatch_wake_ms(const struct dispatch *self);

/* There must be no jobs: drain first. */
void dispatch_free(struct dispatch *self);

/* SCORE or DESCRIBE from a client. Takes over `body` (not NULL), always. What the header
 * tells of attempts at other brokers counts here, too. */
void dispatch_job(struct dispatch *self, uint64_t client, const struct header *header,
                  void *body, size_t body_size);
void dispatch_ping(struct dispatch *self, uint64_t client, const struct header *header);

/* From a worker. `instance` names its socket, which has come back where it is known by
 * another route; 0: not told. `window` is at most WORKER_WINDOW_MAX. `window_bytes`
 * bounds the bodies that it holds at once, beyond a first; 0: no bound. */
void dispatch_hello(struct dispatch *self, uint64_t route, uint64_t instance,
                    uint32_t window, uint64_t window_bytes, const char *name);
struct dispatch_heartbeat {
    uint64_t progress;
    uint64_t scoring_ticket;
    uint32_t window;
    uint64_t window_bytes;
    const char *serving; /* NULL: not told, nor are the release and the records */
    const char *release;
    uint64_t records;
    const uint64_t *held; /* tickets, all that it holds */
    size_t held_count;    /* at most WORKER_WINDOW_MAX */
    bool told_held;       /* false: it does not say */
    bool elsewhere; /* it scores another broker's batch: none of this one's is begun */
    const uint64_t *together; /* tickets that it scores in one pass with scoring_ticket */
    size_t together_count;
};
void dispatch_heartbeat(struct dispatch *self, uint64_t route,
                        const struct dispatch_heartbeat *heartbeat);

/* REPLY, DESCRIPTION, EXPIRED or REJECT. `body` stays the caller's; an action may borrow
 * it. */
void dispatch_reply(struct dispatch *self, uint64_t route, const struct header *header,
                    void *body, size_t body_size);
void dispatch_return(struct dispatch *self, uint64_t route, const struct header *header);
void dispatch_bye(struct dispatch *self, uint64_t route);

/* The peer of this action is gone. Unlike the events it is told between actions. */
void dispatch_unsent(struct dispatch *self, const struct dispatch_action *action);

/* The client is there, but takes nothing now: the message was dropped. Likewise. */
void dispatch_untaken(struct dispatch *self, const struct dispatch_action *action);

/* Every DISPATCH_TICK_MS, after what has arrived was fed; never to catch up. */
void dispatch_tick(struct dispatch *self);

/* Take nothing new: queued jobs are given up (BUSY "draining"), leased ones have
 * drain_ticks to finish. */
void dispatch_drain(struct dispatch *self);

/* False: nothing is to be done until the next event. */
MUST_CHECK bool dispatch_next(struct dispatch *self, struct dispatch_action *action);

/* Drained: nothing is held any more. */
bool dispatch_is_done(const struct dispatch *self);
/* All clients have said that they took their answers. Linear in the clients. */
bool dispatch_is_taken(const struct dispatch *self);

struct counters *dispatch_counters(struct dispatch *self);
uint32_t dispatch_job_count(const struct dispatch *self);
uint32_t dispatch_worker_count(const struct dispatch *self);

/* What the dispatcher holds now. Linear in the regions. */
struct dispatch_gauges {
    uint32_t queued, leased, workers;
    uint32_t clients;       /* whose batches are held */
    size_t bytes;           /* of bodies and BATCH_COST each, queued and leased */
    uint64_t untaken_bytes; /* of answers, that clients have not said to have taken */
    uint64_t oldest_ticks;  /* since the oldest queued job came; 0: none */
    bool draining;
};
void dispatch_measure(const struct dispatch *self, struct dispatch_gauges *gauges);

/* Who is there and what is held, for people (broker/status.h). */
struct region_queue;
struct workers;
const struct region_queue *dispatch_regions(const struct dispatch *self);
struct workers *dispatch_workers(const struct dispatch *self);
const struct dispatch_limits *dispatch_limits(const struct dispatch *self);
uint64_t dispatch_ticks(const struct dispatch *self);

/* Abort unless every invariant holds. Linear: for tests and the simulator. */
void dispatch_check(struct dispatch *self);

#endif
