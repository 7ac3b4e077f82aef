/* SPDX-License-Identifier: Apache-2.0 */
/* planner.h - one plan from its inputs: the allocation's file, the demand, the program.
 */

#ifndef OPTIMIZER_PLANNER_H
#define OPTIMIZER_PLANNER_H

#include "base/crypto.h"
#include "base/error_text.h"
#include "store/store.h"

struct planner_inputs {
    struct store *store;    /* NULL: there is none, `demand` is given */
    const char *allocation; /* a YAML file */
    const char *demand;     /* a CSV file instead of the store's demand; NULL: none */
    int32_t period;         /* 0: the newest with demand */
};

struct planner_result {
    uint8_t *bytes; /* of the plan; NULL: the inputs are those of `known` */
    size_t size;
    struct digest inputs;      /* of all that the plan depends on */
    struct error_text warning; /* regions of the file without demand; empty: none */
};

/* `known`: the inputs of the last result, for which nothing is solved again; NULL: none.
 * STATUS_NOT_FOUND: no allocation, or nothing to plan for; `error` says which. */
MUST_CHECK enum status planner_run(const struct planner_inputs *inputs,
                                   const struct digest *known, struct planner_result *out,
                                   struct error_text *error);

#endif
