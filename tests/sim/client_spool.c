/* SPDX-License-Identifier: Apache-2.0 */
/* client_spool.c - what client.c does with a spool, and what must be true of it. */
#include "tests/sim/client_spool.h"

#include "client/spool.h"
#include "tests/lib/memory_disk.h"
#include "tests/sim/check.h"
#include "tests/sim/node_client.h"
#include "tests/sim/world.h"

#include <stdlib.h>
#include <string.h>

enum { BODY_MIN = 20, BODY_SPREAD = 100 };

void client_spool_init(struct client_spool *self, uint64_t seed)
{
    *self = (struct client_spool){.disk = memory_disk_new(seed)};
}

void client_spool_close(struct client_spool *self)
{
    if (self->disk == NULL)
        return;
    client_spool_end(self, false);
    memory_disk_free(self->disk);
}

/* A killed process syncs nothing, so neither may spool_close(). */
void client_spool_end(struct client_spool *self, bool power_cut)
{
    memory_disk_cut_after(self->disk, 0);
    spool_close(self->spool);
    self->spool = NULL;
    self->powerless = false;
    if (power_cut)
        memory_disk_restart(self->disk);
    else
        memory_disk_revive(self->disk);
}

/* ---- faults ---- */

void client_spool_doom(struct client_spool *self, uint32_t steps, bool power_cut)
{
    self->powerless = power_cut;
    memory_disk_cut_after(self->disk, steps);
}

void client_spool_disturb(struct client_spool *self, uint32_t steps, enum status status)
{
    memory_disk_fail_after(self->disk, steps, status);
}

void client_spool_spare(struct client_spool *self)
{
    if (!memory_disk_is_cut(self->disk))
        memory_disk_revive(self->disk);
}

/* ---- a batch as it is kept ---- */

static size_t fill_body(const struct batch *batch, uint8_t body[BODY_MIN + BODY_SPREAD])
{
    size_t size = BODY_MIN + (size_t)(batch->sequence * 37 % BODY_SPREAD);
    for (size_t i = 0; i < size; i++)
        body[i] = (uint8_t)(batch->client * 101 + batch->sequence * 31 + i);
    body[0] = (uint8_t)batch->period;
    return size;
}

static void fill_header(struct world *world, const struct batch *batch,
                        struct header *header)
{
    *header = (struct header){
        .type = MESSAGE_SCORE,
        .priority = batch->interactive,
        .deadline_ms = batch->deadline_ms,
        .as_of = batch->period,
        .key.sequence = batch->sequence,
    };
    memcpy(header->key.client, &batch->client, sizeof batch->client);
    snprintf(header->region, sizeof header->region, "%s",
             world_region_name(world, batch->region));
}

static void describe(struct world *world, const struct batch *batch,
                     uint8_t body[BODY_MIN + BODY_SPREAD], struct spool_batch *out)
{
    *out = (struct spool_batch){.rows = batch->rows, .body = body};
    fill_header(world, batch, &out->header);
    out->size = fill_body(batch, body);
    out->digest = digest_body(body, out->size);
}

static bool is_same(const struct spool_batch *kept, const struct spool_batch *given)
{
    struct header header = kept->header;
    header.attempt = 0; /* grows while it is kept */
    return kept->rows == given->rows && kept->size == given->size &&
           memcmp(kept->body, given->body, given->size) == 0 &&
           header.as_of == given->header.as_of &&
           header.priority == given->header.priority &&
           header.deadline_ms == given->header.deadline_ms &&
           strcmp(header.region, given->header.region) == 0 &&
           batch_key_equal(&header.key, &given->header.key);
}

/* ---- keeping and sending ---- */

/* The caller, whose batch was not accepted, may come with another one: whoever has seen
 * the first under this number would have two. */
static void draw_other(struct world *world, struct batch *batch)
{
    if (dice_chance(&world->dice, 500))
        batch->period = 1 - batch->period;
}

enum status client_spool_keep(struct world *world, struct client_node *client)
{
    struct client_spool *self = &client->spool;
    struct batch *batch = &client->batches[self->accepted + 1];
    struct spool_batch kept;
    uint8_t body[BODY_MIN + BODY_SPREAD];
    describe(world, batch, body, &kept);
    enum status status = spool_put(self->spool, &kept, NULL);
    world_trace_batch(world, &client->node.name,
                      status == STATUS_OK ? "keeps on disk" : "cannot keep", NULL, batch);
    if (status == STATUS_OK) {
        self->accepted++;
        world->spooled++;
        return STATUS_OK;
    }
    if (spool_is_broken(self->spool))
        return STATUS_IO;
    draw_other(world, batch);
    return STATUS_FULL;
}

bool client_spool_load(struct world *world, struct client_node *client, uint64_t sequence)
{
    struct spool_batch kept, given;
    uint8_t body[BODY_MIN + BODY_SPREAD];
    enum status status = spool_load(client->spool.spool, sequence, &kept, NULL);
    check_that(world, status == STATUS_OK || status == STATUS_IO,
               "the spool has lost a batch that it showed");
    if (status != STATUS_OK)
        return false;
    describe(world, &client->batches[sequence], body, &given);
    check_that(world, is_same(&kept, &given), "the spool has another batch than was put");
    check_that(world, kept.header.attempt >= client->entries[sequence].attempt_kept,
               "the spool forgot how many workers a batch has cost");
    client->entries[sequence].attempt = kept.header.attempt;
    free(kept.body);
    return true;
}

/* Where the disk is only full, the count is in memory. */
bool client_spool_charge(struct client_node *client, uint64_t sequence)
{
    struct client_spool *self = &client->spool;
    struct entry *entry = &client->entries[sequence];
    if (spool_charge(self->spool, sequence, entry->attempt, NULL) != STATUS_OK)
        return !memory_disk_is_cut(self->disk);
    entry->attempt_kept = entry->attempt;
    return true;
}

bool client_spool_remove_below(struct client_node *client)
{
    uint64_t acked_below = session_acked_below(client->session);
    return spool_remove_below(client->spool.spool, acked_below, NULL) == STATUS_OK;
}

/* ---- coming back ---- */

/* What was promised is in the journal or in the spool. */
static void check_promises(struct world *world, const struct client_node *client)
{
    const struct client_spool *self = &client->spool;
    for (uint64_t i = 1; i <= self->accepted; i++)
        check_that(world,
                   client->entries[i].kept != KEPT_NOT ||
                       spool_digest(self->spool, i) != NULL,
                   "a batch that the spool accepted is lost");
    check_that(world, spool_last(self->spool) <= self->accepted + 1,
               "the spool has a batch that nobody gave");
}

/* One whose put a crash cut short is accepted if it is there: the caller asks. */
static void count_accepted(struct world *world, struct client_node *client)
{
    struct client_spool *self = &client->spool;
    uint64_t next = self->accepted + 1;
    if (next > world->setup->batches)
        return;
    if (spool_digest(self->spool, next) != NULL)
        self->accepted = next;
    else
        draw_other(world, &client->batches[next]);
}

/* Whose answers are in the journal, and whose removal a power cut took back. */
static bool remove_answered(struct world *world, struct client_node *client)
{
    for (uint64_t i = 1; i <= world->setup->batches; i++)
        if (client->entries[i].kept != KEPT_NOT &&
            spool_remove(client->spool.spool, i, NULL) != STATUS_OK)
            return false;
    return true;
}

bool client_spool_open(struct world *world, struct client_node *client)
{
    struct client_spool *self = &client->spool;
    uint8_t id[CLIENT_ID_SIZE] = {0};
    struct spool_disk disk;
    memcpy(id, &client->node.name.number, sizeof client->node.name.number);
    memory_disk_init(self->disk, &disk);
    enum status status =
        spool_open(&disk, id, world->setup->spool_bytes, &self->spool, NULL);
    check_that(world, status != STATUS_CORRUPT, "a crash damaged the spool");
    if (status != STATUS_OK)
        return false;
    world->found_again += spool_count(self->spool);
    check_promises(world, client);
    count_accepted(world, client);
    return remove_answered(world, client);
}
