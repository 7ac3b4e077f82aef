/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - what outlives the processes: artifacts and their aliases, settlements,
 * demand.
 *
 * One contract, a backend per URL scheme, the same contract tests for each:
 * tests/unit/test_store.c and test_store_shared.c. To add a backend: a file
 * store_<scheme>.c, a row in store.c, a row in tests/unit/store_fixture.c.
 *
 *      sqlite:PATH                                   a file, made where there is none
 *      redis://[USER:PASSWORD@]HOST[:PORT][/DB]      a Redis, 6.0 or newer
 *      redis://[USER:PASSWORD@]/SOCKET[?db=DB]       the same by a local socket
 *
 * A store handle belongs to one thread; any number of threads and processes may each open
 * the same store. Every function that changes something does so in one transaction: after
 * an error nothing has changed. STATUS_UNAVAILABLE: the store is away, busy or full now,
 * and the same call may succeed later; `error` says what happened. A visitor must not use
 * the handle that calls it.
 *
 * An artifact is immutable bytes under (kind, name, version = SHA-256 of the bytes). An
 * alias is a movable name for a version: moving it is the deployment, moving it back the
 * rollback.
 *
 * The settlement (docs/architecture.md): a batch ends once, under its key; the first
 * writer wins, and its demand is added in the same transaction.
 *
 *                 settle, first                    settle again
 *   (no record) ----------------> COUNTED/INVALID/DEAD -------> DUPLICATE (same body)
 *                                    |                          REUSED (another body)
 *                                    | acked_below passes the key: the record is pruned
 *                                    v
 *                              ACKNOWLEDGED (anything below the client's watermark) */

#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/crypto.h"
#include "base/error_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

enum {
    STORE_NAME_MAX = 63, /* names and aliases: [a-z0-9][a-z0-9._-]* */
    STORE_REGION_MAX = 63,
    STORE_REASON_MAX = 255,
    STORE_TARGETS_MAX = 16, /* of one settlement */
    STORE_TIER_MAX = 31,    /* bytes of a tier's name */
    STORE_ARTIFACT_MAX = 256 << 20,
};

/* What an address may be, for --help. */
#define STORE_URL_FORMS "sqlite:PATH or redis://HOST:PORT/DB"

/* Opens or creates. STATUS_INVALID: the URL; STATUS_UNAVAILABLE, STATUS_CORRUPT (not a
 * store, or of another format): `error` says what and where. */
MUST_CHECK enum status store_open(const char *url, struct store **out,
                                  struct error_text *error);
void store_close(struct store *self);

/* For who settles: from now on this handle works only while the store is set up to keep
 * what it has acknowledged. STATUS_UNAVAILABLE: it is not; `error` says what is missing.
 * Checked again whenever the store comes back. */
MUST_CHECK enum status store_require_durable(struct store *self,
                                             struct error_text *error);

/* How often the store came back without commits that this handle had been told of. */
uint64_t store_setbacks(const struct store *self);

/* A line of what a store is and keeps. */
struct store_finding {
    const char *what; /* a word or two */
    char text[256];
    bool missing; /* for this, who settles is refused unless told to be content */
};

/* Everything an operator should know of it: where it is, what it loses when things end
 * badly, how much it holds. */
MUST_CHECK enum status store_check(struct store *self,
                                   void (*visit)(void *arg,
                                                 const struct store_finding *finding),
                                   void *arg, struct error_text *error);

/* True for 1 to STORE_NAME_MAX bytes of [a-z0-9][a-z0-9._-]*. */
bool store_name_is_valid(const char *name);

/* ---- artifacts ---- */

enum artifact_kind {
    ARTIFACT_MODEL,
    ARTIFACT_PROGRAM,
    ARTIFACT_PLAN,
    ARTIFACT_KIND_COUNT
};

/* Programs are one artifact name with one alias; so are plans. */
#define STORE_PROGRAM_NAME "default"
#define STORE_PROGRAM_ALIAS "current"
#define STORE_PLAN_NAME "default"
#define STORE_PLAN_ALIAS "current"

struct artifact {
    enum artifact_kind kind;
    char name[STORE_NAME_MAX + 1];
    struct digest version;
    uint64_t size;
    int64_t published_s; /* seconds since 1970, UTC, by the publisher's clock */
};

struct alias {
    enum artifact_kind kind;
    char name[STORE_NAME_MAX + 1];
    char alias[STORE_NAME_MAX + 1];
    struct digest version;
};

/* Publishing the same bytes again is no change. */
MUST_CHECK enum status store_put(struct store *self, enum artifact_kind kind,
                                 const char *name, const void *bytes, size_t size,
                                 struct digest *version, struct error_text *error);

/* *bytes is the caller's to free. STATUS_NOT_FOUND; STATUS_CORRUPT: the digest differs.
 */
MUST_CHECK enum status store_get(struct store *self, enum artifact_kind kind,
                                 const struct digest *version, uint8_t **bytes,
                                 size_t *size, struct error_text *error);

/* Newest first. `name` NULL: all. The visitor returns false to stop. */
MUST_CHECK enum status
store_artifacts(struct store *self, enum artifact_kind kind, const char *name,
                bool (*visit)(void *arg, const struct artifact *artifact), void *arg,
                struct error_text *error);

/* STATUS_NOT_FOUND: no such artifact under that name. Moving to where it is, is no
 * change. */
MUST_CHECK enum status store_alias_move(struct store *self, enum artifact_kind kind,
                                        const char *name, const char *alias,
                                        const struct digest *version,
                                        struct error_text *error);

/* Back to the version before the last move; *version is where it is now. Two rollbacks go
 * two moves back. STATUS_NOT_FOUND: no such alias, or nothing before. */
MUST_CHECK enum status store_alias_rollback(struct store *self, enum artifact_kind kind,
                                            const char *name, const char *alias,
                                            struct digest *version,
                                            struct error_text *error);

MUST_CHECK enum status store_alias_get(struct store *self, enum artifact_kind kind,
                                       const char *name, const char *alias,
                                       struct digest *version, struct error_text *error);

/* By kind, name, alias. */
MUST_CHECK enum status store_aliases(struct store *self,
                                     bool (*visit)(void *arg, const struct alias *alias),
                                     void *arg, struct error_text *error);

/* Grows with each published artifact and each moved alias. */
MUST_CHECK enum status store_generation(struct store *self, uint64_t *generation,
                                        struct error_text *error);

/* Wait until the generation differs from `known`, or timeout_ms; *generation is what it
 * is then. Returns at once, as well, when *stop becomes true. Sees a change within 250
 * ms. */
MUST_CHECK enum status store_watch(struct store *self, uint64_t known,
                                   uint32_t timeout_ms, const _Atomic bool *stop,
                                   uint64_t *generation, struct error_text *error);

/* ---- settlement ---- */

struct settle_key {
    uint8_t client[16];
    uint64_t sequence;
};

enum settle_outcome { SETTLE_COUNTED = 1, SETTLE_INVALID = 2, SETTLE_DEAD = 3 };

struct demand_cell {
    int32_t period; /* year * 100 + month */
    char region[STORE_REGION_MAX + 1];
    char target[STORE_NAME_MAX + 1];
    char tier[STORE_TIER_MAX + 1];
    int64_t people; /* scorings, until pseudonyms arrive; none of the sums is negative */
    int64_t sum_p;  /* of llrint(p * 2^32) */
    int64_t sum_pq; /* of llrint(p * (1 - p) * 2^32) */
};

struct settle_target {
    char name[STORE_NAME_MAX + 1];
    struct digest version;
};

/* What a settlement records. */
struct settlement {
    enum settle_outcome outcome;
    char reason[STORE_REASON_MAX + 1]; /* empty when COUNTED */
    int32_t period;
    bool has_program;
    struct digest program;
    struct settle_target targets[STORE_TARGETS_MAX];
    size_t target_count;
};

struct settle_request {
    uint8_t client[16];
    uint64_t sequence;
    uint64_t acked_below; /* at most sequence */
    struct digest body;   /* digest_body() of the batch */
    struct settlement settlement;
    const char *region;
    const struct demand_cell *demand; /* added when COUNTED; borrowed */
    size_t demand_count;
    const uint8_t *dead_body; /* DEAD only, to the end: the dead letter; borrowed */
    size_t dead_size;
    int32_t dead_as_of;
    uint32_t dead_attempts;
    uint32_t dead_records;
};

enum settle_verdict {
    SETTLED_FIRST,        /* recorded as asked, and its demand added */
    SETTLED_DUPLICATE,    /* settled before: `settlement` is what was recorded then */
    SETTLED_REUSED,       /* settled before with another body: nothing recorded */
    SETTLED_ACKNOWLEDGED, /* below the client's watermark: nothing recorded */
};

struct settle_result {
    enum settle_verdict verdict;
    struct settlement settlement; /* FIRST and DUPLICATE */
};

/* Settle `count` requests, in order, in one transaction (group commit): all or, on an
 * error, none. Each moves its client's watermark to acked_below if that is higher, and
 * prunes the settlements below it. Processes take fair turns. */
MUST_CHECK enum status store_settle(struct store *self,
                                    const struct settle_request *requests, size_t count,
                                    struct settle_result *results,
                                    struct error_text *error);

/* Settlements that are recorded and not pruned; for tests and operators. */
MUST_CHECK enum status store_settlement_count(struct store *self, uint64_t *count,
                                              struct error_text *error);

/* What is recorded under a key now. STATUS_NOT_FOUND: nothing, or it is pruned. */
MUST_CHECK enum status store_settlement_get(struct store *self,
                                            const struct settle_key *key,
                                            struct settlement *out,
                                            struct error_text *error);

/* By period, region, target, tier. `period` 0: all. */
MUST_CHECK enum status store_demand(struct store *self, int32_t period,
                                    bool (*visit)(void *arg,
                                                  const struct demand_cell *cell),
                                    void *arg, struct error_text *error);

/* ---- dead letters: the batches that were given up, by key ---- */

struct dead_letter {
    struct settle_key key;
    char region[STORE_REGION_MAX + 1];
    char reason[STORE_REASON_MAX + 1];
    int64_t buried_s;  /* seconds since 1970, UTC, by the worker's clock; 0: by a release
                        * that kept neither this nor the next three */
    int32_t as_of;     /* the batch's day, in days since 1970-01-01 */
    uint32_t attempts; /* workers that it cost */
    uint32_t records;  /* that it said it has; 0: not known */
    const uint8_t *body; /* borrowed; NULL in a page */
    size_t size;
};

enum { STORE_LETTERS_PAGE = 64 };

/* The letters behind `after` (NULL: from the first), at most STORE_LETTERS_PAGE, without
 * their bodies. *count 0: there are no more. */
MUST_CHECK enum status store_dead_letter_page(struct store *self,
                                              const struct settle_key *after,
                                              struct dead_letter *page, size_t *count,
                                              struct error_text *error);

/* One letter; *body, which is its body, is the caller's to free. STATUS_NOT_FOUND. */
MUST_CHECK enum status store_dead_letter_get(struct store *self,
                                             const struct settle_key *key,
                                             struct dead_letter *out, uint8_t **body,
                                             struct error_text *error);

/* Its settlement stays, so that the batch stays dead under this key. STATUS_NOT_FOUND. */
MUST_CHECK enum status store_dead_letter_drop(struct store *self,
                                              const struct settle_key *key,
                                              struct error_text *error);

/* Every letter with its body, one in memory at a time. */
MUST_CHECK enum status store_dead_letters(struct store *self,
                                          bool (*visit)(void *arg,
                                                        const struct dead_letter *letter),
                                          void *arg, struct error_text *error);

#endif
