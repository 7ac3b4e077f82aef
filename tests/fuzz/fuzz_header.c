/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a header: what decodes must encode to the same bytes again. */
#include "wire/header.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct header header;
    struct error_text error;
    uint8_t again[HEADER_SIZE];
    if (header_decode(data, size, &header, &error) != STATUS_OK)
        return 0;
    header_encode(&header, again);
    if (memcmp(again, data, HEADER_SIZE) != 0)
        abort();
    return 0;
}
