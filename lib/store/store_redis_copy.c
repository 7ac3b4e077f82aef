/* SPDX-License-Identifier: Apache-2.0 */
/* store_redis_copy.c - reading a store whole, and filling one that nobody can open until
 * it is full: its format is 0 until then. */
#include "store/settlement_bytes.h"
#include "store/store_redis.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENT_HEX_SIZE = 33, WRITES_BYTES = 1 << 20 };

enum status redis_changes(struct store *base, uint64_t *count, struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    redisReply *reply;
    int64_t commits = 0;
    enum status status = redis_generation(base, count, error);
    if (status == STATUS_OK)
        status = redis_ask(self, (const char *[]){"HGET", "chw:meta", "commits", NULL},
                           &reply, error);
    if (status != STATUS_OK)
        return status;
    if (!redis_integer(reply, &commits))
        status = redis_damaged(self, error);
    *count += (uint64_t)commits; /* both only grow */
    freeReplyObject(reply);
    return status;
}

/* ---- moves ---- */

struct alias_list {
    struct alias *items;
    size_t count, room;
    bool failed;
};

static bool gather_alias(void *arg, const struct alias *alias)
{
    struct alias_list *self = arg;
    if (self->count == self->room) {
        size_t room = self->room * 2 + 16;
        struct alias *items = realloc(self->items, room * sizeof *items);
        self->failed = items == NULL;
        if (self->failed)
            return false;
        self->items = items;
        self->room = room;
    }
    self->items[self->count++] = *alias;
    return true;
}

static enum status visit_moves(struct redis_store *self, const struct alias *alias,
                               bool (*visit)(void *arg, const struct alias *move),
                               void *arg, bool *more, struct error_text *error)
{
    char key[32 + sizeof alias->name + sizeof alias->alias];
    struct alias move = *alias;
    redisReply *reply;
    snprintf(key, sizeof key, "chw:alias:%d:%s:%s", (int)alias->kind, alias->name,
             alias->alias);
    enum status status =
        redis_ask(self, (const char *[]){"LRANGE", key, "0", "-1", NULL}, &reply, error);
    if (status != STATUS_OK)
        return status;
    size_t count = reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
    for (size_t i = 0; status == STATUS_OK && *more && i < count; i++) {
        const redisReply *version = reply->element[i];
        if (version->type != REDIS_REPLY_STRING ||
            digest_parse(version->str, &move.version) != STATUS_OK)
            status = redis_damaged(self, error);
        else
            *more = visit(arg, &move);
    }
    freeReplyObject(reply);
    return status;
}

enum status redis_alias_moves(struct store *base,
                              bool (*visit)(void *arg, const struct alias *move),
                              void *arg, struct error_text *error)
{
    struct alias_list list = {.count = 0};
    bool more = true;
    enum status status = redis_aliases(base, gather_alias, &list, error);
    if (status == STATUS_OK && list.failed)
        status = error_set(error, STATUS_NOMEM, "out of memory");
    for (size_t i = 0; status == STATUS_OK && more && i < list.count; i++)
        status =
            visit_moves(redis_store_of(base), &list.items[i], visit, arg, &more, error);
    free(list.items);
    return status;
}

/* ---- settlements ---- */

struct client_list {
    char (*items)[CLIENT_HEX_SIZE];
    size_t count, room;
};

/* Of one page of a SCAN. */
static bool gather_clients(struct client_list *self, const redisReply *keys)
{
    static const char prefix[] = "chw:client:";
    if (self->count + keys->elements > self->room) {
        size_t room = self->room * 2 + keys->elements;
        void *items = realloc(self->items, room * sizeof *self->items);
        if (items == NULL)
            return false;
        self->items = items;
        self->room = room;
    }
    for (size_t i = 0; i < keys->elements; i++)
        snprintf(self->items[self->count++], CLIENT_HEX_SIZE, "%s",
                 keys->element[i]->str + strlen(prefix));
    return true;
}

static enum status scan_clients(struct redis_store *self, struct client_list *clients,
                                struct error_text *error)
{
    char cursor[24] = "0";
    do {
        struct redis_words words = {.count = 0};
        redisReply *reply;
        const char *const scan[] = {"SCAN",         cursor,  "MATCH",
                                    "chw:client:*", "COUNT", "1000"};
        for (size_t i = 0; i < sizeof scan / sizeof scan[0]; i++)
            redis_words_text(&words, scan[i]);
        enum status status = redis_run(self, &words, &reply, error);
        if (status != STATUS_OK)
            return status;
        snprintf(cursor, sizeof cursor, "%s", reply->element[0]->str);
        bool gathered = gather_clients(clients, reply->element[1]);
        freeReplyObject(reply);
        if (!gathered)
            return error_set(error, STATUS_NOMEM, "out of memory");
    } while (strcmp(cursor, "0") != 0);
    return STATUS_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* A scan may name a key twice. */
static void sort_clients(struct client_list *self)
{
    size_t kept = 0;
    if (self->count == 0)
        return;
    qsort(self->items, self->count, sizeof *self->items, by_text);
    for (size_t i = 1; i < self->count; i++)
        if (strcmp(self->items[i], self->items[kept]) != 0)
            memmove(self->items[++kept], self->items[i], CLIENT_HEX_SIZE);
    self->count = kept + 1;
}

struct field {
    const redisReply *name, *value;
};

static int by_name(const void *a, const void *b)
{
    const struct field *one = a, *other = b;
    return strcmp(one->name->str, other->name->str);
}

static bool read_settled(const char *client, const struct field *field,
                         struct settled *out)
{
    char hex[CLIENT_HEX_SIZE + 16];
    struct settle_key key;
    const redisReply *record = field->value;
    snprintf(hex, sizeof hex, "%s%s", client, field->name->str);
    if (record->len <= DIGEST_SIZE || !redis_read_key(hex, &key))
        return false;
    memcpy(out->client, key.client, sizeof out->client);
    out->sequence = key.sequence;
    memcpy(out->body.bytes, record->str, DIGEST_SIZE);
    return settlement_unpack((const uint8_t *)record->str + DIGEST_SIZE,
                             record->len - DIGEST_SIZE, &out->settlement);
}

/* "below" is sorted behind the sequences, which are hexadecimal, or not there. */
static enum status visit_fields(struct redis_store *self, const char *client,
                                const struct field *fields, size_t count,
                                bool (*visit)(void *arg, const struct settled *settled),
                                void *arg, bool *more, struct error_text *error)
{
    struct settled settled = {.acked_below = 0};
    if (count > 0 && strcmp(fields[count - 1].name->str, "below") == 0)
        settled.acked_below = strtoull(fields[--count].value->str, NULL, 16);
    for (size_t i = 0; *more && i < count; i++) {
        if (!read_settled(client, &fields[i], &settled))
            return redis_damaged(self, error);
        *more = visit(arg, &settled);
    }
    return STATUS_OK;
}

static enum status visit_client(struct redis_store *self, const char *client,
                                bool (*visit)(void *arg, const struct settled *settled),
                                void *arg, bool *more, struct error_text *error)
{
    char key[16 + CLIENT_HEX_SIZE];
    redisReply *reply;
    snprintf(key, sizeof key, "chw:client:%s", client);
    enum status status =
        redis_ask(self, (const char *[]){"HGETALL", key, NULL}, &reply, error);
    if (status != STATUS_OK)
        return status;
    size_t count = reply->type == REDIS_REPLY_ARRAY ? reply->elements / 2 : 0;
    struct field *fields = calloc(count + 1, sizeof *fields);
    if (fields == NULL) {
        freeReplyObject(reply);
        return error_set(error, STATUS_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < count; i++)
        fields[i] = (struct field){reply->element[2 * i], reply->element[2 * i + 1]};
    qsort(fields, count, sizeof *fields, by_name);
    status = visit_fields(self, client, fields, count, visit, arg, more, error);
    free(fields);
    freeReplyObject(reply);
    return status;
}

enum status redis_settled(struct store *base,
                          bool (*visit)(void *arg, const struct settled *settled),
                          void *arg, struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    struct client_list clients = {.count = 0};
    bool more = true;
    enum status status = scan_clients(self, &clients, error);
    sort_clients(&clients);
    for (size_t i = 0; status == STATUS_OK && more && i < clients.count; i++)
        status = visit_client(self, clients.items[i], visit, arg, &more, error);
    free(clients.items);
    return status;
}

/* ---- filling ---- */

enum status redis_open_to_fill(const char *where, struct store **out,
                               struct error_text *error)
{
    return redis_make(where, true, out, error);
}

enum status redis_fill_flush(struct store *base, struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    redisReply *reply;
    if (self->fill.writes.count == 0)
        return STATUS_OK;
    enum status status = redis_run(self, &self->fill.writes, &reply, error);
    self->fill.writes = (struct redis_words){.count = 0};
    if (status != STATUS_OK)
        return status;
    bool written = reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
    freeReplyObject(reply);
    return written ? STATUS_OK
                   : error_set(error, STATUS_TAKEN, "%s: another copy into it has begun",
                               self->url.shown);
}

/* A command of `count` words, which the caller adds; those before are sent when they have
 * become many. */
static enum status begin_write(struct redis_store *self, int count,
                               struct error_text *error)
{
    struct redis_words *writes = &self->fill.writes;
    enum status status = STATUS_OK;
    if (writes->used > WRITES_BYTES)
        status = redis_fill_flush(&self->base, error);
    if (status == STATUS_OK && writes->count == 0) {
        status = redis_begin_script(self, SCRIPT_FILL, writes, error);
        redis_words_text(writes, self->id);
    }
    redis_words_number(writes, count);
    return status;
}

static enum status fill_artifact(struct redis_store *self,
                                 const struct store_entry *entry,
                                 struct error_text *error)
{
    const struct artifact *artifact = entry->artifact;
    struct redis_words *writes = &self->fill.writes;
    char hex[DIGEST_HEX_SIZE], text[sizeof hex + sizeof artifact->name + 64];
    digest_format(&artifact->version, hex);
    enum status status = begin_write(self, 3, error);
    snprintf(text, sizeof text, "chw:artifact:%d:%s", (int)artifact->kind, hex);
    redis_words_text(writes, "SET");
    redis_words_text(writes, text);
    redis_words_add(writes, entry->bytes, artifact->size);
    if (status == STATUS_OK)
        status = begin_write(self, 4, error);
    snprintf(text, sizeof text, "chw:artifacts:%d", (int)artifact->kind);
    redis_words_text(writes, "HSET");
    redis_words_text(writes, text);
    snprintf(text, sizeof text, "%s:%s", hex, artifact->name);
    redis_words_text(writes, text);
    snprintf(text, sizeof text, "%" PRId64 " %" PRId64 " %" PRIu64,
             ++self->fill.artifacts, artifact->published_s, artifact->size);
    redis_words_text(writes, text);
    return status;
}

static enum status fill_move(struct redis_store *self, const struct store_entry *entry,
                             struct error_text *error)
{
    const struct alias *move = entry->move;
    struct redis_words *writes = &self->fill.writes;
    char which[16 + sizeof move->name + sizeof move->alias];
    snprintf(which, sizeof which, "%d:%s:%s", (int)move->kind, move->name, move->alias);
    enum status status = begin_write(self, 3, error);
    redis_words_text(writes, "SADD");
    redis_words_text(writes, "chw:aliases");
    redis_words_text(writes, which);
    if (status == STATUS_OK)
        status = begin_write(self, 3, error);
    redis_words_text(writes, "RPUSH");
    redis_words_text(writes, "chw:alias:");
    redis_words_extend(writes, which, strlen(which));
    redis_words_hex(writes, move->version.bytes, DIGEST_SIZE);
    self->fill.moves++;
    return status;
}

static void add_client_key(struct redis_words *writes, const uint8_t client[16])
{
    char hex[CLIENT_HEX_SIZE];
    for (size_t i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned)client[i]);
    redis_words_text(writes, "chw:client:");
    redis_words_extend(writes, hex, strlen(hex));
}

static enum status fill_settled(struct redis_store *self, const struct store_entry *entry,
                                struct error_text *error)
{
    const struct settled *settled = entry->settled;
    const struct settle_request request = {.body = settled->body,
                                           .settlement = settled->settlement};
    struct redis_words *writes = &self->fill.writes;
    bool acked = settled->acked_below > 0;
    enum status status = begin_write(self, acked ? 6 : 4, error);
    redis_words_text(writes, "HSET");
    add_client_key(writes, settled->client);
    redis_add_sequence(writes, settled->sequence);
    redis_add_record(writes, &request);
    if (acked) {
        redis_words_text(writes, "below");
        redis_add_sequence(writes, settled->acked_below);
    }
    self->fill.settlements++;
    return status;
}

static enum status fill_cell(struct redis_store *self, const struct store_entry *entry,
                             struct error_text *error)
{
    const struct demand_cell *cell = entry->cell;
    const int64_t sums[] = {cell->people, cell->sum_p, cell->sum_pq};
    static const char *const suffixes[] = {"\0n", "\0p", "\0q"};
    struct redis_words *writes = &self->fill.writes;
    char key[32];
    enum status status = begin_write(self, 3, error);
    redis_words_text(writes, "SADD");
    redis_words_text(writes, "chw:periods");
    redis_words_number(writes, cell->period);
    if (status == STATUS_OK)
        status = begin_write(self, 8, error);
    snprintf(key, sizeof key, "chw:demand:%" PRId32, cell->period);
    redis_words_text(writes, "HSET");
    redis_words_text(writes, key);
    for (size_t i = 0; i < 3; i++) {
        redis_add_names(writes, cell);
        redis_words_extend(writes, suffixes[i], 2);
        redis_words_number(writes, sums[i]);
    }
    return status;
}

/* The keys are gathered by whoever reads the first page. */
static enum status fill_letter(struct redis_store *self, const struct store_entry *entry,
                               struct error_text *error)
{
    const struct dead_letter *letter = entry->letter;
    struct redis_words *writes = &self->fill.writes;
    enum status status = begin_write(self, 4, error);
    redis_words_text(writes, "HSET");
    redis_words_text(writes, "chw:dead:told");
    redis_add_key(writes, &letter->key);
    redis_add_told(writes, letter);
    if (status == STATUS_OK)
        status = begin_write(self, 4, error);
    redis_words_text(writes, "HSET");
    redis_words_text(writes, "chw:dead");
    redis_add_key(writes, &letter->key);
    redis_add_letter(writes, letter);
    return status;
}

enum status redis_fill(struct store *base, const struct store_entry *entry,
                       struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    if (entry->artifact != NULL)
        return fill_artifact(self, entry, error);
    if (entry->move != NULL)
        return fill_move(self, entry, error);
    if (entry->settled != NULL)
        return fill_settled(self, entry, error);
    if (entry->cell != NULL)
        return fill_cell(self, entry, error);
    return fill_letter(self, entry, error);
}

/* Not empty any more, so that no other copy takes it for that. */
enum status redis_fill_end(struct store *base, struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    const struct redis_fill *fill = &self->fill;
    const struct {
        const char *name;
        int64_t value;
    } fields[] = {{"format", REDIS_FORMAT},
                  {"generation", 1 + fill->artifacts + fill->moves},
                  {"commits", 1},
                  {"settlements", fill->settlements},
                  {"artifacts", fill->artifacts}};
    enum { COUNT = sizeof fields / sizeof fields[0] };
    enum status status = begin_write(self, 2 + 2 * COUNT, error);
    redis_words_text(&self->fill.writes, "HSET");
    redis_words_text(&self->fill.writes, "chw:meta");
    for (size_t i = 0; i < COUNT; i++) {
        redis_words_text(&self->fill.writes, fields[i].name);
        redis_words_number(&self->fill.writes, fields[i].value);
    }
    return status == STATUS_OK ? redis_fill_flush(base, error) : status;
}
