/* SPDX-License-Identifier: Apache-2.0 */
/* names.h - up to 255 different texts, numbered in the order in which they came. Pure. */

#ifndef TRAINER_NAMES_H
#define TRAINER_NAMES_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { NAMES_MAX = 255 };

struct names;

/* Returns NULL when out of memory. */
struct names *names_new(void);
void names_free(struct names *self);

/* The number of a text, given when it is new. STATUS_FULL: it would be the 256th;
 * STATUS_MALFORMED: it is not UTF-8. */
MUST_CHECK enum status names_add(struct names *self, const char *text, uint8_t *code);

size_t names_count(const struct names *self);
const char *names_text(const struct names *self, size_t code);

/* Put the texts in strcmp() order; map[old code] is the new code. */
void names_sort(struct names *self, uint8_t map[NAMES_MAX]);

/* Hand over the texts: an array of names_count() of them, the caller's to free, each and
 * all. `self` is empty afterwards. NULL when out of memory, and then nothing has changed.
 */
char **names_take(struct names *self);

#endif
