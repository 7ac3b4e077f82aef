/* SPDX-License-Identifier: Apache-2.0 */
/* artifact.h - a fitted pipeline as the message that is published (proto/model.proto).
 *
 * The same data, seed and parameters give the same bytes and so the same version. Pure.
 */

#ifndef TRAINER_ARTIFACT_H
#define TRAINER_ARTIFACT_H

#include "base/crypto.h"
#include "base/error_text.h"
#include "trainer/evaluate.h"
#include "trainer/fit_logistic.h"
#include "trainer/pipeline.h"

#include "model.pb-c.h"

enum { ARTIFACT_PARAMETERS_MAX = 16 };

struct artifact_lineage {
    struct digest data; /* SHA-256 of the file */
    uint64_t seed, rows_train, rows_heldout;
    const char *target, *positive;
    struct {
        const char *name;
        char text[64];
    } parameters[ARTIFACT_PARAMETERS_MAX];
    size_t parameter_count;
};

/* One parameter more, as it was given. */
void artifact_note_text(struct artifact_lineage *self, const char *name,
                        const char *text);
void artifact_note_number(struct artifact_lineage *self, const char *name, double number);

/* Without estimator, lineage and golden records. NULL when out of memory; freed with
 * chw__model__free_unpacked(). */
Chw__Model *artifact_new(const char *name, const struct dataset *data,
                         const struct pipeline *pipeline);

MUST_CHECK enum status
artifact_set_linear(Chw__Model *self, const struct fit_logistic *fit, size_t input_count);

/* Takes `trees` over. */
void artifact_set_trees(Chw__Model *self, Chw__Trees *trees, Chw__Link link);

/* Metrics that are NaN are left out. */
MUST_CHECK enum status artifact_add_lineage(Chw__Model *self,
                                            const struct artifact_lineage *lineage,
                                            const struct metrics *metrics);

/* *bytes is the caller's to free. */
MUST_CHECK enum status artifact_pack(const Chw__Model *self, uint8_t **bytes,
                                     size_t *size);

#endif
