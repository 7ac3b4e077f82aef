/* SPDX-License-Identifier: Apache-2.0 */
/* score.c - probabilities, faults, tiers, factors and sums of one batch. */
#include "worker/score.h"

#include "worker/factors.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of one target. */
struct target_scores {
    struct binding *binding;
    struct factors *factors;             /* NULL: none are asked for */
    float *probabilities;                /* rows of them */
    uint8_t *tiers;                      /* rows of them */
    char *tier_names[PROGRAM_TIERS_MAX]; /* borrowed from the rules */
    Chw__TargetScores message;
};

struct scoring {
    const struct serving *serving;
    struct target_scores *targets;
    Chw__RecordFault *faults; /* rows of them: the record's first */
    const char **columns;     /* rows of them: the column at fault */
    uint32_t rows, next;
    uint32_t bad;

    Chw__Reply reply;
    Chw__TargetScores *reply_targets[STORE_TARGETS_MAX];
    Chw__RecordError *errors; /* bad of them */
    Chw__RecordError **error_pointers;
};

static enum status open_target(struct scoring *self, size_t index,
                               const struct columns *columns, uint32_t explain,
                               struct error_text *error)
{
    struct target_scores *target = &self->targets[index];
    const struct model *model = loaded_model(self->serving->targets[index].loaded);
    target->probabilities = calloc(columns->rows, sizeof *target->probabilities);
    target->tiers = calloc(columns->rows, 1);
    if (target->probabilities == NULL || target->tiers == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    enum status status = model_bind(model, columns, &target->binding, error);
    if (status == STATUS_OK && explain > 0)
        status =
            factors_new(model, target->binding, columns->rows, explain, &target->factors);
    return status;
}

enum status scoring_new(const struct columns *columns, const struct serving *serving,
                        uint32_t explain, struct scoring **out, struct error_text *error)
{
    enum status status = STATUS_NOMEM;
    *out = NULL;
    if (explain > FACTORS_MAX)
        return error_set(error, STATUS_INVALID,
                         "explain: %u factors are asked for; at most %d are given",
                         explain, FACTORS_MAX);
    struct scoring *self = calloc(1, sizeof *self);
    if (self == NULL)
        goto fail;
    self->serving = serving;
    self->rows = columns->rows;
    self->targets = calloc(serving->count, sizeof *self->targets);
    self->faults = calloc(columns->rows, sizeof *self->faults);
    self->columns = calloc(columns->rows, sizeof *self->columns);
    if (self->targets == NULL || self->faults == NULL || self->columns == NULL)
        goto fail;
    status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < serving->count; i++)
        status = open_target(self, i, columns, explain, error);
    if (status != STATUS_OK)
        goto fail;
    *out = self;
    return STATUS_OK;
fail:
    if (status == STATUS_NOMEM)
        error_set(error, status, "out of memory");
    scoring_free(self);
    return status;
}

static void free_target(struct target_scores *target)
{
    factors_free(target->factors);
    binding_free(target->binding);
    free(target->probabilities);
    free(target->tiers);
}

void scoring_free(struct scoring *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; self->targets != NULL && i < self->serving->count; i++)
        free_target(&self->targets[i]);
    free(self->targets);
    free(self->faults);
    free(self->columns);
    free(self->errors);
    free(self->error_pointers);
    free(self);
}

static void note_faults(struct scoring *self, const struct model *model,
                        const struct record_fault *faults, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = self->next + i;
        if (faults[i].fault == CHW__RECORD_FAULT__RECORD_FAULT_NONE ||
            self->faults[row] != CHW__RECORD_FAULT__RECORD_FAULT_NONE)
            continue;
        self->faults[row] = faults[i].fault;
        self->columns[row] = model_message(model)->features[faults[i].feature]->name;
        self->bad++;
    }
}

/* A record that one target cannot score has a score for none. */
static void clear_invalid(const struct scoring *self, float *probabilities,
                          uint32_t count)
{
    for (uint32_t i = 0; self->bad > 0 && i < count; i++)
        if (self->faults[self->next + i] != CHW__RECORD_FAULT__RECORD_FAULT_NONE)
            probabilities[i] = 0;
}

static void score_block(struct scoring *self, uint32_t count)
{
    struct record_fault faults[SCORE_BLOCK_ROWS];
    for (size_t i = 0; i < self->serving->count; i++) {
        struct target_scores *target = &self->targets[i];
        if (model_score(target->binding, self->next, count,
                        target->probabilities + self->next, faults))
            note_faults(self, loaded_model(self->serving->targets[i].loaded), faults,
                        count);
    }
    for (size_t i = 0; i < self->serving->count; i++) {
        struct target_scores *target = &self->targets[i];
        float *probabilities = target->probabilities + self->next;
        clear_invalid(self, probabilities, count);
        program_tiers(&self->serving->targets[i].rules, probabilities, count,
                      target->tiers + self->next);
    }
    self->next += count;
}

/* A step of one target. */
static bool explain_step(struct scoring *self)
{
    for (size_t i = 0; i < self->serving->count; i++)
        if (self->targets[i].factors != NULL &&
            factors_step(self->targets[i].factors, self->faults))
            return true;
    return false;
}

bool scoring_step(struct scoring *self)
{
    uint32_t left = self->rows - self->next;
    if (left == 0)
        return explain_step(self);
    score_block(self, left < SCORE_BLOCK_ROWS ? left : SCORE_BLOCK_ROWS);
    return true;
}

bool scoring_is_done(const struct scoring *self)
{
    for (size_t i = 0; i < self->serving->count; i++)
        if (self->targets[i].factors != NULL)
            return false;
    return self->next == self->rows;
}

/* ---- the reply ---- */

static bool open_errors(struct scoring *self)
{
    if (self->bad == 0 || self->error_pointers != NULL)
        return true;
    if (self->errors == NULL)
        self->errors = calloc(self->bad, sizeof *self->errors);
    if (self->errors != NULL)
        self->error_pointers = calloc(self->bad, sizeof(Chw__RecordError *));
    return self->error_pointers != NULL;
}

/* Returns how many. */
static size_t list_errors(struct scoring *self, struct slice slice)
{
    size_t used = 0;
    for (uint32_t i = 0; self->bad > 0 && i < slice.count; i++) {
        uint32_t row = slice.first + i;
        if (self->faults[row] == CHW__RECORD_FAULT__RECORD_FAULT_NONE)
            continue;
        Chw__RecordError *error = &self->errors[used];
        chw__record_error__init(error);
        error->row = i;
        error->fault = self->faults[row];
        error->column = (char *)(uintptr_t)self->columns[row]; /* packed, never changed */
        self->error_pointers[used++] = error;
    }
    return used;
}

static void describe_target(struct target_scores *target,
                            const struct serving_target *serving, struct slice slice)
{
    const struct model *model = loaded_model(serving->loaded);
    Chw__TargetScores *message = &target->message;
    chw__target_scores__init(message);
    message->name = model_message(model)->name;
    message->version.data = (uint8_t *)(uintptr_t)model_version(model)->bytes;
    message->version.len = DIGEST_SIZE;
    message->probabilities = target->probabilities + slice.first;
    message->n_probabilities = slice.count;
    message->tiers = (ProtobufCBinaryData){slice.count, target->tiers + slice.first};
    message->tier_names = target->tier_names;
    message->n_tier_names = serving->rules.tier_count;
    message->factors = target->factors == NULL ? NULL : factors_message(target->factors);
    for (size_t i = 0; i < serving->rules.tier_count; i++)
        target->tier_names[i] = (char *)(uintptr_t)serving->rules.tiers[i].name;
}

Chw__Reply *scoring_reply(struct scoring *self, struct slice slice, Chw__Outcome outcome)
{
    assert(self->next == self->rows && slice.count <= self->rows - slice.first);
    Chw__Reply *reply = &self->reply;
    chw__reply__init(reply);
    if (!open_errors(self))
        return NULL;
    reply->outcome = outcome;
    reply->rows = slice.count;
    reply->n_errors = list_errors(self, slice);
    reply->errors = self->error_pointers;
    reply->targets = self->reply_targets;
    reply->n_targets = self->serving->count;
    for (size_t i = 0; i < self->serving->count; i++) {
        describe_target(&self->targets[i], &self->serving->targets[i], slice);
        self->reply_targets[i] = &self->targets[i].message;
    }
    if (self->serving->has_program)
        reply->program = (ProtobufCBinaryData){
            DIGEST_SIZE, (uint8_t *)(uintptr_t)self->serving->program.bytes};
    return reply;
}

/* ---- the demand ---- */

size_t scoring_cells_max(const struct scoring *self, struct slice slice)
{
    size_t count = 0;
    for (size_t i = 0; i < self->serving->count; i++) {
        size_t tiers = self->serving->targets[i].rules.tier_count;
        count += tiers < slice.count ? tiers : slice.count;
    }
    return count == 0 ? 1 : count;
}

static void name_cell(const struct serving_target *serving, size_t tier, int32_t period,
                      const char *region, struct demand_cell *cell)
{
    const char *name = model_name(loaded_model(serving->loaded));
    cell->period = period;
    snprintf(cell->region, sizeof cell->region, "%s", region);
    snprintf(cell->target, sizeof cell->target, "%s", name);
    snprintf(cell->tier, sizeof cell->tier, "%s", serving->rules.tiers[tier].name);
}

/* llrint(), which is a call: the bits of the sum are those of `whole` and the integer. */
static inline int64_t rounded(double x)
{
    const double whole = 0x1.8p52;
    double sum = x + whole;
    int64_t from, to;
    memcpy(&from, &whole, sizeof from);
    memcpy(&to, &sum, sizeof to);
    return to - from;
}

static void add_rows(const struct scoring *self, struct slice slice,
                     const struct target_scores *target, struct demand_cell *cells)
{
    const double one = 4294967296.0; /* 2^32 */
    for (uint32_t row = slice.first; row < slice.first + slice.count; row++) {
        if (self->bad > 0 && self->faults[row] != CHW__RECORD_FAULT__RECORD_FAULT_NONE)
            continue;
        double p = (double)target->probabilities[row];
        struct demand_cell *cell = &cells[target->tiers[row]];
        cell->people++;
        cell->sum_p += rounded(p * one);
        cell->sum_pq += rounded(p * (1.0 - p) * one);
    }
}

static void clear_sums(struct demand_cell *cells, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cells[i].people = cells[i].sum_p = cells[i].sum_pq = 0;
}

/* Only cells in which somebody is get their names. */
size_t scoring_demand(const struct scoring *self, struct slice slice, int32_t period,
                      const char *region, struct demand_cell *cells)
{
    struct demand_cell tiers[PROGRAM_TIERS_MAX];
    size_t count = 0;
    assert(self->next == self->rows);
    for (size_t i = 0; i < self->serving->count; i++) {
        const struct serving_target *serving = &self->serving->targets[i];
        clear_sums(tiers, serving->rules.tier_count);
        add_rows(self, slice, &self->targets[i], tiers);
        for (size_t tier = 0; tier < serving->rules.tier_count; tier++) {
            if (tiers[tier].people == 0)
                continue;
            name_cell(serving, tier, period, region, &tiers[tier]);
            cells[count++] = tiers[tier];
        }
    }
    return count;
}

uint32_t scoring_ok_count(const struct scoring *self)
{
    return self->rows - self->bad;
}
