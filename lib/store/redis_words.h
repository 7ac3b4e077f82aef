/* SPDX-License-Identifier: Apache-2.0 */
/* redis_words.h - the words of one command, gathered in one block of memory. */

#ifndef STORE_REDIS_WORDS_H
#define STORE_REDIS_WORDS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redis_words {
    char *bytes;
    size_t used, room;
    size_t *sizes;
    const char **words; /* valid after redis_words_end() */
    size_t count, count_room;
    bool failed; /* out of memory: adding is nothing from then on */
};

/* Begin with all zero. redis_words_extend() makes the last word longer. */
void redis_words_add(struct redis_words *self, const void *bytes, size_t size);
void redis_words_extend(struct redis_words *self, const void *bytes, size_t size);
void redis_words_text(struct redis_words *self, const char *text);
void redis_words_number(struct redis_words *self, int64_t number);
void redis_words_hex(struct redis_words *self, const void *bytes, size_t size);

/* STATUS_NOMEM, or `words`, `sizes` and `count` are the command. */
MUST_CHECK enum status redis_words_end(struct redis_words *self);
void redis_words_free(struct redis_words *self);

#endif
