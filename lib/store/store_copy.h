/* SPDX-License-Identifier: Apache-2.0 */
/* store_copy.h - everything that a store holds, into another one that is empty:
 * artifacts, every move of their aliases, settlements with their clients' watermarks,
 * demand, dead letters.
 *
 *      store_open(from)  store_open_to_fill(to)  store_copy(from, to)  close both
 *
 * Until store_copy() has returned OK nobody can use the new store; a copy that was
 * interrupted is begun again. Nobody may change the source meanwhile: a copy during which
 * it changed fails. */

#ifndef STORE_STORE_COPY_H
#define STORE_STORE_COPY_H

#include "store/store.h"

/* What is recorded under a key. */
struct settled {
    uint8_t client[16];
    uint64_t sequence;
    uint64_t acked_below; /* the client's watermark */
    struct digest body;
    struct settlement settlement;
};

/* By client and sequence. */
MUST_CHECK enum status
store_settled(struct store *self, bool (*visit)(void *arg, const struct settled *settled),
              void *arg, struct error_text *error);

/* Every move that a rollback can reach: by kind, name, alias, the oldest first. */
MUST_CHECK enum status
store_alias_moves(struct store *self, bool (*visit)(void *arg, const struct alias *move),
                  void *arg, struct error_text *error);

/* A store to be filled, made where there is none. STATUS_TAKEN: it holds something.
 * Closed before store_copy() has ended well, it holds nothing that can be used. */
MUST_CHECK enum status store_open_to_fill(const char *url, struct store **out,
                                          struct error_text *error);

struct store_copied {
    uint64_t artifacts, bytes, moves, settlements, cells, letters;
};

/* Fills `to`, reads it again and compares. `tell` hears how many entries have been copied
 * or, after that, compared. STATUS_UNAVAILABLE: the source changed, or one of them went
 * away; STATUS_CORRUPT: they differ. */
MUST_CHECK enum status store_copy(struct store *from, struct store *to,
                                  void (*tell)(void *arg, bool comparing, uint64_t done),
                                  void *arg, struct store_copied *copied,
                                  struct error_text *error);

#endif
