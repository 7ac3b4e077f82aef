/* SPDX-License-Identifier: Apache-2.0 */
/* busy.h - why the broker does not take a batch now. */

#ifndef BROKER_BUSY_H
#define BROKER_BUSY_H

#include "broker/counters.h"

/* A new reason is a row here, and a counter busy_<name> in counters.h. */
#define BUSY_LIST(X)                                                                     \
    X(DRAINING, draining, "draining")                                                    \
    X(BATCHES, batches, "the broker holds its maximum of batches")                       \
    X(QUEUE, queue, "the broker's queue is full")                                        \
    X(REGIONS, regions, "the broker serves its maximum of regions")                      \
    X(REGION, region, "the region's queue is full")                                      \
    X(CLIENT, client, "the client's queue is full")                                      \
    X(UNTAKEN, untaken, "the client has too many answers to take first")

enum busy {
    BUSY_NOT, /* it is taken */
#define BUSY_ENUM(name, counter, text) BUSY_##name,
    BUSY_LIST(BUSY_ENUM)
#undef BUSY_ENUM
};

/* Static. */
const char *busy_text(enum busy busy);
uint64_t *busy_counter(struct counters *counters, enum busy busy);

#endif
