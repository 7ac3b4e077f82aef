/* SPDX-License-Identifier: Apache-2.0 */
/* demand_sums.h - the store's demand cells, gathered per period, target and region. Pure.
 */

#ifndef CLIENT_DEMAND_SUMS_H
#define CLIENT_DEMAND_SUMS_H

#include "model/program.h"
#include "store/store.h"

/* One region's demand of a target in a period; region "" is the total of all regions. */
struct demand_line {
    int32_t period;
    const char *target, *region; /* borrowed from the cells */
    int64_t people, sum_p, sum_pq;
    int64_t tiers[PROGRAM_TIERS_MAX];
};

/* Lines of one period and target: its regions in order, then the total. */
struct demand_group {
    struct demand_line *lines;
    size_t line_count;
    char tiers[PROGRAM_TIERS_MAX][STORE_TIER_MAX + 1]; /* the program's order */
    size_t tier_count;
};

struct demand_sums {
    struct demand_group *groups;
    size_t group_count;
};

/* `cells` as the store orders them, kept by the caller while the sums are used. `program`
 * NULL: tiers in the order of their names. STATUS_NOMEM; STATUS_FULL: more tiers than can
 * be. */
MUST_CHECK enum status demand_sums_make(const struct demand_cell *cells, size_t count,
                                        const struct program *program,
                                        struct demand_sums *out);
void demand_sums_free(struct demand_sums *self);

/* Expected cases and their standard deviation, if people fall ill independently. */
double demand_expected(int64_t sum_p);
double demand_deviation(int64_t sum_pq);

#endif
