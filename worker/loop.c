/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c - frames to tasks, tasks to frames: the worker's only use of libzmq. */
#include "worker/loop.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/proto_parse.h"
#include "wire/body.h"
#include "wire/socket.h"
#include "worker/task.h"

#include "control.pb-c.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HEARTBEAT_MS = 500,
    ROUND_MAX = 64, /* frames received before work goes on */
    BYE_LINGER_MS = 1000,
    SERVING_SIZE = 192, /* as proto/control.proto says */
};

/* A task and the message whose body it borrows. */
struct held {
    struct task task;
    zmq_msg_t body;
    uint64_t since_us; /* that it is being scored, or settled */
};

struct loop {
    struct loop_options options;
    void *socket;
    struct outbox *outbox;
    pthread_t thread;
    struct message message; /* the one being handled */
    struct snapshot *snapshot;

    struct list inbox;   /* not begun, oldest first; at most the window */
    struct list ready;   /* begun, to be scored (again) */
    struct task *active; /* being scored; NULL: none */
    uint32_t waiting;    /* length of `inbox` */
    uint32_t committing; /* tasks whose job is with the committer */
    bool draining;
    bool greeted; /* HELLO is on its way: there is a connection */

    uint64_t progress;
    uint64_t heartbeat_ms; /* when the next is due */
    uint32_t window_sent;
    uint64_t ticket_sent; /* the batch that the broker believes is being scored */
    struct loop_counters counters, counters_told;
    bool connected; /* the last heartbeat left */
};

void *loop_context_new(void)
{
    return zmq_ctx_new();
}

void loop_context_free(void *context)
{
    if (context != NULL)
        zmq_ctx_term(context);
}

/* ---- sending ---- */

/* Nobody to send to is no error here: a broker that comes back asks WHO, and batches that
 * were not answered come again. */
static enum status send_message(struct loop *self, const struct header *header,
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

/* Of what the next of the same kind makes up for. False: it was dropped. */
static bool send_or_drop(struct loop *self, const struct header *header,
                         const ProtobufCMessage *body)
{
    bool sent = send_message(self, header, body) == STATUS_OK;
    self->counters.unsent += !sent;
    return sent;
}

static void set_connected(struct loop *self, bool connected)
{
    struct meters *meters = self->options.meters;
    if (connected && !self->connected)
        atomic_fetch_add(&meters->connected, 1);
    if (!connected && self->connected)
        atomic_fetch_sub(&meters->connected, 1);
    self->connected = connected;
}

static uint32_t window_now(const struct loop *self)
{
    bool closed = self->draining || committer_is_away(self->options.committer);
    return closed ? 0 : self->options.window;
}

static void send_hello(struct loop *self)
{
    char host[128] = "?", name[192];
    Chw__Hello hello;
    chw__hello__init(&hello);
    gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, "%s/%ld/%" PRIu32, host, (long)getpid(),
             self->options.number);
    hello.name = name;
    hello.window = window_now(self);
    self->greeted = send_message(self, &(struct header){.type = MESSAGE_HELLO},
                                 &hello.base) == STATUS_OK;
}

/* Waiting for the store is progress, up to a bound. */
static bool waits_for_store(const struct loop *self)
{
    uint64_t since_ms = committer_busy_since_ms(self->options.committer);
    return self->committing > 0 && since_ms != 0 &&
           clock_monotonic_ms() - since_ms < self->options.wait_ms;
}

static void send_heartbeat(struct loop *self)
{
    static char release[] = CHW_VERSION;
    Chw__Heartbeat heartbeat;
    char serving[SERVING_SIZE];
    chw__heartbeat__init(&heartbeat);
    self->progress += waits_for_store(self);
    self->window_sent = window_now(self);
    self->heartbeat_ms = clock_monotonic_ms() + HEARTBEAT_MS;
    heartbeat.progress = self->progress;
    self->ticket_sent = self->active == NULL ? 0 : self->active->header.ticket;
    heartbeat.scoring_ticket = self->ticket_sent;
    heartbeat.window = self->window_sent;
    current_hold(self->options.current, &self->snapshot);
    serving_describe(self->snapshot, serving, sizeof serving);
    heartbeat.serving = serving;
    heartbeat.release = release;
    heartbeat.records = self->counters.records;
    set_connected(self,
                  self->greeted &&
                      send_or_drop(self, &(struct header){.type = MESSAGE_HEARTBEAT},
                                   &heartbeat.base));
    meters_add(self->options.meters, &self->counters, &self->counters_told);
}

static struct header answer_header(const struct header *asked, enum message_type type)
{
    struct header header = *asked;
    header.type = type;
    return header;
}

static void send_return(struct loop *self, const struct header *asked, char *reason)
{
    struct header header = answer_header(asked, MESSAGE_RETURN);
    Chw__Return body;
    chw__return__init(&body);
    body.reason = reason;
    send_or_drop(self, &header, &body.base);
    self->counters.returned++;
}

static void count_answer(struct loop *self, const struct task *task)
{
    if (task->answer_type != MESSAGE_REPLY)
        return;
    const Chw__Reply *reply = (const Chw__Reply *)(const void *)task->answer;
    Chw__Outcome outcome = reply->outcome;
    bool counted = outcome == CHW__OUTCOME__OUTCOME_COUNTED;
    self->counters.batches += counted;
    self->counters.records += counted ? reply->rows : 0;
    self->counters.what_if += outcome == CHW__OUTCOME__OUTCOME_SCORED;
    self->counters.invalid +=
        outcome == CHW__OUTCOME__OUTCOME_INVALID || outcome == CHW__OUTCOME__OUTCOME_DEAD;
    self->counters.duplicates += task->duplicate;
}

/* What cannot be packed now is somebody else's to answer; an empty answer would be
 * final. */
static void send_answer(struct loop *self, const struct task *task)
{
    struct header header = answer_header(&task->header, task->answer_type);
    enum status status = send_message(self, &header, task->answer);
    if (status == STATUS_NOMEM) {
        send_return(self, &task->header, "out of memory");
        return;
    }
    self->counters.unsent += status != STATUS_OK;
    count_answer(self, task);
}

/* ---- tasks ---- */

static void free_task(struct task *task)
{
    struct held *held = (struct held *)(void *)task; /* its first member */
    task_release(task);
    zmq_msg_close(&held->body);
    free(held);
}

/* How long the step took that began with since_us. */
static void observe(struct metric *metric, const struct task *task)
{
    const struct held *held = (const struct held *)(const void *)task;
    metric_observe(metric, (double)(clock_monotonic_us() - held->since_us) / 1e6);
}

static void perform(struct loop *self, struct task *task, enum task_next next)
{
    ((struct held *)(void *)task)->since_us = clock_monotonic_us();
    switch (next) {
    case TASK_SCORE:
        list_push_back(&self->ready, &task->link);
        return;
    case TASK_COMMIT:
        self->committing++;
        committer_submit(self->options.committer, &task->job);
        return;
    case TASK_ANSWER:
        send_answer(self, task);
        break;
    case TASK_RETURN:
        send_return(self, &task->header, task->reason);
        break;
    }
    free_task(task);
}

static struct task *take_first(struct list *ring)
{
    if (list_empty(ring))
        return NULL;
    struct task *task = list_item(ring->next, struct task, link);
    list_remove(&task->link);
    return task;
}

static struct task *take_waiting(struct loop *self)
{
    struct task *task = take_first(&self->inbox);
    self->waiting -= task != NULL;
    return task;
}

/* The broker is told before a batch is begun, so that it knows whom to charge for it. */
static void begin_next(struct loop *self)
{
    struct task *task = take_waiting(self);
    if (task == NULL)
        return;
    current_hold(self->options.current, &self->snapshot);
    self->active = task;
    send_heartbeat(self);
    enum task_next next = task_begin(task, self->snapshot, clock_today());
    self->active = NULL;
    perform(self, task, next);
}

/* One block, or the end of a batch, or the begin of one. False: there is nothing to do.
 */
static bool work(struct loop *self)
{
    if (self->active == NULL)
        self->active = take_first(&self->ready);
    if (self->active == NULL) {
        bool waiting = !list_empty(&self->inbox);
        begin_next(self);
        return waiting;
    }
    self->progress++;
    if (self->active->header.ticket != self->ticket_sent) /* one that is scored again */
        send_heartbeat(self);
    if (scoring_step(self->active->scoring))
        return true;
    struct task *task = self->active;
    self->active = NULL;
    observe(self->options.meters->scoring, task);
    perform(self, task, task_scored(task));
    return true;
}

static void take_committed(struct loop *self)
{
    struct commit_job *job;
    while ((job = outbox_take(self->outbox)) != NULL) {
        struct task *task = job->owner;
        if (job->kind == COMMIT_SETTLE && job->status == STATUS_OK)
            observe(self->options.meters->settlement, task);
        self->committing--;
        self->progress++;
        current_hold(self->options.current, &self->snapshot);
        perform(self, task, task_committed(task, self->snapshot, clock_today()));
    }
}

/* What was not begun goes back, or is forgotten where the broker has no lease for it. */
static void empty_inbox(struct loop *self, char *reason)
{
    struct task *task;
    while ((task = take_waiting(self)) != NULL) {
        if (reason != NULL)
            send_return(self, &task->header, reason);
        free_task(task);
    }
}

/* ---- receiving ---- */

/* STATUS_MALFORMED: the body cannot be used, `error` says why. */
typedef enum status handler_fn(struct loop *self, struct error_text *error);

static enum status take_task(struct loop *self, struct error_text *error)
{
    const struct header *header = &self->message.header;
    (void)error;
    bool full = self->waiting == self->options.window;
    struct held *held = self->draining || full ? NULL : malloc(sizeof *held);
    if (held == NULL) {
        send_return(self, header,
                    self->draining ? "draining"
                    : full         ? "more than the window"
                                   : "out of memory");
        return STATUS_OK;
    }
    zmq_msg_init(&held->body);
    zmq_msg_move(&held->body, &self->message.body);
    task_init(&held->task, header, zmq_msg_data(&held->body), zmq_msg_size(&held->body),
              self->outbox);
    list_push_back(&self->inbox, &held->task.link);
    self->waiting++;
    return STATUS_OK;
}

static enum status take_who(struct loop *self, struct error_text *error)
{
    (void)error;
    empty_inbox(self, NULL);
    send_hello(self);
    send_heartbeat(self);
    return STATUS_OK;
}

static enum status take_drain(struct loop *self, struct error_text *error)
{
    (void)error;
    log_info("broker_drains", "thread=%" PRIu32, self->options.number);
    return STATUS_OK;
}

static enum status take_reject(struct loop *self, struct error_text *error)
{
    ProtobufCMessage *message =
        proto_parse(&chw__reject__descriptor, zmq_msg_data(&self->message.body),
                    zmq_msg_size(&self->message.body));
    if (message == NULL)
        return error_set(error, STATUS_MALFORMED, "the body of REJECT does not parse");
    log_warn("rejected", "reason=\"%.200s\"", ((Chw__Reject *)message)->reason);
    proto_free(message);
    return STATUS_OK;
}

static handler_fn *const handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_SCORE] = take_task,  [MESSAGE_DESCRIBE] = take_task,
    [MESSAGE_BURY] = take_task,   [MESSAGE_WHO] = take_who,
    [MESSAGE_DRAIN] = take_drain, [MESSAGE_REJECT] = take_reject,
};

/* Counted, dropped, the peer told; but two who refuse each other's refusals would never
 * end. */
static void refuse_frame(struct loop *self, const struct error_text *error)
{
    char reason[sizeof error->text];
    Chw__Reject reject;
    chw__reject__init(&reject);
    snprintf(reason, sizeof reason, "%s", error->text);
    reject.reason = reason;
    if (self->counters.malformed++ == 0)
        log_warn("malformed", "reason=\"%s\"", error->text);
    if (self->message.header.type != MESSAGE_REJECT)
        send_or_drop(self, &(struct header){.type = MESSAGE_REJECT}, &reject.base);
}

static enum status receive_one(struct loop *self)
{
    struct error_text error = {""};
    enum status status = message_receive(self->socket, false, &self->message, &error);
    if (status == STATUS_OK) {
        enum message_type type = self->message.header.type;
        handler_fn *handler = handlers[type];
        status = handler == NULL
                     ? error_set(&error, STATUS_MALFORMED,
                                 "%s does not belong on this socket", message_name(type))
                     : handler(self, &error);
    }
    if (status == STATUS_MALFORMED)
        refuse_frame(self, &error);
    return status;
}

static void receive(struct loop *self)
{
    enum status status = STATUS_OK;
    for (int i = 0; i < ROUND_MAX && status != STATUS_END && status != STATUS_IO; i++)
        status = receive_one(self);
}

/* ---- the thread ---- */

static void wait_for_work(struct loop *self)
{
    uint64_t now_ms = clock_monotonic_ms();
    long wait_ms = self->heartbeat_ms > now_ms ? (long)(self->heartbeat_ms - now_ms) : 0;
    zmq_pollitem_t items[] = {
        {.socket = self->socket, .events = self->greeted ? ZMQ_POLLIN : ZMQ_POLLOUT},
        {.fd = outbox_fd(self->outbox), .events = ZMQ_POLLIN},
    };
    zmq_poll(items, 2, wait_ms);
}

static void look_at_stop(struct loop *self)
{
    if (self->draining || !atomic_load(self->options.stop))
        return;
    self->draining = true;
    send_heartbeat(self);
    empty_inbox(self, "draining");
}

static bool has_work(const struct loop *self)
{
    return self->active != NULL || self->committing > 0 || !list_empty(&self->inbox) ||
           !list_empty(&self->ready);
}

static void *run(void *arg)
{
    struct loop *self = arg;
    while (!self->draining || has_work(self)) {
        if (!self->greeted)
            send_hello(self);
        receive(self);
        take_committed(self);
        look_at_stop(self);
        if (self->window_sent != window_now(self) ||
            clock_monotonic_ms() >= self->heartbeat_ms)
            send_heartbeat(self);
        if (!work(self) && (!self->draining || has_work(self)))
            wait_for_work(self);
    }
    if (self->greeted)
        send_or_drop(self, &(struct header){.type = MESSAGE_BYE}, NULL);
    set_connected(self, false);
    meters_add(self->options.meters, &self->counters, &self->counters_told);
    return NULL;
}

enum status loop_start(const struct loop_options *options, struct loop **out,
                       struct error_text *error)
{
    struct loop *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    self->options = *options;
    list_init(&self->inbox);
    list_init(&self->ready);
    message_init(&self->message);
    self->outbox = outbox_new();
    enum status status =
        self->outbox == NULL
            ? error_set(error, STATUS_NOMEM, "out of memory")
            : socket_connect(options->context, options->broker, &self->socket, error);
    if (status != STATUS_OK) {
        outbox_free(self->outbox);
        free(self);
        return status;
    }
    int linger_ms = BYE_LINGER_MS;
    zmq_setsockopt(self->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    int made = pthread_create(&self->thread, NULL, run, self);
    assert(made == 0);
    *out = self;
    return STATUS_OK;
}

void loop_wake(struct loop *self)
{
    outbox_wake(self->outbox);
}

void loop_join(struct loop *self, struct loop_counters *counters)
{
    pthread_join(self->thread, NULL);
#define LOOP_COUNTER_ADD(name, help) counters->name += self->counters.name;
    LOOP_COUNTER_LIST(LOOP_COUNTER_ADD)
#undef LOOP_COUNTER_ADD
    message_close(&self->message);
    zmq_close(self->socket);
    snapshot_drop(self->snapshot);
    outbox_free(self->outbox);
    free(self);
}
