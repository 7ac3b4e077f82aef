/* SPDX-License-Identifier: Apache-2.0 */
/* region_queue.c - deficit round-robin (Shreedhar and Varghese, 1995) over regions. */
#include "broker/region_queue.h"

#include "base/hash.h"
#include "wire/header.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct region {
    struct list link;      /* in `active` while something is queued, else in `idle`;
                            * in `free`, the longest idle first, without items */
    struct hash_node node; /* by name, once it has one */
    struct list queue;     /* next first */
    uint32_t queued_count;
    uint32_t item_count; /* queued and taken */
    size_t bytes;        /* of these */
    size_t deficit;      /* bytes that it may still send */
    bool served;         /* it has had its quantum in this turn */
    uint64_t answered, answered_bytes;
    char name[HEADER_REGION_MAX + 1]; /* empty: never used */
};

struct region_queue {
    struct region_limits limits;
    uint64_t seed;
    struct hash names;
    struct list free, idle;
    struct list active; /* the one whose turn it is first */
    uint32_t queued_count;
    size_t bytes;
    struct region regions[]; /* limits.regions_max slots */
};

struct region_queue *region_queue_new(const struct region_limits *limits, uint64_t seed)
{
    assert(limits->regions_max > 0);
    struct region_queue *self =
        calloc(1, sizeof *self + limits->regions_max * sizeof self->regions[0]);
    if (self == NULL)
        return NULL;
    self->limits = *limits;
    self->seed = seed;
    list_init(&self->free);
    list_init(&self->idle);
    list_init(&self->active);
    for (uint32_t i = 0; i < limits->regions_max; i++)
        list_push_back(&self->free, &self->regions[i].link);
    if (hash_open(&self->names, limits->regions_max) != STATUS_OK) {
        free(self);
        return NULL;
    }
    return self;
}

void region_queue_free(struct region_queue *self)
{
    if (self == NULL)
        return;
    assert(self->bytes == 0);
    hash_close(&self->names);
    free(self);
}

static uint64_t name_hash(const struct region_queue *self, const char *name)
{
    return hash_bytes(self->seed, name, strlen(name));
}

static struct region *find_region(const struct region_queue *self, const char *name)
{
    struct hash_node *node = hash_first(&self->names, name_hash(self, name));
    for (; node != NULL; node = hash_next(node)) {
        struct region *region = hash_item(node, struct region, node);
        if (strcmp(region->name, name) == 0)
            return region;
    }
    return NULL;
}

/* In the place of the region that has been idle for longest, which is forgotten. */
static struct region *add_region(struct region_queue *self, const char *name)
{
    size_t size = strlen(name);
    assert(size > 0 && size <= HEADER_REGION_MAX);
    struct region *region = list_item(self->free.next, struct region, link);
    if (region->name[0] != '\0')
        hash_remove(&self->names, &region->node);
    memcpy(region->name, name, size + 1);
    region->deficit = 0;
    region->served = false;
    region->answered = region->answered_bytes = 0;
    list_init(&region->queue);
    hash_insert(&self->names, &region->node, name_hash(self, name));
    return region;
}

static void move_region(struct region *region, struct list *to)
{
    list_remove(&region->link);
    list_push_back(to, &region->link);
}

/* The region has something to send from now on: its turn comes after the others'. */
static void activate(struct region_queue *self, struct region *region)
{
    if (region->queued_count == 0)
        move_region(region, &self->active);
    region->queued_count++;
    self->queued_count++;
}

static void unqueue(struct region_queue *self, struct region_item *item)
{
    struct region *region = item->region;
    list_remove(&item->link);
    item->queued = false;
    self->queued_count--;
    if (--region->queued_count > 0)
        return;
    move_region(region, &self->idle);
    region->deficit = 0; /* nobody saves up while there is nothing to send */
    region->served = false;
}

static const char *refusal(const struct region_queue *self, const struct region *region,
                           size_t size)
{
    if (size > self->limits.bytes_max - self->bytes)
        return "the broker's queue is full";
    if (region == NULL && list_empty(&self->free))
        return "the broker serves its maximum of regions";
    if (size > self->limits.region_bytes_max - (region == NULL ? 0 : region->bytes))
        return "the region's queue is full";
    return NULL;
}

enum status region_queue_enter(struct region_queue *self, const char *name,
                               struct region_item *item, size_t size, const char **reason)
{
    assert(size > 0);
    struct region *region = find_region(self, name);
    *reason = refusal(self, region, size);
    if (*reason != NULL)
        return STATUS_FULL;

    if (region == NULL)
        region = add_region(self, name);
    if (region->item_count == 0)
        move_region(region, &self->idle);
    item->region = region;
    item->size = size;
    item->queued = true;
    activate(self, region);
    list_push_back(&region->queue, &item->link);
    region->item_count++;
    region->bytes += size;
    self->bytes += size;
    return STATUS_OK;
}

struct region_item *region_queue_next(struct region_queue *self)
{
    while (!list_empty(&self->active)) {
        struct region *region = list_item(self->active.next, struct region, link);
        struct region_item *item =
            list_item(region->queue.next, struct region_item, link);
        if (!region->served) {
            region->served = true;
            region->deficit += REGION_QUANTUM;
        }
        if (item->size <= region->deficit) {
            region->deficit -= item->size;
            unqueue(self, item);
            return item;
        }
        region->served = false;
        move_region(region, &self->active);
    }
    return NULL;
}

void region_queue_again(struct region_queue *self, struct region_item *item)
{
    assert(!item->queued);
    activate(self, item->region);
    item->queued = true;
    list_push_front(&item->region->queue, &item->link);
}

void region_queue_leave(struct region_queue *self, struct region_item *item)
{
    struct region *region = item->region;
    if (item->queued)
        unqueue(self, item);
    self->bytes -= item->size;
    region->bytes -= item->size;
    item->region = NULL;
    if (--region->item_count == 0)
        move_region(region, &self->free);
}

void region_item_answered(struct region_item *item)
{
    item->region->answered++;
    item->region->answered_bytes += item->size;
}

static uint64_t oldest_of(const struct region *region)
{
    const struct region_item *item = (const struct region_item *)(const void *)
                                         region->queue.next; /* its first member */
    return region->queued_count == 0 ? 0 : item->entered;
}

void region_queue_visit(const struct region_queue *self,
                        void (*visit)(void *arg, const struct region_view *region),
                        void *arg)
{
    const struct list *const rings[] = {&self->active, &self->idle, &self->free};
    for (size_t i = 0; i < sizeof rings / sizeof rings[0]; i++)
        for (const struct list *at = rings[i]->next; at != rings[i]; at = at->next) {
            const struct region *region =
                (const struct region *)(const void *)at; /* its first member */
            const struct region_view view = {
                .name = region->name,
                .queued = region->queued_count,
                .taken = region->item_count - region->queued_count,
                .bytes = region->bytes,
                .oldest_entered = oldest_of(region),
                .answered = region->answered,
                .answered_bytes = region->answered_bytes,
            };
            if (region->name[0] != '\0')
                visit(arg, &view);
        }
}

uint32_t region_queue_count(const struct region_queue *self)
{
    return self->queued_count;
}

uint64_t region_queue_oldest(const struct region_queue *self, uint64_t none)
{
    uint64_t oldest = none;
    for (const struct list *at = self->active.next; at != &self->active; at = at->next) {
        const struct region *region =
            (const struct region *)(const void *)at; /* its first member */
        if (oldest_of(region) < oldest)
            oldest = oldest_of(region);
    }
    return oldest;
}

size_t region_queue_bytes(const struct region_queue *self)
{
    return self->bytes;
}

static void check_that(bool holds)
{
    if (!holds)
        abort();
}

static void check_region(const struct region_queue *self, const struct region *region,
                         bool active)
{
    uint32_t count = 0;
    size_t bytes = 0;
    for (struct list *node = region->queue.next; node != &region->queue;
         node = node->next) {
        const struct region_item *item = list_item(node, struct region_item, link);
        check_that(item->queued && item->region == region);
        check_that(++count <= self->queued_count);
        bytes += item->size;
    }
    check_that(count == region->queued_count && active == (count > 0));
    check_that(region->item_count > 0 && region->item_count >= count);
    check_that(region->bytes >= bytes && region->bytes <= self->limits.region_bytes_max);
    check_that(active || region->deficit == 0);
    check_that(find_region(self, region->name) == region);
}

void region_queue_check(const struct region_queue *self)
{
    const struct list *rings[] = {&self->idle, &self->active};
    uint32_t regions = 0, queued = 0, named = 0;
    size_t bytes = 0;
    for (size_t i = 0; i < 2; i++) {
        for (struct list *node = rings[i]->next; node != rings[i]; node = node->next) {
            const struct region *region = list_item(node, struct region, link);
            check_that(++regions <= self->limits.regions_max);
            check_region(self, region, i == 1);
            queued += region->queued_count;
            bytes += region->bytes;
            named++;
        }
    }
    for (struct list *node = self->free.next; node != &self->free; node = node->next) {
        const struct region *region = list_item(node, struct region, link);
        check_that(++regions <= self->limits.regions_max);
        check_that(region->item_count == 0 && region->bytes == 0);
        named += region->name[0] != '\0';
    }
    check_that(regions == self->limits.regions_max && named == self->names.count);
    check_that(queued == self->queued_count);
    check_that(bytes == self->bytes && bytes <= self->limits.bytes_max);
}
