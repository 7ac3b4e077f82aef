/* SPDX-License-Identifier: Apache-2.0 */
/* proto_parse.h - protobuf from untrusted bytes, with a bound on the memory it may take.
 *
 * An empty submessage is two bytes on the wire and a hundred in memory, so a small
 * message could ask for a great deal. One parse may hold PROTO_MEMORY_FACTOR times
 * the size of the bytes and PROTO_MEMORY_BASE more; what needs more does not
 * parse. Pure. */

#ifndef BASE_PROTO_PARSE_H
#define BASE_PROTO_PARSE_H

#include "base/status.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROTO_MEMORY_FACTOR = 16,
    PROTO_MEMORY_BASE = 1 << 20,
};

/* NULL: the bytes do not parse, or need more memory than they may. Zero bytes are the
 * message with every field at its default. The fields borrow nothing from `bytes`. */
MUST_CHECK ProtobufCMessage *proto_parse(const ProtobufCMessageDescriptor *descriptor,
                                         const void *bytes, size_t size);

/* Of a message from proto_parse(), which nothing else frees; NULL is fine. */
void proto_free(ProtobufCMessage *self);

/* A number field (uint32, uint64, bool, enum) of a message that is not to be parsed:
 * nothing is allocated. False: it is not there, or the bytes are no message. */
bool proto_number(const void *bytes, size_t size, uint32_t field, uint64_t *out);

#endif
