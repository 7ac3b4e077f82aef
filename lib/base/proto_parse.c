/* SPDX-License-Identifier: Apache-2.0 */
/* proto_parse.c - an allocator that runs dry keeps protobuf-c within its bound. */
#include "base/proto_parse.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct budget {
    size_t left;
};

/* Each block knows its size, so that what protobuf-c takes and frees while it scans
 * counts only while it is there. */
struct block {
    size_t size;
    max_align_t bytes[];
};

static void *budget_alloc(void *data, size_t size)
{
    struct budget *self = data;
    if (self->left < sizeof(struct block) || size > self->left - sizeof(struct block))
        return NULL;
    struct block *block = malloc(sizeof *block + size);
    if (block == NULL)
        return NULL;
    block->size = sizeof *block + size;
    self->left -= block->size;
    return block->bytes;
}

static void budget_free(void *data, void *bytes)
{
    if (bytes == NULL)
        return;
    struct budget *self = data;
    struct block *block =
        (struct block *)(void *)((char *)bytes - offsetof(struct block, bytes));
    self->left += block->size;
    free(block);
}

static size_t budget_of(size_t size)
{
    if (size > (SIZE_MAX - PROTO_MEMORY_BASE) / PROTO_MEMORY_FACTOR)
        return 0;
    return size * PROTO_MEMORY_FACTOR + PROTO_MEMORY_BASE;
}

ProtobufCMessage *proto_parse(const ProtobufCMessageDescriptor *descriptor,
                              const void *bytes, size_t size)
{
    struct budget budget = {budget_of(size)};
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};
    return protobuf_c_message_unpack(descriptor, &allocator, size, bytes);
}

void proto_free(ProtobufCMessage *self)
{
    struct budget budget = {0};
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};
    if (self != NULL)
        protobuf_c_message_free_unpacked(self, &allocator);
}

static bool take_varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* Of a field with this tag; *number is a number field's. */
static bool take_value(const uint8_t **at, const uint8_t *end, uint64_t tag,
                       uint64_t *number)
{
    uint64_t size = 0;
    switch (tag & 7) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return take_varint(at, end, number);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        size = 8;
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        if (!take_varint(at, end, &size))
            return false;
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        size = 4;
        break;
    default:
        return false;
    }
    if (size > (uint64_t)(end - *at))
        return false;
    *at += size;
    return true;
}

bool proto_number(const void *bytes, size_t size, uint32_t field, uint64_t *out)
{
    const uint8_t *at = bytes, *end = at + size;
    uint64_t tag, number = 0;
    bool found = false;
    if (size == 0)
        return false;
    while (at < end) {
        if (!take_varint(&at, end, &tag) || !take_value(&at, end, tag, &number))
            return false;
        if (tag == ((uint64_t)field << 3 | PROTOBUF_C_WIRE_TYPE_VARINT)) {
            *out = number; /* of several the last holds */
            found = true;
        }
    }
    return found;
}
