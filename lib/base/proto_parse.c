/* SPDX-License-Identifier: Apache-2.0 */
/* proto_parse.c - an allocator that runs dry keeps protobuf-c within its bound. What it
 * gives lies in a few chunks, which are freed as a whole: the heap would be asked for
 * each field of a small message, and walked to give them back. */
#include "base/proto_parse.h"

#include <assert.h>
#include <sanitizer/asan_interface.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum {
    CHUNK_SIZE = 16384,
    CHUNK_LEAST = 1024,
    CHUNK_FACTOR = 12, /* times the bytes: a small message's fields fit into its first */
    UNIT = 8,          /* nothing in a message wants a stricter alignment */
    GAP = UNIT,        /* behind each block: the address sanitizer's */
};

struct chunk {
    struct chunk *next;
    uint64_t bytes[];
};

struct arena {
    size_t left;         /* that may still be taken */
    struct chunk *first; /* begins with the message; the others follow it */
    size_t first_size;
    char *room; /* of the newest chunk that is shared */
    size_t room_size;
};

/* NULL: out of memory. */
static char *add_chunk(struct arena *self, size_t size)
{
    struct chunk *chunk = malloc(sizeof *chunk + size);
    if (chunk == NULL)
        return NULL;
    ASAN_POISON_MEMORY_REGION(chunk->bytes, size);
    struct chunk **at = self->first == NULL ? &self->first : &self->first->next;
    chunk->next = *at;
    *at = chunk;
    return (char *)chunk->bytes;
}

/* A chunk that the block shares with those to come. */
static bool add_room(struct arena *self, size_t least)
{
    size_t size = self->first == NULL ? self->first_size : CHUNK_SIZE;
    size = size < least ? least : size;
    self->room = add_chunk(self, size);
    self->room_size = self->room == NULL ? 0 : size;
    return self->room != NULL;
}

/* A large block gets a chunk of its own, unless it is the message. */
static char *take_room(struct arena *self, size_t size)
{
    if (size > self->room_size && size > CHUNK_SIZE / 4 && self->first != NULL)
        return add_chunk(self, size);
    if (size > self->room_size && !add_room(self, size))
        return NULL;
    char *room = self->room;
    self->room += size;
    self->room_size -= size;
    return room;
}

static void *arena_alloc(void *data, size_t size)
{
    struct arena *self = data;
    if (size > self->left || self->left - size < GAP + UNIT)
        return NULL;
    size_t whole = (size + GAP + UNIT - 1) / UNIT * UNIT;
    char *block = take_room(self, whole);
    if (block == NULL)
        return NULL;
    self->left -= whole;
    ASAN_UNPOISON_MEMORY_REGION(block, size);
    return block;
}

/* With all the others. */
static void arena_free(void *data, void *block)
{
    (void)data;
    (void)block;
}

static void chunks_free(struct chunk *chunk)
{
    while (chunk != NULL) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

static size_t budget_of(size_t size)
{
    if (size > (SIZE_MAX - PROTO_MEMORY_BASE) / PROTO_MEMORY_FACTOR)
        return 0;
    return size * PROTO_MEMORY_FACTOR + PROTO_MEMORY_BASE;
}

static size_t first_size_of(size_t size)
{
    return size < (CHUNK_SIZE - CHUNK_LEAST) / CHUNK_FACTOR
               ? CHUNK_LEAST + size * CHUNK_FACTOR
               : CHUNK_SIZE;
}

/* The chunk that begins with this message. */
static struct chunk *chunk_of(ProtobufCMessage *message)
{
    return (struct chunk *)(void *)((char *)message - offsetof(struct chunk, bytes));
}

ProtobufCMessage *proto_parse(const ProtobufCMessageDescriptor *descriptor,
                              const void *bytes, size_t size)
{
    struct arena arena = {.left = budget_of(size), .first_size = first_size_of(size)};
    ProtobufCAllocator allocator = {arena_alloc, arena_free, &arena};
    ProtobufCMessage *message =
        protobuf_c_message_unpack(descriptor, &allocator, size, bytes);
    assert(message == NULL || chunk_of(message) == arena.first);
    if (message == NULL)
        chunks_free(arena.first);
    return message;
}

void proto_free(ProtobufCMessage *self)
{
    if (self != NULL)
        chunks_free(chunk_of(self));
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
