/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_case.c - the table of cases. */
#include "bench/kernel_case.h"

#include <string.h>

#define BOOSTING(count, levels)                                                          \
    {                                                                                    \
        .trees = (count), .depth = (levels)                                              \
    }
#define FOREST                                                                           \
    {                                                                                    \
        .forest = true, .trees = 100, .leaves = 3000                                     \
    }

static const struct kernel_case cases[] = {
    {"boosting-500-65536", false, BOOSTING(500, 6), 65536, 45, 60},
    {"boosting-500-4096", false, BOOSTING(500, 6), 4096, 45, 60},
    {"boosting-500-256", false, BOOSTING(500, 6), 256, 40, 50},
    {"boosting-500-32", false, BOOSTING(500, 6), 32, 8, 15},
    {"boosting-500-1", false, BOOSTING(500, 6), 1, 10, 25},
    {"boosting-100-65536", false, BOOSTING(100, 6), 65536, 30, 45},
    {"boosting-100-4096", false, BOOSTING(100, 6), 4096, 30, 45},
    {"boosting-100-256", false, BOOSTING(100, 6), 256, 0, 0},
    {"boosting-100-32", false, BOOSTING(100, 6), 32, 12, 20},
    {"boosting-100-1", false, BOOSTING(100, 6), 1, 0, 0},
    {"depth8-500-65536", false, BOOSTING(500, 8), 65536, 30, 40},
    {"continuous-500-65536", true, BOOSTING(500, 6), 65536, 25, 40},
    {"forest-100-65536", false, FOREST, 65536, 2, 4},
    {"forest-100-1024", false, FOREST, 1024, 0, 0},
};

const struct kernel_case *kernel_case_at(size_t index)
{
    return index < sizeof cases / sizeof cases[0] ? &cases[index] : NULL;
}

bool kernel_case_shares_model(const struct kernel_case *one,
                              const struct kernel_case *other)
{
    return one->continuous == other->continuous &&
           one->params.forest == other->params.forest &&
           one->params.trees == other->params.trees &&
           one->params.depth == other->params.depth;
}

bool kernel_case_is_named(const struct kernel_case *self, char *const *names,
                          size_t name_count)
{
    for (size_t i = 0; i < name_count; i++)
        if (strncmp(self->name, names[i], strlen(names[i])) == 0)
            return true;
    return name_count == 0;
}
