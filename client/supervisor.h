/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor.h - which child of `chw up` to start, stop or kill next, and when it is
 * over.
 *
 * Pure: what happened comes in with the time; supervisor_next() says what to do. The
 * first children are the brokers, which drain last.
 *
 *              ready                        stop
 *   STARTING ---------> SERVING ----------------------> DRAINING --> (END)
 *      |                   a child that ends is           ^   workers first, then the
 * broker; |                   started again, ever later      |   killed when the grace is
 * over
 *      +--------------------------------------------------+
 *         a child ends: restarting would not help, its code becomes ours */

#ifndef CLIENT_SUPERVISOR_H
#define CLIENT_SUPERVISOR_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct supervisor_limits {
    size_t broker_count;     /* at least one: the first children */
    size_t child_count;      /* with at least one worker */
    uint64_t restart_min_ms; /* the first delay; doubled for each further end... */
    uint64_t restart_max_ms; /* ...up to this */
    uint64_t healthy_ms; /* a child that lived this long begins with the first delay */
    uint64_t grace_ms;   /* from the request to stop to the kill */
};

enum supervisor_action {
    SUPERVISOR_NOTHING,
    SUPERVISOR_START,
    SUPERVISOR_TERMINATE, /* ask it to drain */
    SUPERVISOR_KILL,
    SUPERVISOR_END, /* all are gone: end with supervisor_exit_code() */
};

struct supervisor_step {
    enum supervisor_action action;
    size_t child;
};

struct supervisor;

/* NULL: out of memory. */
struct supervisor *supervisor_new(const struct supervisor_limits *limits);
void supervisor_free(struct supervisor *self);

/* Call until it says NOTHING or END. Each step is taken as done: a child is running from
 * its START until supervisor_exited(). */
struct supervisor_step supervisor_next(struct supervisor *self, uint64_t now_ms);

/* When supervisor_next() has work again without an event; UINT64_MAX: never. */
uint64_t supervisor_deadline_ms(const struct supervisor *self);

/* The cluster answers: from here on what ends is started again. */
void supervisor_ready(struct supervisor *self);

/* A running child ended, with 128 + signal where it was killed. True: it is started again
 * after *delay_ms. */
MUST_CHECK bool supervisor_exited(struct supervisor *self, size_t child, int exit_code,
                                  uint64_t now_ms, uint64_t *delay_ms);

/* Drain, then end with `exit_code`. A second call kills at once; the first code stays. */
void supervisor_stop(struct supervisor *self, int exit_code);

bool supervisor_is_stopping(const struct supervisor *self);

int supervisor_exit_code(const struct supervisor *self);

#endif
