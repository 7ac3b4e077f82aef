/* SPDX-License-Identifier: Apache-2.0 */
/* workers.c - the table of workers. */
#include "broker/workers.h"

#include <assert.h>
#include <stdlib.h>

struct workers {
    uint64_t seed;
    struct hash routes;
    struct list free;
    struct list known; /* not chosen for longest first */
    uint32_t count;
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
    *worker = (struct worker){.route = route};
    copy_plain(worker->name, WORKER_NAME_MAX, '!', name);
    list_init(&worker->leases);
    list_push_back(&self->known, &worker->link);
    hash_insert(&self->routes, &worker->node, route_hash(self, route));
    self->count++;
    return worker;
}

void workers_remove(struct workers *self, struct worker *worker)
{
    assert(worker->leased == 0);
    hash_remove(&self->routes, &worker->node);
    list_remove(&worker->link);
    list_push_back(&self->free, &worker->link);
    self->count--;
}

uint32_t worker_credits(const struct worker *worker)
{
    bool able = worker->mood == WORKER_WILLING && worker->leased < worker->window;
    return able ? worker->window - worker->leased : 0;
}

struct worker *workers_pick(struct workers *self)
{
    struct worker *best = NULL;
    for (struct worker *worker = workers_next(self, NULL); worker != NULL;
         worker = workers_next(self, worker)) {
        if (worker_credits(worker) > 0 && (best == NULL || worker->leased < best->leased))
            best = worker;
    }
    if (best != NULL) {
        list_remove(&best->link);
        list_push_back(&self->known, &best->link);
    }
    return best;
}

void worker_report(struct worker *worker, uint64_t progress, uint64_t scoring_ticket,
                   uint32_t window)
{
    bool moved = worker->progress != progress;
    if (moved)
        worker->stalled_ticks = 0;
    if (worker->mood == WORKER_RETURNED || moved || scoring_ticket == 0)
        worker->mood = WORKER_WILLING;
    worker->progress = progress;
    worker->scoring_ticket = scoring_ticket;
    worker->window = window;
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
