/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_case.c - the table of cases. */
#include "bench/kernel_case.h"

#include "bench/kernel_rows.h"

#include <string.h>

#define BOOSTING(count, levels)                                                          \
    {                                                                                    \
        .estimator = KERNEL_BOOSTING, .trees = (count), .depth = (levels)                \
    }
#define CONTINUOUS                                                                       \
    {                                                                                    \
        .estimator = KERNEL_BOOSTING, .continuous = true, .trees = 500, .depth = 6       \
    }
#define FOREST(by)                                                                       \
    {                                                                                    \
        .estimator = (by), .trees = 100, .leaves = 3000                                  \
    }
#define LOGISTIC                                                                         \
    {                                                                                    \
        .estimator = KERNEL_SKLEARN_LOGISTIC                                             \
    }

static const struct kernel_case cases[] = {
    {"boosting-500-65536", BOOSTING(500, 6), false, 65536, KERNEL_ROWS_MAX, 45, 60},
    {"boosting-500-4096", BOOSTING(500, 6), false, 4096, KERNEL_ROWS_MAX, 45, 60},
    {"boosting-500-256", BOOSTING(500, 6), false, 256, KERNEL_ROWS_MAX, 40, 50},
    {"boosting-500-128", BOOSTING(500, 6), false, 128, KERNEL_ROWS_MAX, 0, 0},
    {"boosting-500-64", BOOSTING(500, 6), false, 64, KERNEL_ROWS_MAX, 0, 0},
    {"boosting-500-32", BOOSTING(500, 6), false, 32, KERNEL_ROWS_MAX, 8, 15},
    {"boosting-500-16", BOOSTING(500, 6), false, 16, KERNEL_ROWS_MAX, 0, 0},
    {"boosting-500-8", BOOSTING(500, 6), false, 8, KERNEL_ROWS_MAX, 0, 0},
    {"boosting-500-1", BOOSTING(500, 6), false, 1, KERNEL_ROWS_MAX, 10, 25},
    {"treeshap-500-256", BOOSTING(500, 6), true, 256, 256, 50, 100},
    {"boosting-100-65536", BOOSTING(100, 6), false, 65536, KERNEL_ROWS_MAX, 30, 45},
    {"boosting-100-4096", BOOSTING(100, 6), false, 4096, KERNEL_ROWS_MAX, 30, 45},
    {"boosting-100-256", BOOSTING(100, 6), false, 256, KERNEL_ROWS_MAX, 0, 0},
    {"boosting-100-128", BOOSTING(100, 6), false, 128, KERNEL_ROWS_MAX, 0, 0},
    {"boosting-100-64", BOOSTING(100, 6), false, 64, KERNEL_ROWS_MAX, 0, 0},
    {"boosting-100-32", BOOSTING(100, 6), false, 32, KERNEL_ROWS_MAX, 12, 20},
    {"boosting-100-16", BOOSTING(100, 6), false, 16, KERNEL_ROWS_MAX, 0, 0},
    {"boosting-100-8", BOOSTING(100, 6), false, 8, KERNEL_ROWS_MAX, 0, 0},
    {"boosting-100-1", BOOSTING(100, 6), false, 1, KERNEL_ROWS_MAX, 0, 0},
    {"depth8-500-65536", BOOSTING(500, 8), false, 65536, KERNEL_ROWS_MAX, 30, 40},
    {"treeshap-depth8-500-64", BOOSTING(500, 8), true, 64, 64, 0, 0},
    {"continuous-500-65536", CONTINUOUS, false, 65536, KERNEL_ROWS_MAX, 25, 40},
    {"forest-100-65536", FOREST(KERNEL_FOREST), false, 65536, KERNEL_ROWS_MAX, 2, 4},
    {"forest-100-1024", FOREST(KERNEL_FOREST), false, 1024, KERNEL_ROWS_MAX, 0, 0},
    {"sklearn-forest-65536", FOREST(KERNEL_SKLEARN_FOREST), false, 65536, KERNEL_ROWS_MAX,
     2, 4},
    {"sklearn-forest-1024", FOREST(KERNEL_SKLEARN_FOREST), false, 1024, KERNEL_ROWS_MAX,
     0, 0},
    {"logistic-65536", LOGISTIC, false, 65536, KERNEL_ROWS_MAX, 15, 30},
};

bool kernel_recipe_is_sklearn(const struct kernel_recipe *self)
{
    return self->estimator == KERNEL_SKLEARN_FOREST ||
           self->estimator == KERNEL_SKLEARN_LOGISTIC;
}

const struct kernel_case *kernel_case_at(size_t index)
{
    return index < sizeof cases / sizeof cases[0] ? &cases[index] : NULL;
}

bool kernel_case_shares_model(const struct kernel_case *one,
                              const struct kernel_case *other)
{
    return one->recipe.estimator == other->recipe.estimator &&
           one->recipe.continuous == other->recipe.continuous &&
           one->recipe.trees == other->recipe.trees &&
           one->recipe.depth == other->recipe.depth;
}

static bool is_whole_name(const char *name)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (strcmp(cases[i].name, name) == 0)
            return true;
    return false;
}

bool kernel_case_is_named(const struct kernel_case *self, char *const *names,
                          size_t name_count)
{
    for (size_t i = 0; i < name_count; i++)
        if (is_whole_name(names[i])
                ? strcmp(self->name, names[i]) == 0
                : strncmp(self->name, names[i], strlen(names[i])) == 0)
            return true;
    return name_count == 0;
}
