/* SPDX-License-Identifier: Apache-2.0 */
/* redis_server.h - what a Redis says of itself (INFO), and whether a store can live in
 * it. Pure. */

#ifndef STORE_REDIS_SERVER_H
#define STORE_REDIS_SERVER_H

#include "base/error_text.h"

#include <stdbool.h>
#include <stdint.h>

struct redis_server {
    char version[32];
    unsigned major, minor;
    bool replica, cluster, loading;
    bool appends;        /* appendonly yes */
    bool writes_fail;    /* the last write to the append-only file did */
    char run[48];        /* names this start of the server */
    bool rewriting;      /* the append-only file, now or soon */
    bool rewrite_failed; /* the last time */
    uint64_t maxmemory, used_memory, replica_count;
    char policy[32]; /* of eviction */
};

/* From INFO's text. STATUS_MALFORMED: it does not tell what must be known. */
MUST_CHECK enum status redis_server_parse(const char *info, struct redis_server *out,
                                          struct error_text *error);

/* Can it be used at all? STATUS_UNAVAILABLE: somebody has to mend it; `error` says what.
 */
MUST_CHECK enum status redis_server_check(const struct redis_server *self,
                                          struct error_text *error);

/* Can it lose what it has acknowledged, by a restart or by eviction? */
MUST_CHECK enum status redis_server_check_durable(const struct redis_server *self,
                                                  struct error_text *error);

/* May it drop what was stored, to make room? */
bool redis_server_evicts(const struct redis_server *self);

/* What a crash or a power cut loses. `fsync`: its appendfsync, or empty where that may
 * not be asked. */
const char *redis_server_loses(const struct redis_server *self, const char *fsync);

#endif
