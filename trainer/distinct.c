/* SPDX-License-Identifier: Apache-2.0 */
/* distinct.c - an open-addressed set of hashes, given up at the first repetition. */
#include "trainer/distinct.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { SLOTS_FIRST = 64 };

struct distinct {
    bool repeated;
    size_t count, slot_count; /* a power of two, at least twice count */
    uint64_t *slots;          /* 0: free */
};

struct distinct *distinct_new(void)
{
    return calloc(1, sizeof(struct distinct));
}

void distinct_free(struct distinct *self)
{
    if (self == NULL)
        return;
    free(self->slots);
    free(self);
}

/* FNV-1a with a last mix, because the low bits choose the slot; never 0. */
static uint64_t hash_text(const char *text)
{
    uint64_t hash = 14695981039346656037U;
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 1099511628211U;
    hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93U;
    return (hash ^ hash >> 32) | 1;
}

/* False: it was there. */
static bool insert(uint64_t *slots, size_t slot_count, uint64_t hash)
{
    size_t slot = (size_t)(hash >> 1) & (slot_count - 1);
    for (; slots[slot] != 0; slot = (slot + 1) & (slot_count - 1)) {
        if (slots[slot] == hash)
            return false;
    }
    slots[slot] = hash;
    return true;
}

static enum status grow(struct distinct *self)
{
    size_t slot_count = self->slot_count == 0 ? SLOTS_FIRST : 2 * self->slot_count;
    uint64_t *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; i < self->slot_count; i++) {
        if (self->slots[i] != 0)
            (void)insert(slots, slot_count, self->slots[i]);
    }
    free(self->slots);
    self->slots = slots;
    self->slot_count = slot_count;
    return STATUS_OK;
}

enum status distinct_add(struct distinct *self, const char *text)
{
    if (self->repeated)
        return STATUS_OK;
    if (2 * (self->count + 1) > self->slot_count && grow(self) != STATUS_OK)
        return STATUS_NOMEM;
    if (insert(self->slots, self->slot_count, hash_text(text))) {
        self->count++;
        return STATUS_OK;
    }
    self->repeated = true;
    free(self->slots);
    self->slots = NULL;
    self->slot_count = 0;
    return STATUS_OK;
}

bool distinct_holds(const struct distinct *self)
{
    return !self->repeated;
}
