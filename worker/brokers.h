/* SPDX-License-Identifier: Apache-2.0 */
/* brokers.h - a scoring thread's connections, one to each broker: who is there, what the
 * thread holds of each, and what each has been told.
 *
 *   (address) --> connecting --HELLO--> live --address gone--> leaving --BYE--> (closed)
 *                                        ^  |  gets no more credits; what was begun for
 * it
 *                                        +--+  is finished and answered
 *                             lost, and connected anew
 *
 * The thread's window is shared out: each live broker gets as much of it as any other.
 */

#ifndef WORKER_BROKERS_H
#define WORKER_BROKERS_H

#include "wire/addresses.h"
#include "wire/socket.h"
#include "worker/holding.h"
#include "worker/meters.h"
#include "worker/task.h"

struct broker;

/* A batch that a broker has handed out, and the message whose body it borrows. */
struct lease {
    struct task task; /* its first member */
    zmq_msg_t body;
    struct broker *broker;
    struct held held;
    uint64_t since_us; /* that it waits, is being scored, or settled */
};

struct broker {
    struct list link;
    struct brokers *all;
    char endpoint[ADDRESS_SIZE];
    void *socket;
    uint64_t instance;      /* of the socket: random */
    bool greeted;           /* HELLO is on its way: there was a connection */
    bool connected;         /* the last heartbeat left */
    bool draining;          /* it hands out nothing more */
    bool leaving;           /* its address is gone */
    struct holding holding; /* leases */
    uint32_t window_told;   /* by the last heartbeat */
};

struct brokers_options {
    void *context;
    struct addresses *addresses;
    uint32_t window;       /* batches that the thread holds at once */
    uint64_t window_bytes; /* bodies, beyond a first; 0: no bound */
    uint32_t number;       /* of the thread */
    struct meters *meters;
    struct loop_counters *counters;
};

struct brokers {
    struct brokers_options options;
    struct list all;
    struct list spare; /* leases that are over, for those to come */
    uint32_t spare_count;
    uint32_t count, connected, live;
    uint64_t generation; /* of the addresses */
};

/* What heartbeats say of the thread as a whole. */
struct brokers_news {
    uint64_t progress, records;
    const char *serving;
    bool closed;  /* takes nothing new */
    bool scoring; /* some lease is in progress */
};

void brokers_open(struct brokers *self, const struct brokers_options *options);
void brokers_close(struct brokers *self); /* no lease is held any more */

/* Connects to addresses that are new; brokers whose address is gone begin to leave. */
void brokers_follow(struct brokers *self);

/* for (b = brokers_next(s, NULL); b != NULL; b = brokers_next(s, b)) */
struct broker *brokers_next(const struct brokers *self, const struct broker *after);

/* It hands out nothing more, or does so again. */
void brokers_set_draining(struct brokers *self, struct broker *broker, bool draining);

/* A broker's part of the window, now; 0 where the thread is closed. */
uint32_t brokers_window(const struct brokers *self, const struct broker *broker,
                        bool closed);

/* Nobody to send to is STATUS_UNAVAILABLE, and no error: a broker that comes back asks
 * WHO, and batches that were not answered come again. */
MUST_CHECK enum status broker_send(struct broker *self, const struct header *header,
                                   const ProtobufCMessage *body);

/* Of what the next of the same kind makes up for. False: it was dropped, and counted. */
bool brokers_send_or_drop(struct brokers *self, struct broker *broker,
                          const struct header *header, const ProtobufCMessage *body);

void brokers_hello(struct brokers *self, struct broker *broker, bool closed);
void brokers_heartbeat(struct brokers *self, struct broker *broker,
                       const struct brokers_news *news);

/* Says BYE and closes. It holds no lease. */
void brokers_farewell(struct brokers *self, struct broker *broker);

/* Until a message, an event on `fd`, or the time is over. */
void brokers_wait(struct brokers *self, int fd, uint64_t wait_ms);

/* A lease of the message that was received from this broker, whose body it takes. NULL:
 * out of memory. */
struct lease *lease_new(struct broker *broker, struct message *message,
                        struct outbox *outbox);
void lease_free(struct lease *self);

#endif
