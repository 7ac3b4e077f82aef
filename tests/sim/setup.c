/* SPDX-License-Identifier: Apache-2.0 */
/* setup.c - draws worlds: most are small and quick to run, some are larger; some suffer
 * everything, some one thing only, some nothing. */
#include "tests/sim/setup.h"

#include "broker/region_queue.h"
#include "tests/sim/message.h"

#include <inttypes.h>
#include <string.h>

enum { MS = 1000, SECOND = 1000 * MS };
enum { SPOOL_DICE = 0x5b001, BURDEN_DICE = 0xb42de, FLAPPING_DICE = 0xf1a9 };
enum { TOGETHER_DICE = 0x70637, TOGETHER_MAX = 16, SLOW_STORE_DICE = 0x5107 };
enum { MUTE_DICE = 0x3a7e };
enum { SPOOL_BLOCK = 4096 };

const char *fault_name(enum fault fault)
{
    static const char *const names[FAULT_COUNT] = {
#define FAULT_NAME(name) [FAULT_##name] = #name,
        FAULT_LIST(FAULT_NAME)
#undef FAULT_NAME
    };
    return names[fault];
}

static void draw_cluster(struct setup *self, struct dice *dice)
{
    bool large = dice_chance(dice, 30);
    self->brokers = large ? dice_between(dice, 2, 5) : dice_between(dice, 1, 3);
    self->workers = large ? dice_between(dice, 4, 12) : dice_between(dice, 1, 3);
    self->threads = dice_chance(dice, 300) ? 2 : 1;
    self->clients = large ? dice_between(dice, 4, 30) : dice_between(dice, 1, 4);
    self->regions = dice_between(dice, 1, large ? 12 : 4);
    self->promotions_max = 6;
    self->restart_us = dice_scaled(dice, 50 * MS, 3 * SECOND);
    self->reload_us = dice_scaled(dice, MS, 2 * SECOND);
}

static void draw_work(struct setup *self, struct dice *dice)
{
    self->batches = dice_scaled(dice, 4, 40);
    self->body_size_min = dice_scaled(dice, 50, 5000);
    self->body_size_max = self->body_size_min + dice_scaled(dice, 1, 300000);
    self->rows_max = dice_scaled(dice, 1, 5000);
    self->submit_us = dice_scaled(dice, 1 * MS, 400 * MS);
    self->client_window = dice_scaled(dice, 1, 24);
    self->what_if = dice_chance(dice, 300) ? 400 : 0;
    self->interactive = dice_chance(dice, 400) ? dice_between(dice, 50, 950) : 0;
    self->deadline = dice_chance(dice, 300) ? dice_between(dice, 50, 600) : 0;
    self->deadline_ms = dice_scaled(dice, 20, 5000);
    self->poison = dice_chance(dice, 350) ? dice_scaled(dice, 10, 250) : 0;
    self->invalid = dice_chance(dice, 250) ? dice_scaled(dice, 10, 250) : 0;
    self->describe = dice_chance(dice, 200) ? 300 : 0;
}

static uint64_t largest_answer(const struct setup *self)
{
    return HEADER_SIZE + (uint64_t)self->rows_max * self->answer_row_size;
}

/* Budgets that some batch would not fit into would not let it through ever. */
static void draw_broker(struct setup *self, struct dice *dice)
{
    self->jobs_max = dice_scaled(dice, 2, 120);
    self->regions_max = dice_between(dice, self->regions, 2 * self->regions + 2);
    self->workers_max = self->workers * self->threads * 4 + 4;
    self->attempts_max = 3;
    self->region_bytes_max =
        self->body_size_max + BATCH_COST + dice_scaled(dice, 200, 2000000);
    self->bytes_max = self->region_bytes_max + dice_scaled(dice, 1, 4000000);
    self->answer_row_size = dice_between(dice, 8, 40);
    if (dice_chance(dice, 300))
        self->client_bytes_max =
            self->body_size_max + BATCH_COST + dice_scaled(dice, 200, 1000000);
    if (dice_chance(dice, 300))
        self->untaken_bytes_max = largest_answer(self) + dice_scaled(dice, 1, 500000);
    self->lease_ticks = dice_scaled(dice, 10, 100);
    self->liveness_ticks = dice_scaled(dice, 12, 50);
    self->bulk_wait_ticks = dice_scaled(dice, 1, 30);
    self->drain_ticks = dice_scaled(dice, 2, 100);
}

static void draw_session(struct setup *self, struct dice *dice)
{
    self->resend_ms = dice_scaled(dice, 400, 30000);
    self->ping_ms = dice_scaled(dice, 100, 1000);
    self->silence_ms = self->ping_ms * dice_between(dice, 2, 5);
    self->hold_ms = dice_scaled(dice, 100, 2000);
    self->sync_us = dice_scaled(dice, 50, 30 * MS);
}

static void draw_worker(struct setup *self, struct dice *dice)
{
    self->window_bytes =
        dice_chance(dice, 300) ? dice_scaled(dice, 1, 2 * self->body_size_max) : 0;
    self->worker_window = dice_scaled(dice, 1, 8);
    self->wait_ms = dice_scaled(dice, 100, 10000);
    self->begin_us = dice_scaled(dice, 10, 2 * MS);
    self->row_ns = dice_scaled(dice, 50, 100000);
    self->commit_us = dice_scaled(dice, 50, 20 * MS);
    self->commit_each_us = dice_scaled(dice, 1, 100);
}

static void draw_faults(struct setup *self, struct dice *dice)
{
    uint32_t likely = dice_between(dice, 100, 900);
    for (int i = 0; i < FAULT_disk_fault; i++) {
        self->weights[i] = dice_chance(dice, likely) ? dice_scaled(dice, 1, 20) : 0;
        self->weight_sum += self->weights[i];
    }
    if (self->weight_sum > 0)
        self->fault_us = dice_scaled(dice, 40 * MS, 4 * SECOND);
}

static void draw_network(struct setup *self, struct dice *dice)
{
    self->link_us = dice_scaled(dice, 20, 60 * MS);
    self->link_jitter_us = dice_scaled(dice, 1, 30 * MS);
    if (!dice_chance(dice, 200))
        return;
    self->drop = dice_chance(dice, 500) ? dice_scaled(dice, 1, 100) : 0;
    self->twice = dice_chance(dice, 500) ? dice_scaled(dice, 1, 200) : 0;
    self->reorder = dice_chance(dice, 500) ? dice_scaled(dice, 1, 300) : 0;
    if (self->drop > 0) /* its broker would wait for an answer that is gone to be taken */
        self->untaken_bytes_max = 0;
}

/* At brokers and workers, for so many batches. */
static void make_room(struct setup *self, uint32_t batches)
{
    uint64_t bytes = (uint64_t)batches * (self->body_size_max + BATCH_COST);
    self->jobs_max = batches;
    self->region_bytes_max += bytes;
    self->bytes_max += 2 * bytes;
    if (self->client_bytes_max != 0)
        self->client_bytes_max += bytes;
    if (self->window_bytes != 0)
        self->window_bytes += bytes / 4;
}

/* Batches that wait together are scored together. Dice of its own, like the next two:
 * without it a seed is the same world. */
static void draw_together(struct setup *self)
{
    struct dice dice;
    dice_init(&dice, self->seed ^ TOGETHER_DICE);
    self->together = 1;
    if (!dice_chance(&dice, 200))
        return;
    self->together = dice_between(&dice, 2, TOGETHER_MAX);
    self->together_size = self->body_size_max;
    if (dice_chance(&dice, 300)) /* some are too large for it */
        self->together_size =
            dice_between(&dice, self->body_size_min, self->body_size_max);
    self->worker_window = dice_between(&dice, 2, 20);
    self->client_window = dice_between(&dice, 4, 24);
    self->begin_us = dice_between(&dice, 1 * MS, 60 * MS); /* so that some wait */
    self->submit_us = dice_scaled(&dice, 1 * MS, 20 * MS);
    if (dice_chance(&dice, 300))
        self->poison = dice_between(&dice, 5, 100);
    make_room(self, dice_between(&dice, 10, 80));
}

/* What a worker holds waits for the store, and is not in progress, when the worker dies.
 * Dice of its own, too. */
static void draw_slow_store(struct setup *self)
{
    struct dice dice;
    dice_init(&dice, self->seed ^ SLOW_STORE_DICE);
    if (!dice_chance(&dice, 50))
        return;
    self->commit_us = dice_between(&dice, 100 * MS, 1500 * MS);
    self->wait_ms = 600 * 1000; /* each worker waits for all others */
}

/* Workers that have something to do for seconds on end: only then do leases run out that
 * should have been renewed, and credits that were not given back. Dice of its own, like
 * the next: without it a seed is the same world. */
static void draw_burden(struct setup *self)
{
    struct dice dice;
    dice_init(&dice, self->seed ^ BURDEN_DICE);
    if (!dice_chance(&dice, 120))
        return;
    self->begin_us = dice_between(&dice, 5 * MS, 150 * MS);
    self->submit_us = dice_scaled(&dice, 1 * MS, 20 * MS);
}

static void draw_spool(struct setup *self)
{
    struct dice dice;
    dice_init(&dice, self->seed ^ SPOOL_DICE);
    if (!dice_chance(&dice, 400))
        return;
    self->spool = dice_between(&dice, 300, 1000);
    self->spool_bytes = (uint64_t)SPOOL_BLOCK * dice_scaled(&dice, 1, 60);
    if (dice_chance(&dice, 500)) /* a slow disk: much is lost with the power */
        self->sync_us = dice_scaled(&dice, 10 * MS, 500 * MS);
    if (self->fault_us == 0)
        return;
    self->weights[FAULT_disk_fault] = dice_scaled(&dice, 1, 20);
    self->weight_sum += self->weights[FAULT_disk_fault];
}

/* Connections break, each after it was whole for a while, and nothing else does. */
static void draw_flapping(struct setup *self)
{
    struct dice dice;
    dice_init(&dice, self->seed ^ FLAPPING_DICE);
    if (!dice_chance(&dice, 60))
        return;
    memset(self->weights, 0, sizeof self->weights);
    self->weights[FAULT_reset] = self->weight_sum = 1;
    self->fault_us = dice_scaled(&dice, 20 * MS, 500 * MS);
    self->poison = self->drop = self->twice = self->reorder = 0;
    self->begin_us = dice_between(&dice, 5 * MS, 50 * MS); /* often at something */
    self->submit_us = dice_scaled(&dice, 1 * MS, 300 * MS);
    self->row_ns = dice_scaled(&dice, 50, 20000);
    self->lease_ticks = self->liveness_ticks = dice_between(&dice, 40, 100);
}

/* Poison kills before the last words are out, and nothing else goes wrong: nor does a
 * broker let go of what it suspects because it is late. */
static void draw_mute(struct setup *self)
{
    struct dice dice;
    dice_init(&dice, self->seed ^ MUTE_DICE);
    if (!dice_chance(&dice, 60))
        return;
    self->weight_sum = 0;
    self->fault_us = 0;
    self->drop = self->twice = self->reorder = 0;
    self->poison = dice_scaled(&dice, 10, 250);
    self->mute = dice_between(&dice, 500, 1000);
    self->deadline = 0;
    self->submit_us = dice_scaled(&dice, 1 * MS, 100 * MS);
}

void setup_draw(struct setup *self, uint64_t seed)
{
    struct dice dice;
    dice_init(&dice, seed);
    *self = (struct setup){.seed = seed, .checks = true};
    draw_cluster(self, &dice);
    draw_work(self, &dice);
    draw_broker(self, &dice);
    draw_session(self, &dice);
    draw_worker(self, &dice);
    draw_burden(self);
    draw_together(self);
    draw_slow_store(self);
    self->chaos_us = dice_scaled(&dice, 2 * SECOND, 30 * SECOND);
    self->calm_us_max = 3600ull * SECOND;
    if (dice_chance(&dice, 150)) { /* peace */
        self->link_us = dice_scaled(&dice, 20, 5 * MS);
    } else {
        draw_network(self, &dice);
        draw_faults(self, &dice);
    }
    draw_spool(self);
    draw_flapping(self);
    draw_mute(self);
}

bool setup_is_flapping(const struct setup *self)
{
    return self->fault_us != 0 && self->weights[FAULT_reset] == self->weight_sum &&
           self->liveness_ticks >= 40 && self->lease_ticks >= 40 && self->poison == 0 &&
           setup_is_orderly(self);
}

bool setup_is_orderly(const struct setup *self)
{
    return self->drop == 0 && self->twice == 0 && self->reorder == 0;
}

bool setup_is_peaceful(const struct setup *self)
{
    return self->fault_us == 0 && !self->steady && self->mute == 0 &&
           setup_is_orderly(self);
}

static void print_faults(const struct setup *self, FILE *out)
{
    fprintf(out, "a fault every %" PRIu64 " ms:", self->fault_us / MS);
    for (int i = 0; i < FAULT_COUNT; i++)
        if (self->weights[i] > 0)
            fprintf(out, " %s", fault_name((enum fault)i));
    fprintf(out,
            "; per mille of messages: %" PRIu32 " lost, %" PRIu32 " twice, %" PRIu32
            " out of order\n",
            self->drop, self->twice, self->reorder);
}

void setup_print(const struct setup *self, FILE *out)
{
    fprintf(out,
            "%" PRIu32 " brokers, %" PRIu32 " workers of %" PRIu32 " threads, %" PRIu32
            " clients of %" PRIu32 " batches, %" PRIu32 " regions; per mille: %" PRIu32
            " poison, %" PRIu32 " mute, %" PRIu32 " invalid, %" PRIu32 " with a spool\n",
            self->brokers, self->workers, self->threads, self->clients, self->batches,
            self->regions, self->poison, self->mute, self->invalid, self->spool);
    fprintf(out,
            "lease %" PRIu32 ", liveness %" PRIu32 " ticks; resend %" PRIu64
            ", silence %" PRIu64 " ms; link %" PRIu64 "+%" PRIu64 ", begin %" PRIu64
            ", commit %" PRIu64 " us, row %" PRIu64 " ns\n",
            self->lease_ticks, self->liveness_ticks, self->resend_ms, self->silence_ms,
            self->link_us, self->link_jitter_us, self->begin_us, self->commit_us,
            self->row_ns);
    print_faults(self, out);
}
