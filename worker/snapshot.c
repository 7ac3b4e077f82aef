/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.c - reads the store's aliases into a snapshot, and swaps snapshots. */
#include "worker/snapshot.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION_SHOWN = 12 }; /* hex digits in a log line */

/* What serves an alias: the version that it names, or, where that one was refused, the
 * one before. */
struct entry {
    struct alias alias;
    struct loaded *loaded; /* NULL: refused, and there was none before */
};

struct snapshot {
    atomic_uint holders;
    uint64_t generation;
    struct program *program; /* NULL: none; without targets: refused, and none before */
    struct digest program_wanted;
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

static void log_loaded(const struct alias *alias, const struct model *model,
                       uint64_t start_ms)
{
    char version[DIGEST_HEX_SIZE];
    digest_format(&alias->version, version);
    log_info("model_loaded",
             "name=%s alias=%s version=%.*s ms=%" PRIu64 " kernel=\"%s\" bytes=%zu",
             alias->name, alias->alias, VERSION_SHOWN, version,
             clock_monotonic_ms() - start_ms, model_kernel(model),
             model_kernel_bytes(model));
}

/* A store that is away now is no reason to refuse a version: the whole reading fails. */
static bool is_refusal(enum status status)
{
    return status != STATUS_UNAVAILABLE && status != STATUS_NOMEM;
}

static const struct entry *find_entry(const struct snapshot *self, const char *name,
                                      const char *alias)
{
    for (size_t i = 0; self != NULL && i < self->count; i++)
        if (strcmp(self->entries[i].alias.name, name) == 0 &&
            strcmp(self->entries[i].alias.alias, alias) == 0)
            return &self->entries[i];
    return NULL;
}

static bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static bool is_version(const struct loaded *loaded, const struct digest *version)
{
    return loaded != NULL && digest_equal(model_version(loaded_model(loaded)), version);
}

/* What is in memory for this alias and needs no fetching, NULL included: the version
 * itself, or what went on serving when it was refused before. */
static bool keeps(const struct snapshot *before, const struct alias *alias,
                  struct loaded **out)
{
    const struct entry *entry = find_entry(before, alias->name, alias->alias);
    *out = before == NULL ? NULL : snapshot_version(before, &alias->version);
    if (*out != NULL && strcmp(model_name(loaded_model(*out)), alias->name) == 0)
        return true;
    *out = entry == NULL ? NULL : entry->loaded;
    return entry != NULL && digest_equal(&entry->alias.version, &alias->version);
}

/* Settlements and programs know a model by its own name: one under another's would be
 * recalled with other rules. */
static enum status fetch_model(struct store *store, const struct alias *alias,
                               struct loaded **out, struct error_text *error)
{
    enum status status = loaded_fetch(store, &alias->version, out, error);
    if (status != STATUS_OK)
        return status;
    const char *own = model_name(loaded_model(*out));
    if (strcmp(own, alias->name) == 0)
        return STATUS_OK;
    error_set(error, STATUS_INVALID, "the model calls itself %s", own);
    loaded_drop(*out);
    return STATUS_INVALID;
}

static enum status find_model(struct store *store, const struct snapshot *before,
                              const struct alias *alias, struct loaded **out,
                              struct error_text *error)
{
    struct error_text own = {""};
    struct loaded *kept, *fetched;
    uint64_t start_ms = clock_monotonic_ms();
    enum status status = STATUS_OK;
    if (!keeps(before, alias, &kept)) {
        status = fetch_model(store, alias, &fetched, &own);
        if (status == STATUS_OK) {
            log_loaded(alias, loaded_model(fetched), start_ms);
            *out = fetched;
            return STATUS_OK;
        }
        if (!is_refusal(status))
            return error_set(error, status, "%s", own.text);
        log_refused(alias, &own);
    }
    *out = kept == NULL ? NULL : loaded_hold(kept);
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
    struct error_text own = {""};
    bool same = before != NULL && before->program != NULL &&
                digest_equal(&before->program_wanted, &alias->version);
    struct program *program = calloc(1, sizeof *program);
    if (program == NULL)
        return STATUS_NOMEM;
    self->program = program;
    self->program_wanted = alias->version;
    enum status status =
        same ? STATUS_OK : fetch_program(store, &alias->version, program, &own);
    if (status != STATUS_OK && !is_refusal(status))
        return error_set(error, status, "%s", own.text);
    if (status != STATUS_OK)
        log_refused(alias, &own);
    if (status != STATUS_OK || same)
        *program = before != NULL && before->program != NULL ? *before->program
                                                             : (struct program){0};
    return STATUS_OK;
}

struct gathering {
    struct alias *aliases;
    size_t count;
    bool no_memory;
};

/* Plans are for people, not for workers. */
static bool gather_alias(void *arg, const struct alias *alias)
{
    struct gathering *self = arg;
    if (alias->kind == ARTIFACT_PLAN)
        return true;
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
    struct loaded *loaded = NULL;
    if (alias->kind == ARTIFACT_PROGRAM)
        return strcmp(alias->alias, STORE_PROGRAM_ALIAS) == 0
                   ? find_program(self, store, before, alias, error)
                   : STATUS_OK;
    enum status status = find_model(store, before, alias, &loaded, error);
    if (status == STATUS_OK)
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
    const struct entry *entry = find_entry(self, name, alias);
    return entry == NULL ? NULL : entry->loaded;
}

struct loaded *snapshot_version(const struct snapshot *self, const struct digest *version)
{
    for (size_t i = 0; i < self->count; i++)
        if (is_version(self->entries[i].loaded, version))
            return self->entries[i].loaded;
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
