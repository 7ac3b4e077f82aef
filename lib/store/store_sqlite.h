/* SPDX-License-Identifier: Apache-2.0 */
/* store_sqlite.h - what the files of the SQLite backend share. Private to lib/store. */

#ifndef STORE_STORE_SQLITE_H
#define STORE_STORE_SQLITE_H

#include "store/store_backend.h"

#include <sqlite3.h>

/* Without the body: the length alone is read without it. */
#define LETTER_COLUMNS                                                                   \
    "SELECT dead_letter.client, dead_letter.sequence, region, reason, length(body), "    \
    "buried_s, as_of, attempts, records FROM dead_letter "                               \
    "LEFT JOIN dead_letter_head USING (client, sequence) "

/* Every statement: X(name, sql). Prepared when first used, kept until the handle closes.
 */
#define STATEMENT_LIST(X)                                                                \
    X(BEGIN, "BEGIN IMMEDIATE")                                                          \
    X(COMMIT, "COMMIT")                                                                  \
    X(ROLLBACK, "ROLLBACK")                                                              \
    X(GENERATION, "SELECT value FROM meta WHERE key = 'generation'")                     \
    X(GENERATION_NEXT, "UPDATE meta SET value = value + 1 WHERE key = 'generation'")     \
    X(PUT,                                                                               \
      "INSERT INTO artifact VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING")     \
    X(GET, "SELECT bytes FROM artifact WHERE kind = ?1 AND version = ?2")                \
    X(NAMED, "SELECT 1 FROM artifact WHERE kind = ?1 AND version = ?2 AND name = ?3")    \
    X(ARTIFACTS,                                                                         \
      "SELECT name, version, size, published_s FROM artifact WHERE kind = ?1 "           \
      "AND (?2 IS NULL OR name = ?2) ORDER BY published_s DESC, rowid DESC")             \
    X(ALIAS_PUSH,                                                                        \
      "INSERT INTO alias_move (kind, name, alias, version) VALUES (?1, ?2, ?3, ?4)")     \
    X(ALIAS_POP, "DELETE FROM alias_move WHERE id = (SELECT max(id) FROM alias_move "    \
                 "WHERE kind = ?1 AND name = ?2 AND alias = ?3)")                        \
    X(ALIAS_TOP,                                                                         \
      "SELECT version FROM alias_move WHERE kind = ?1 AND name = ?2 AND alias = ?3 "     \
      "ORDER BY id DESC LIMIT 1")                                                        \
    X(ALIASES, "SELECT kind, name, alias, version, max(id) FROM alias_move "             \
               "GROUP BY kind, name, alias ORDER BY kind, name, alias")                  \
    X(WATERMARK, "SELECT acked_below FROM client WHERE client = ?1")                     \
    X(WATERMARK_SET,                                                                     \
      "INSERT INTO client VALUES (?1, ?2) "                                              \
      "ON CONFLICT (client) DO UPDATE SET acked_below = excluded.acked_below")           \
    X(PRUNE, "DELETE FROM settlement WHERE client = ?1 AND sequence < ?2")               \
    X(SETTLE, "INSERT INTO settlement VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "          \
              "ON CONFLICT DO NOTHING")                                                  \
    X(SETTLED, "SELECT body, outcome, reason, period, program, targets FROM settlement " \
               "WHERE client = ?1 AND sequence = ?2")                                    \
    X(SETTLEMENTS, "SELECT count(*) FROM settlement")                                    \
    X(DEMAND_ADD, "INSERT INTO demand VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "              \
                  "ON CONFLICT (period, region, target, tier) DO UPDATE SET "            \
                  "people = people + excluded.people, sum_p = sum_p + excluded.sum_p, "  \
                  "sum_pq = sum_pq + excluded.sum_pq")                                   \
    X(DEMAND, "SELECT period, region, target, tier, people, sum_p, sum_pq FROM demand "  \
              "WHERE ?1 = 0 OR period = ?1 ORDER BY period, region, target, tier")       \
    X(BURY, "INSERT INTO dead_letter VALUES (?1, ?2, ?3, ?4, ?5)")                       \
    X(SETTLED_ALL,                                                                       \
      "SELECT body, outcome, reason, period, program, targets, settlement.client, "      \
      "sequence, acked_below FROM settlement LEFT JOIN client USING (client) "           \
      "ORDER BY settlement.client, sequence")                                            \
    X(ALIAS_MOVES, "SELECT kind, name, alias, version FROM alias_move "                  \
                   "ORDER BY kind, name, alias, id")                                     \
    X(DATA_VERSION, "PRAGMA data_version")                                               \
    X(HELD, "SELECT EXISTS (SELECT 1 FROM artifact) + EXISTS (SELECT 1 FROM client) + "  \
            "EXISTS (SELECT 1 FROM settlement) + EXISTS (SELECT 1 FROM demand) + "       \
            "EXISTS (SELECT 1 FROM dead_letter)")                                        \
    X(BURY_HEAD,                                                                         \
      "INSERT OR REPLACE INTO dead_letter_head VALUES (?1, ?2, ?3, ?4, ?5, ?6)")         \
    X(LETTER_PAGE, LETTER_COLUMNS "WHERE (dead_letter.client, dead_letter.sequence) > "  \
                                  "(?1, ?2) ORDER BY dead_letter.client, "               \
                                  "dead_letter.sequence LIMIT ?3")                       \
    X(LETTER,                                                                            \
      LETTER_COLUMNS "WHERE dead_letter.client = ?1 AND dead_letter.sequence = ?2")      \
    X(LETTER_BODY, "SELECT body FROM dead_letter WHERE client = ?1 AND sequence = ?2")   \
    X(LETTER_DROP, "DELETE FROM dead_letter WHERE client = ?1 AND sequence = ?2")        \
    X(LETTER_HEAD_DROP,                                                                  \
      "DELETE FROM dead_letter_head WHERE client = ?1 AND sequence = ?2")

enum statement {
#define STATEMENT_ENUM(name, sql) STATEMENT_##name,
    STATEMENT_LIST(STATEMENT_ENUM)
#undef STATEMENT_ENUM
        STATEMENT_COUNT
};

struct sqlite_store {
    struct store base;
    char *path;
    sqlite3 *db;
    int turn; /* the file of fair turns, or -1 */
    sqlite3_stmt *statements[STATEMENT_COUNT];
};

/* The handle behind the public one. */
struct sqlite_store *sqlite_store_of(struct store *base);

/* The status of a result code, and a sentence naming the file and the cause. */
enum status sqlite_failure(struct sqlite_store *self, struct error_text *error);

/* A statement ready to be bound; NULL: sqlite_failure() says why. */
sqlite3_stmt *sqlite_statement(struct sqlite_store *self, enum statement which);

/* Run a bound statement to its first row and no further: true when there is one. Whoever
 * gets a row reads it and calls sqlite3_reset. */
MUST_CHECK enum status sqlite_row(struct sqlite_store *self, sqlite3_stmt *statement,
                                  bool *found, struct error_text *error);

/* Run a bound statement that gives no rows. */
MUST_CHECK enum status sqlite_run(struct sqlite_store *self, sqlite3_stmt *statement,
                                  struct error_text *error);

MUST_CHECK enum status sqlite_run_plain(struct sqlite_store *self, enum statement which,
                                        struct error_text *error);

/* Call `read` for each row until it returns false. */
MUST_CHECK enum status sqlite_each(struct sqlite_store *self, sqlite3_stmt *statement,
                                   bool (*read)(sqlite3_stmt *row, void *arg), void *arg,
                                   struct error_text *error);

/* SQLite's integers are signed: this keeps the order of the unsigned ones. */
sqlite3_int64 sqlite_ordered(uint64_t sequence);
uint64_t sqlite_unordered(sqlite3_int64 stored);

/* Ready, with client and sequence bound as ?1 and ?2. */
sqlite3_stmt *sqlite_keyed(struct sqlite_store *self, enum statement which,
                           const uint8_t client[16], uint64_t sequence);

/* Bind, borrowed until the statement is bound anew; and copy out of a row. */
void sqlite_bind_string(sqlite3_stmt *statement, int at, const char *text);
void sqlite_bind_digest(sqlite3_stmt *statement, int at, const struct digest *digest);
void sqlite_text(sqlite3_stmt *statement, int at, char *text, size_t size);
void sqlite_digest(sqlite3_stmt *statement, int at, struct digest *digest);

/* Take a turn, begin; and end it: commit when `status` is OK, else roll back. Returns how
 * it ended. */
MUST_CHECK enum status sqlite_begin(struct sqlite_store *self, struct error_text *error);
MUST_CHECK enum status sqlite_end(struct sqlite_store *self, enum status status,
                                  struct error_text *error);

/* Rows of what was checked before, in the transaction that is open. */
MUST_CHECK enum status sqlite_insert_artifact(struct sqlite_store *self,
                                              const struct artifact *artifact,
                                              const void *bytes,
                                              struct error_text *error);
MUST_CHECK enum status sqlite_push_move(struct sqlite_store *self, const struct alias *to,
                                        struct error_text *error);
MUST_CHECK enum status sqlite_insert_settlement(struct sqlite_store *self,
                                                const struct settle_request *request,
                                                struct error_text *error);
MUST_CHECK enum status sqlite_raise_watermark(struct sqlite_store *self,
                                              const struct settle_request *request,
                                              struct error_text *error);
MUST_CHECK enum status sqlite_add_cell(struct sqlite_store *self,
                                       const struct demand_cell *cell,
                                       struct error_text *error);
MUST_CHECK enum status sqlite_bury(struct sqlite_store *self,
                                   const struct dead_letter *letter,
                                   struct error_text *error);

/* store_sqlite_copy.c */
enum status sqlite_alias_moves(struct store *base,
                               bool (*visit)(void *arg, const struct alias *move),
                               void *arg, struct error_text *error);
enum status sqlite_changes(struct store *base, uint64_t *count, struct error_text *error);
enum status sqlite_open_to_fill(const char *path, struct store **out,
                                struct error_text *error);
enum status sqlite_fill(struct store *base, const struct store_entry *entry,
                        struct error_text *error);
enum status sqlite_fill_flush(struct store *base, struct error_text *error);
enum status sqlite_fill_end(struct store *base, struct error_text *error);

/* store_sqlite_check.c */
enum status sqlite_check(struct store *base, const struct findings *findings,
                         struct error_text *error);

/* store_sqlite_artifact.c */
enum status sqlite_put(struct store *base, enum artifact_kind kind, const char *name,
                       const struct digest *version, const void *bytes, size_t size,
                       struct error_text *error);
enum status sqlite_get(struct store *base, enum artifact_kind kind,
                       const struct digest *version, uint8_t **bytes, size_t *size,
                       struct error_text *error);
enum status sqlite_artifacts(struct store *base, enum artifact_kind kind,
                             const char *name,
                             bool (*visit)(void *arg, const struct artifact *artifact),
                             void *arg, struct error_text *error);
enum status sqlite_alias_move(struct store *base, const struct alias *to,
                              struct error_text *error);
enum status sqlite_alias_rollback(struct store *base, struct alias *alias,
                                  struct error_text *error);
enum status sqlite_alias_get(struct store *base, struct alias *alias,
                             struct error_text *error);
enum status sqlite_aliases(struct store *base,
                           bool (*visit)(void *arg, const struct alias *alias), void *arg,
                           struct error_text *error);
enum status sqlite_generation(struct store *base, uint64_t *generation,
                              struct error_text *error);

/* store_sqlite_settle.c */
enum status sqlite_settle(struct store *base, const struct settle_request *requests,
                          size_t count, struct settle_result *results,
                          struct error_text *error);
enum status sqlite_settlement_count(struct store *base, uint64_t *count,
                                    struct error_text *error);
enum status sqlite_demand(struct store *base, int32_t period,
                          bool (*visit)(void *arg, const struct demand_cell *cell),
                          void *arg, struct error_text *error);
enum status sqlite_settled(struct store *base,
                           bool (*visit)(void *arg, const struct settled *settled),
                           void *arg, struct error_text *error);
enum status sqlite_settlement_get(struct store *base, const struct settle_key *key,
                                  struct settlement *out, struct error_text *error);

/* store_sqlite_letters.c */
enum status sqlite_dead_letter_page(struct store *base, const struct settle_key *after,
                                    struct dead_letter *page, size_t *count,
                                    struct error_text *error);
enum status sqlite_dead_letter_get(struct store *base, const struct settle_key *key,
                                   struct dead_letter *out, uint8_t **body,
                                   struct error_text *error);
enum status sqlite_dead_letter_drop(struct store *base, const struct settle_key *key,
                                    struct error_text *error);

#endif
