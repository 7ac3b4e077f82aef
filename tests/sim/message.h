/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - what travels: a header, and in place of a body what the body would say. */

#ifndef SIM_MESSAGE_H
#define SIM_MESSAGE_H

#include "base/list.h"
#include "tests/sim/batch.h"
#include "worker/holding.h"

struct message {
    struct list link; /* its owner's */
    struct header header;
    struct batch *batch;       /* of SCORE, DESCRIBE and BURY */
    bool mishap;               /* likewise: noted */
    struct answer answer;      /* of REPLY and DESCRIPTION */
    uint32_t answer_size;      /* of its body; from a broker: and its header */
    uint32_t retry_after_ms;   /* of BUSY */
    uint32_t held, credits;    /* of PONG */
    uint64_t connection;       /* likewise */
    bool workerless;           /* likewise */
    uint64_t progress;         /* of HEARTBEAT */
    struct holding_news *news; /* likewise; its own; NULL: none */
    uint32_t window;           /* of HELLO and HEARTBEAT */
    uint64_t window_bytes;     /* likewise */
    uint64_t instance;         /* of HELLO */
};

struct messages {
    struct list free;
    struct message_slab *slabs;
    uint32_t out; /* taken and not given back */
};

void messages_init(struct messages *self);
void messages_close(struct messages *self);

/* Empty but for the type. */
struct message *message_take(struct messages *self, enum message_type type);
struct holding_news *message_add_news(struct message *message);
struct message *message_copy(struct messages *self, const struct message *message);
void message_give_back(struct messages *self, struct message *message);

#endif
