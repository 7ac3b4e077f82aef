/* SPDX-License-Identifier: Apache-2.0 */
/* body.h - protobuf bodies into and out of zmq messages, within a memory budget. */

#ifndef WIRE_BODY_H
#define WIRE_BODY_H

#include "base/status.h"

#include <protobuf-c/protobuf-c.h>
#include <zmq.h>

/* Serialise into a new zmq message, which the caller closes or sends. */
MUST_CHECK enum status body_pack(const ProtobufCMessage *message, zmq_msg_t *body);

/* Parse untrusted bytes with memory of at most a small multiple of their size: a body of
 * empty fields cannot grow without bound. NULL: does not parse, or over the budget. */
ProtobufCMessage *body_unpack(const ProtobufCMessageDescriptor *descriptor, const void *bytes,
                              size_t size);

/* Accepts NULL. */
void body_free(ProtobufCMessage *message);

#endif
