/* SPDX-License-Identifier: Apache-2.0 */
/* batcher.c - one unfinished batch per region, oldest first. */
#include "client/batcher.h"

#include "client/batch.h"
#include "table/csv_reader.h"
#include "wire/header.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REGIONS_EXPECTED = 4096 };

/* An unfinished batch: in `open` by age, in `regions` by name. */
struct open_batch {
    struct filled filled; /* link: in `open` */
    struct hash_node node;
    size_t rows_room;
};

struct batcher {
    struct batcher_plan plan;
    struct hash regions;
    struct list open;
    struct list finished;
    size_t gathered;
};

bool batcher_region_is_valid(const char *region)
{
    return region_is_valid(region);
}

static struct open_batch *of_filled(struct filled *filled)
{
    return (struct open_batch *)(void *)filled; /* its first member */
}

void filled_free(struct filled *self)
{
    if (self == NULL)
        return;
    list_remove(&self->link);
    chw_batch_free(self->batch);
    free(self->rows);
    free(of_filled(self));
}

struct batcher *batcher_new(const struct batcher_plan *plan)
{
    struct batcher *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->plan = *plan;
    list_init(&self->open);
    list_init(&self->finished);
    if (hash_open(&self->regions, REGIONS_EXPECTED) != STATUS_OK) {
        free(self);
        return NULL;
    }
    return self;
}

static void free_ring(struct list *ring)
{
    while (!list_empty(ring))
        filled_free(list_item(ring->next, struct filled, link));
}

void batcher_free(struct batcher *self)
{
    if (self == NULL)
        return;
    free_ring(&self->open);
    free_ring(&self->finished);
    hash_close(&self->regions);
    free(self);
}

/* ---- batches of regions ---- */

static uint64_t region_hash(const char *region)
{
    return hash_bytes(0, region, strlen(region)); /* the order does not depend on it */
}

static struct open_batch *find_open(const struct batcher *self, const char *region)
{
    struct hash_node *node = hash_first(&self->regions, region_hash(region));
    for (; node != NULL; node = hash_next(node)) {
        struct open_batch *open = hash_item(node, struct open_batch, node);
        if (strcmp(open->filled.region, region) == 0)
            return open;
    }
    return NULL;
}

static bool add_columns(const struct batcher *self, struct chw_batch *batch)
{
    size_t column;
    if (chw_batch_explain(batch, self->plan.explain) != CHW_OK)
        return false;
    for (size_t i = 0; i < self->plan.model_count; i++)
        if (chw_batch_model(batch, &self->plan.models[i]) != CHW_OK)
            return false;
    for (size_t i = 0; i < self->plan.column_count; i++) {
        const struct batcher_column *from = &self->plan.columns[i];
        enum chw_column type = from->is_number ? CHW_NUMBER : CHW_CATEGORY;
        if (chw_batch_column(batch, from->name, type, &column) != CHW_OK)
            return false;
    }
    return true;
}

/* What a batch of so many rows adds to `gathered`. */
static size_t weight(size_t rows)
{
    return rows < BATCHER_ROWS_LEAST ? BATCHER_ROWS_LEAST : rows;
}

static struct open_batch *open_new(struct batcher *self, const char *region)
{
    struct open_batch *open = calloc(1, sizeof *open);
    if (open == NULL)
        return NULL;
    list_init(&open->filled.link);
    snprintf(open->filled.region, sizeof open->filled.region, "%s", region);
    open->filled.batch = chw_batch_new(region, self->plan.as_of);
    if (open->filled.batch == NULL || !add_columns(self, open->filled.batch)) {
        filled_free(&open->filled);
        return NULL;
    }
    list_push_back(&self->open, &open->filled.link);
    hash_insert(&self->regions, &open->node, region_hash(region));
    self->gathered += weight(0);
    return open;
}

static void finish(struct batcher *self, struct open_batch *open)
{
    hash_remove(&self->regions, &open->node);
    list_remove(&open->filled.link);
    list_push_back(&self->finished, &open->filled.link);
    self->gathered -= weight(open->filled.count);
}

/* ---- rows ---- */

/* A name that is too long to travel is unreadable, not a category of its own. */
static bool is_category(const char *cell)
{
    return strlen(cell) <= CHW_NAME_MAX;
}

static bool has_room(const struct batcher *self, const struct open_batch *open,
                     const char *const *cells)
{
    if (batch_size_max(open->filled.batch) > BATCHER_SIZE_MAX)
        return false;
    for (size_t i = 0; i < self->plan.column_count; i++) {
        const char *cell = cells[self->plan.columns[i].cell];
        if (!self->plan.columns[i].is_number && !csv_cell_is_missing(cell) &&
            is_category(cell) && !batch_has_room(open->filled.batch, i, cell))
            return false;
    }
    return true;
}

static enum chw_status fill_cell(struct chw_batch *batch, size_t column, bool is_number,
                                 const char *cell)
{
    float value;
    if (csv_cell_is_missing(cell))
        return CHW_OK;
    if (!is_number)
        return is_category(cell) ? chw_batch_category(batch, column, cell)
                                 : chw_batch_unreadable(batch, column);
    return csv_cell_number(cell, &value) ? chw_batch_number(batch, column, value)
                                         : chw_batch_unreadable(batch, column);
}

static bool fill_row(const struct batcher *self, struct open_batch *open,
                     const char *const *cells)
{
    for (size_t i = 0; i < self->plan.column_count; i++) {
        const struct batcher_column *column = &self->plan.columns[i];
        if (fill_cell(open->filled.batch, i, column->is_number, cells[column->cell]) !=
            CHW_OK)
            return false;
    }
    return chw_batch_end_row(open->filled.batch) == CHW_OK;
}

static bool note_row(struct batcher *self, struct open_batch *open, uint64_t number)
{
    if (open->filled.count == open->rows_room) {
        size_t room = open->rows_room == 0 ? 16 : 2 * open->rows_room;
        uint64_t *rows = realloc(open->filled.rows, room * sizeof *rows);
        if (rows == NULL)
            return false;
        open->filled.rows = rows;
        open->rows_room = room;
    }
    self->gathered -= weight(open->filled.count);
    open->filled.rows[open->filled.count++] = number;
    self->gathered += weight(open->filled.count);
    return true;
}

enum status batcher_add(struct batcher *self, const char *region, uint64_t number,
                        const char *const *cells)
{
    struct open_batch *open = find_open(self, region);
    if (open != NULL && !has_room(self, open, cells)) {
        finish(self, open);
        open = NULL;
    }
    if (open == NULL)
        open = open_new(self, region);
    if (open == NULL || !fill_row(self, open, cells) || !note_row(self, open, number))
        return STATUS_NOMEM;
    if (open->filled.count == self->plan.rows_max)
        finish(self, open);
    while (self->gathered > self->plan.gathered_max)
        finish(self, of_filled(list_item(self->open.next, struct filled, link)));
    return STATUS_OK;
}

void batcher_end(struct batcher *self)
{
    while (!list_empty(&self->open))
        finish(self, of_filled(list_item(self->open.next, struct filled, link)));
}

struct filled *batcher_take(struct batcher *self)
{
    if (list_empty(&self->finished))
        return NULL;
    struct filled *filled = list_item(self->finished.next, struct filled, link);
    list_remove(&filled->link);
    return filled;
}
