/* SPDX-License-Identifier: Apache-2.0 */
/* parts.h - where workers' time went, by their own metrics: only they know when a batch
 * was scored and settled. */

#ifndef BENCH_PARTS_H
#define BENCH_PARTS_H

#include "base/error_text.h"

#include <stddef.h>

/* Sums since the workers began. */
struct parts {
    double scored, scoring_s;     /* batches, and the time that their scoring took */
    double settled, settlement_s; /* from their last score to their settlement */
};

/* Adds what one worker's /metrics says. Pure. */
void parts_add(struct parts *self, const char *text);

/* Of the worker that serves its metrics at loopback's `port`: adds them. STATUS_IO. */
MUST_CHECK enum status parts_read(struct parts *self, unsigned port,
                                  struct error_text *error);

#endif
