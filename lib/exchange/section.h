/* SPDX-License-Identifier: Apache-2.0 */
/* section.h - lines of "key=value" in a text that ends with a zero byte, as LightGBM
 * writes them; lists are numbers with one blank between them. Inside lib/exchange only.
 */

#ifndef EXCHANGE_SECTION_H
#define EXCHANGE_SECTION_H

#include "base/error_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part of the text. */
struct span {
    const char *at, *end;
};

/* The next line, without its end; false: none. */
bool span_line(struct span *self, struct span *line);

/* The next word up to a blank; false: none. */
bool span_word(struct span *self, struct span *word);

/* Whether it is exactly, or begins with, `text`. */
bool span_is(const struct span *self, const char *text);
bool span_starts(const struct span *self, const char *text);

/* The whole span as a number. */
bool span_number(const struct span *self, double *out);
bool span_integer(const struct span *self, int64_t *out);

/* The lines up to the first that is blank, which `text` then is behind. */
struct span section_take(struct span *text);

/* The value of a key; that of a line without "=" is empty. False: there is none. */
bool section_find(const struct span *self, const char *key, struct span *value);

/* STATUS_INVALID: a line whose key is none of them. */
MUST_CHECK enum status section_check(const struct span *self, const char *const *keys,
                                     size_t key_count, struct error_text *error);

/* A whole number from 0 to max. */
MUST_CHECK enum status section_count(const struct span *self, const char *key, size_t max,
                                     size_t *out, struct error_text *error);

/* Exactly `count` numbers, which are finite; from min to max. */
MUST_CHECK enum status section_numbers(const struct span *self, const char *key,
                                       size_t count, double *out,
                                       struct error_text *error);
struct integer_list {
    const char *key;
    size_t count;
    int64_t min, max;
};
MUST_CHECK enum status section_integers(const struct span *self,
                                        const struct integer_list *list, int64_t *out,
                                        struct error_text *error);

#endif
