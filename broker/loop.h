/* SPDX-License-Identifier: Apache-2.0 */
/* loop.h - the broker's one thread between two ROUTER sockets and the dispatcher.
 *
 *      clients --front--> [ frames -> events -> dispatch -> actions -> frames ] <--back--
 * workers
 *
 * Frames that cannot be used are counted, dropped and answered REJECT with the reason. */

#ifndef BROKER_LOOP_H
#define BROKER_LOOP_H

#include "base/error_text.h"
#include "broker/dispatch.h"
#include "broker/meters.h"

struct loop;

/* Bind both addresses. `limits` without instance, secret and body_equal, which are filled
 * in here. From here on SIGTERM and SIGINT are held for loop_run(), in threads started
 * later too. STATUS_TAKEN: an address is in use. */
MUST_CHECK enum status loop_open(const char *front, const char *back,
                                 const struct dispatch_limits *limits, struct loop **loop,
                                 struct error_text *error);

/* From now on what is counted is published there, each tick. It outlives the loop. */
void loop_set_meters(struct loop *self, struct meters *meters);

/* Serve until SIGTERM or SIGINT, then drain. */
MUST_CHECK enum status loop_run(struct loop *self);

/* Logs what was counted. NULL is fine. */
void loop_close(struct loop *self);

#endif
