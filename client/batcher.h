/* SPDX-License-Identifier: Apache-2.0 */
/* batcher.h - rows of a table become batches, one region each. The same rows, columns and
 * limits give the same batches in the same order, so that a job can be resumed.
 *
 * A batch is finished when it has rows_max rows or BATCHER_SIZE_MAX bytes, when a
 * column's categories are full, when too many rows are gathered over all regions (the
 * oldest batch then goes), and at the end. Pure. */

#ifndef CLIENT_BATCHER_H
#define CLIENT_BATCHER_H

#include "base/list.h"
#include "base/status.h"
#include "client/chw.h"

#include <stddef.h>
#include <stdint.h>

enum {
    BATCHER_ROWS_LEAST = 64,
    BATCHER_SIZE_MAX = 12 << 20, /* bytes of a batch before its last row */
};

struct batcher_column {
    const char *name;
    size_t cell; /* index into a row's cells */
    bool is_number;
};

struct batcher_plan {
    const struct batcher_column *columns;
    size_t column_count;
    const struct chw_model *models;
    size_t model_count;
    uint32_t explain; /* factors of each score, up to CHW_FACTORS_MAX */
    int32_t as_of;
    size_t rows_max;     /* of a batch, 1 to CHW_ROWS_MAX */
    size_t gathered_max; /* rows in unfinished batches, each counted as BATCHER_ROWS_LEAST
                          * at least: a batch of one row takes memory too */
};

/* A finished batch and the rows that are in it; free with filled_free. */
struct filled {
    struct list link;
    struct chw_batch *batch;
    char region[CHW_REGION_MAX + 1];
    uint64_t *rows; /* their numbers, ascending */
    size_t count;
};

void filled_free(struct filled *self); /* accepts NULL */

struct batcher;

/* The plan is copied, what it points to is borrowed. NULL: out of memory. */
struct batcher *batcher_new(const struct batcher_plan *plan);
void batcher_free(struct batcher *self);

/* A region is 1 to CHW_REGION_MAX bytes without control bytes. */
bool batcher_region_is_valid(const char *region);

/* Add row `number`; `region` is valid. STATUS_NOMEM: the batcher is of no further use. */
MUST_CHECK enum status batcher_add(struct batcher *self, const char *region,
                                   uint64_t number, const char *const *cells);

/* No more rows: finish every batch, oldest first. */
void batcher_end(struct batcher *self);

/* The next finished batch, now the caller's; NULL: none. */
struct filled *batcher_take(struct batcher *self);

#endif
