/* SPDX-License-Identifier: Apache-2.0 */
/* busy.c - the table of reasons, both ways that it is read. */
#include "broker/busy.h"

#include <stddef.h>

const char *busy_text(enum busy busy)
{
    static const char *const texts[] = {
#define BUSY_TEXT(name, counter, text) [BUSY_##name] = text,
        BUSY_LIST(BUSY_TEXT)
#undef BUSY_TEXT
    };
    return texts[busy];
}

uint64_t *busy_counter(struct counters *counters, enum busy busy)
{
    switch (busy) {
#define BUSY_CASE(name, counter, text)                                                   \
    case BUSY_##name:                                                                    \
        return &counters->busy_##counter;
        BUSY_LIST(BUSY_CASE)
#undef BUSY_CASE
    case BUSY_NOT:
        break;
    }
    return NULL;
}
