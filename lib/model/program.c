/* SPDX-License-Identifier: Apache-2.0 */
/* program.c - the clinical configuration, between its bytes and a plain struct. */
#include "model/program.h"

#include "base/proto_parse.h"

#include "program.pb-c.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is allowed ---- */

static enum status check_tiers(const struct program_target *self,
                               struct error_text *error)
{
    if (self->tier_count == 0 || self->tier_count > PROGRAM_TIERS_MAX)
        return error_set(error, STATUS_INVALID, "%zu tiers, expected 1 to %d",
                         self->tier_count, PROGRAM_TIERS_MAX);
    for (size_t i = 0; i < self->tier_count; i++) {
        const struct program_tier *tier = &self->tiers[i];
        if (tier->name[0] == '\0')
            return error_set(error, STATUS_INVALID, "tier %zu has no name", i);
        if (i == 0 && tier->from != 0.0F)
            return error_set(error, STATUS_INVALID, "the first tier does not begin at 0");
        /* Written so that NaN fails. */
        if (i > 0 && !(tier->from > self->tiers[i - 1].from && tier->from <= 1.0F))
            return error_set(
                error, STATUS_INVALID,
                "tier %s begins at %g: it must be above the one before and at "
                "most 1",
                tier->name, (double)tier->from);
    }
    return STATUS_OK;
}

static enum status check_target(const struct program_target *self,
                                struct error_text *error)
{
    if (self->name[0] == '\0')
        return error_set(error, STATUS_INVALID, "it has no name");
    if (self->alias[0] == '\0')
        return error_set(error, STATUS_INVALID, "it has no alias");
    return check_tiers(self, error);
}

static enum status check_program(const struct program *self, struct error_text *error)
{
    if (self->target_count == 0 || self->target_count > PROGRAM_TARGETS_MAX)
        return error_set(error, STATUS_INVALID, "%zu targets, expected 1 to %d",
                         self->target_count, PROGRAM_TARGETS_MAX);
    for (size_t i = 0; i < self->target_count; i++) {
        const struct program_target *target = &self->targets[i];
        enum status status = check_target(target, error);
        if (status != STATUS_OK)
            return error_prefix(error, status, "target %zu (%s)", i, target->name);
        if (program_find(self, target->name) != target)
            return error_set(error, STATUS_INVALID, "target %s is there twice",
                             target->name);
    }
    return STATUS_OK;
}

/* ---- from bytes ---- */

static bool copy_text(char *to, size_t to_size, const char *from)
{
    size_t size = strlen(from) + 1;
    if (size > to_size)
        return false;
    memcpy(to, from, size);
    return true;
}

static enum status copy_target(const Chw__Target *from, struct program_target *to,
                               struct error_text *error)
{
    if (!copy_text(to->name, sizeof to->name, from->name) ||
        !copy_text(to->alias, sizeof to->alias, from->alias))
        return error_set(error, STATUS_INVALID, "a name or alias is longer than %d bytes",
                         PROGRAM_NAME_MAX);
    if (from->n_tiers > PROGRAM_TIERS_MAX)
        return error_set(error, STATUS_INVALID, "%zu tiers, expected 1 to %d",
                         from->n_tiers, PROGRAM_TIERS_MAX);
    to->tier_count = from->n_tiers;
    for (size_t i = 0; i < from->n_tiers; i++) {
        struct program_tier *tier = &to->tiers[i];
        tier->from = from->tiers[i]->from;
        if (!copy_text(tier->name, sizeof tier->name, from->tiers[i]->name))
            return error_set(error, STATUS_INVALID,
                             "the name of tier %zu is longer than %d bytes", i,
                             PROGRAM_TIER_NAME_MAX);
    }
    return STATUS_OK;
}

static enum status copy_program(const Chw__Program *from, struct program *to,
                                struct error_text *error)
{
    if (from->format != PROGRAM_FORMAT)
        return error_set(error, STATUS_INVALID, "program format %u, expected %d",
                         from->format, PROGRAM_FORMAT);
    if (from->n_targets > PROGRAM_TARGETS_MAX)
        return error_set(error, STATUS_INVALID, "%zu targets, expected 1 to %d",
                         from->n_targets, PROGRAM_TARGETS_MAX);
    to->target_count = from->n_targets;
    for (size_t i = 0; i < from->n_targets; i++) {
        enum status status = copy_target(from->targets[i], &to->targets[i], error);
        if (status != STATUS_OK)
            return error_prefix(error, status, "target %zu", i);
    }
    return STATUS_OK;
}

enum status program_load(const uint8_t *bytes, size_t size, struct program *out,
                         struct error_text *error)
{
    *out = (struct program){0};
    Chw__Program *message =
        (Chw__Program *)proto_parse(&chw__program__descriptor, bytes, size);
    if (message == NULL)
        return error_set(error, STATUS_MALFORMED, "the %zu bytes are not a program",
                         size);
    enum status status = copy_program(message, out, error);
    proto_free((ProtobufCMessage *)message);
    if (status == STATUS_OK)
        status = check_program(out, error);
    out->version = digest_sha256(bytes, size);
    return status;
}

/* ---- to bytes ---- */

/* A target as a message that points into it and into `self`. */
struct target_message {
    Chw__Target target;
    Chw__Tier tiers[PROGRAM_TIERS_MAX];
    Chw__Tier *tier_list[PROGRAM_TIERS_MAX];
};

static Chw__Target *write_target(struct target_message *self, struct program_target *from)
{
    chw__target__init(&self->target);
    self->target.name = from->name;
    self->target.alias = from->alias;
    self->target.n_tiers = from->tier_count;
    self->target.tiers = self->tier_list;
    for (size_t i = 0; i < from->tier_count; i++) {
        chw__tier__init(&self->tiers[i]);
        self->tiers[i].name = from->tiers[i].name;
        self->tiers[i].from = from->tiers[i].from;
        self->tier_list[i] = &self->tiers[i];
    }
    return &self->target;
}

enum status program_save(const struct program *self, uint8_t **bytes, size_t *size)
{
    *bytes = NULL;
    *size = 0;
    enum status status = check_program(self, NULL);
    if (status != STATUS_OK)
        return status;
    struct program draft = *self; /* protobuf-c's messages want writable text */
    struct target_message messages[PROGRAM_TARGETS_MAX];
    Chw__Target *targets[PROGRAM_TARGETS_MAX];
    for (size_t i = 0; i < draft.target_count; i++)
        targets[i] = write_target(&messages[i], &draft.targets[i]);
    Chw__Program program;
    chw__program__init(&program);
    program.format = PROGRAM_FORMAT;
    program.n_targets = draft.target_count;
    program.targets = targets;
    *size = chw__program__get_packed_size(&program);
    *bytes = malloc(*size);
    if (*bytes == NULL)
        return STATUS_NOMEM;
    chw__program__pack(&program, *bytes);
    return STATUS_OK;
}

/* ---- use ---- */

void program_target_init(struct program_target *self, const char *name, const char *alias)
{
    *self = (struct program_target){
        .tiers = {{"low", 0.0F}, {"moderate", 0.05F}, {"high", 0.20F}},
        .tier_count = 3,
    };
    /* What does not fit stays empty, and program_save() refuses it. */
    (void)copy_text(self->name, sizeof self->name, name);
    (void)copy_text(self->alias, sizeof self->alias, alias);
}

const struct program_target *program_find(const struct program *self, const char *name)
{
    for (size_t i = 0; i < self->target_count; i++)
        if (strcmp(self->targets[i].name, name) == 0)
            return &self->targets[i];
    return NULL;
}

/* How many tiers begin at or below each, but the first: without a branch. */
void program_tiers(const struct program_target *self, const float *probabilities,
                   uint32_t count, uint8_t *tiers)
{
    memset(tiers, 0, count);
    for (size_t tier = 1; tier < self->tier_count; tier++) {
        float from = self->tiers[tier].from;
        for (uint32_t i = 0; i < count; i++)
            tiers[i] = (uint8_t)(tiers[i] + (from <= probabilities[i]));
    }
}
