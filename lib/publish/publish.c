/* SPDX-License-Identifier: Apache-2.0 */
/* publish.c - the order of writes: the model, its alias, then the program that names it.
 */
#include "publish/publish.h"

#include "model/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The current program, or an empty one where there is none. */
static enum status load_program(struct store *store, struct program *out, bool *exists,
                                struct error_text *error)
{
    *out = (struct program){.target_count = 0};
    struct digest version;
    enum status status = store_alias_get(store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME,
                                         STORE_PROGRAM_ALIAS, &version, error);
    *exists = status == STATUS_OK;
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    uint8_t *bytes = NULL;
    size_t size;
    status = store_get(store, ARTIFACT_PROGRAM, &version, &bytes, &size, error);
    if (status == STATUS_OK)
        status = program_load(bytes, size, out, error);
    free(bytes);
    return status;
}

static enum status save_program(struct store *store, const struct program *program,
                                struct error_text *error)
{
    uint8_t *bytes = NULL;
    size_t size;
    struct digest version;
    enum status status = program_save(program, &bytes, &size);
    if (status == STATUS_OK)
        status = store_put(store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME, bytes, size,
                           &version, error);
    if (status == STATUS_OK)
        status = store_alias_move(store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME,
                                  STORE_PROGRAM_ALIAS, &version, error);
    free(bytes);
    return status;
}

static enum status promote(struct store *store, const char *name, const char *alias,
                           struct publish_result *out, struct error_text *error)
{
    struct program program;
    bool exists;
    enum status status = load_program(store, &program, &exists, error);
    if (status != STATUS_OK)
        return status;
    const struct program_target *served = program_find(&program, name);
    if (served == NULL && program.target_count == PROGRAM_TARGETS_MAX)
        return error_set(
            error, STATUS_FULL,
            "the program has %d targets already, and %s is none of them: the model "
            "is published and not promoted",
            PROGRAM_TARGETS_MAX, name);
    status = store_alias_move(store, ARTIFACT_MODEL, name, alias, &out->version, error);
    if (status != STATUS_OK)
        return status;
    snprintf(out->served_by, sizeof out->served_by, "%s",
             served == NULL ? alias : served->alias);
    out->program = PUBLISH_PROGRAM_UNCHANGED;
    if (served != NULL)
        return STATUS_OK;
    out->program = exists ? PUBLISH_PROGRAM_EXTENDED : PUBLISH_PROGRAM_WRITTEN;
    program_target_init(&program.targets[program.target_count++], name, alias);
    return save_program(store, &program, error);
}

enum status publish_model(struct store *store, const char *name, const uint8_t *bytes,
                          size_t size, const char *alias, struct publish_result *out,
                          struct error_text *error)
{
    *out = (struct publish_result){.program = PUBLISH_NOT_PROMOTED};
    enum status status =
        store_put(store, ARTIFACT_MODEL, name, bytes, size, &out->version, error);
    if (status == STATUS_OK && alias != NULL)
        status = promote(store, name, alias, out, error);
    return status;
}

void publish_write(const struct publish_result *self, const char *name, const char *alias,
                   FILE *file)
{
    static const char *const sentences[] = {
        [PUBLISH_NOT_PROMOTED] = "",
        [PUBLISH_PROGRAM_WRITTEN] =
            "written: there was none. Its tiers (low from 0, moderate "
            "from .05, high from .20)\n            are for demonstration: "
            "a clinician sets them before use",
        [PUBLISH_PROGRAM_EXTENDED] =
            "new version with this target added. Its tiers (low from 0, "
            "moderate from .05,\n            high from .20) are for "
            "demonstration: a clinician sets them before use",
        [PUBLISH_PROGRAM_UNCHANGED] = "unchanged: it has this target already",
    };
    fprintf(file, "promoted    %s@%s is this version\n", name, alias);
    fprintf(file, "program     %s\n", sentences[self->program]);
    if (strcmp(alias, self->served_by) != 0)
        fprintf(file, "            it serves %s@%s, not %s@%s\n", name, self->served_by,
                name, alias);
}
