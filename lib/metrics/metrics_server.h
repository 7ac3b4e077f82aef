/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_server.h - a daemon's own HTTP port, for Prometheus and for who restarts it.
 *
 *      GET /metrics         the metrics, text format 0.0.4
 *      GET /health/live     200 while the process answers
 *      GET /health/ready    200 when it can take work, else 503
 *
 * Anything else is 404, other methods 405. One thread of its own; at most 16 connections,
 * each closed after 5 seconds of silence. */

#ifndef METRICS_METRICS_SERVER_H
#define METRICS_METRICS_SERVER_H

#include "base/error_text.h"
#include "metrics/metrics.h"

#include <stdbool.h>

struct metrics_server;

struct metrics_server_options {
    const char *address; /* checked */
    const struct metrics *metrics;
    /* Called in the server's thread before each answer: may set gauges; whether the
     * daemon is ready. */
    bool (*collect)(void *context);
    void *context;
};

/* An IPv4 address and a port: "127.0.0.1:9101". STATUS_INVALID: it is something else, or
 * not loopback without `insecure`. */
MUST_CHECK enum status metrics_address_check(const char *address, bool insecure,
                                             struct error_text *error);

/* The options are copied; what they point to outlives the server. Signals must be blocked
 * by now. STATUS_TAKEN: the address is in use. */
MUST_CHECK enum status metrics_server_open(const struct metrics_server_options *options,
                                           struct metrics_server **server,
                                           struct error_text *error);
void metrics_server_close(struct metrics_server *self); /* accepts NULL */

#endif
