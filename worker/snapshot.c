/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.c - reads the store's aliases into a snapshot, and swaps snapshots. */
#include "worker/snapshot.h"

#include "base/log.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION_SHOWN = 12 }; /* hex digits in a log line */

struct entry {
    struct alias alias;
    struct loaded *loaded;
};

struct snapshot {
    atomic_uint holders;
    uint64_t generation;
    struct program *program; /* NULL: none */
    struct entry *entries;
    size_t count;
};

/* ---- reading ---- */

static void log_refused(const struct alias *alias, const struct error_text *error)
{
    char version[DIGEST_HEX_SIZE];
    digest_format(&alias->version, version);
    log_error(alias->kind == ARTIFACT_MODEL ? "model_refused" : "program_refused",
              "name=%s alias=%s version=%.*s reason=\"%s\"", alias->name, alias->alias,
              VERSION_SHOWN, version, error->text);
}

static void log_loaded(const struct alias *alias)
{
    char version[DIGEST_HEX_SIZE];
    digest_format(&alias->version, version);
    log_info("model_loaded", "name=%s alias=%s version=%.*s", alias->name, alias->alias,
             VERSION_SHOWN, version);
}

/* A store that is away now is no reason to refuse a version: the whole reading fails. */
static bool is_refusal(enum status status)
{
    return status != STATUS_UNAVAILABLE && status != STATUS_NOMEM;
}

static enum status find_model(struct store *store, const struct snapshot *before,
                              const struct alias *alias, struct loaded **out,
                              struct error_text *error)
{
    *out = before == NULL ? NULL : snapshot_version(before, &alias->version);
    if (*out != NULL) {
        loaded_hold(*out);
        return STATUS_OK;
    }
    enum status status = loaded_fetch(store, &alias->version, out, error);
    if (status == STATUS_OK) {
        log_loaded(alias);
        return STATUS_OK;
    }
    if (!is_refusal(status))
        return status;
    log_refused(alias, error);
    *out = before == NULL ? NULL : snapshot_alias(before, alias->name, alias->alias);
    if (*out != NULL)
        loaded_hold(*out);
    return STATUS_OK;
}

static enum status fetch_program(struct store *store, const struct digest *version,
                                 struct program *out, struct error_text *error)
{
    uint8_t *bytes;
    size_t size;
    enum status status =
        store_get(store, ARTIFACT_PROGRAM, version, &bytes, &size, error);
    if (status != STATUS_OK)
        return status;
    status = program_load(bytes, size, out, error);
    free(bytes);
    return status;
}

static enum status find_program(struct snapshot *self, struct store *store,
                                const struct snapshot *before, const struct alias *alias,
                                struct error_text *error)
{
    struct program *program = malloc(sizeof *program);
    if (program == NULL)
        return STATUS_NOMEM;
    enum status status = fetch_program(store, &alias->version, program, error);
    if (status != STATUS_OK && is_refusal(status)) {
        log_refused(alias, error);
        status = STATUS_OK;
        if (before != NULL && before->program != NULL)
            *program = *before->program;
        else
            program->target_count = 0; /* none */
    }
    self->program = program;
    return status;
}

struct gathering {
    struct alias *aliases;
    size_t count;
    bool no_memory;
};

static bool gather_alias(void *arg, const struct alias *alias)
{
    struct gathering *self = arg;
    struct alias *larger = realloc(self->aliases, (self->count + 1) * sizeof *larger);
    if (larger == NULL) {
        self->no_memory = true;
        return false;
    }
    self->aliases = larger;
    larger[self->count++] = *alias;
    return true;
}

static enum status add_alias(struct snapshot *self, struct store *store,
                             const struct snapshot *before, const struct alias *alias,
                             struct error_text *error)
{
    struct loaded *loaded;
    if (alias->kind == ARTIFACT_PROGRAM)
        return strcmp(alias->alias, STORE_PROGRAM_ALIAS) == 0
                   ? find_program(self, store, before, alias, error)
                   : STATUS_OK;
    enum status status = find_model(store, before, alias, &loaded, error);
    if (status == STATUS_OK && loaded != NULL)
        self->entries[self->count++] = (struct entry){*alias, loaded};
    return status;
}

/* The generation is read first: what changes meanwhile only makes the next reading come.
 */
static enum status fill(struct snapshot *self, struct store *store,
                        const struct snapshot *before, struct gathering *gathered,
                        struct error_text *error)
{
    enum status status = store_generation(store, &self->generation, error);
    if (status == STATUS_OK)
        status = store_aliases(store, gather_alias, gathered, error);
    if (status == STATUS_OK && gathered->no_memory)
        return STATUS_NOMEM;
    if (status == STATUS_OK && gathered->count > 0)
        self->entries = calloc(gathered->count, sizeof *self->entries);
    if (status == STATUS_OK && gathered->count > 0 && self->entries == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; status == STATUS_OK && i < gathered->count; i++)
        status = add_alias(self, store, before, &gathered->aliases[i], error);
    return status;
}

enum status snapshot_load(struct store *store, const struct snapshot *before,
                          struct snapshot **out, struct error_text *error)
{
    struct gathering gathered = {NULL, 0, false};
    struct snapshot *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    atomic_init(&self->holders, 1);
    enum status status = fill(self, store, before, &gathered, error);
    free(gathered.aliases);
    if (status != STATUS_OK) {
        snapshot_drop(self);
        self = NULL;
    }
    *out = self;
    return status;
}

/* ---- holding ---- */

static void snapshot_hold(struct snapshot *self)
{
    atomic_fetch_add_explicit(&self->holders, 1, memory_order_relaxed);
}

void snapshot_drop(struct snapshot *self)
{
    if (self == NULL ||
        atomic_fetch_sub_explicit(&self->holders, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < self->count; i++)
        loaded_drop(self->entries[i].loaded);
    free(self->entries);
    free(self->program);
    free(self);
}

uint64_t snapshot_generation(const struct snapshot *self)
{
    return self->generation;
}

const struct program *snapshot_program(const struct snapshot *self)
{
    return self->program != NULL && self->program->target_count > 0 ? self->program
                                                                    : NULL;
}

struct loaded *snapshot_alias(const struct snapshot *self, const char *name,
                              const char *alias)
{
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->entries[i].alias.name, name) == 0 &&
            strcmp(self->entries[i].alias.alias, alias) == 0)
            return self->entries[i].loaded;
    return NULL;
}

struct loaded *snapshot_version(const struct snapshot *self, const struct digest *version)
{
    for (size_t i = 0; i < self->count; i++) {
        const struct digest *has = model_version(loaded_model(self->entries[i].loaded));
        if (memcmp(has, version, sizeof *has) == 0)
            return self->entries[i].loaded;
    }
    return NULL;
}

/* ---- the current one ---- */

struct current {
    pthread_mutex_t lock;
    struct snapshot *snapshot;
    atomic_uint_fast64_t stamp; /* grows with each snapshot published; 0: none yet */
};

struct current *current_new(void)
{
    struct current *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    int made = pthread_mutex_init(&self->lock, NULL);
    assert(made == 0);
    return self;
}

void current_free(struct current *self)
{
    if (self == NULL)
        return;
    snapshot_drop(self->snapshot);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

void current_publish(struct current *self, struct snapshot *snapshot)
{
    pthread_mutex_lock(&self->lock);
    struct snapshot *old = self->snapshot;
    if (old != NULL && old->generation > snapshot->generation) {
        old = snapshot;
    } else {
        self->snapshot = snapshot;
        atomic_store_explicit(&self->stamp, snapshot->generation + 1,
                              memory_order_release);
    }
    pthread_mutex_unlock(&self->lock);
    snapshot_drop(old);
}

void current_hold(struct current *self, struct snapshot **held)
{
    uint64_t stamp = atomic_load_explicit(&self->stamp, memory_order_acquire);
    if (stamp == 0 || (*held != NULL && (*held)->generation + 1 == stamp))
        return;
    pthread_mutex_lock(&self->lock);
    struct snapshot *newest = self->snapshot;
    snapshot_hold(newest);
    pthread_mutex_unlock(&self->lock);
    snapshot_drop(*held);
    *held = newest;
}
