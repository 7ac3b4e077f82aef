/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.h - little-endian integers of 1 to 8 bytes, whatever the machine's own order.
 * Byte by byte, so that no alignment matters either; where the size is a constant a
 * compiler makes one load or store of it. Pure. */

#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline void bytes_put(uint8_t *bytes, size_t size, uint64_t value)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t bytes_get(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

#endif
