/* SPDX-License-Identifier: Apache-2.0 */
/* daemon.h - plans again whenever the demand or the allocation has changed, until a
 * signal. */

#ifndef OPTIMIZER_DAEMON_H
#define OPTIMIZER_DAEMON_H

#include "base/error_text.h"

#include <stdbool.h>
#include <stdint.h>

struct daemon_config {
    char *store, *allocation, *metrics, *log_level, *log_format, *config;
    uint64_t every_s;
    bool insecure;
};

/* Serves until SIGTERM or SIGINT. An error is one of the start: later ones are logged and
 * pass. */
MUST_CHECK enum status daemon_run(const struct daemon_config *config,
                                  struct error_text *error);

#endif
