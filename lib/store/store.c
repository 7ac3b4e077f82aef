/* SPDX-License-Identifier: Apache-2.0 */
/* store.c - picks the backend by the URL's scheme and checks what every backend may rely
 * on. */
#include "store/store_backend.h"

#include "base/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WATCH_MS = 100 };

static const struct store_backend *const backends[] = {&store_sqlite, &store_redis};

static const struct store_backend *find_backend(const char *url)
{
    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
        size_t size = strlen(backends[i]->scheme);
        if (strncmp(url, backends[i]->scheme, size) == 0 && url[size] == ':' &&
            url[size + 1] != '\0')
            return backends[i];
    }
    return NULL;
}

/* Only its beginning is shown: the rest may hold a password. */
static enum status refuse_address(const char *url, struct error_text *error)
{
    return error_set(error, STATUS_INVALID,
                     "the store's address, '%.*s...', is neither sqlite:PATH nor "
                     "redis://[USER:PASSWORD@]HOST[:PORT][/DB]",
                     (int)strcspn(url, ":"), url);
}

enum status store_open(const char *url, struct store **out, struct error_text *error)
{
    const struct store_backend *backend = find_backend(url);
    *out = NULL;
    return backend == NULL ? refuse_address(url, error)
                           : backend->open(url + strlen(backend->scheme) + 1, out, error);
}

enum status store_open_to_fill(const char *url, struct store **out,
                               struct error_text *error)
{
    const struct store_backend *backend = find_backend(url);
    *out = NULL;
    return backend == NULL
               ? refuse_address(url, error)
               : backend->open_to_fill(url + strlen(backend->scheme) + 1, out, error);
}

void store_close(struct store *self)
{
    if (self != NULL)
        self->backend->close(self);
}

enum status store_require_durable(struct store *self, struct error_text *error)
{
    return self->backend->require_durable == NULL
               ? STATUS_OK
               : self->backend->require_durable(self, error);
}

uint64_t store_setbacks(const struct store *self)
{
    return self->backend->setbacks == NULL ? 0 : self->backend->setbacks(self);
}

/* ---- check ---- */

void findings_add(const struct findings *self, const char *what, bool missing,
                  const char *format, ...)
{
    struct store_finding finding = {.what = what, .missing = missing};
    va_list values;
    va_start(values, format);
    vsnprintf(finding.text, sizeof finding.text, format, values);
    va_end(values);
    self->visit(self->arg, &finding);
}

struct amount {
    uint64_t count, bytes;
};

static bool add_artifact(void *arg, const struct artifact *artifact)
{
    struct amount *self = arg;
    self->count++;
    self->bytes += artifact->size;
    return true;
}

static bool add_cell(void *arg, const struct demand_cell *cell)
{
    struct amount *self = arg;
    self->count++;
    self->bytes += (uint64_t)cell->people;
    return true;
}

static enum status add_letters(struct store *self, struct amount *held,
                               struct error_text *error)
{
    struct dead_letter page[STORE_LETTERS_PAGE];
    const struct settle_key *after = NULL;
    size_t count;
    for (;;) {
        enum status status = store_dead_letter_page(self, after, page, &count, error);
        if (status != STATUS_OK || count == 0)
            return status;
        for (size_t i = 0; i < count; i++)
            held->bytes += page[i].size;
        held->count += count;
        after = &page[count - 1].key;
    }
}

static enum status check_artifacts(struct store *self, const struct findings *findings,
                                   struct error_text *error)
{
    static const char *const names[ARTIFACT_KIND_COUNT] = {
        [ARTIFACT_MODEL] = "models",
        [ARTIFACT_PROGRAM] = "programs",
        [ARTIFACT_PLAN] = "plans",
    };
    enum status status = STATUS_OK;
    for (int kind = 0; status == STATUS_OK && kind < ARTIFACT_KIND_COUNT; kind++) {
        struct amount held = {0};
        status = store_artifacts(self, (enum artifact_kind)kind, NULL, add_artifact,
                                 &held, error);
        if (status == STATUS_OK)
            findings_add(findings, names[kind], false,
                         "%" PRIu64 " versions, %" PRIu64 " bytes", held.count,
                         held.bytes);
    }
    return status;
}

static enum status check_counts(struct store *self, const struct findings *findings,
                                struct error_text *error)
{
    struct amount cells = {0}, letters = {0};
    uint64_t settlements = 0;
    enum status status = check_artifacts(self, findings, error);
    if (status == STATUS_OK)
        status = store_settlement_count(self, &settlements, error);
    if (status == STATUS_OK)
        status = store_demand(self, 0, add_cell, &cells, error);
    if (status == STATUS_OK)
        status = add_letters(self, &letters, error);
    if (status != STATUS_OK)
        return status;
    findings_add(findings, "settlements", false,
                 "%" PRIu64 " that their clients may still ask for", settlements);
    findings_add(findings, "demand", false, "%" PRIu64 " cells, %" PRIu64 " scorings",
                 cells.count, cells.bytes);
    findings_add(findings, "dead letters", false, "%" PRIu64 ", %" PRIu64 " bytes",
                 letters.count, letters.bytes);
    return STATUS_OK;
}

enum status store_check(struct store *self,
                        void (*visit)(void *arg, const struct store_finding *finding),
                        void *arg, struct error_text *error)
{
    const struct findings findings = {visit, arg};
    enum status status = self->backend->check(self, &findings, error);
    return status == STATUS_OK ? check_counts(self, &findings, error) : status;
}

bool store_name_is_valid(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t size = strlen(name);
    return size >= 1 && size <= STORE_NAME_MAX && strchr(first, name[0]) != NULL &&
           strspn(name, rest) == size;
}

static enum status check_name(const char *what, const char *name,
                              struct error_text *error)
{
    if (store_name_is_valid(name))
        return STATUS_OK;
    return error_set(
        error, STATUS_INVALID,
        "the %s '%.80s' is not 1 to %d of a-z 0-9 . _ - beginning with a letter or "
        "digit",
        what, name, STORE_NAME_MAX);
}

enum status store_put(struct store *self, enum artifact_kind kind, const char *name,
                      const void *bytes, size_t size, struct digest *version,
                      struct error_text *error)
{
    enum status status = check_name("name", name, error);
    if (status != STATUS_OK)
        return status;
    if (size == 0 || size > STORE_ARTIFACT_MAX)
        return error_set(error, STATUS_INVALID,
                         "%s has %zu bytes; an artifact has 1 to %d", name, size,
                         STORE_ARTIFACT_MAX);
    *version = digest_sha256(bytes, size);
    return self->backend->put(self, kind, name, version, bytes, size, error);
}

enum status store_get(struct store *self, enum artifact_kind kind,
                      const struct digest *version, uint8_t **bytes, size_t *size,
                      struct error_text *error)
{
    char text[DIGEST_HEX_SIZE];
    *bytes = NULL;
    enum status status = self->backend->get(self, kind, version, bytes, size, error);
    if (status != STATUS_OK)
        return status;
    struct digest found = digest_sha256(*bytes, *size);
    if (memcmp(&found, version, sizeof found) == 0)
        return STATUS_OK;
    free(*bytes);
    *bytes = NULL;
    digest_format(version, text);
    return error_set(
        error, STATUS_CORRUPT,
        "the bytes stored as version %.12s do not have that digest: not used", text);
}

enum status store_artifacts(struct store *self, enum artifact_kind kind, const char *name,
                            bool (*visit)(void *arg, const struct artifact *artifact),
                            void *arg, struct error_text *error)
{
    return self->backend->artifacts(self, kind, name, visit, arg, error);
}

static enum status make_alias(enum artifact_kind kind, const char *name,
                              const char *alias, struct alias *out,
                              struct error_text *error)
{
    enum status status = check_name("name", name, error);
    if (status == STATUS_OK)
        status = check_name("alias", alias, error);
    if (status != STATUS_OK)
        return status;
    *out = (struct alias){.kind = kind};
    snprintf(out->name, sizeof out->name, "%s", name);
    snprintf(out->alias, sizeof out->alias, "%s", alias);
    return STATUS_OK;
}

enum status store_alias_move(struct store *self, enum artifact_kind kind,
                             const char *name, const char *alias,
                             const struct digest *version, struct error_text *error)
{
    struct alias to;
    enum status status = make_alias(kind, name, alias, &to, error);
    if (status != STATUS_OK)
        return status;
    to.version = *version;
    return self->backend->alias_move(self, &to, error);
}

enum status store_alias_rollback(struct store *self, enum artifact_kind kind,
                                 const char *name, const char *alias,
                                 struct digest *version, struct error_text *error)
{
    struct alias where;
    enum status status = make_alias(kind, name, alias, &where, error);
    if (status == STATUS_OK)
        status = self->backend->alias_rollback(self, &where, error);
    if (status == STATUS_OK)
        *version = where.version;
    return status;
}

enum status store_alias_get(struct store *self, enum artifact_kind kind, const char *name,
                            const char *alias, struct digest *version,
                            struct error_text *error)
{
    struct alias where;
    enum status status = make_alias(kind, name, alias, &where, error);
    if (status == STATUS_OK)
        status = self->backend->alias_get(self, &where, error);
    if (status == STATUS_OK)
        *version = where.version;
    return status;
}

enum status store_aliases(struct store *self,
                          bool (*visit)(void *arg, const struct alias *alias), void *arg,
                          struct error_text *error)
{
    return self->backend->aliases(self, visit, arg, error);
}

enum status store_generation(struct store *self, uint64_t *generation,
                             struct error_text *error)
{
    return self->backend->generation(self, generation, error);
}

static void await_hint(struct store *self, uint64_t left_ms)
{
    int timeout_ms = left_ms < WATCH_MS ? (int)left_ms : WATCH_MS;
    if (self->backend->await_hint != NULL)
        self->backend->await_hint(self, timeout_ms);
    else
        poll(NULL, 0, timeout_ms);
}

enum status store_watch(struct store *self, uint64_t known, uint32_t timeout_ms,
                        const _Atomic bool *stop, uint64_t *generation,
                        struct error_text *error)
{
    uint64_t end_ms = clock_monotonic_ms() + timeout_ms;
    for (;;) {
        enum status status = self->backend->generation(self, generation, error);
        uint64_t now_ms = clock_monotonic_ms();
        if (status != STATUS_OK || *generation != known || now_ms >= end_ms ||
            (stop != NULL && atomic_load(stop)))
            return status;
        await_hint(self, end_ms - now_ms);
    }
}

/* A caller's own bug, not somebody's bad input: what is settled was made by our worker.
 */
static void check_request(const struct settle_request *request)
{
    const struct settlement *settlement = &request->settlement;
    assert(request->acked_below <= request->sequence);
    assert(request->region[0] != '\0' && strlen(request->region) <= STORE_REGION_MAX);
    assert(settlement->outcome >= SETTLE_COUNTED && settlement->outcome <= SETTLE_DEAD);
    assert(settlement->target_count <= STORE_TARGETS_MAX);
    assert(request->demand_count == 0 || settlement->outcome == SETTLE_COUNTED);
    assert(request->dead_size == 0 || settlement->outcome == SETTLE_DEAD);
    for (size_t i = 0; i < request->demand_count; i++) {
        const struct demand_cell *cell = &request->demand[i];
        assert(cell->people >= 0 && cell->sum_p >= 0 && cell->sum_pq >= 0);
    }
}

enum status store_settle(struct store *self, const struct settle_request *requests,
                         size_t count, struct settle_result *results,
                         struct error_text *error)
{
    for (size_t i = 0; i < count; i++)
        check_request(&requests[i]);
    return count == 0 ? STATUS_OK
                      : self->backend->settle(self, requests, count, results, error);
}

enum status store_settlement_count(struct store *self, uint64_t *count,
                                   struct error_text *error)
{
    return self->backend->settlement_count(self, count, error);
}

enum status store_demand(struct store *self, int32_t period,
                         bool (*visit)(void *arg, const struct demand_cell *cell),
                         void *arg, struct error_text *error)
{
    return self->backend->demand(self, period, visit, arg, error);
}

enum status store_settled(struct store *self,
                          bool (*visit)(void *arg, const struct settled *settled),
                          void *arg, struct error_text *error)
{
    return self->backend->settled(self, visit, arg, error);
}

enum status store_alias_moves(struct store *self,
                              bool (*visit)(void *arg, const struct alias *move),
                              void *arg, struct error_text *error)
{
    return self->backend->alias_moves(self, visit, arg, error);
}
