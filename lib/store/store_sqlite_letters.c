/* SPDX-License-Identifier: Apache-2.0 */
/* store_sqlite_letters.c - dead letters: their bodies and what is told of them, in two
 * tables, since releases that know only the first may use the same file. */
#include "store/store_sqlite.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENT_SIZE = 16 };

static enum status damaged(const struct sqlite_store *self, struct error_text *error)
{
    return error_set(error, STATUS_CORRUPT, "%s: a dead letter in it is damaged",
                     self->path);
}

static enum status not_found(struct error_text *error)
{
    return error_set(error, STATUS_NOT_FOUND, "there is no such dead letter");
}

/* ---- writing ---- */

static enum status insert_head(struct sqlite_store *self,
                               const struct dead_letter *letter, struct error_text *error)
{
    sqlite3_stmt *insert =
        sqlite_keyed(self, STATEMENT_BURY_HEAD, letter->key.client, letter->key.sequence);
    if (insert == NULL)
        return sqlite_failure(self, error);
    sqlite3_bind_int64(insert, 3, letter->buried_s);
    sqlite3_bind_int(insert, 4, letter->as_of);
    sqlite3_bind_int64(insert, 5, letter->attempts);
    sqlite3_bind_int64(insert, 6, letter->records);
    return sqlite_run(self, insert, error);
}

enum status sqlite_bury(struct sqlite_store *self, const struct dead_letter *letter,
                        struct error_text *error)
{
    sqlite3_stmt *insert =
        sqlite_keyed(self, STATEMENT_BURY, letter->key.client, letter->key.sequence);
    if (insert == NULL)
        return sqlite_failure(self, error);
    sqlite_bind_string(insert, 3, letter->region);
    sqlite_bind_string(insert, 4, letter->reason);
    if (letter->size > 0)
        sqlite3_bind_blob64(insert, 5, letter->body, letter->size, SQLITE_STATIC);
    else
        sqlite3_bind_zeroblob(insert, 5, 0);
    enum status status = sqlite_run(self, insert, error);
    sqlite3_clear_bindings(insert); /* the body is the caller's */
    return status == STATUS_OK ? insert_head(self, letter, error) : status;
}

enum status sqlite_dead_letter_drop(struct store *base, const struct settle_key *key,
                                    struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    enum status status = sqlite_begin(self, error);
    if (status != STATUS_OK)
        return status;
    status = sqlite_run(
        self, sqlite_keyed(self, STATEMENT_LETTER_HEAD_DROP, key->client, key->sequence),
        error);
    if (status == STATUS_OK)
        status = sqlite_run(
            self, sqlite_keyed(self, STATEMENT_LETTER_DROP, key->client, key->sequence),
            error);
    if (status == STATUS_OK && sqlite3_changes(self->db) == 0)
        status = not_found(error);
    return sqlite_end(self, status, error);
}

/* ---- reading ---- */

static bool read_letter(sqlite3_stmt *row, struct dead_letter *out)
{
    memset(out, 0, sizeof *out);
    if (sqlite3_column_bytes(row, 0) != CLIENT_SIZE)
        return false;
    memcpy(out->key.client, sqlite3_column_blob(row, 0), CLIENT_SIZE);
    out->key.sequence = sqlite_unordered(sqlite3_column_int64(row, 1));
    sqlite_text(row, 2, out->region, sizeof out->region);
    sqlite_text(row, 3, out->reason, sizeof out->reason);
    out->size = (size_t)sqlite3_column_int64(row, 4);
    out->buried_s = sqlite3_column_int64(row, 5); /* NULL is read as 0 */
    out->as_of = sqlite3_column_int(row, 6);
    out->attempts = (uint32_t)sqlite3_column_int64(row, 7);
    out->records = (uint32_t)sqlite3_column_int64(row, 8);
    return true;
}

struct page {
    struct dead_letter *items;
    size_t count;
    bool damaged;
};

static bool read_into_page(sqlite3_stmt *row, void *arg)
{
    struct page *self = arg;
    self->damaged = !read_letter(row, &self->items[self->count]);
    self->count += !self->damaged;
    return !self->damaged;
}

enum status sqlite_dead_letter_page(struct store *base, const struct settle_key *after,
                                    struct dead_letter *page, size_t *count,
                                    struct error_text *error)
{
    static const struct settle_key none;
    struct sqlite_store *self = sqlite_store_of(base);
    struct page reading = {.items = page};
    if (after == NULL)
        after = &none;
    sqlite3_stmt *list =
        sqlite_keyed(self, STATEMENT_LETTER_PAGE, after->client, after->sequence);
    if (list == NULL)
        return sqlite_failure(self, error);
    if (after == &none) /* no bytes are before all others */
        sqlite3_bind_zeroblob(list, 1, 0);
    sqlite3_bind_int(list, 3, STORE_LETTERS_PAGE);
    enum status status = sqlite_each(self, list, read_into_page, &reading, error);
    *count = reading.count;
    return status == STATUS_OK && reading.damaged ? damaged(self, error) : status;
}

static enum status read_head(struct sqlite_store *self, const struct settle_key *key,
                             struct dead_letter *out, struct error_text *error)
{
    bool found;
    sqlite3_stmt *read = sqlite_keyed(self, STATEMENT_LETTER, key->client, key->sequence);
    enum status status = sqlite_row(self, read, &found, error);
    if (status != STATUS_OK)
        return status;
    bool whole = found && read_letter(read, out);
    sqlite3_reset(read);
    if (!found)
        return not_found(error);
    return whole ? STATUS_OK : damaged(self, error);
}

enum status sqlite_dead_letter_get(struct store *base, const struct settle_key *key,
                                   struct dead_letter *out, uint8_t **body,
                                   struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    bool found;
    enum status status = read_head(self, key, out, error);
    if (status != STATUS_OK)
        return status;
    sqlite3_stmt *read =
        sqlite_keyed(self, STATEMENT_LETTER_BODY, key->client, key->sequence);
    status = sqlite_row(self, read, &found, error);
    if (status != STATUS_OK)
        return status;
    const void *bytes = found ? sqlite3_column_blob(read, 0) : NULL;
    out->size = found ? (size_t)sqlite3_column_bytes(read, 0) : 0;
    if (out->size > 0 && bytes != NULL)
        *body = malloc(out->size);
    bool copied = out->size == 0 || *body != NULL;
    if (*body != NULL)
        memcpy(*body, bytes, out->size);
    sqlite3_reset(read);
    out->body = *body;
    if (!found) /* dropped in between */
        return not_found(error);
    return copied ? STATUS_OK : error_set(error, STATUS_NOMEM, "out of memory");
}
