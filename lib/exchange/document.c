/* SPDX-License-Identifier: Apache-2.0 */
/* document.c - JSON after a look at its size in values, and looking things up. */
#include "exchange/document.h"

#include "exchange/exchange.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- bounds ---- */

struct extent {
    size_t values, depth, depth_max;
    bool text, escaped;
};

static void measure_byte(struct extent *self, uint8_t byte)
{
    if (self->text) {
        self->text = self->escaped || byte != '"';
        self->escaped = !self->escaped && byte == '\\';
        return;
    }
    self->text = byte == '"';
    if (byte == '[' || byte == '{') {
        self->values++;
        self->depth++;
        if (self->depth > self->depth_max)
            self->depth_max = self->depth;
    } else if (byte == ']' || byte == '}') {
        self->depth -= self->depth > 0;
    } else if (byte == ',' || byte == ':') {
        self->values++;
    }
}

/* Each value but the first has a bracket, comma or colon before it. */
static enum status check_extent(const uint8_t *bytes, size_t size,
                                struct error_text *error)
{
    struct extent extent = {0};
    for (size_t i = 0; i < size; i++)
        measure_byte(&extent, bytes[i]);
    if (extent.values > EXCHANGE_VALUES_MAX)
        return error_set(error, STATUS_FULL, "it has more than %d values",
                         EXCHANGE_VALUES_MAX);
    if (extent.depth_max > EXCHANGE_DEPTH_MAX)
        return error_set(error, STATUS_FULL, "it is nested more than %d deep",
                         EXCHANGE_DEPTH_MAX);
    return STATUS_OK;
}

enum status document_read_json(const uint8_t *bytes, size_t size, json_t **out,
                               struct error_text *error)
{
    *out = NULL;
    enum status status = check_extent(bytes, size, error);
    if (status != STATUS_OK)
        return status;
    json_error_t place;
    *out = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &place);
    return *out != NULL ? STATUS_OK
                        : error_set(error, STATUS_MALFORMED, "not JSON: line %d: %s",
                                    place.line, place.text);
}

/* ---- looking things up ---- */

const json_t *document_find(const json_t *root, const char *path)
{
    char key[64];
    while (root != NULL && *path != '\0') {
        size_t size = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)size, path);
        root = json_object_get(root, key);
        path += size + (path[size] == '.');
    }
    return root;
}

enum status document_text(const json_t *root, const char *path, const char **out,
                          struct error_text *error)
{
    *out = json_string_value(document_find(root, path));
    return *out != NULL ? STATUS_OK
                        : error_set(error, STATUS_INVALID, "%s is no text", path);
}

enum status document_list(const json_t *root, const char *path, const json_t **out,
                          struct error_text *error)
{
    *out = document_find(root, path);
    return json_is_array(*out) ? STATUS_OK
                               : error_set(error, STATUS_INVALID, "%s is no list", path);
}

enum status document_count(const json_t *root, const char *path, size_t max,
                           size_t absent, size_t *out, struct error_text *error)
{
    *out = absent;
    if (document_find(root, path) == NULL)
        return STATUS_OK;
    const char *text;
    enum status status = document_text(root, path, &text, error);
    if (status != STATUS_OK)
        return status;
    size_t digits = strspn(text, "0123456789");
    *out = digits > 0 && digits < 10 ? (size_t)strtoul(text, NULL, 10) : max + 1;
    if (text[digits] != '\0' || *out > max)
        return error_set(error, STATUS_INVALID, "%s is %.20s, expected 0 to %zu", path,
                         text, max);
    return STATUS_OK;
}
