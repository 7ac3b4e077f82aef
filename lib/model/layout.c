/* SPDX-License-Identifier: Apache-2.0 */
/* layout.c - from malloc(), which is quicker than what aligns: the address that it gave
 * is kept before the block. */
#include "model/layout.h"

#include <stdint.h>
#include <stdlib.h>

size_t layout_add(size_t *size, size_t bytes)
{
    size_t at = *size;
    *size += (bytes + LAYOUT_LINE - 1) / LAYOUT_LINE * LAYOUT_LINE;
    return at;
}

void *layout_alloc(size_t size)
{
    char *given = malloc(size + LAYOUT_LINE + sizeof given);
    if (given == NULL)
        return NULL;
    char *block = given + sizeof given;
    block += (LAYOUT_LINE - (uintptr_t)block % LAYOUT_LINE) % LAYOUT_LINE;
    ((char **)(void *)block)[-1] = given;
    return block;
}

void layout_free(void *block)
{
    if (block != NULL)
        free(((char **)block)[-1]);
}
