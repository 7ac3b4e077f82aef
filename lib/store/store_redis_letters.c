/* SPDX-License-Identifier: Apache-2.0 */
/* store_redis_letters.c - dead letters: a page is one call of redis/letter_page.lua,
 * which reads no bodies. */
#include "store/settlement_bytes.h"
#include "store/store_redis.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENT_HEX = 32, KEY_HEX = 48 };

static void format_key(const struct settle_key *key, char hex[KEY_HEX + 1])
{
    for (size_t i = 0; i < sizeof key->client; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned)key->client[i]);
    snprintf(hex + CLIENT_HEX, 17, "%016" PRIx64, key->sequence);
}

bool redis_read_key(const char *hex, struct settle_key *key)
{
    char pair[3] = "";
    if (strlen(hex) != KEY_HEX || strspn(hex, "0123456789abcdef") != KEY_HEX)
        return false;
    for (size_t i = 0; i < sizeof key->client; i++) {
        memcpy(pair, hex + 2 * i, 2);
        key->client[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    key->sequence = strtoull(hex + CLIENT_HEX, NULL, 16);
    return true;
}

/* ---- words ---- */

void redis_add_key(struct redis_words *words, const struct settle_key *key)
{
    char hex[KEY_HEX + 1];
    format_key(key, hex);
    redis_words_text(words, hex);
}

void redis_add_letter(struct redis_words *words, const struct dead_letter *letter)
{
    uint8_t head[LETTER_HEAD_MAX];
    size_t size = letter_head_pack(letter->region, letter->reason, head);
    redis_words_add(words, head, size);
    redis_words_extend(words, letter->body, letter->size);
}

void redis_add_told(struct redis_words *words, const struct dead_letter *letter)
{
    uint8_t told[LETTER_TOLD_MAX];
    redis_words_add(words, told, letter_told_pack(letter, told));
}

/* ---- one letter ---- */

static enum status not_found(struct error_text *error)
{
    return error_set(error, STATUS_NOT_FOUND, "there is no such dead letter");
}

static enum status ask_field(struct redis_store *self, const char *hash,
                             const struct settle_key *key, redisReply **reply,
                             struct error_text *error)
{
    char hex[KEY_HEX + 1];
    format_key(key, hex);
    return redis_ask(self, (const char *[]){"HGET", hash, hex, NULL}, reply, error);
}

/* Nothing is told of what an older release buried. */
static enum status read_told(struct redis_store *self, struct dead_letter *out,
                             struct error_text *error)
{
    redisReply *reply;
    struct dead_letter told = *out;
    enum status status = ask_field(self, "chw:dead:told", &out->key, &reply, error);
    if (status != STATUS_OK)
        return status;
    if (reply->type == REDIS_REPLY_STRING) {
        if (letter_told_unpack((const uint8_t *)reply->str, reply->len, &told)) {
            told.size = out->size;
            *out = told;
        } else {
            status = redis_damaged(self, error);
        }
    }
    freeReplyObject(reply);
    return status;
}

static enum status read_letter(struct redis_store *self, const redisReply *reply,
                               struct dead_letter *out, uint8_t **body,
                               struct error_text *error)
{
    if (reply->type == REDIS_REPLY_NIL)
        return not_found(error);
    if (reply->type != REDIS_REPLY_STRING ||
        !letter_unpack((const uint8_t *)reply->str, reply->len, out))
        return redis_damaged(self, error);
    if (out->size > 0) {
        *body = malloc(out->size);
        if (*body == NULL)
            return error_set(error, STATUS_NOMEM, "out of memory");
        memcpy(*body, out->body, out->size);
    }
    out->body = NULL;
    return STATUS_OK;
}

enum status redis_dead_letter_get(struct store *base, const struct settle_key *key,
                                  struct dead_letter *out, uint8_t **body,
                                  struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    redisReply *reply;
    enum status status = ask_field(self, "chw:dead", key, &reply, error);
    if (status != STATUS_OK)
        return status;
    memset(out, 0, sizeof *out);
    out->key = *key;
    status = read_letter(self, reply, out, body, error);
    freeReplyObject(reply);
    if (status == STATUS_OK)
        status = read_told(self, out, error);
    out->body = *body;
    return status;
}

enum status redis_dead_letter_drop(struct store *base, const struct settle_key *key,
                                   struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    struct redis_words words = {.count = 0};
    redisReply *reply;
    enum status status = redis_begin_script(self, SCRIPT_LETTER_DROP, &words, error);
    if (status != STATUS_OK)
        return status;
    redis_add_key(&words, key);
    status = redis_run(self, &words, &reply, error);
    if (status != STATUS_OK)
        return status;
    bool dropped = reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
    freeReplyObject(reply);
    return dropped ? STATUS_OK : not_found(error);
}

/* ---- a page ---- */

/* *there is false where it was dropped since the page was read. */
static enum status read_item(struct redis_store *self, const redisReply *key,
                             const redisReply *told, struct dead_letter *out, bool *there,
                             struct error_text *error)
{
    memset(out, 0, sizeof *out);
    *there = true;
    if (key->type != REDIS_REPLY_STRING || !redis_read_key(key->str, &out->key))
        return redis_damaged(self, error);
    if (told->type == REDIS_REPLY_STRING)
        return letter_told_unpack((const uint8_t *)told->str, told->len, out)
                   ? STATUS_OK
                   : redis_damaged(self, error);
    const struct settle_key which = out->key;
    uint8_t *body = NULL; /* an older release buried it */
    enum status status = redis_dead_letter_get(&self->base, &which, out, &body, error);
    free(body);
    out->body = NULL;
    *there = status == STATUS_OK;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status read_page(struct redis_store *self, const redisReply *reply,
                             struct dead_letter *page, size_t *count,
                             struct error_text *error)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 0 ||
        reply->elements > 2 * STORE_LETTERS_PAGE)
        return redis_damaged(self, error);
    for (size_t i = 0; i < reply->elements; i += 2) {
        bool there;
        enum status status = read_item(self, reply->element[i], reply->element[i + 1],
                                       &page[*count], &there, error);
        if (status != STATUS_OK)
            return status;
        *count += there;
    }
    return STATUS_OK;
}

enum status redis_dead_letter_page(struct store *base, const struct settle_key *after,
                                   struct dead_letter *page, size_t *count,
                                   struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    struct redis_words words = {.count = 0};
    redisReply *reply;
    *count = 0;
    enum status status = redis_begin_script(self, SCRIPT_LETTER_PAGE, &words, error);
    if (status != STATUS_OK)
        return status;
    if (after == NULL)
        redis_words_text(&words, "");
    else
        redis_add_key(&words, after);
    redis_words_number(&words, STORE_LETTERS_PAGE);
    status = redis_run(self, &words, &reply, error);
    if (status != STATUS_OK)
        return status;
    status = read_page(self, reply, page, count, error);
    freeReplyObject(reply);
    return status;
}
