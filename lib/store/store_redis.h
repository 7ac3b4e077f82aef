/* SPDX-License-Identifier: Apache-2.0 */
/* store_redis.h - what the files of the Redis backend share. Private to lib/store.
 *
 * What a call changes it changes in one script (redis/ *.lua), which Redis runs as one
 * step. The keys are listed in redis/open.lua. */

#ifndef STORE_STORE_REDIS_H
#define STORE_STORE_REDIS_H

#include "store/redis_link.h"
#include "store/redis_server.h"
#include "store/redis_words.h"
#include "store/store_backend.h"

enum redis_script {
#define SCRIPT(name, text) SCRIPT_##name,
#include "store/redis_scripts.inc"
#undef SCRIPT
    SCRIPT_COUNT
};

enum { REDIS_FORMAT = 1, REDIS_ID_SIZE = 33, SHA1_HEX_SIZE = 41 };

/* What is being filled in. */
struct redis_fill {
    struct redis_words writes; /* not sent yet */
    int64_t artifacts, moves, settlements;
};

struct redis_store {
    struct store base;
    struct redis_url url;
    struct redis_link link;  /* closed: the next call opens it */
    struct redis_link hints; /* subscribed to changes, or closed */
    uint64_t subscribe_ms;   /* not tried again before */
    char id[REDIS_ID_SIZE];  /* the store's, once known: another is not used */
    char scripts[SCRIPT_COUNT][SHA1_HEX_SIZE];
    int64_t commits; /* the highest count that this handle was told */
    uint64_t setbacks;
    bool durable; /* checked at each connection */
    bool filling; /* opened to be filled */
    struct redis_fill fill;
};

/* The handle behind the public one. */
struct redis_store *redis_store_of(struct store *base);

/* Run a command; *reply is the caller's to free with freeReplyObject(), and is no error
 * reply. Frees `words`. STATUS_UNAVAILABLE and the like: `error` says what and where. */
MUST_CHECK enum status redis_run(struct redis_store *self, struct redis_words *words,
                                 redisReply **reply, struct error_text *error);

/* Begin the words of a script's call. Connects: the scripts are known then. */
MUST_CHECK enum status redis_begin_script(struct redis_store *self,
                                          enum redis_script script,
                                          struct redis_words *words,
                                          struct error_text *error);

/* Run a plain command of a few words, NULL-terminated. */
MUST_CHECK enum status redis_ask(struct redis_store *self, const char *const *words,
                                 redisReply **reply, struct error_text *error);

/* What the server says of itself now. */
MUST_CHECK enum status redis_read_server(struct redis_store *self,
                                         struct redis_server *out,
                                         struct error_text *error);

/* A reply that our scripts do not make. */
enum status redis_damaged(const struct redis_store *self, struct error_text *error);

/* The integer of an integer reply or of a text; false: it is neither. */
bool redis_integer(const redisReply *reply, int64_t *out);

/* Words that are written in two places. */
void redis_add_sequence(struct redis_words *words, uint64_t sequence);
void redis_add_record(struct redis_words *words, const struct settle_request *request);
void redis_add_letter(struct redis_words *words, const struct dead_letter *letter);
void redis_add_told(struct redis_words *words, const struct dead_letter *letter);
void redis_add_key(struct redis_words *words, const struct settle_key *key);
void redis_add_names(struct redis_words *words, const struct demand_cell *cell);

/* 32 hexadecimal digits of a client and 16 of a sequence; false: they are not. */
bool redis_read_key(const char *hex, struct settle_key *key);

enum status redis_make(const char *where, bool filling, struct store **out,
                       struct error_text *error);

/* store_redis_copy.c */
enum status redis_settled(struct store *base,
                          bool (*visit)(void *arg, const struct settled *settled),
                          void *arg, struct error_text *error);
enum status redis_alias_moves(struct store *base,
                              bool (*visit)(void *arg, const struct alias *move),
                              void *arg, struct error_text *error);
enum status redis_changes(struct store *base, uint64_t *count, struct error_text *error);
enum status redis_open_to_fill(const char *where, struct store **out,
                               struct error_text *error);
enum status redis_fill(struct store *base, const struct store_entry *entry,
                       struct error_text *error);
enum status redis_fill_flush(struct store *base, struct error_text *error);
enum status redis_fill_end(struct store *base, struct error_text *error);

/* store_redis_check.c */
enum status redis_check(struct store *base, const struct findings *findings,
                        struct error_text *error);

/* store_redis_artifact.c */
enum status redis_put(struct store *base, enum artifact_kind kind, const char *name,
                      const struct digest *version, const void *bytes, size_t size,
                      struct error_text *error);
enum status redis_get(struct store *base, enum artifact_kind kind,
                      const struct digest *version, uint8_t **bytes, size_t *size,
                      struct error_text *error);
enum status redis_artifacts(struct store *base, enum artifact_kind kind, const char *name,
                            bool (*visit)(void *arg, const struct artifact *artifact),
                            void *arg, struct error_text *error);
enum status redis_alias_move(struct store *base, const struct alias *to,
                             struct error_text *error);
enum status redis_alias_rollback(struct store *base, struct alias *alias,
                                 struct error_text *error);
enum status redis_alias_get(struct store *base, struct alias *alias,
                            struct error_text *error);
enum status redis_aliases(struct store *base,
                          bool (*visit)(void *arg, const struct alias *alias), void *arg,
                          struct error_text *error);
enum status redis_generation(struct store *base, uint64_t *generation,
                             struct error_text *error);

/* store_redis_settle.c */
enum status redis_settle(struct store *base, const struct settle_request *requests,
                         size_t count, struct settle_result *results,
                         struct error_text *error);
enum status redis_settlement_count(struct store *base, uint64_t *count,
                                   struct error_text *error);
enum status redis_demand(struct store *base, int32_t period,
                         bool (*visit)(void *arg, const struct demand_cell *cell),
                         void *arg, struct error_text *error);
enum status redis_settlement_get(struct store *base, const struct settle_key *key,
                                 struct settlement *out, struct error_text *error);

/* store_redis_letters.c */
enum status redis_dead_letter_page(struct store *base, const struct settle_key *after,
                                   struct dead_letter *page, size_t *count,
                                   struct error_text *error);
enum status redis_dead_letter_get(struct store *base, const struct settle_key *key,
                                  struct dead_letter *out, uint8_t **body,
                                  struct error_text *error);
enum status redis_dead_letter_drop(struct store *base, const struct settle_key *key,
                                   struct error_text *error);

#endif
