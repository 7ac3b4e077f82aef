/* SPDX-License-Identifier: Apache-2.0 */
/* redis_server.c - INFO is lines of key:value; conditions in a table. */
#include "store/redis_server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Access control by users came with 6.0, as did what our scripts rely on. */
enum { MAJOR_MIN = 6 };

static bool find(const char *info, const char *key, char *value, size_t size)
{
    size_t key_size = strlen(key);
    for (const char *line = info; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, key_size) != 0 || line[key_size] != ':')
            continue;
        line += key_size + 1;
        snprintf(value, size, "%.*s", (int)strcspn(line, "\r\n"), line);
        return true;
    }
    return false;
}

static bool is(const char *info, const char *key, const char *expected)
{
    char value[32];
    return find(info, key, value, sizeof value) && strcmp(value, expected) == 0;
}

static uint64_t number(const char *info, const char *key)
{
    char value[32];
    return find(info, key, value, sizeof value) ? strtoull(value, NULL, 10) : 0;
}

enum status redis_server_parse(const char *info, struct redis_server *out,
                               struct error_text *error)
{
    static const char *const needed[] = {"redis_version", "run_id",
                                         "role",          "aof_enabled",
                                         "maxmemory",     "maxmemory_policy"};
    char value[32];
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!find(info, needed[i], value, sizeof value))
            return error_set(error, STATUS_MALFORMED, "its INFO has no %s", needed[i]);
    find(info, "redis_version", out->version, sizeof out->version);
    find(info, "maxmemory_policy", out->policy, sizeof out->policy);
    find(info, "run_id", out->run, sizeof out->run);
    if (sscanf(out->version, "%u.%u", &out->major, &out->minor) != 2)
        return error_set(error, STATUS_MALFORMED, "its redis_version is no version");
    out->replica = !is(info, "role", "master");
    out->cluster = is(info, "redis_mode", "cluster");
    out->loading = is(info, "loading", "1");
    out->appends = is(info, "aof_enabled", "1");
    out->writes_fail = is(info, "aof_last_write_status", "err");
    out->rewriting = is(info, "aof_rewrite_in_progress", "1") ||
                     is(info, "aof_rewrite_scheduled", "1");
    out->rewrite_failed = is(info, "aof_last_bgrewrite_status", "err");
    out->replica_count = number(info, "connected_slaves");
    out->maxmemory = number(info, "maxmemory");
    out->used_memory = number(info, "used_memory");
    return STATUS_OK;
}

enum status redis_server_check(const struct redis_server *self, struct error_text *error)
{
    if (self->major < MAJOR_MIN)
        return error_set(error, STATUS_UNAVAILABLE,
                         "it is Redis %s; %d.0 or newer is needed", self->version,
                         MAJOR_MIN);
    if (self->cluster)
        return error_set(error, STATUS_UNAVAILABLE,
                         "it runs in cluster mode; one primary is needed, with replicas "
                         "or without");
    if (self->replica)
        return error_set(error, STATUS_UNAVAILABLE,
                         "it is a replica, which cannot be written to; give the "
                         "primary's address");
    if (self->loading)
        return error_set(error, STATUS_UNAVAILABLE, "it is still loading its data");
    return STATUS_OK;
}

bool redis_server_evicts(const struct redis_server *self)
{
    return self->maxmemory > 0 && strcmp(self->policy, "noeviction") != 0;
}

enum status redis_server_check_durable(const struct redis_server *self,
                                       struct error_text *error)
{
    if (!self->appends)
        return error_set(error, STATUS_UNAVAILABLE,
                         "it keeps no append-only file, so a restart would lose what "
                         "was counted: set `appendonly yes`, or allow it by "
                         "--store-durability weak");
    if (redis_server_evicts(self))
        return error_set(error, STATUS_UNAVAILABLE,
                         "it may evict what was counted (maxmemory %" PRIu64
                         ", maxmemory-policy %s): set `maxmemory-policy noeviction`, or "
                         "allow it by --store-durability weak",
                         self->maxmemory, self->policy);
    return STATUS_OK;
}

const char *redis_server_loses(const struct redis_server *self, const char *fsync)
{
    static const struct {
        const char *fsync, *text;
    } rows[] = {
        {"always", "appendfsync always: neither a crash of Redis nor a power cut loses "
                   "what was acknowledged"},
        {"everysec", "appendfsync everysec: a crash of Redis loses nothing, a power cut "
                     "the last second or two; `appendfsync always` loses nothing"},
        {"no", "appendfsync no: a crash of Redis loses nothing, a power cut what the "
               "system had not written yet; `appendfsync always` loses nothing"},
    };
    if (!self->appends)
        return "none: a restart loses what came since the last snapshot, or all; set "
               "`appendonly yes`";
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(fsync, rows[i].fsync) == 0)
            return rows[i].text;
    return "on; this user may not read appendfsync: `always` survives a power cut, "
           "`everysec` a crash of Redis";
}
