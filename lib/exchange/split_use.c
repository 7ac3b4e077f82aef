/* SPDX-License-Identifier: Apache-2.0 */
/* split_use.c - sets of categories as bits. */
#include "exchange/split_use.h"

#include "exchange/exchange.h"

#include <inttypes.h>

enum status split_set_add(struct split_set *self, struct split_use *use, uint64_t code,
                          struct error_text *error)
{
    if (code >= EXCHANGE_CATEGORIES_MAX)
        return error_set(error, STATUS_INVALID,
                         "category %" PRIu64 " is not supported: expected 0 to %d", code,
                         EXCHANGE_CATEGORIES_MAX - 1);
    self->members[code / 8] |= (uint8_t)(1U << (code % 8));
    if (self->size < code / 8 + 1)
        self->size = (size_t)(code / 8 + 1);
    if (use->codes < code + 1)
        use->codes = (uint32_t)(code + 1);
    return STATUS_OK;
}
