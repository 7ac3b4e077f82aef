/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_case.h - what is compared, at which batch, and what is asked of it. */

#ifndef BENCH_KERNEL_CASE_H
#define BENCH_KERNEL_CASE_H

#include "bench/kernel_peer_xgboost.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kernel_case {
    const char *name;
    bool continuous; /* trained on numbers made up here; else on the table */
    struct kernel_xgboost_params params; /* but the seed */
    uint32_t batch_rows;
    double condition, aim; /* times the peer's records/s; 0: nothing is asked */
};

/* Those of one model follow each other. NULL past the last. */
const struct kernel_case *kernel_case_at(size_t index);

/* Whether both score the same model. */
bool kernel_case_shares_model(const struct kernel_case *one,
                              const struct kernel_case *other);

/* Whether the case has one of the names, or begins with one; without names each has. */
bool kernel_case_is_named(const struct kernel_case *self, char *const *names,
                          size_t name_count);

#endif
