/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h - the truth about one batch: what it is, and what has become of it, whatever
 * brokers, workers, store and client believe. */

#ifndef SIM_BATCH_H
#define SIM_BATCH_H

#include "wire/header.h"

enum { SIM_BROKERS_MAX = 64 };

enum outcome {
    OUTCOME_NONE,
    OUTCOME_COUNTED,
    OUTCOME_INVALID,
    OUTCOME_DEAD,
    OUTCOME_SCORED,       /* what-if */
    OUTCOME_ACKNOWLEDGED, /* below the client's watermark */
    OUTCOME_EXPIRED,
    OUTCOME_REFUSED,
    OUTCOME_DESCRIBED,
};

/* What a reply says, and a settlement records. */
struct answer {
    enum outcome outcome;
    uint32_t version; /* of the models; 0: none */
    int32_t period;
};

struct batch {
    uint32_t client;
    uint64_t sequence; /* from 1 */
    uint32_t region, rows, size;
    int32_t period;
    uint64_t available_us; /* when the client's input has it */
    uint32_t deadline_ms;  /* 0: none */
    bool what_if, interactive, describe;
    bool poison;  /* whoever begins to score it dies */
    bool invalid; /* cannot be scored as a whole */

    struct answer settled; /* by the first writer; never forgotten, unlike the store's */
    uint32_t counted;      /* how often its demand was added */
    struct answer told;    /* what its client has learned, for good */
    uint32_t deaths;       /* of workers that scored it */
    uint32_t mishaps;      /* of workers that held it: a broker may have charged it */
    uint32_t spared;  /* deaths of workers that held it and were known to be at others */
    uint32_t charges; /* that its client is told of */
    bool over;        /* a broker has given it up, or passed on how it ended */
    uint32_t spare;   /* attempts of what was sent again when it was over */
    uint32_t shared;  /* deaths of workers that scored it together with poison */
    uint32_t flying;  /* granted and on its way to a worker */
    uint64_t asked;   /* brokers that it was sent to: a bit each */
    uint64_t queued_us; /* when a broker last took it in */
    uint64_t route;     /* by which it came last, and which broker's that is */
    uint32_t route_broker;
    uint8_t copies[SIM_BROKERS_MAX]; /* held by each broker */
};

#endif
