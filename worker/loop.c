/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c - frames to tasks, tasks to frames. */
#include "worker/loop.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/proto_parse.h"
#include "worker/brokers.h"
#include "worker/together.h"

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
    GATHER_US = 4000,   /* that a job waits for others, while there is more to score */
    GATHER_MAX = 16,    /* jobs: more are worth a transaction at once */
    ROUND_MAX = 64,     /* frames received from one broker before work goes on */
    SERVING_SIZE = 192, /* as proto/control.proto says */
};

struct loop {
    struct loop_options options;
    struct brokers brokers;
    struct outbox *outbox;
    pthread_t thread;
    struct message message; /* the one being handled */
    struct broker *sender;  /* its */
    struct snapshot *snapshot;
    const struct snapshot *described; /* whose versions `serving` names */
    char serving[SERVING_SIZE];

    struct list inbox;   /* not begun, oldest first; of each broker at most the window */
    struct list ready;   /* begun, to be scored (again); those of one pass in a row */
    struct list active;  /* in progress: being begun, or scored in one pass */
    struct list jobs;    /* for the committer: gathered, those of one pass together */
    uint32_t gathered;   /* how many they are */
    uint32_t committing; /* tasks whose job is in `jobs` or with the committer */
    bool draining;

    uint64_t progress;
    uint64_t heartbeat_ms; /* when the next are due */
    struct loop_counters counters, counters_told;
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

static struct lease *lease_of(struct task *task)
{
    return (struct lease *)(void *)task; /* its first member */
}

/* ---- what brokers are told ---- */

static bool is_closed(const struct loop *self)
{
    return self->draining || committer_is_away(self->options.committer);
}

static const char *describe_serving(struct loop *self)
{
    current_hold(self->options.current, &self->snapshot);
    if (self->snapshot != self->described)
        serving_describe(self->snapshot, self->serving, sizeof self->serving);
    self->described = self->snapshot;
    return self->serving;
}

static void send_heartbeat(struct loop *self, struct broker *broker)
{
    const struct brokers_news news = {
        .progress = self->progress,
        .records = self->counters.records,
        .serving = describe_serving(self),
        .closed = is_closed(self),
        .scoring = !list_empty(&self->active),
    };
    brokers_heartbeat(&self->brokers, broker, &news);
}

/* Waiting for the store is progress, up to a bound. */
static bool waits_for_store(const struct loop *self)
{
    uint64_t since_ms = committer_busy_since_ms(self->options.committer);
    return self->committing > 0 && since_ms != 0 &&
           clock_monotonic_ms() - since_ms < self->options.wait_ms;
}

/* To all, when it is time. */
static void beat(struct loop *self, uint64_t now_ms)
{
    self->heartbeat_ms = now_ms + HEARTBEAT_MS;
    self->progress += waits_for_store(self);
    for (struct broker *broker = brokers_next(&self->brokers, NULL); broker != NULL;
         broker = brokers_next(&self->brokers, broker))
        send_heartbeat(self, broker);
    meters_add(self->options.meters, &self->counters, &self->counters_told);
}

/* Before batches are begun or scored each broker knows whether they are its own, and so
 * whom to charge should this be the end of the worker. */
static void announce(struct loop *self)
{
    bool scoring = !list_empty(&self->active);
    for (struct broker *broker = brokers_next(&self->brokers, NULL); broker != NULL;
         broker = brokers_next(&self->brokers, broker))
        if (broker->greeted && holding_is_misled(&broker->holding, scoring))
            send_heartbeat(self, broker);
}

/* Before the thread rests no broker believes that what only waits for the store is in
 * progress. Had more been begun at once, that would have been announced. */
static void take_back(struct loop *self)
{
    for (struct broker *broker = brokers_next(&self->brokers, NULL); broker != NULL;
         broker = brokers_next(&self->brokers, broker))
        if (broker->greeted && holding_is_outdated(&broker->holding))
            send_heartbeat(self, broker);
}

static void activate(struct loop *self, struct lease *lease)
{
    held_set_scoring(&lease->held, true);
    list_push_back(&self->active, &lease->task.link);
}

static struct header answer_header(const struct header *asked, enum message_type type)
{
    struct header header = *asked;
    header.type = type;
    return header;
}

static void send_return(struct loop *self, struct broker *broker,
                        const struct header *asked, char *reason)
{
    struct header header = answer_header(asked, MESSAGE_RETURN);
    Chw__Return body;
    chw__return__init(&body);
    body.reason = reason;
    brokers_send_or_drop(&self->brokers, broker, &header, &body.base);
    self->counters.returned++;
}

static void count_answer(struct loop *self, const struct task *task)
{
    self->counters.expired += task->answer_type == MESSAGE_EXPIRED;
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
static void send_answer(struct loop *self, const struct lease *lease)
{
    const struct task *task = &lease->task;
    struct header header = answer_header(&task->header, task->answer_type);
    enum status status = broker_send(lease->broker, &header, task->answer);
    if (status == STATUS_NOMEM) {
        send_return(self, lease->broker, &task->header, "out of memory");
        return;
    }
    self->counters.unsent += status != STATUS_OK;
    count_answer(self, task);
}

/* ---- tasks ---- */

/* How long the step took that began with since_us. */
static void observe(struct metric *metric, const struct lease *lease)
{
    metric_observe(metric, (double)(clock_monotonic_us() - lease->since_us) / 1e6);
}

static void perform(struct loop *self, struct lease *lease, enum task_next next)
{
    lease->since_us = clock_monotonic_us();
    switch (next) {
    case TASK_SCORE:
        list_push_back(&self->ready, &lease->task.link);
        return;
    case TASK_COMMIT:
        self->committing++;
        self->gathered++;
        list_push_back(&self->jobs, &lease->task.job.link);
        return;
    case TASK_ANSWER:
        send_answer(self, lease);
        break;
    case TASK_RETURN:
        send_return(self, lease->broker, &lease->task.header, lease->task.reason);
        break;
    }
    lease_free(lease);
}

static struct lease *first_of(const struct list *ring)
{
    return list_empty(ring) ? NULL : lease_of(list_item(ring->next, struct task, link));
}

static struct lease *take_first(struct list *ring)
{
    struct lease *lease = first_of(ring);
    if (lease != NULL)
        list_remove(&lease->task.link);
    return lease;
}

/* No more in progress. */
static struct lease *take_active(struct loop *self)
{
    struct lease *lease = take_first(&self->active);
    if (lease != NULL)
        held_set_scoring(&lease->held, false);
    return lease;
}

/* The next of the inbox becomes active, unless its time is over. */
static void begin_first(struct loop *self)
{
    struct lease *lease = take_first(&self->inbox);
    held_begin(&lease->held);
    if (task_expire(&lease->task, (clock_monotonic_us() - lease->since_us) / 1000))
        perform(self, lease, TASK_ANSWER);
    else
        activate(self, lease);
}

/* The oldest of the inbox, and what waits behind it, as far as it is small. */
static void begin_waiting(struct loop *self)
{
    bool together = first_of(&self->inbox)->held.may_join;
    size_t count = 0;
    do
        begin_first(self);
    while (++count < TOGETHER_MAX && together && !list_empty(&self->inbox) &&
           first_of(&self->inbox)->held.may_join);
}

/* What is active is begun: parsed, bound, and from then on ready, or over. */
static void begin(struct loop *self)
{
    struct task *tasks[TOGETHER_MAX];
    enum task_next next[TOGETHER_MAX];
    size_t count = 0;
    for (struct list *node = self->active.next; node != &self->active; node = node->next)
        tasks[count++] = list_item(node, struct task, link);
    if (count == 0)
        return;
    current_hold(self->options.current, &self->snapshot);
    announce(self);
    if (count == 1)
        next[0] = task_begin(tasks[0], self->snapshot, clock_today());
    else
        together_begin(tasks, count, self->snapshot, clock_today(), next);
    while (take_active(self) != NULL)
        ;
    for (size_t i = 0; i < count; i++)
        perform(self, lease_of(tasks[i]), next[i]);
}

/* The next pass: those that are in it. */
static void take_ready(struct loop *self)
{
    const struct pass *pass = first_of(&self->ready)->task.pass;
    do
        activate(self, take_first(&self->ready));
    while (!list_empty(&self->ready) && first_of(&self->ready)->task.pass == pass);
}

static void end_pass(struct loop *self)
{
    struct lease *lease;
    while ((lease = take_active(self)) != NULL) {
        observe(self->options.meters->scoring, lease);
        perform(self, lease, task_scored(&lease->task));
    }
}

static void score_block(struct loop *self)
{
    struct scoring *scoring = first_of(&self->active)->task.pass->scoring;
    self->progress++;
    announce(self); /* one that is scored again */
    if (!scoring_step(scoring) || scoring_is_done(scoring))
        end_pass(self);
}

/* The begin of what waits, where nothing is begun; then one block. False: there is
 * nothing to do. */
static bool work(struct loop *self)
{
    bool begins = list_empty(&self->active) && list_empty(&self->ready);
    if (begins && list_empty(&self->inbox))
        return false;
    if (begins) {
        begin_waiting(self);
        begin(self);
    }
    if (list_empty(&self->active) && !list_empty(&self->ready))
        take_ready(self);
    if (!list_empty(&self->active))
        score_block(self);
    return true;
}

static void take_committed(struct loop *self)
{
    struct commit_job *job;
    while ((job = outbox_take(self->outbox)) != NULL) {
        struct lease *lease = lease_of(job->owner);
        if (job->kind == COMMIT_SETTLE && job->status == STATUS_OK)
            observe(self->options.meters->settlement, lease);
        self->committing--;
        self->progress++;
        current_hold(self->options.current, &self->snapshot);
        perform(self, lease, task_committed(&lease->task, self->snapshot, clock_today()));
    }
}

/* What was not begun for this broker goes back, or is forgotten where the broker has no
 * lease for it. */
static void empty_inbox(struct loop *self, struct broker *broker, char *reason)
{
    struct list *next;
    for (struct list *node = self->inbox.next; node != &self->inbox; node = next) {
        struct task *task = list_item(node, struct task, link);
        next = node->next;
        if (lease_of(task)->broker != broker)
            continue;
        list_remove(node);
        if (reason != NULL)
            send_return(self, broker, &task->header, reason);
        lease_free(lease_of(task));
    }
}

/* ---- receiving ---- */

/* STATUS_MALFORMED: the body cannot be used, `error` says why. */
typedef enum status handler_fn(struct loop *self, struct error_text *error);

static enum status take_task(struct loop *self, struct error_text *error)
{
    struct broker *broker = self->sender;
    (void)error;
    bool closed = self->draining || broker->leaving;
    bool full = broker->holding.waiting == self->options.window;
    struct lease *lease =
        closed || full ? NULL : lease_new(broker, &self->message, self->outbox);
    if (lease != NULL)
        list_push_back(&self->inbox, &lease->task.link);
    else
        send_return(self, broker, &self->message.header,
                    closed ? "draining"
                    : full ? "more than the window"
                           : "out of memory");
    return STATUS_OK;
}

static enum status take_who(struct loop *self, struct error_text *error)
{
    struct broker *broker = self->sender;
    (void)error;
    empty_inbox(self, broker, NULL);
    brokers_set_draining(&self->brokers, broker, false);
    brokers_hello(&self->brokers, broker, is_closed(self));
    send_heartbeat(self, broker);
    return STATUS_OK;
}

static enum status take_drain(struct loop *self, struct error_text *error)
{
    (void)error;
    brokers_set_draining(&self->brokers, self->sender, true);
    log_info("broker_drains", "thread=%" PRIu32 " endpoint=%s", self->options.number,
             self->sender->endpoint);
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
        brokers_send_or_drop(&self->brokers, self->sender,
                             &(struct header){.type = MESSAGE_REJECT}, &reject.base);
}

static enum status receive_one(struct loop *self)
{
    struct error_text error = {""};
    enum status status =
        message_receive(self->sender->socket, false, &self->message, &error);
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
    for (self->sender = brokers_next(&self->brokers, NULL); self->sender != NULL;
         self->sender = brokers_next(&self->brokers, self->sender)) {
        enum status status = STATUS_OK;
        for (int i = 0; i < ROUND_MAX && status != STATUS_END && status != STATUS_IO; i++)
            status = receive_one(self);
    }
}

/* ---- the thread ---- */

static void wait_for_work(struct loop *self)
{
    uint64_t now_ms = clock_monotonic_ms();
    brokers_wait(&self->brokers, outbox_fd(self->outbox),
                 self->heartbeat_ms > now_ms ? self->heartbeat_ms - now_ms : 0);
}

static void look_at_stop(struct loop *self)
{
    if (self->draining || !atomic_load(self->options.stop))
        return;
    self->draining = true;
    for (struct broker *broker = brokers_next(&self->brokers, NULL); broker != NULL;
         broker = brokers_next(&self->brokers, broker)) {
        send_heartbeat(self, broker);
        empty_inbox(self, broker, "draining");
    }
}

/* Whose address is gone: what was begun for it is still answered. */
static void let_go(struct loop *self, struct broker *broker)
{
    empty_inbox(self, broker, "draining");
    if (broker->holding.count == 0)
        brokers_farewell(&self->brokers, broker);
}

/* Each has been told its part of the window as it is now. */
static void tell_windows(struct loop *self)
{
    struct broker *next;
    bool closed = is_closed(self);
    for (struct broker *broker = brokers_next(&self->brokers, NULL); broker != NULL;
         broker = next) {
        next = brokers_next(&self->brokers, broker);
        if (broker->window_told != brokers_window(&self->brokers, broker, closed))
            send_heartbeat(self, broker);
        if (broker->leaving)
            let_go(self, broker);
    }
}

/* Those whom nothing has been said to yet: there may be a connection by now. */
static void greet(struct loop *self)
{
    for (struct broker *broker = brokers_next(&self->brokers, NULL); broker != NULL;
         broker = brokers_next(&self->brokers, broker)) {
        if (broker->greeted)
            continue;
        brokers_hello(&self->brokers, broker, is_closed(self));
        if (broker->greeted)
            send_heartbeat(self, broker);
    }
}

/* While there is more to score, the first job waits a little for those that can go into
 * the same transaction of the store. */
static void submit_jobs(struct loop *self, bool idle)
{
    if (list_empty(&self->jobs))
        return;
    const struct commit_job *first = list_item(self->jobs.next, struct commit_job, link);
    const struct lease *lease = lease_of(first->owner);
    if (!idle && self->gathered < GATHER_MAX &&
        clock_monotonic_us() - lease->since_us < GATHER_US)
        return;
    committer_submit(self->options.committer, &self->jobs);
    self->gathered = 0;
}

static bool has_work(const struct loop *self)
{
    return !list_empty(&self->active) || self->committing > 0 ||
           !list_empty(&self->inbox) || !list_empty(&self->ready);
}

static void *run(void *arg)
{
    struct loop *self = arg;
    bool idle = true; /* and so with time for who is not there */
    while (!self->draining || has_work(self)) {
        brokers_follow(&self->brokers);
        if (idle)
            greet(self);
        receive(self);
        take_committed(self);
        look_at_stop(self);
        tell_windows(self);
        uint64_t now_ms = clock_monotonic_ms();
        bool due = now_ms >= self->heartbeat_ms;
        if (due)
            beat(self, now_ms);
        idle = !work(self);
        submit_jobs(self, idle);
        if (idle && (!self->draining || has_work(self))) {
            take_back(self);
            wait_for_work(self);
        }
        idle = idle || due;
    }
    brokers_close(&self->brokers);
    meters_add(self->options.meters, &self->counters, &self->counters_told);
    return NULL;
}

static void open_brokers(struct loop *self)
{
    const struct brokers_options options = {
        .context = self->options.context,
        .addresses = self->options.addresses,
        .window = self->options.window,
        .window_bytes = self->options.window_bytes,
        .number = self->options.number,
        .meters = self->options.meters,
        .counters = &self->counters,
    };
    brokers_open(&self->brokers, &options);
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
    list_init(&self->active);
    list_init(&self->jobs);
    message_init(&self->message);
    open_brokers(self);
    self->outbox = outbox_new();
    if (self->outbox == NULL) {
        free(self);
        return error_set(error, STATUS_NOMEM, "out of memory");
    }
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
    snapshot_drop(self->snapshot);
    outbox_free(self->outbox);
    free(self);
}
