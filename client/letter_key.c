/* SPDX-License-Identifier: Apache-2.0 */
/* letter_key.c - CLIENT/SEQUENCE. */
#include "client/letter_key.h"

#include "base/crypto.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENT_SIZE = 16, CLIENT_HEX = 2 * CLIENT_SIZE, SEQUENCE_DIGITS_MAX = 20 };

static const char purpose[] = "requeue";

void letter_key_format(const struct settle_key *key, char text[LETTER_KEY_TEXT_SIZE])
{
    for (size_t i = 0; i < CLIENT_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned)key->client[i]);
    snprintf(text + CLIENT_HEX, LETTER_KEY_TEXT_SIZE - CLIENT_HEX, "/%" PRIu64,
             key->sequence);
}

static bool parse_sequence(const char *text, uint64_t *sequence)
{
    size_t size = strlen(text);
    if (size == 0 || size > SEQUENCE_DIGITS_MAX || strspn(text, "0123456789") != size)
        return false;
    errno = 0;
    *sequence = strtoull(text, NULL, 10);
    return errno == 0;
}

enum status letter_key_parse(const char *text, struct settle_key *key,
                             struct error_text *error)
{
    char pair[3] = "";
    if (strspn(text, "0123456789abcdef") != CLIENT_HEX || text[CLIENT_HEX] != '/' ||
        !parse_sequence(text + CLIENT_HEX + 1, &key->sequence))
        return error_set(error, STATUS_INVALID,
                         "'%.80s' is not a key as `chw dead-letter list` prints it: %d "
                         "hexadecimal digits, a slash and a number",
                         text, CLIENT_HEX);
    for (size_t i = 0; i < CLIENT_SIZE; i++) {
        memcpy(pair, text + 2 * i, 2);
        key->client[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return STATUS_OK;
}

struct settle_key letter_key_next(const struct settle_key *key)
{
    enum { PURPOSE_SIZE = sizeof purpose - 1 };
    uint8_t bytes[PURPOSE_SIZE + CLIENT_SIZE];
    struct settle_key next = {.sequence = key->sequence};
    memcpy(bytes, purpose, PURPOSE_SIZE);
    memcpy(bytes + PURPOSE_SIZE, key->client, CLIENT_SIZE);
    struct digest digest = digest_sha256(bytes, sizeof bytes);
    memcpy(next.client, digest.bytes, CLIENT_SIZE);
    return next;
}
