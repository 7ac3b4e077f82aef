/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.c - byte by byte, so that no alignment matters either. */
#include "base/bytes.h"

void bytes_put(uint8_t *bytes, size_t size, uint64_t value)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

uint64_t bytes_get(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}
