/* SPDX-License-Identifier: Apache-2.0 */
/* addresses.h - where the brokers are: a list of endpoints, its host names resolved to
 * all their addresses, again and again.
 *
 *      "tcp://brokers:5555,ipc:///run/b.ipc" --> tcp://10.0.0.7:5555 tcp://10.0.0.9:5555
 *                                                ipc:///run/b.ipc
 *
 * ZeroMQ connects to the first address of a name only, and never asks again. A thread
 * asks, and exists only where there is a name. A name that does not resolve now keeps
 * what it had. */

#ifndef WIRE_ADDRESSES_H
#define WIRE_ADDRESSES_H

#include "base/error_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ADDRESSES_MAX = 64,
    ADDRESS_SIZE = 128,
    ADDRESSES_REFRESH_MS = 5000,
    ADDRESSES_PATIENCE_MS = 1000, /* with an answer, when opening and closing */
};

/* Ascending, no duplicates. Where there are more than fit, the first. */
struct address_set {
    size_t count;
    char items[ADDRESSES_MAX][ADDRESS_SIZE]; /* as zmq_connect() takes them */
};

/* False: there is no room for it. */
bool address_set_add(struct address_set *self, const char *item);
bool address_set_has(const struct address_set *self, const char *item);

/* Who is asked for a name's addresses; tests put another in its place. */
struct address_resolver {
    /* Adds to `hosts` (empty) the numeric addresses of `host`, without brackets. Called
     * by one thread. Anything but STATUS_OK: not known now, `error` says why. */
    enum status (*resolve)(void *context, const char *host, struct address_set *hosts,
                           struct error_text *error);
    void *context;
};

struct addresses;

/* One to ADDRESSES_MAX endpoints, separated by commas, each as endpoint_check() has it.
 */
MUST_CHECK enum status addresses_check(const char *list, bool insecure,
                                       struct error_text *error);

/* Checks the list, and waits a while for the first answers. A name that does not resolve
 * is no error: it may do so later. `resolver` is copied; NULL: the system's. */
MUST_CHECK enum status addresses_open(const char *list, bool insecure,
                                      const struct address_resolver *resolver,
                                      struct addresses **out, struct error_text *error);

/* Waits a while for an answer that is being waited for; a resolver that takes longer is
 * left to itself, and its context must stay. Accepts NULL. */
void addresses_close(struct addresses *self);

/* From any thread. False: all is as it was at `*generation`, which is 0 at first. */
bool addresses_get(struct addresses *self, uint64_t *generation, struct address_set *out);

/* Why some addresses are not known now; an empty text where all are. It changes with the
 * generation. */
void addresses_trouble(struct addresses *self, struct error_text *out);

/* Ask again now, not when it is time. */
void addresses_hurry(struct addresses *self);

#endif
