/* SPDX-License-Identifier: Apache-2.0 */
/* store_sqlite_settle.c - the settlement: first writer wins, with its demand, in one
 * transaction. */
#include "store/settlement_bytes.h"
#include "store/store_sqlite.h"

#include <string.h>

enum { CLIENT_SIZE = 16 };

/* ---- the client's watermark ---- */

static enum status read_watermark(struct sqlite_store *self,
                                  const struct settle_request *request,
                                  uint64_t *watermark, struct error_text *error)
{
    bool found;
    sqlite3_stmt *read = sqlite_statement(self, STATEMENT_WATERMARK);
    if (read == NULL)
        return sqlite_failure(self, error);
    sqlite3_bind_blob(read, 1, request->client, CLIENT_SIZE, SQLITE_STATIC);
    enum status status = sqlite_row(self, read, &found, error);
    *watermark = found ? sqlite_unordered(sqlite3_column_int64(read, 0)) : 0;
    sqlite3_reset(read);
    return status;
}

enum status sqlite_raise_watermark(struct sqlite_store *self,
                                   const struct settle_request *request,
                                   struct error_text *error)
{
    sqlite3_stmt *set = sqlite_keyed(self, STATEMENT_WATERMARK_SET, request->client,
                                     request->acked_below);
    enum status status = sqlite_run(self, set, error);
    if (status != STATUS_OK)
        return status;
    return sqlite_run(
        self, sqlite_keyed(self, STATEMENT_PRUNE, request->client, request->acked_below),
        error);
}

/* ---- the settlement's record ---- */

enum status sqlite_insert_settlement(struct sqlite_store *self,
                                     const struct settle_request *request,
                                     struct error_text *error)
{
    uint8_t targets[TARGETS_BYTES_MAX];
    const struct settlement *settlement = &request->settlement;
    sqlite3_stmt *insert =
        sqlite_keyed(self, STATEMENT_SETTLE, request->client, request->sequence);
    if (insert == NULL)
        return sqlite_failure(self, error);
    size_t size = targets_pack(settlement, targets);
    sqlite3_bind_blob(insert, 3, request->body.bytes, DIGEST_SIZE, SQLITE_STATIC);
    sqlite3_bind_int(insert, 4, (int)settlement->outcome);
    sqlite3_bind_text(insert, 5, settlement->reason, -1, SQLITE_STATIC);
    sqlite3_bind_int(insert, 6, settlement->period);
    if (settlement->has_program)
        sqlite3_bind_blob(insert, 7, settlement->program.bytes, DIGEST_SIZE,
                          SQLITE_STATIC);
    else
        sqlite3_bind_null(insert, 7);
    sqlite3_bind_blob(insert, 8, targets, (int)size, SQLITE_STATIC);
    return sqlite_run(self, insert, error);
}

static bool read_settlement(sqlite3_stmt *row, struct settlement *settlement)
{
    int outcome = sqlite3_column_int(row, 1);
    memset(settlement, 0, sizeof *settlement);
    settlement->outcome = (enum settle_outcome)outcome;
    sqlite_text(row, 2, settlement->reason, sizeof settlement->reason);
    settlement->period = sqlite3_column_int(row, 3);
    settlement->has_program = sqlite3_column_bytes(row, 4) == DIGEST_SIZE;
    if (settlement->has_program)
        memcpy(settlement->program.bytes, sqlite3_column_blob(row, 4), DIGEST_SIZE);
    const uint8_t *targets = sqlite3_column_blob(row, 5);
    return targets_unpack(targets, (size_t)sqlite3_column_bytes(row, 5), settlement) &&
           outcome >= SETTLE_COUNTED && outcome <= SETTLE_DEAD;
}

static enum status damaged(const struct sqlite_store *self, struct error_text *error)
{
    return error_set(error, STATUS_CORRUPT, "%s: a settlement in it is damaged",
                     self->path);
}

/* Settled before: what was recorded then, if it was the same body. */
static enum status find_settlement(struct sqlite_store *self,
                                   const struct settle_request *request,
                                   struct settle_result *result, struct error_text *error)
{
    bool found;
    sqlite3_stmt *find =
        sqlite_keyed(self, STATEMENT_SETTLED, request->client, request->sequence);
    enum status status = sqlite_row(self, find, &found, error);
    if (status != STATUS_OK)
        return status;
    if (!found) /* and yet the insert has met it */
        return damaged(self, error);
    bool same =
        sqlite3_column_bytes(find, 0) == DIGEST_SIZE &&
        memcmp(sqlite3_column_blob(find, 0), request->body.bytes, DIGEST_SIZE) == 0;
    result->verdict = same ? SETTLED_DUPLICATE : SETTLED_REUSED;
    bool whole = !same || read_settlement(find, &result->settlement);
    sqlite3_reset(find);
    return whole ? STATUS_OK : damaged(self, error);
}

/* ---- what a first settlement brings with it ---- */

enum status sqlite_add_cell(struct sqlite_store *self, const struct demand_cell *cell,
                            struct error_text *error)
{
    sqlite3_stmt *add = sqlite_statement(self, STATEMENT_DEMAND_ADD);
    if (add == NULL)
        return sqlite_failure(self, error);
    sqlite3_bind_int(add, 1, cell->period);
    sqlite3_bind_text(add, 2, cell->region, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 3, cell->target, -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 4, cell->tier, -1, SQLITE_STATIC);
    sqlite3_bind_int64(add, 5, cell->people);
    sqlite3_bind_int64(add, 6, cell->sum_p);
    sqlite3_bind_int64(add, 7, cell->sum_pq);
    enum status status = sqlite_run(self, add, error);
    /* SQLite turns an integer that overflows into a float, which STRICT refuses. */
    if (status == STATUS_INVALID)
        return error_set(error, status,
                         "the demand of %s in %d for %s would pass what 64 bits hold",
                         cell->region, cell->period, cell->target);
    return status;
}

/* ---- a group ---- */

enum { SUMS_MAX = 64 };

/* What the requests of a group have in common is written once: a client's watermark when
 * its last is settled, sums of demand when all are. */
struct settling {
    struct sqlite_store *store;
    const struct settle_request *client; /* a request of it; NULL: none yet */
    const struct settle_request *raise;  /* the one that raises it most; NULL: none */
    uint64_t watermark;
    struct demand_cell sums[SUMS_MAX];
    size_t sum_count;
};

static enum status end_client(struct settling *self, struct error_text *error)
{
    const struct settle_request *raise = self->raise;
    self->client = self->raise = NULL;
    return raise == NULL ? STATUS_OK : sqlite_raise_watermark(self->store, raise, error);
}

static enum status begin_client(struct settling *self,
                                const struct settle_request *request,
                                struct error_text *error)
{
    if (self->client != NULL &&
        memcmp(self->client->client, request->client, CLIENT_SIZE) == 0)
        return STATUS_OK;
    enum status status = end_client(self, error);
    if (status == STATUS_OK)
        status = read_watermark(self->store, request, &self->watermark, error);
    if (status == STATUS_OK)
        self->client = request;
    return status;
}

static enum status write_sums(struct settling *self, struct error_text *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < self->sum_count; i++)
        status = sqlite_add_cell(self->store, &self->sums[i], error);
    self->sum_count = 0;
    return status;
}

static bool is_same_cell(const struct demand_cell *a, const struct demand_cell *b)
{
    return a->period == b->period && strcmp(a->region, b->region) == 0 &&
           strcmp(a->tier, b->tier) == 0 && strcmp(a->target, b->target) == 0;
}

/* False, and `to` is as it was: 64 bits do not hold it. */
static bool add_up(struct demand_cell *to, const struct demand_cell *from)
{
    struct demand_cell sum = *to;
    if (__builtin_add_overflow(to->people, from->people, &sum.people) ||
        __builtin_add_overflow(to->sum_p, from->sum_p, &sum.sum_p) ||
        __builtin_add_overflow(to->sum_pq, from->sum_pq, &sum.sum_pq))
        return false;
    *to = sum;
    return true;
}

static enum status add_demand(struct settling *self, const struct demand_cell *cell,
                              struct error_text *error)
{
    enum status status = STATUS_OK;
    size_t i = 0;
    while (i < self->sum_count && !is_same_cell(&self->sums[i], cell))
        i++;
    if (i < self->sum_count && add_up(&self->sums[i], cell))
        return STATUS_OK;
    if (self->sum_count == SUMS_MAX)
        status = write_sums(self, error);
    self->sums[self->sum_count++] = *cell;
    return status;
}

static enum status add_consequences(struct settling *self,
                                    const struct settle_request *request,
                                    struct error_text *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < request->demand_count; i++)
        status = add_demand(self, &request->demand[i], error);
    if (status != STATUS_OK || request->settlement.outcome != SETTLE_DEAD)
        return status;
    const struct dead_letter letter = dead_letter_of(request);
    return sqlite_bury(self->store, &letter, error);
}

static enum status settle_one(struct settling *self, const struct settle_request *request,
                              struct settle_result *result, struct error_text *error)
{
    enum status status = begin_client(self, request, error);
    if (status == STATUS_OK && request->sequence < self->watermark) {
        result->verdict = SETTLED_ACKNOWLEDGED;
        return STATUS_OK;
    }
    if (status == STATUS_OK && request->acked_below > self->watermark) {
        self->watermark = request->acked_below;
        self->raise = request;
    }
    if (status == STATUS_OK)
        status = sqlite_insert_settlement(self->store, request, error);
    if (status != STATUS_OK)
        return status;
    if (sqlite3_changes(self->store->db) == 0)
        return find_settlement(self->store, request, result, error);
    result->verdict = SETTLED_FIRST;
    result->settlement = request->settlement;
    return add_consequences(self, request, error);
}

enum status sqlite_settle(struct store *base, const struct settle_request *requests,
                          size_t count, struct settle_result *results,
                          struct error_text *error)
{
    struct settling settling;
    settling.store = sqlite_store_of(base);
    settling.client = settling.raise = NULL;
    settling.sum_count = 0;
    enum status status = sqlite_begin(settling.store, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = settle_one(&settling, &requests[i], &results[i], error);
    if (status == STATUS_OK)
        status = end_client(&settling, error);
    if (status == STATUS_OK)
        status = write_sums(&settling, error);
    return sqlite_end(settling.store, status, error);
}

/* ---- reading ---- */

enum status sqlite_settlement_count(struct store *base, uint64_t *count,
                                    struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    sqlite3_stmt *read = sqlite_statement(self, STATEMENT_SETTLEMENTS);
    bool found;
    enum status status = sqlite_row(self, read, &found, error);
    *count = found ? (uint64_t)sqlite3_column_int64(read, 0) : 0;
    sqlite3_reset(read);
    return status;
}

enum status sqlite_settlement_get(struct store *base, const struct settle_key *key,
                                  struct settlement *out, struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    bool found;
    sqlite3_stmt *find =
        sqlite_keyed(self, STATEMENT_SETTLED, key->client, key->sequence);
    enum status status = sqlite_row(self, find, &found, error);
    if (status != STATUS_OK)
        return status;
    bool whole = found && read_settlement(find, out);
    sqlite3_reset(find);
    if (!found)
        return error_set(error, STATUS_NOT_FOUND, "nothing is settled under that key");
    return whole ? STATUS_OK : damaged(self, error);
}

struct demand_visit {
    bool (*visit)(void *arg, const struct demand_cell *cell);
    void *arg;
};

static bool read_cell(sqlite3_stmt *row, void *arg)
{
    const struct demand_visit *self = arg;
    struct demand_cell cell = {.period = sqlite3_column_int(row, 0)};
    sqlite_text(row, 1, cell.region, sizeof cell.region);
    sqlite_text(row, 2, cell.target, sizeof cell.target);
    sqlite_text(row, 3, cell.tier, sizeof cell.tier);
    cell.people = sqlite3_column_int64(row, 4);
    cell.sum_p = sqlite3_column_int64(row, 5);
    cell.sum_pq = sqlite3_column_int64(row, 6);
    return self->visit(self->arg, &cell);
}

enum status sqlite_demand(struct store *base, int32_t period,
                          bool (*visit)(void *arg, const struct demand_cell *cell),
                          void *arg, struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    struct demand_visit reading = {visit, arg};
    sqlite3_stmt *list = sqlite_statement(self, STATEMENT_DEMAND);
    if (list == NULL)
        return sqlite_failure(self, error);
    sqlite3_bind_int(list, 1, period);
    return sqlite_each(self, list, read_cell, &reading, error);
}

struct settled_visit {
    bool (*visit)(void *arg, const struct settled *settled);
    void *arg;
    bool damaged;
};

static bool read_settled(sqlite3_stmt *row, void *arg)
{
    struct settled_visit *self = arg;
    struct settled settled = {.sequence = sqlite_unordered(sqlite3_column_int64(row, 7))};
    sqlite_digest(row, 0, &settled.body);
    self->damaged = !read_settlement(row, &settled.settlement) ||
                    sqlite3_column_bytes(row, 6) != CLIENT_SIZE;
    if (self->damaged)
        return false;
    memcpy(settled.client, sqlite3_column_blob(row, 6), CLIENT_SIZE);
    if (sqlite3_column_type(row, 8) == SQLITE_INTEGER)
        settled.acked_below = sqlite_unordered(sqlite3_column_int64(row, 8));
    return self->visit(self->arg, &settled);
}

enum status sqlite_settled(struct store *base,
                           bool (*visit)(void *arg, const struct settled *settled),
                           void *arg, struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    struct settled_visit reading = {.visit = visit, .arg = arg};
    enum status status = sqlite_each(self, sqlite_statement(self, STATEMENT_SETTLED_ALL),
                                     read_settled, &reading, error);
    return status == STATUS_OK && reading.damaged ? damaged(self, error) : status;
}
