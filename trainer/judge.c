/* SPDX-License-Identifier: Apache-2.0 */
/* judge.c - held-out rows in batches of the largest size that the wire allows. */
#include "trainer/judge.h"

#include "model/model.h"
#include "trainer/records.h"

#include <stdlib.h>

static enum status score_chunk(const struct model *model, const struct dataset *data,
                               const struct pipeline *pipeline, const uint32_t *rows,
                               size_t count, const struct records_scores *scores,
                               struct error_text *error)
{
    Chw__Batch *batch = records_new(data, pipeline, count);
    if (batch == NULL)
        return STATUS_NOMEM;
    for (size_t at = 0; at < count; at++) {
        for (size_t feature = 0; feature < pipeline->feature_count; feature++)
            records_set(batch, data, pipeline, feature, at, rows[at]);
    }
    enum status status = records_score(batch, model, scores, error);
    records_free(batch);
    return status;
}

static enum status score_all(const struct model *model, const struct dataset *data,
                             const struct pipeline *pipeline, const struct split *split,
                             struct judgement *out, struct error_text *error)
{
    enum status status = STATUS_OK;
    for (size_t first = 0; status == STATUS_OK && first < split->heldout_count;
         first += COLUMNS_ROWS_MAX) {
        size_t left = split->heldout_count - first;
        size_t count = left < COLUMNS_ROWS_MAX ? left : COLUMNS_ROWS_MAX;
        struct records_scores scores = {out->probabilities + first, out->margins + first,
                                        out->faults + first};
        status = score_chunk(model, data, pipeline, split->heldout + first, count,
                             &scores, error);
    }
    return status;
}

/* Only what was scored is measured. */
static enum status measure(const struct dataset *data, const struct split *split,
                           struct judgement *out)
{
    float *probabilities = calloc(split->heldout_count, sizeof *probabilities);
    uint8_t *outcomes = calloc(split->heldout_count, 1);
    enum status status = STATUS_NOMEM;
    size_t count = 0;
    if (probabilities == NULL || outcomes == NULL)
        goto end;
    for (size_t i = 0; i < split->heldout_count; i++) {
        if (out->faults[i].fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE)
            continue;
        probabilities[count] = out->probabilities[i];
        outcomes[count++] = data->outcomes[split->heldout[i]];
    }
    out->unscored_count = split->heldout_count - count;
    status = evaluate(probabilities, outcomes, count, &out->metrics);
end:
    free(probabilities);
    free(outcomes);
    return status;
}

enum status judge(const struct model *model, const struct dataset *data,
                  const struct pipeline *pipeline, const struct split *split,
                  struct judgement *out, struct error_text *error)
{
    *out = (struct judgement){
        .probabilities = calloc(split->heldout_count, sizeof(float)),
        .margins = calloc(split->heldout_count, sizeof(float)),
        .faults = calloc(split->heldout_count, sizeof(struct record_fault))};
    enum status status = STATUS_NOMEM;
    if (out->probabilities != NULL && out->margins != NULL && out->faults != NULL)
        status = score_all(model, data, pipeline, split, out, error);
    if (status == STATUS_OK)
        status = measure(data, split, out);
    if (status != STATUS_OK)
        judgement_release(out);
    return status;
}

void judgement_release(struct judgement *self)
{
    free(self->probabilities);
    free(self->margins);
    free(self->faults);
    *self = (struct judgement){.probabilities = NULL};
}
