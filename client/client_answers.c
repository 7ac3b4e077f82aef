/* SPDX-License-Identifier: Apache-2.0 */
/* client_answers.c - libchw: what arrives from the brokers, one handler per message
 * (proto/README.md), and how an answer becomes final. */
#include "client/client.h"

#include "base/clock.h"
#include "base/proto_parse.h"
#include "client/result.h"

#include "control.pb-c.h"

#include <assert.h>
#include <string.h>

enum { RECEIVE_ROUND = 256 }; /* messages taken before the journal is synced */

typedef enum status handler_fn(struct chw_client *self,
                               const struct link_message *message);

static enum status unusable(struct chw_client *self, const struct link_message *message,
                            const char *what, const char *why)
{
    client_notify(self, CHW_NOTICE_REFUSED, "a %s from the broker at %s was dropped: %s",
                  what, link_address(self->link, message->peer), why);
    return STATUS_OK;
}

/* ---- answers ---- */

/* The answer of a pending batch: into the journal where there is one. */
static enum status keep(struct chw_client *self, struct request *request,
                        const struct link_message *message)
{
    client_end_pending(self, request);
    if (self->journal == NULL) {
        client_hand_over(self, request);
        return STATUS_OK;
    }
    self->finished_count++; /* outstanding until it is taken */
    list_push_back(&self->unsynced, &request->link);
    return journal_append(self->journal, request->header.key.sequence, &request->digest,
                          message->body, message->size, &self->error);
}

/* One sync for all answers of a round; then they are final, and acked_below may pass
 * them. What it has passed need not be kept. */
static enum status sync_answers(struct chw_client *self)
{
    if (list_empty(&self->unsynced))
        return STATUS_OK;
    enum status status = journal_sync(self->journal, &self->error);
    while (status == STATUS_OK && !list_empty(&self->unsynced)) {
        struct request *request = list_item(self->unsynced.next, struct request, link);
        session_final(self->session, request->header.key.sequence);
        request->is_final = true;
        self->finished_count--;
        client_hand_over(self, request);
    }
    if (status == STATUS_OK && self->spool != NULL)
        status = spool_remove_below(self->spool, session_acked_below(self->session),
                                    &self->error);
    return status;
}

static enum status on_reply(struct chw_client *self, const struct link_message *message)
{
    struct error_text why = {""};
    uint64_t sequence = message->header.key.sequence;
    struct request *request = client_find(self, sequence);
    if (request == NULL || request->header.type != MESSAGE_SCORE)
        return STATUS_OK; /* late, or twice */
    enum status status = result_parse(message->body, message->size, sequence,
                                      request->rows, &request->result, &why);
    if (status == STATUS_MALFORMED)
        return unusable(self, message, "reply", why.text);
    if (status != STATUS_OK)
        return error_set(&self->error, status, "%s", status_text(status));
    status = session_reply(self->session, sequence);
    assert(status == STATUS_OK); /* a request is pending as long as it has no answer */
    return keep(self, request, message);
}

static void finish_description(struct chw_client *self, struct request *request,
                               enum status status)
{
    uint64_t sequence = request->header.key.sequence;
    if (session_reply(self->session, sequence) == STATUS_OK)
        session_final(self->session, sequence);
    self->description_status = status;
    client_end_pending(self, request);
    request_free(request);
}

static enum status on_description(struct chw_client *self,
                                  const struct link_message *message)
{
    struct error_text why = {""};
    struct request *request = client_find(self, message->header.key.sequence);
    if (request == NULL || request->header.type != MESSAGE_DESCRIBE)
        return STATUS_OK;
    enum status status =
        description_parse(message->body, message->size, &self->description, &why);
    if (status == STATUS_MALFORMED)
        return unusable(self, message, "description", why.text);
    self->error = why;
    finish_description(self, request, status);
    return STATUS_OK;
}

/* A refused batch has no answer, so its sequence stays open: acked_below must not pass
 * it. */
static enum status refuse(struct chw_client *self, struct request *request,
                          const char *reason)
{
    if (request->header.type == MESSAGE_DESCRIBE) {
        error_set(&self->error, STATUS_UNAVAILABLE, "%s", reason);
        finish_description(self, request, STATUS_UNAVAILABLE);
        return STATUS_OK;
    }
    if (session_reply(self->session, request->header.key.sequence) != STATUS_OK)
        return STATUS_OK;
    return client_give_up(self, request, CHW_REFUSED, reason);
}

static enum status on_reject(struct chw_client *self, const struct link_message *message)
{
    struct request *request = client_find(self, message->header.key.sequence);
    Chw__Reject *reject = (Chw__Reject *)proto_parse(&chw__reject__descriptor,
                                                     message->body, message->size);
    const char *reason = reject == NULL || reject->reason[0] == '\0'
                             ? "refused by the broker"
                             : reject->reason;
    enum status status = STATUS_OK;
    if (request == NULL)
        client_notify(self, CHW_NOTICE_REFUSED, "%s", reason);
    else
        status = refuse(self, request, reason);
    if (reject != NULL)
        proto_free(&reject->base);
    return status;
}

/* ---- attempts that ended ---- */

static enum status on_busy(struct chw_client *self, const struct link_message *message)
{
    Chw__Busy *busy =
        (Chw__Busy *)proto_parse(&chw__busy__descriptor, message->body, message->size);
    if (busy == NULL)
        return unusable(self, message, "busy", "it does not parse");
    session_busy(self->session, message->peer, message->header.key.sequence,
                 busy->retry_after_ms, clock_monotonic_ms());
    proto_free(&busy->base);
    return STATUS_OK;
}

/* A what-if ends: whoever set its deadline no longer waits. A batch that counts is kept
 * and tried again. */
static enum status on_expired(struct chw_client *self, const struct link_message *message)
{
    uint64_t sequence = message->header.key.sequence;
    struct request *request = client_find(self, sequence);
    if (request == NULL || request->header.type != MESSAGE_SCORE)
        return STATUS_OK;
    if (!self->options.what_if) {
        session_expired(self->session, message->peer, sequence, clock_monotonic_ms());
        client_notify(self, CHW_NOTICE_EXPIRED,
                      "batch %llu expired before a worker began: it is tried again",
                      (unsigned long long)sequence);
        return STATUS_OK;
    }
    if (session_reply(self->session, sequence) != STATUS_OK)
        return STATUS_OK;
    session_final(self->session, sequence);
    return client_give_up(self, request, CHW_EXPIRED,
                          "its deadline passed before a worker began");
}

/* Whichever broker gets it next goes on counting. */
static enum status on_charged(struct chw_client *self, const struct link_message *message)
{
    struct request *request = client_find(self, message->header.key.sequence);
    if (request == NULL || request->header.attempt >= message->header.attempt)
        return STATUS_OK;
    request->header.attempt = message->header.attempt;
    return self->spool != NULL && request->header.type == MESSAGE_SCORE
               ? client_charge(self, request)
               : STATUS_OK;
}

/* ---- of the brokers themselves ---- */

static enum status on_pong(struct chw_client *self, const struct link_message *message)
{
    Chw__Pong *pong =
        (Chw__Pong *)proto_parse(&chw__pong__descriptor, message->body, message->size);
    if (pong == NULL)
        return unusable(self, message, "pong", "it does not parse");
    const struct session_load load = {
        .connection = pong->connection,
        .held = pong->held,
        .workerless = pong->workerless,
    };
    session_pong(self->session, message->peer, message->header.ticket, &load,
                 clock_monotonic_ms());
    proto_free(&pong->base);
    return STATUS_OK;
}

static enum status on_drain(struct chw_client *self, const struct link_message *message)
{
    session_drain(self->session, message->peer, clock_monotonic_ms());
    return STATUS_OK;
}

static handler_fn *const handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_REPLY] = on_reply,     [MESSAGE_DESCRIPTION] = on_description,
    [MESSAGE_BUSY] = on_busy,       [MESSAGE_REJECT] = on_reject,
    [MESSAGE_PONG] = on_pong,       [MESSAGE_DRAIN] = on_drain,
    [MESSAGE_CHARGED] = on_charged, [MESSAGE_EXPIRED] = on_expired,
};

/* PONG and DRAIN belong to the connection; all else names the batch it is about. */
static bool is_ours(const struct chw_client *self, const struct header *header)
{
    return header->type == MESSAGE_PONG || header->type == MESSAGE_DRAIN ||
           header->type == MESSAGE_REJECT ||
           memcmp(header->key.client, self->id, CLIENT_ID_SIZE) == 0;
}

static enum status receive_one(struct chw_client *self)
{
    struct link_message message;
    struct error_text why = {""};
    enum status status = link_receive(self->link, &message, &why);
    if (status == STATUS_MALFORMED)
        return unusable(self, &message, "message", why.text);
    if (status != STATUS_OK)
        return status == STATUS_END ? status
                                    : error_set(&self->error, status, "the socket ended");
    handler_fn *handler = handlers[message.header.type];
    if (handler == NULL)
        return unusable(self, &message, "message", message_name(message.header.type));
    return is_ours(self, &message.header) ? handler(self, &message) : STATUS_OK;
}

enum status client_receive(struct chw_client *self)
{
    enum status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < RECEIVE_ROUND; i++)
        status = receive_one(self);
    if (status != STATUS_OK && status != STATUS_END)
        return status;
    return sync_answers(self);
}
