/* SPDX-License-Identifier: Apache-2.0 */
/* section.c - spans of a text, from left to right. */
#include "exchange/section.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- spans ---- */

static size_t size_of(const struct span *self)
{
    return (size_t)(self->end - self->at);
}

/* What is before the next `separator`, which goes; all where there is none. */
static bool take(struct span *self, char separator, struct span *out)
{
    if (self->at == self->end)
        return false;
    const char *end = memchr(self->at, separator, size_of(self));
    *out = (struct span){self->at, end == NULL ? self->end : end};
    self->at = end == NULL ? self->end : end + 1;
    return true;
}

bool span_line(struct span *self, struct span *line)
{
    if (!take(self, '\n', line))
        return false;
    if (line->end > line->at && line->end[-1] == '\r')
        line->end--;
    return true;
}

bool span_word(struct span *self, struct span *word)
{
    return take(self, ' ', word);
}

bool span_is(const struct span *self, const char *text)
{
    return size_of(self) == strlen(text) && span_starts(self, text);
}

bool span_starts(const struct span *self, const char *text)
{
    size_t size = strlen(text);
    return size_of(self) >= size && memcmp(self->at, text, size) == 0;
}

/* strtod() and strtoll() would go past blanks before a number. */
static bool starts_number(const struct span *self)
{
    return self->at < self->end && strchr("+-.0123456789", *self->at) != NULL;
}

bool span_number(const struct span *self, double *out)
{
    char *end;
    if (!starts_number(self))
        return false;
    *out = strtod(self->at, &end);
    return end == self->end && isfinite(*out);
}

bool span_integer(const struct span *self, int64_t *out)
{
    char *end;
    if (!starts_number(self))
        return false;
    *out = strtoll(self->at, &end, 10);
    return end == self->end;
}

/* ---- sections ---- */

struct span section_take(struct span *text)
{
    struct span section = {text->at, text->at}, line;
    while (span_line(text, &line) && line.at != line.end)
        section.end = line.end;
    return section;
}

bool section_find(const struct span *self, const char *key, struct span *value)
{
    struct span rest = *self, line, name;
    while (span_line(&rest, &line)) {
        *value = line;
        if (take(value, '=', &name) && span_is(&name, key))
            return true;
    }
    return false;
}

static bool is_among(const struct span *name, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_is(name, keys[i]))
            return true;
    return false;
}

enum status section_check(const struct span *self, const char *const *keys,
                          size_t key_count, struct error_text *error)
{
    struct span rest = *self, line, name;
    while (span_line(&rest, &line))
        if (take(&line, '=', &name) && !is_among(&name, keys, key_count))
            return error_set(error, STATUS_INVALID, "%.*s is not supported",
                             (int)(size_of(&name) < 40 ? size_of(&name) : 40), name.at);
    return STATUS_OK;
}

static enum status need(const struct span *self, const char *key, struct span *value,
                        struct error_text *error)
{
    return section_find(self, key, value)
               ? STATUS_OK
               : error_set(error, STATUS_INVALID, "%s is absent", key);
}

enum status section_count(const struct span *self, const char *key, size_t max,
                          size_t *out, struct error_text *error)
{
    struct span value;
    int64_t number = -1;
    enum status status = need(self, key, &value, error);
    if (status != STATUS_OK)
        return status;
    if (!span_integer(&value, &number) || number < 0 || (uint64_t)number > max)
        return error_set(error, STATUS_INVALID, "%s is no number from 0 to %zu", key,
                         max);
    *out = (size_t)number;
    return STATUS_OK;
}

static enum status check_length(const struct span *rest, const char *key, size_t count,
                                size_t expected, struct error_text *error)
{
    return count == expected && rest->at == rest->end
               ? STATUS_OK
               : error_set(error, STATUS_INVALID, "%s has %s numbers, expected %zu", key,
                           count < expected ? "fewer" : "more", expected);
}

enum status section_numbers(const struct span *self, const char *key, size_t count,
                            double *out, struct error_text *error)
{
    struct span rest, word;
    size_t found = 0;
    enum status status = need(self, key, &rest, error);
    if (status != STATUS_OK)
        return status;
    for (; found < count && span_word(&rest, &word); found++)
        if (!span_number(&word, &out[found]))
            return error_set(error, STATUS_INVALID, "%s: entry %zu is no finite number",
                             key, found);
    return check_length(&rest, key, found, count, error);
}

enum status section_integers(const struct span *self, const struct integer_list *list,
                             int64_t *out, struct error_text *error)
{
    struct span rest, word;
    size_t found = 0;
    enum status status = need(self, list->key, &rest, error);
    if (status != STATUS_OK)
        return status;
    for (; found < list->count && span_word(&rest, &word); found++)
        if (!span_integer(&word, &out[found]) || out[found] < list->min ||
            out[found] > list->max)
            return error_set(error, STATUS_INVALID,
                             "%s: entry %zu is no number from %" PRId64 " to %" PRId64,
                             list->key, found, list->min, list->max);
    return check_length(&rest, list->key, found, list->count, error);
}
