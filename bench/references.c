/* SPDX-License-Identifier: Apache-2.0 */
/* references.c - hashes, so that a million records are compared by a number a batch. */
#include "bench/references.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

void references_open(struct references *self, size_t batches)
{
    *self = (struct references){.batches = batches};
}

void references_close(struct references *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->of[i].hashes);
    *self = (struct references){0};
}

uint64_t references_hash(const float *probabilities, size_t count)
{
    uint64_t hash = hash_bytes(1, probabilities, count * sizeof *probabilities);
    return hash == 0 ? 1 : hash;
}

static struct reference *find(struct references *self, const uint8_t *version)
{
    for (size_t i = 0; i < self->count; i++)
        if (memcmp(self->of[i].version, version, REFERENCES_VERSION_SIZE) == 0)
            return &self->of[i];
    return NULL;
}

static struct reference *add(struct references *self, const uint8_t *version)
{
    if (self->count == REFERENCES_MAX)
        return NULL;
    struct reference *reference = &self->of[self->count];
    reference->hashes = calloc(self->batches + 1, sizeof *reference->hashes);
    if (reference->hashes == NULL)
        return NULL;
    memcpy(reference->version, version, REFERENCES_VERSION_SIZE);
    self->count++;
    return reference;
}

bool references_set(struct references *self, size_t batch, const uint8_t *version,
                    uint64_t hash)
{
    struct reference *reference = find(self, version);
    if (reference == NULL)
        reference = add(self, version);
    if (reference != NULL)
        reference->hashes[batch] = hash;
    return reference != NULL;
}

bool references_check(struct references *self, size_t batch, const uint8_t *version,
                      uint64_t hash)
{
    const struct reference *reference = find(self, version);
    uint64_t expected = reference == NULL ? 0 : reference->hashes[batch];
    if (expected == 0 && !self->complete)
        return references_set(self, batch, version, hash);
    return expected == hash;
}
