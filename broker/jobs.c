/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.c - slots of jobs. */
#include "broker/jobs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { NEIGHBOURS = 64 / sizeof(struct hash_node *) };

struct jobs {
    uint32_t jobs_max;
    uint32_t known_count; /* slots beyond were never used, nor their memory touched */
    uint32_t count;
    uint32_t generation; /* the first of each slot */
    uint64_t seed;
    struct hash keys;
    struct list free; /* the one freed last first: it is still in the cache */
    struct job slots[];
};

struct jobs *jobs_new(uint32_t jobs_max, uint32_t generation, uint64_t seed)
{
    assert(jobs_max > 0);
    struct jobs *self = calloc(1, sizeof *self + jobs_max * sizeof self->slots[0]);
    if (self == NULL)
        return NULL;
    self->jobs_max = jobs_max;
    self->generation = generation;
    self->seed = seed;
    list_init(&self->free);
    if (hash_open(&self->keys, jobs_max) != STATUS_OK) {
        free(self);
        return NULL;
    }
    return self;
}

void jobs_free(struct jobs *self)
{
    if (self == NULL)
        return;
    assert(self->count == 0);
    hash_close(&self->keys);
    free(self);
}

/* Batches that follow each other are neighbours in the table, NEIGHBOURS in a line of the
 * cache: the next is looked for where the last one was. Where that is no client can tell.
 */
static uint64_t key_hash(const struct jobs *self, const struct batch_key *key)
{
    uint64_t line = key->sequence / NEIGHBOURS;
    uint64_t hash = hash_bytes(self->seed, key->client, sizeof key->client);
    hash = hash_bytes(hash, &line, sizeof line);
    return hash - hash % NEIGHBOURS + key->sequence % NEIGHBOURS;
}

static struct job *new_slot(struct jobs *self)
{
    if (self->known_count == self->jobs_max)
        return NULL;
    struct job *job = &self->slots[self->known_count++];
    job->generation = self->generation;
    list_init(&job->link);
    return job;
}

static struct job *take_slot(struct jobs *self)
{
    if (list_empty(&self->free))
        return new_slot(self);
    struct job *job = list_item(self->free.next, struct job, link);
    list_remove(&job->link);
    return job;
}

struct job *jobs_add(struct jobs *self, const struct header *header, void *body)
{
    struct job *job = take_slot(self);
    if (job == NULL)
        return NULL;
    job->header = *header;
    job->body = body;
    job->expires_ms = 0;
    job->charges = job->suspected = 0;
    job->parted = 0;
    job->worker = NULL;
    job->client = job->payer = NULL;
    job->unheard = false;
    hash_insert(&self->keys, &job->node, key_hash(self, &header->key));
    self->count++;
    return job;
}

void jobs_remove(struct jobs *self, struct job *job)
{
    hash_remove(&self->keys, &job->node);
    list_remove(&job->link);
    list_push_front(&self->free, &job->link);
    job->state = JOB_FREE;
    job->body = NULL;
    self->count--;
}

void jobs_renew_ticket(struct jobs *self, struct job *job)
{
    job->generation++;
    if (jobs_ticket(self, job) == 0)
        job->generation++;
}

uint64_t jobs_ticket(const struct jobs *self, const struct job *job)
{
    return (uint64_t)job->generation << 32 | (uint64_t)(job - self->slots);
}

struct job *jobs_find_ticket(struct jobs *self, uint64_t ticket)
{
    uint32_t slot = (uint32_t)ticket; /* from the network: any value can arrive */
    if (slot >= self->jobs_max)
        return NULL;
    struct job *job = &self->slots[slot];
    return job->state == JOB_LEASED && jobs_ticket(self, job) == ticket ? job : NULL;
}

static bool same_request(const struct header *a, const struct header *b)
{
    return a->type == b->type && a->flags == b->flags && a->as_of == b->as_of &&
           batch_key_equal(&a->key, &b->key) && strcmp(a->region, b->region) == 0;
}

struct job *jobs_find_same(struct jobs *self, const struct header *header, void *body,
                           body_equal_fn *equal)
{
    struct hash_node *node = hash_first(&self->keys, key_hash(self, &header->key));
    for (; node != NULL; node = hash_next(node)) {
        struct job *job = hash_item(node, struct job, node);
        if (same_request(&job->header, header) && equal(job->body, body))
            return job;
    }
    return NULL;
}

struct job *jobs_next(struct jobs *self, const struct job *after)
{
    for (size_t i = after == NULL ? 0 : (size_t)(after - self->slots) + 1;
         i < self->known_count; i++)
        if (self->slots[i].state != JOB_FREE)
            return &self->slots[i];
    return NULL;
}

uint32_t jobs_count(const struct jobs *self)
{
    return self->count;
}
