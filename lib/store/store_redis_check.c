/* SPDX-License-Identifier: Apache-2.0 */
/* store_redis_check.c - what a store in Redis promises, for an operator. */
#include "store/store_redis.h"

#include <inttypes.h>
#include <stdio.h>

/* Empty: this user may not ask. */
static enum status read_fsync(struct redis_store *self, char *fsync, size_t size,
                              struct error_text *error)
{
    static const char *const question[] = {"CONFIG", "GET", "appendfsync", NULL};
    redisReply *reply;
    fsync[0] = '\0';
    enum status status = redis_ask(self, question, &reply, error);
    if (status != STATUS_OK)
        return redis_link_is_open(&self->link) ? STATUS_OK : status;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[1]->type == REDIS_REPLY_STRING)
        snprintf(fsync, size, "%s", reply->element[1]->str);
    freeReplyObject(reply);
    return STATUS_OK;
}

static void tell_memory(const struct redis_server *server,
                        const struct findings *findings)
{
    bool evicts = redis_server_evicts(server);
    if (server->maxmemory == 0)
        findings_add(findings, "memory", false,
                     "%" PRIu64 " bytes used, no limit (maxmemory 0): nothing is evicted",
                     server->used_memory);
    else
        findings_add(findings, "memory", evicts,
                     "%" PRIu64 " bytes used of %" PRIu64 ", maxmemory-policy %s: %s",
                     server->used_memory, server->maxmemory, server->policy,
                     evicts ? "what was counted may be evicted; set `maxmemory-policy "
                              "noeviction`"
                            : "when it is full, batches wait");
}

enum status redis_check(struct store *base, const struct findings *findings,
                        struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    struct redis_server server;
    char fsync[16];
    enum status status = redis_read_server(self, &server, error);
    if (status == STATUS_OK)
        status = read_fsync(self, fsync, sizeof fsync, error);
    if (status != STATUS_OK)
        return status;
    findings_add(findings, "store", false, "%s", self->url.shown);
    findings_add(findings, "kind", false,
                 "Redis %s, for several machines; format %d of store %.8s",
                 server.version, REDIS_FORMAT, self->id);
    findings_add(findings, "role", false,
                 "primary, %" PRIu64 " replicas connected; what a failover loses is "
                 "noticed, not prevented",
                 server.replica_count);
    findings_add(findings, "append-only file", !server.appends, "%s",
                 redis_server_loses(&server, fsync));
    if (server.writes_fail)
        findings_add(findings, "disk", true,
                     "its last write failed: see the log of Redis");
    tell_memory(&server, findings);
    return STATUS_OK;
}
