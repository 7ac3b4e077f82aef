/* SPDX-License-Identifier: Apache-2.0 */
/* plane_portable.h - planes of 256 records for any processor. Private to lib/model. */

#ifndef MODEL_PLANE_PORTABLE_H
#define MODEL_PLANE_PORTABLE_H

#define PLANE_WORDS 4
#include "model/plane.h"

static inline plane bit_plane(const uint8_t *bytes, unsigned bit)
{
    plane out;
    for (int word = 0; word < PLANE_WORDS; word++) {
        uint64_t bits = 0;
        for (int i = 0; i < 64; i++)
            bits |= (uint64_t)(bytes[64 * word + i] >> bit & 1) << i;
        out[word] = bits;
    }
    return out;
}

static inline plane equal_plane(const uint8_t *bytes, uint8_t value)
{
    plane out;
    for (int word = 0; word < PLANE_WORDS; word++) {
        uint64_t bits = 0;
        for (int i = 0; i < 64; i++)
            bits |= (uint64_t)(bytes[64 * word + i] == value) << i;
        out[word] = bits;
    }
    return out;
}

#endif
