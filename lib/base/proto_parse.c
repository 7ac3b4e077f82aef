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
