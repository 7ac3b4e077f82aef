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
    size_t words; /* bytes that may begin one that is no JSON */
    bool text, escaped;
};

/* Whether the byte is part of a text. */
static bool measure_text(struct extent *self, uint8_t byte)
{
    bool within = self->text;
    if (within) {
        self->text = self->escaped || byte != '"';
        self->escaped = !self->escaped && byte == '\\';
    } else {
        self->text = byte == '"';
    }
    return within || self->text;
}

static void measure_byte(struct extent *self, uint8_t byte)
{
    if (measure_text(self, byte))
        return;
    self->words += byte == 'N' || byte == 'I';
    self->values += byte == ',' || byte == ':' || byte == '[' || byte == '{';
    if (byte == '[' || byte == '{')
        self->depth++;
    else if (byte == ']' || byte == '}')
        self->depth -= self->depth > 0;
    if (self->depth > self->depth_max)
        self->depth_max = self->depth;
}

/* Each value but the first has a bracket, comma or colon before it. */
static enum status measure(const uint8_t *bytes, size_t size, struct extent *out,
                           struct error_text *error)
{
    *out = (struct extent){0};
    for (size_t i = 0; i < size; i++)
        measure_byte(out, bytes[i]);
    if (out->values > EXCHANGE_VALUES_MAX)
        return error_set(error, STATUS_FULL, "it has more than %d values",
                         EXCHANGE_VALUES_MAX);
    if (out->depth_max > EXCHANGE_DEPTH_MAX)
        return error_set(error, STATUS_FULL, "it is nested more than %d deep",
                         EXCHANGE_DEPTH_MAX);
    return STATUS_OK;
}

/* ---- numbers that are not finite ---- */

/* How long the word for such a number is at the start of the bytes; 0: there is none. */
static size_t word_size(const uint8_t *bytes, size_t size)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i]);
        if (length <= size && memcmp(bytes, words[i], length) == 0)
            return length;
    }
    return 0;
}

/* `out` has room for one byte more per word. */
static size_t replace_words(const uint8_t *bytes, size_t size, char *out)
{
    struct extent extent = {0};
    size_t used = 0;
    for (size_t i = 0; i < size;) {
        size_t word =
            measure_text(&extent, bytes[i]) ? 0 : word_size(bytes + i, size - i);
        if (word > 0)
            memcpy(out + used, "null", 4);
        else
            out[used] = (char)bytes[i];
        used += word > 0 ? 4 : 1;
        i += word > 0 ? word : 1;
    }
    return used;
}

static enum status parse(const char *text, size_t size, json_t **out,
                         struct error_text *error)
{
    json_error_t place;
    *out = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &place);
    return *out != NULL ? STATUS_OK
                        : error_set(error, STATUS_MALFORMED, "not JSON: line %d: %s",
                                    place.line, place.text);
}

enum status document_read_json(const uint8_t *bytes, size_t size, json_t **out,
                               struct error_text *error)
{
    *out = NULL;
    struct extent extent;
    enum status status = measure(bytes, size, &extent, error);
    if (status != STATUS_OK || extent.words == 0)
        return status == STATUS_OK ? parse((const char *)bytes, size, out, error)
                                   : status;
    char *text = malloc(size + extent.words);
    if (text == NULL)
        return STATUS_NOMEM;
    size = replace_words(bytes, size, text);
    status = parse(text, size, out, error);
    free(text);
    return status;
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
