/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - libchw's front: the calls of chw.h. The session decides; the link, the
 * journal and the spool act. */
#include "client/client.h"

#include "client/batch.h"
#include "client/result.h"

#include "base/clock.h"

#include "batch.pb-c.h"

#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW_DEFAULT = 64,
    WINDOW_MAX = 1024,
    SPAN_FACTOR = 4, /* sequences per window: bounds what the store keeps for us */
    RESEND_MS = 30000,
    PING_MS = 1000,
    SILENCE_MS = 5000,
    DRAIN_MS = 2000,
    LOOK_MS = 500, /* at least so often for other addresses */
    NOTICE_TEXT_MAX = 640,
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
        [CHW_CORRUPT] = "the journal or the spool is damaged or belongs to another job",
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

void client_notify(struct chw_client *self, enum chw_notice notice, const char *format,
                   ...)
{
    char text[NOTICE_TEXT_MAX];
    va_list arguments;
    if (self->options.notice == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    self->options.notice(self->options.notice_arg, notice, text);
}

/* ---- opening and closing ---- */

/* The size of what chw.h had before `deadline_ms`. */
enum { OPTIONS_SIZE_LEAST = offsetof(struct chw_options, deadline_ms) };

static enum status check_options(const struct chw_options *options,
                                 struct error_text *error)
{
    if (options->endpoint == NULL)
        return error_set(error, STATUS_INVALID, "there is no endpoint");
    if (options->window > WINDOW_MAX)
        return error_set(error, STATUS_INVALID, "the window is %u, at most %d",
                         options->window, WINDOW_MAX);
    if (options->priority != CHW_BULK && options->priority != CHW_INTERACTIVE)
        return error_set(error, STATUS_INVALID,
                         "the priority is %d; expected CHW_BULK (%d) or "
                         "CHW_INTERACTIVE (%d)",
                         (int)options->priority, CHW_BULK, CHW_INTERACTIVE);
    if (options->spool != NULL && options->journal != NULL)
        return error_set(error, STATUS_INVALID,
                         "a spool has its own journal: leave `journal` NULL");
    if (options->spool != NULL && options->what_if)
        return error_set(error, STATUS_INVALID,
                         "a what-if counts nothing, so there is nothing to spool");
    return STATUS_OK;
}

/* A program made for an earlier chw.h knows fewer options: those are zero. */
static enum status take_options(struct chw_client *self,
                                const struct chw_options *options,
                                struct error_text *error)
{
    size_t size = options->struct_size;
    if (size < OPTIONS_SIZE_LEAST || size > sizeof *options)
        return error_set(
            error, STATUS_INVALID,
            "struct_size is %zu, not %zu: set it to sizeof(struct chw_options)", size,
            sizeof *options);
    memcpy(&self->options, options, size);
    return check_options(&self->options, error);
}

static enum status open_journal(struct chw_client *self, const char *path,
                                struct error_text *error)
{
    struct digest job = {{0}};
    if (self->options.job != NULL)
        memcpy(job.bytes, self->options.job, sizeof job.bytes);
    enum status status = journal_open(path, &job, &self->journal, error);
    if (status == STATUS_OK)
        memcpy(self->id, journal_client(self->journal), sizeof self->id);
    return status;
}

static enum status open_files(struct chw_client *self, struct error_text *error)
{
    char *path = NULL;
    if (self->options.journal != NULL)
        return open_journal(self, self->options.journal, error);
    if (self->options.spool == NULL) {
        random_bytes(self->id, sizeof self->id);
        return STATUS_OK;
    }
    enum status status = client_name_journal(self, &path, error);
    if (status == STATUS_OK)
        status = open_journal(self, path, error);
    free(path);
    return status == STATUS_OK ? client_open_spool(self, error) : status;
}

static enum status open_pending(struct chw_client *self, uint32_t span,
                                struct error_text *error)
{
    uint64_t size = 1;
    while (size < span)
        size *= 2;
    self->mask = size - 1;
    self->pending = calloc(size, sizeof *self->pending);
    return self->pending == NULL ? error_set(error, STATUS_NOMEM, "out of memory")
                                 : STATUS_OK;
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
    self->session = session_new(&limits, clock_monotonic_ms());
    if (self->session == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    return open_pending(self, limits.span_max, error);
}

static enum status open_parts(struct chw_client *self, struct error_text *error)
{
    self->endpoint = strdup(self->options.endpoint);
    enum status status =
        self->endpoint == NULL
            ? error_set(error, STATUS_NOMEM, "out of memory")
            : link_open(self->endpoint, self->options.insecure, &self->link, error);
    if (status == STATUS_OK)
        status = open_files(self, error);
    return status == STATUS_OK ? open_session(self, error) : status;
}

static enum status open_client(struct chw_client *self, const struct chw_options *options,
                               struct error_text *error)
{
    list_init(&self->unsynced);
    list_init(&self->finished);
    enum status status = take_options(self, options, error);
    return status == STATUS_OK ? open_parts(self, error) : status;
}

enum chw_status chw_open(const struct chw_options *options, struct chw_client **client,
                         struct chw_error *error)
{
    struct error_text text = {""};
    struct chw_client *self = calloc(1, sizeof *self);
    enum status status = self == NULL ? STATUS_NOMEM : open_client(self, options, &text);
    if (error != NULL)
        memcpy(error->text, text.text, sizeof error->text);
    if (status != STATUS_OK) {
        chw_close(self);
        return translate(status);
    }
    *client = self;
    return CHW_OK;
}

static void free_all(struct list *ring)
{
    while (!list_empty(ring)) {
        struct request *request = list_item(ring->next, struct request, link);
        list_remove(&request->link);
        request_free(request);
    }
}

static void free_pending(struct chw_client *self)
{
    for (uint64_t i = 0; self->pending != NULL && i <= self->mask; i++)
        request_free(self->pending[i]);
    request_free(self->question);
    free(self->pending);
}

void chw_close(struct chw_client *client)
{
    if (client == NULL)
        return;
    free_pending(client);
    free_all(&client->unsynced);
    free_all(&client->finished);
    chw_description_free(client->description);
    session_free(client->session);
    spool_close(client->spool);
    journal_close(client->journal);
    link_close(client->link);
    free(client->folder);
    free(client->endpoint);
    free(client);
}

uint32_t chw_outstanding(const struct chw_client *client)
{
    return (uint32_t)client->unanswered + client->finished_count;
}

uint64_t chw_answered(const struct chw_client *client)
{
    return client->journal == NULL ? 0 : journal_count(client->journal);
}

/* ---- requests ---- */

struct request *request_new(struct chw_client *self, enum message_type type,
                            uint8_t *bytes, size_t size)
{
    struct request *request = calloc(1, sizeof *request);
    struct link_body *body = link_body_new(bytes, size);
    if (request == NULL || body == NULL) {
        if (body == NULL)
            free(bytes);
        link_body_free(body);
        free(request);
        return NULL;
    }
    request->header.type = type;
    memcpy(request->header.key.client, self->id, CLIENT_ID_SIZE);
    request->body = body;
    list_init(&request->link);
    return request;
}

void request_free(struct request *request)
{
    if (request == NULL)
        return;
    link_body_free(request->body);
    chw_result_free(request->result);
    free(request);
}

/* Where a request is while it is pending. */
static struct request **place(const struct chw_client *self, uint64_t sequence)
{
    /* A question is alone, and a sequence of the stream has a place of its own as long
     * as the session has not let it go. */
    return sequence >= SESSION_ASIDE ? (struct request **)(uintptr_t)&self->question
                                     : &self->pending[sequence & self->mask];
}

struct request *client_find(const struct chw_client *self, uint64_t sequence)
{
    struct request *request = *place(self, sequence);
    return request != NULL && request->header.key.sequence == sequence ? request : NULL;
}

void client_add_pending(struct chw_client *self, struct request *request)
{
    struct request **at = place(self, request->header.key.sequence);
    assert(*at == NULL);
    *at = request;
    self->unanswered += request->header.type == MESSAGE_SCORE && self->spool == NULL;
}

void client_end_pending(struct chw_client *self, struct request *request)
{
    *place(self, request->header.key.sequence) = NULL;
    self->unanswered -= request->header.type == MESSAGE_SCORE;
    link_body_free(request->body);
    request->body = NULL;
}

void client_hand_over(struct chw_client *self, struct request *request)
{
    list_remove(&request->link);
    list_push_back(&self->finished, &request->link);
    self->finished_count++;
}

enum status client_give_up(struct chw_client *self, struct request *request,
                           enum chw_outcome outcome, const char *reason)
{
    request->result = result_without_reply(request->header.key.sequence, outcome,
                                           request->rows, reason);
    if (request->result == NULL)
        return error_set(&self->error, STATUS_NOMEM, "out of memory");
    client_end_pending(self, request);
    request->is_final = true;
    client_hand_over(self, request);
    return STATUS_OK;
}

/* ---- serving ---- */

static void note_failure(struct chw_client *self, enum status status)
{
    if (self->failure == STATUS_OK)
        self->failure = status;
}

/* Of a call after that: damage stays damage, all else is to be opened again. */
static enum chw_status failed_before(const struct chw_client *self)
{
    return self->failure == STATUS_CORRUPT ? CHW_CORRUPT : CHW_IO;
}

static enum status serve(struct chw_client *self)
{
    enum status status = client_receive(self);
    if (status == STATUS_OK)
        status = client_feed(self);
    if (status == STATUS_OK)
        status = client_act(self);
    self->served_ms = clock_monotonic_ms();
    note_failure(self, status);
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
    if (wake_ms > now_ms + LOOK_MS)
        wake_ms = now_ms + LOOK_MS;
    enum status status = link_wait(self->link, wake_ms > now_ms ? wake_ms - now_ms : 0);
    /* Nothing came and the time is not over: it was a signal, which the caller may want.
     */
    return status == STATUS_OK || wake_ms <= now_ms || clock_monotonic_ms() >= wake_ms;
}

/* ---- submit and wait ---- */

static enum chw_status fail_with(struct chw_client *self, enum status status,
                                 const char *text)
{
    return translate(error_set(&self->error, status, "%s", text));
}

/* A batch that was given up because it was damaged has no digest. */
static bool is_of(const struct request *request, const struct digest *answered)
{
    static const struct digest unknown = {{0}};
    return memcmp(answered, &request->digest, sizeof *answered) == 0 ||
           memcmp(answered, &unknown, sizeof *answered) == 0;
}

/* The journal has an answer under this number: it must be this batch's. */
static enum status read_answer(struct chw_client *self, struct request *request,
                               uint64_t sequence)
{
    struct digest digest;
    uint8_t *payload;
    size_t size;
    enum status status =
        journal_read(self->journal, sequence, &digest, &payload, &size, &self->error);
    if (status != STATUS_OK)
        return status;
    if (!is_of(request, &digest))
        status = error_set(&self->error, STATUS_INVALID,
                           "batch %llu is not the one that the journal answers",
                           (unsigned long long)sequence);
    if (status == STATUS_OK)
        status = result_parse(payload, size, sequence, request->rows, &request->result,
                              &self->error);
    free(payload);
    return status;
}

enum status client_replay(struct chw_client *self, struct request *request,
                          uint64_t sequence)
{
    enum status status = read_answer(self, request, sequence);
    if (status != STATUS_OK)
        return status;
    if (journal_is_recent(self->journal, sequence)) {
        request_free(request); /* it came before the batch was submitted again */
        return STATUS_OK;
    }
    request->header.key.sequence = sequence;
    request->is_final = true;
    client_hand_over(self, request);
    return STATUS_OK;
}

/* Here the batch becomes pending: from now on it is sent until it is answered. */
static enum status send_new(struct chw_client *self, struct request *request)
{
    enum status status =
        session_submit(self->session, request->expires_ms, &request->header.key.sequence);
    if (status != STATUS_OK)
        return error_set(&self->error, status, "%u batches are outstanding",
                         session_count(self->session));
    client_add_pending(self, request);
    note_failure(self, client_act(self));
    return STATUS_OK;
}

/* The journal's next answer, or a batch for the session. */
static enum status submit(struct chw_client *self, struct request *request,
                          uint64_t *sequence)
{
    *sequence = session_next_sequence(self->session);
    if (self->journal == NULL || !journal_has(self->journal, *sequence))
        return send_new(self, request);
    enum status status = client_replay(self, request, *sequence);
    if (status == STATUS_OK)
        session_skip(self->session);
    return status;
}

/* First on the disk. Answers that are here make room there. A batch that is kept is
 * accepted, whatever comes of sending it: that is told by the next call. */
static enum status submit_to_spool(struct chw_client *self, struct request *request,
                                   uint64_t *sequence)
{
    enum status status = serve(self);
    if (status == STATUS_OK)
        status = client_keep(self, request, sequence);
    if (status != STATUS_OK)
        return status;
    note_failure(self, client_feed(self));
    if (self->failure == STATUS_OK)
        note_failure(self, client_act(self));
    return STATUS_OK;
}

static bool is_full(const struct chw_client *self)
{
    uint32_t held = self->spool == NULL ? chw_outstanding(self) : self->finished_count;
    return held >= self->options.window;
}

static void describe_batch(struct chw_client *self, const struct chw_batch *batch,
                           struct request *request)
{
    const struct chw_options *options = &self->options;
    request->header.as_of = batch_as_of(batch);
    request->header.flags = options->what_if ? HEADER_WHAT_IF : 0;
    request->header.priority = options->priority == CHW_INTERACTIVE;
    request->header.deadline_ms = options->deadline_ms;
    if (options->what_if && options->deadline_ms != 0)
        request->expires_ms = clock_monotonic_ms() + options->deadline_ms;
    strcpy(request->header.region, batch_region(batch));
    request->rows = chw_batch_rows(batch);
    if (self->journal != NULL)
        request->digest =
            digest_body(link_body_data(request->body), link_body_size(request->body));
}

static enum status encode(struct chw_client *self, const struct chw_batch *batch,
                          struct request **out)
{
    uint8_t *bytes;
    size_t size;
    enum status status = batch_encode(batch, &bytes, &size);
    if (status == STATUS_FULL || status == STATUS_INVALID)
        return error_set(&self->error, STATUS_INVALID,
                         status == STATUS_FULL ? "the batch is larger than 16 MiB"
                                               : "the batch has no rows");
    *out = status == STATUS_OK ? request_new(self, MESSAGE_SCORE, bytes, size) : NULL;
    if (*out == NULL)
        return error_set(&self->error, STATUS_NOMEM, "out of memory");
    describe_batch(self, batch, *out);
    return STATUS_OK;
}

enum chw_status chw_submit(struct chw_client *client, const struct chw_batch *batch,
                           uint64_t *sequence)
{
    struct request *request = NULL;
    if (client->failure != STATUS_OK)
        return failed_before(client);
    if (is_full(client))
        return fail_with(client, STATUS_FULL, "take results first: the window is full");
    enum status status = encode(client, batch, &request);
    if (status != STATUS_OK)
        return translate(status);
    status = client->spool == NULL ? submit(client, request, sequence)
                                   : submit_to_spool(client, request, sequence);
    if (status != STATUS_OK)
        request_free(request);
    return translate(status);
}

/* Without a journal the answer is final here: acked_below may pass it. */
static struct chw_result *take_finished(struct chw_client *self)
{
    struct request *request = list_item(self->finished.next, struct request, link);
    struct chw_result *result = request->result;
    if (!request->is_final)
        session_final(self->session, request->header.key.sequence);
    list_remove(&request->link);
    self->finished_count--;
    request->result = NULL;
    request_free(request);
    return result;
}

static enum chw_status fail_stuck(struct chw_client *self)
{
    return translate(error_set(
        &self->error, STATUS_CORRUPT,
        "batch %llu is missing in %s, and those behind it wait: submit the same batches "
        "again",
        (unsigned long long)session_next_sequence(self->session), self->folder));
}

enum chw_status chw_wait(struct chw_client *client, uint32_t timeout_ms,
                         struct chw_result **result)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (client->failure != STATUS_OK)
        return failed_before(client);
    /* Many answers come together: the link is not asked between them. */
    bool is_served = client->served_ms == now_ms && !list_empty(&client->finished);
    do {
        enum status status = is_served ? STATUS_OK : serve(client);
        if (status != STATUS_OK)
            return translate(status);
        if (!list_empty(&client->finished)) {
            *result = take_finished(client);
            return CHW_OK;
        }
        if (chw_outstanding(client) == 0)
            return CHW_IDLE;
        if (client_is_stuck(client))
            return fail_stuck(client);
    } while (pause_until(client, now_ms + timeout_ms));
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

static bool is_same(const struct request *old, const uint8_t *body, size_t size)
{
    return old != NULL && link_body_size(old->body) == size &&
           memcmp(link_body_data(old->body), body, size) == 0;
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
    if (is_same(self->question, body, size)) {
        free(body);
        return STATUS_OK;
    }
    struct request *request = request_new(self, MESSAGE_DESCRIBE, body, size);
    if (request == NULL)
        return error_set(&self->error, STATUS_NOMEM, "out of memory");
    request->header.priority = 1; /* somebody waits for it */
    request->header.key.sequence = session_aside(self->session);
    request_free(self->question);
    self->question = NULL;
    client_add_pending(self, request);
    return STATUS_OK;
}

enum chw_status chw_describe(struct chw_client *client, const struct chw_model *models,
                             size_t model_count, uint32_t timeout_ms,
                             struct chw_description **description)
{
    uint64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    if (client->failure != STATUS_OK)
        return failed_before(client);
    enum status status = ask(client, models, model_count);
    if (status != STATUS_OK)
        return translate(status);
    do {
        status = serve(client);
        if (status != STATUS_OK)
            return translate(status);
        if (client->question == NULL) {
            *description = client->description;
            client->description = NULL;
            return translate(client->description_status);
        }
    } while (pause_until(client, deadline_ms));
    return CHW_TIMEOUT;
}
