/* SPDX-License-Identifier: Apache-2.0 */
/* requeue.c - finds the key, sends one batch until it is answered. */
#include "client/requeue.h"

#include "base/clock.h"
#include "base/proto_parse.h"
#include "client/letter_key.h"
#include "client/link.h"

#include "batch.pb-c.h"
#include "control.pb-c.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEYS_MAX = 10000, /* ends without a count; each took somebody's command */
    RESEND_MS = 10000,
    UNSENT_MS = 100,
    BUSY_MIN_MS = 50,
    BUSY_MAX_MS = 5000,
};

struct requeue {
    char endpoint[300]; /* as it is shown */
    uint64_t patience_ms;
    struct store *store;
    struct link *link;
    struct header header; /* of the batch that is sent */
    struct link_body *body;
    uint64_t send_ms;        /* when to send (again) */
    ProtobufCMessage *reply; /* NULL: not yet */
    char refusal[CONTROL_SIZE_MAX + 1];
};

enum status requeue_open(const struct requeue_options *options, struct store *store,
                         struct requeue **out, struct error_text *error)
{
    struct requeue *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    snprintf(self->endpoint, sizeof self->endpoint, "%s", options->endpoint);
    self->patience_ms = options->patience_ms;
    self->store = store;
    enum status status =
        link_open(options->endpoint, options->insecure, &self->link, error);
    if (status != STATUS_OK) {
        free(self);
        return status;
    }
    *out = self;
    return STATUS_OK;
}

void requeue_close(struct requeue *self)
{
    if (self == NULL)
        return;
    link_body_free(self->body);
    link_close(self->link);
    proto_free(self->reply);
    free(self);
}

/* ---- the key ---- */

static enum status drop_copy(struct requeue *self, const struct settle_key *key,
                             struct error_text *error)
{
    enum status status = store_dead_letter_drop(self->store, key, error);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* *counted: settled so under *key. Else nothing is settled under it. */
static enum status find_key(struct requeue *self, const struct dead_letter *letter,
                            struct settle_key *key, bool *counted,
                            struct error_text *error)
{
    struct settlement settled;
    *key = letter->key;
    *counted = false;
    for (int i = 0; i < KEYS_MAX; i++) {
        *key = letter_key_next(key);
        enum status status = store_settlement_get(self->store, key, &settled, error);
        if (status == STATUS_NOT_FOUND)
            return STATUS_OK;
        *counted = status == STATUS_OK && settled.outcome == SETTLE_COUNTED;
        if (status == STATUS_OK && settled.outcome == SETTLE_DEAD)
            status = drop_copy(self, key, error); /* of one that was interrupted */
        if (status != STATUS_OK || *counted)
            return status;
    }
    return error_set(error, STATUS_FULL, "it was sent again %d times: drop it", KEYS_MAX);
}

/* ---- one handler per message ---- */

static void on_reply(struct requeue *self, const void *body, size_t size)
{
    proto_free(self->reply);
    self->reply = proto_parse(&chw__reply__descriptor, body, size);
}

static void on_busy(struct requeue *self, const void *body, size_t size)
{
    Chw__Busy *busy = (Chw__Busy *)proto_parse(&chw__busy__descriptor, body, size);
    uint64_t wait_ms = busy == NULL ? BUSY_MAX_MS : busy->retry_after_ms;
    if (wait_ms < BUSY_MIN_MS)
        wait_ms = BUSY_MIN_MS;
    if (wait_ms > BUSY_MAX_MS)
        wait_ms = BUSY_MAX_MS;
    self->send_ms = clock_monotonic_ms() + wait_ms;
    if (busy != NULL)
        proto_free(&busy->base);
}

static void on_reject(struct requeue *self, const void *body, size_t size)
{
    Chw__Reject *reject =
        (Chw__Reject *)proto_parse(&chw__reject__descriptor, body, size);
    snprintf(self->refusal, sizeof self->refusal, "%s",
             reject == NULL ? "it does not say why" : reject->reason);
    if (reject != NULL)
        proto_free(&reject->base);
}

/* Any broker goes on counting from what this one has told. */
static void on_charged(struct requeue *self, uint8_t attempt)
{
    if (attempt > self->header.attempt)
        self->header.attempt = attempt;
}

static void take(struct requeue *self, const struct link_message *message)
{
    static void (*const takes[MESSAGE_TYPE_COUNT])(struct requeue *, const void *,
                                                   size_t) = {
        [MESSAGE_REPLY] = on_reply,
        [MESSAGE_BUSY] = on_busy,
        [MESSAGE_REJECT] = on_reject,
    };
    const struct header *header = &message->header;
    if (!batch_key_equal(&header->key, &self->header.key))
        return; /* an answer to an earlier letter */
    if (header->type == MESSAGE_CHARGED)
        on_charged(self, header->attempt);
    else if (takes[header->type] != NULL)
        takes[header->type](self, message->body, message->size);
}

/* ---- until it is answered ---- */

/* Each time to another broker, where there are several. */
static void send_if_due(struct requeue *self)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (now_ms < self->send_ms)
        return;
    enum status status = link_send_any(self->link, &self->header, self->body);
    self->send_ms = now_ms + (status == STATUS_OK ? RESEND_MS : UNSENT_MS);
}

static enum status receive(struct requeue *self)
{
    struct link_message message;
    for (;;) {
        enum status status = link_receive(self->link, &message, NULL);
        if (status == STATUS_OK)
            take(self, &message);
        else if (status != STATUS_MALFORMED)
            return status;
    }
}

/* A broker that is gone answers no more; where it was another, once too often is the same
 * as once, under one key. */
static void send_again_where_one_is_lost(struct requeue *self)
{
    enum link_change change;
    uint32_t peer;
    while (link_changed(self->link, &change, &peer))
        if (change == LINK_LOST || change == LINK_REMOVED)
            self->send_ms = 0;
}

static enum status await_reply(struct requeue *self, struct error_text *error)
{
    uint64_t end_ms = clock_monotonic_ms() + self->patience_ms;
    enum { LOOK_MS = 100 };
    while (self->reply == NULL) {
        send_again_where_one_is_lost(self);
        send_if_due(self);
        if (link_wait(self->link, LOOK_MS) == STATUS_IO || receive(self) == STATUS_IO)
            return error_set(error, STATUS_IO, "the socket to %s failed", self->endpoint);
        if (self->refusal[0] != '\0')
            return error_set(error, STATUS_UNAVAILABLE, "the broker refuses it: %.400s",
                             self->refusal);
        if (self->reply == NULL && clock_monotonic_ms() >= end_ms)
            return error_set(
                error, STATUS_UNAVAILABLE,
                "no answer from %s for %" PRIu64
                " s: run the same command again, which finds what came of it",
                self->endpoint, self->patience_ms / 1000);
    }
    return STATUS_OK;
}

static enum status load_body(struct requeue *self, const struct dead_letter *letter,
                             struct error_text *error)
{
    void *bytes = malloc(letter->size + 1);
    link_body_free(self->body);
    self->body = NULL;
    if (bytes != NULL) {
        memcpy(bytes, letter->body, letter->size);
        self->body = link_body_new(bytes, letter->size);
    }
    if (self->body != NULL)
        return STATUS_OK;
    free(bytes);
    return error_set(error, STATUS_NOMEM, "out of memory");
}

static enum status exchange(struct requeue *self, const struct dead_letter *letter,
                            const struct settle_key *key, int32_t as_of,
                            struct error_text *error)
{
    self->header = (struct header){
        .type = MESSAGE_SCORE, .key.sequence = key->sequence, .as_of = as_of};
    memcpy(self->header.key.client, key->client, sizeof key->client);
    memcpy(self->header.region, letter->region, sizeof self->header.region);
    self->send_ms = 0;
    self->refusal[0] = '\0';
    proto_free(self->reply);
    self->reply = NULL;
    enum status status = load_body(self, letter, error);
    return status == STATUS_OK ? await_reply(self, error) : status;
}

/* ---- what came of it ---- */

static enum status read_outcome(const struct requeue *self, struct requeue_result *result,
                                struct error_text *error)
{
    static const enum requeue_end ends[] = {
        [CHW__OUTCOME__OUTCOME_COUNTED] = REQUEUE_COUNTED,
        [CHW__OUTCOME__OUTCOME_INVALID] = REQUEUE_INVALID,
        [CHW__OUTCOME__OUTCOME_DEAD] = REQUEUE_BURIED,
    };
    const Chw__Reply *reply = (const Chw__Reply *)(const void *)self->reply;
    if (reply->outcome < CHW__OUTCOME__OUTCOME_COUNTED ||
        reply->outcome > CHW__OUTCOME__OUTCOME_DEAD)
        return error_set(error, STATUS_UNAVAILABLE, "it was answered with outcome %d",
                         (int)reply->outcome);
    result->end = ends[reply->outcome];
    result->records = reply->rows;
    result->invalid = (uint32_t)reply->n_errors;
    snprintf(result->reason, sizeof result->reason, "%s", reply->reason);
    return STATUS_OK;
}

enum status requeue_letter(struct requeue *self, const struct dead_letter *letter,
                           int32_t as_of, struct requeue_result *result,
                           struct error_text *error)
{
    bool counted;
    memset(result, 0, sizeof *result);
    enum status status = find_key(self, letter, &result->key, &counted, error);
    if (status != STATUS_OK)
        return status;
    if (counted) {
        result->end = REQUEUE_COUNTED_BEFORE;
        return STATUS_OK;
    }
    status = exchange(self, letter, &result->key, as_of, error);
    if (status == STATUS_OK)
        status = read_outcome(self, result, error);
    if (status == STATUS_OK && result->end == REQUEUE_BURIED)
        status = drop_copy(self, &result->key, error);
    return status;
}
