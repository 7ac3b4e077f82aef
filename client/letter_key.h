/* SPDX-License-Identifier: Apache-2.0 */
/* letter_key.h - a dead letter's key as people write it, and the key under which its
 * batch is sent again. Pure. */

#ifndef CLIENT_LETTER_KEY_H
#define CLIENT_LETTER_KEY_H

#include "store/store.h"

enum { LETTER_KEY_TEXT_SIZE = 32 + 1 + 20 + 1 };

/* "CLIENT/SEQUENCE": 32 hexadecimal digits and a number. */
void letter_key_format(const struct settle_key *key, char text[LETTER_KEY_TEXT_SIZE]);

/* STATUS_INVALID: `error` says what a key looks like. */
MUST_CHECK enum status letter_key_parse(const char *text, struct settle_key *key,
                                        struct error_text *error);

/* A batch that ended without being counted keeps that end under its key for ever, so it
 * is sent again under the next one: the first 16 bytes of SHA-256("requeue" and the old
 * client id), the same sequence. Whoever sends it again finds the same key. */
struct settle_key letter_key_next(const struct settle_key *key);

#endif
