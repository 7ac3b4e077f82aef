/* SPDX-License-Identifier: Apache-2.0 */
/* linear_add_portable.c - on any processor. */
#include "model/linear_add_run.h"

void linear_add_portable(const struct linear_column *columns, size_t column_count,
                         double intercept, uint32_t first, uint32_t count,
                         double *margins)
{
    add_by_column(columns, column_count, intercept, first, count, margins);
}
