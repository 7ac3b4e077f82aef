/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch_state.h - what the dispatcher holds; for its own files only. */

#ifndef BROKER_DISPATCH_STATE_H
#define BROKER_DISPATCH_STATE_H

#include "broker/dispatch.h"
#include "broker/workers.h"

enum { DISPATCH_OUTBOX_MAX = 2 };

struct dispatch {
    struct dispatch_limits limits;
    struct jobs *jobs;
    struct workers *workers;
    struct clients *clients;
    struct region_queue *queue;
    struct list refused; /* jobs out of attempts that cannot be buried */
    struct list charged; /* queued jobs whose clients are to be told */
    struct heap deadlines;
    uint64_t now_ms;
    struct dispatch_action outbox[DISPATCH_OUTBOX_MAX];
    uint32_t outbox_count;
    uint64_t ticks;  /* that there were */
    bool inspecting; /* some worker may be dead or stuck */
    bool draining;
    uint32_t drain_ticks;
    struct job *drain_cursor; /* the last leased job whose client was told */
    bool drain_told;          /* all of them were */
    uint64_t leases_ended;
    struct counters counters;
};

#endif
