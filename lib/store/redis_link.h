/* SPDX-License-Identifier: Apache-2.0 */
/* redis_link.h - one connection to a Redis: logged in, dropped at the first doubt. The
 * one home of hiredis with the backend's files.
 *
 * Answers are waited for a bounded time. After a failure of the connection itself it is
 * closed, since a late answer would be taken for that of the next question. */

#ifndef STORE_REDIS_LINK_H
#define STORE_REDIS_LINK_H

#include "store/redis_url.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

struct redis_link {
    const struct redis_url *url; /* borrowed */
    redisContext *context;       /* NULL: closed */
    int answer_s;                /* how long an answer is waited for */
};

/* STATUS_UNAVAILABLE: not there, or it does not let us in; `error` says what and where.
 */
MUST_CHECK enum status redis_link_open(struct redis_link *self, struct error_text *error);
void redis_link_close(struct redis_link *self); /* closed already: nothing */

/* Run a command on an open link. *reply is no error reply and the caller's to free with
 * freeReplyObject(). STATUS_INVALID: a sum would overflow; STATUS_CORRUPT: the keys are
 * not a store's; STATUS_NOT_FOUND: no such script; STATUS_UNAVAILABLE: anything else. */
MUST_CHECK enum status redis_link_run(struct redis_link *self, int count,
                                      const char **words, const size_t *sizes,
                                      redisReply **reply, struct error_text *error);

/* The same with texts, NULL-terminated, at most four. */
MUST_CHECK enum status redis_link_ask(struct redis_link *self, const char *const *words,
                                      redisReply **reply, struct error_text *error);

/* False: closed, by us or, since its last answer, by the other end. */
bool redis_link_is_open(struct redis_link *self);

/* On a link that has subscribed: wait for a message, up to timeout_ms, and take all that
 * are there. False: the link has failed and is closed. */
bool redis_link_await(struct redis_link *self, int timeout_ms);

#endif
