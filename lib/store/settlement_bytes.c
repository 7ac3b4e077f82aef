/* SPDX-License-Identifier: Apache-2.0 */
/* settlement_bytes.c - texts are a byte of size and their bytes. */
#include "store/settlement_bytes.h"

#include "base/bytes.h"

#include <string.h>

static size_t pack_text(const char *text, uint8_t *bytes)
{
    size_t size = strlen(text);
    bytes[0] = (uint8_t)size;
    memcpy(bytes + 1, text, size);
    return 1 + size;
}

/* The size that was read; 0: there is no text of up to `max` bytes. */
static size_t unpack_text(const uint8_t *bytes, size_t size, size_t max, char *text)
{
    if (size == 0 || bytes[0] > max || 1 + (size_t)bytes[0] > size)
        return 0;
    memcpy(text, bytes + 1, bytes[0]);
    text[bytes[0]] = '\0';
    return 1 + (size_t)bytes[0];
}

size_t targets_pack(const struct settlement *settlement, uint8_t *bytes)
{
    size_t used = 0;
    for (size_t i = 0; i < settlement->target_count; i++) {
        const struct settle_target *target = &settlement->targets[i];
        used += pack_text(target->name, bytes + used);
        memcpy(bytes + used, target->version.bytes, DIGEST_SIZE);
        used += DIGEST_SIZE;
    }
    return used;
}

bool targets_unpack(const uint8_t *bytes, size_t size, struct settlement *settlement)
{
    while (size > 0) {
        if (settlement->target_count == STORE_TARGETS_MAX)
            return false;
        struct settle_target *target = &settlement->targets[settlement->target_count];
        size_t used = unpack_text(bytes, size, STORE_NAME_MAX, target->name);
        if (used == 0 || size - used < DIGEST_SIZE)
            return false;
        memcpy(target->version.bytes, bytes + used, DIGEST_SIZE);
        settlement->target_count++;
        bytes += used + DIGEST_SIZE;
        size -= used + DIGEST_SIZE;
    }
    return true;
}

size_t settlement_pack(const struct settlement *settlement, uint8_t *bytes)
{
    size_t used = 0;
    bytes[used++] = (uint8_t)settlement->outcome;
    bytes_put(bytes + used, 4, (uint32_t)settlement->period);
    used += 4;
    bytes[used++] = settlement->has_program;
    if (settlement->has_program) {
        memcpy(bytes + used, settlement->program.bytes, DIGEST_SIZE);
        used += DIGEST_SIZE;
    }
    used += pack_text(settlement->reason, bytes + used);
    return used + targets_pack(settlement, bytes + used);
}

bool settlement_unpack(const uint8_t *bytes, size_t size, struct settlement *out)
{
    enum { HEAD_SIZE = 1 + 4 + 1 };
    memset(out, 0, sizeof *out);
    if (size < HEAD_SIZE || bytes[0] < SETTLE_COUNTED || bytes[0] > SETTLE_DEAD)
        return false;
    out->outcome = (enum settle_outcome)bytes[0];
    out->period = (int32_t)(uint32_t)bytes_get(bytes + 1, 4);
    out->has_program = bytes[5] != 0;
    size_t at = HEAD_SIZE, program_size = out->has_program ? DIGEST_SIZE : 0;
    if (size - at < program_size)
        return false;
    memcpy(out->program.bytes, bytes + at, program_size);
    at += program_size;
    size_t used = unpack_text(bytes + at, size - at, STORE_REASON_MAX, out->reason);
    return used > 0 && targets_unpack(bytes + at + used, size - at - used, out);
}

size_t letter_head_pack(const char *region, const char *reason, uint8_t *bytes)
{
    size_t used = pack_text(region, bytes);
    return used + pack_text(reason, bytes + used);
}

bool letter_unpack(const uint8_t *bytes, size_t size, struct dead_letter *out)
{
    size_t region = unpack_text(bytes, size, STORE_REGION_MAX, out->region);
    if (region == 0)
        return false;
    size_t reason =
        unpack_text(bytes + region, size - region, STORE_REASON_MAX, out->reason);
    out->body = bytes + region + reason;
    out->size = size - region - reason;
    return reason > 0;
}

size_t letter_told_pack(const struct dead_letter *letter, uint8_t *bytes)
{
    bytes_put(bytes, 8, (uint64_t)letter->buried_s);
    bytes_put(bytes + 8, 4, (uint32_t)letter->as_of);
    bytes_put(bytes + 12, 4, letter->attempts);
    bytes_put(bytes + 16, 4, letter->records);
    bytes_put(bytes + 20, 8, letter->size);
    return LETTER_NUMBERS_SIZE +
           letter_head_pack(letter->region, letter->reason, bytes + LETTER_NUMBERS_SIZE);
}

bool letter_told_unpack(const uint8_t *bytes, size_t size, struct dead_letter *out)
{
    if (size < LETTER_NUMBERS_SIZE ||
        !letter_unpack(bytes + LETTER_NUMBERS_SIZE, size - LETTER_NUMBERS_SIZE, out) ||
        out->size > 0)
        return false;
    out->buried_s = (int64_t)bytes_get(bytes, 8);
    out->as_of = (int32_t)(uint32_t)bytes_get(bytes + 8, 4);
    out->attempts = (uint32_t)bytes_get(bytes + 12, 4);
    out->records = (uint32_t)bytes_get(bytes + 16, 4);
    out->size = (size_t)bytes_get(bytes + 20, 8);
    out->body = NULL;
    return true;
}
