/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.h - what a daemon counts, in the text format that Prometheus reads.
 *
 *      metrics_counter(...) at the start --> metric_add() from any thread
 *                                                  |  relaxed atomics, no lock
 *                             metrics_write() <----+  from the server's thread
 *
 * All metrics are made before the first thread counts; afterwards their list is read
 * only. Names end in their base unit (_seconds, _bytes), counters in _total; there are no
 * labels but of an info metric, so that no batch or person can become one. */

#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { METRICS_BUCKETS_MAX = 16 };

struct metrics;
struct metric; /* owned by its metrics */

/* Returns NULL when out of memory. */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *self); /* accepts NULL */

/* `name` and `help` are kept, not copied, and need no escaping: they are our own
 * literals. A name twice, or of other characters than a-z, 0-9 and '_', is a bug. NULL:
 * out of memory. */
struct metric *metrics_counter(struct metrics *self, const char *name, const char *help);
struct metric *metrics_gauge(struct metrics *self, const char *name, const char *help);

/* `bounds`: the buckets' upper ends, ascending, at most METRICS_BUCKETS_MAX; kept. */
struct metric *metrics_histogram(struct metrics *self, const char *name, const char *help,
                                 const double *bounds, size_t bound_count);

/* A gauge that is always 1, with one label `version`. */
struct metric *metrics_info(struct metrics *self, const char *name, const char *help,
                            const char *version);

/* Bounds for what takes from 100 microseconds to 30 seconds. */
extern const double metrics_seconds[METRICS_BUCKETS_MAX];

/* Counters. NULL is fine in all of these: nobody asked for it. */
void metric_add(struct metric *self, uint64_t more);
/* A counter that is kept elsewhere, by one thread. */
void metric_set_total(struct metric *self, uint64_t total);
/* Gauges. */
void metric_set(struct metric *self, double value);
/* Histograms. */
void metric_observe(struct metric *self, double value);

/* Everything, in the order in which it was made; *text is the caller's to free. */
MUST_CHECK enum status metrics_write(const struct metrics *self, char **text,
                                     size_t *size);

#endif
