/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_case.h - what is compared, at which batch, and what is asked of it. */

#ifndef BENCH_KERNEL_CASE_H
#define BENCH_KERNEL_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kernel_estimator {
    KERNEL_BOOSTING, /* by XGBoost: log-loss, a tree per round */
    KERNEL_FOREST,   /* by XGBoost: squared error, so its margin is a probability */
    KERNEL_SKLEARN_FOREST,
    KERNEL_SKLEARN_LOGISTIC,
};

/* What is trained, and so by whom: the peer of the case. */
struct kernel_recipe {
    enum kernel_estimator estimator;
    bool continuous; /* on numbers made up here; else on the table */
    uint64_t trees;  /* none for logistic regression */
    uint64_t depth;  /* of boosting's trees */
    uint64_t leaves; /* of a forest's trees at most, whatever their depth */
};

bool kernel_recipe_is_sklearn(const struct kernel_recipe *self);

struct kernel_case {
    const char *name;
    struct kernel_recipe recipe;
    bool explains; /* each record's contributions, not its score */
    uint32_t batch_rows;
    uint32_t row_count;    /* in all */
    double condition, aim; /* times the peer's records/s; 0: nothing is asked */
};

/* Those of one model follow each other. NULL past the last. */
const struct kernel_case *kernel_case_at(size_t index);

/* Whether both score the same model. */
bool kernel_case_shares_model(const struct kernel_case *one,
                              const struct kernel_case *other);

/* Whether the case has one of the names, or begins with one that is no case's; without
 * names each has. */
bool kernel_case_is_named(const struct kernel_case *self, char *const *names,
                          size_t name_count);

#endif
