/* SPDX-License-Identifier: Apache-2.0 */
/* store_redis_artifact.c - artifacts, aliases, the generation. */
#include "store/store_redis.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static enum status begin(struct store *base, enum redis_script script,
                         enum artifact_kind kind, const char *name,
                         struct redis_words *words, struct error_text *error)
{
    enum status status = redis_begin_script(redis_store_of(base), script, words, error);
    redis_words_number(words, kind);
    redis_words_text(words, name);
    return status;
}

static enum status end(struct store *base, enum status status, struct redis_words *words,
                       redisReply **reply, struct error_text *error)
{
    if (status == STATUS_OK)
        return redis_run(redis_store_of(base), words, reply, error);
    redis_words_free(words);
    return status;
}

/* ---- artifacts ---- */

enum status redis_put(struct store *base, enum artifact_kind kind, const char *name,
                      const struct digest *version, const void *bytes, size_t size,
                      struct error_text *error)
{
    struct redis_words words = {.count = 0};
    redisReply *reply;
    enum status status = begin(base, SCRIPT_PUT, kind, name, &words, error);
    redis_words_hex(&words, version->bytes, DIGEST_SIZE);
    redis_words_number(&words, time(NULL));
    redis_words_number(&words, (int64_t)size);
    redis_words_add(&words, bytes, size);
    status = end(base, status, &words, &reply, error);
    if (status == STATUS_OK)
        freeReplyObject(reply);
    return status;
}

enum status redis_get(struct store *base, enum artifact_kind kind,
                      const struct digest *version, uint8_t **bytes, size_t *size,
                      struct error_text *error)
{
    char hex[DIGEST_HEX_SIZE], key[32 + DIGEST_HEX_SIZE];
    redisReply *reply;
    digest_format(version, hex);
    snprintf(key, sizeof key, "chw:artifact:%d:%s", (int)kind, hex);
    enum status status = redis_ask(redis_store_of(base),
                                   (const char *[]){"GET", key, NULL}, &reply, error);
    if (status != STATUS_OK)
        return status;
    if (reply->type == REDIS_REPLY_STRING) {
        *size = reply->len;
        *bytes = malloc(reply->len + 1);
        status =
            *bytes == NULL ? error_set(error, STATUS_NOMEM, "out of memory") : STATUS_OK;
        if (*bytes != NULL)
            memcpy(*bytes, reply->str, reply->len);
    } else {
        status = error_set(error, STATUS_NOT_FOUND, "no version %.12s in the store", hex);
    }
    freeReplyObject(reply);
    return status;
}

struct listed {
    struct artifact artifact;
    int64_t order;
};

static int newest_first(const void *a, const void *b)
{
    const struct listed *one = a, *other = b;
    if (one->artifact.published_s != other->artifact.published_s)
        return one->artifact.published_s < other->artifact.published_s ? 1 : -1;
    return (one->order < other->order) - (one->order > other->order);
}

/* "VERSION:NAME" and "order published_s size". */
static bool read_listed(const redisReply *field, const redisReply *value,
                        struct listed *out)
{
    enum { HEX = DIGEST_HEX_SIZE - 1 };
    char hex[DIGEST_HEX_SIZE];
    struct artifact *artifact = &out->artifact;
    if (field->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING ||
        field->len <= HEX + 1 || field->len > HEX + 1 + STORE_NAME_MAX ||
        field->str[HEX] != ':')
        return false;
    memcpy(hex, field->str, HEX);
    hex[HEX] = '\0';
    snprintf(artifact->name, sizeof artifact->name, "%s", field->str + HEX + 1);
    return digest_parse(hex, &artifact->version) == STATUS_OK &&
           sscanf(value->str, "%" SCNd64 " %" SCNd64 " %" SCNu64, &out->order,
                  &artifact->published_s, &artifact->size) == 3;
}

enum status redis_artifacts(struct store *base, enum artifact_kind kind, const char *name,
                            bool (*visit)(void *arg, const struct artifact *artifact),
                            void *arg, struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    char key[32];
    redisReply *reply;
    snprintf(key, sizeof key, "chw:artifacts:%d", (int)kind);
    enum status status =
        redis_ask(self, (const char *[]){"HGETALL", key, NULL}, &reply, error);
    if (status != STATUS_OK)
        return status;
    size_t count = reply->type == REDIS_REPLY_ARRAY ? reply->elements / 2 : 0;
    struct listed *list = calloc(count + 1, sizeof *list);
    if (list == NULL)
        status = error_set(error, STATUS_NOMEM, "out of memory");
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        list[i].artifact.kind = kind;
        if (!read_listed(reply->element[2 * i], reply->element[2 * i + 1], &list[i]))
            status = redis_damaged(self, error);
    }
    freeReplyObject(reply);
    if (status == STATUS_OK)
        qsort(list, count, sizeof *list, newest_first);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        bool wanted = name == NULL || strcmp(name, list[i].artifact.name) == 0;
        if (wanted && !visit(arg, &list[i].artifact))
            break;
    }
    free(list);
    return status;
}

/* ---- aliases ---- */

static enum status no_alias(const struct alias *alias, const char *what,
                            struct error_text *error)
{
    return error_set(error, STATUS_NOT_FOUND, "%s %s@%s", what, alias->name,
                     alias->alias);
}

enum status redis_alias_move(struct store *base, const struct alias *to,
                             struct error_text *error)
{
    struct redis_words words = {.count = 0};
    redisReply *reply;
    char hex[DIGEST_HEX_SIZE];
    enum status status =
        begin(base, SCRIPT_ALIAS_MOVE, to->kind, to->name, &words, error);
    redis_words_text(&words, to->alias);
    redis_words_hex(&words, to->version.bytes, DIGEST_SIZE);
    status = end(base, status, &words, &reply, error);
    if (status != STATUS_OK)
        return status;
    bool moved = reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
    freeReplyObject(reply);
    digest_format(&to->version, hex);
    return moved ? STATUS_OK
                 : error_set(error, STATUS_NOT_FOUND, "there is no version %.12s of %s",
                             hex, to->name);
}

enum status redis_alias_rollback(struct store *base, struct alias *alias,
                                 struct error_text *error)
{
    struct redis_words words = {.count = 0};
    redisReply *reply;
    enum status status =
        begin(base, SCRIPT_ALIAS_ROLLBACK, alias->kind, alias->name, &words, error);
    redis_words_text(&words, alias->alias);
    status = end(base, status, &words, &reply, error);
    if (status != STATUS_OK)
        return status;
    int64_t count = 0;
    bool sound = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                 redis_integer(reply->element[0], &count);
    const redisReply *now = sound ? reply->element[1] : NULL;
    if (!sound)
        status = redis_damaged(redis_store_of(base), error);
    else if (count < 2)
        status =
            no_alias(alias, count == 0 ? "there is no" : "nothing came before", error);
    else if (now->type != REDIS_REPLY_STRING ||
             digest_parse(now->str, &alias->version) != STATUS_OK)
        status = redis_damaged(redis_store_of(base), error);
    freeReplyObject(reply);
    return status;
}

enum status redis_alias_get(struct store *base, struct alias *alias,
                            struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    char key[32 + sizeof alias->name + sizeof alias->alias];
    redisReply *reply;
    snprintf(key, sizeof key, "chw:alias:%d:%s:%s", (int)alias->kind, alias->name,
             alias->alias);
    enum status status =
        redis_ask(self, (const char *[]){"LINDEX", key, "-1", NULL}, &reply, error);
    if (status != STATUS_OK)
        return status;
    if (reply->type == REDIS_REPLY_NIL)
        status = no_alias(alias, "there is no", error);
    else if (reply->type != REDIS_REPLY_STRING ||
             digest_parse(reply->str, &alias->version) != STATUS_OK)
        status = redis_damaged(self, error);
    freeReplyObject(reply);
    return status;
}

static int by_kind_name_alias(const void *a, const void *b)
{
    const struct alias *one = a, *other = b;
    if (one->kind != other->kind)
        return one->kind < other->kind ? -1 : 1;
    int names = strcmp(one->name, other->name);
    return names != 0 ? names : strcmp(one->alias, other->alias);
}

/* "KIND:NAME:ALIAS" and its version. */
static bool read_alias(const redisReply *which, const redisReply *version,
                       struct alias *out)
{
    int kind, end = 0;
    if (which->type != REDIS_REPLY_STRING || version->type != REDIS_REPLY_STRING ||
        sscanf(which->str, "%d:%63[^:]:%63[^:]%n", &kind, out->name, out->alias, &end) !=
            3 ||
        (size_t)end != which->len)
        return false;
    out->kind = (enum artifact_kind)kind;
    return digest_parse(version->str, &out->version) == STATUS_OK;
}

enum status redis_aliases(struct store *base,
                          bool (*visit)(void *arg, const struct alias *alias), void *arg,
                          struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    struct redis_words words = {.count = 0};
    redisReply *reply;
    enum status status = redis_begin_script(self, SCRIPT_ALIASES, &words, error);
    status = end(base, status, &words, &reply, error);
    if (status != STATUS_OK)
        return status;
    size_t count = reply->type == REDIS_REPLY_ARRAY ? reply->elements / 2 : 0;
    struct alias *list = calloc(count + 1, sizeof *list);
    if (list == NULL)
        status = error_set(error, STATUS_NOMEM, "out of memory");
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        if (!read_alias(reply->element[2 * i], reply->element[2 * i + 1], &list[i]))
            status = redis_damaged(self, error);
    freeReplyObject(reply);
    if (status == STATUS_OK)
        qsort(list, count, sizeof *list, by_kind_name_alias);
    for (size_t i = 0; status == STATUS_OK && i < count && visit(arg, &list[i]); i++)
        ;
    free(list);
    return status;
}

/* ---- changes ---- */

enum status redis_generation(struct store *base, uint64_t *generation,
                             struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    redisReply *reply;
    int64_t number = 0;
    enum status status = redis_ask(
        self, (const char *[]){"HGET", "chw:meta", "generation", NULL}, &reply, error);
    if (status != STATUS_OK)
        return status;
    if (!redis_integer(reply, &number))
        status = redis_damaged(self, error);
    *generation = (uint64_t)number;
    freeReplyObject(reply);
    return status;
}
