/* SPDX-License-Identifier: Apache-2.0 */
/* gather.h - small batches as one: their records one after the other, in columns that
 * hold what each batch's own hold.
 *
 * A model asks a cell for a number or for a category's name, and a number is the same
 * whether a bit, a code or a float carries it. So each record scores as it does in its
 * own batch. Pure. */

#ifndef WORKER_GATHER_H
#define WORKER_GATHER_H

#include "model/columns.h"

enum {
    GATHER_ROWS_MAX = 1024,
    GATHER_COLUMNS_MAX = 256, /* of wider batches each is scored alone */
};

struct gathering;

/* For batches that have the columns of `alike`, whose names it borrows, and at most
 * `rows_max` records together. NULL: out of memory. */
struct gathering *gathering_new(const struct columns *alike, uint32_t rows_max);
void gathering_free(struct gathering *self); /* accepts NULL */

/* Adds the records of `columns`; borrows the names of their categories. False, and
 * nothing is changed: it has other columns, or too many records; or in some column one
 * has numbers and the other names, or they have too many names together. */
bool gathering_add(struct gathering *self, const struct columns *columns);

/* All of them, the first that was added first. Lives as long as the gathering; nothing
 * is to be added any more. */
const struct columns *gathering_columns(struct gathering *self);

#endif
