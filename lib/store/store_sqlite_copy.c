/* SPDX-License-Identifier: Apache-2.0 */
/* store_sqlite_copy.c - filling a store is one transaction: until it ends, the file is an
 * empty store to everybody else. */
#include "store/store_sqlite.h"

#include <string.h>

struct move_visit {
    bool (*visit)(void *arg, const struct alias *move);
    void *arg;
};

static bool read_move(sqlite3_stmt *row, void *arg)
{
    struct move_visit *self = arg;
    struct alias move = {.kind = (enum artifact_kind)sqlite3_column_int(row, 0)};
    sqlite_text(row, 1, move.name, sizeof move.name);
    sqlite_text(row, 2, move.alias, sizeof move.alias);
    sqlite_digest(row, 3, &move.version);
    return self->visit(self->arg, &move);
}

enum status sqlite_alias_moves(struct store *base,
                               bool (*visit)(void *arg, const struct alias *move),
                               void *arg, struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    struct move_visit reading = {visit, arg};
    return sqlite_each(self, sqlite_statement(self, STATEMENT_ALIAS_MOVES), read_move,
                       &reading, error);
}

static enum status read_count(struct sqlite_store *self, enum statement which,
                              uint64_t *count, struct error_text *error)
{
    sqlite3_stmt *read = sqlite_statement(self, which);
    bool found;
    enum status status = sqlite_row(self, read, &found, error);
    *count = found ? (uint64_t)sqlite3_column_int64(read, 0) : 0;
    sqlite3_reset(read);
    return status;
}

enum status sqlite_changes(struct store *base, uint64_t *count, struct error_text *error)
{
    return read_count(sqlite_store_of(base), STATEMENT_DATA_VERSION, count, error);
}

/* ---- filling ---- */

enum status sqlite_open_to_fill(const char *path, struct store **out,
                                struct error_text *error)
{
    uint64_t held = 0;
    enum status status = store_sqlite.open(path, out, error);
    if (status != STATUS_OK)
        return status;
    struct sqlite_store *self = sqlite_store_of(*out);
    status = sqlite_begin(self, error);
    if (status == STATUS_OK)
        status = read_count(self, STATEMENT_HELD, &held, error);
    if (status == STATUS_OK && held > 0)
        status = error_set(error, STATUS_TAKEN,
                           "%s is not empty: a copy needs an empty store", path);
    if (status != STATUS_OK) {
        store_close(*out); /* which rolls back, and ends the turn */
        *out = NULL;
    }
    return status;
}

static enum status fill_settled(struct sqlite_store *self, const struct settled *settled,
                                struct error_text *error)
{
    struct settle_request request = {
        .sequence = settled->sequence,
        .acked_below = settled->acked_below,
        .body = settled->body,
        .settlement = settled->settlement,
    };
    memcpy(request.client, settled->client, sizeof request.client);
    enum status status = sqlite_insert_settlement(self, &request, error);
    return status == STATUS_OK && request.acked_below > 0
               ? sqlite_raise_watermark(self, &request, error)
               : status;
}

enum status sqlite_fill(struct store *base, const struct store_entry *entry,
                        struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    if (entry->artifact != NULL)
        return sqlite_insert_artifact(self, entry->artifact, entry->bytes, error);
    if (entry->move != NULL)
        return sqlite_push_move(self, entry->move, error);
    if (entry->settled != NULL)
        return fill_settled(self, entry->settled, error);
    if (entry->cell != NULL)
        return sqlite_add_cell(self, entry->cell, error);
    return sqlite_bury(self, entry->letter, error);
}

enum status sqlite_fill_flush(struct store *base, struct error_text *error)
{
    (void)base;
    (void)error;
    return STATUS_OK;
}

/* The generation only has to grow from here. */
enum status sqlite_fill_end(struct store *base, struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    enum status status = sqlite_run_plain(self, STATEMENT_GENERATION_NEXT, error);
    return sqlite_end(self, status, error);
}
