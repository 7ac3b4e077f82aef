/* SPDX-License-Identifier: Apache-2.0 */
/* list.c - whole words only, and room is kept to say that some are left out. */
#include "optimizer/list.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char between[] = ", ", more[] = ", ...";

static bool has(const char *list, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = list; at != NULL; at = strstr(at, between)) {
        at += at == list ? 0 : strlen(between);
        if (strncmp(at, word, size) == 0 &&
            (at[size] == '\0' || strncmp(at + size, between, strlen(between)) == 0))
            return true;
    }
    return false;
}

void list_add(char *list, size_t room, const char *word)
{
    size_t used = strlen(list);
    const char *before = used == 0 ? "" : between;
    if (has(list, "...") || (used > 0 && has(list, word)))
        return;
    if (used + strlen(before) + strlen(word) + sizeof more <= room)
        snprintf(list + used, room - used, "%s%s", before, word);
    else if (used + sizeof more <= room)
        snprintf(list + used, room - used, "%s", used == 0 ? "..." : more);
}
