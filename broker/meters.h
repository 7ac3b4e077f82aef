/* SPDX-License-Identifier: Apache-2.0 */
/* meters.h - the dispatcher's counters and gauges, as Prometheus metrics.
 *
 * The dispatcher counts in plain numbers of its own thread; once a tick they are copied
 * into the metrics, which any thread may read. So a batch costs nothing here. */

#ifndef BROKER_METERS_H
#define BROKER_METERS_H

#include "broker/dispatch.h"
#include "metrics/metrics.h"

struct meters;

/* Returns NULL when out of memory. */
struct meters *meters_new(void);
void meters_free(struct meters *self); /* accepts NULL */

/* In the dispatcher's thread. NULL is fine: nobody asked for metrics. */
void meters_publish(struct meters *self, struct dispatch *dispatch);

/* In any thread. Ready: what was published last was not draining. */
const struct metrics *meters_metrics(const struct meters *self);
bool meters_ready(const struct meters *self);

#endif
