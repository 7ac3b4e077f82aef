/* SPDX-License-Identifier: Apache-2.0 */
/* body.c - protobuf bodies into zmq messages. */
#include "wire/body.h"

enum status body_pack(const ProtobufCMessage *message, zmq_msg_t *body)
{
    if (zmq_msg_init_size(body, protobuf_c_message_get_packed_size(message)) != 0)
        return STATUS_NOMEM;
    protobuf_c_message_pack(message, zmq_msg_data(body));
    return STATUS_OK;
}
