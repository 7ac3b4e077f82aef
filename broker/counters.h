/* SPDX-License-Identifier: Apache-2.0 */
/* counters.h - what a broker counts, with the names under which it is shown. */

#ifndef BROKER_COUNTERS_H
#define BROKER_COUNTERS_H

#include <stdint.h>

/* A new counter is a row here, and shows up wherever counters are shown. */
#define COUNTER_LIST(X)                                                                  \
    X(jobs_received, "SCORE and DESCRIBE frames from clients")                           \
    X(jobs_queued, "jobs taken into a queue")                                            \
    X(jobs_duplicate, "resends of a job that was queued or leased")                      \
    X(jobs_busy, "jobs and resends answered BUSY")                                       \
    X(busy_draining, "of these: the broker drains")                                      \
    X(busy_batches, "of these: it holds its maximum of batches")                         \
    X(busy_queue, "of these: its queue is full")                                         \
    X(busy_regions, "of these: it serves its maximum of regions")                        \
    X(busy_region, "of these: the region's queue is full")                               \
    X(busy_client, "of these: the client's queue is full")                               \
    X(busy_untaken, "of these: the client has not taken its answers")                    \
    X(jobs_rejected, "jobs answered REJECT")                                             \
    X(jobs_expired, "jobs whose deadline passed before a worker began")                  \
    X(leases_granted, "jobs handed to a worker")                                         \
    X(leases_returned, "jobs that a worker gave back unharmed")                          \
    X(leases_lost, "jobs taken back from a worker that died or stood still")             \
    X(leases_missed, "jobs taken back that their worker said not to hold any more")      \
    X(attempts_charged, "jobs that a worker died of, or stood still with")               \
    X(burials, "batches handed out as BURY, after the last attempt")                     \
    X(replies_forwarded, "answers passed on to clients")                                 \
    X(replies_dropped, "answers of clients that have too many to take")                  \
    X(replies_late, "answers to a lease that is over, dropped")                          \
    X(clients_gone, "answers that no client was there to receive")                       \
    X(workers_joined, "workers that said hello")                                         \
    X(workers_back, "workers that came back by another connection")                      \
    X(workers_left, "workers that said bye")                                             \
    X(workers_lost, "workers that fell silent or were gone")                             \
    X(workers_stuck, "times a worker held batches without progress for a lease")         \
    X(workers_unknown, "frames of unknown workers, answered WHO")                        \
    X(malformed_front, "frames on the client side that could not be used")               \
    X(malformed_back, "frames on the worker side that could not be used")

struct counters {
#define COUNTER_FIELD(name, help) uint64_t name;
    COUNTER_LIST(COUNTER_FIELD)
#undef COUNTER_FIELD
};

#endif
