/* SPDX-License-Identifier: Apache-2.0 */
/* program.h - the clinical configuration: targets, the alias that serves each, tiers.
 * Immutable after loading; shared between threads. Pure. */

#ifndef MODEL_PROGRAM_H
#define MODEL_PROGRAM_H

#include "base/crypto.h"
#include "base/error_text.h"

#include <stddef.h>
#include <stdint.h>

enum {
    PROGRAM_FORMAT = 1,
    PROGRAM_TARGETS_MAX = 16,
    PROGRAM_TIERS_MAX = 16,
    PROGRAM_NAME_MAX = 63,
    PROGRAM_TIER_NAME_MAX = 31,
};

struct program_tier {
    char name[PROGRAM_TIER_NAME_MAX + 1];
    float from; /* the first tier begins at 0; ascending */
};

struct program_target {
    char name[PROGRAM_NAME_MAX + 1]; /* of the model */
    char alias[PROGRAM_NAME_MAX + 1];
    struct program_tier tiers[PROGRAM_TIERS_MAX];
    size_t tier_count;
};

struct program {
    struct digest version;
    struct program_target targets[PROGRAM_TARGETS_MAX];
    size_t target_count;
};

/* STATUS_MALFORMED or STATUS_INVALID: `error` says what and where. */
MUST_CHECK enum status program_load(const uint8_t *bytes, size_t size,
                                    struct program *out, struct error_text *error);

/* Serialise; *bytes is the caller's to free. self->version is not read. */
MUST_CHECK enum status program_save(const struct program *self, uint8_t **bytes,
                                    size_t *size);

/* A target with the default tiers: low from 0, moderate from .05, high from .20. They are
 * for demonstration: a clinician sets them before use. */
void program_target_init(struct program_target *self, const char *name,
                         const char *alias);

/* NULL: there is none of that name. */
const struct program_target *program_find(const struct program *self, const char *name);

/* The index of the tier that holds each of `count` probabilities. */
void program_tiers(const struct program_target *self, const float *probabilities,
                   uint32_t count, uint8_t *tiers);

#endif
