/* SPDX-License-Identifier: Apache-2.0 */
/* journal.h - the answers of a job, in an append-only file keyed by sequence.
 *
 *   file:   header, 64 bytes, then entries and marks
 *            0  4 magic "CHWJ"   4  4 version   8 16 client id   24 32 job   56  8 check
 *   entry:  head, 64 bytes, then the payload
 *            0  4 magic "CHWe"   4  4 payload size   8  8 sequence   16 32 digest of the
 * batch 48  8 check of the payload   56  8 check of the head mark:   a head "CHWm" whose
 * sequence is its own place: all before it was synced
 *
 * Little-endian; a check is the first 8 bytes of digest_body(). The last entry of a
 * sequence wins. Damage after the last mark is a write that a crash tore: it is cut.
 * Damage before a mark is an error: those answers were promised to be kept. */

#ifndef CLIENT_JOURNAL_H
#define CLIENT_JOURNAL_H

#include "base/crypto.h"
#include "base/error_text.h"
#include "wire/header.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal;

/* Made with a random client id where there is none; its folder is synced, and so is what
 * an owner left who was killed before he had. The file stays locked. STATUS_TAKEN;
 * STATUS_CORRUPT: damaged (says where), or of another job; STATUS_IO. */
MUST_CHECK enum status journal_open(const char *path, const struct digest *job,
                                    struct journal **out, struct error_text *error);
/* Only to look, at whichever job's, while its owner may append to it: it is not locked
 * and nothing is changed. STATUS_NOT_FOUND; STATUS_CORRUPT; STATUS_IO. */
MUST_CHECK enum status journal_look(const char *path, struct journal **out,
                                    struct error_text *error);
void journal_close(struct journal *self);

const uint8_t *journal_client(const struct journal *self); /* CLIENT_ID_SIZE bytes */
const struct digest *journal_job(const struct journal *self);

/* Different sequences that have an entry. */
uint64_t journal_count(const struct journal *self);
bool journal_has(const struct journal *self, uint64_t sequence);
uint64_t journal_last(const struct journal *self); /* the highest; 0: none */
/* It has one, and it came since the journal was opened. */
bool journal_is_recent(const struct journal *self, uint64_t sequence);

/* On an error the file is as before. Not durable before journal_sync(). */
MUST_CHECK enum status journal_append(struct journal *self, uint64_t sequence,
                                      const struct digest *batch, const void *payload,
                                      size_t size, struct error_text *error);

/* One sync for all that was appended since the last. */
MUST_CHECK enum status journal_sync(struct journal *self, struct error_text *error);

/* STATUS_NOT_FOUND: no entry. *payload is the caller's to free. */
MUST_CHECK enum status journal_read(const struct journal *self, uint64_t sequence,
                                    struct digest *batch, uint8_t **payload, size_t *size,
                                    struct error_text *error);

#endif
