/* SPDX-License-Identifier: Apache-2.0 */
/* hash.h - an intrusive hash table of fixed width: the node lives in the item, so that
 * inserting never allocates. Several items may have the same hash: the caller walks them
 * and compares what it keyed them by. Pure. */

#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct hash_node {
    struct hash_node *next;
    uint64_t hash;
};

struct hash {
    struct hash_node **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
};

/* The struct that contains `node` as its member `member`. */
#define hash_item(node, type, member)                                                    \
    ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* Wide enough for `items_max` items; more still work, slower. */
MUST_CHECK enum status hash_open(struct hash *self, size_t items_max);
void hash_close(struct hash *self);

void hash_insert(struct hash *self, struct hash_node *node, uint64_t hash);

/* `node` must be in the table. */
void hash_remove(struct hash *self, struct hash_node *node);

/* The items with this hash: for (n = hash_first(t, h); n != NULL; n = hash_next(n)). */
struct hash_node *hash_first(const struct hash *self, uint64_t hash);
struct hash_node *hash_next(const struct hash_node *node);

/* Of bytes that a peer chose: `seed` is random and secret, so that nobody can aim at one
 * bucket. */
uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t size);

#endif
