/* SPDX-License-Identifier: Apache-2.0 */
/* dictionary.c - reads the data dictionary from a YAML tree by a table of keys and words.
 */
#include "trainer/dictionary.h"

#include "base/yaml.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 4 };

enum key { KEY_TYPE, KEY_MISSING, KEY_UNKNOWN, KEY_REQUIRED, KEY_COUNT };

/* A word's place in its list, from 1, is its enum value: 0 means that nothing was said.
 */
static const struct {
    const char *name;
    const char *words[WORDS_MAX];
} keys[KEY_COUNT] = {
    [KEY_TYPE] = {"type", {"numeric", "category", "id", "drop"}},
    [KEY_MISSING] = {"missing", {"invalid", "impute", "keep", "indicator"}},
    [KEY_UNKNOWN] = {"unknown", {"invalid", "missing"}},
    [KEY_REQUIRED] = {"required", {"false", "true"}},
};

static enum status read_word(const char *path, enum key key, const struct yaml_node *node,
                             int *value, struct error_text *error)
{
    const char *const *words = keys[key].words;
    for (int i = 0; i < WORDS_MAX && words[i] != NULL; i++) {
        if (node->kind == YAML_SCALAR && strcmp(node->text, words[i]) == 0) {
            *value = i + 1;
            return STATUS_OK;
        }
    }
    return error_set(error, STATUS_MALFORMED, "%s:%zu: %s is one of %s, %s%s%s%s%s", path,
                     node->line, keys[key].name, words[0], words[1],
                     words[2] == NULL ? "" : ", ", words[2] == NULL ? "" : words[2],
                     words[3] == NULL ? "" : ", ", words[3] == NULL ? "" : words[3]);
}

static enum status find_key(const char *path, const struct yaml_node *node, enum key *key,
                            struct error_text *error)
{
    for (int i = 0; i < KEY_COUNT; i++) {
        if (strcmp(node->text, keys[i].name) == 0) {
            *key = (enum key)i;
            return STATUS_OK;
        }
    }
    return error_set(
        error, STATUS_MALFORMED,
        "%s:%zu: unknown key %s: a column has type, missing, unknown and required", path,
        node->line, node->text);
}

static enum status read_column(const char *path, const struct yaml_node *name,
                               const struct yaml_node *node,
                               struct dictionary_column *column, struct error_text *error)
{
    if (node->kind != YAML_MAP)
        return error_set(error, STATUS_MALFORMED,
                         "%s:%zu: column %s needs a map such as {type: numeric}", path,
                         node->line, name->text);
    int values[KEY_COUNT] = {0};
    for (size_t i = 0; i < node->count; i++) {
        enum key key = KEY_TYPE;
        enum status status = find_key(path, &node->keys[i], &key, error);
        if (status == STATUS_OK)
            status = read_word(path, key, &node->items[i], &values[key], error);
        if (status != STATUS_OK)
            return status;
    }
    column->line = name->line;
    column->type = (enum dictionary_type)values[KEY_TYPE];
    column->missing = (enum dictionary_missing)values[KEY_MISSING];
    column->unknown = (enum dictionary_unknown)values[KEY_UNKNOWN];
    column->required = values[KEY_REQUIRED] == 2;
    column->name = strdup(name->text);
    return column->name == NULL ? STATUS_NOMEM : STATUS_OK;
}

static enum status read_columns(struct dictionary *self, const struct yaml_node *map,
                                struct error_text *error)
{
    self->columns = calloc(map->count + 1, sizeof *self->columns);
    if (self->columns == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; i < map->count; i++) {
        const struct yaml_node *name = &map->keys[i];
        struct dictionary_column *column = &self->columns[self->count++];
        enum status status = read_column(self->path, name, &map->items[i], column, error);
        if (status != STATUS_OK)
            return status;
        if (column->type == DICTIONARY_NUMERIC || column->type == DICTIONARY_CATEGORY)
            status =
                dictionary_check(self, column, column->type == DICTIONARY_NUMERIC, error);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status read_root(struct dictionary *self, const struct yaml_node *root,
                             struct error_text *error)
{
    if (root->kind != YAML_MAP)
        return error_set(error, STATUS_MALFORMED,
                         "%s:%zu: a dictionary is a map with the key columns", self->path,
                         root->line);
    for (size_t i = 0; i < root->count; i++) {
        if (strcmp(root->keys[i].text, "columns") != 0)
            return error_set(error, STATUS_MALFORMED,
                             "%s:%zu: unknown key %s: expected columns", self->path,
                             root->keys[i].line, root->keys[i].text);
    }
    const struct yaml_node *columns = yaml_find(root, "columns");
    if (columns == NULL || columns->kind != YAML_MAP)
        return error_set(error, STATUS_MALFORMED,
                         "%s:%zu: columns is a map from names to what is said about them",
                         self->path, columns == NULL ? root->line : columns->line);
    return read_columns(self, columns, error);
}

enum status dictionary_read(const char *path, struct dictionary **out,
                            struct error_text *error)
{
    struct yaml *yaml = NULL;
    enum status status = yaml_read(path, &yaml, error);
    if (status != STATUS_OK)
        return status;
    struct dictionary *self = calloc(1, sizeof *self);
    status = STATUS_NOMEM;
    if (self == NULL)
        goto fail;
    self->path = strdup(path);
    if (self->path == NULL)
        goto fail;
    status = read_root(self, yaml_root(yaml), error);
    if (status != STATUS_OK)
        goto fail;
    yaml_free(yaml);
    *out = self;
    return STATUS_OK;
fail:
    yaml_free(yaml);
    dictionary_free(self);
    return status;
}

void dictionary_free(struct dictionary *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->count; i++)
        free(self->columns[i].name);
    free(self->columns);
    free(self->path);
    free(self);
}

const struct dictionary_column *dictionary_find(const struct dictionary *self,
                                                const char *name)
{
    for (size_t i = 0; self != NULL && i < self->count; i++) {
        if (self->columns[i].name != NULL && strcmp(self->columns[i].name, name) == 0)
            return &self->columns[i];
    }
    return NULL;
}

enum status dictionary_check(const struct dictionary *self,
                             const struct dictionary_column *column, bool numeric,
                             struct error_text *error)
{
    if (numeric && column->missing == DICTIONARY_MISSING_INDICATOR)
        return error_set(error, STATUS_MALFORMED,
                         "%s:%zu: column %s is numeric: missing is invalid, impute or "
                         "keep",
                         self->path, column->line, column->name);
    if (numeric && column->unknown != DICTIONARY_UNKNOWN_INFER)
        return error_set(error, STATUS_MALFORMED,
                         "%s:%zu: column %s is numeric: unknown is for categories",
                         self->path, column->line, column->name);
    return STATUS_OK;
}

enum status dictionary_check_linear(const struct dictionary *self,
                                    struct error_text *error)
{
    for (size_t i = 0; self != NULL && i < self->count; i++) {
        if (self->columns[i].missing == DICTIONARY_MISSING_KEEP)
            return error_set(
                error, STATUS_MALFORMED,
                "%s:%zu: column %s: missing: keep needs a tree model, and this is a "
                "logistic regression; use invalid or impute",
                self->path, self->columns[i].line, self->columns[i].name);
    }
    return STATUS_OK;
}
