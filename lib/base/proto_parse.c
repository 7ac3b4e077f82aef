/* SPDX-License-Identifier: Apache-2.0 */
/* proto_parse.c - an allocator that runs dry keeps protobuf-c within its bound. */
#include "base/proto_parse.h"

#include <stdint.h>
#include <stdlib.h>

/* What malloc takes beside each block: a flood of empty strings costs more than their
 * bytes. */
enum { BLOCK_OVERHEAD = 16 };

struct budget {
    size_t left;
};

static void *budget_alloc(void *data, size_t size)
{
    struct budget *self = data;
    if (size > SIZE_MAX - BLOCK_OVERHEAD || size + BLOCK_OVERHEAD > self->left)
        return NULL;
    self->left -= size + BLOCK_OVERHEAD;
    return malloc(size);
}

static void budget_free(void *data, void *block)
{
    (void)data; /* not given back: the bound is on all that a parse asks for */
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
    if (self != NULL)
        protobuf_c_message_free_unpacked(self, NULL); /* the blocks are malloc's */
}
