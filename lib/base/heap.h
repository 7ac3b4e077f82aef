/* SPDX-License-Identifier: Apache-2.0 */
/* heap.h - what is due first: a binary heap (J. W. J. Williams, Algorithm 232, 1964) of
 * nodes that live in the caller's items. Inserting and removing take a number of steps
 * that grows with the logarithm of the count. Pure: allocates in heap_open() only. */

#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/list.h"
#include "base/status.h"

#include <stdint.h>

struct heap_node {
    uint64_t key;   /* the least comes first; equal ones in any order */
    uint32_t place; /* 0: in no heap */
};

struct heap {
    uint32_t count, count_max;
    struct heap_node **nodes; /* from 1 */
};

/* The struct that contains `node` as its member `member`. */
#define heap_item(node, type, member) list_item(node, type, member)

MUST_CHECK enum status heap_open(struct heap *self, uint32_t count_max);
void heap_close(struct heap *self);

/* There must be room; the node must be in no heap. */
void heap_insert(struct heap *self, struct heap_node *node, uint64_t key);
/* A node in no heap is left alone. */
void heap_remove(struct heap *self, struct heap_node *node);

/* The node with the least key; NULL: there is none. */
struct heap_node *heap_first(const struct heap *self);

#endif
