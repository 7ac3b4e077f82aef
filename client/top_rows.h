/* SPDX-License-Identifier: Apache-2.0 */
/* top_rows.h - the reports of one or several brokers as rows: each broker's, and of all
 * together each region's and each worker's, with rates.
 *
 * Rates come from two reports. A broker that was started anew counts from zero: then, and
 * with one report only, there are no rates. A rate of several brokers is the sum of those
 * that are known. Pure. */

#ifndef CLIENT_TOP_ROWS_H
#define CLIENT_TOP_ROWS_H

#include "client/top_view.h"

/* A rate that is not known is NAN. Texts are borrowed from the reports. */
struct region_row {
    Chw__RegionStatus status;
    double batches, bytes; /* per second */
};

struct worker_row {
    Chw__WorkerStatus status;
    double batches, records;
};

struct top_rows {
    double *broker_batches; /* of each broker of the view */
    struct region_row *regions;
    size_t region_count;
    struct worker_row *workers;
    size_t worker_count;
    Chw__StatusReport all;   /* sums; has no regions and workers */
    double batches, records; /* per second, of all */
};

/* False: out of memory. `self` is to be released in any case. */
bool top_rows_make(const struct top_view *view, struct top_rows *self);
void top_rows_release(struct top_rows *self);

/* What one broker tells counts in the sums: it was heard, and answers still where there
 * are others, and is not one that another address leads to as well. */
bool top_rows_counts(const struct top_view *view, size_t broker);

/* The earlier address that leads to the same broker; NULL: none does. */
const char *top_rows_same(const struct top_view *view, size_t broker);

#endif
