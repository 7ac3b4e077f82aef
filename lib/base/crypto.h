/* SPDX-License-Identifier: Apache-2.0 */
/* crypto.h - digests and randomness: the one home of libsodium. */

#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum {
    DIGEST_SIZE = 32,
    DIGEST_HEX_SIZE = 2 * DIGEST_SIZE + 1, /* with the terminator */
};

/* What names an artifact, and what tells one batch body from another. */
struct digest {
    uint8_t bytes[DIGEST_SIZE];
};

/* SHA-256: names models, programs and data sets; anyone can check it with sha256sum. */
struct digest digest_sha256(const void *bytes, size_t size);

/* SHA-256 of a whole file, however large. */
MUST_CHECK enum status digest_sha256_file(const char *path, struct digest *digest);

/* BLAKE2b-256: compares batch bodies; several times faster than SHA-256. */
struct digest digest_body(const void *bytes, size_t size);

/* Lower-case hexadecimal. */
void digest_format(const struct digest *digest, char text[DIGEST_HEX_SIZE]);
MUST_CHECK enum status digest_parse(const char *text, struct digest *digest);

/* From the system's generator. */
void random_bytes(void *bytes, size_t size);

#endif
