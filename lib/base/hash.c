/* SPDX-License-Identifier: Apache-2.0 */
/* hash.c - buckets of singly linked nodes. */
#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum status hash_open(struct hash *self, size_t items_max)
{
    size_t bucket_count = 16;
    while (bucket_count < items_max)
        bucket_count *= 2;
    *self = (struct hash){
        .buckets = calloc(bucket_count, sizeof(struct hash_node *)),
        .bucket_count = bucket_count,
    };
    return self->buckets == NULL ? STATUS_NOMEM : STATUS_OK;
}

void hash_close(struct hash *self)
{
    free(self->buckets);
    *self = (struct hash){0};
}

static struct hash_node **bucket_of(const struct hash *self, uint64_t hash)
{
    return &self->buckets[hash & (self->bucket_count - 1)];
}

void hash_insert(struct hash *self, struct hash_node *node, uint64_t hash)
{
    struct hash_node **bucket = bucket_of(self, hash);
    node->hash = hash;
    node->next = *bucket;
    *bucket = node;
    self->count++;
}

void hash_remove(struct hash *self, struct hash_node *node)
{
    struct hash_node **link = bucket_of(self, node->hash);
    while (*link != node) {
        assert(*link != NULL); /* else the node is not in the table */
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    self->count--;
}

static struct hash_node *with_hash(struct hash_node *node, uint64_t hash)
{
    while (node != NULL && node->hash != hash)
        node = node->next;
    return node;
}

struct hash_node *hash_first(const struct hash *self, uint64_t hash)
{
    return with_hash(*bucket_of(self, hash), hash);
}

struct hash_node *hash_next(const struct hash_node *node)
{
    return with_hash(node->next, node->hash);
}

/* The finaliser of MurmurHash3: each input bit reaches each output bit. */
static uint64_t mix(uint64_t value)
{
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdULL;
    value ^= value >> 33;
    value *= 0xc4ceb9fe1a85ec53ULL;
    return value ^ value >> 33;
}

uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint64_t hash = mix(seed ^ size);
    while (size > 0) {
        uint64_t word = 0;
        size_t step = size < sizeof word ? size : sizeof word;
        memcpy(&word, at, step);
        hash = mix(hash ^ word) + seed;
        at += step;
        size -= step;
    }
    return hash;
}
