/* SPDX-License-Identifier: Apache-2.0 */
/* session.h - what is outstanding at a client, what to send again, and what is final.
 *
 * Pure: events come in with the time, session_next() says what to do.
 *
 *              next: SEND            reply              final
 *   (submit) ------------> SENT ----------> ANSWERED ---------> (gone)
 *      WAITING <-----------  |  busy, unsent: later; resend_ms over: again;
 *                            |  another broker: again at once
 *
 * Nothing is sent before the broker has answered a first PING, so that every broker a
 * batch went to is known by its instance, and a restart is always seen. */

#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Sequences from here on are beside the stream (DESCRIBE): not in the window and never
 * part of acked_below. */
#define SESSION_ASIDE ((uint64_t)1 << 63)

struct session_limits {
    uint32_t window;     /* of the stream, not yet final; 1 to 1024 */
    uint32_t span_max;   /* from the lowest that is not final to the highest submitted */
    uint64_t resend_ms;  /* no answer for so long: send again */
    uint64_t ping_ms;    /* between PINGs */
    uint64_t silence_ms; /* an unanswered PING for so long: the broker is silent */
    uint64_t hold_ms; /* after DRAIN: send nothing for so long, or until another broker */
    uint64_t seed;    /* of the jitter */
};

enum session_action {
    SESSION_NOTHING,
    SESSION_SEND, /* the batch `sequence` */
    SESSION_PING,
    SESSION_SILENT,    /* tell the caller, once per silence */
    SESSION_BACK,      /* the silence is over */
    SESSION_RESTARTED, /* another broker answers */
};

struct session_step {
    enum session_action action;
    uint64_t sequence;
};

struct session;

/* NULL: out of memory. */
struct session *session_new(const struct session_limits *limits, uint64_t now_ms);
void session_free(struct session *self);

/* A batch under the next sequence, from 1. STATUS_FULL: window or span; nothing changed.
 */
MUST_CHECK enum status session_submit(struct session *self, uint64_t now_ms,
                                      uint64_t *sequence);
/* The next sequence is final already: the journal has its answer. */
uint64_t session_skip(struct session *self);
/* The sequence that the next submit or skip gives. */
uint64_t session_next_sequence(const struct session *self);

/* Something beside the stream; one at a time, a new one takes the old one's place. */
uint64_t session_aside(struct session *self, uint64_t now_ms);

/* STATUS_STALE: late, twice, or never submitted: drop it. */
MUST_CHECK enum status session_reply(struct session *self, uint64_t sequence);
/* The answer is durable, or was handed over where nothing keeps it. */
void session_final(struct session *self, uint64_t sequence);

/* The broker has no room; `retry_after_ms` from a peer is bounded here. */
void session_busy(struct session *self, uint64_t sequence, uint64_t retry_after_ms,
                  uint64_t now_ms);
void session_drain(struct session *self, uint64_t now_ms);
void session_pong(struct session *self, uint64_t instance, uint64_t now_ms);
/* The link took no SEND: the batch waits, and so do the others for a moment. */
void session_unsent(struct session *self, uint64_t sequence, uint64_t now_ms);
/* Nor the PING: it is unanswered, and tried again soon. */
void session_unpinged(struct session *self, uint64_t now_ms);

/* Call until it says SESSION_NOTHING. */
struct session_step session_next(struct session *self, uint64_t now_ms);
/* When session_next() has work again without an event. */
uint64_t session_deadline_ms(const struct session *self);

/* The lowest sequence of the stream that is not final. */
uint64_t session_acked_below(const struct session *self);
/* Of the stream: not yet answered, or answered and not yet final. */
uint32_t session_count(const struct session *self);

#endif
