/* SPDX-License-Identifier: Apache-2.0 */
/* region_queue.c - deficit round-robin (Shreedhar and Varghese, 1995) over regions. */
#include "broker/region_queue.h"

#include "base/hash.h"
#include "wire/header.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What a region has queued of one priority. */
struct lane {
    struct list link;  /* in `active` of its priority while something is queued */
    struct list queue; /* next first */
    struct region *region;
    uint32_t count;
    size_t deficit; /* bytes that it may still send */
    bool served;    /* it has had its quantum in this turn */
};

struct region {
    struct list link;      /* in `used` while it has items, else in `free`, the longest
                            * idle first */
    struct hash_node node; /* by name */
    struct lane lanes[REGION_PRIORITY_COUNT];
    uint32_t item_count; /* queued and taken */
    uint32_t weight;
    size_t bytes; /* of its items */
    uint64_t answered, answered_bytes;
    char name[HEADER_REGION_MAX + 1];
};

struct region_queue {
    struct region_limits limits;
    uint64_t seed;
    struct hash names;
    uint32_t known_count; /* slots beyond were never used, nor their memory touched */
    struct list free, used;
    struct list active[REGION_PRIORITY_COUNT]; /* lanes, the one whose turn it is first */
    struct list ages[REGION_PRIORITY_COUNT];   /* queued items, the oldest first */
    int64_t lead; /* bytes sent of interactive items more than of bulk ones, while both
                   * were there; at most a quantum is remembered */
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
    list_init(&self->used);
    for (int priority = 0; priority < REGION_PRIORITY_COUNT; priority++) {
        list_init(&self->active[priority]);
        list_init(&self->ages[priority]);
    }
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

static bool is_full(const struct region_queue *self)
{
    return self->known_count == self->limits.regions_max && list_empty(&self->free);
}

/* A new one, or in the end that of the region that has been idle for longest, which is
 * forgotten. */
static struct region *take_slot(struct region_queue *self)
{
    if (self->known_count < self->limits.regions_max) {
        struct region *region = &self->regions[self->known_count++];
        list_init(&region->link);
        return region;
    }
    struct region *region = list_item(self->free.next, struct region, link);
    hash_remove(&self->names, &region->node);
    return region;
}

static struct region *add_region(struct region_queue *self, const char *name)
{
    size_t size = strlen(name);
    assert(size > 0 && size <= HEADER_REGION_MAX);
    struct region *region = take_slot(self);
    memcpy(region->name, name, size + 1);
    region->weight = weights_find(&self->limits.weights, name);
    region->answered = region->answered_bytes = 0;
    for (int priority = 0; priority < REGION_PRIORITY_COUNT; priority++) {
        region->lanes[priority] = (struct lane){.region = region};
        list_init(&region->lanes[priority].link);
        list_init(&region->lanes[priority].queue);
    }
    hash_insert(&self->names, &region->node, name_hash(self, name));
    return region;
}

static void move_to_back(struct list *link, struct list *to)
{
    list_remove(link);
    list_push_back(to, link);
}

static struct region_item *by_age(struct list *node)
{
    return list_item(node, struct region_item, age);
}

static struct lane *lane_of(const struct region_item *item)
{
    return &item->region->lanes[item->priority];
}

/* From now on it waits; where in the queue is the caller's to say. `after` is the item
 * that came before it, or the ring itself. */
static struct lane *queue_up(struct region_queue *self, struct region_item *item,
                             struct list *after)
{
    struct lane *lane = lane_of(item);
    if (lane->count++ == 0) /* its turn comes after the others' */
        move_to_back(&lane->link, &self->active[item->priority]);
    list_insert_after(after, &item->age);
    item->queued = true;
    self->queued_count++;
    return lane;
}

static void unqueue(struct region_queue *self, struct region_item *item)
{
    struct lane *lane = lane_of(item);
    list_remove(&item->link);
    list_remove(&item->age);
    item->queued = false;
    self->queued_count--;
    if (--lane->count > 0)
        return;
    list_remove(&lane->link);
    lane->deficit = 0; /* nobody saves up while there is nothing to send */
    lane->served = false;
}

static enum busy refusal(const struct region_queue *self, const struct region *region,
                         size_t size)
{
    if (size > self->limits.bytes_max - self->bytes)
        return BUSY_QUEUE;
    if (region == NULL && is_full(self))
        return BUSY_REGIONS;
    if (size > self->limits.region_bytes_max - (region == NULL ? 0 : region->bytes))
        return BUSY_REGION;
    return BUSY_NOT;
}

enum busy region_queue_enter(struct region_queue *self, const char *name,
                             struct region_item *item, size_t size)
{
    assert(size > 0);
    struct region *region = find_region(self, name);
    enum busy busy = refusal(self, region, size);
    if (busy != BUSY_NOT)
        return busy;

    if (region == NULL)
        region = add_region(self, name);
    if (region->item_count++ == 0)
        move_to_back(&region->link, &self->used);
    item->region = region;
    item->size = size;
    item->again = false;
    struct list *ages = &self->ages[item->priority], *after = ages->prev;
    while (after != ages && by_age(after)->entered > item->entered)
        after = after->prev;
    list_push_back(&queue_up(self, item, after)->queue, &item->link);
    region->bytes += size;
    self->bytes += size;
    return BUSY_NOT;
}

static enum region_priority priority_in_turn(const struct region_queue *self,
                                             uint64_t now)
{
    const struct list *bulk = &self->ages[REGION_BULK];
    if (list_empty(bulk))
        return REGION_INTERACTIVE;
    if (list_empty(&self->ages[REGION_INTERACTIVE]))
        return REGION_BULK;
    bool overdue = now - by_age(bulk->next)->entered > self->limits.bulk_wait;
    return overdue && self->lead >= REGION_QUANTUM ? REGION_BULK : REGION_INTERACTIVE;
}

struct region_item *region_queue_first(struct region_queue *self, uint64_t now)
{
    struct list *active = &self->active[priority_in_turn(self, now)];
    while (!list_empty(active)) {
        struct lane *lane = list_item(active->next, struct lane, link);
        struct region_item *item = list_item(lane->queue.next, struct region_item, link);
        if (!lane->served) {
            lane->served = true;
            lane->deficit += (size_t)REGION_QUANTUM * lane->region->weight;
        }
        if (item->size <= lane->deficit)
            return item;
        lane->served = false;
        move_to_back(&lane->link, active);
    }
    return NULL;
}

/* Bytes count between the priorities only while both have something. */
static void count_lead(struct region_queue *self, const struct region_item *item)
{
    int64_t size = (int64_t)item->size;
    if (list_empty(&self->ages[REGION_BULK]) ||
        list_empty(&self->ages[REGION_INTERACTIVE]))
        return;
    self->lead += item->priority == REGION_INTERACTIVE ? size : -size;
    if (self->lead > REGION_QUANTUM)
        self->lead = REGION_QUANTUM;
}

void region_queue_take(struct region_queue *self, struct region_item *item)
{
    struct lane *lane = lane_of(item);
    assert(item->queued && lane->queue.next == &item->link);
    assert(lane->served && lane->deficit >= item->size);
    lane->deficit -= item->size;
    count_lead(self, item);
    unqueue(self, item);
}

void region_queue_again(struct region_queue *self, struct region_item *item)
{
    struct list *ages = &self->ages[item->priority], *after = ages;
    assert(!item->queued);
    while (after->next != ages && by_age(after->next)->entered < item->entered)
        after = after->next;
    item->again = true;
    list_push_front(&queue_up(self, item, after)->queue, &item->link);
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
        move_to_back(&region->link, &self->free);
}

void region_item_answered(struct region_item *item)
{
    item->region->answered++;
    item->region->answered_bytes += item->size;
}

/* The oldest of a lane is its first, but for what was put back: near enough. */
static uint64_t oldest_of(const struct region *region)
{
    uint64_t oldest = UINT64_MAX;
    for (int priority = 0; priority < REGION_PRIORITY_COUNT; priority++) {
        const struct lane *lane = &region->lanes[priority];
        if (lane->count > 0) {
            uint64_t entered =
                list_item(lane->queue.next, struct region_item, link)->entered;
            oldest = entered < oldest ? entered : oldest;
        }
    }
    return oldest == UINT64_MAX ? 0 : oldest;
}

static void view_region(const struct region *region,
                        void (*visit)(void *arg, const struct region_view *region),
                        void *arg)
{
    uint32_t interactive = region->lanes[REGION_INTERACTIVE].count;
    uint32_t queued = region->lanes[REGION_BULK].count + interactive;
    const struct region_view view = {
        .name = region->name,
        .weight = region->weight,
        .queued = queued,
        .interactive = interactive,
        .taken = region->item_count - queued,
        .bytes = region->bytes,
        .oldest_entered = oldest_of(region),
        .answered = region->answered,
        .answered_bytes = region->answered_bytes,
    };
    visit(arg, &view);
}

void region_queue_visit(const struct region_queue *self,
                        void (*visit)(void *arg, const struct region_view *region),
                        void *arg)
{
    const struct list *const rings[] = {&self->used, &self->free};
    for (size_t i = 0; i < sizeof rings / sizeof rings[0]; i++)
        for (const struct list *at = rings[i]->next; at != rings[i]; at = at->next)
            view_region((const struct region *)(const void *)at, /* its first member */
                        visit, arg);
}

uint32_t region_queue_count(const struct region_queue *self)
{
    return self->queued_count;
}

uint64_t region_queue_oldest(const struct region_queue *self, uint64_t none)
{
    uint64_t oldest = none;
    for (int priority = 0; priority < REGION_PRIORITY_COUNT; priority++) {
        const struct list *ages = &self->ages[priority];
        if (!list_empty(ages) && by_age(ages->next)->entered < oldest)
            oldest = by_age(ages->next)->entered;
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

static size_t check_lane(const struct region_queue *self, const struct region *region,
                         enum region_priority priority)
{
    const struct lane *lane = &region->lanes[priority];
    uint32_t count = 0;
    size_t bytes = 0;
    bool again = true;
    for (struct list *node = lane->queue.next; node != &lane->queue; node = node->next) {
        const struct region_item *item = list_item(node, struct region_item, link);
        check_that(again || !item->again); /* these come before those that are new */
        again = item->again;
        check_that(item->queued && item->region == region && item->priority == priority);
        check_that(++count <= self->queued_count);
        bytes += item->size;
    }
    check_that(count == lane->count && list_empty(&lane->link) == (count == 0));
    check_that(count > 0 || (lane->deficit == 0 && !lane->served));
    /* What it saved up was not enough for its first item, plus a quantum. */
    check_that(lane->deficit <=
               BODY_SIZE_MAX + BATCH_COST + (size_t)REGION_QUANTUM * region->weight);
    return bytes;
}

static void check_region(const struct region_queue *self, const struct region *region)
{
    size_t bytes = 0;
    uint32_t queued = 0;
    for (int priority = 0; priority < REGION_PRIORITY_COUNT; priority++) {
        bytes += check_lane(self, region, (enum region_priority)priority);
        queued += region->lanes[priority].count;
    }
    check_that(region->item_count > 0 && region->item_count >= queued);
    check_that(region->bytes >= bytes && region->bytes <= self->limits.region_bytes_max);
    check_that(region->weight > 0 && find_region(self, region->name) == region);
}

/* Returns how many items of the priority are queued. */
static uint32_t check_ages(const struct region_queue *self, enum region_priority priority)
{
    const struct list *ages = &self->ages[priority];
    uint32_t count = 0;
    uint64_t entered = 0;
    for (struct list *node = ages->next; node != ages; node = node->next) {
        const struct region_item *item = by_age(node);
        check_that(item->queued && item->priority == priority &&
                   item->entered >= entered);
        check_that(++count <= self->queued_count);
        entered = item->entered;
    }
    check_that(list_empty(ages) == list_empty(&self->active[priority]));
    return count;
}

void region_queue_check(const struct region_queue *self)
{
    uint32_t regions = 0, queued = 0;
    size_t bytes = 0;
    for (struct list *node = self->used.next; node != &self->used; node = node->next) {
        const struct region *region = list_item(node, struct region, link);
        check_that(++regions <= self->limits.regions_max);
        check_region(self, region);
        for (int priority = 0; priority < REGION_PRIORITY_COUNT; priority++)
            queued += region->lanes[priority].count;
        bytes += region->bytes;
    }
    for (struct list *node = self->free.next; node != &self->free; node = node->next) {
        const struct region *region = list_item(node, struct region, link);
        check_that(++regions <= self->limits.regions_max);
        check_that(region->item_count == 0 && region->bytes == 0);
    }
    check_that(regions == self->known_count && regions == self->names.count);
    check_that(queued == self->queued_count && self->lead <= REGION_QUANTUM);
    check_that(check_ages(self, REGION_BULK) + check_ages(self, REGION_INTERACTIVE) ==
               queued);
    check_that(bytes == self->bytes && bytes <= self->limits.bytes_max);
}
