/* SPDX-License-Identifier: Apache-2.0 */
/* store_redis.c - connected when it is needed, and each time a check that this is the
 * store it was and may be counted in. */
#include "store/store_redis.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUBSCRIBE_MS = 1000, REWRITE_MS = 5000, REWRITE_LOOK_MS = 5 };

static const struct {
    const char *text;
    size_t size;
} scripts[] = {
#define SCRIPT(name, text) {text, sizeof text - 1},
#include "store/redis_scripts.inc"
#undef SCRIPT
};

struct redis_store *redis_store_of(struct store *base)
{
    assert(base->backend == &store_redis);
    return (struct redis_store *)(void *)base; /* its first member */
}

enum status redis_damaged(const struct redis_store *self, struct error_text *error)
{
    return error_set(error, STATUS_CORRUPT,
                     "%s: its keys chw:* are damaged or of another format",
                     self->url.shown);
}

bool redis_integer(const redisReply *reply, int64_t *out)
{
    if (reply->type == REDIS_REPLY_INTEGER) {
        *out = reply->integer;
        return true;
    }
    char *end;
    if (reply->type != REDIS_REPLY_STRING || reply->len == 0)
        return false;
    *out = strtoll(reply->str, &end, 10);
    return end == reply->str + reply->len;
}

static enum status ask_server(struct redis_store *self, struct redis_server *out,
                              struct error_text *error)
{
    redisReply *reply;
    enum status status =
        redis_link_ask(&self->link, (const char *[]){"INFO", NULL}, &reply, error);
    if (status != STATUS_OK)
        return status;
    status = reply->type == REDIS_REPLY_STRING
                 ? redis_server_parse(reply->str, out, error)
                 : error_set(error, STATUS_MALFORMED, "its INFO is no text");
    freeReplyObject(reply);
    return status == STATUS_OK
               ? STATUS_OK
               : error_prefix(error, STATUS_UNAVAILABLE, "%s", self->url.shown);
}

static enum status check_server(struct redis_store *self, struct error_text *error)
{
    struct redis_server server;
    enum status status = ask_server(self, &server, error);
    if (status != STATUS_OK)
        return status;
    status = redis_server_check(&server, error);
    if (status == STATUS_OK && self->durable)
        status = redis_server_check_durable(&server, error);
    return status == STATUS_OK
               ? STATUS_OK
               : error_prefix(error, STATUS_UNAVAILABLE, "%s", self->url.shown);
}

static enum status load_scripts(struct redis_store *self, struct error_text *error)
{
    static const char *const load[] = {"SCRIPT", "LOAD"};
    for (size_t i = 0; i < SCRIPT_COUNT; i++) {
        const char *words[] = {load[0], load[1], scripts[i].text};
        const size_t sizes[] = {strlen(load[0]), strlen(load[1]), scripts[i].size};
        redisReply *reply;
        enum status status = redis_link_run(&self->link, 3, words, sizes, &reply, error);
        if (status != STATUS_OK)
            return status;
        bool loaded =
            reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS;
        snprintf(self->scripts[i], sizeof self->scripts[i], "%s",
                 loaded ? reply->str : "");
        freeReplyObject(reply);
    }
    return STATUS_OK;
}

/* ---- is this the store it was? ---- */

static void make_id(char id[REDIS_ID_SIZE])
{
    uint8_t bytes[(REDIS_ID_SIZE - 1) / 2];
    random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(id + 2 * i, 3, "%02x", (unsigned)bytes[i]);
}

static void note_commits(struct redis_store *self, int64_t commits)
{
    if (commits < self->commits) {
        self->setbacks++;
        log_error("store_went_back",
                  "store=%s commits=%" PRId64 " acknowledged=%" PRId64
                  " reason=\"it came back without its last commits: what they counted "
                  "is lost\"",
                  self->url.shown, commits, self->commits);
    }
    self->commits = commits;
}

/* A store that is empty or another one must not be counted in, nor its models be
 * unloaded for it: it stays away until somebody brings it back, or starts anew. */
static enum status check_identity(struct redis_store *self, const redisReply *reply,
                                  struct error_text *error)
{
    int64_t format, commits;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
        return redis_damaged(self, error);
    const redisReply *id = reply->element[1];
    bool known = self->id[0] != '\0';
    if (id->type != REDIS_REPLY_STRING || (known && strcmp(id->str, self->id) != 0))
        return error_set(
            error, STATUS_UNAVAILABLE,
            "%s: it is not the store it was: it has lost its data (a restart "
            "without its append-only file?); bring the data back, or "
            "restart this program to begin with what is there",
            self->url.shown);
    if (!redis_integer(reply->element[0], &format) ||
        !redis_integer(reply->element[2], &commits) || id->len != REDIS_ID_SIZE - 1)
        return redis_damaged(self, error);
    if (format == 0)
        return error_set(error, STATUS_UNAVAILABLE,
                         "%s: a copy into it goes on, or was not finished: run `chw "
                         "store copy` into it again",
                         self->url.shown);
    if (format != REDIS_FORMAT)
        return error_set(error, STATUS_CORRUPT,
                         "%s: the store in it has format %" PRId64
                         ", this program knows %d",
                         self->url.shown, format, REDIS_FORMAT);
    memcpy(self->id, id->str, REDIS_ID_SIZE);
    note_commits(self, commits);
    return STATUS_OK;
}

/* The store is made anew, with an id that it keeps. */
static enum status begin_to_fill(struct redis_store *self, struct error_text *error)
{
    redisReply *reply;
    make_id(self->id);
    enum status status =
        redis_link_ask(&self->link,
                       (const char *[]){"EVALSHA", self->scripts[SCRIPT_FILL_BEGIN], "0",
                                        self->id, NULL},
                       &reply, error);
    if (status != STATUS_OK)
        return status;
    bool begun = reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
    freeReplyObject(reply);
    return begun ? STATUS_OK
                 : error_set(error, STATUS_TAKEN,
                             "%s is not empty: a copy needs an empty store",
                             self->url.shown);
}

static enum status open_store(struct redis_store *self, struct error_text *error)
{
    if (self->filling && self->id[0] == '\0')
        return begin_to_fill(self, error);
    char id[REDIS_ID_SIZE] = "";
    redisReply *reply;
    if (self->id[0] == '\0')
        make_id(id);
    enum status status = redis_link_ask(
        &self->link,
        (const char *[]){"EVALSHA", self->scripts[SCRIPT_OPEN], "0", id, NULL}, &reply,
        error);
    if (status != STATUS_OK)
        return status;
    status = check_identity(self, reply, error);
    freeReplyObject(reply);
    return status;
}

/* ---- a sound append-only file ---- */

static bool is_text(const redisReply *reply, const char *text)
{
    return reply->type == REDIS_REPLY_STRING && strcmp(reply->str, text) == 0;
}

static enum status note_run(struct redis_store *self, const char *field, const char *run,
                            struct error_text *error)
{
    redisReply *reply;
    enum status status = redis_link_ask(
        &self->link, (const char *[]){"HSET", "chw:meta", field, run, NULL}, &reply,
        error);
    if (status == STATUS_OK)
        freeReplyObject(reply);
    return status;
}

/* Whether the file has been rewritten, and whether that was begun, in this run. */
static enum status read_runs(struct redis_store *self, const char *run, bool *done,
                             bool *begun, struct error_text *error)
{
    redisReply *reply;
    enum status status = redis_link_ask(
        &self->link,
        (const char *[]){"HMGET", "chw:meta", "rewritten", "rewriting", NULL}, &reply,
        error);
    if (status != STATUS_OK)
        return status;
    bool sound = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
    *done = sound && is_text(reply->element[0], run);
    *begun = sound && is_text(reply->element[1], run);
    freeReplyObject(reply);
    return sound ? STATUS_OK : redis_damaged(self, error);
}

static enum status begin_rewrite(struct redis_store *self, const char *run,
                                 struct error_text *error)
{
    redisReply *reply;
    enum status status = redis_link_ask(
        &self->link, (const char *[]){"BGREWRITEAOF", NULL}, &reply, error);
    if (status == STATUS_OK)
        freeReplyObject(reply);
    else if (status != STATUS_TAKEN) /* another handle has begun it */
        return status;
    return note_run(self, "rewriting", run, error);
}

static enum status await_rewrite(struct redis_store *self, struct error_text *error)
{
    struct redis_server server;
    uint64_t end_ms = clock_monotonic_ms() + REWRITE_MS;
    for (;;) {
        enum status status = ask_server(self, &server, error);
        if (status != STATUS_OK)
            return status;
        if (server.rewrite_failed && !server.rewriting)
            return error_set(error, STATUS_UNAVAILABLE,
                             "%s: it cannot rewrite its append-only file; its log says "
                             "why",
                             self->url.shown);
        if (!server.rewriting)
            return note_run(self, "rewritten", server.run, error);
        if (clock_monotonic_ms() > end_ms)
            return error_set(error, STATUS_UNAVAILABLE,
                             "%s: it is rewriting its append-only file after its start",
                             self->url.shown);
        poll(NULL, 0, REWRITE_LOOK_MS);
    }
}

/* A Redis that is killed while it writes leaves half a script's writes at the end of its
 * file. Started again it goes on behind them (7.0 does), and started once more it takes
 * them for a part of the next script: counted twice. A file rewritten from memory has no
 * such end, so nothing is settled in a run of Redis before that is done. */
static enum status ensure_rewritten(struct redis_store *self, struct error_text *error)
{
    struct redis_server server;
    bool done, begun;
    enum status status = ask_server(self, &server, error);
    if (status == STATUS_OK)
        status = read_runs(self, server.run, &done, &begun, error);
    if (status != STATUS_OK || done)
        return status;
    bool again = server.rewrite_failed && !server.rewriting;
    if (!begun || again)
        status = begin_rewrite(self, server.run, error);
    return status == STATUS_OK ? await_rewrite(self, error) : status;
}

static enum status connect_store(struct redis_store *self, struct error_text *error)
{
    enum status status = redis_link_open(&self->link, error);
    if (status == STATUS_OK)
        status = check_server(self, error);
    if (status == STATUS_OK)
        status = load_scripts(self, error);
    if (status == STATUS_OK)
        status = open_store(self, error);
    if (status == STATUS_OK && self->durable)
        status = ensure_rewritten(self, error);
    if (status != STATUS_OK)
        redis_link_close(&self->link);
    return status;
}

static enum status ensure_connected(struct redis_store *self, struct error_text *error)
{
    return redis_link_is_open(&self->link) ? STATUS_OK : connect_store(self, error);
}

/* ---- for the other files ---- */

enum status redis_begin_script(struct redis_store *self, enum redis_script script,
                               struct redis_words *words, struct error_text *error)
{
    enum status status = ensure_connected(self, error);
    if (status != STATUS_OK)
        return status;
    redis_words_text(words, "EVALSHA");
    redis_words_text(words, self->scripts[script]);
    redis_words_text(words, "0");
    return STATUS_OK;
}

/* Scripts that were flushed are loaded again: a call of one that is unknown did nothing.
 */
enum status redis_run(struct redis_store *self, struct redis_words *words,
                      redisReply **reply, struct error_text *error)
{
    enum status status = redis_words_end(words);
    if (status != STATUS_OK)
        error_set(error, status, "out of memory");
    for (int tries = 2; status == STATUS_OK; tries--) {
        status = redis_link_run(&self->link, (int)words->count, words->words,
                                words->sizes, reply, error);
        if (status != STATUS_NOT_FOUND)
            break;
        status = tries > 1 ? load_scripts(self, error) : STATUS_UNAVAILABLE;
    }
    redis_words_free(words);
    return status;
}

enum status redis_read_server(struct redis_store *self, struct redis_server *out,
                              struct error_text *error)
{
    enum status status = ensure_connected(self, error);
    return status == STATUS_OK ? ask_server(self, out, error) : status;
}

enum status redis_ask(struct redis_store *self, const char *const *words,
                      redisReply **reply, struct error_text *error)
{
    enum status status = ensure_connected(self, error);
    return status == STATUS_OK ? redis_link_ask(&self->link, words, reply, error)
                               : status;
}

/* ---- the backend ---- */

enum status redis_make(const char *where, bool filling, struct store **out,
                       struct error_text *error)
{
    struct redis_store *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    self->base.backend = &store_redis;
    self->filling = filling;
    self->link.url = self->hints.url = &self->url;
    enum status status = redis_url_parse(where, &self->url, error);
    if (status == STATUS_OK)
        status = connect_store(self, error);
    if (status != STATUS_OK) {
        free(self);
        return status;
    }
    *out = &self->base;
    return STATUS_OK;
}

static enum status redis_open(const char *where, struct store **out,
                              struct error_text *error)
{
    return redis_make(where, false, out, error);
}

static void redis_close(struct store *base)
{
    struct redis_store *self = redis_store_of(base);
    redis_link_close(&self->link);
    redis_link_close(&self->hints);
    redis_words_free(&self->fill.writes);
    free(self);
}

static enum status redis_require_durable(struct store *base, struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    self->durable = true;
    redis_link_close(&self->link);
    return connect_store(self, error);
}

static uint64_t redis_setbacks(const struct store *base)
{
    return ((const struct redis_store *)(const void *)base)->setbacks;
}

/* ---- changes: polling is the truth, a published message only hurries it ---- */

static void subscribe(struct redis_store *self)
{
    redisReply *reply;
    if (clock_monotonic_ms() < self->subscribe_ms)
        return;
    self->subscribe_ms = clock_monotonic_ms() + SUBSCRIBE_MS;
    if (redis_link_open(&self->hints, NULL) != STATUS_OK)
        return;
    if (redis_link_ask(&self->hints, (const char *[]){"SUBSCRIBE", "chw:changes", NULL},
                       &reply, NULL) == STATUS_OK)
        freeReplyObject(reply);
    else
        redis_link_close(&self->hints);
}

static void redis_await_hint(struct store *base, int timeout_ms)
{
    struct redis_store *self = redis_store_of(base);
    if (self->hints.context == NULL)
        subscribe(self);
    if (self->hints.context == NULL || !redis_link_await(&self->hints, timeout_ms))
        poll(NULL, 0, timeout_ms);
}

const struct store_backend store_redis = {
    .scheme = "redis",
    .open = redis_open,
    .close = redis_close,
    .require_durable = redis_require_durable,
    .setbacks = redis_setbacks,
    .check = redis_check,
    .await_hint = redis_await_hint,
    .put = redis_put,
    .get = redis_get,
    .artifacts = redis_artifacts,
    .alias_move = redis_alias_move,
    .alias_rollback = redis_alias_rollback,
    .alias_get = redis_alias_get,
    .aliases = redis_aliases,
    .generation = redis_generation,
    .settle = redis_settle,
    .settlement_count = redis_settlement_count,
    .demand = redis_demand,
    .settlement_get = redis_settlement_get,
    .dead_letter_page = redis_dead_letter_page,
    .dead_letter_get = redis_dead_letter_get,
    .dead_letter_drop = redis_dead_letter_drop,
    .settled = redis_settled,
    .alias_moves = redis_alias_moves,
    .changes = redis_changes,
    .open_to_fill = redis_open_to_fill,
    .fill = redis_fill,
    .fill_flush = redis_fill_flush,
    .fill_end = redis_fill_end,
};
