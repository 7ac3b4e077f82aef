/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - libchw's front: the session decides, the link and the journal act. */
#include "client/batch.h"
#include "client/chw.h"
#include "client/journal.h"
#include "client/link.h"
#include "client/result.h"
#include "client/session.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/proto_parse.h"

#include "batch.pb-c.h"
#include "control.pb-c.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW_DEFAULT = 64,
    WINDOW_MAX = 1024,
    SPAN_FACTOR = 4,     /* sequences per window: bounds what the store keeps for us */
    RECEIVE_ROUND = 256, /* messages taken before the journal is synced */
    SEND_ROUND = 4096,   /* steps of the session before the caller is served */
    RESEND_MS = 30000,
    PING_MS = 1000,
    SILENCE_MS = 5000,
    DRAIN_MS = 2000,
    PEER = 0, /* the broker, to the session */
    NOTICE_TEXT_MAX = 640,
};

/* A batch that has no answer yet, kept to be sent again. */
struct pending {
    struct list link;
    struct header header;
    uint8_t *body; /* owned */
    size_t size;
    size_t rows;
    struct digest digest;
};

/* An answer on its way to the caller. */
struct finished {
    struct list link;
    uint64_t sequence;
    struct chw_result *result; /* owned */
    bool is_final;             /* the session has let it go: durable, or replayed */
};

struct chw_client {
    struct chw_options options;
    struct session *session;
    struct link *link;
    struct journal *journal; /* NULL: answers are not kept */
    uint8_t id[CLIENT_ID_SIZE];
    struct list pending;     /* in the order of submission */
    struct list unsynced;    /* answered, in the journal, not yet synced */
    struct list finished;    /* for the caller */
    uint32_t finished_count; /* also those that wait for the sync */
    bool failed;    /* the journal or the link broke: nothing more can be promised */
    uint64_t aside; /* the DESCRIBE that is outstanding; 0: none */
    struct chw_description *description; /* its answer, not yet taken */
    enum status description_status;
    struct error_text error;
};

/* ---- statuses ---- */

static const struct {
    enum status from;
    enum chw_status to;
} translations[] = {
    {STATUS_OK, CHW_OK},
    {STATUS_NOMEM, CHW_NOMEM},
    {STATUS_FULL, CHW_FULL},
    {STATUS_INVALID, CHW_INVALID},
    {STATUS_NOT_FOUND, CHW_NOT_FOUND},
    {STATUS_TAKEN, CHW_TAKEN},
    {STATUS_CORRUPT, CHW_CORRUPT},
    {STATUS_MALFORMED, CHW_CORRUPT},
    {STATUS_UNAVAILABLE, CHW_UNAVAILABLE},
};

static enum chw_status translate(enum status status)
{
    for (size_t i = 0; i < sizeof translations / sizeof translations[0]; i++)
        if (translations[i].from == status)
            return translations[i].to;
    return CHW_IO;
}

const char *chw_status_text(enum chw_status status)
{
    static const char *const texts[] = {
        [CHW_OK] = "ok",
        [CHW_TIMEOUT] = "nothing yet",
        [CHW_IDLE] = "nothing is outstanding",
        [CHW_FULL] = "the window or the batch is full",
        [CHW_INVALID] = "an argument is not allowed here",
        [CHW_NOT_FOUND] = "there is no such thing",
        [CHW_TAKEN] = "it is in use by another process",
        [CHW_CORRUPT] = "the journal is damaged or belongs to another job",
        [CHW_UNAVAILABLE] = "the cluster cannot answer now",
        [CHW_IO] = "a file or socket operation failed",
        [CHW_NOMEM] = "out of memory",
    };
    return (size_t)status < sizeof texts / sizeof texts[0] ? texts[status] : "unknown";
}

const char *chw_version(void)
{
    return CHW_VERSION;
}

const char *chw_last_error(const struct chw_client *client)
{
    return client->error.text;
}

static void notify(struct chw_client *self, enum chw_notice notice, const char *text)
{
    if (self->options.notice != NULL)
        self->options.notice(self->options.notice_arg, notice, text);
}

/* ---- opening and closing ---- */

static enum status check_options(const struct chw_options *options,
                                 struct error_text *error)
{
    if (options->struct_size != sizeof *options)
        return error_set(
            error, STATUS_INVALID,
            "struct_size is %zu, not %zu: set it to sizeof(struct chw_options)",
            options->struct_size, sizeof *options);
    if (options->endpoint == NULL)
        return error_set(error, STATUS_INVALID, "there is no endpoint");
    if (options->window > WINDOW_MAX)
        return error_set(error, STATUS_INVALID, "the window is %u, at most %d",
                         options->window, WINDOW_MAX);
    return STATUS_OK;
}

static enum status open_journal(struct chw_client *self, struct error_text *error)
{
    struct digest job = {{0}};
    if (self->options.journal == NULL) {
        random_bytes(self->id, sizeof self->id);
        return STATUS_OK;
    }
    if (self->options.job != NULL)
        memcpy(job.bytes, self->options.job, sizeof job.bytes);
    enum status status = journal_open(self->options.journal, &job, &self->journal, error);
    if (status == STATUS_OK)
        memcpy(self->id, journal_client(self->journal), sizeof self->id);
    return status;
}

static enum status open_session(struct chw_client *self, struct error_text *error)
{
    uint32_t window = self->options.window == 0 ? WINDOW_DEFAULT : self->options.window;
    struct session_limits limits = {
        .window = window,
        .span_max = SPAN_FACTOR * window,
        .resend_ms = RESEND_MS,
        .ping_ms = PING_MS,
        .silence_ms = SILENCE_MS,
        .drain_ms = DRAIN_MS,
    };
    self->options.window = window;
    random_bytes(&limits.seed, sizeof limits.seed);
    uint64_t now_ms = clock_monotonic_ms();
    self->session = session_new(&limits, now_ms);
    if (self->session == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    session_peer_add(self->session, PEER, now_ms);
    return STATUS_OK;
}

static enum status open_parts(struct chw_client *self, struct error_text *error)
{
    enum status status =
        link_open(self->options.endpoint, self->options.insecure, &self->link, error);
    if (status == STATUS_OK)
        status = open_journal(self, error);
    return status == STATUS_OK ? open_session(self, error) : status;
}

enum chw_status chw_open(const struct chw_options *options, struct chw_client **client,
                         struct chw_error *error)
{
    struct error_text text = {""};
    struct chw_client *self = NULL;
    enum status status = check_options(options, &text);
    if (status == STATUS_OK) {
        self = calloc(1, sizeof *self);
        status = self == NULL ? STATUS_NOMEM : STATUS_OK;
    }
    if (status == STATUS_OK) {
        self->options = *options;
        list_init(&self->pending);
        list_init(&self->unsynced);
        list_init(&self->finished);
        status = open_parts(self, &text);
    }
    if (error != NULL)
        memcpy(error->text, text.text, sizeof error->text);
    if (status != STATUS_OK) {
        chw_close(self);
        return translate(status);
    }
    *client = self;
    return CHW_OK;
}

static void free_pending(struct pending *pending)
{
    list_remove(&pending->link);
    free(pending->body);
    free(pending);
}

static void free_finished(struct list *ring)
{
    while (!list_empty(ring)) {
        struct finished *finished = list_item(ring->next, struct finished, link);
        list_remove(&finished->link);
        chw_result_free(finished->result);
        free(finished);
    }
}

void chw_close(struct chw_client *client)
{
    if (client == NULL)
        return;
    while (!list_empty(&client->pending))
        free_pending(list_item(client->pending.next, struct pending, link));
    free_finished(&client->unsynced);
    free_finished(&client->finished);
    chw_description_free(client->description);
    session_free(client->session);
    journal_close(client->journal);
    link_close(client->link);
    free(client);
}

uint32_t chw_outstanding(const struct chw_client *client)
{
    uint32_t count = client->finished_count;
    for (struct list *at = client->pending.next; at != &client->pending; at = at->next)
        count += list_item(at, struct pending, link)->header.type == MESSAGE_SCORE;
    return count;
}

uint64_t chw_answered(const struct chw_client *client)
{
    return client->journal == NULL ? 0 : journal_count(client->journal);
}

/* ---- what was asked ---- */

static struct pending *find_pending(struct chw_client *self, uint64_t sequence)
{
    for (struct list *at = self->pending.next; at != &self->pending; at = at->next) {
        struct pending *pending = list_item(at, struct pending, link);
        if (pending->header.key.sequence == sequence)
            return pending;
    }
    return NULL;
}

/* Takes over `body`. */
static struct pending *new_pending(struct chw_client *self, enum message_type type,
                                   uint8_t *body, size_t size)
{
    struct pending *pending = calloc(1, sizeof *pending);
    if (pending == NULL) {
        free(body);
        return NULL;
    }
    pending->header.type = type;
    memcpy(pending->header.key.client, self->id, CLIENT_ID_SIZE);
    pending->body = body;
    pending->size = size;
    pending->digest = digest_body(body, size);
    list_init(&pending->link);
    return pending;
}

/* ---- answers ---- */

static struct finished *new_finished(uint64_t sequence, struct chw_result *result)
{
    struct finished *finished = calloc(1, sizeof *finished);
    if (finished == NULL) {
        chw_result_free(result);
        return NULL;
    }
    list_init(&finished->link);
    finished->sequence = sequence;
    finished->result = result;
    return finished;
}

static void hand_over(struct chw_client *self, struct finished *finished)
{
    list_remove(&finished->link);
    list_push_back(&self->finished, &finished->link);
    self->finished_count++;
}

/* The answer of a pending batch: into the journal where there is one. */
static enum status keep(struct chw_client *self, struct pending *pending,
                        struct chw_result *result, const void *body, size_t size)
{
    uint64_t sequence = pending->header.key.sequence;
    struct finished *finished = new_finished(sequence, result);
    if (finished == NULL)
        return error_set(&self->error, STATUS_NOMEM, "out of memory");
    if (self->journal == NULL) {
        hand_over(self, finished);
        return STATUS_OK;
    }
    self->finished_count++; /* outstanding until it is taken */
    list_push_back(&self->unsynced, &finished->link);
    return journal_append(self->journal, sequence, &pending->digest, body, size,
                          &self->error);
}

/* One sync for all answers of a round; then they are final. */
static enum status sync_answers(struct chw_client *self)
{
    if (list_empty(&self->unsynced))
        return STATUS_OK;
    enum status status = journal_sync(self->journal, &self->error);
    while (status == STATUS_OK && !list_empty(&self->unsynced)) {
        struct finished *finished = list_item(self->unsynced.next, struct finished, link);
        session_final(self->session, finished->sequence);
        finished->is_final = true;
        self->finished_count--;
        hand_over(self, finished);
    }
    return status;
}

/* ---- one handler per message: proto/README.md ---- */

struct received {
    struct header header;
    const void *body;
    size_t size;
};

static enum status unusable(struct chw_client *self, const char *what, const char *why)
{
    char text[NOTICE_TEXT_MAX];
    snprintf(text, sizeof text, "a %s from the broker was dropped: %s", what, why);
    notify(self, CHW_NOTICE_REFUSED, text);
    return STATUS_OK;
}

static enum status on_reply(struct chw_client *self, const struct received *received)
{
    struct error_text why = {""};
    struct chw_result *result;
    uint64_t sequence = received->header.key.sequence;
    struct pending *pending = find_pending(self, sequence);
    if (pending == NULL || pending->header.type != MESSAGE_SCORE)
        return STATUS_OK; /* late, or twice */
    enum status status = result_parse(received->body, received->size, sequence,
                                      pending->rows, &result, &why);
    if (status == STATUS_MALFORMED)
        return unusable(self, "reply", why.text);
    if (status != STATUS_OK)
        return status;
    if (session_reply(self->session, sequence) != STATUS_OK) {
        chw_result_free(result);
        return STATUS_OK;
    }
    status = keep(self, pending, result, received->body, received->size);
    free_pending(pending);
    return status;
}

static void finish_description(struct chw_client *self, struct pending *pending,
                               enum status status)
{
    uint64_t sequence = pending->header.key.sequence;
    if (session_reply(self->session, sequence) == STATUS_OK)
        session_final(self->session, sequence);
    self->description_status = status;
    self->aside = 0;
    free_pending(pending);
}

static enum status on_description(struct chw_client *self,
                                  const struct received *received)
{
    struct error_text why = {""};
    struct pending *pending = find_pending(self, received->header.key.sequence);
    if (pending == NULL || pending->header.type != MESSAGE_DESCRIBE)
        return STATUS_OK;
    enum status status =
        description_parse(received->body, received->size, &self->description, &why);
    if (status == STATUS_MALFORMED)
        return unusable(self, "description", why.text);
    self->error = why;
    finish_description(self, pending, status);
    return STATUS_OK;
}

static enum status on_busy(struct chw_client *self, const struct received *received)
{
    Chw__Busy *busy =
        (Chw__Busy *)proto_parse(&chw__busy__descriptor, received->body, received->size);
    if (busy == NULL)
        return unusable(self, "busy", "it does not parse");
    session_busy(self->session, PEER, received->header.key.sequence, busy->retry_after_ms,
                 clock_monotonic_ms());
    proto_free(&busy->base);
    return STATUS_OK;
}

/* A refused batch has no answer, so its sequence stays open: acked_below must not pass
 * it. */
static enum status refuse(struct chw_client *self, struct pending *pending,
                          const char *reason)
{
    uint64_t sequence = pending->header.key.sequence;
    if (pending->header.type == MESSAGE_DESCRIBE) {
        error_set(&self->error, STATUS_UNAVAILABLE, "%s", reason);
        finish_description(self, pending, STATUS_UNAVAILABLE);
        return STATUS_OK;
    }
    if (session_reply(self->session, sequence) != STATUS_OK)
        return STATUS_OK;
    struct chw_result *result = result_refused(sequence, pending->rows, reason);
    struct finished *finished = result == NULL ? NULL : new_finished(sequence, result);
    if (finished == NULL)
        return error_set(&self->error, STATUS_NOMEM, "out of memory");
    finished->is_final = true; /* never said to the session */
    hand_over(self, finished);
    free_pending(pending);
    return STATUS_OK;
}

static enum status on_reject(struct chw_client *self, const struct received *received)
{
    struct pending *pending = find_pending(self, received->header.key.sequence);
    Chw__Reject *reject = (Chw__Reject *)proto_parse(&chw__reject__descriptor,
                                                     received->body, received->size);
    const char *reason = reject == NULL || reject->reason[0] == '\0'
                             ? "refused by the broker"
                             : reject->reason;
    enum status status = STATUS_OK;
    if (pending == NULL)
        notify(self, CHW_NOTICE_REFUSED, reason);
    else
        status = refuse(self, pending, reason);
    if (reject != NULL)
        proto_free(&reject->base);
    return status;
}

static enum status on_pong(struct chw_client *self, const struct received *received)
{
    session_pong(self->session, PEER, received->header.ticket, NULL,
                 clock_monotonic_ms());
    return STATUS_OK;
}

/* Whichever broker gets it next goes on counting. */
static enum status on_charged(struct chw_client *self, const struct received *received)
{
    struct pending *pending = find_pending(self, received->header.key.sequence);
    if (pending != NULL && pending->header.attempt < received->header.attempt)
        pending->header.attempt = received->header.attempt;
    return STATUS_OK;
}

static enum status on_drain(struct chw_client *self, const struct received *received)
{
    (void)received;
    session_drain(self->session, PEER, clock_monotonic_ms());
    return STATUS_OK;
}

static enum status (*const handlers[MESSAGE_TYPE_COUNT])(
    struct chw_client *self, const struct received *received) = {
    [MESSAGE_REPLY] = on_reply,     [MESSAGE_DESCRIPTION] = on_description,
    [MESSAGE_BUSY] = on_busy,       [MESSAGE_REJECT] = on_reject,
    [MESSAGE_PONG] = on_pong,       [MESSAGE_DRAIN] = on_drain,
    [MESSAGE_CHARGED] = on_charged,
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
    struct received received;
    struct error_text why = {""};
    enum status status =
        link_receive(self->link, &received.header, &received.body, &received.size, &why);
    if (status == STATUS_MALFORMED)
        return unusable(self, "message", why.text);
    if (status != STATUS_OK)
        return status == STATUS_END ? status
                                    : error_set(&self->error, status, "the socket ended");
    if (handlers[received.header.type] == NULL)
        return unusable(self, "message", message_name(received.header.type));
    if (!is_ours(self, &received.header))
        return STATUS_OK;
    return handlers[received.header.type](self, &received);
}

static enum status receive_all(struct chw_client *self)
{
    enum status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < RECEIVE_ROUND; i++)
        status = receive_one(self);
    if (status != STATUS_OK && status != STATUS_END)
        return status;
    return sync_answers(self);
}

/* ---- what the session wants done ---- */

static void send_pending(struct chw_client *self, uint64_t sequence, uint64_t now_ms)
{
    struct pending *pending = find_pending(self, sequence);
    assert(pending != NULL); /* what the session would send has no answer */
    if (pending->header.type == MESSAGE_SCORE && !self->options.what_if)
        pending->header.acked_below = session_acked_below(self->session);
    if (link_send(self->link, &pending->header, pending->body, pending->size) !=
        STATUS_OK)
        session_unsent(self->session, PEER, sequence, now_ms);
}

static void send_ping(struct chw_client *self, uint64_t now_ms)
{
    struct header header = {.type = MESSAGE_PING};
    memcpy(header.key.client, self->id, CLIENT_ID_SIZE);
    if (link_send(self->link, &header, "", 0) != STATUS_OK)
        session_unpinged(self->session, PEER, now_ms);
}

static void tell(struct chw_client *self, enum session_action action)
{
    char text[NOTICE_TEXT_MAX];
    if (action == SESSION_SILENT) {
        snprintf(text, sizeof text, "no broker answers at %s", self->options.endpoint);
        notify(self, CHW_NOTICE_SILENT, text);
    }
    if (action == SESSION_BACK)
        notify(self, CHW_NOTICE_BACK, "the broker answers");
    if (action == SESSION_RESTARTED)
        notify(self, CHW_NOTICE_RESTARTED,
               "the broker was restarted: what is outstanding is sent again");
    if (action == SESSION_DRAINING)
        notify(self, CHW_NOTICE_DRAINING,
               "the broker is draining: batches are held back");
}

static void act(struct chw_client *self)
{
    uint64_t now_ms = clock_monotonic_ms();
    for (int i = 0; i < SEND_ROUND; i++) {
        struct session_step step = session_next(self->session, now_ms);
        if (step.action == SESSION_NOTHING)
            return;
        if (step.action == SESSION_SEND)
            send_pending(self, step.sequence, now_ms);
        else if (step.action == SESSION_PING)
            send_ping(self, now_ms);
        else
            tell(self, step.action);
    }
}

static enum status serve(struct chw_client *self)
{
    enum status status = receive_all(self);
    if (status == STATUS_OK)
        act(self);
    else
        self->failed = true;
    return status;
}

/* Until something arrives, the session has work, or the caller's time is over (false). */
static bool pause_until(struct chw_client *self, uint64_t deadline_ms)
{
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t wake_ms = session_deadline_ms(self->session);
    if (now_ms >= deadline_ms)
        return false;
    if (wake_ms > deadline_ms)
        wake_ms = deadline_ms;
    uint64_t begun_ms = now_ms;
    enum status status = link_wait(self->link, wake_ms > now_ms ? wake_ms - now_ms : 0);
    /* Nothing came and the time is not over: it was a signal, which the caller may want.
     */
    return status == STATUS_OK || wake_ms <= begun_ms || clock_monotonic_ms() >= wake_ms;
}

/* ---- submit and wait ---- */

static enum chw_status fail_with(struct chw_client *self, enum status status,
                                 const char *text)
{
    return translate(error_set(&self->error, status, "%s", text));
}

/* The journal has an answer under the next number: it must be this batch's. */
static enum status replay(struct chw_client *self, const struct pending *pending)
{
    struct digest digest;
    uint8_t *payload;
    size_t size;
    struct chw_result *result;
    uint64_t sequence = session_next_sequence(self->session);
    enum status status =
        journal_read(self->journal, sequence, &digest, &payload, &size, &self->error);
    if (status != STATUS_OK)
        return status;
    if (memcmp(digest.bytes, pending->digest.bytes, sizeof digest.bytes) != 0)
        status = error_set(&self->error, STATUS_INVALID,
                           "batch %llu is not the one that the journal answers",
                           (unsigned long long)sequence);
    if (status == STATUS_OK)
        status =
            result_parse(payload, size, sequence, pending->rows, &result, &self->error);
    free(payload);
    if (status != STATUS_OK)
        return status;
    struct finished *finished = new_finished(sequence, result);
    if (finished == NULL)
        return error_set(&self->error, STATUS_NOMEM, "out of memory");
    finished->is_final = true;
    session_skip(self->session);
    hand_over(self, finished);
    return STATUS_OK;
}

static enum status send_new(struct chw_client *self, struct pending *pending,
                            uint64_t *sequence)
{
    enum status status = session_submit(self->session, 0, sequence);
    if (status != STATUS_OK)
        return error_set(&self->error, status, "%u batches are outstanding",
                         session_count(self->session));
    pending->header.key.sequence = *sequence;
    list_push_back(&self->pending, &pending->link);
    act(self);
    return STATUS_OK;
}

static enum status encode(struct chw_client *self, const struct chw_batch *batch,
                          struct pending **out)
{
    uint8_t *body;
    size_t size;
    enum status status = batch_encode(batch, &body, &size);
    if (status == STATUS_FULL || status == STATUS_INVALID)
        return error_set(&self->error, STATUS_INVALID,
                         status == STATUS_FULL ? "the batch is larger than 16 MiB"
                                               : "the batch has no rows");
    struct pending *pending =
        status == STATUS_OK ? new_pending(self, MESSAGE_SCORE, body, size) : NULL;
    if (pending == NULL)
        return error_set(&self->error, STATUS_NOMEM, "out of memory");
    pending->header.as_of = batch_as_of(batch);
    pending->header.flags = self->options.what_if ? HEADER_WHAT_IF : 0;
    strcpy(pending->header.region, batch_region(batch));
    pending->rows = chw_batch_rows(batch);
    *out = pending;
    return STATUS_OK;
}

enum chw_status chw_submit(struct chw_client *client, const struct chw_batch *batch,
                           uint64_t *sequence)
{
    struct pending *pending = NULL;
    if (client->failed)
        return CHW_IO;
    if (chw_outstanding(client) >= client->options.window)
        return CHW_FULL;
    enum status status = encode(client, batch, &pending);
    if (status != STATUS_OK)
        return translate(status);

    *sequence = session_next_sequence(client->session);
    bool is_answered = client->journal != NULL && journal_has(client->journal, *sequence);
    status = is_answered ? replay(client, pending) : send_new(client, pending, sequence);
    if (is_answered || status != STATUS_OK)
        free_pending(pending);
    return translate(status);
}

static struct chw_result *take_finished(struct chw_client *self)
{
    struct finished *finished = list_item(self->finished.next, struct finished, link);
    struct chw_result *result = finished->result;
    if (!finished->is_final)
        session_final(self->session, finished->sequence);
    list_remove(&finished->link);
    self->finished_count--;
    free(finished);
    return result;
}

enum chw_status chw_wait(struct chw_client *client, uint32_t timeout_ms,
                         struct chw_result **result)
{
    uint64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    if (client->failed)
        return CHW_IO;
    do {
        enum status status = serve(client);
        if (status != STATUS_OK)
            return translate(status);
        if (!list_empty(&client->finished)) {
            *result = take_finished(client);
            return CHW_OK;
        }
        if (chw_outstanding(client) == 0)
            return CHW_IDLE;
    } while (pause_until(client, deadline_ms));
    return CHW_TIMEOUT;
}

enum chw_status chw_recall(struct chw_client *client, uint64_t sequence,
                           struct chw_result **result)
{
    struct digest digest;
    uint8_t *payload;
    size_t size;
    if (client->journal == NULL)
        return fail_with(client, STATUS_NOT_FOUND, "this client keeps no journal");
    enum status status =
        journal_read(client->journal, sequence, &digest, &payload, &size, &client->error);
    if (status != STATUS_OK)
        return translate(status);
    status = result_parse(payload, size, sequence, 0, result, &client->error);
    free(payload);
    return translate(status);
}

/* ---- describe ---- */

static enum status encode_describe(const struct chw_model *models, size_t model_count,
                                   uint8_t **body, size_t *size)
{
    enum { MODELS_MAX = 16 };
    Chw__ModelChoice choices[MODELS_MAX], *pointers[MODELS_MAX];
    Chw__DescribeRequest request;
    chw__describe_request__init(&request);
    if (model_count > MODELS_MAX)
        return STATUS_INVALID;
    for (size_t i = 0; i < model_count; i++) {
        chw__model_choice__init(&choices[i]);
        choices[i].name = (char *)(uintptr_t)models[i].name;
        choices[i].alias = (char *)(uintptr_t)models[i].alias;
        pointers[i] = &choices[i];
    }
    request.n_models = model_count;
    request.models = pointers;
    *size = chw__describe_request__get_packed_size(&request);
    if (*size > CONTROL_SIZE_MAX)
        return STATUS_INVALID;
    *body = malloc(*size + 1);
    if (*body == NULL)
        return STATUS_NOMEM;
    chw__describe_request__pack(&request, *body);
    return STATUS_OK;
}

/* The question that is outstanding, if it is this one; else it takes the old one's place.
 */
static enum status ask(struct chw_client *self, const struct chw_model *models,
                       size_t model_count)
{
    uint8_t *body;
    size_t size;
    enum status status = encode_describe(models, model_count, &body, &size);
    if (status != STATUS_OK)
        return error_set(&self->error, status, "too many models, or too long names");
    struct pending *old = self->aside == 0 ? NULL : find_pending(self, self->aside);
    if (old != NULL && old->size == size && memcmp(old->body, body, size) == 0) {
        free(body);
        return STATUS_OK;
    }
    struct pending *pending = new_pending(self, MESSAGE_DESCRIBE, body, size);
    if (pending == NULL)
        return error_set(&self->error, STATUS_NOMEM, "out of memory");
    if (old != NULL)
        free_pending(old);
    self->aside = session_aside(self->session);
    pending->header.key.sequence = self->aside;
    list_push_back(&self->pending, &pending->link);
    return STATUS_OK;
}

enum chw_status chw_describe(struct chw_client *client, const struct chw_model *models,
                             size_t model_count, uint32_t timeout_ms,
                             struct chw_description **description)
{
    uint64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    if (client->failed)
        return CHW_IO;
    enum status status = ask(client, models, model_count);
    if (status != STATUS_OK)
        return translate(status);
    do {
        status = serve(client);
        if (status != STATUS_OK)
            return translate(status);
        if (client->aside == 0) {
            *description = client->description;
            client->description = NULL;
            return translate(client->description_status);
        }
    } while (pause_until(client, deadline_ms));
    return CHW_TIMEOUT;
}
