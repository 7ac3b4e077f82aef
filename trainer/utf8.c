/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.c - one table of lead bytes. */
#include "trainer/utf8.h"

#include <stddef.h>
#include <stdint.h>

/* By the lead byte: how many bytes follow, and what the first of them may be. */
static const struct {
    uint8_t lead_min, lead_max, follow_count, first_min, first_max;
} forms[] = {
    {0x01, 0x7f, 0, 0, 0},       {0xc2, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf},
    {0xe1, 0xec, 2, 0x80, 0xbf}, {0xed, 0xed, 2, 0x80, 0x9f}, {0xee, 0xef, 2, 0x80, 0xbf},
    {0xf0, 0xf0, 3, 0x90, 0xbf}, {0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f},
};

/* The bytes of the character at `text`; 0 where it is none. */
static size_t character_size(const uint8_t *text)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (text[0] < forms[i].lead_min || text[0] > forms[i].lead_max)
            continue;
        if (forms[i].follow_count > 0 &&
            (text[1] < forms[i].first_min || text[1] > forms[i].first_max))
            return 0;
        for (size_t k = 2; k <= forms[i].follow_count; k++) {
            if (text[k] < 0x80 || text[k] > 0xbf)
                return 0;
        }
        return 1U + forms[i].follow_count;
    }
    return 0;
}

bool utf8_is_valid(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    while (*at != '\0') {
        size_t size = character_size(at);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}
