/* SPDX-License-Identifier: Apache-2.0 */
/* body.h - protobuf bodies into zmq messages; base/proto_parse.h is the way back. */

#ifndef WIRE_BODY_H
#define WIRE_BODY_H

#include "base/status.h"

#include <protobuf-c/protobuf-c.h>
#include <zmq.h>

/* Serialise into a new zmq message, which the caller closes or sends. */
MUST_CHECK enum status body_pack(const ProtobufCMessage *message, zmq_msg_t *body);

#endif
