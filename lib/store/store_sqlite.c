/* SPDX-License-Identifier: Apache-2.0 */
/* store_sqlite.c - one file, WAL, synchronous=FULL: opening it, statements, transactions.
 *
 * Writers take fair turns (turn.h); readers never wait. */
#include "store/store_sqlite.h"

#include "store/turn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    "  PRIMARY KEY (kind, version, name)) STRICT;"
    /* A stack per alias: a move pushes, a rollback pops, the top is where it is. */
    "CREATE TABLE alias_move (id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT "
    "NULL,"
    "  name TEXT NOT NULL, alias TEXT NOT NULL, version BLOB NOT NULL,"
    "  FOREIGN KEY (kind, version, name) REFERENCES artifact (kind, version, name))"
    "  STRICT;"
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

/* What came after the first release that wrote this format: older ones, which may use the
 * same file during an upgrade, need not know it. */
static const char additions[] =
    "CREATE TABLE IF NOT EXISTS dead_letter_head (client BLOB NOT NULL, sequence INTEGER "
    "NOT NULL,"
    "  buried_s INTEGER NOT NULL, as_of INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    "  records INTEGER NOT NULL, PRIMARY KEY (client, sequence)) STRICT, WITHOUT ROWID;";

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
    case SQLITE_ERROR: /* a statement of ours meets tables that are not ours */
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

/* The errno of the last failure on the files. sqlite3_system_errno() does not tell that
 * of a COMMIT, whose writes go to the log. */
static int file_cause(struct sqlite_store *self)
{
    sqlite3_file *log = NULL;
    int cause = 0;
    sqlite3_file_control(self->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log != NULL && log->pMethods != NULL)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &cause);
    if (cause == 0)
        sqlite3_file_control(self->db, "main", SQLITE_FCNTL_LAST_ERRNO, &cause);
    return cause;
}

/* Zero: none is known; of other codes it would be that of an earlier failure. */
static int cause_of(struct sqlite_store *self, int code)
{
    int cause = (code & 0xff) == SQLITE_IOERR ? file_cause(self) : 0;
    if (cause == 0 && ((code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN))
        cause = sqlite3_system_errno(self->db);
    return cause;
}

enum status sqlite_failure(struct sqlite_store *self, struct error_text *error)
{
    int code = sqlite3_extended_errcode(self->db), cause = cause_of(self, code);
    return error_set(error, status_of(code), "%s: %s%s%s", self->path,
                     sqlite3_errmsg(self->db), cause == 0 ? "" : ": ",
                     cause == 0 ? "" : strerror(cause));
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

enum status sqlite_run_plain(struct sqlite_store *self, enum statement which,
                             struct error_text *error)
{
    return sqlite_run(self, sqlite_statement(self, which), error);
}

enum status sqlite_begin(struct sqlite_store *self, struct error_text *error)
{
    enum status status = turn_take(self->turn, error);
    if (status != STATUS_OK)
        return error_prefix(error, status, "%s", self->path);
    status = sqlite_run_plain(self, STATEMENT_BEGIN, error);
    if (status != STATUS_OK)
        turn_give(self->turn);
    return status;
}

enum status sqlite_end(struct sqlite_store *self, enum status status,
                       struct error_text *error)
{
    if (status == STATUS_OK)
        status = sqlite_run_plain(self, STATEMENT_COMMIT, error);
    /* Some failures have rolled back already. */
    if (status != STATUS_OK && !sqlite3_get_autocommit(self->db)) {
        enum status rolled = sqlite_run_plain(self, STATEMENT_ROLLBACK, NULL);
        assert(rolled == STATUS_OK || sqlite3_get_autocommit(self->db));
    }
    turn_give(self->turn);
    return status;
}

enum status sqlite_each(struct sqlite_store *self, sqlite3_stmt *statement,
                        bool (*read)(sqlite3_stmt *row, void *arg), void *arg,
                        struct error_text *error)
{
    bool found, more = true;
    enum status status;
    do {
        status = sqlite_row(self, statement, &found, error);
        more = found && read(statement, arg);
    } while (more);
    sqlite3_reset(statement);
    return status;
}

sqlite3_int64 sqlite_ordered(uint64_t sequence)
{
    return (sqlite3_int64)(sequence ^ UINT64_C(1) << 63);
}

uint64_t sqlite_unordered(sqlite3_int64 stored)
{
    return (uint64_t)stored ^ UINT64_C(1) << 63;
}

sqlite3_stmt *sqlite_keyed(struct sqlite_store *self, enum statement which,
                           const uint8_t client[16], uint64_t sequence)
{
    enum { CLIENT_SIZE = 16 };
    sqlite3_stmt *statement = sqlite_statement(self, which);
    if (statement == NULL)
        return NULL;
    sqlite3_bind_blob(statement, 1, client, CLIENT_SIZE, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, sqlite_ordered(sequence));
    return statement;
}

void sqlite_bind_string(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

void sqlite_bind_digest(sqlite3_stmt *statement, int at, const struct digest *digest)
{
    sqlite3_bind_blob(statement, at, digest->bytes, DIGEST_SIZE, SQLITE_STATIC);
}

void sqlite_text(sqlite3_stmt *statement, int at, char *text, size_t size)
{
    const unsigned char *stored = sqlite3_column_text(statement, at);
    snprintf(text, size, "%s", stored == NULL ? "" : (const char *)stored);
}

void sqlite_digest(sqlite3_stmt *statement, int at, struct digest *digest)
{
    memset(digest, 0, sizeof *digest);
    if (sqlite3_column_bytes(statement, at) == DIGEST_SIZE)
        memcpy(digest->bytes, sqlite3_column_blob(statement, at), DIGEST_SIZE);
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
    enum status status = execute(self, "BEGIN IMMEDIATE;", error);
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

static enum status out_of_memory(const char *path, struct error_text *error)
{
    return error_set(error, STATUS_NOMEM, "%s: out of memory", path);
}

static enum status open_turn(struct sqlite_store *self, struct error_text *error)
{
    char path[4200];
    snprintf(path, sizeof path, "%s-turn", self->path);
    return turn_open(path, &self->turn, error);
}

/* So that nobody else can read it; SQLite gives its other files the same mode. Only where
 * there is none: closing a file that SQLite has open would end SQLite's locks on it. */
static enum status create_file(struct sqlite_store *self, struct error_text *error)
{
    int fd = open(self->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    else if (errno != EEXIST)
        return error_set(error, STATUS_UNAVAILABLE, "%s: %s", self->path,
                         strerror(errno));
    return STATUS_OK;
}

/* A file system that cannot carry it leaves the mode as it was, without an error. */
static enum status use_wal(struct sqlite_store *self, struct error_text *error)
{
    sqlite3_stmt *statement = NULL;
    char mode[16] = "";
    bool found = false;
    sqlite3_prepare_v2(self->db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
    enum status status = sqlite_row(self, statement, &found, error);
    if (found)
        sqlite_text(statement, 0, mode, sizeof mode);
    sqlite3_finalize(statement);
    if (status != STATUS_OK || strcmp(mode, "wal") == 0)
        return status;
    return error_set(error, STATUS_UNAVAILABLE,
                     "%s: its file system does not allow SQLite's WAL (mode is '%s')",
                     self->path, mode);
}

static enum status open_file(struct sqlite_store *self, struct error_text *error)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    enum status status = create_file(self, error);
    if (status != STATUS_OK)
        return status;
    if (sqlite3_open_v2(self->path, &self->db, flags, NULL) != SQLITE_OK)
        return self->db == NULL ? out_of_memory(self->path, error)
                                : sqlite_failure(self, error);
    sqlite3_extended_result_codes(self->db, 1);
    sqlite3_busy_timeout(self->db, BUSY_MS);
    status = recognise(self, error);
    if (status == STATUS_OK)
        status = use_wal(self, error);
    if (status == STATUS_OK)
        status =
            execute(self, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;", error);
    return status == STATUS_OK ? execute(self, additions, error) : status;
}

/* In turn: of two that make the same store, the second finds it made. */
static enum status open_in_turn(struct sqlite_store *self, struct error_text *error)
{
    enum status status = open_turn(self, error);
    if (status == STATUS_OK)
        status = turn_take(self->turn, error);
    if (status != STATUS_OK)
        return status;
    status = open_file(self, error);
    turn_give(self->turn);
    return status;
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
    if (strcmp(path, ":memory:") == 0)
        return error_set(error, STATUS_INVALID,
                         "sqlite::memory: would keep nothing: give a file's path");
    struct sqlite_store *self = calloc(1, sizeof *self);
    if (self == NULL)
        return out_of_memory(path, error);
    self->base.backend = &store_sqlite;
    self->turn = -1;
    self->path = strdup(path);
    enum status status =
        self->path == NULL ? out_of_memory(path, error) : open_in_turn(self, error);
    if (status != STATUS_OK) {
        sqlite_close(&self->base);
        return status;
    }
    *out = &self->base;
    return STATUS_OK;
}

const struct store_backend store_sqlite = {
    .scheme = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .check = sqlite_check,
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
    .settlement_get = sqlite_settlement_get,
    .dead_letter_page = sqlite_dead_letter_page,
    .dead_letter_get = sqlite_dead_letter_get,
    .dead_letter_drop = sqlite_dead_letter_drop,
    .settled = sqlite_settled,
    .alias_moves = sqlite_alias_moves,
    .changes = sqlite_changes,
    .open_to_fill = sqlite_open_to_fill,
    .fill = sqlite_fill,
    .fill_flush = sqlite_fill_flush,
    .fill_end = sqlite_fill_end,
};
