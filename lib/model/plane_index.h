/* SPDX-License-Identifier: Apache-2.0 */
/* plane_index.h - eight planes as a byte per record, in plain C. Private to lib/model. */

#ifndef MODEL_PLANE_INDEX_H
#define MODEL_PLANE_INDEX_H

#include "model/plane.h"

#include <string.h>

/* Eight bytes of eight bits, transposed (Warren, Hacker's Delight, 7-3). */
static inline uint64_t transpose(uint64_t x)
{
    uint64_t t = (x ^ x >> 7) & UINT64_C(0x00AA00AA00AA00AA);
    x ^= t ^ t << 7;
    t = (x ^ x >> 14) & UINT64_C(0x0000CCCC0000CCCC);
    x ^= t ^ t << 14;
    t = (x ^ x >> 28) & UINT64_C(0x00000000F0F0F0F0);
    return x ^ t ^ t << 28;
}

/* Bit i of a record's byte is that of plane i. */
static inline void index_bytes(const plane *index, uint8_t *bytes)
{
    const uint8_t *planes = (const uint8_t *)index;
    for (unsigned group = 0; group < PLANE_RECORDS / 8; group++) {
        uint64_t bits = 0;
        for (unsigned i = 0; i < 8; i++)
            bits |= (uint64_t)planes[PLANE_RECORDS / 8 * i + group] << (8 * i);
        bits = transpose(bits);
        memcpy(bytes + 8 * group, &bits, sizeof bits);
    }
}

#endif
