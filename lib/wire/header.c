/* SPDX-License-Identifier: Apache-2.0 */
/* header.c - the fixed header, field by field, so that no layout of a compiler matters.
 */
#include "wire/header.h"

#include "base/bytes.h"

#include <string.h>

enum { HEADER_VERSION = 1 };

static const uint8_t magic[4] = {'C', 'H', 'W', '1'};

static const struct message_row {
    const char *name;
    size_t body_max;
} messages[MESSAGE_TYPE_COUNT] = {
#define MESSAGE_ROW(name, value, from, to, body, size_max)                               \
    [MESSAGE_##name] = {#name, size_max},
    MESSAGE_LIST(MESSAGE_ROW)
#undef MESSAGE_ROW
};

void header_encode(const struct header *header, uint8_t bytes[HEADER_SIZE])
{
    size_t region_size = strlen(header->region);
    memset(bytes, 0, HEADER_SIZE);
    memcpy(bytes, magic, sizeof magic);
    bytes[4] = HEADER_VERSION;
    bytes[5] = (uint8_t)header->type;
    bytes[6] = header->flags;
    bytes[7] = header->priority;
    bytes[8] = header->attempt;
    bytes[9] = (uint8_t)region_size;
    bytes_put(bytes + 12, 4, header->deadline_ms);
    memcpy(bytes + 16, header->key.client, CLIENT_ID_SIZE);
    bytes_put(bytes + 32, 8, header->key.sequence);
    bytes_put(bytes + 40, 8, header->acked_below);
    bytes_put(bytes + 48, 4, (uint32_t)header->as_of);
    bytes_put(bytes + 56, 8, header->ticket);
    memcpy(bytes + 64, header->region, region_size);
}

/* At most HEADER_SIZE bytes. */
static bool all_zero(const uint8_t *bytes, size_t size)
{
    static const uint8_t zeros[HEADER_SIZE];
    return memcmp(bytes, zeros, size) == 0;
}

/* No control bytes, so no terminator either. */
static bool is_text(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] < 0x20 || bytes[i] == 0x7f)
            return false;
    return true;
}

bool region_is_valid(const char *region)
{
    size_t size = strlen(region);
    return size > 0 && size <= HEADER_REGION_MAX &&
           is_text((const uint8_t *)region, size);
}

/* The frame is a header of our version; nothing is said of its fields yet. */
static enum status check_frame(const uint8_t *bytes, size_t size,
                               struct error_text *error)
{
    if (size != HEADER_SIZE)
        return error_set(error, STATUS_MALFORMED, "the header has %zu bytes, not %d",
                         size, HEADER_SIZE);
    if (memcmp(bytes, magic, sizeof magic) != 0)
        return error_set(error, STATUS_MALFORMED, "the header does not begin with CHW1");
    if (bytes[4] != HEADER_VERSION)
        return error_set(error, STATUS_MALFORMED,
                         "header version %d; this program speaks %d", bytes[4],
                         HEADER_VERSION);
    if (bytes_get(bytes + 10, 2) != 0 || bytes_get(bytes + 52, 4) != 0)
        return error_set(error, STATUS_MALFORMED,
                         "a reserved byte of the header is not zero");
    return STATUS_OK;
}

static enum status check_region(const uint8_t *bytes, struct header *out,
                                struct error_text *error)
{
    size_t size = bytes[9];
    if (size > HEADER_REGION_MAX || !all_zero(bytes + 64 + size, HEADER_SIZE - 64 - size))
        return error_set(error, STATUS_MALFORMED, "the region is not of its stated size");
    memcpy(out->region, bytes + 64, size);
    out->region[size] = '\0';

    bool needed = out->type == MESSAGE_SCORE || out->type == MESSAGE_BURY;
    if ((size == 0 && needed) || !is_text(bytes + 64, size))
        return error_set(error, STATUS_MALFORMED,
                         "the region is not 1 to %d bytes of printable text",
                         HEADER_REGION_MAX);
    return STATUS_OK;
}

static enum status check_fields(const struct header *header, struct error_text *error)
{
    if ((header->flags & ~HEADER_WHAT_IF) != 0)
        return error_set(error, STATUS_MALFORMED, "unknown flags %d", header->flags);
    if (header->priority > 1)
        return error_set(error, STATUS_MALFORMED, "priority %d is neither 0 nor 1",
                         header->priority);
    if (header->acked_below > header->key.sequence)
        return error_set(error, STATUS_MALFORMED,
                         "acked_below is above the batch's own sequence");
    return STATUS_OK;
}

enum status header_decode(const void *frame, size_t size, struct header *out,
                          struct error_text *error)
{
    const uint8_t *bytes = frame;
    enum status status = check_frame(bytes, size, error);
    if (status != STATUS_OK)
        return status;
    if (bytes[5] >= MESSAGE_TYPE_COUNT || messages[bytes[5]].name == NULL)
        return error_set(error, STATUS_MALFORMED, "unknown message type %d", bytes[5]);

    *out = (struct header){
        .type = (enum message_type)bytes[5],
        .flags = bytes[6],
        .priority = bytes[7],
        .attempt = bytes[8],
        .deadline_ms = (uint32_t)bytes_get(bytes + 12, 4),
        .key.sequence = bytes_get(bytes + 32, 8),
        .acked_below = bytes_get(bytes + 40, 8),
        .as_of = (int32_t)(uint32_t)bytes_get(bytes + 48, 4),
        .ticket = bytes_get(bytes + 56, 8),
    };
    memcpy(out->key.client, bytes + 16, CLIENT_ID_SIZE);
    status = check_region(bytes, out, error);
    return status == STATUS_OK ? check_fields(out, error) : status;
}

const char *message_name(enum message_type type)
{
    const char *name = type < MESSAGE_TYPE_COUNT ? messages[type].name : NULL;
    return name == NULL ? "unknown" : name;
}

size_t message_body_max(enum message_type type)
{
    return type < MESSAGE_TYPE_COUNT ? messages[type].body_max : 0;
}

bool batch_key_equal(const struct batch_key *a, const struct batch_key *b)
{
    return a->sequence == b->sequence &&
           memcmp(a->client, b->client, CLIENT_ID_SIZE) == 0;
}
