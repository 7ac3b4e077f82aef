/* SPDX-License-Identifier: Apache-2.0 */
/* store_redis_settle.c - the settlement as one call of redis/settle.lua, and reading what
 * was settled. */
#include "store/settlement_bytes.h"
#include "store/store_redis.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- settling ---- */

void redis_add_sequence(struct redis_words *words, uint64_t sequence)
{
    char hex[17];
    snprintf(hex, sizeof hex, "%016" PRIx64, sequence);
    redis_words_text(words, hex);
}

/* The body's digest, then the settlement. */
void redis_add_record(struct redis_words *words, const struct settle_request *request)
{
    uint8_t record[DIGEST_SIZE + SETTLEMENT_BYTES_MAX];
    memcpy(record, request->body.bytes, DIGEST_SIZE);
    size_t size = settlement_pack(&request->settlement, record + DIGEST_SIZE);
    redis_words_add(words, record, DIGEST_SIZE + size);
}

/* The letter and what is told of it; two words without bytes where there is none. */
static void add_letter(struct redis_words *words, const struct settle_request *request)
{
    if (request->settlement.outcome != SETTLE_DEAD) {
        redis_words_text(words, "");
        redis_words_text(words, "");
        return;
    }
    const struct dead_letter letter = dead_letter_of(request);
    redis_add_letter(words, &letter);
    redis_add_told(words, &letter);
}

/* Region, target and tier with zero bytes between them. */
void redis_add_names(struct redis_words *words, const struct demand_cell *cell)
{
    const char *const names[] = {cell->region, cell->target, cell->tier};
    redis_words_text(words, names[0]);
    for (size_t i = 1; i < 3; i++) {
        redis_words_extend(words, "", 1);
        redis_words_extend(words, names[i], strlen(names[i]));
    }
}

static void add_cell(struct redis_words *words, const struct demand_cell *cell)
{
    redis_words_number(words, cell->period);
    redis_add_names(words, cell);
    redis_words_number(words, cell->people);
    redis_words_number(words, cell->sum_p);
    redis_words_number(words, cell->sum_pq);
}

static void add_request(struct redis_words *words, const struct settle_request *request)
{
    redis_words_hex(words, request->client, sizeof request->client);
    redis_add_sequence(words, request->sequence);
    redis_add_sequence(words, request->acked_below);
    redis_words_add(words, request->body.bytes, DIGEST_SIZE);
    redis_add_record(words, request);
    add_letter(words, request);
    redis_words_number(words, (int64_t)request->demand_count);
    for (size_t i = 0; i < request->demand_count; i++)
        add_cell(words, &request->demand[i]);
}

static bool read_result(const redisReply *reply, const struct settle_request *request,
                        struct settle_result *out)
{
    enum { RECORD = 1 + DIGEST_SIZE };
    memset(out, 0, sizeof *out);
    if (reply->type != REDIS_REPLY_STRING || reply->len == 0)
        return false;
    switch (reply->str[0]) {
    case 'F':
        out->verdict = SETTLED_FIRST;
        out->settlement = request->settlement;
        return true;
    case 'R':
        out->verdict = SETTLED_REUSED;
        return true;
    case 'A':
        out->verdict = SETTLED_ACKNOWLEDGED;
        return true;
    default:
        out->verdict = SETTLED_DUPLICATE;
        return reply->len > RECORD &&
               settlement_unpack((const uint8_t *)reply->str + RECORD,
                                 reply->len - RECORD, &out->settlement);
    }
}

static enum status read_results(struct redis_store *self, const redisReply *reply,
                                const struct settle_request *requests, size_t count,
                                struct settle_result *results, struct error_text *error)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != count + 1 ||
        !redis_integer(reply->element[0], &self->commits))
        return redis_damaged(self, error);
    for (size_t i = 0; i < count; i++)
        if (!read_result(reply->element[i + 1], &requests[i], &results[i]))
            return redis_damaged(self, error);
    return STATUS_OK;
}

enum status redis_settle(struct store *base, const struct settle_request *requests,
                         size_t count, struct settle_result *results,
                         struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    struct redis_words words = {.count = 0};
    redisReply *reply;
    enum status status = redis_begin_script(self, SCRIPT_SETTLE, &words, error);
    if (status != STATUS_OK)
        return status;
    redis_words_number(&words, (int64_t)count);
    for (size_t i = 0; i < count; i++)
        add_request(&words, &requests[i]);
    status = redis_run(self, &words, &reply, error);
    if (status != STATUS_OK)
        return status;
    status = read_results(self, reply, requests, count, results, error);
    freeReplyObject(reply);
    return status;
}

/* ---- reading ---- */

enum status redis_settlement_count(struct store *base, uint64_t *count,
                                   struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    redisReply *reply;
    int64_t number = 0;
    enum status status = redis_ask(
        self, (const char *[]){"HGET", "chw:meta", "settlements", NULL}, &reply, error);
    if (status != STATUS_OK)
        return status;
    if (!redis_integer(reply, &number))
        status = redis_damaged(self, error);
    *count = (uint64_t)number;
    freeReplyObject(reply);
    return status;
}

enum status redis_settlement_get(struct store *base, const struct settle_key *key,
                                 struct settlement *out, struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    char name[] = "chw:client:00000000000000000000000000000000", sequence[17];
    redisReply *reply;
    for (size_t i = 0; i < sizeof key->client; i++)
        snprintf(name + strlen("chw:client:") + 2 * i, 3, "%02x",
                 (unsigned)key->client[i]);
    snprintf(sequence, sizeof sequence, "%016" PRIx64, key->sequence);
    enum status status =
        redis_ask(self, (const char *[]){"HGET", name, sequence, NULL}, &reply, error);
    if (status != STATUS_OK)
        return status;
    bool found = reply->type == REDIS_REPLY_STRING;
    bool whole = found && reply->len > DIGEST_SIZE &&
                 settlement_unpack((const uint8_t *)reply->str + DIGEST_SIZE,
                                   reply->len - DIGEST_SIZE, out);
    freeReplyObject(reply);
    if (!found)
        return error_set(error, STATUS_NOT_FOUND, "nothing is settled under that key");
    return whole ? STATUS_OK : redis_damaged(self, error);
}

/* A field of a period's hash, and its sum. */
struct entry {
    const char *field;
    size_t size;
    int64_t sum;
};

static int by_field(const void *a, const void *b)
{
    const struct entry *one = a, *other = b;
    size_t size = one->size < other->size ? one->size : other->size;
    int order = memcmp(one->field, other->field, size);
    return order != 0 ? order : (one->size > other->size) - (one->size < other->size);
}

/* One name of a field, up to its zero byte before `end`; advances. */
static bool take_name(const char **at, const char *end, char *name, size_t room)
{
    const char *zero = memchr(*at, '\0', (size_t)(end - *at));
    size_t size = zero == NULL ? 0 : (size_t)(zero - *at);
    if (zero == NULL || size >= room)
        return false;
    memcpy(name, *at, size + 1);
    *at = zero + 1;
    return true;
}

/* Three entries of the same names, in the order n, p, q, are a cell. */
static bool read_cell(const struct entry *entries, int32_t period,
                      struct demand_cell *out)
{
    size_t names = entries[0].size - 1;
    const char *at = entries[0].field, *end = at + names;
    *out = (struct demand_cell){.period = period,
                                .people = entries[0].sum,
                                .sum_p = entries[1].sum,
                                .sum_pq = entries[2].sum};
    for (size_t i = 0; i < 3; i++)
        if (entries[i].size != names + 1 || entries[i].field[names] != "npq"[i] ||
            memcmp(entries[i].field, entries[0].field, names) != 0)
            return false;
    return take_name(&at, end, out->region, sizeof out->region) &&
           take_name(&at, end, out->target, sizeof out->target) &&
           take_name(&at, end, out->tier, sizeof out->tier) && at == end;
}

static bool read_entries(const redisReply *hash, struct entry *entries)
{
    for (size_t i = 0; i + 1 < hash->elements; i += 2) {
        struct entry *entry = &entries[i / 2];
        entry->field = hash->element[i]->str;
        entry->size = hash->element[i]->len;
        if (entry->size == 0 || !redis_integer(hash->element[i + 1], &entry->sum))
            return false;
    }
    return true;
}

/* What visiting cells needs beside a reply. */
struct cell_visit {
    bool (*visit)(void *arg, const struct demand_cell *cell);
    void *arg;
    bool more;
};

static enum status visit_cells(struct redis_store *self, const redisReply *hash,
                               int32_t period, struct cell_visit *visit,
                               struct error_text *error)
{
    size_t count = hash->elements / 2;
    struct entry *entries = calloc(count + 1, sizeof *entries);
    if (entries == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    bool sound = count % 3 == 0 && read_entries(hash, entries);
    if (sound)
        qsort(entries, count, sizeof *entries, by_field);
    for (size_t i = 0; sound && visit->more && i < count; i += 3) {
        struct demand_cell cell;
        sound = read_cell(&entries[i], period, &cell);
        visit->more = sound && visit->visit(visit->arg, &cell);
    }
    free(entries);
    return sound ? STATUS_OK : redis_damaged(self, error);
}

static enum status visit_period(struct redis_store *self, int32_t period,
                                struct cell_visit *visit, struct error_text *error)
{
    char key[32];
    redisReply *reply;
    snprintf(key, sizeof key, "chw:demand:%" PRId32, period);
    enum status status =
        redis_ask(self, (const char *[]){"HGETALL", key, NULL}, &reply, error);
    if (status != STATUS_OK)
        return status;
    status = visit_cells(self, reply, period, visit, error);
    freeReplyObject(reply);
    return status;
}

static int by_period(const void *a, const void *b)
{
    redisReply *const *one = a, *const *other = b;
    return (int)(strtol((*one)->str, NULL, 10) - strtol((*other)->str, NULL, 10));
}

/* One period at a time: Redis does nothing else while it reads one. */
static enum status visit_periods(struct redis_store *self, struct cell_visit *visit,
                                 struct error_text *error)
{
    redisReply *periods;
    enum status status = redis_ask(
        self, (const char *[]){"SMEMBERS", "chw:periods", NULL}, &periods, error);
    if (status != STATUS_OK)
        return status;
    if (periods->elements > 0)
        qsort(periods->element, periods->elements, sizeof(redisReply *), by_period);
    for (size_t i = 0; status == STATUS_OK && visit->more && i < periods->elements; i++) {
        int64_t period;
        status = redis_integer(periods->element[i], &period)
                     ? visit_period(self, (int32_t)period, visit, error)
                     : redis_damaged(self, error);
    }
    freeReplyObject(periods);
    return status;
}

enum status redis_demand(struct store *base, int32_t period,
                         bool (*visit)(void *arg, const struct demand_cell *cell),
                         void *arg, struct error_text *error)
{
    struct redis_store *self = redis_store_of(base);
    struct cell_visit visiting = {.visit = visit, .arg = arg, .more = true};
    return period != 0 ? visit_period(self, period, &visiting, error)
                       : visit_periods(self, &visiting, error);
}
