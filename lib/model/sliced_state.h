/* SPDX-License-Identifier: Apache-2.0 */
/* sliced_state.h - what a run of the sliced kernel holds between its steps. The runner is
 * compiled twice and must agree on it. Private to lib/model/sliced*. */

#ifndef MODEL_SLICED_STATE_H
#define MODEL_SLICED_STATE_H

#include "model/sliced.h"

typedef uint64_t sliced_plane __attribute__((vector_size(32), may_alias));

struct sliced_run {
    const struct sliced *compiled;
    struct class_column *columns; /* of each feature */
    sliced_plane *answers;        /* question_count + 1 */
    sliced_plane *at_least;       /* the most classes of a feature */
    struct class_block block;     /* of the feature at hand */
};

#endif
