/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.h - little-endian integers of 1 to 8 bytes, whatever the machine's own order.
 * Pure. */

#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>

void bytes_put(uint8_t *bytes, size_t size, uint64_t value);
uint64_t bytes_get(const uint8_t *bytes, size_t size);

#endif
