/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.h - models of other tools as ours: bytes in, a model's message out.
 *
 *   file's bytes --recognised by their content--> a format's reader --> Chw__Model
 *
 * What is read scores as it does in the tool it comes from; what would change a score and
 * is not understood is refused by name. The bytes are untrusted: sizes, counts and depths
 * are bounded, and the message is still to be checked by model_load(). Pure. */

#ifndef EXCHANGE_EXCHANGE_H
#define EXCHANGE_EXCHANGE_H

#include "base/error_text.h"

#include "model.pb-c.h"

#include <stddef.h>
#include <stdint.h>

enum exchange_limits {
    EXCHANGE_SIZE_MAX = 256 << 20,
    EXCHANGE_TREES_MAX = 10000,    /* as MODEL_TREES_MAX, of all classes together */
    EXCHANGE_NODES_MAX = 1 << 24,  /* as MODEL_NODES_MAX */
    EXCHANGE_FEATURES_MAX = 4096,  /* as MODEL_FEATURES_MAX */
    EXCHANGE_INPUTS_MAX = 65536,   /* as MODEL_INPUTS_MAX */
    EXCHANGE_CLASSES_MAX = 256,    /* parts of a model */
    EXCHANGE_CATEGORIES_MAX = 255, /* of a feature */
    EXCHANGE_VALUES_MAX = 1 << 26, /* of a JSON or UBJSON document */
    EXCHANGE_DEPTH_MAX = 64,       /* of it */
};

struct exchange_options {
    const char *name;   /* of the model: what it predicts */
    const char *chosen; /* the class whose probability is the score: its label or index;
                         * NULL: the second of two */
};

/* *out is freed with chw__model__free_unpacked(); its lineage says the format and the
 * SHA-256 of the bytes. STATUS_MALFORMED: not of any format that is understood, or
 * damaged; STATUS_INVALID: something in it is not supported; STATUS_FULL: beyond a limit.
 * `error` names it. */
MUST_CHECK enum status exchange_import(const uint8_t *bytes, size_t size,
                                       const struct exchange_options *options,
                                       Chw__Model **out, struct error_text *error);

#endif
