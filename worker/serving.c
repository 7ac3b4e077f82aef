/* SPDX-License-Identifier: Apache-2.0 */
/* serving.c - versions for one batch. */
#include "worker/serving.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_target(struct serving *self, struct loaded *loaded,
                       const struct program_target *rules)
{
    self->targets[self->count++] = (struct serving_target){loaded_hold(loaded), *rules};
}

/* The program's tiers for this model, else the default ones. */
static struct program_target rules_for(const struct program *program, const char *name)
{
    const struct program_target *found =
        program == NULL ? NULL : program_find(program, name);
    struct program_target rules;
    if (found != NULL)
        return *found;
    program_target_init(&rules, name, "");
    return rules;
}

static enum status choose_program(struct serving *self, const struct snapshot *snapshot,
                                  struct error_text *error)
{
    const struct program *program = snapshot_program(snapshot);
    if (program == NULL)
        return error_set(
            error, STATUS_NOT_FOUND,
            "no program is published: train with --promote, or name a model");
    for (size_t i = 0; i < program->target_count; i++) {
        const struct program_target *target = &program->targets[i];
        struct loaded *loaded = snapshot_alias(snapshot, target->name, target->alias);
        if (loaded == NULL)
            return error_set(error, STATUS_NOT_FOUND,
                             "the program needs %s@%s, and there is no such model",
                             target->name, target->alias);
        add_target(self, loaded, target);
    }
    return STATUS_OK;
}

static bool has_target(const struct serving *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(model_name(loaded_model(self->targets[i].loaded)), name) == 0)
            return true;
    return false;
}

static enum status choose_models(struct serving *self, const struct snapshot *snapshot,
                                 Chw__ModelChoice *const *choices, size_t count,
                                 struct error_text *error)
{
    if (count > STORE_TARGETS_MAX)
        return error_set(error, STATUS_INVALID, "%zu models are asked for; at most %d",
                         count, STORE_TARGETS_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *name = choices[i]->name, *alias = choices[i]->alias;
        if (!store_name_is_valid(name) || !store_name_is_valid(alias))
            return error_set(error, STATUS_INVALID,
                             "model %zu of the request is no NAME@ALIAS", i + 1);
        struct loaded *loaded = snapshot_alias(snapshot, name, alias);
        if (loaded == NULL)
            return error_set(error, STATUS_NOT_FOUND, "there is no model %s@%s", name,
                             alias);
        if (has_target(self, name))
            return error_set(error, STATUS_INVALID, "the model %s is asked for twice",
                             name);
        struct program_target rules = rules_for(snapshot_program(snapshot), name);
        add_target(self, loaded, &rules);
    }
    return STATUS_OK;
}

static void set_program(struct serving *self, const struct program *program)
{
    self->has_program = program != NULL;
    if (program != NULL)
        self->program = program->version;
}

enum status serving_choose(const struct snapshot *snapshot,
                           Chw__ModelChoice *const *choices, size_t choice_count,
                           struct serving **out, struct error_text *error)
{
    *out = NULL;
    struct serving *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    set_program(self, snapshot_program(snapshot));
    enum status status =
        choice_count == 0 ? choose_program(self, snapshot, error)
                          : choose_models(self, snapshot, choices, choice_count, error);
    if (status != STATUS_OK) {
        serving_free(self);
        return status;
    }
    *out = self;
    return STATUS_OK;
}

static enum status recall_program(struct store *store,
                                  const struct settlement *settlement,
                                  struct program *program, struct error_text *error)
{
    uint8_t *bytes;
    size_t size;
    enum status status =
        store_get(store, ARTIFACT_PROGRAM, &settlement->program, &bytes, &size, error);
    if (status != STATUS_OK)
        return status;
    status = program_load(bytes, size, program, error);
    free(bytes);
    return status;
}

static enum status recall_target(struct serving *self, struct store *store,
                                 const struct snapshot *snapshot,
                                 const struct program *program,
                                 const struct settle_target *target,
                                 struct error_text *error)
{
    struct program_target rules = rules_for(program, target->name);
    struct loaded *loaded =
        snapshot == NULL ? NULL : snapshot_version(snapshot, &target->version);
    if (loaded != NULL) {
        add_target(self, loaded, &rules);
        return STATUS_OK;
    }
    enum status status = loaded_fetch(store, &target->version, &loaded, error);
    if (status != STATUS_OK)
        return status;
    add_target(self, loaded, &rules);
    loaded_drop(loaded);
    return STATUS_OK;
}

enum status serving_recall(struct store *store, const struct snapshot *snapshot,
                           const struct settlement *settlement, struct serving **out,
                           struct error_text *error)
{
    struct program program;
    enum status status = STATUS_OK;
    *out = NULL;
    struct serving *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    if (settlement->has_program) {
        status = recall_program(store, settlement, &program, error);
        self->has_program = true;
        self->program = settlement->program;
    }
    for (size_t i = 0; status == STATUS_OK && i < settlement->target_count; i++)
        status = recall_target(self, store, snapshot,
                               settlement->has_program ? &program : NULL,
                               &settlement->targets[i], error);
    if (status != STATUS_OK) {
        serving_free(self);
        return status;
    }
    *out = self;
    return STATUS_OK;
}

void serving_free(struct serving *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->count; i++)
        loaded_drop(self->targets[i].loaded);
    free(self);
}

void serving_record(const struct serving *self, struct settlement *settlement)
{
    settlement->has_program = self->has_program;
    settlement->program = self->program;
    settlement->target_count = self->count;
    for (size_t i = 0; i < self->count; i++) {
        const struct model *model = loaded_model(self->targets[i].loaded);
        struct settle_target *target = &settlement->targets[i];
        snprintf(target->name, sizeof target->name, "%s", model_name(model));
        target->version = *model_version(model);
    }
}

bool serving_matches(const struct serving *self, const struct settlement *settlement)
{
    if (self->count != settlement->target_count ||
        self->has_program != settlement->has_program)
        return false;
    if (self->has_program &&
        memcmp(&self->program, &settlement->program, sizeof self->program) != 0)
        return false;
    for (size_t i = 0; i < self->count; i++) {
        const struct digest *version =
            model_version(loaded_model(self->targets[i].loaded));
        if (memcmp(version, &settlement->targets[i].version, sizeof *version) != 0)
            return false;
    }
    return true;
}

void serving_describe(const struct snapshot *snapshot, char *text, size_t size)
{
    const struct program *program = snapshot == NULL ? NULL : snapshot_program(snapshot);
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; program != NULL && i < program->target_count; i++) {
        const struct program_target *target = &program->targets[i];
        const struct loaded *loaded =
            snapshot_alias(snapshot, target->name, target->alias);
        char hex[DIGEST_HEX_SIZE] = "none";
        if (loaded != NULL)
            digest_format(model_version(loaded_model(loaded)), hex);
        int written = snprintf(text + used, size - used, "%s%s=%.12s",
                               used == 0 ? "" : " ", target->name, hex);
        if ((size_t)written >= size - used) {
            text[used] = '\0';
            return;
        }
        used += (size_t)written;
    }
}
