/* SPDX-License-Identifier: Apache-2.0 */
/* region_queue.h - whose batch is next: deficit round-robin over regions by bytes, within
 * two priorities.
 *
 * Each region with something queued gets, in turn, the right to send REGION_QUANTUM times
 * its weight more bytes; what it does not use it keeps for its next turn, until its queue
 * is empty. So a region that floods the broker delays the others by one turn, whatever
 * its batches' sizes.
 *
 * Interactive items go before bulk ones, and both are served as above. While a bulk item
 * has waited for bulk_wait, interactive and bulk take turns by bytes: so bulk has at
 * least half of what is sent, and never starves.
 *
 *          enter           first, take           leave
 *   (new) ------> QUEUED --------------> (leased) -------> (gone)
 *                    ^      again           |
 *                    +----------------------+
 *
 * An item counts against the budgets from enter to leave. The items live in the caller's
 * jobs. A region without items keeps its name and its totals until its place is needed:
 * the one idle for longest goes first. Pure: allocates in region_queue_new() only. */

#ifndef BROKER_REGION_QUEUE_H
#define BROKER_REGION_QUEUE_H

#include "base/list.h"
#include "base/status.h"
#include "broker/busy.h"
#include "broker/weights.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REGION_QUANTUM = 128 << 10,
    /* What a batch takes beside its body, in bytes: its slot, its frames, and what the
     * heap loses between them. Measured with bodies of 16 KiB. */
    BATCH_COST = 1 << 10,
};

enum region_priority { REGION_BULK, REGION_INTERACTIVE, REGION_PRIORITY_COUNT };

struct region;
struct region_queue;

/* Part of a job; only region_queue.c changes it, but for `entered` and `priority`. */
struct region_item {
    struct list link; /* in the region's queue; alone while leased */
    struct list age;  /* among all that are queued of its priority */
    struct region *region;
    size_t size;
    bool queued;
    bool again;                    /* it was taken, and put back */
    enum region_priority priority; /* set before enter */
    uint64_t entered; /* the caller's clock, which never goes back; likewise */
};

struct region_limits {
    uint32_t regions_max;
    size_t bytes_max; /* of all items, queued and leased */
    size_t region_bytes_max;
    uint64_t bulk_wait;     /* by the clock of `entered` */
    struct weights weights; /* borrowed */
};

/* Returns NULL when out of memory. */
struct region_queue *region_queue_new(const struct region_limits *limits, uint64_t seed);

/* There must be no items. */
void region_queue_free(struct region_queue *self);

/* Put an item of `size` bytes, above 0, at the end of the region's queue. Not BUSY_NOT: a
 * budget was reached, nothing changed. */
MUST_CHECK enum busy region_queue_enter(struct region_queue *self, const char *region,
                                        struct region_item *item, size_t size);

/* The item whose turn it is; NULL: nothing is queued. */
struct region_item *region_queue_first(struct region_queue *self, uint64_t now);

/* Take what region_queue_first() has just named. It stays within the budget. */
void region_queue_take(struct region_queue *self, struct region_item *item);

/* Put an item that was taken back at the head of its region's queue. */
void region_queue_again(struct region_queue *self, struct region_item *item);

/* The item, queued or taken, is no longer the queue's concern. */
void region_queue_leave(struct region_queue *self, struct region_item *item);

/* The item's batch is about to leave because it was answered: for the region's totals. */
void region_item_answered(struct region_item *item);

struct region_view {
    const char *name;
    uint32_t weight;
    uint32_t queued, interactive, taken; /* interactive: of what is queued */
    size_t bytes;                        /* of queued and taken */
    uint64_t oldest_entered;             /* of what is queued */
    uint64_t answered, answered_bytes;
};

/* Every region that is remembered, those with items first. */
void region_queue_visit(const struct region_queue *self,
                        void (*visit)(void *arg, const struct region_view *region),
                        void *arg);

uint32_t region_queue_count(const struct region_queue *self); /* queued items */
size_t region_queue_bytes(const struct region_queue *self);   /* queued and taken */

/* The least `entered` of the queued items; `none` where nothing is queued. */
uint64_t region_queue_oldest(const struct region_queue *self, uint64_t none);

/* Abort unless every invariant holds. Linear: for tests and the simulator. */
void region_queue_check(const struct region_queue *self);

#endif
