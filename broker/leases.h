/* SPDX-License-Identifier: Apache-2.0 */
/* leases.h - a job's way between its queue and the workers.
 *
 *            leases_grant           leases_end
 *   QUEUED ---------------> LEASED ------------> in nobody's hands, for a moment:
 *      ^                                           leases_requeue, at the head; or
 *      +-------------------------------------------leases_charge, which refuses it where
 *                                                  that was the last attempt; or
 *                                                  leases_close: it is over
 *
 * A worker that dies may have been at something else than it last said: its last words
 * can be lost with it. So whatever it held and is not charged is suspected of its death,
 * and counts it: with one left of its attempts a batch is handed out alone, to a worker
 * that holds nothing of this broker's. Dies that, too, then all that it was suspected of
 * was its own doing. So no batch is given up for what happened in company, and none costs
 * more workers than it has attempts; but where the last words were of another broker's
 * batch: these excuse it, five times for each attempt.
 *
 * Part of the dispatcher: these work on its state, and on nothing else. */

#ifndef BROKER_LEASES_H
#define BROKER_LEASES_H

#include "broker/dispatch_state.h"

/* After its last attempt it is settled DEAD: a batch that counts. */
bool leases_can_bury(const struct job *job);

/* One more death in its presence, and it has had as many as it has attempts. */
bool leases_goes_alone(const struct dispatch *self, const struct job *job);

/* All attempts are used. */
bool leases_used_up(const struct dispatch *self, const struct job *job);

/* The job is in its queue, for as long as its deadline lets it. */
void leases_await(struct dispatch *self, struct job *job);

void leases_grant(struct dispatch *self, struct job *job, struct worker *worker);

/* Which attempt the job's lease is. What is handed out alone is no first one: a worker
 * does not begin it together with others, be they another broker's. */
uint8_t leases_attempt(const struct job *job);

/* Take the job out of its worker's hands. One of the next three must follow. */
void leases_end(struct dispatch *self, struct job *job);

/* Unharmed. */
void leases_requeue(struct dispatch *self, struct job *job);

/* The attempt failed because of the job, as far as can be told. */
void leases_charge(struct dispatch *self, struct job *job);

/* The job, leased no more, is over; its body is the caller's. */
void *leases_close(struct dispatch *self, struct job *job);

/* The job that a worker was at when it died or stood still; NULL: none. */
struct job *leases_at_work(const struct dispatch *self, const struct worker *worker);

/* The worker spoke, and has had all that it holds before its eyes. */
void leases_hear(struct worker *worker);

/* The same, and it said what that is. What it once listed and lists no more is lost, not
 * answered: that lease ends unharmed. */
void leases_hear_list(struct dispatch *self, struct worker *worker,
                      const uint64_t *tickets, size_t count);

/* What it scores in one pass with the ticket that it has just named. */
void leases_hear_pass(struct dispatch *self, struct worker *worker,
                      const uint64_t *tickets, size_t count);

/* The worker came back by another connection: what was on its way there by the last is
 * lost, so that its next list is all that it holds. */
void leases_expect_list(struct worker *worker);

/* The worker can not be reached, and may be dead: all but what it may be at goes back,
 * and is suspected. */
void leases_keep_at_work(struct dispatch *self, struct worker *worker);

/* It lives: what went back then is suspected of one death less. Linear in the jobs. */
void leases_acquit(struct dispatch *self, struct worker *worker);

/* The worker is dead: all that it holds but this job and those of its pass is suspected.
 */
void leases_suspect(struct worker *worker, const struct job *to_charge);

/* End all leases of the worker, and charge this job and those of its pass. */
void leases_take_back(struct dispatch *self, struct worker *worker,
                      struct job *to_charge);

#endif
