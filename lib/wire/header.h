/* SPDX-License-Identifier: Apache-2.0 */
/* header.h - the fixed header of every message, and the table of messages.
 *
 * On a socket: [routing id, where a ROUTER has one][header, 128 bytes][body]. Integers
 * are little-endian. The body is the protobuf message that the table names; it is an
 * empty frame where the table names none. docs: proto/README.md.
 *
 *   at  size                           at  size
 *    0   4  magic "CHW1"               40   8  acked_below
 *    4   1  version, 1                 48   4  as_of, days since 1970-01-01
 *    5   1  type                       52   4  zero
 *    6   1  flags                      56   8  ticket
 *    7   1  priority                   64  64  region, not terminated
 *    8   1  attempt
 *    9   1  region_size
 *   10   2  zero
 *   12   4  deadline_ms, from receipt; 0: none
 *   16  16  client id
 *   32   8  sequence
 *
 * Pure. */

#ifndef WIRE_HEADER_H
#define WIRE_HEADER_H

#include "base/error_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HEADER_SIZE = 128,
    HEADER_REGION_MAX = 63,
    CLIENT_ID_SIZE = 16,
    BODY_SIZE_MAX = 16 << 20, /* of a SCORE or REPLY: also the sockets' ZMQ_MAXMSGSIZE */
    CONTROL_SIZE_MAX = 4096,
    STATUS_SIZE_MAX = 1 << 20,
};

/* Every message: X(name, value, from, to, body, body_size_max). A new one is a row here,
 * a body in proto/, and a handler in the table of the program that receives it. */
#define MESSAGE_LIST(X)                                                                  \
    X(SCORE, 1, "client, broker", "broker, worker", "Batch", BODY_SIZE_MAX)              \
    X(DESCRIBE, 2, "client, broker", "broker, worker", "DescribeRequest",                \
      CONTROL_SIZE_MAX)                                                                  \
    X(REPLY, 3, "worker, broker", "broker, client", "Reply", BODY_SIZE_MAX)              \
    X(DESCRIPTION, 4, "worker, broker", "broker, client", "Description", BODY_SIZE_MAX)  \
    X(BUSY, 5, "broker", "client", "Busy", CONTROL_SIZE_MAX)                             \
    X(REJECT, 6, "broker, worker", "client, worker, broker", "Reject", CONTROL_SIZE_MAX) \
    X(PING, 7, "client", "broker", "", 0)                                                \
    X(PONG, 8, "broker", "client", "Pong", CONTROL_SIZE_MAX)                             \
    X(HELLO, 9, "worker", "broker", "Hello", CONTROL_SIZE_MAX)                           \
    X(HEARTBEAT, 10, "worker", "broker", "Heartbeat", CONTROL_SIZE_MAX)                  \
    X(RETURN, 11, "worker", "broker", "Return", CONTROL_SIZE_MAX)                        \
    X(BYE, 12, "worker", "broker", "", 0)                                                \
    X(WHO, 13, "broker", "worker", "", 0)                                                \
    X(BURY, 14, "broker", "worker", "Batch", BODY_SIZE_MAX)                              \
    X(DRAIN, 15, "broker", "client, worker", "", 0)                                      \
    X(STATUS, 16, "client", "broker", "", 0)                                             \
    X(STATUS_REPORT, 17, "broker", "client", "StatusReport", STATUS_SIZE_MAX)            \
    X(EXPIRED, 18, "broker, worker", "client, broker", "", 0)                            \
    X(CHARGED, 19, "broker", "client", "", 0)

enum message_type {
#define MESSAGE_ENUM(name, value, from, to, body, size_max) MESSAGE_##name = value,
    MESSAGE_LIST(MESSAGE_ENUM)
#undef MESSAGE_ENUM
        MESSAGE_TYPE_COUNT
};

enum header_flag {
    HEADER_WHAT_IF = 1, /* score only: settles nothing, has no sequence of the stream */
};

/* What identifies a batch for ever. */
struct batch_key {
    uint8_t client[CLIENT_ID_SIZE];
    uint64_t sequence;
};

struct header {
    enum message_type type;
    uint8_t flags;
    uint8_t priority; /* 0 bulk, 1 interactive */
    /* Workers that the batch has cost. From a client: as far as it has been told, at any
     * broker. CHARGED: so many by now. In what a broker dispatches: this one too, from 1.
     */
    uint8_t attempt;
    uint32_t deadline_ms; /* in what a broker dispatches: what is left of it */
    struct batch_key key;
    uint64_t
        acked_below; /* at most key.sequence: all lower ones are final at the client */
    int32_t as_of;
    /* broker <-> worker: the lease. PONG: the broker's instance, so that a client sees a
     * restart and sends again what is outstanding. From a client: one more than the bytes
     * of REPLY and DESCRIPTION, headers and bodies, that it has taken on the socket by
     * which it sends; 0: not told. */
    uint64_t ticket;
    char
        region[HEADER_REGION_MAX + 1]; /* terminated; printable UTF-8, no control bytes */
};

void header_encode(const struct header *header, uint8_t bytes[HEADER_SIZE]);

/* STATUS_MALFORMED: length, magic, version, type, a reserved byte, flags, region or
 * acked_below is not as it must be; `error` says which. SCORE and BURY need a region. */
MUST_CHECK enum status header_decode(const void *bytes, size_t size, struct header *out,
                                     struct error_text *error);

const char *message_name(enum message_type type);
size_t message_body_max(enum message_type type);

bool batch_key_equal(const struct batch_key *a, const struct batch_key *b);

/* A region: 1 to HEADER_REGION_MAX bytes, no control bytes. */
bool region_is_valid(const char *region);

#endif
