/* SPDX-License-Identifier: Apache-2.0 */
/* spool.h - a client's batches on its disk: before they are sent, until they are
 * answered.
 *
 *            put               load, sent, sent again        remove
 *   (new) ---------> KEPT ------------------------> KEPT ------------> (gone)
 *          durable                                        durable at the next sync
 *
 * One folder belongs to one client. A batch is one file, %016x.batch by its sequence:
 *
 *     0   4 magic "CHWB"   4  4 format   8  4 size of the body   12  4 rows
 *    16 128 the header that is sent (wire/header.h); acked_below and ticket are 0
 *   144  32 digest of the body
 *   176   8 check: the first bytes of the digest of all before
 *   184     the body
 *
 * A crash leaves a whole file, none, or a `.part`, which is removed. So a file that is
 * not whole was damaged after it had been kept: an error that names it, never a batch. A
 * person goes on without it by renaming it from .batch to .damaged.
 *
 * A removed file may come back after a power cut: the caller removes it again, for it has
 * the answer in its journal, which it synced first. A put that failed and could not be
 * taken back may leave a whole batch that nobody promised to keep; it is sent like
 * others.
 *
 * Pure but for what struct spool_disk does. */

#ifndef CLIENT_SPOOL_H
#define CLIENT_SPOOL_H

#include "base/crypto.h"
#include "base/error_text.h"
#include "wire/header.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The folder that it is in. A real one is in client/spool_disk.h; tests have one that
 * fails and loses power (tests/lib/memory_disk.h). */
struct spool_disk {
    void *arg;
    const char *folder; /* for people */

    /* Whole and durable under its name on STATUS_OK, over an older one if there is.
     * STATUS_FULL: no room. On an error the name may hold the old one, the new one or
     * none, but never a part of one. */
    enum status (*put)(void *arg, const char *name, const void *bytes, size_t size,
                       struct error_text *error);
    /* The begin of it, at most `size_max` bytes. STATUS_NOT_FOUND. */
    enum status (*get)(void *arg, const char *name, void *bytes, size_t size_max,
                       size_t *size, struct error_text *error);
    /* Durable after the next sync. STATUS_NOT_FOUND. */
    enum status (*remove)(void *arg, const char *name, struct error_text *error);
    enum status (*list)(void *arg,
                        void (*each)(void *context, const char *name, uint64_t size),
                        void *context, struct error_text *error);
    enum status (*sync)(void *arg, struct error_text *error);
};

struct spool_batch {
    struct header header;
    uint32_t rows;
    struct digest digest; /* of the body: digest_body() */
    uint8_t *body;
    size_t size;
};

struct spool;

/* Reads what is there: every head, not yet the bodies. `client`: whose it is, and what
 * the last crash left half is removed, and the rest durable; NULL: only to look, at
 * whoever's, while its owner may work on it. `bytes_max` bounds spool_bytes(). STATUS_CORRUPT: a file is damaged or
 * another client's; `error` names it. */
MUST_CHECK enum status spool_open(const struct spool_disk *disk, const uint8_t *client,
                                  uint64_t bytes_max, struct spool **out,
                                  struct error_text *error);
void spool_close(struct spool *self);

/* Keep a batch: it is durable when this returns STATUS_OK, and not to be sent before.
 * STATUS_FULL: bytes_max or the disk, there will be room when others are removed;
 * STATUS_INVALID: larger than bytes_max; STATUS_IO. On an error it is not kept, unless
 * spool_is_broken(). The sequence is not in the spool yet. */
MUST_CHECK enum status spool_put(struct spool *self, const struct spool_batch *batch,
                                 struct error_text *error);

/* A failed put could not be taken back: only opening it again tells what is there. */
bool spool_is_broken(const struct spool *self);

/* Its body is the caller's to free. STATUS_NOT_FOUND; STATUS_CORRUPT: the file is not
 * what was kept. */
MUST_CHECK enum status spool_load(const struct spool *self, uint64_t sequence,
                                  struct spool_batch *out, struct error_text *error);

/* The same without its body, which is not read nor checked. */
MUST_CHECK enum status spool_head(const struct spool *self, uint64_t sequence,
                                  struct spool_batch *out, struct error_text *error);

/* It has cost so many workers by now: that outlives us. */
MUST_CHECK enum status spool_charge(struct spool *self, uint64_t sequence,
                                    uint8_t attempt, struct error_text *error);

/* The answer is durable. A sequence that is not there is fine. */
MUST_CHECK enum status spool_remove(struct spool *self, uint64_t sequence,
                                    struct error_text *error);
/* The answers of all below are. */
MUST_CHECK enum status spool_remove_below(struct spool *self, uint64_t sequence,
                                          struct error_text *error);

/* What was removed stays removed. Done now and then by itself, and at the end. */
MUST_CHECK enum status spool_sync(struct spool *self, struct error_text *error);

/* The lowest that is kept from here on; 0: none. */
uint64_t spool_next(const struct spool *self, uint64_t from);
/* The highest that is kept or given up; 0: none. */
uint64_t spool_last(const struct spool *self);
/* NULL: it is not kept. Until the next call that changes something. */
const struct digest *spool_digest(const struct spool *self, uint64_t sequence);
/* A person renamed it to .damaged. */
bool spool_is_given_up(const struct spool *self, uint64_t sequence);

uint64_t spool_count(const struct spool *self);    /* kept */
uint64_t spool_given_up(const struct spool *self); /* given up */
uint64_t spool_bytes(const struct spool *self);    /* on the disk, in blocks of 4 KiB */

#endif
