/* SPDX-License-Identifier: Apache-2.0 */
/* settlement_bytes.h - a settlement and a dead letter as bytes, for backends that keep
 * them whole. Pure. Integers little-endian. */

#ifndef STORE_SETTLEMENT_BYTES_H
#define STORE_SETTLEMENT_BYTES_H

#include "store/store.h"

enum {
    TARGETS_BYTES_MAX = STORE_TARGETS_MAX * (1 + STORE_NAME_MAX + DIGEST_SIZE),
    SETTLEMENT_BYTES_MAX =
        1 + 4 + 1 + DIGEST_SIZE + 1 + STORE_REASON_MAX + TARGETS_BYTES_MAX,
    LETTER_HEAD_MAX = 1 + STORE_REGION_MAX + 1 + STORE_REASON_MAX,
    LETTER_NUMBERS_SIZE = 8 + 4 + 4 + 4 + 8,
    LETTER_TOLD_MAX = LETTER_NUMBERS_SIZE + LETTER_HEAD_MAX,
};

/* The targets alone: for each its name's size, its name, its version. Returns the size.
 */
size_t targets_pack(const struct settlement *settlement, uint8_t *bytes);

/* False: not what targets_pack() made. Adds to settlement->targets. */
bool targets_unpack(const uint8_t *bytes, size_t size, struct settlement *settlement);

/* Outcome, period, program, reason, targets. */
size_t settlement_pack(const struct settlement *settlement, uint8_t *bytes);
bool settlement_unpack(const uint8_t *bytes, size_t size, struct settlement *out);

/* What stands before a dead letter's body: region and reason. */
size_t letter_head_pack(const char *region, const char *reason, uint8_t *bytes);

/* Fills region, reason, body and size; `body` points into `bytes`. */
bool letter_unpack(const uint8_t *bytes, size_t size, struct dead_letter *out);

/* All that is told of a letter, but its key and its body. */
size_t letter_told_pack(const struct dead_letter *letter, uint8_t *bytes);
bool letter_told_unpack(const uint8_t *bytes, size_t size, struct dead_letter *out);

#endif
