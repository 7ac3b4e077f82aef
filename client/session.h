/* SPDX-License-Identifier: Apache-2.0 */
/* session.h - what is outstanding at a client, which broker gets it, what to send again,
 * and what is final.
 *
 * Pure: events come in with the time, session_next() says what to do. A broker is a
 * `peer`: a small number that the caller chooses, the slot of a connection.
 *
 *              next: SEND              reply              final
 *   (submit) ------------> SENT at p ----------> ANSWERED ---------> (gone)
 *       READY <------------   |  p is lost, restarted, removed or silent: to another at
 *         ^                   |  once; resend_ms over: again, to another if there is one
 *         +---- WAITING <-----+  busy everywhere, expired: later
 *
 * Nothing is sent to a peer before it has answered a PING, so that every broker a batch
 * went to is known by its instance, and a restart is always seen; so is a connection that
 * was made anew, by its name: what went by the last one is sent again. A batch goes to
 * the less loaded of two peers drawn among those that answer and do not drain. Whichever
 * of those that got it answers first has answered it.
 *
 * A connection keeps the order, so a silent peer whose connection holds has, or will
 * have, what was sent to it: it is not sent there twice for its silence alone. */

#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { SESSION_PEERS_MAX = 64 };

/* Sequences from here on are beside the stream (DESCRIBE): not in the window and never
 * part of acked_below. */
#define SESSION_ASIDE ((uint64_t)1 << 63)

struct session_limits {
    uint32_t window;     /* of the stream, not yet final; 1 to 1024 */
    uint32_t span_max;   /* from the lowest that is not final to the highest submitted */
    uint64_t resend_ms;  /* no answer for so long: send again */
    uint64_t ping_ms;    /* between PINGs to a peer */
    uint64_t silence_ms; /* an unanswered PING for so long: the peer is silent */
    uint64_t drain_ms;   /* so long a peer that drains may finish what it has of ours */
    uint64_t seed;       /* of the jitter and of the choice */
};

/* What a PONG tells; proto/control.proto. */
struct session_load {
    uint64_t connection; /* names it among those to this broker; 0: not told */
    uint32_t held;       /* batches, ours too */
    bool workerless;     /* no worker there takes batches */
};

enum session_action {
    SESSION_NOTHING,
    SESSION_SEND,      /* the batch `sequence` to `peer` */
    SESSION_PING,      /* to `peer` */
    SESSION_GIVEN_UP,  /* `sequence` expired here: final already, tell the caller */
    SESSION_SILENT,    /* no peer answers; tell the caller, once per silence */
    SESSION_BACK,      /* the silence is over */
    SESSION_RESTARTED, /* another broker answers as `peer` */
    SESSION_DRAINING,  /* `peer` takes nothing new; once per drain */
};

struct session_step {
    enum session_action action;
    uint64_t sequence;
    uint32_t peer;
};

struct session;

/* NULL: out of memory. It has no peers yet. */
struct session *session_new(const struct session_limits *limits, uint64_t now_ms);
void session_free(struct session *self);

/* ---- the brokers ---- */

/* `peer` is below SESSION_PEERS_MAX and not there yet. */
void session_peer_add(struct session *self, uint32_t peer, uint64_t now_ms);
/* What it holds of ours goes to others. */
void session_peer_remove(struct session *self, uint32_t peer);

/* `load`: NULL is not told. */
void session_pong(struct session *self, uint32_t peer, uint64_t instance,
                  const struct session_load *load, uint64_t now_ms);
/* Also an answer to a PING. */
void session_drain(struct session *self, uint32_t peer, uint64_t now_ms);
/* The connection broke, even if it is there again: answers may be gone with it. What is
 * not told here a PONG shows, by another connection's name. */
void session_lost(struct session *self, uint32_t peer, uint64_t now_ms);
/* The link took no PING, or not this batch: there is no connection. */
void session_unpinged(struct session *self, uint32_t peer, uint64_t now_ms);
void session_unsent(struct session *self, uint32_t peer, uint64_t sequence,
                    uint64_t now_ms);

/* ---- the batches ---- */

/* A batch under the next sequence, from 1. `expires_ms`: when it is given up, whatever
 * the brokers do (0: never; only for what settles nothing). STATUS_FULL: window or span;
 * nothing changed. */
MUST_CHECK enum status session_submit(struct session *self, uint64_t expires_ms,
                                      uint64_t *sequence);
/* The next sequence is final already: the journal has its answer. */
uint64_t session_skip(struct session *self);
/* The sequence that the next submit or skip gives. */
uint64_t session_next_sequence(const struct session *self);

/* Something beside the stream; one at a time, a new one takes the old one's place. */
uint64_t session_aside(struct session *self);

/* From whichever peer. STATUS_STALE: late, twice, or never submitted: drop it. */
MUST_CHECK enum status session_reply(struct session *self, uint64_t sequence);
/* The answer is durable, or was handed over where nothing keeps it. */
void session_final(struct session *self, uint64_t sequence);

/* `peer` has no room; `retry_after_ms` is a peer's word and bounded here. Another gets it
 * if one is free, else it waits: longer each time, never as long as the others, and not
 * beyond the moment when another peer begins to answer. */
void session_busy(struct session *self, uint32_t peer, uint64_t sequence,
                  uint64_t retry_after_ms, uint64_t now_ms);
/* Its deadline passed before a worker began: it waits, longer each time. */
void session_expired(struct session *self, uint32_t peer, uint64_t sequence,
                     uint64_t now_ms);

/* ---- what to do ---- */

/* Call until it says SESSION_NOTHING. */
struct session_step session_next(struct session *self, uint64_t now_ms);
/* When session_next() has work again without an event. */
uint64_t session_deadline_ms(const struct session *self);

/* The lowest sequence of the stream that is not final. */
uint64_t session_acked_below(const struct session *self);
/* Of the stream: not yet answered, or answered and not yet final. */
uint32_t session_count(const struct session *self);

#endif
