/* SPDX-License-Identifier: Apache-2.0 */
/* watcher.c - waits for the store's generation to change. */
#include "worker/watcher.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { WATCH_MS = 1000, RETRY_MS = 200 };

struct watcher {
    struct store *store;
    struct current *current;
    struct snapshot *held;
    pthread_t thread;
    atomic_bool stop;
};

static enum status read_snapshot(struct watcher *self, struct error_text *error)
{
    struct snapshot *snapshot;
    uint64_t start_ms = clock_monotonic_ms();
    enum status status = snapshot_load(self->store, self->held, &snapshot, error);
    if (status != STATUS_OK)
        return status;
    uint64_t generation = snapshot_generation(snapshot);
    current_publish(self->current, snapshot);
    current_hold(self->current, &self->held);
    log_info("snapshot", "generation=%" PRIu64 " ms=%" PRIu64, generation,
             clock_monotonic_ms() - start_ms);
    return STATUS_OK;
}

/* A store that is away keeps the snapshot in service; the first failure is logged. */
static void watch(struct watcher *self, bool *away)
{
    struct error_text error = {""};
    current_hold(self->current, &self->held); /* a refresh may have been first */
    uint64_t known = snapshot_generation(self->held), generation;
    enum status status =
        store_watch(self->store, known, WATCH_MS, &self->stop, &generation, &error);
    if (status == STATUS_OK && generation != known && !atomic_load(&self->stop))
        status = read_snapshot(self, &error);
    if (status != STATUS_OK && !*away)
        log_warn("watch_failed", "reason=\"%s\"", error.text);
    *away = status != STATUS_OK;
    if (*away)
        poll(NULL, 0, RETRY_MS);
}

static void *run(void *arg)
{
    struct watcher *self = arg;
    bool away = false;
    while (!atomic_load(&self->stop))
        watch(self, &away);
    return NULL;
}

enum status watcher_start(const char *store_url, struct current *current,
                          struct watcher **out, struct error_text *error)
{
    struct watcher *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    self->current = current;
    enum status status = store_open(store_url, &self->store, error);
    if (status == STATUS_OK)
        status = read_snapshot(self, error);
    if (status != STATUS_OK) {
        store_close(self->store);
        free(self);
        return status;
    }
    int made = pthread_create(&self->thread, NULL, run, self);
    assert(made == 0);
    *out = self;
    return STATUS_OK;
}

void watcher_stop(struct watcher *self)
{
    if (self == NULL)
        return;
    atomic_store(&self->stop, true);
    pthread_join(self->thread, NULL);
    snapshot_drop(self->held);
    store_close(self->store);
    free(self);
}
