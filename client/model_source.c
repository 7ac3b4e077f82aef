/* SPDX-License-Identifier: Apache-2.0 */
/* model_source.c - from a person's word to one version. */
#include "client/model_source.h"

#include <stdlib.h>
#include <string.h>

struct gathering {
    struct artifact *items;
    size_t count, room;
    bool failed;
};

static bool gather(void *arg, const struct artifact *artifact)
{
    struct gathering *self = arg;
    if (self->count == self->room) {
        size_t room = self->room * 2 + 16;
        struct artifact *items = realloc(self->items, room * sizeof *items);
        self->failed = items == NULL;
        if (self->failed)
            return false;
        self->items = items;
        self->room = room;
    }
    self->items[self->count++] = *artifact;
    return true;
}

enum status model_source_list(struct store *store, const char *name,
                              struct artifact **artifacts, size_t *count,
                              struct error_text *error)
{
    struct gathering all = {0};
    enum status status =
        store_artifacts(store, ARTIFACT_MODEL, name, gather, &all, error);
    if (status == STATUS_OK && all.failed)
        status = error_set(error, STATUS_NOMEM, "out of memory");
    if (status != STATUS_OK) {
        free(all.items);
        return status;
    }
    *artifacts = all.items;
    *count = all.count;
    return STATUS_OK;
}

static bool is_prefix(const char *text)
{
    size_t size = strlen(text);
    return size >= VERSION_PREFIX_MIN && size < DIGEST_HEX_SIZE &&
           strspn(text, "0123456789abcdef") == size;
}

static bool begins(const struct digest *version, const char *prefix)
{
    char text[DIGEST_HEX_SIZE];
    digest_format(version, text);
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static enum status find_prefix(const struct artifact *all, size_t count,
                               const char *prefix, struct artifact *out,
                               struct error_text *error)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (begins(&all[i].version, prefix)) {
            *out = all[i];
            found++;
        }
    if (found == 0)
        return error_set(error, STATUS_NOT_FOUND,
                         "no version begins with %s; `chw model list` shows them",
                         prefix);
    if (found > 1)
        return error_set(error, STATUS_INVALID,
                         "%zu versions begin with %s; give more of it", found, prefix);
    return STATUS_OK;
}

static enum status find_alias(struct store *store, const char *source, const char *at,
                              struct artifact *out, struct error_text *error)
{
    char name[STORE_NAME_MAX + 1];
    size_t size = (size_t)(at - source);
    if (size > STORE_NAME_MAX || !store_name_is_valid(at + 1))
        return error_set(error, STATUS_INVALID, "'%s' is not NAME@ALIAS", source);
    memcpy(name, source, size);
    name[size] = '\0';
    if (!store_name_is_valid(name))
        return error_set(error, STATUS_INVALID, "'%s' is not NAME@ALIAS", source);
    *out = (struct artifact){.kind = ARTIFACT_MODEL};
    memcpy(out->name, name, size + 1);
    return store_alias_get(store, ARTIFACT_MODEL, name, at + 1, &out->version, error);
}

static const struct artifact *find_version(const struct artifact *all, size_t count,
                                           const struct artifact *wanted)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].name, wanted->name) == 0 &&
            memcmp(&all[i].version, &wanted->version, sizeof wanted->version) == 0)
            return &all[i];
    return NULL;
}

/* Among `all`, which are those of one name where one was given. */
static enum status find_among(const struct artifact *all, size_t count,
                              const char *source, struct artifact *out,
                              struct error_text *error)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].name, source) == 0) {
            *out = all[i]; /* newest first */
            return STATUS_OK;
        }
    if (is_prefix(source))
        return find_prefix(all, count, source, out, error);
    return error_set(error,
                     store_name_is_valid(source) ? STATUS_NOT_FOUND : STATUS_INVALID,
                     "there is no model '%s' (and a version is given by its first %d "
                     "or more letters of 0-9a-f); `chw model list` shows what there is",
                     source, VERSION_PREFIX_MIN);
}

enum status model_source_find(struct store *store, const char *name, const char *source,
                              struct artifact *out, struct error_text *error)
{
    const char *at = strchr(source, '@');
    struct artifact *all = NULL;
    size_t count = 0;
    enum status status = STATUS_OK;
    if (at != NULL)
        status = find_alias(store, source, at, out, error);
    if (status == STATUS_OK)
        status = model_source_list(store, name, &all, &count, error);
    if (status != STATUS_OK)
        return status;

    if (at == NULL) {
        status = find_among(all, count, source, out, error);
    } else {
        const struct artifact *found = find_version(all, count, out);
        if (found != NULL)
            *out = *found;
        else
            status = error_set(error, STATUS_NOT_FOUND, "%s is not a version of %s",
                               source, name == NULL ? "any model" : name);
    }
    free(all);
    return status;
}
