/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_table.h - the records that models are trained on and score: a file, the
 * synthetic population, or continuous numbers made up here. The rows that are scored are
 * none that the model was trained on. */

#ifndef BENCH_KERNEL_TABLE_H
#define BENCH_KERNEL_TABLE_H

#include "base/error_text.h"
#include "trainer/dataset.h"
#include "trainer/split.h"

#include <stdint.h>

struct kernel_table {
    char origin[512]; /* what the rows are, for the report */
    struct dataset *data;
    struct split *split;
};

/* `path` of a CSV file with the columns of BRFSS 2020, or NULL: the synthetic population.
 * `rows_max`: of it; 0: all, or 320,000 people. */
MUST_CHECK enum status kernel_table_open(const char *path, uint64_t rows_max,
                                         uint64_t seed, struct kernel_table **out,
                                         struct error_text *error);

/* 50 columns of normal numbers, of which 5 % are missing, and an outcome that depends on
 * some. `rows_max` 0: 165,000. */
MUST_CHECK enum status kernel_table_make(uint64_t rows_max, uint64_t seed,
                                         struct kernel_table **out,
                                         struct error_text *error);
void kernel_table_free(struct kernel_table *self);

#endif
