/* SPDX-License-Identifier: Apache-2.0 */
/* store_backend.h - what a backend implements: store.h, function by function. Private to
 * lib/store. The arguments have been checked by store.c when a backend sees them. */

#ifndef STORE_STORE_BACKEND_H
#define STORE_STORE_BACKEND_H

#include "store/store_copy.h"

/* An entry of a store; one of the pointers is set. */
struct store_entry {
    const struct artifact *artifact;
    const void *bytes; /* of the artifact */
    const struct alias *move;
    const struct settled *settled;
    const struct demand_cell *cell;
    const struct dead_letter *letter;
};

/* The letter of a batch that is settled as DEAD now. */
struct dead_letter dead_letter_of(const struct settle_request *request);

/* Where findings go. */
struct findings {
    void (*visit)(void *arg, const struct store_finding *finding);
    void *arg;
};

void findings_add(const struct findings *self, const char *what, bool missing,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

struct store_backend {
    const char *scheme; /* of the URL, before the colon */
    enum status (*open)(const char *where, struct store **out, struct error_text *error);
    void (*close)(struct store *self);
    /* NULL: the backend forgets nothing that it acknowledged. */
    enum status (*require_durable)(struct store *self, struct error_text *error);
    uint64_t (*setbacks)(const struct store *self);
    enum status (*check)(struct store *self, const struct findings *findings,
                         struct error_text *error);
    /* Wait up to timeout_ms for a hint that the generation has changed; NULL: there are
     * none. */
    void (*await_hint)(struct store *self, int timeout_ms);
    enum status (*put)(struct store *self, enum artifact_kind kind, const char *name,
                       const struct digest *version, const void *bytes, size_t size,
                       struct error_text *error);
    enum status (*get)(struct store *self, enum artifact_kind kind,
                       const struct digest *version, uint8_t **bytes, size_t *size,
                       struct error_text *error);
    enum status (*artifacts)(struct store *self, enum artifact_kind kind,
                             const char *name,
                             bool (*visit)(void *arg, const struct artifact *artifact),
                             void *arg, struct error_text *error);
    enum status (*alias_move)(struct store *self, const struct alias *to,
                              struct error_text *error);
    enum status (*alias_rollback)(struct store *self, struct alias *alias,
                                  struct error_text *error);
    enum status (*alias_get)(struct store *self, struct alias *alias,
                             struct error_text *error);
    enum status (*aliases)(struct store *self,
                           bool (*visit)(void *arg, const struct alias *alias), void *arg,
                           struct error_text *error);
    enum status (*generation)(struct store *self, uint64_t *generation,
                              struct error_text *error);
    enum status (*settle)(struct store *self, const struct settle_request *requests,
                          size_t count, struct settle_result *results,
                          struct error_text *error);
    enum status (*settlement_count)(struct store *self, uint64_t *count,
                                    struct error_text *error);
    enum status (*demand)(struct store *self, int32_t period,
                          bool (*visit)(void *arg, const struct demand_cell *cell),
                          void *arg, struct error_text *error);
    enum status (*settlement_get)(struct store *self, const struct settle_key *key,
                                  struct settlement *out, struct error_text *error);
    enum status (*dead_letter_page)(struct store *self, const struct settle_key *after,
                                    struct dead_letter *page, size_t *count,
                                    struct error_text *error);
    /* *body is NULL where it has no bytes. */
    enum status (*dead_letter_get)(struct store *self, const struct settle_key *key,
                                   struct dead_letter *out, uint8_t **body,
                                   struct error_text *error);
    enum status (*dead_letter_drop)(struct store *self, const struct settle_key *key,
                                    struct error_text *error);
    /* store_copy.h; the order of artifacts is from the oldest to the newest. */
    enum status (*settled)(struct store *self,
                           bool (*visit)(void *arg, const struct settled *settled),
                           void *arg, struct error_text *error);
    enum status (*alias_moves)(struct store *self,
                               bool (*visit)(void *arg, const struct alias *move),
                               void *arg, struct error_text *error);
    /* Another number after every change by anybody else. */
    enum status (*changes)(struct store *self, uint64_t *count, struct error_text *error);
    enum status (*open_to_fill)(const char *where, struct store **out,
                                struct error_text *error);
    enum status (*fill)(struct store *self, const struct store_entry *entry,
                        struct error_text *error);
    /* What was filled in can be read by this handle. */
    enum status (*fill_flush)(struct store *self, struct error_text *error);
    enum status (*fill_end)(struct store *self, struct error_text *error);
};

/* The first member of every backend's own struct. */
struct store {
    const struct store_backend *backend;
};

extern const struct store_backend store_redis;
extern const struct store_backend store_sqlite;

#endif
