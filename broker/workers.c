/* SPDX-License-Identifier: Apache-2.0 */
/* workers.c - the table of workers. */
#include "broker/workers.h"

#include <assert.h>
#include <stdlib.h>

struct workers {
    uint64_t seed;
    struct hash routes;
    struct list free;
    struct list known;
    struct list ready[WORKER_WINDOW_MAX]; /* that would take more, by what they hold */
    uint32_t ready_least;                 /* of these the first that may have some */
    uint64_t credits;
    uint32_t count, open_count; /* of these have a window */
    uint64_t number;            /* of the last that was added */
    struct worker slots[];
};

struct workers *workers_new(uint32_t workers_max, uint64_t seed)
{
    assert(workers_max > 0);
    struct workers *self = calloc(1, sizeof *self + workers_max * sizeof self->slots[0]);
    if (self == NULL)
        return NULL;
    self->seed = seed;
    list_init(&self->free);
    list_init(&self->known);
    for (int i = 0; i < WORKER_WINDOW_MAX; i++)
        list_init(&self->ready[i]);
    for (uint32_t i = 0; i < workers_max; i++)
        list_push_back(&self->free, &self->slots[i].link);
    if (hash_open(&self->routes, workers_max) != STATUS_OK) {
        free(self);
        return NULL;
    }
    return self;
}

void workers_free(struct workers *self)
{
    if (self == NULL)
        return;
    hash_close(&self->routes);
    free(self);
}

static uint64_t route_hash(const struct workers *self, uint64_t route)
{
    return hash_bytes(self->seed, &route, sizeof route);
}

struct worker *workers_find(const struct workers *self, uint64_t route)
{
    struct hash_node *node = hash_first(&self->routes, route_hash(self, route));
    for (; node != NULL; node = hash_next(node)) {
        struct worker *worker = hash_item(node, struct worker, node);
        if (worker->route == route)
            return worker;
    }
    return NULL;
}

struct worker *workers_find_instance(const struct workers *self, uint64_t instance)
{
    for (struct list *at = self->known.next; instance != 0 && at != &self->known;
         at = at->next) {
        struct worker *worker = list_item(at, struct worker, link);
        if (worker->instance == instance)
            return worker;
    }
    return NULL;
}

/* For log lines and terminals: nothing that ends a line or a quotation, or steers a
 * screen; nothing below `least`. */
static void copy_plain(char *out, size_t size_max, char least, const char *text)
{
    size_t i;
    for (i = 0; i < size_max && text[i] != '\0'; i++) {
        char c = text[i];
        bool plain = c >= least && c < 0x7f && c != '"' && c != '\\';
        out[i] = '?';
        if (plain)
            out[i] = c;
    }
    out[i] = '\0';
}

struct worker *workers_add(struct workers *self, uint64_t route, const char *name)
{
    assert(workers_find(self, route) == NULL);
    if (list_empty(&self->free))
        return NULL;
    struct worker *worker = list_item(self->free.next, struct worker, link);
    list_remove(&worker->link);
    *worker = (struct worker){.route = route, .number = ++self->number, .list_count = 1};
    copy_plain(worker->name, WORKER_NAME_MAX, '!', name);
    list_init(&worker->leases);
    list_init(&worker->ready);
    list_push_back(&self->known, &worker->link);
    hash_insert(&self->routes, &worker->node, route_hash(self, route));
    self->count++;
    return worker;
}

void workers_move(struct workers *self, struct worker *worker, uint64_t route)
{
    assert(workers_find(self, route) == NULL);
    hash_remove(&self->routes, &worker->node);
    worker->route = route;
    hash_insert(&self->routes, &worker->node, route_hash(self, route));
}

void workers_remove(struct workers *self, struct worker *worker)
{
    assert(worker->leased == 0);
    list_remove(&worker->ready);
    self->credits -= worker->credits;
    self->open_count -= worker->window > 0;
    hash_remove(&self->routes, &worker->node);
    list_remove(&worker->link);
    list_push_back(&self->free, &worker->link);
    self->count--;
}

static uint32_t credits_of(const struct worker *worker)
{
    bool able = worker->mood == WORKER_WILLING && worker->leased < worker->window &&
                !worker->alone;
    return able ? worker->window - worker->leased : 0;
}

/* After each change of what it holds or would take. `moved`: of what it holds. */
static void file(struct workers *self, struct worker *worker, bool moved)
{
    uint32_t credits = credits_of(worker);
    bool was_ready = worker->credits > 0;
    self->credits += credits;
    self->credits -= worker->credits;
    worker->credits = credits;
    if (!moved && was_ready == (credits > 0))
        return; /* keeps its place among equals */
    list_remove(&worker->ready);
    if (credits == 0)
        return;
    list_push_back(&self->ready[worker->leased], &worker->ready);
    if (worker->leased < self->ready_least)
        self->ready_least = worker->leased;
}

static bool has_room(const struct worker *worker, uint64_t size)
{
    return worker->window_bytes == 0 || worker->leased == 0 ||
           (worker->leased_bytes < worker->window_bytes &&
            size <= worker->window_bytes - worker->leased_bytes);
}

struct worker *workers_pick(struct workers *self, uint64_t size)
{
    if (self->credits == 0)
        return NULL;
    while (list_empty(&self->ready[self->ready_least]))
        self->ready_least++;
    for (uint32_t i = self->ready_least; i < WORKER_WINDOW_MAX; i++)
        for (struct list *at = self->ready[i].next; at != &self->ready[i];
             at = at->next) {
            struct worker *worker = list_item(at, struct worker, ready);
            if (has_room(worker, size))
                return worker;
        }
    return NULL;
}

struct worker *workers_pick_idle(struct workers *self)
{
    struct list *idle = &self->ready[0];
    for (struct list *at = idle->next; at != idle; at = at->next) {
        struct worker *worker = list_item(at, struct worker, ready);
        if (!worker->elsewhere)
            return worker;
    }
    return list_empty(idle) ? NULL : list_item(idle->next, struct worker, ready);
}

uint64_t workers_credits(const struct workers *self)
{
    return self->credits;
}

bool workers_any_open(const struct workers *self)
{
    return self->open_count > 0;
}

void workers_hold(struct workers *self, struct worker *worker, uint64_t size, bool alone)
{
    assert(worker->credits > 0 && has_room(worker, size));
    assert(!alone || worker->leased == 0);
    worker->leased++;
    worker->leased_bytes += size;
    worker->alone = alone;
    file(self, worker, true);
}

void workers_unhold(struct workers *self, struct worker *worker, uint64_t size)
{
    worker->leased--;
    worker->leased_bytes -= size;
    worker->alone = false;
    file(self, worker, true);
}

void workers_set_mood(struct workers *self, struct worker *worker, enum worker_mood mood)
{
    worker->mood = mood;
    file(self, worker, false);
}

void workers_set_window(struct workers *self, struct worker *worker, uint32_t window,
                        uint64_t window_bytes)
{
    self->open_count += window > 0;
    self->open_count -= worker->window > 0;
    worker->window = window;
    worker->window_bytes = window_bytes;
    file(self, worker, false);
}

void workers_report(struct workers *self, struct worker *worker, uint64_t progress,
                    uint64_t scoring_ticket)
{
    bool moved = worker->progress != progress;
    if (moved)
        worker->stalled_ticks = 0;
    worker->progress = progress;
    worker->scoring_ticket = scoring_ticket;
    if (worker->mood == WORKER_RETURNED || moved || scoring_ticket == 0)
        workers_set_mood(self, worker, WORKER_WILLING);
}

void worker_serves(struct worker *worker, const char *serving, const char *release,
                   uint64_t records)
{
    copy_plain(worker->release, WORKER_RELEASE_MAX, '!', release);
    copy_plain(worker->serving, WORKER_SERVING_MAX, ' ', serving);
    worker->records = records;
}

struct worker *workers_next(struct workers *self, struct worker *after)
{
    struct list *node = after == NULL ? self->known.next : after->link.next;
    return node == &self->known ? NULL : list_item(node, struct worker, link);
}

uint32_t workers_count(const struct workers *self)
{
    return self->count;
}

static void check_that(bool holds)
{
    if (!holds)
        abort();
}

static void check_worker(const struct workers *self, const struct worker *worker)
{
    check_that(workers_find(self, worker->route) == worker);
    check_that(worker->leased <= WORKER_WINDOW_MAX);
    check_that(worker->leased > 0 || worker->leased_bytes == 0);
    check_that(!worker->alone || worker->leased == 1);
    check_that(worker->credits == credits_of(worker));
    check_that((worker->credits == 0) == list_empty(&worker->ready));
}

void workers_check(const struct workers *self)
{
    uint64_t credits = 0;
    uint32_t count = 0, ready = 0, open_count = 0;
    for (struct list *at = self->known.next; at != &self->known; at = at->next) {
        const struct worker *worker = list_item(at, struct worker, link);
        check_worker(self, worker);
        credits += worker->credits;
        ready += worker->credits > 0;
        open_count += worker->window > 0;
        count++;
    }
    for (uint32_t i = 0; i < WORKER_WINDOW_MAX; i++)
        for (struct list *at = self->ready[i].next; at != &self->ready[i];
             at = at->next) {
            check_that(list_item(at, struct worker, ready)->leased == i);
            check_that(i >= self->ready_least);
            ready--;
        }
    check_that(credits == self->credits && count == self->count && ready == 0);
    check_that(open_count == self->open_count);
}
