/* SPDX-License-Identifier: Apache-2.0 */
/* crypto.c - digests and randomness by libsodium. */
#include "base/crypto.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

struct digest digest_sha256(const void *bytes, size_t size)
{
    struct digest digest;
    crypto_hash_sha256(digest.bytes, bytes, size);
    return digest;
}

enum status digest_sha256_file(const char *path, struct digest *digest)
{
    crypto_hash_sha256_state state;
    unsigned char block[65536];
    size_t size;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return STATUS_NOT_FOUND;
    crypto_hash_sha256_init(&state);
    while ((size = fread(block, 1, sizeof block, file)) > 0)
        crypto_hash_sha256_update(&state, block, size);
    enum status status = ferror(file) ? STATUS_IO : STATUS_OK;
    fclose(file);
    crypto_hash_sha256_final(&state, digest->bytes);
    return status;
}

struct digest digest_body(const void *bytes, size_t size)
{
    struct digest digest;
    crypto_generichash(digest.bytes, sizeof digest.bytes, bytes, size, NULL, 0);
    return digest;
}

void digest_format(const struct digest *digest, char text[DIGEST_HEX_SIZE])
{
    sodium_bin2hex(text, DIGEST_HEX_SIZE, digest->bytes, DIGEST_SIZE);
}

enum status digest_parse(const char *text, struct digest *digest)
{
    size_t size;
    if (strlen(text) != DIGEST_HEX_SIZE - 1 ||
        sodium_hex2bin(digest->bytes, DIGEST_SIZE, text, DIGEST_HEX_SIZE - 1, NULL, &size,
                       NULL) != 0)
        return STATUS_MALFORMED;
    return size == DIGEST_SIZE ? STATUS_OK : STATUS_MALFORMED;
}

void random_bytes(void *bytes, size_t size)
{
    int ready = sodium_init(); /* safe to call again, and from any thread */
    assert(ready >= 0);
    randombytes_buf(bytes, size);
}
