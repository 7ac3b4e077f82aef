/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_state.h - what a run of the sliced kernel holds between its steps. The runner is
 * compiled twice and must agree on it. Private to lib/model/sliced*. */

#ifndef MODEL_SLICED_STATE_H
#define MODEL_SLICED_STATE_H

#include "model/sliced.h"

typedef uint64_t sliced_plane __attribute__((vector_size(32), may_alias));

/* A feature and its column: the classes of what the column's bytes say. */
struct bound_class {
    const struct bound_feature *source;
    const struct sliced_feature *feature;
    bool simple;         /* no cell is missing, unreadable or to be looked up by itself */
    bool wide;           /* classes beyond 255 */
    bool absent_missing; /* no column, and what is missing stays missing */
    uint16_t absent;     /* no column: the class of all */
    uint16_t bits[2];    /* COLUMN_BITMAP */
    uint8_t low[256], high[256]; /* COLUMN_CODES */
};

struct sliced_run {
    const struct sliced *compiled;
    struct bound_class *bound; /* of each feature */
    sliced_plane *answers;     /* question_count + 1 */
    sliced_plane *at_least;    /* the most thresholds of a feature, + 1 */
    uint64_t missing[4];       /* of the feature at hand: what stays missing */
    _Alignas(64) uint8_t low[KERNEL_BLOCK]; /* of the feature at hand: the classes */
    _Alignas(64) uint8_t high[KERNEL_BLOCK];
};

#endif
