/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a message's type and body, as whoever receives it reads it: the broker
 * HELLO, HEARTBEAT and RETURN, the worker DESCRIBE, the client all that brokers say,
 * REPLY and DESCRIPTION by libchw's own checks, whose accessors then stay within what was
 * checked. */
#include "base/proto_parse.h"
#include "client/result.h"
#include "wire/header.h"

#include "batch.pb-c.h"
#include "control.pb-c.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Packing reads all that was parsed. */
static void parse(const ProtobufCMessageDescriptor *descriptor, const uint8_t *body,
                  size_t size)
{
    ProtobufCMessage *message = proto_parse(descriptor, body, size);
    if (message == NULL)
        return;
    size_t packed_size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(packed_size + 1);
    require(packed != NULL);
    require(protobuf_c_message_pack(message, packed) == packed_size);
    free(packed);
    proto_free(message);
}

/* ---- what libchw hands out ---- */

static size_t text_size(const char *text)
{
    return text == NULL ? 0 : strlen(text);
}

static size_t touch_row(const struct chw_result *result, size_t target, size_t row)
{
    size_t touched = text_size(chw_result_tier(result, target, row));
    for (size_t i = 0; i < chw_result_factor_count(result, target); i++) {
        float contribution = 0;
        touched += text_size(chw_result_factor(result, target, row, i, &contribution));
    }
    return touched + text_size(chw_result_unexplained(result, target));
}

static size_t touch(const struct chw_result *result)
{
    const char *column;
    size_t touched = text_size(chw_result_reason(result));
    size_t rows = chw_result_rows(result);
    for (size_t row = 0; row < rows; row++)
        if (chw_result_fault(result, row, &column) != CHW_FAULT_NONE)
            touched += text_size(column);
    for (size_t i = 0; i < chw_result_target_count(result); i++) {
        const float *probabilities = chw_result_probabilities(result, i);
        touched += text_size(chw_result_target_name(result, i));
        touched += chw_result_version(result, i)[31];
        for (size_t row = 0; row < rows; row++) {
            touched += probabilities[row] > 0.5F;
            touched += touch_row(result, i, row);
        }
    }
    return touched;
}

static void read_reply(const uint8_t *body, size_t size)
{
    struct chw_result *result;
    struct error_text error = {""};
    volatile size_t touched; /* or the reads are left out */
    size_t rows = size == 0 ? 0 : body[0] % 4;
    if (result_parse(body, size, 7, rows, &result, &error) != STATUS_OK) {
        require(error.text[0] != '\0');
        return;
    }
    require(chw_result_sequence(result) == 7);
    require(rows == 0 || chw_result_rows(result) == rows);
    require(chw_result_rows(result) <= CHW_ROWS_MAX);
    touched = touch(result);
    (void)touched;
    chw_result_free(result);
}

static void read_description(const uint8_t *body, size_t size)
{
    struct chw_description *description;
    struct error_text error = {""};
    if (description_parse(body, size, &description, &error) != STATUS_OK) {
        require(error.text[0] != '\0');
        return;
    }
    for (size_t i = 0; i < chw_description_count(description); i++)
        require(chw_description_name(description, i) != NULL);
    chw_description_free(description);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ProtobufCMessageDescriptor *const bodies[MESSAGE_TYPE_COUNT] = {
        [MESSAGE_SCORE] = &chw__batch__descriptor,
        [MESSAGE_DESCRIBE] = &chw__describe_request__descriptor,
        [MESSAGE_REPLY] = &chw__reply__descriptor,
        [MESSAGE_DESCRIPTION] = &chw__description__descriptor,
        [MESSAGE_BUSY] = &chw__busy__descriptor,
        [MESSAGE_REJECT] = &chw__reject__descriptor,
        [MESSAGE_PONG] = &chw__pong__descriptor,
        [MESSAGE_HELLO] = &chw__hello__descriptor,
        [MESSAGE_HEARTBEAT] = &chw__heartbeat__descriptor,
        [MESSAGE_RETURN] = &chw__return__descriptor,
        [MESSAGE_BURY] = &chw__batch__descriptor,
        [MESSAGE_STATUS_REPORT] = &chw__status_report__descriptor,
    };
    if (size < 1)
        return 0;
    uint8_t type = data[0] % MESSAGE_TYPE_COUNT;
    if (bodies[type] != NULL && size - 1 <= message_body_max(type))
        parse(bodies[type], data + 1, size - 1);
    if (type == MESSAGE_REPLY)
        read_reply(data + 1, size - 1);
    if (type == MESSAGE_DESCRIPTION)
        read_description(data + 1, size - 1);
    return 0;
}
