/* SPDX-License-Identifier: Apache-2.0 */
/* yaml.c - libyaml's events become one tree, built bottom-up on a stack of open nodes. */
#include "base/yaml.h"

#include "base/file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { TEXT_SIZE_MAX = 1 << 20, DEPTH_MAX = 64, PAIRS_MAX = 10000 };

struct yaml {
    struct yaml_node root;
};

/* A list or map that is not closed yet: its items so far, keys and values in turn. */
struct open_node {
    enum yaml_kind kind;
    size_t line;
    struct yaml_node *items;
    size_t count, room;
};

struct builder {
    struct open_node stack[DEPTH_MAX];
    size_t depth;
    struct yaml_node root;
    bool has_root;
    struct error_text *error;
};

static void node_release(struct yaml_node *node)
{
    /* The tree is ours until yaml_parse returns it: the contract's const ends here. */
    struct yaml_node *keys = (struct yaml_node *)(uintptr_t)node->keys;
    struct yaml_node *items = (struct yaml_node *)(uintptr_t)node->items;
    for (size_t i = 0; i < node->count; i++) {
        if (keys != NULL)
            node_release(&keys[i]);
        node_release(&items[i]);
    }
    free(keys);
    free(items);
    free((void *)(uintptr_t)node->text);
}

static enum status complain(const struct builder *self, size_t line, const char *what)
{
    return error_set(self->error, STATUS_MALFORMED, "line %zu: %s", line, what);
}

static enum status check_key(const struct builder *self, const struct open_node *map,
                             const struct yaml_node *key)
{
    if (key->kind != YAML_SCALAR)
        return complain(self, key->line, "a key must be one word or text");
    if (map->count / 2 == PAIRS_MAX)
        return complain(self, key->line, "more than 10,000 keys");
    for (size_t i = 0; i + 1 < map->count; i += 2)
        if (strcmp(map->items[i].text, key->text) == 0)
            return error_set(self->error, STATUS_MALFORMED,
                             "line %zu: the key '%s' was given before, on line %zu",
                             key->line, key->text, map->items[i].line);
    return STATUS_OK;
}

/* Takes the node over on STATUS_OK. */
static enum status add_node(struct builder *self, struct yaml_node node)
{
    if (self->depth == 0) {
        self->root = node;
        self->has_root = true;
        return STATUS_OK;
    }
    struct open_node *open = &self->stack[self->depth - 1];
    if (open->kind == YAML_MAP && open->count % 2 == 0) {
        enum status status = check_key(self, open, &node);
        if (status != STATUS_OK)
            return status;
    }
    if (open->count == open->room) {
        size_t room = open->room == 0 ? 8 : 2 * open->room;
        struct yaml_node *items = realloc(open->items, room * sizeof *items);
        if (items == NULL)
            return STATUS_NOMEM;
        open->items = items;
        open->room = room;
    }
    open->items[open->count++] = node;
    return STATUS_OK;
}

static enum status open_node(struct builder *self, enum yaml_kind kind, size_t line)
{
    if (self->depth == DEPTH_MAX)
        return complain(self, line, "more than 64 levels");
    self->stack[self->depth++] = (struct open_node){.kind = kind, .line = line};
    return STATUS_OK;
}

/* Part the keys of a map from its values. */
static enum status split_map(struct open_node *open, struct yaml_node *node)
{
    size_t count = open->count / 2;
    struct yaml_node *keys = calloc(count + 1, sizeof *keys);
    struct yaml_node *values = calloc(count + 1, sizeof *values);
    if (keys == NULL || values == NULL) {
        free(keys);
        free(values);
        return STATUS_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        keys[i] = open->items[2 * i];
        values[i] = open->items[2 * i + 1];
    }
    free(open->items);
    open->items = NULL;
    *node = (struct yaml_node){YAML_MAP, open->line, NULL, count, keys, values};
    return STATUS_OK;
}

static enum status close_node(struct builder *self)
{
    struct open_node *open = &self->stack[self->depth - 1];
    struct yaml_node node = {open->kind,  open->line, NULL,
                             open->count, NULL,       open->items};
    if (open->kind == YAML_MAP) {
        enum status status = split_map(open, &node);
        if (status != STATUS_OK)
            return status;
    }
    self->depth--;
    enum status status = add_node(self, node);
    if (status != STATUS_OK)
        node_release(&node);
    return status;
}

static enum status add_scalar(struct builder *self, const yaml_event_t *event,
                              size_t line)
{
    const char *value = (const char *)event->data.scalar.value;
    if (strlen(value) != event->data.scalar.length)
        return complain(self, line, "a NUL byte inside a text");
    char *text = strdup(value);
    if (text == NULL)
        return STATUS_NOMEM;
    struct yaml_node node = {.kind = YAML_SCALAR, .line = line, .text = text};
    enum status status = add_node(self, node);
    if (status != STATUS_OK)
        node_release(&node);
    return status;
}

static enum status refuse_anchor(const struct builder *self, const void *anchor,
                                 size_t line)
{
    return anchor == NULL ? STATUS_OK
                          : complain(self, line, "anchors are not allowed here");
}

static enum status take_event(struct builder *self, const yaml_event_t *event)
{
    size_t line = event->start_mark.line + 1;
    enum status status;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        status = refuse_anchor(self, event->data.scalar.anchor, line);
        return status == STATUS_OK ? add_scalar(self, event, line) : status;
    case YAML_SEQUENCE_START_EVENT:
        status = refuse_anchor(self, event->data.sequence_start.anchor, line);
        return status == STATUS_OK ? open_node(self, YAML_LIST, line) : status;
    case YAML_MAPPING_START_EVENT:
        status = refuse_anchor(self, event->data.mapping_start.anchor, line);
        return status == STATUS_OK ? open_node(self, YAML_MAP, line) : status;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_node(self);
    case YAML_ALIAS_EVENT:
        return complain(self, line, "aliases are not allowed here");
    case YAML_DOCUMENT_START_EVENT:
        return self->has_root ? complain(self, line, "a second document") : STATUS_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return STATUS_OK;
    }
    return STATUS_OK;
}

/* What is not UTF-8 has an offset and no line. */
static size_t problem_line(const yaml_parser_t *parser, const char *text, size_t size)
{
    size_t line = 1;
    if (parser->error != YAML_READER_ERROR)
        return parser->problem_mark.line + 1;
    for (size_t i = 0; i < parser->problem_offset && i < size; i++)
        line += text[i] == '\n';
    return line;
}

static enum status build(struct builder *self, yaml_parser_t *parser, const char *text,
                         size_t size)
{
    bool ended = false;
    while (!ended) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return parser->error == YAML_MEMORY_ERROR
                       ? STATUS_NOMEM
                       : complain(self, problem_line(parser, text, size),
                                  parser->problem == NULL ? "not YAML" : parser->problem);
        ended = event.type == YAML_STREAM_END_EVENT;
        enum status status = take_event(self, &event);
        yaml_event_delete(&event);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static void release_open(struct builder *self)
{
    for (size_t level = 0; level < self->depth; level++) {
        for (size_t i = 0; i < self->stack[level].count; i++)
            node_release(&self->stack[level].items[i]);
        free(self->stack[level].items);
    }
    if (self->has_root)
        node_release(&self->root);
}

enum status yaml_parse(const char *text, size_t size, struct yaml **out,
                       struct error_text *error)
{
    struct builder builder = {.root = {.kind = YAML_MAP, .line = 1}, .error = error};
    yaml_parser_t parser;
    *out = NULL;
    if (size > TEXT_SIZE_MAX)
        return error_set(error, STATUS_FULL, "larger than %d bytes", TEXT_SIZE_MAX);
    if (!yaml_parser_initialize(&parser))
        return STATUS_NOMEM;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    enum status status = build(&builder, &parser, text, size);
    yaml_parser_delete(&parser);

    if (status == STATUS_OK)
        *out = malloc(sizeof **out);
    if (*out == NULL) {
        release_open(&builder);
        return status == STATUS_OK ? STATUS_NOMEM : status;
    }
    (*out)->root = builder.root;
    return STATUS_OK;
}

enum status yaml_read(const char *path, struct yaml **out, struct error_text *error)
{
    uint8_t *bytes;
    size_t size;
    *out = NULL;
    enum status status = file_read(path, TEXT_SIZE_MAX, &bytes, &size, error);
    if (status != STATUS_OK)
        return status;
    status = yaml_parse((const char *)bytes, size, out, error);
    free(bytes);
    return status == STATUS_OK ? status : error_prefix(error, status, "%s", path);
}

void yaml_free(struct yaml *self)
{
    if (self == NULL)
        return;
    node_release(&self->root);
    free(self);
}

const struct yaml_node *yaml_root(const struct yaml *self)
{
    return &self->root;
}

const struct yaml_node *yaml_find(const struct yaml_node *map, const char *key)
{
    if (map == NULL || map->kind != YAML_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->keys[i].text, key) == 0)
            return &map->items[i];
    return NULL;
}
