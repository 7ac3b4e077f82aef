/* SPDX-License-Identifier: Apache-2.0 */
/* publish.c - plans and the program, in and out of the store. */
#include "optimizer/publish.h"

#include "model/program.h"
#include "optimizer/list.h"

#include <stdlib.h>
#include <string.h>

enum status publish_plan(struct store *store, const uint8_t *bytes, size_t size,
                         struct digest *version, bool *news, struct error_text *error)
{
    struct digest current;
    enum status status = store_alias_get(store, ARTIFACT_PLAN, STORE_PLAN_NAME,
                                         STORE_PLAN_ALIAS, &current, error);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    bool any = status == STATUS_OK;
    status =
        store_put(store, ARTIFACT_PLAN, STORE_PLAN_NAME, bytes, size, version, error);
    if (status == STATUS_OK)
        status = store_alias_move(store, ARTIFACT_PLAN, STORE_PLAN_NAME, STORE_PLAN_ALIAS,
                                  version, error);
    *news = !any || memcmp(&current, version, sizeof current) != 0;
    return status;
}

struct search {
    const char *prefix;
    size_t found;
    struct digest version;
};

static bool match(void *arg, const struct artifact *artifact)
{
    struct search *self = arg;
    char hex[DIGEST_HEX_SIZE];
    digest_format(&artifact->version, hex);
    if (strncmp(hex, self->prefix, strlen(self->prefix)) == 0) {
        self->version = artifact->version;
        self->found++;
    }
    return self->found < 2;
}

static enum status find_version(struct store *store, const char *prefix,
                                struct digest *version, struct error_text *error)
{
    struct search search = {.prefix = prefix};
    enum status status =
        store_artifacts(store, ARTIFACT_PLAN, STORE_PLAN_NAME, match, &search, error);
    if (status != STATUS_OK)
        return status;
    *version = search.version;
    if (search.found == 1)
        return STATUS_OK;
    return search.found == 0
               ? error_set(error, STATUS_NOT_FOUND, "no plan's version begins with %.64s",
                           prefix)
               : error_set(error, STATUS_INVALID,
                           "several plans' versions begin with %.64s", prefix);
}

enum status publish_find(struct store *store, const char *prefix, struct digest *version,
                         uint8_t **bytes, size_t *size, struct error_text *error)
{
    enum status status = prefix != NULL
                             ? find_version(store, prefix, version, error)
                             : store_alias_get(store, ARTIFACT_PLAN, STORE_PLAN_NAME,
                                               STORE_PLAN_ALIAS, version, error);
    if (status == STATUS_NOT_FOUND && prefix == NULL)
        return error_set(error, status,
                         "the store has no plan yet: `chw plan solve` makes one");
    return status == STATUS_OK
               ? store_get(store, ARTIFACT_PLAN, version, bytes, size, error)
               : status;
}

/* ---- the program ---- */

static enum status check_service(const struct program *program,
                                 const struct allocation_service *service,
                                 struct error_text *error)
{
    char list[200] = "";
    const struct program_target *target = program_find(program, service->target);
    if (target == NULL) {
        for (size_t i = 0; i < program->target_count; i++)
            list_add(list, sizeof list, program->targets[i].name);
        return error_set(error, STATUS_MALFORMED,
                         "service %s is for %s, which is no target of the program: %s",
                         service->name, service->target, list);
    }
    for (size_t i = 0; i < target->tier_count; i++)
        list_add(list, sizeof list, target->tiers[i].name);
    for (size_t i = 0; i < service->tier_count; i++) {
        size_t k = 0;
        while (k < target->tier_count &&
               strcmp(target->tiers[k].name, service->tiers[i]) != 0)
            k++;
        if (k == target->tier_count)
            return error_set(error, STATUS_MALFORMED,
                             "service %s is for tier %s, which %s does not have: %s",
                             service->name, service->tiers[i], service->target, list);
    }
    return STATUS_OK;
}

enum status publish_check_program(struct store *store,
                                  const struct allocation *allocation,
                                  struct error_text *error)
{
    struct digest version;
    struct program program;
    uint8_t *bytes = NULL;
    size_t size = 0;
    enum status status = store_alias_get(store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME,
                                         STORE_PROGRAM_ALIAS, &version, error);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status == STATUS_OK)
        status = store_get(store, ARTIFACT_PROGRAM, &version, &bytes, &size, error);
    if (status == STATUS_OK)
        status = program_load(bytes, size, &program, error);
    for (size_t i = 0; status == STATUS_OK && i < allocation->service_count; i++)
        status = check_service(&program, &allocation->services[i], error);
    free(bytes);
    return status;
}
