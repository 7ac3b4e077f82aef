/* SPDX-License-Identifier: Apache-2.0 */
/* split_use.h - how the splits of an ensemble use each input, which says what its feature
 * is: a number is compared with a threshold, a category is looked for in sets. Inside
 * lib/exchange only. */

#ifndef EXCHANGE_SPLIT_USE_H
#define EXCHANGE_SPLIT_USE_H

#include "base/error_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct split_use {
    bool number, category;
    uint32_t codes; /* one more than the highest in a set */
};

enum { SPLIT_SET_SIZE = 32 };

struct split_set {
    uint8_t members[SPLIT_SET_SIZE]; /* as in CategorySet */
    size_t size;                     /* of them that are needed */
};

/* Add a code to a set over an input. STATUS_INVALID: not 0 to EXCHANGE_CATEGORIES_MAX -
 * 1, which leaves a code for the unknown ones. */
MUST_CHECK enum status split_set_add(struct split_set *self, struct split_use *use,
                                     uint64_t code, struct error_text *error);

#endif
