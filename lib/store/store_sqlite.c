/* SPDX-License-Identifier: Apache-2.0 */
/* store_sqlite.c - one file, WAL, synchronous=FULL: opening, artifacts, aliases.
 *
 * Writers take fair turns (turn.h); readers never wait. */
#include "store/store_sqlite.h"

#include "store/turn.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    APPLICATION_ID = 0x43485753, /* "CHWS" */
    FORMAT = 1,
    BUSY_MS = 5000, /* for what turns do not cover: a checkpoint, a person's shell */
};

static const char schema[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT "
    "ROWID;"
    "INSERT INTO meta VALUES ('generation', 0);"
    "CREATE TABLE artifact (kind INTEGER NOT NULL, version BLOB NOT NULL, name TEXT NOT "
    "NULL,"
    "  size INTEGER NOT NULL, published_s INTEGER NOT NULL, bytes BLOB NOT NULL,"
    "  PRIMARY KEY (kind, version)) STRICT;"
    /* A stack per alias: a move pushes, a rollback pops, the top is where it is. */
    "CREATE TABLE alias_move (id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT "
    "NULL,"
    "  name TEXT NOT NULL, alias TEXT NOT NULL, version BLOB NOT NULL) STRICT;"
    "CREATE INDEX alias_moves ON alias_move (kind, name, alias, id);"
    "CREATE TABLE client (client BLOB PRIMARY KEY, acked_below INTEGER NOT NULL)"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE settlement (client BLOB NOT NULL, sequence INTEGER NOT NULL,"
    "  body BLOB NOT NULL, outcome INTEGER NOT NULL, reason TEXT NOT NULL,"
    "  period INTEGER NOT NULL, program BLOB, targets BLOB NOT NULL,"
    "  PRIMARY KEY (client, sequence)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE demand (period INTEGER NOT NULL, region TEXT NOT NULL, target TEXT NOT "
    "NULL,"
    "  tier TEXT NOT NULL, people INTEGER NOT NULL, sum_p INTEGER NOT NULL,"
    "  sum_pq INTEGER NOT NULL, PRIMARY KEY (period, region, target, tier))"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE dead_letter (client BLOB NOT NULL, sequence INTEGER NOT NULL,"
    "  region TEXT NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL,"
    "  PRIMARY KEY (client, sequence)) STRICT;";

struct sqlite_store *sqlite_store_of(struct store *base)
{
    assert(base->backend == &store_sqlite);
    return (struct sqlite_store *)(void *)base; /* its first member */
}

/* ---- running statements ---- */

static enum status status_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return STATUS_NOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return STATUS_CORRUPT;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
        return STATUS_INVALID;
    default: /* full, busy, I/O, read-only, cannot open: it may pass */
        return STATUS_UNAVAILABLE;
    }
}

enum status sqlite_failure(struct sqlite_store *self, struct error_text *error)
{
    int code = sqlite3_extended_errcode(self->db), cause = sqlite3_system_errno(self->db);
    bool names_cause = cause != 0 && status_of(code) == STATUS_UNAVAILABLE;
    return error_set(error, status_of(code), "%s: %s%s%s", self->path,
                     sqlite3_errmsg(self->db), names_cause ? ": " : "",
                     names_cause ? strerror(cause) : "");
}

sqlite3_stmt *sqlite_statement(struct sqlite_store *self, enum statement which)
{
    static const char *const texts[] = {
#define STATEMENT_TEXT(name, sql) sql,
        STATEMENT_LIST(STATEMENT_TEXT)
#undef STATEMENT_TEXT
    };
    sqlite3_stmt **statement = &self->statements[which];
    if (*statement == NULL)
        sqlite3_prepare_v3(self->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                           statement, NULL);
    return *statement;
}

enum status sqlite_row(struct sqlite_store *self, sqlite3_stmt *statement, bool *found,
                       struct error_text *error)
{
    *found = false;
    if (statement == NULL)
        return sqlite_failure(self, error);
    int code = sqlite3_step(statement);
    *found = code == SQLITE_ROW;
    if (*found)
        return STATUS_OK;
    enum status status = code == SQLITE_DONE ? STATUS_OK : sqlite_failure(self, error);
    sqlite3_reset(statement);
    return status;
}

enum status sqlite_run(struct sqlite_store *self, sqlite3_stmt *statement,
                       struct error_text *error)
{
    bool found;
    enum status status = sqlite_row(self, statement, &found, error);
    assert(!found);
    return status;
}

enum status sqlite_each(struct sqlite_store *self, sqlite3_stmt *statement,
                        bool (*read)(sqlite3_stmt *row, void *arg), void *arg,
                        struct error_text *error)
{
    bool found, more;
    enum status status;
    do {
        status = sqlite_row(self, statement, &found, error);
        more = found && read(statement, arg);
    } while (more);
    sqlite3_reset(statement);
    return status;
}

void sqlite_text(sqlite3_stmt *row, int column, char *text, size_t size)
{
    const unsigned char *stored = sqlite3_column_text(row, column);
    snprintf(text, size, "%s", stored == NULL ? "" : (const char *)stored);
}

static enum status run_plain(struct sqlite_store *self, enum statement which,
                             struct error_text *error)
{
    return sqlite_run(self, sqlite_statement(self, which), error);
}

enum status sqlite_begin(struct sqlite_store *self, struct error_text *error)
{
    enum status status = turn_take(self->turn, error);
    if (status != STATUS_OK)
        return status;
    status = run_plain(self, STATEMENT_BEGIN, error);
    if (status != STATUS_OK)
        turn_give(self->turn);
    return status;
}

enum status sqlite_end(struct sqlite_store *self, enum status status,
                       struct error_text *error)
{
    if (status == STATUS_OK)
        status = run_plain(self, STATEMENT_COMMIT, error);
    /* Some failures have rolled back already. */
    if (status != STATUS_OK && !sqlite3_get_autocommit(self->db)) {
        enum status rolled = run_plain(self, STATEMENT_ROLLBACK, NULL);
        assert(rolled == STATUS_OK || sqlite3_get_autocommit(self->db));
    }
    turn_give(self->turn);
    return status;
}

/* ---- opening ---- */

static enum status execute(struct sqlite_store *self, const char *sql,
                           struct error_text *error)
{
    return sqlite3_exec(self->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? STATUS_OK
               : sqlite_failure(self, error);
}

static enum status read_number(struct sqlite_store *self, const char *sql, int *number,
                               struct error_text *error)
{
    sqlite3_stmt *statement = NULL;
    bool found = false;
    sqlite3_prepare_v2(self->db, sql, -1, &statement, NULL);
    enum status status = sqlite_row(self, statement, &found, error);
    if (found)
        *number = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return status;
}

static enum status create_schema(struct sqlite_store *self, struct error_text *error)
{
    char stamp[128];
    snprintf(stamp, sizeof stamp, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             APPLICATION_ID, FORMAT);
    enum status status =
        execute(self, "PRAGMA journal_mode = WAL; BEGIN IMMEDIATE;", error);
    if (status == STATUS_OK)
        status = execute(self, schema, error);
    if (status == STATUS_OK)
        status = execute(self, stamp, error);
    if (status == STATUS_OK)
        status = execute(self, "COMMIT;", error);
    if (status != STATUS_OK && !sqlite3_get_autocommit(self->db))
        sqlite3_exec(self->db, "ROLLBACK;", NULL, NULL, NULL);
    return status;
}

/* An empty file becomes a store; anything but our store is left as it is. */
static enum status recognise(struct sqlite_store *self, struct error_text *error)
{
    int application = 0, format = 0, objects = 0;
    enum status status = read_number(self, "PRAGMA application_id", &application, error);
    if (status == STATUS_OK)
        status = read_number(self, "PRAGMA user_version", &format, error);
    if (status == STATUS_OK)
        status = read_number(self, "SELECT count(*) FROM sqlite_schema", &objects, error);
    if (status != STATUS_OK)
        return status;
    if (application == 0 && format == 0 && objects == 0)
        return create_schema(self, error);
    if (application != APPLICATION_ID)
        return error_set(error, STATUS_CORRUPT,
                         "%s is an SQLite file but not a CHW Score store", self->path);
    if (format != FORMAT)
        return error_set(error, STATUS_CORRUPT,
                         "%s is a store of format %d; this program reads format %d",
                         self->path, format, FORMAT);
    return STATUS_OK;
}

static enum status open_turn(struct sqlite_store *self, struct error_text *error)
{
    char path[4200];
    snprintf(path, sizeof path, "%s-turn", self->path);
    return turn_open(path, &self->turn, error);
}

static enum status open_file(struct sqlite_store *self, struct error_text *error)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(self->path, &self->db, flags, NULL) != SQLITE_OK)
        return self->db == NULL ? STATUS_NOMEM : sqlite_failure(self, error);
    sqlite3_extended_result_codes(self->db, 1);
    sqlite3_busy_timeout(self->db, BUSY_MS);
    enum status status = turn_take(self->turn, error);
    if (status != STATUS_OK)
        return status;
    status = recognise(self, error);
    turn_give(self->turn);
    return status == STATUS_OK ? execute(self, "PRAGMA synchronous = FULL;", error)
                               : status;
}

static void sqlite_close(struct store *base)
{
    struct sqlite_store *self = sqlite_store_of(base);
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(self->statements[i]);
    sqlite3_close(self->db);
    if (self->turn >= 0)
        close(self->turn);
    free(self->path);
    free(self);
}

static enum status sqlite_open(const char *path, struct store **out,
                               struct error_text *error)
{
    struct sqlite_store *self = calloc(1, sizeof *self);
    if (self == NULL)
        return STATUS_NOMEM;
    self->base.backend = &store_sqlite;
    self->turn = -1;
    self->path = strdup(path);
    enum status status = self->path == NULL ? STATUS_NOMEM : open_turn(self, error);
    if (status == STATUS_OK)
        status = open_file(self, error);
    if (status != STATUS_OK) {
        sqlite_close(&self->base);
        return status;
    }
    *out = &self->base;
    return STATUS_OK;
}

/* ---- artifacts ---- */

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

static void bind_digest(sqlite3_stmt *statement, int at, const struct digest *digest)
{
    sqlite3_bind_blob(statement, at, digest->bytes, DIGEST_SIZE, SQLITE_STATIC);
}

static void column_digest(sqlite3_stmt *statement, int at, struct digest *digest)
{
    memset(digest, 0, sizeof *digest);
    if (sqlite3_column_bytes(statement, at) == DIGEST_SIZE)
        memcpy(digest->bytes, sqlite3_column_blob(statement, at), DIGEST_SIZE);
}

static enum status put_row(struct sqlite_store *self, const struct artifact *artifact,
                           const void *bytes, struct error_text *error)
{
    sqlite3_stmt *put = sqlite_statement(self, STATEMENT_PUT);
    if (put == NULL)
        return sqlite_failure(self, error);
    sqlite3_bind_int(put, 1, (int)artifact->kind);
    bind_digest(put, 2, &artifact->version);
    bind_text(put, 3, artifact->name);
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
    bind_digest(named, 2, version);
    bind_text(named, 3, name);
    enum status status = sqlite_row(self, named, &found, error);
    sqlite3_reset(named);
    if (status != STATUS_OK || found)
        return status;
    digest_format(version, text);
    return error_set(error, STATUS_NOT_FOUND, "there is no version %.12s of %s", text,
                     name);
}

static enum status sqlite_put(struct store *base, enum artifact_kind kind,
                              const char *name, const struct digest *version,
                              const void *bytes, size_t size, struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    struct artifact artifact = {
        .kind = kind, .version = *version, .size = size, .published_s = time(NULL)};
    snprintf(artifact.name, sizeof artifact.name, "%s", name);
    enum status status = sqlite_begin(self, error);
    if (status != STATUS_OK)
        return status;
    status = put_row(self, &artifact, bytes, error);
    if (status == STATUS_OK && sqlite3_changes(self->db) > 0)
        status = run_plain(self, STATEMENT_GENERATION_NEXT, error);
    else if (status == STATUS_OK) /* there before: under this name? */
        status = check_named(self, kind, name, version, error);
    return sqlite_end(self, status, error);
}

static enum status copy_blob(sqlite3_stmt *statement, uint8_t **bytes, size_t *size)
{
    *size = (size_t)sqlite3_column_bytes(statement, 0);
    *bytes = malloc(*size + 1);
    if (*bytes == NULL)
        return STATUS_NOMEM;
    if (*size > 0)
        memcpy(*bytes, sqlite3_column_blob(statement, 0), *size);
    return STATUS_OK;
}

static enum status sqlite_get(struct store *base, enum artifact_kind kind,
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
    bind_digest(get, 2, version);
    enum status status = sqlite_row(self, get, &found, error);
    if (found)
        status = copy_blob(get, bytes, size);
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
    column_digest(row, 1, &artifact.version);
    artifact.size = (uint64_t)sqlite3_column_int64(row, 2);
    artifact.published_s = sqlite3_column_int64(row, 3);
    return self->visit(self->arg, &artifact);
}

static enum status
sqlite_artifacts(struct store *base, enum artifact_kind kind, const char *name,
                 bool (*visit)(void *arg, const struct artifact *artifact), void *arg,
                 struct error_text *error)
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
    bind_text(statement, 2, alias->name);
    bind_text(statement, 3, alias->alias);
    return statement;
}

/* Where the alias is; *found false: nowhere. */
static enum status alias_top(struct sqlite_store *self, struct alias *alias, bool *found,
                             struct error_text *error)
{
    sqlite3_stmt *top = alias_statement(self, STATEMENT_ALIAS_TOP, alias);
    enum status status = sqlite_row(self, top, found, error);
    if (*found)
        column_digest(top, 0, &alias->version);
    sqlite3_reset(top);
    return status;
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
    sqlite3_stmt *push = alias_statement(self, STATEMENT_ALIAS_PUSH, to);
    if (push != NULL)
        bind_digest(push, 4, &to->version);
    status = sqlite_run(self, push, error);
    return status == STATUS_OK ? run_plain(self, STATEMENT_GENERATION_NEXT, error)
                               : status;
}

static enum status sqlite_alias_move(struct store *base, const struct alias *to,
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
    return status == STATUS_OK ? run_plain(self, STATEMENT_GENERATION_NEXT, error)
                               : status;
}

static enum status sqlite_alias_rollback(struct store *base, struct alias *alias,
                                         struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    enum status status = sqlite_begin(self, error);
    return status == STATUS_OK ? sqlite_end(self, pop_alias(self, alias, error), error)
                               : status;
}

static enum status sqlite_alias_get(struct store *base, struct alias *alias,
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
    column_digest(row, 3, &alias.version);
    return self->visit(self->arg, &alias);
}

static enum status sqlite_aliases(struct store *base,
                                  bool (*visit)(void *arg, const struct alias *alias),
                                  void *arg, struct error_text *error)
{
    struct sqlite_store *self = sqlite_store_of(base);
    struct alias_visit reading = {visit, arg};
    sqlite3_stmt *list = sqlite_statement(self, STATEMENT_ALIASES);
    return sqlite_each(self, list, read_alias, &reading, error);
}

static enum status sqlite_generation(struct store *base, uint64_t *generation,
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

const struct store_backend store_sqlite = {
    .scheme = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .put = sqlite_put,
    .get = sqlite_get,
    .artifacts = sqlite_artifacts,
    .alias_move = sqlite_alias_move,
    .alias_rollback = sqlite_alias_rollback,
    .alias_get = sqlite_alias_get,
    .aliases = sqlite_aliases,
    .generation = sqlite_generation,
    .settle = sqlite_settle,
    .settlement_count = sqlite_settlement_count,
    .demand = sqlite_demand,
    .dead_letters = sqlite_dead_letters,
};
