/* SPDX-License-Identifier: Apache-2.0 */
/* ubjson.c - UBJSON (draft 12, big-endian) as jansson's values: document_read_ubjson().
 *
 * A list may be counted and of one type, "[$d#L" then the count and the bare numbers, as
 * XGBoost writes them; an object may be counted. A count is checked against the bytes
 * that are left before memory is taken for it. */
#include "exchange/document.h"

#include "exchange/exchange.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

struct reader {
    const uint8_t *bytes;
    size_t size, at, depth, values;
    struct error_text *error;
};

static enum status refuse(struct reader *self, const char *what)
{
    return error_set(self->error, STATUS_MALFORMED, "not UBJSON: byte %zu: %s", self->at,
                     what);
}

static size_t left(const struct reader *self)
{
    return self->size - self->at;
}

/* The next byte, not taken; 0 at the end. */
static uint8_t peek(const struct reader *self)
{
    return self->at < self->size ? self->bytes[self->at] : 0;
}

static bool take(struct reader *self, uint8_t wanted)
{
    bool there = self->at < self->size && peek(self) == wanted;
    self->at += there;
    return there;
}

/* ---- numbers ---- */

static const struct number {
    uint8_t marker, size;
    bool is_signed, is_float;
} numbers[] = {
    {'i', 1, true, false},  {'U', 1, false, false}, {'I', 2, true, false},
    {'u', 2, false, false}, {'l', 4, true, false},  {'m', 4, false, false},
    {'L', 8, true, false},  {'M', 8, false, false}, {'d', 4, true, true},
    {'D', 8, true, true},
};

static const struct number *find_number(uint8_t marker)
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (numbers[i].marker == marker)
            return &numbers[i];
    return NULL;
}

static enum status read_bits(struct reader *self, const struct number *type,
                             uint64_t *out)
{
    if (left(self) < type->size)
        return refuse(self, "it ends within a number");
    *out = 0;
    for (size_t i = 0; i < type->size; i++)
        *out = *out << 8 | self->bytes[self->at++];
    return STATUS_OK;
}

static double float_of(const struct number *type, uint64_t bits)
{
    uint32_t half = (uint32_t)bits;
    float single;
    double full;
    memcpy(&single, &half, sizeof single);
    memcpy(&full, &bits, sizeof full);
    return type->size == sizeof single ? (double)single : full;
}

/* Two's complement of the type's width. */
static int64_t integer_of(const struct number *type, uint64_t bits)
{
    unsigned shift = 64U - 8U * type->size;
    uint64_t sign = type->is_signed ? UINT64_C(1) << (63U - shift) : 0;
    return (int64_t)((bits ^ sign) - sign);
}

static enum status read_number(struct reader *self, const struct number *type,
                               json_t **out)
{
    uint64_t bits;
    enum status status = read_bits(self, type, &bits);
    if (status != STATUS_OK)
        return status;
    if (!type->is_float) {
        int64_t value = integer_of(type, bits);
        if (!type->is_signed && value < 0)
            return refuse(self, "a number is too large");
        *out = json_integer(value);
    } else {
        double value = float_of(type, bits);
        *out = isfinite(value) ? json_real(value) : json_null();
    }
    return *out != NULL ? STATUS_OK : STATUS_NOMEM;
}

/* Of things that take `each` bytes or more. */
static enum status read_count(struct reader *self, size_t each, size_t *out)
{
    const struct number *type = find_number(peek(self));
    uint64_t bits;
    if (type == NULL || type->is_float)
        return refuse(self, "expected a count");
    self->at++;
    enum status status = read_bits(self, type, &bits);
    if (status != STATUS_OK)
        return status;
    int64_t count = integer_of(type, bits);
    if (count < 0 || (uint64_t)count > left(self) / each)
        return refuse(self, "a count goes beyond the end");
    *out = (size_t)count;
    return STATUS_OK;
}

/* ---- texts ---- */

static enum status read_text(struct reader *self, const char **text, size_t *size)
{
    enum status status = read_count(self, 1, size);
    if (status != STATUS_OK)
        return status;
    *text = (const char *)self->bytes + self->at;
    if (memchr(*text, '\0', *size) != NULL)
        return refuse(self, "a text holds a zero byte");
    self->at += *size;
    return STATUS_OK;
}

static enum status read_string(struct reader *self, json_t **out)
{
    const char *text;
    size_t size;
    enum status status = read_text(self, &text, &size);
    if (status != STATUS_OK)
        return status;
    *out = json_stringn(text, size);
    return *out != NULL ? STATUS_OK : refuse(self, "a text is not UTF-8");
}

/* ---- lists and objects ---- */

static enum status read_value(struct reader *self, json_t **out);

/* After "[" or "{": "#" and a count, or items up to `close`. */
static enum status open_items(struct reader *self, size_t each, bool *counted,
                              size_t *count)
{
    *count = 0;
    *counted = take(self, '#');
    return *counted ? read_count(self, each, count) : STATUS_OK;
}

static bool more_items(struct reader *self, bool counted, size_t count, size_t done,
                       uint8_t close)
{
    while (!counted && take(self, 'N')) {
    }
    return counted ? done < count : !take(self, close);
}

static enum status spend(struct reader *self, size_t count)
{
    if (count > EXCHANGE_VALUES_MAX - self->values)
        return error_set(self->error, STATUS_FULL, "it has more than %d values",
                         EXCHANGE_VALUES_MAX);
    self->values += count;
    return STATUS_OK;
}

static enum status read_numbers(struct reader *self, json_t *list)
{
    const struct number *type = find_number(peek(self));
    size_t count = 0;
    if (type == NULL)
        return refuse(self, "expected a type of numbers");
    self->at++;
    if (!take(self, '#'))
        return refuse(self, "expected the count of a list of one type");
    enum status status = read_count(self, type->size, &count);
    if (status == STATUS_OK)
        status = spend(self, count);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        json_t *item;
        status = read_number(self, type, &item);
        if (status == STATUS_OK && json_array_append_new(list, item) != 0)
            status = STATUS_NOMEM;
    }
    return status;
}

static enum status read_items(struct reader *self, json_t *list)
{
    bool counted;
    size_t count;
    enum status status = open_items(self, 1, &counted, &count);
    for (size_t i = 0; status == STATUS_OK && more_items(self, counted, count, i, ']');
         i++) {
        json_t *item;
        status = read_value(self, &item);
        if (status == STATUS_OK && json_array_append_new(list, item) != 0)
            status = STATUS_NOMEM;
    }
    return status;
}

static enum status read_list(struct reader *self, json_t **out)
{
    *out = json_array();
    if (*out == NULL)
        return STATUS_NOMEM;
    return take(self, '$') ? read_numbers(self, *out) : read_items(self, *out);
}

static enum status read_member(struct reader *self, json_t *object)
{
    const char *key;
    size_t size;
    json_t *value;
    enum status status = read_text(self, &key, &size);
    if (status == STATUS_OK && json_object_getn(object, key, size) != NULL)
        status = refuse(self, "a key is there twice");
    if (status == STATUS_OK)
        status = read_value(self, &value);
    if (status == STATUS_OK && json_object_setn_new(object, key, size, value) != 0)
        status = refuse(self, "a key is not UTF-8");
    return status;
}

static enum status read_object(struct reader *self, json_t **out)
{
    bool counted;
    size_t count;
    *out = json_object();
    if (*out == NULL)
        return STATUS_NOMEM;
    enum status status = open_items(self, 2, &counted, &count);
    for (size_t i = 0; status == STATUS_OK && more_items(self, counted, count, i, '}');
         i++)
        status = read_member(self, *out);
    return status;
}

/* ---- any value ---- */

static enum status read_null(struct reader *self, json_t **out)
{
    (void)self;
    *out = json_null();
    return STATUS_OK;
}

static enum status read_true(struct reader *self, json_t **out)
{
    (void)self;
    *out = json_true();
    return STATUS_OK;
}

static enum status read_false(struct reader *self, json_t **out)
{
    (void)self;
    *out = json_false();
    return STATUS_OK;
}

static const struct kind {
    uint8_t marker;
    enum status (*read)(struct reader *self, json_t **out);
} kinds[] = {
    {'{', read_object}, {'[', read_list}, {'S', read_string},
    {'Z', read_null},   {'T', read_true}, {'F', read_false},
};

static enum status read_marked(struct reader *self, uint8_t marker, json_t **out)
{
    const struct number *type = find_number(marker);
    if (type != NULL)
        return read_number(self, type, out);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].marker == marker)
            return kinds[i].read(self, out);
    return refuse(self, "no such type of value");
}

/* Nothing is the caller's to free after an error. */
static enum status read_value(struct reader *self, json_t **out)
{
    *out = NULL;
    while (take(self, 'N')) {
    }
    if (left(self) == 0)
        return refuse(self, "it ends where a value is expected");
    if (self->depth == EXCHANGE_DEPTH_MAX)
        return error_set(self->error, STATUS_FULL, "it is nested more than %d deep",
                         EXCHANGE_DEPTH_MAX);
    enum status status = spend(self, 1);
    if (status != STATUS_OK)
        return status;
    self->depth++;
    status = read_marked(self, self->bytes[self->at++], out);
    self->depth--;
    if (status == STATUS_OK)
        return STATUS_OK;
    json_decref(*out);
    *out = NULL;
    return status;
}

enum status document_read_ubjson(const uint8_t *bytes, size_t size, json_t **out,
                                 struct error_text *error)
{
    struct reader reader = {.bytes = bytes, .size = size, .error = error};
    enum status status = read_value(&reader, out);
    if (status != STATUS_OK || left(&reader) == 0)
        return status;
    json_decref(*out);
    *out = NULL;
    return refuse(&reader, "expected the end");
}
