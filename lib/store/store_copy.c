/* SPDX-License-Identifier: Apache-2.0 */
/* store_copy.c - both stores are read in the same order, so that a chain of digests over
 * what is read tells whether they are the same. */
#include "store/settlement_bytes.h"
#include "store/store_backend.h"

#include "base/crypto.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what has been read ---- */

struct tally {
    struct store_copied copied;
    struct digest chain;
};

static void mix(struct tally *self, const void *bytes, size_t size)
{
    uint8_t joined[DIGEST_SIZE + SETTLEMENT_BYTES_MAX];
    assert(size <= SETTLEMENT_BYTES_MAX);
    memcpy(joined, self->chain.bytes, DIGEST_SIZE);
    memcpy(joined + DIGEST_SIZE, bytes, size);
    self->chain = digest_body(joined, DIGEST_SIZE + size);
}

static void mix_text(struct tally *self, const char *text)
{
    mix(self, text, strlen(text) + 1);
}

static void mix_number(struct tally *self, uint64_t number)
{
    mix(self, &number, sizeof number);
}

static void tally_artifact(struct tally *self, const struct store_entry *entry)
{
    const struct artifact *artifact = entry->artifact;
    mix_number(self, artifact->kind);
    mix_text(self, artifact->name);
    mix(self, artifact->version.bytes, DIGEST_SIZE); /* which the bytes have */
    mix_number(self, artifact->size);
    mix_number(self, (uint64_t)artifact->published_s);
    self->copied.artifacts++;
    self->copied.bytes += artifact->size;
}

static void tally_move(struct tally *self, const struct store_entry *entry)
{
    mix_number(self, entry->move->kind);
    mix_text(self, entry->move->name);
    mix_text(self, entry->move->alias);
    mix(self, entry->move->version.bytes, DIGEST_SIZE);
    self->copied.moves++;
}

static void tally_settled(struct tally *self, const struct store_entry *entry)
{
    const struct settled *settled = entry->settled;
    uint8_t bytes[SETTLEMENT_BYTES_MAX];
    mix(self, settled->client, sizeof settled->client);
    mix_number(self, settled->sequence);
    mix_number(self, settled->acked_below);
    mix(self, settled->body.bytes, DIGEST_SIZE);
    mix(self, bytes, settlement_pack(&settled->settlement, bytes));
    self->copied.settlements++;
}

static void tally_cell(struct tally *self, const struct store_entry *entry)
{
    const struct demand_cell *cell = entry->cell;
    mix_number(self, (uint64_t)cell->period);
    mix_text(self, cell->region);
    mix_text(self, cell->target);
    mix_text(self, cell->tier);
    mix_number(self, (uint64_t)cell->people);
    mix_number(self, (uint64_t)cell->sum_p);
    mix_number(self, (uint64_t)cell->sum_pq);
    self->copied.cells++;
}

static void tally_letter(struct tally *self, const struct store_entry *entry)
{
    const struct dead_letter *letter = entry->letter;
    struct digest body = digest_body(letter->body, letter->size);
    mix(self, letter->key.client, sizeof letter->key.client);
    mix_number(self, letter->key.sequence);
    mix_text(self, letter->region);
    mix_text(self, letter->reason);
    mix_number(self, (uint64_t)letter->buried_s);
    mix_number(self, (uint64_t)letter->as_of);
    mix_number(self, letter->attempts);
    mix_number(self, letter->records);
    mix(self, body.bytes, DIGEST_SIZE);
    self->copied.letters++;
}

/* ---- reading all of it ---- */

struct reading {
    struct store *store;
    struct store *fills; /* NULL: reads only */
    struct tally tally;
    uint64_t done;
    void (*tell)(void *arg, bool comparing, uint64_t done);
    void *arg;
    enum status status; /* of filling */
    struct error_text *error;
};

static bool take(struct reading *self, const struct store_entry *entry,
                 void (*count)(struct tally *tally, const struct store_entry *entry))
{
    if (self->fills != NULL)
        self->status = self->fills->backend->fill(self->fills, entry, self->error);
    count(&self->tally, entry);
    self->tell(self->arg, self->fills == NULL, ++self->done);
    return self->status == STATUS_OK;
}

static bool take_move(void *arg, const struct alias *move)
{
    return take(arg, &(struct store_entry){.move = move}, tally_move);
}

static bool take_settled(void *arg, const struct settled *settled)
{
    return take(arg, &(struct store_entry){.settled = settled}, tally_settled);
}

static bool take_cell(void *arg, const struct demand_cell *cell)
{
    return take(arg, &(struct store_entry){.cell = cell}, tally_cell);
}

static bool take_letter(void *arg, const struct dead_letter *letter)
{
    return take(arg, &(struct store_entry){.letter = letter}, tally_letter);
}

struct artifact_list {
    struct artifact *items;
    size_t count, room;
    bool failed;
};

static bool gather_artifact(void *arg, const struct artifact *artifact)
{
    struct artifact_list *self = arg;
    if (self->count == self->room) {
        size_t room = self->room * 2 + 64;
        struct artifact *items = realloc(self->items, room * sizeof *items);
        self->failed = items == NULL;
        if (self->failed)
            return false;
        self->items = items;
        self->room = room;
    }
    self->items[self->count++] = *artifact;
    return true;
}

static enum status read_artifact(struct reading *self, const struct artifact *artifact)
{
    uint8_t *bytes;
    size_t size;
    enum status status = store_get(self->store, artifact->kind, &artifact->version,
                                   &bytes, &size, self->error);
    if (status != STATUS_OK)
        return status;
    take(self, &(struct store_entry){.artifact = artifact, .bytes = bytes},
         tally_artifact);
    free(bytes);
    return self->status;
}

/* Listed from the newest, copied from the oldest. */
static enum status read_artifacts(struct reading *self, enum artifact_kind kind)
{
    struct artifact_list list = {.count = 0};
    enum status status =
        store_artifacts(self->store, kind, NULL, gather_artifact, &list, self->error);
    if (status == STATUS_OK && list.failed)
        status = error_set(self->error, STATUS_NOMEM, "out of memory");
    for (size_t i = list.count; status == STATUS_OK && i > 0; i--)
        status = read_artifact(self, &list.items[i - 1]);
    free(list.items);
    return status;
}

static enum status read_all(struct reading *self)
{
    struct store *store = self->store;
    enum status status = STATUS_OK;
    for (int kind = 0; status == STATUS_OK && kind < ARTIFACT_KIND_COUNT; kind++)
        status = read_artifacts(self, (enum artifact_kind)kind);
    if (status == STATUS_OK)
        status = store_alias_moves(store, take_move, self, self->error);
    if (status == STATUS_OK && self->status == STATUS_OK)
        status = store_settled(store, take_settled, self, self->error);
    if (status == STATUS_OK && self->status == STATUS_OK)
        status = store_demand(store, 0, take_cell, self, self->error);
    if (status == STATUS_OK && self->status == STATUS_OK)
        status = store_dead_letters(store, take_letter, self, self->error);
    return status == STATUS_OK ? self->status : status;
}

/* ---- the copy ---- */

static enum status compare(const struct tally *source, const struct tally *copy,
                           struct error_text *error)
{
    if (memcmp(&source->chain, &copy->chain, sizeof copy->chain) == 0)
        return STATUS_OK;
    return error_set(
        error, STATUS_CORRUPT,
        "the copy differs from its source: %" PRIu64 " of %" PRIu64 " artifacts, %" PRIu64
        " of %" PRIu64 " settlements, %" PRIu64 " of %" PRIu64 " demand cells came back",
        copy->copied.artifacts, source->copied.artifacts, copy->copied.settlements,
        source->copied.settlements, copy->copied.cells, source->copied.cells);
}

static enum status check_at_rest(struct store *from, uint64_t changes,
                                 struct error_text *error)
{
    uint64_t now = 0;
    enum status status = from->backend->changes(from, &now, error);
    if (status == STATUS_OK && now != changes)
        status = error_set(error, STATUS_UNAVAILABLE,
                           "the source changed while it was copied: stop what uses it "
                           "and copy again");
    return status;
}

enum status store_copy(struct store *from, struct store *to,
                       void (*tell)(void *arg, bool comparing, uint64_t done), void *arg,
                       struct store_copied *copied, struct error_text *error)
{
    struct reading source = {
        .store = from, .fills = to, .tell = tell, .arg = arg, .error = error};
    struct reading copy = {.store = to, .tell = tell, .arg = arg, .error = error};
    uint64_t changes = 0;
    enum status status = from->backend->changes(from, &changes, error);
    if (status == STATUS_OK)
        status = read_all(&source);
    if (status == STATUS_OK)
        status = check_at_rest(from, changes, error);
    if (status == STATUS_OK)
        status = to->backend->fill_flush(to, error);
    if (status == STATUS_OK)
        status = read_all(&copy);
    if (status == STATUS_OK)
        status = compare(&source.tally, &copy.tally, error);
    if (status == STATUS_OK)
        status = to->backend->fill_end(to, error);
    if (status == STATUS_OK)
        *copied = source.tally.copied;
    return status;
}
