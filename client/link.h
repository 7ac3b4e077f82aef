/* SPDX-License-Identifier: Apache-2.0 */
/* link.h - the client's sockets, one for each broker: the edge of libchw.
 *
 * The brokers are those of a list of addresses (wire/addresses.h), which may change: each
 * address is a peer, a number below LINK_PEERS_MAX that stays while the address does. */

#ifndef CLIENT_LINK_H
#define CLIENT_LINK_H

#include "wire/header.h"

#include <stddef.h>
#include <stdint.h>

enum { LINK_PEERS_MAX = 64 };

/* Bytes that may be sent several times without being copied. */
struct link_body;

/* Takes over `bytes`, which malloc() gave. NULL: out of memory, nothing is taken. */
struct link_body *link_body_new(void *bytes, size_t size);
void link_body_free(struct link_body *self); /* what is being sent stays as it is */
const void *link_body_data(struct link_body *self);
size_t link_body_size(const struct link_body *self);

struct link;

/* Checks the addresses and begins to connect. */
MUST_CHECK enum status link_open(const char *list, bool insecure, struct link **out,
                                 struct error_text *error);
void link_close(struct link *self);

enum link_change {
    LINK_ADDED,
    LINK_REMOVED,
    LINK_LOST, /* its connection broke; it is made again, and may be there already */
};

/* Look for changes, where the last look was long enough ago; waiting looks too. */
void link_look(struct link *self, uint64_t now_ms);
/* What changed and was not told yet; who does not care need not ask. False: nothing. */
bool link_changed(struct link *self, enum link_change *change, uint32_t *peer);

/* As it was connected to. Of a peer that is there. */
const char *link_address(const struct link *self, uint32_t peer);
/* Why some addresses are not known; empty where all are. */
void link_trouble(const struct link *self, struct error_text *out);
/* The peers that are there, as bits. */
uint64_t link_peers(const struct link *self);

/* `body` may be NULL. The header's ticket is set to what was taken from this peer.
 * STATUS_UNAVAILABLE: not connected now. */
MUST_CHECK enum status link_send(struct link *self, uint32_t peer,
                                 const struct header *header, struct link_body *body);
/* To one that is connected; to another each time. */
MUST_CHECK enum status link_send_any(struct link *self, const struct header *header,
                                     struct link_body *body);

struct link_message {
    uint32_t peer;
    struct header header;
    const void *body; /* borrowed until the next call */
    size_t size;
};

/* Without waiting, from each peer in turn. STATUS_END: nothing there. STATUS_MALFORMED:
 * dropped, `error` says why. */
MUST_CHECK enum status link_receive(struct link *self, struct link_message *message,
                                    struct error_text *error);

/* Until something can be received or has changed. STATUS_END: the time is over, or a
 * signal came. */
MUST_CHECK enum status link_wait(struct link *self, uint64_t timeout_ms);

/* The same, or until `fd` (-1: none) can be read. */
MUST_CHECK enum status link_wait_or(struct link *self, int fd, uint64_t timeout_ms);

#endif
