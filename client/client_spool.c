/* SPDX-License-Identifier: Apache-2.0 */
/* client_spool.c - libchw: batches that are on the disk before they are sent, and go to
 * the session in their order.
 *
 *   submitted ... | next        the caller's numbers, from 1 in each run
 *   fed ...... | next_sequence  the session's: all before it are sent, or final
 *
 * The session may be ahead of the caller (an earlier run submitted more) or behind. */
#include "client/client.h"

#include "client/result.h"
#include "client/spool_disk.h"

#include "base/file.h"

#include "batch.pb-c.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SPOOL_BYTES_DEFAULT = 1 << 30 };

/* ---- opening ---- */

/* The folder's own name is durable, too. */
static enum status make_folder(struct chw_client *self, struct error_text *error)
{
    self->folder = strdup(self->options.spool);
    if (self->folder == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    for (size_t size = strlen(self->folder); size > 1 && self->folder[size - 1] == '/';)
        self->folder[--size] = '\0';
    enum status status = file_make_folder(self->folder, error);
    return status == STATUS_OK ? file_sync_folder(self->folder, error) : status;
}

enum status client_name_journal(struct chw_client *self, char **path,
                                struct error_text *error)
{
    static const char name[] = "/journal";
    enum status status = make_folder(self, error);
    if (status != STATUS_OK)
        return status;
    size_t size = strlen(self->folder);
    *path = malloc(size + sizeof name);
    if (*path == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    memcpy(*path, self->folder, size);
    memcpy(*path + size, name, sizeof name);
    return STATUS_OK;
}

/* What the last run had answered and not yet removed, or a power cut brought back. The
 * journal is synced: its opening did that. */
static enum status remove_answered(struct chw_client *self, struct error_text *error)
{
    enum status status = STATUS_OK;
    for (uint64_t n = spool_next(self->spool, 0); status == STATUS_OK && n != 0;
         n = spool_next(self->spool, n + 1))
        if (journal_has(self->journal, n))
            status = spool_remove(self->spool, n, error);
    return status;
}

/* Given up by a person, and nobody has been told. */
static uint64_t count_given_up(const struct chw_client *self)
{
    uint64_t count = 0, last = spool_last(self->spool);
    if (spool_given_up(self->spool) == 0)
        return 0;
    for (uint64_t n = 1; n <= last; n++)
        count += spool_is_given_up(self->spool, n) && !journal_has(self->journal, n);
    return count;
}

enum status client_open_spool(struct chw_client *self, struct error_text *error)
{
    struct spool_disk disk;
    uint64_t bytes_max = self->options.spool_bytes;
    if (bytes_max == 0)
        bytes_max = SPOOL_BYTES_DEFAULT;
    spool_disk_init(&disk, self->folder);
    enum status status = spool_open(&disk, self->id, bytes_max, &self->spool, error);
    if (status == STATUS_OK)
        status = remove_answered(self, error);
    if (status != STATUS_OK)
        return status;
    self->next = 1;
    self->unanswered = spool_count(self->spool) + count_given_up(self);
    return STATUS_OK;
}

/* ---- from the caller to the disk ---- */

static enum status put(struct chw_client *self, struct request *request)
{
    struct spool_batch batch = {
        .header = request->header,
        .rows = (uint32_t)request->rows,
        .digest = request->digest,
        .body = (uint8_t *)(uintptr_t)link_body_data(request->body),
        .size = link_body_size(request->body),
    };
    batch.header.key.sequence = self->next;
    enum status status = spool_put(self->spool, &batch, &self->error);
    self->unanswered += status == STATUS_OK;
    if (spool_is_broken(self->spool))
        self->failure = STATUS_IO;
    return status;
}

/* Where there is none from an earlier run. */
static enum status put_once(struct chw_client *self, struct request *request)
{
    const struct digest *kept = spool_digest(self->spool, self->next);
    if (kept == NULL)
        return spool_is_given_up(self->spool, self->next) ? STATUS_OK
                                                          : put(self, request);
    if (memcmp(kept, &request->digest, sizeof *kept) == 0)
        return STATUS_OK;
    return error_set(&self->error, STATUS_INVALID,
                     "batch %llu is not the one that %s keeps under this number",
                     (unsigned long long)self->next, self->folder);
}

enum status client_keep(struct chw_client *self, struct request *request,
                        uint64_t *sequence)
{
    bool is_answered = journal_has(self->journal, self->next);
    enum status status =
        is_answered ? client_replay(self, request, self->next) : put_once(self, request);
    if (status != STATUS_OK)
        return status;
    if (!is_answered)
        request_free(request);
    *sequence = self->next++;
    return STATUS_OK;
}

/* ---- from the disk to the session ---- */

static bool has_room(const struct chw_client *self)
{
    return session_count(self->session) + self->finished_count < self->options.window;
}

/* The next of the session is in the spool. Where the session has no room for it, because
 * the lowest has no answer yet, it stays the next. */
static enum status begin(struct chw_client *self, bool *begun)
{
    struct spool_batch batch;
    uint64_t sequence;
    *begun = session_submit(self->session, 0, &sequence) == STATUS_OK;
    if (!*begun)
        return STATUS_OK;
    enum status status = spool_load(self->spool, sequence, &batch, &self->error);
    if (status != STATUS_OK)
        return status;
    struct request *request = request_new(self, MESSAGE_SCORE, batch.body, batch.size);
    if (request == NULL)
        return error_set(&self->error, STATUS_NOMEM, "out of memory");
    request->header = batch.header;
    request->rows = batch.rows;
    request->digest = batch.digest;
    client_add_pending(self, request);
    return STATUS_OK;
}

/* The answer to a batch that a person gave up, in the form of a broker's. NULL: out of
 * memory. */
static struct request *answer_given_up(struct chw_client *self, uint64_t sequence)
{
    Chw__Reply reply;
    chw__reply__init(&reply);
    reply.outcome = CHW__OUTCOME__OUTCOME_INVALID;
    reply.reason = (char[]){"given up: its file in the spool was damaged"};
    size_t size = chw__reply__get_packed_size(&reply);
    uint8_t *bytes = malloc(size);
    if (bytes == NULL)
        return NULL;
    chw__reply__pack(&reply, bytes);
    struct request *request = request_new(self, MESSAGE_SCORE, bytes, size);
    if (request == NULL || result_parse(link_body_data(request->body), size, sequence, 0,
                                        &request->result, NULL) != STATUS_OK) {
        request_free(request);
        return NULL;
    }
    request->is_final = true;
    return request;
}

/* Final before acked_below passes it. The digest of what is lost is not known: 0. */
static enum status give_up(struct chw_client *self, uint64_t sequence)
{
    struct request *request = answer_given_up(self, sequence);
    if (request == NULL)
        return error_set(&self->error, STATUS_NOMEM, "out of memory");
    enum status status = journal_append(self->journal, sequence, &request->digest,
                                        link_body_data(request->body),
                                        link_body_size(request->body), &self->error);
    if (status == STATUS_OK)
        status = journal_sync(self->journal, &self->error);
    if (status != STATUS_OK) {
        request_free(request);
        return status;
    }
    session_skip(self->session);
    self->unanswered--;
    client_hand_over(self, request);
    return STATUS_OK;
}

enum status client_feed(struct chw_client *self)
{
    enum status status = STATUS_OK;
    bool more = self->spool != NULL;
    while (more && status == STATUS_OK && has_room(self)) {
        uint64_t sequence = session_next_sequence(self->session);
        if (journal_has(self->journal, sequence))
            session_skip(self->session);
        else if (spool_is_given_up(self->spool, sequence))
            status = give_up(self, sequence);
        else if (spool_digest(self->spool, sequence) != NULL)
            status = begin(self, &more);
        else
            more = false; /* not yet submitted, or gone: never passed over */
    }
    return status;
}

bool client_is_stuck(const struct chw_client *self)
{
    return self->spool != NULL && self->unanswered > 0 && self->finished_count == 0 &&
           session_count(self->session) == 0;
}

/* ---- attempts ---- */

/* A full disk keeps what it has: the attempt is then counted as long as we live. */
enum status client_charge(struct chw_client *self, const struct request *request)
{
    enum status status = spool_charge(self->spool, request->header.key.sequence,
                                      request->header.attempt, &self->error);
    return status == STATUS_FULL ? STATUS_OK : status;
}
