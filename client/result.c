/* SPDX-License-Identifier: Apache-2.0 */
/* result.c - replies as results, checked once so that the accessors of chw.h need not. */
#include "client/result.h"

#include "base/crypto.h"
#include "base/proto_parse.h"

#include "batch.pb-c.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct chw_result {
    uint64_t sequence;
    enum chw_outcome outcome;
    size_t rows;
    char *reason;      /* owned; NULL: the reply's */
    Chw__Reply *reply; /* NULL where there is none */
};

struct chw_description {
    Chw__Description *message;
};

/* ---- checks ---- */

static enum status check_factors(const Chw__Factors *factors, size_t rows,
                                 struct error_text *error)
{
    size_t cells = rows * factors->count;
    if (factors->reason[0] != '\0' && factors->count > 0)
        return error_set(error, STATUS_MALFORMED, "factors, and a reason for none");
    if (factors->count > CHW_FACTORS_MAX || factors->n_features != cells ||
        factors->n_contributions != cells)
        return error_set(error, STATUS_MALFORMED,
                         "not as many factors of each row, or more than %d",
                         CHW_FACTORS_MAX);
    for (size_t i = 0; i < cells; i++)
        if (factors->features[i] >= factors->n_names)
            return error_set(error, STATUS_MALFORMED, "a factor without a name");
    return STATUS_OK;
}

static enum status check_target(const Chw__TargetScores *target, size_t rows,
                                struct error_text *error)
{
    size_t name_size = strlen(target->name);
    if (name_size == 0 || name_size > CHW_TARGET_MAX ||
        target->version.len != DIGEST_SIZE)
        return error_set(error, STATUS_MALFORMED,
                         "a target has no name of 1 to %d bytes, or no whole version",
                         CHW_TARGET_MAX);
    if (target->n_probabilities != rows || target->tiers.len != rows)
        return error_set(error, STATUS_MALFORMED, "target %s has not %zu scores",
                         target->name, rows);
    for (size_t row = 0; row < rows; row++)
        if (target->tiers.data[row] >= target->n_tier_names)
            return error_set(error, STATUS_MALFORMED,
                             "target %s has a tier without a name", target->name);
    enum status status =
        target->factors == NULL ? STATUS_OK : check_factors(target->factors, rows, error);
    return status == STATUS_OK ? status
                               : error_prefix(error, status, "target %s", target->name);
}

static enum status check_errors(const Chw__Reply *reply, struct error_text *error)
{
    for (size_t i = 0; i < reply->n_errors; i++)
        if (reply->errors[i]->row >= reply->rows ||
            reply->errors[i]->fault == CHW__RECORD_FAULT__RECORD_FAULT_NONE ||
            (i > 0 && reply->errors[i]->row <= reply->errors[i - 1]->row))
            return error_set(error, STATUS_MALFORMED,
                             "the records' errors are not in order, or say nothing");
    return STATUS_OK;
}

static bool is_scored(const Chw__Reply *reply)
{
    return reply->outcome == CHW__OUTCOME__OUTCOME_COUNTED ||
           reply->outcome == CHW__OUTCOME__OUTCOME_SCORED;
}

static enum status check_reply(const Chw__Reply *reply, size_t rows,
                               struct error_text *error)
{
    if (reply->outcome < CHW__OUTCOME__OUTCOME_COUNTED ||
        reply->outcome > CHW__OUTCOME__OUTCOME_ACKNOWLEDGED)
        return error_set(error, STATUS_MALFORMED, "the outcome %d is not known",
                         (int)reply->outcome);
    if (rows > CHW_ROWS_MAX)
        return error_set(error, STATUS_MALFORMED, "the reply has %zu rows, a batch %d",
                         rows, CHW_ROWS_MAX);
    if (!is_scored(reply))
        return STATUS_OK;
    if (reply->rows != rows || rows == 0)
        return error_set(error, STATUS_MALFORMED, "the reply has %u rows, the batch %zu",
                         reply->rows, rows);
    enum status status = check_errors(reply, error);
    for (size_t i = 0; status == STATUS_OK && i < reply->n_targets; i++)
        status = check_target(reply->targets[i], rows, error);
    return status;
}

/* ---- results ---- */

static struct chw_result *result_new(uint64_t sequence, enum chw_outcome outcome,
                                     size_t rows)
{
    struct chw_result *self = calloc(1, sizeof *self);
    if (self != NULL)
        *self =
            (struct chw_result){.sequence = sequence, .outcome = outcome, .rows = rows};
    return self;
}

enum status result_parse(const void *body, size_t size, uint64_t sequence, size_t rows,
                         struct chw_result **out, struct error_text *error)
{
    Chw__Reply *reply = (Chw__Reply *)proto_parse(&chw__reply__descriptor, body, size);
    if (reply == NULL)
        return error_set(error, STATUS_MALFORMED, "the reply does not parse");
    if (rows == 0)
        rows = reply->rows;
    enum status status = check_reply(reply, rows, error);
    if (status == STATUS_OK) {
        *out = result_new(sequence, (enum chw_outcome)reply->outcome, rows);
        status =
            *out == NULL ? error_set(error, STATUS_NOMEM, "out of memory") : STATUS_OK;
    }
    if (status == STATUS_OK)
        (*out)->reply = reply;
    else
        proto_free(&reply->base);
    return status;
}

struct chw_result *result_without_reply(uint64_t sequence, enum chw_outcome outcome,
                                        size_t rows, const char *reason)
{
    struct chw_result *self = result_new(sequence, outcome, rows);
    if (self == NULL)
        return NULL;
    self->reason = strdup(reason);
    if (self->reason == NULL) {
        chw_result_free(self);
        return NULL;
    }
    return self;
}

void chw_result_free(struct chw_result *result)
{
    if (result == NULL)
        return;
    if (result->reply != NULL)
        proto_free(&result->reply->base);
    free(result->reason);
    free(result);
}

uint64_t chw_result_sequence(const struct chw_result *result)
{
    return result->sequence;
}

enum chw_outcome chw_result_outcome(const struct chw_result *result)
{
    return result->outcome;
}

const char *chw_result_reason(const struct chw_result *result)
{
    return result->reason != NULL ? result->reason : result->reply->reason;
}

size_t chw_result_rows(const struct chw_result *result)
{
    return result->rows;
}

static const Chw__RecordError *find_error(const Chw__Reply *reply, size_t row)
{
    size_t low = 0, high = reply->n_errors;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (reply->errors[middle]->row == row)
            return reply->errors[middle];
        if (reply->errors[middle]->row < row)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

enum chw_fault chw_result_fault(const struct chw_result *result, size_t row,
                                const char **column)
{
    const Chw__RecordError *error =
        result->reply == NULL ? NULL : find_error(result->reply, row);
    if (error == NULL)
        return CHW_FAULT_NONE;
    if (column != NULL)
        *column = error->column;
    return (enum chw_fault)error->fault;
}

/* A batch that was not scored has no targets, whatever its reply says. */
size_t chw_result_target_count(const struct chw_result *result)
{
    return result->reply != NULL && is_scored(result->reply) ? result->reply->n_targets
                                                             : 0;
}

static const Chw__TargetScores *target_at(const struct chw_result *result, size_t target)
{
    assert(target < chw_result_target_count(result));
    return result->reply->targets[target];
}

const char *chw_result_target_name(const struct chw_result *result, size_t target)
{
    return target_at(result, target)->name;
}

const uint8_t *chw_result_version(const struct chw_result *result, size_t target)
{
    return target_at(result, target)->version.data;
}

const float *chw_result_probabilities(const struct chw_result *result, size_t target)
{
    return target_at(result, target)->probabilities;
}

const char *chw_result_tier(const struct chw_result *result, size_t target, size_t row)
{
    const Chw__TargetScores *at = target_at(result, target);
    assert(row < result->rows);
    return at->tier_names[at->tiers.data[row]];
}

/* ---- factors ---- */

static const Chw__Factors *factors_of(const struct chw_result *result, size_t target)
{
    static char no_reason[] = "";
    static const Chw__Factors none = {.reason = no_reason};
    const Chw__Factors *factors = target_at(result, target)->factors;
    return factors == NULL ? &none : factors;
}

size_t chw_result_factor_count(const struct chw_result *result, size_t target)
{
    return factors_of(result, target)->count;
}

const char *chw_result_unexplained(const struct chw_result *result, size_t target)
{
    return factors_of(result, target)->reason;
}

const char *chw_result_factor(const struct chw_result *result, size_t target, size_t row,
                              size_t factor, float *contribution)
{
    const Chw__Factors *factors = factors_of(result, target);
    assert(row < result->rows && factor < factors->count);
    size_t at = row * factors->count + factor;
    *contribution = factors->contributions[at];
    return factors->names[factors->features[at]];
}

double chw_result_base(const struct chw_result *result, size_t target)
{
    return factors_of(result, target)->base_value;
}

bool chw_result_in_log_odds(const struct chw_result *result, size_t target)
{
    return factors_of(result, target)->log_odds;
}

/* ---- descriptions ---- */

static enum status check_description(const Chw__Description *message,
                                     struct error_text *error)
{
    if (message->reason[0] != '\0')
        return error_set(error, STATUS_NOT_FOUND, "%s", message->reason);
    for (size_t i = 0; i < message->n_features; i++) {
        const char *name = message->features[i]->name;
        if (*name == '\0' || strlen(name) > CHW_NAME_MAX)
            return error_set(error, STATUS_MALFORMED,
                             "a described column has no name, or too long a one");
    }
    return STATUS_OK;
}

enum status description_parse(const void *body, size_t size, struct chw_description **out,
                              struct error_text *error)
{
    Chw__Description *message =
        (Chw__Description *)proto_parse(&chw__description__descriptor, body, size);
    if (message == NULL)
        return error_set(error, STATUS_MALFORMED, "the description does not parse");
    enum status status = check_description(message, error);
    if (status == STATUS_OK) {
        *out = calloc(1, sizeof **out);
        status =
            *out == NULL ? error_set(error, STATUS_NOMEM, "out of memory") : STATUS_OK;
    }
    if (status == STATUS_OK)
        (*out)->message = message;
    else
        proto_free(&message->base);
    return status;
}

void chw_description_free(struct chw_description *description)
{
    if (description == NULL)
        return;
    proto_free(&description->message->base);
    free(description);
}

size_t chw_description_count(const struct chw_description *description)
{
    return description->message->n_features;
}

static const Chw__FeatureDescription *
feature_at(const struct chw_description *description, size_t feature)
{
    assert(feature < description->message->n_features);
    return description->message->features[feature];
}

const char *chw_description_name(const struct chw_description *description,
                                 size_t feature)
{
    return feature_at(description, feature)->name;
}

bool chw_description_is_number(const struct chw_description *description, size_t feature)
{
    return feature_at(description, feature)->numeric;
}

bool chw_description_is_required(const struct chw_description *description,
                                 size_t feature)
{
    return feature_at(description, feature)->required;
}
