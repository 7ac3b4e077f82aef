/* SPDX-License-Identifier: Apache-2.0 */
/* store_sqlite_artifact.c - artifacts, and aliases as stacks of moves. */
#include "store/store_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum status sqlite_insert_artifact(struct sqlite_store *self,
                                   const struct artifact *artifact, const void *bytes,
                                   struct error_text *error)
{
    sqlite3_stmt *put = sqlite_statement(self, STATEMENT_PUT);
    if (put == NULL)
        return sqlite_failure(self, error);
    sqlite3_bind_int(put, 1, (int)artifact->kind);
    sqlite_bind_digest(put, 2, &artifact->version);
    sqlite_bind_string(put, 3, artifact->name);
    sqlite3_bind_int64(put, 4, (sqlite3_int64)artifact->size);
    sqlite3_bind_int64(put, 5, artifact->published_s);
    sqlite3_bind_blob64(put, 6, bytes, artifact->size, SQLITE_STATIC);
    enum status status = sqlite_run(self, put, error);
    sqlite3_clear_bindings(put); /* the bytes are the caller's */
    return status;
}

static enum status check_named(struct sqlite_store *self, enum artifact_kind kind,
                               const char *name, const struct digest *version,
                               struct error_text *error)
{
    char text[DIGEST_HEX_SIZE];
    bool found;
    sqlite3_stmt *named = sqlite_statement(self, STATEMENT_NAMED);
    if (named == NULL)
        return sqlite_failure(self, error);
    sqlite3_bind_int(named, 1, (int)kind);
    sqlite_bind_digest(named, 2, version);
    sqlite_bind_string(named, 3, name);
    enum status status = sqlite_row(self, named, &found, error);
    sqlite3_reset(named);
    if (status != STATUS_OK || found)
        return status;
    digest_format(version, text);
    return error_set(error, STATUS_NOT_FOUND, "there is no version %.12s of %s", text,
                     name);
}

enum status sqlite_put(struct store *base, enum artifact_kind kind, const char *name,
                       const struct digest *version, const void *bytes, size_t size,
                       struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    struct artifact artifact = {
        .kind = kind, .version = *version, .size = size, .published_s = time(NULL)};
    snprintf(artifact.name, sizeof artifact.name, "%s", name);
    enum status status = sqlite_begin(self, error);
    if (status != STATUS_OK)
        return status;
    status = sqlite_insert_artifact(self, &artifact, bytes, error);
    if (status == STATUS_OK && sqlite3_changes(self->db) > 0) /* not there before */
        status = sqlite_run_plain(self, STATEMENT_GENERATION_NEXT, error);
    return sqlite_end(self, status, error);
}

static enum status copy_blob(sqlite3_stmt *statement, uint8_t **bytes, size_t *size,
                             struct error_text *error)
{
    *size = (size_t)sqlite3_column_bytes(statement, 0);
    *bytes = malloc(*size + 1);
    if (*bytes == NULL)
        return error_set(error, STATUS_NOMEM, "no memory for an artifact of %zu bytes",
                         *size);
    if (*size > 0)
        memcpy(*bytes, sqlite3_column_blob(statement, 0), *size);
    return STATUS_OK;
}

enum status sqlite_get(struct store *base, enum artifact_kind kind,
                       const struct digest *version, uint8_t **bytes, size_t *size,
                       struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    char text[DIGEST_HEX_SIZE];
    bool found;
    sqlite3_stmt *get = sqlite_statement(self, STATEMENT_GET);
    if (get == NULL)
        return sqlite_failure(self, error);
    sqlite3_bind_int(get, 1, (int)kind);
    sqlite_bind_digest(get, 2, version);
    enum status status = sqlite_row(self, get, &found, error);
    if (found)
        status = copy_blob(get, bytes, size, error);
    sqlite3_reset(get);
    if (status != STATUS_OK || found)
        return status;
    digest_format(version, text);
    return error_set(error, STATUS_NOT_FOUND, "%s holds no version %.12s", self->path,
                     text);
}

struct artifact_visit {
    enum artifact_kind kind;
    bool (*visit)(void *arg, const struct artifact *artifact);
    void *arg;
};

static bool read_artifact(sqlite3_stmt *row, void *arg)
{
    struct artifact_visit *self = arg;
    struct artifact artifact = {.kind = self->kind};
    sqlite_text(row, 0, artifact.name, sizeof artifact.name);
    sqlite_digest(row, 1, &artifact.version);
    artifact.size = (uint64_t)sqlite3_column_int64(row, 2);
    artifact.published_s = sqlite3_column_int64(row, 3);
    return self->visit(self->arg, &artifact);
}

enum status sqlite_artifacts(struct store *base, enum artifact_kind kind,
                             const char *name,
                             bool (*visit)(void *arg, const struct artifact *artifact),
                             void *arg, struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    struct artifact_visit reading = {kind, visit, arg};
    sqlite3_stmt *list = sqlite_statement(self, STATEMENT_ARTIFACTS);
    if (list == NULL)
        return sqlite_failure(self, error);
    sqlite3_bind_int(list, 1, (int)kind);
    sqlite3_bind_text(list, 2, name, -1, SQLITE_TRANSIENT); /* NULL binds NULL */
    return sqlite_each(self, list, read_artifact, &reading, error);
}

/* ---- aliases ---- */

static sqlite3_stmt *alias_statement(struct sqlite_store *self, enum statement which,
                                     const struct alias *alias)
{
    sqlite3_stmt *statement = sqlite_statement(self, which);
    if (statement == NULL)
        return NULL;
    sqlite3_bind_int(statement, 1, (int)alias->kind);
    sqlite_bind_string(statement, 2, alias->name);
    sqlite_bind_string(statement, 3, alias->alias);
    return statement;
}

/* Where the alias is; *found false: nowhere. */
static enum status alias_top(struct sqlite_store *self, struct alias *alias, bool *found,
                             struct error_text *error)
{
    sqlite3_stmt *top = alias_statement(self, STATEMENT_ALIAS_TOP, alias);
    enum status status = sqlite_row(self, top, found, error);
    if (*found)
        sqlite_digest(top, 0, &alias->version);
    sqlite3_reset(top);
    return status;
}

enum status sqlite_push_move(struct sqlite_store *self, const struct alias *to,
                             struct error_text *error)
{
    sqlite3_stmt *push = alias_statement(self, STATEMENT_ALIAS_PUSH, to);
    if (push != NULL)
        sqlite_bind_digest(push, 4, &to->version);
    return sqlite_run(self, push, error);
}

static enum status push_alias(struct sqlite_store *self, const struct alias *to,
                              struct error_text *error)
{
    struct alias now = *to;
    bool found;
    enum status status = check_named(self, to->kind, to->name, &to->version, error);
    if (status == STATUS_OK)
        status = alias_top(self, &now, &found, error);
    if (status != STATUS_OK ||
        (found && memcmp(&now.version, &to->version, DIGEST_SIZE) == 0))
        return status;
    status = sqlite_push_move(self, to, error);
    return status == STATUS_OK ? sqlite_run_plain(self, STATEMENT_GENERATION_NEXT, error)
                               : status;
}

enum status sqlite_alias_move(struct store *base, const struct alias *to,
                              struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    enum status status = sqlite_begin(self, error);
    return status == STATUS_OK ? sqlite_end(self, push_alias(self, to, error), error)
                               : status;
}

static enum status no_alias(const struct alias *alias, const char *what,
                            struct error_text *error)
{
    return error_set(error, STATUS_NOT_FOUND, "%s@%s %s", alias->name, alias->alias,
                     what);
}

/* Nothing is popped when nothing is below: the transaction is rolled back. */
static enum status pop_alias(struct sqlite_store *self, struct alias *alias,
                             struct error_text *error)
{
    bool found;
    enum status status = alias_top(self, alias, &found, error);
    if (status == STATUS_OK && !found)
        return no_alias(alias, "does not exist", error);
    if (status == STATUS_OK)
        status =
            sqlite_run(self, alias_statement(self, STATEMENT_ALIAS_POP, alias), error);
    if (status == STATUS_OK)
        status = alias_top(self, alias, &found, error);
    if (status == STATUS_OK && !found)
        return no_alias(alias, "has been nowhere before: nothing to go back to", error);
    return status == STATUS_OK ? sqlite_run_plain(self, STATEMENT_GENERATION_NEXT, error)
                               : status;
}

enum status sqlite_alias_rollback(struct store *base, struct alias *alias,
                                  struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    enum status status = sqlite_begin(self, error);
    return status == STATUS_OK ? sqlite_end(self, pop_alias(self, alias, error), error)
                               : status;
}

enum status sqlite_alias_get(struct store *base, struct alias *alias,
                             struct error_text *error)
{
    bool found;
    enum status status = alias_top(sqlite_store_of(base), alias, &found, error);
    return status == STATUS_OK && !found ? no_alias(alias, "does not exist", error)
                                         : status;
}

struct alias_visit {
    bool (*visit)(void *arg, const struct alias *alias);
    void *arg;
};

static bool read_alias(sqlite3_stmt *row, void *arg)
{
    struct alias_visit *self = arg;
    struct alias alias = {.kind = (enum artifact_kind)sqlite3_column_int(row, 0)};
    sqlite_text(row, 1, alias.name, sizeof alias.name);
    sqlite_text(row, 2, alias.alias, sizeof alias.alias);
    sqlite_digest(row, 3, &alias.version);
    return self->visit(self->arg, &alias);
}

enum status sqlite_aliases(struct store *base,
                           bool (*visit)(void *arg, const struct alias *alias), void *arg,
                           struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    struct alias_visit reading = {visit, arg};
    sqlite3_stmt *list = sqlite_statement(self, STATEMENT_ALIASES);
    return sqlite_each(self, list, read_alias, &reading, error);
}

enum status sqlite_generation(struct store *base, uint64_t *generation,
                              struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    sqlite3_stmt *read = sqlite_statement(self, STATEMENT_GENERATION);
    bool found;
    enum status status = sqlite_row(self, read, &found, error);
    *generation = found ? (uint64_t)sqlite3_column_int64(read, 0) : 0;
    sqlite3_reset(read);
    return status;
}
