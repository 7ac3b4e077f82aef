/* SPDX-License-Identifier: Apache-2.0 */
/* golden.c - mixes training rows column by column with a seeded generator. */
#include "trainer/golden.h"

#include "model/model.h"
#include "trainer/records.h"

#include <stdlib.h>

/* splitmix64. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

static void mix(Chw__Batch *batch, const struct dataset *data,
                const struct pipeline *pipeline, const uint32_t *rows, size_t row_count,
                uint64_t seed)
{
    for (size_t at = 0; at + 1 < GOLDEN_ROWS; at++) {
        for (size_t feature = 0; feature < pipeline->feature_count; feature++) {
            uint64_t random = next_random(&seed);
            if (random >> 61 != 0)
                records_set(batch, data, pipeline, feature, at, rows[random % row_count]);
        }
    }
}

enum status golden_make(const struct dataset *data, const struct pipeline *pipeline,
                        const uint32_t *rows, size_t row_count, uint64_t seed,
                        Chw__Golden **out)
{
    Chw__Golden *self = calloc(1, sizeof *self);
    if (self == NULL)
        return STATUS_NOMEM;
    chw__golden__init(self);
    self->batch = records_new(data, pipeline, GOLDEN_ROWS);
    self->probabilities = calloc(GOLDEN_ROWS, sizeof *self->probabilities);
    self->invalid_rows = calloc(GOLDEN_ROWS, sizeof *self->invalid_rows);
    if (self->batch == NULL || self->probabilities == NULL ||
        self->invalid_rows == NULL) {
        chw__golden__free_unpacked(self, NULL);
        return STATUS_NOMEM;
    }
    mix(self->batch, data, pipeline, rows, row_count, seed);
    *out = self;
    return STATUS_OK;
}

enum status golden_score(Chw__Golden *self, const struct model *model,
                         struct error_text *error)
{
    struct record_fault faults[GOLDEN_ROWS];
    struct records_scores scores = {self->probabilities, NULL, faults};
    enum status status = records_score(self->batch, model, &scores, error);
    if (status != STATUS_OK)
        return status;
    self->n_probabilities = GOLDEN_ROWS;
    self->n_invalid_rows = 0;
    for (uint32_t i = 0; i < GOLDEN_ROWS; i++) {
        if (faults[i].fault != CHW__RECORD_FAULT__RECORD_FAULT_NONE)
            self->invalid_rows[self->n_invalid_rows++] = i;
    }
    return STATUS_OK;
}
