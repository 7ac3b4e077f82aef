/* SPDX-License-Identifier: Apache-2.0 */
/* brokers.c - connections made and given up, and what goes out on them. */
#include "worker/brokers.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "wire/body.h"

#include "control.pb-c.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BYE_LINGER_MS = 1000,
    BROKERS_MAX = 2 * ADDRESSES_MAX, /* with those that leave */
    SPARE_MAX = 256,                 /* leases: a window of them */
};

void brokers_open(struct brokers *self, const struct brokers_options *options)
{
    *self = (struct brokers){.options = *options};
    list_init(&self->all);
    list_init(&self->spare);
}

struct broker *brokers_next(const struct brokers *self, const struct broker *after)
{
    const struct list *node = after == NULL ? &self->all : &after->link;
    return node->next == &self->all ? NULL : list_item(node->next, struct broker, link);
}

/* ---- who is live ---- */

static bool is_live(const struct broker *broker)
{
    return broker->connected && !broker->draining && !broker->leaving;
}

static void tell_meters(struct brokers *self, uint32_t connected)
{
    struct meters *meters = self->options.meters;
    atomic_fetch_add(&meters->connections, connected - self->connected);
    atomic_fetch_add(&meters->connected,
                     (unsigned)(connected > 0) - (unsigned)(self->connected > 0));
    self->connected = connected;
}

/* After any change to what is_live() looks at. */
static void count_live(struct brokers *self)
{
    uint32_t connected = 0;
    self->live = 0;
    for (struct broker *broker = brokers_next(self, NULL); broker != NULL;
         broker = brokers_next(self, broker)) {
        connected += broker->connected;
        self->live += is_live(broker);
    }
    if (connected != self->connected)
        tell_meters(self, connected);
}

static void set_connected(struct brokers *self, struct broker *broker, bool connected)
{
    if (broker->connected == connected)
        return;
    broker->connected = connected;
    count_live(self);
}

void brokers_set_draining(struct brokers *self, struct broker *broker, bool draining)
{
    broker->draining = draining;
    count_live(self);
}

/* Rounded up, so that each has one: what they give together may be a little more. */
static uint64_t share_of(const struct brokers *self, uint64_t whole)
{
    return self->live < 2 ? whole : (whole + self->live - 1) / self->live;
}

uint32_t brokers_window(const struct brokers *self, const struct broker *broker,
                        bool closed)
{
    bool none = closed || broker->leaving;
    return none ? 0 : (uint32_t)share_of(self, self->options.window);
}

/* ---- the set of brokers ---- */

static struct broker *find(const struct brokers *self, const char *endpoint)
{
    struct broker *broker = brokers_next(self, NULL);
    while (broker != NULL && strcmp(broker->endpoint, endpoint) != 0)
        broker = brokers_next(self, broker);
    return broker;
}

/* One thread speaks for all of them. */
static void log_change(const struct brokers *self, const char *event,
                       const char *endpoint)
{
    if (self->options.number == 0)
        log_info(event, "endpoint=%s", endpoint);
}

/* An address that cannot be connected to is left: the others go on. */
static void connect_to(struct brokers *self, const char *endpoint)
{
    struct error_text error = {""};
    int linger_ms = BYE_LINGER_MS;
    struct broker *broker = self->count == BROKERS_MAX ? NULL : calloc(1, sizeof *broker);
    if (broker == NULL)
        return;
    if (socket_connect(self->options.context, endpoint, &broker->socket, &error) !=
        STATUS_OK) {
        log_error("not_connected", "reason=\"%s\"", error.text);
        free(broker);
        return;
    }
    zmq_setsockopt(broker->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    snprintf(broker->endpoint, sizeof broker->endpoint, "%s", endpoint);
    random_bytes(&broker->instance, sizeof broker->instance);
    broker->all = self;
    holding_init(&broker->holding);
    list_push_back(&self->all, &broker->link);
    self->count++;
    log_change(self, "broker_found", endpoint);
}

static void log_trouble(const struct brokers *self)
{
    struct error_text trouble;
    addresses_trouble(self->options.addresses, &trouble);
    if (self->options.number == 0 && trouble.text[0] != '\0')
        log_warn("broker_addresses", "reason=\"%s\"", trouble.text);
}

void brokers_follow(struct brokers *self)
{
    struct address_set set;
    if (!addresses_get(self->options.addresses, &self->generation, &set))
        return;
    log_trouble(self);
    for (struct broker *broker = brokers_next(self, NULL); broker != NULL;
         broker = brokers_next(self, broker)) {
        bool gone = !address_set_has(&set, broker->endpoint);
        if (gone && !broker->leaving)
            log_change(self, "broker_gone", broker->endpoint);
        broker->leaving = gone;
    }
    for (size_t i = 0; i < set.count; i++)
        if (find(self, set.items[i]) == NULL)
            connect_to(self, set.items[i]);
    count_live(self);
}

static void close_broker(struct brokers *self, struct broker *broker)
{
    assert(broker->holding.count == 0);
    list_remove(&broker->link);
    self->count--;
    zmq_close(broker->socket);
    free(broker);
    count_live(self);
}

void brokers_farewell(struct brokers *self, struct broker *broker)
{
    if (broker->greeted)
        brokers_send_or_drop(self, broker, &(struct header){.type = MESSAGE_BYE}, NULL);
    close_broker(self, broker);
}

/* Large, and needed for each batch: the heap would be combed for them. NULL: none is
 * there. */
static struct lease *take_spare(struct brokers *self)
{
    if (self->spare_count == 0)
        return NULL;
    struct lease *lease = list_item(self->spare.next, struct lease, held.link);
    list_remove(&lease->held.link);
    self->spare_count--;
    return lease;
}

static void keep_spare(struct brokers *self, struct lease *lease)
{
    if (self->spare_count == SPARE_MAX) {
        free(lease);
        return;
    }
    list_push_front(&self->spare, &lease->held.link);
    self->spare_count++;
}

void brokers_close(struct brokers *self)
{
    struct broker *broker;
    while ((broker = brokers_next(self, NULL)) != NULL)
        brokers_farewell(self, broker);
    while (self->spare_count > 0)
        free(take_spare(self));
}

/* ---- sending ---- */

enum status broker_send(struct broker *self, const struct header *header,
                        const ProtobufCMessage *body)
{
    zmq_msg_t packed;
    zmq_msg_init(&packed);
    if (body != NULL && body_pack(body, &packed) != STATUS_OK)
        return STATUS_NOMEM;
    enum status status = message_send(self->socket, NULL, header, &packed);
    if (status != STATUS_OK)
        zmq_msg_close(&packed);
    return status;
}

bool brokers_send_or_drop(struct brokers *self, struct broker *broker,
                          const struct header *header, const ProtobufCMessage *body)
{
    bool sent = broker_send(broker, header, body) == STATUS_OK;
    self->options.counters->unsent += !sent;
    return sent;
}

void brokers_hello(struct brokers *self, struct broker *broker, bool closed)
{
    char host[128] = "?", name[192];
    Chw__Hello hello;
    chw__hello__init(&hello);
    gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, "%s/%ld/%" PRIu32, host, (long)getpid(),
             self->options.number);
    hello.name = name;
    hello.instance = broker->instance;
    hello.window = brokers_window(self, broker, closed);
    hello.window_bytes = share_of(self, self->options.window_bytes);
    broker->greeted = broker_send(broker, &(struct header){.type = MESSAGE_HELLO},
                                  &hello.base) == STATUS_OK;
}

static void put_news(Chw__Heartbeat *heartbeat, struct holding_news *news)
{
    heartbeat->told_held = news->told_held;
    heartbeat->elsewhere = news->elsewhere;
    heartbeat->held = news->held;
    heartbeat->n_held = news->held_count;
    if (news->named_count == 0)
        return;
    heartbeat->scoring_ticket = news->named[0];
    heartbeat->together = news->named + 1;
    heartbeat->n_together = news->named_count - 1;
}

void brokers_heartbeat(struct brokers *self, struct broker *broker,
                       const struct brokers_news *news)
{
    static char release[] = CHW_VERSION;
    struct holding_news holds;
    Chw__Heartbeat heartbeat;
    chw__heartbeat__init(&heartbeat);
    holding_tell(&broker->holding, news->scoring, &holds);
    put_news(&heartbeat, &holds);
    heartbeat.progress = news->progress;
    heartbeat.records = news->records;
    heartbeat.serving = (char *)(uintptr_t)news->serving; /* packed, never changed */
    heartbeat.release = release;
    heartbeat.window = brokers_window(self, broker, news->closed);
    heartbeat.window_bytes = share_of(self, self->options.window_bytes);
    broker->window_told = heartbeat.window;
    const struct header header = {.type = MESSAGE_HEARTBEAT};
    bool left =
        broker->greeted && brokers_send_or_drop(self, broker, &header, &heartbeat.base);
    set_connected(self, broker, left);
}

/* ---- waiting ---- */

void brokers_wait(struct brokers *self, int fd, uint64_t wait_ms)
{
    zmq_pollitem_t items[BROKERS_MAX + 1] = {{.fd = fd, .events = ZMQ_POLLIN}};
    int count = 1;
    for (struct broker *broker = brokers_next(self, NULL); broker != NULL;
         broker = brokers_next(self, broker))
        items[count++] = (zmq_pollitem_t){
            .socket = broker->socket,
            .events = broker->greeted ? ZMQ_POLLIN : ZMQ_POLLOUT,
        };
    zmq_poll(items, count, (long)wait_ms);
}

/* ---- leases ---- */

struct lease *lease_new(struct broker *broker, struct message *message,
                        struct outbox *outbox)
{
    struct lease *self = take_spare(broker->all);
    if (self == NULL)
        self = malloc(sizeof *self);
    if (self == NULL)
        return NULL;
    self->broker = broker;
    self->since_us = clock_monotonic_us();
    zmq_msg_init(&self->body);
    zmq_msg_move(&self->body, &message->body);
    task_init(&self->task, &message->header, zmq_msg_data(&self->body),
              zmq_msg_size(&self->body), outbox);
    holding_add(&broker->holding, &self->held, &message->header, self->task.body_size);
    return self;
}

void lease_free(struct lease *self)
{
    held_drop(&self->held);
    task_release(&self->task);
    zmq_msg_close(&self->body);
    keep_spare(self->broker->all, self);
}
