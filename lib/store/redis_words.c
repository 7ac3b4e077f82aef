/* SPDX-License-Identifier: Apache-2.0 */
/* redis_words.c - the block moves as it grows, so words are found at the end. */
#include "store/redis_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool grow_bytes(struct redis_words *self, size_t size)
{
    if (size <= self->room - self->used)
        return true;
    size_t room = 2 * self->room + size + 256;
    char *bytes = realloc(self->bytes, room);
    if (bytes == NULL)
        return false;
    self->bytes = bytes;
    self->room = room;
    return true;
}

static bool grow_count(struct redis_words *self)
{
    if (self->count < self->count_room)
        return true;
    size_t room = 2 * self->count_room + 16;
    size_t *sizes = realloc(self->sizes, room * sizeof *sizes);
    if (sizes == NULL)
        return false;
    self->sizes = sizes;
    self->count_room = room;
    return true;
}

void redis_words_extend(struct redis_words *self, const void *bytes, size_t size)
{
    self->failed = self->failed || !grow_bytes(self, size);
    if (self->failed || size == 0)
        return;
    memcpy(self->bytes + self->used, bytes, size);
    self->used += size;
    self->sizes[self->count - 1] += size;
}

void redis_words_add(struct redis_words *self, const void *bytes, size_t size)
{
    self->failed = self->failed || !grow_count(self);
    if (self->failed)
        return;
    self->sizes[self->count++] = 0;
    redis_words_extend(self, bytes, size);
}

void redis_words_text(struct redis_words *self, const char *text)
{
    redis_words_add(self, text, strlen(text));
}

void redis_words_number(struct redis_words *self, int64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, number);
    redis_words_text(self, text);
}

void redis_words_hex(struct redis_words *self, const void *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *from = bytes;
    redis_words_text(self, "");
    for (size_t i = 0; i < size; i++) {
        const char pair[2] = {digits[from[i] >> 4], digits[from[i] & 15]};
        redis_words_extend(self, pair, sizeof pair);
    }
}

enum status redis_words_end(struct redis_words *self)
{
    if (self->failed)
        return STATUS_NOMEM;
    const char **words = realloc(self->words, (self->count + 1) * sizeof *words);
    if (words == NULL)
        return STATUS_NOMEM;
    self->words = words;
    const char *at = self->bytes;
    for (size_t i = 0; i < self->count; i++) {
        words[i] = at;
        at += self->sizes[i];
    }
    return STATUS_OK;
}

void redis_words_free(struct redis_words *self)
{
    free(self->bytes);
    free(self->sizes);
    free(self->words);
}
