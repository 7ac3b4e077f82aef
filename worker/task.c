/* SPDX-License-Identifier: Apache-2.0 */
/* task.c - the steps of one batch. */
#include "worker/task.h"

#include "base/day.h"
#include "base/fault.h"
#include "base/proto_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_ROWS_FIELD = 1 }; /* proto/batch.proto */

void task_init(struct task *self, const struct header *header, const uint8_t *body,
               size_t body_size, struct outbox *outbox)
{
    memset(self, 0, sizeof *self);
    list_init(&self->link);
    self->header = *header;
    self->body = body;
    self->body_size = body_size;
    self->job.outbox = outbox;
    self->job.owner = self;
}

void task_release(struct task *self)
{
    pass_drop(self->pass);
    serving_free(self->serving);
    serving_free(self->job.recalled);
    description_free(self->description);
    columns_release(&self->columns);
    if (self->batch != NULL)
        proto_free(&self->batch->base);
    free(self->cells);
}

static bool is_what_if(const struct task *self)
{
    return (self->header.flags & HEADER_WHAT_IF) != 0;
}

/* ---- answers ---- */

static enum task_next give_back(struct task *self, const char *reason)
{
    snprintf(self->reason, sizeof self->reason, "%s", reason);
    return TASK_RETURN;
}

static enum task_next answer(struct task *self, enum message_type type,
                             const ProtobufCMessage *message)
{
    if (message == NULL)
        return give_back(self, "out of memory");
    self->answer_type = type;
    self->answer = message;
    return TASK_ANSWER;
}

static enum task_next answer_outcome(struct task *self, Chw__Outcome outcome,
                                     const char *reason)
{
    if (reason != self->reason)
        snprintf(self->reason, sizeof self->reason, "%s", reason);
    chw__reply__init(&self->reply);
    self->reply.outcome = outcome;
    self->reply.reason = self->reason;
    return answer(self, MESSAGE_REPLY, &self->reply.base);
}

static enum task_next answer_scores(struct task *self, Chw__Outcome outcome)
{
    Chw__Reply *reply = scoring_reply(self->pass->scoring, self->slice, outcome);
    return answer(self, MESSAGE_REPLY, reply == NULL ? NULL : &reply->base);
}

/* ---- settlement ---- */

static enum task_next settle(struct task *self, enum settle_outcome outcome)
{
    struct settle_request *request = &self->job.request;
    self->job.kind = COMMIT_SETTLE;
    memcpy(request->client, self->header.key.client, sizeof request->client);
    request->sequence = self->header.key.sequence;
    request->acked_below = self->header.acked_below;
    request->body = digest_body(self->body, self->body_size);
    request->region = self->header.region;
    request->settlement.outcome = outcome;
    request->settlement.period = day_period(self->header.as_of);
    snprintf(request->settlement.reason, sizeof request->settlement.reason, "%s",
             self->reason);
    return TASK_COMMIT;
}

static enum task_next settle_counted(struct task *self)
{
    struct settle_request *request = &self->job.request;
    const struct scoring *scoring = self->pass->scoring;
    self->cells = calloc(scoring_cells_max(scoring, self->slice), sizeof *self->cells);
    if (self->cells == NULL)
        return give_back(self, "out of memory");
    request->demand = self->cells;
    request->demand_count =
        scoring_demand(scoring, self->slice, day_period(self->header.as_of),
                       self->header.region, self->cells);
    serving_record(self->pass->serving, &request->settlement);
    fault_point("worker.scored");
    return settle(self, SETTLE_COUNTED);
}

/* The batch as a whole cannot be scored. */
static enum task_next refuse(struct task *self, enum status status, const char *reason)
{
    if (status == STATUS_NOMEM)
        return give_back(self, "out of memory");
    snprintf(self->reason, sizeof self->reason, "%s", reason);
    if (is_what_if(self))
        return answer_outcome(self, CHW__OUTCOME__OUTCOME_INVALID, self->reason);
    return settle(self, SETTLE_INVALID);
}

/* Not parsed: somewhere in it is what three workers died over. */
static uint32_t told_records(const struct task *self)
{
    uint64_t rows;
    bool told = proto_number(self->body, self->body_size, BATCH_ROWS_FIELD, &rows);
    return told && rows <= UINT32_MAX ? (uint32_t)rows : 0;
}

static enum task_next bury(struct task *self)
{
    int attempts = self->header.attempt > 0 ? self->header.attempt - 1 : 0;
    struct settle_request *request = &self->job.request;
    snprintf(self->reason, sizeof self->reason, "given up after %d attempts", attempts);
    request->dead_body = self->body;
    request->dead_size = self->body_size;
    request->dead_as_of = self->header.as_of;
    request->dead_attempts = (uint32_t)attempts;
    request->dead_records = told_records(self);
    return settle(self, SETTLE_DEAD);
}

/* ---- scoring ---- */

/* Alone. Takes the serving. */
static enum status open_pass(struct task *self, struct serving *serving,
                             struct error_text *error)
{
    self->slice = (struct slice){0, self->columns.rows};
    return pass_new(&self->columns, NULL, serving, self->batch->explain, &self->pass,
                    error);
}

enum task_next task_join(struct task *self, struct pass *pass, uint32_t first)
{
    self->pass = pass_hold(pass);
    self->slice = (struct slice){first, self->columns.rows};
    return TASK_SCORE;
}

/* Another worker may have seen a promotion that this one has not: ask the store before
 * saying that there is no such model. */
static bool should_refresh(struct task *self, enum status status)
{
    if (status != STATUS_NOT_FOUND || self->refreshed)
        return false;
    self->job.kind = COMMIT_REFRESH;
    return true;
}

enum task_next task_score(struct task *self, const struct snapshot *snapshot)
{
    struct error_text error = {""};
    struct serving *serving;
    enum status status = serving_choose(snapshot, self->batch->models,
                                        self->batch->n_models, &serving, &error);
    if (should_refresh(self, status))
        return TASK_COMMIT;
    if (status == STATUS_OK)
        status = open_pass(self, serving, &error);
    return status == STATUS_OK ? TASK_SCORE : refuse(self, status, error.text);
}

/* Parse and check the body, once. */
static enum status view_batch(struct task *self, struct error_text *error)
{
    if (self->columns.rows > 0)
        return STATUS_OK;
    if (self->batch == NULL)
        self->batch = (Chw__Batch *)proto_parse(&chw__batch__descriptor, self->body,
                                                self->body_size);
    if (self->batch == NULL)
        return error_set(error, STATUS_INVALID, "the batch's body does not parse");
    return columns_view(self->batch, &self->columns, error);
}

bool task_read(struct task *self, int32_t today, enum task_next *next)
{
    struct error_text error = {"as_of is more than a day ahead of the worker's date"};
    enum status status = STATUS_INVALID;
    if (self->header.as_of <= today + 1)
        status = view_batch(self, &error);
    if (status != STATUS_OK)
        *next = refuse(self, status, error.text);
    return status == STATUS_OK;
}

static enum task_next begin_score(struct task *self, const struct snapshot *snapshot,
                                  int32_t today)
{
    enum task_next next;
    return task_read(self, today, &next) ? task_score(self, snapshot) : next;
}

/* ---- describing ---- */

static enum status choose_described(struct task *self, const struct snapshot *snapshot,
                                    struct error_text *error)
{
    ProtobufCMessage *message =
        proto_parse(&chw__describe_request__descriptor, self->body, self->body_size);
    if (message == NULL)
        return error_set(error, STATUS_INVALID, "the request's body does not parse");
    const Chw__DescribeRequest *request = (Chw__DescribeRequest *)message;
    enum status status = serving_choose(snapshot, request->models, request->n_models,
                                        &self->serving, error);
    proto_free(message);
    return status;
}

static enum task_next begin_describe(struct task *self, const struct snapshot *snapshot,
                                     int32_t today)
{
    struct error_text error = {""};
    (void)today;
    enum status status = choose_described(self, snapshot, &error);
    if (should_refresh(self, status))
        return TASK_COMMIT;
    self->description = status == STATUS_OK ? description_new(self->serving) : NULL;
    if (status == STATUS_OK)
        return answer(self, MESSAGE_DESCRIPTION,
                      self->description == NULL ? NULL : &self->description->base);
    snprintf(self->reason, sizeof self->reason, "%s", error.text);
    self->description = malloc(sizeof *self->description);
    if (self->description == NULL)
        return give_back(self, "out of memory");
    chw__description__init(self->description);
    self->description->reason = self->reason;
    return answer(self, MESSAGE_DESCRIPTION, &self->description->base);
}

static enum task_next begin_bury(struct task *self, const struct snapshot *snapshot,
                                 int32_t today)
{
    (void)snapshot;
    (void)today;
    return bury(self);
}

bool task_expire(struct task *self, uint64_t waited_ms)
{
    const struct header *header = &self->header;
    if (header->type == MESSAGE_BURY || header->deadline_ms == 0 ||
        waited_ms < header->deadline_ms)
        return false;
    self->answer_type = MESSAGE_EXPIRED;
    self->answer = NULL;
    return true;
}

enum task_next task_begin(struct task *self, const struct snapshot *snapshot,
                          int32_t today)
{
    static enum task_next (*const begins[MESSAGE_TYPE_COUNT])(
        struct task *, const struct snapshot *, int32_t) = {
        [MESSAGE_SCORE] = begin_score,
        [MESSAGE_DESCRIBE] = begin_describe,
        [MESSAGE_BURY] = begin_bury,
    };
    return begins[self->header.type](self, snapshot, today);
}

/* A reply that no socket takes would be asked for again for ever. */
static bool fits_a_message(struct task *self)
{
    const Chw__Reply *reply =
        scoring_reply(self->pass->scoring, self->slice, CHW__OUTCOME__OUTCOME_COUNTED);
    return reply == NULL || /* no memory: whoever answers says so */
           protobuf_c_message_get_packed_size(&reply->base) <= BODY_SIZE_MAX;
}

enum task_next task_scored(struct task *self)
{
    if (!self->duplicate && !fits_a_message(self))
        return refuse(self, STATUS_INVALID,
                      "the reply would be too large: send fewer records in a batch");
    if (is_what_if(self))
        return answer_scores(self, CHW__OUTCOME__OUTCOME_SCORED);
    if (self->duplicate)
        return answer_scores(self, CHW__OUTCOME__OUTCOME_COUNTED);
    return settle_counted(self);
}

/* Settled before as COUNTED: the recorded versions say what the reply was. */
static enum task_next answer_again(struct task *self)
{
    struct error_text error = {""};
    if (self->pass != NULL &&
        serving_matches(self->pass->serving, &self->job.result.settlement))
        return answer_scores(self, CHW__OUTCOME__OUTCOME_COUNTED);
    struct serving *recalled = self->job.recalled;
    self->job.recalled = NULL;
    pass_drop(self->pass);
    self->pass = NULL;
    enum status status =
        view_batch(self, &error); /* a buried batch has not been parsed */
    if (status == STATUS_OK)
        status = open_pass(self, recalled, &error);
    else
        serving_free(recalled);
    return status == STATUS_OK ? TASK_SCORE : give_back(self, error.text);
}

static enum task_next answer_settled(struct task *self)
{
    const struct settlement *settlement = &self->job.result.settlement;
    switch (settlement->outcome) {
    case SETTLE_INVALID:
        return answer_outcome(self, CHW__OUTCOME__OUTCOME_INVALID, settlement->reason);
    case SETTLE_DEAD:
        return answer_outcome(self, CHW__OUTCOME__OUTCOME_DEAD, settlement->reason);
    case SETTLE_COUNTED:
        break;
    }
    return self->duplicate ? answer_again(self)
                           : answer_scores(self, CHW__OUTCOME__OUTCOME_COUNTED);
}

enum task_next task_committed(struct task *self, const struct snapshot *snapshot,
                              int32_t today)
{
    if (self->job.status != STATUS_OK)
        return give_back(self, "the store is unavailable");
    if (self->job.kind == COMMIT_REFRESH) {
        self->refreshed = true;
        return task_begin(self, snapshot, today);
    }
    switch (self->job.result.verdict) {
    case SETTLED_REUSED:
        return answer_outcome(self, CHW__OUTCOME__OUTCOME_INVALID,
                              "batch id reused with another body");
    case SETTLED_ACKNOWLEDGED:
        return answer_outcome(self, CHW__OUTCOME__OUTCOME_ACKNOWLEDGED, "");
    case SETTLED_DUPLICATE:
        self->duplicate = true;
        break;
    case SETTLED_FIRST:
        break;
    }
    return answer_settled(self);
}
