/* SPDX-License-Identifier: Apache-2.0 */
/* watcher.h - the thread that sees a promotion and swaps the snapshot. */

#ifndef WORKER_WATCHER_H
#define WORKER_WATCHER_H

#include "worker/snapshot.h"

struct watcher;

/* Opens its own handle of the store, publishes the first snapshot, and starts. */
MUST_CHECK enum status watcher_start(const char *store_url, struct current *current,
                                     struct watcher **out, struct error_text *error);
void watcher_stop(struct watcher *self);

#endif
