/* SPDX-License-Identifier: Apache-2.0 */
/* requeue.h - a dead batch through the broker once more.
 *
 *      letter's key --next--> settled as DEAD or INVALID --next--> ... --next--> nothing
 *                                settled, or COUNTED: the key it is sent under
 *
 * It is sent under the first key of this chain (letter_key.h) that holds no end without a
 * count. An end is final, so of all keys at most one is ever counted, whoever sends the
 * batch again, however often and at the same time. */

#ifndef CLIENT_REQUEUE_H
#define CLIENT_REQUEUE_H

#include "store/store.h"

#include <stdbool.h>

enum requeue_end {
    REQUEUE_COUNTED,
    REQUEUE_COUNTED_BEFORE, /* it was sent again before; nothing was sent now */
    REQUEUE_BURIED,
    REQUEUE_INVALID,
};

struct requeue_result {
    enum requeue_end end;
    struct settle_key key; /* under which it ended so */
    uint32_t records, invalid;
    char reason[STORE_REASON_MAX + 1]; /* BURIED and INVALID */
};

struct requeue_options {
    const char *endpoint; /* the brokers', for clients, by commas */
    bool insecure;
    uint64_t patience_ms; /* for each answer */
};

struct requeue;

/* Begins to connect. STATUS_INVALID and STATUS_IO: `error` says what and where. */
MUST_CHECK enum status requeue_open(const struct requeue_options *options,
                                    struct store *store, struct requeue **out,
                                    struct error_text *error);
void requeue_close(struct requeue *self);

/* Send the letter's batch, with the day `as_of`, and wait for its end. What is buried
 * again leaves no second letter: this one has all of it. The letter itself is not
 * touched. STATUS_UNAVAILABLE: no answer; the batch may still be counted, under a key
 * that the next call finds. */
MUST_CHECK enum status requeue_letter(struct requeue *self,
                                      const struct dead_letter *letter, int32_t as_of,
                                      struct requeue_result *result,
                                      struct error_text *error);

#endif
