/* SPDX-License-Identifier: Apache-2.0 */
/* link.h - the client's socket: the edge of libchw. */

#ifndef CLIENT_LINK_H
#define CLIENT_LINK_H

#include "wire/header.h"

#include <stddef.h>
#include <stdint.h>

struct link;

/* Checks the address (wire/socket.h) and begins to connect. */
MUST_CHECK enum status link_open(const char *endpoint, bool insecure, struct link **out,
                                 struct error_text *error);
void link_close(struct link *self);

/* STATUS_UNAVAILABLE: no broker now. */
MUST_CHECK enum status link_send(struct link *self, const struct header *header,
                                 const void *body, size_t size);

/* Without waiting. STATUS_END: nothing there. STATUS_MALFORMED: dropped, `error` says
 * why. The body is borrowed until the next call. */
MUST_CHECK enum status link_receive(struct link *self, struct header *header,
                                    const void **body, size_t *size,
                                    struct error_text *error);

/* Until something can be received. STATUS_END: the time is over, or a signal came. */
MUST_CHECK enum status link_wait(struct link *self, uint64_t timeout_ms);

/* The same, or until `fd` (-1: none) can be read. */
MUST_CHECK enum status link_wait_or(struct link *self, int fd, uint64_t timeout_ms);

#endif
