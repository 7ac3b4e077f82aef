/* SPDX-License-Identifier: Apache-2.0 */
/* demand.h - the demand of one period, from the store or from the CSV that
 * `chw demand --format csv` prints. */

#ifndef OPTIMIZER_DEMAND_H
#define OPTIMIZER_DEMAND_H

#include "base/error_text.h"
#include "store/store.h"

struct demand {
    int32_t period;
    struct demand_cell *cells; /* by region, target, tier; people > 0 */
    size_t count;
};

/* `period` 0: the newest there is. STATUS_NOT_FOUND: there is no demand, or none in that
 * period; `error` names the periods with demand. */
MUST_CHECK enum status demand_from_store(struct store *store, int32_t period,
                                         struct demand *out, struct error_text *error);

/* Also STATUS_MALFORMED: `error` names file and line. */
MUST_CHECK enum status demand_from_csv(const char *path, int32_t period,
                                       struct demand *out, struct error_text *error);
void demand_release(struct demand *self);

/* The mean probability of a cell's people. */
double demand_probability(const struct demand_cell *cell);

#endif
