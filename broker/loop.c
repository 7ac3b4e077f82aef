/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c - frames to events, actions to frames: the broker's only use of libzmq. */
#include "broker/loop.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/proto_parse.h"
#include "broker/status.h"
#include "broker/workers.h"
#include "wire/body.h"
#include "wire/socket.h"

#include "control.pb-c.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    ROUND_MAX = 64, /* messages from one side before the other has its turn */
    REPORT_MS = 1000,
    LINGER_MS = 1000, /* for the last answers to leave at the end, */
    TAKE_MS = 1000,   /* and before that to be taken, where it is not told */
    ROUTE_SIZE_MAX = 7,
    SPARES_MAX = 64,
    /* Messages that wait for a client that does not read, nor say so. Four times what a
     * client may have in flight: libzmq learns only by halves what was read. */
    CLIENT_QUEUE_MAX = 4096,
};

struct side;

/* STATUS_MALFORMED: the body cannot be used, `error` says why. */
typedef enum status handler_fn(struct loop *loop, uint64_t route, struct message *message,
                               struct error_text *error);

/* One of the two sockets, and what may arrive there. */
struct side {
    const char *name;
    void *socket;
    int fd;     /* can be read when there is something for the socket to look at */
    bool quiet; /* there was nothing when it last looked, and nothing was sent since */
    handler_fn *const *handlers; /* by message type; NULL: does not belong here */
    uint64_t *malformed;         /* the counter */
    uint64_t reported;           /* how many of these the log has told */
    uint64_t report_ms;          /* when it may tell again */
};

struct loop {
    void *context;
    int signals;
    struct side front, back;
    struct dispatch *dispatch;
    struct meters *meters;        /* NULL: nobody asked */
    struct message message;       /* the one being handled */
    zmq_msg_t spares[SPARES_MAX]; /* frames of headers that were received, to send some */
    uint32_t spare_count;
    uint64_t tick_ms;     /* when the next tick is due */
    uint64_t answered_ms; /* when the last answer to a client left */
    bool is_signalled;    /* there may be a signal to read */
};

/* ---- routes and bodies, as the dispatcher holds them ---- */

/* A ROUTER's own ids have five bytes: a number whose low bytes they are, the size above
 * them. False: the peer chose one that is too long. */
static bool route_number(zmq_msg_t *route, uint64_t *number)
{
    size_t size = zmq_msg_size(route);
    uint64_t value = 0;
    if (size > ROUTE_SIZE_MAX)
        return false;
    memcpy(&value, zmq_msg_data(route), size);
    *number = value | (uint64_t)size << 56;
    return true;
}

static bool body_equal(void *a, void *b)
{
    size_t size = zmq_msg_size(a);
    return size == zmq_msg_size(b) && memcmp(zmq_msg_data(a), zmq_msg_data(b), size) == 0;
}

/* The received body as a thing of its own; NULL when out of memory. */
static zmq_msg_t *take_body(struct message *message)
{
    zmq_msg_t *body = malloc(sizeof *body);
    if (body == NULL)
        return NULL;
    zmq_msg_init(body);
    zmq_msg_move(body, &message->body);
    return body;
}

static void free_body(zmq_msg_t *body)
{
    if (body == NULL)
        return;
    zmq_msg_close(body);
    free(body);
}

/* ---- frames for headers ---- */

/* Almost each message that comes has another go: the frame of its header will do. */
static void keep_frame(struct loop *self)
{
    zmq_msg_t *frame = &self->message.frame;
    if (self->spare_count == SPARES_MAX || zmq_msg_size(frame) != HEADER_SIZE)
        return;
    zmq_msg_t *spare = &self->spares[self->spare_count++];
    zmq_msg_init(spare);
    zmq_msg_move(spare, frame);
}

/* The last of them, once there is one. */
static zmq_msg_t *spare_frame(struct loop *self)
{
    if (self->spare_count == 0) {
        if (zmq_msg_init_size(&self->spares[0], HEADER_SIZE) != 0)
            return NULL;
        self->spare_count = 1;
    }
    return &self->spares[self->spare_count - 1];
}

static void drop_frames(struct loop *self)
{
    while (self->spare_count > 0)
        zmq_msg_close(&self->spares[--self->spare_count]);
}

/* ---- actions ---- */

static enum status pack_reason(const struct dispatch_action *action, zmq_msg_t *body)
{
    Chw__Busy busy;
    Chw__Reject reject;
    chw__busy__init(&busy);
    chw__reject__init(&reject);
    char reason[sizeof(struct error_text)];
    snprintf(reason, sizeof reason, "%s", action->reason);
    busy.reason = reject.reason = reason;
    busy.retry_after_ms = action->retry_after_ms;
    return body_pack(action->header.type == MESSAGE_BUSY ? &busy.base : &reject.base,
                     body);
}

static enum status pack_pong(const struct dispatch_action *action, zmq_msg_t *body)
{
    Chw__Pong pong;
    chw__pong__init(&pong);
    pong.held = action->held;
    pong.credits = action->credits;
    pong.connection = action->connection;
    pong.workerless = action->workerless;
    return body_pack(&pong.base, body);
}

/* Bodies are shared, not copied: the dispatcher keeps its own until the reply. What a
 * worker answers goes on as it came. */
static enum status make_body(struct loop *self, const struct dispatch_action *action,
                             zmq_msg_t *body)
{
    if (action->reason != NULL)
        return pack_reason(action, body);
    if (action->header.type == MESSAGE_PONG)
        return pack_pong(action, body);
    zmq_msg_init(body);
    if (action->body == &self->message.body)
        zmq_msg_move(body, &self->message.body);
    else if (action->body != NULL && zmq_msg_copy(body, action->body) != 0)
        return STATUS_NOMEM;
    return STATUS_OK;
}

static enum status send_with(struct loop *self, const struct dispatch_action *action,
                             zmq_msg_t *body)
{
    struct side *side = action->to == DISPATCH_CLIENT ? &self->front : &self->back;
    zmq_msg_t *frame = spare_frame(self);
    if (frame == NULL)
        return STATUS_NOMEM;
    side->quiet = false;
    enum status status = message_send_in(side->socket, frame, &action->route,
                                         action->route >> 56, &action->header, body);
    self->spare_count -= status == STATUS_OK;
    return status;
}

static enum status send_action(struct loop *self, const struct dispatch_action *action)
{
    zmq_msg_t body;
    enum status status = make_body(self, action, &body);
    if (status != STATUS_OK)
        return status;
    status = send_with(self, action, &body);
    if (status != STATUS_OK)
        zmq_msg_close(&body);
    else if (action->answer_size > 0)
        self->answered_ms = self->tick_ms; /* as good as now */
    return status;
}

static void log_note(const struct dispatch_action *action)
{
    static const struct {
        enum log_level level;
        const char *event;
    } notes[] = {
        [DISPATCH_NOTE_JOINED] = {LOG_INFO, "worker_joined"},
        [DISPATCH_NOTE_BACK] = {LOG_INFO, "worker_back"},
        [DISPATCH_NOTE_LEFT] = {LOG_INFO, "worker_left"},
        [DISPATCH_NOTE_LOST] = {LOG_WARN, "worker_lost"},
        [DISPATCH_NOTE_STUCK] = {LOG_WARN, "worker_stuck"},
    };
    log_line(notes[action->note].level, notes[action->note].event,
             "worker=%s batches=%" PRIu32 " charged=%d", action->worker,
             action->lease_count, action->charged);
}

/* What kept it from leaving is all the same to a worker, to which it was never sent. */
static void tell_unsent(struct loop *self, const struct dispatch_action *action,
                        enum status status)
{
    if (action->to == DISPATCH_WORKER || status == STATUS_NOT_FOUND)
        dispatch_unsent(self->dispatch, action);
    else
        dispatch_untaken(self->dispatch, action);
}

static void perform(struct loop *self, const struct dispatch_action *action)
{
    enum status status = STATUS_OK;
    if (action->to != DISPATCH_NOBODY)
        status = send_action(self, action);
    if (status != STATUS_OK)
        tell_unsent(self, action, status);
    if (action->note != DISPATCH_NOTE_NONE)
        log_note(action);
    if (action->header.type == MESSAGE_BURY)
        log_warn("burial", "sequence=%" PRIu64 " attempt=%d", action->header.key.sequence,
                 action->header.attempt);
    free_body(action->released);
}

static void perform_all(struct loop *self)
{
    struct dispatch_action action;
    while (dispatch_next(self->dispatch, &action))
        perform(self, &action);
}

/* ---- messages ---- */

static enum status on_job(struct loop *self, uint64_t route, struct message *message,
                          struct error_text *error)
{
    (void)error;
    size_t size = zmq_msg_size(&message->body);
    zmq_msg_t *body = take_body(message);
    if (body == NULL) /* no refusal, which would be final: the client sends it again */
        log_error("out_of_memory", "sequence=%" PRIu64, message->header.key.sequence);
    else
        dispatch_job(self->dispatch, route, &message->header, body, size);
    return STATUS_OK;
}

static enum status on_ping(struct loop *self, uint64_t route, struct message *message,
                           struct error_text *error)
{
    (void)error;
    dispatch_ping(self->dispatch, route, &message->header);
    return STATUS_OK;
}

/* Answered here, with what is held now: nothing waits for it. */
static enum status on_status(struct loop *self, uint64_t route, struct message *message,
                             struct error_text *error)
{
    const struct header header = {.type = MESSAGE_STATUS_REPORT,
                                  .key = message->header.key};
    Chw__StatusReport *report = status_report_new(self->dispatch);
    zmq_msg_t body;
    (void)route;
    (void)error;
    if (report == NULL || body_pack(&report->base, &body) != STATUS_OK)
        log_error("out_of_memory", "answering=STATUS");
    else if (message_send(self->front.socket, &message->route, &header, &body) !=
             STATUS_OK)
        zmq_msg_close(&body); /* it did not wait */
    status_report_free(report);
    return STATUS_OK;
}

static void *parse_body(const ProtobufCMessageDescriptor *descriptor,
                        struct message *message, struct error_text *error)
{
    void *parsed = proto_parse(descriptor, zmq_msg_data(&message->body),
                               zmq_msg_size(&message->body));
    if (parsed == NULL)
        error_set(error, STATUS_MALFORMED, "the body of %s does not parse",
                  message_name(message->header.type));
    return parsed;
}

static enum status check_window(uint32_t window, size_t held_count,
                                struct error_text *error)
{
    if (window > WORKER_WINDOW_MAX)
        return error_set(error, STATUS_MALFORMED, "a window of %" PRIu32 "; at most %d",
                         window, WORKER_WINDOW_MAX);
    if (held_count > WORKER_WINDOW_MAX)
        return error_set(error, STATUS_MALFORMED, "%zu tickets are held; at most %d",
                         held_count, WORKER_WINDOW_MAX);
    return STATUS_OK;
}

static enum status on_hello(struct loop *self, uint64_t route, struct message *message,
                            struct error_text *error)
{
    Chw__Hello *hello = parse_body(&chw__hello__descriptor, message, error);
    if (hello == NULL)
        return STATUS_MALFORMED;
    enum status status = check_window(hello->window, 0, error);
    if (status == STATUS_OK)
        dispatch_hello(self->dispatch, route, hello->instance, hello->window,
                       hello->window_bytes, hello->name);
    proto_free(&hello->base);
    return status;
}

static enum status on_heartbeat(struct loop *self, uint64_t route,
                                struct message *message, struct error_text *error)
{
    Chw__Heartbeat *beat = parse_body(&chw__heartbeat__descriptor, message, error);
    if (beat == NULL)
        return STATUS_MALFORMED;
    size_t listed = beat->n_held > beat->n_together ? beat->n_held : beat->n_together;
    enum status status = check_window(beat->window, listed, error);
    const struct dispatch_heartbeat heartbeat = {
        .progress = beat->progress,
        .scoring_ticket = beat->scoring_ticket,
        .window = beat->window,
        .serving = beat->serving,
        .release = beat->release,
        .records = beat->records,
        .window_bytes = beat->window_bytes,
        .held = beat->held,
        .held_count = beat->n_held,
        .told_held = beat->told_held,
        .elsewhere = beat->elsewhere,
        .together = beat->together,
        .together_count = beat->n_together,
    };
    if (status == STATUS_OK)
        dispatch_heartbeat(self->dispatch, route, &heartbeat);
    proto_free(&beat->base);
    return status;
}

static enum status on_return(struct loop *self, uint64_t route, struct message *message,
                             struct error_text *error)
{
    Chw__Return *returned = parse_body(&chw__return__descriptor, message, error);
    if (returned == NULL)
        return STATUS_MALFORMED;
    log_debug("batch_returned", "sequence=%" PRIu64 " reason=\"%s\"",
              message->header.key.sequence, returned->reason);
    dispatch_return(self->dispatch, route, &message->header);
    proto_free(&returned->base);
    return STATUS_OK;
}

static enum status on_bye(struct loop *self, uint64_t route, struct message *message,
                          struct error_text *error)
{
    (void)message;
    (void)error;
    dispatch_bye(self->dispatch, route);
    return STATUS_OK;
}

static enum status on_reply(struct loop *self, uint64_t route, struct message *message,
                            struct error_text *error)
{
    (void)error;
    dispatch_reply(self->dispatch, route, &message->header, &message->body,
                   zmq_msg_size(&message->body));
    return STATUS_OK;
}

static handler_fn *const front_handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_SCORE] = on_job,
    [MESSAGE_DESCRIBE] = on_job,
    [MESSAGE_PING] = on_ping,
    [MESSAGE_STATUS] = on_status,
};

static handler_fn *const back_handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_REPLY] = on_reply,   [MESSAGE_DESCRIPTION] = on_reply,
    [MESSAGE_EXPIRED] = on_reply, [MESSAGE_REJECT] = on_reply,
    [MESSAGE_HELLO] = on_hello,   [MESSAGE_HEARTBEAT] = on_heartbeat,
    [MESSAGE_RETURN] = on_return, [MESSAGE_BYE] = on_bye,
};

/* ---- frames that cannot be used ---- */

/* One line now and then, however many there are. */
static void report_malformed(struct side *side, const char *reason)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (now_ms < side->report_ms)
        return;
    log_warn("malformed", "side=%s count=%" PRIu64 " last=\"%s\"", side->name,
             *side->malformed - side->reported, reason);
    side->reported = *side->malformed;
    side->report_ms = now_ms + REPORT_MS;
}

static void refuse_frame(struct loop *self, struct side *side, const char *reason)
{
    struct message *message = &self->message;
    struct header header = {.type = MESSAGE_REJECT, .key = message->header.key};
    Chw__Reject reject;
    chw__reject__init(&reject);
    char text[sizeof(struct error_text)];
    zmq_msg_t body;

    ++*side->malformed;
    report_malformed(side, reason);
    if (message->header.type == MESSAGE_REJECT)
        return; /* two who refuse each other's refusals would never end */
    snprintf(text, sizeof text, "%s", reason);
    reject.reason = text;
    if (body_pack(&reject.base, &body) != STATUS_OK)
        return;
    if (message_send(side->socket, &message->route, &header, &body) != STATUS_OK)
        zmq_msg_close(&body); /* it did not wait for the reason */
}

static enum status handle(struct loop *self, struct side *side, struct error_text *error)
{
    struct message *message = &self->message;
    handler_fn *handler = side->handlers[message->header.type];
    uint64_t route;
    if (handler == NULL)
        return error_set(error, STATUS_MALFORMED, "%s does not belong on the %s side",
                         message_name(message->header.type), side->name);
    if (!route_number(&message->route, &route))
        return error_set(error, STATUS_MALFORMED,
                         "the routing id is the peer's own; leave it to the broker");
    return handler(self, route, message, error);
}

/* ---- the loop ---- */

/* A round of what has arrived on one side. */
static enum status serve(struct loop *self, struct side *side)
{
    struct error_text error;
    if (side->quiet)
        return STATUS_OK;
    dispatch_clock(self->dispatch, clock_monotonic_ms());
    for (int i = 0; i < ROUND_MAX; i++) {
        enum status status = message_receive(side->socket, true, &self->message, &error);
        side->quiet = status == STATUS_END;
        if (status == STATUS_END || status == STATUS_IO)
            return status;
        if (status == STATUS_OK)
            status = handle(self, side, &error);
        if (status != STATUS_OK)
            refuse_frame(self, side, error.text);
        keep_frame(self);
        perform_all(self);
    }
    return STATUS_OK;
}

static void tick_if_due(struct loop *self)
{
    uint64_t now_ms = clock_monotonic_ms();
    dispatch_clock(self->dispatch, now_ms);
    if (now_ms < self->tick_ms) {
        perform_all(self); /* a deadline may have passed */
        return;
    }
    self->tick_ms = now_ms + DISPATCH_TICK_MS;
    self->is_signalled = true; /* as far as a busy loop knows */
    dispatch_tick(self->dispatch);
    perform_all(self);
    meters_publish(self->meters, self->dispatch);
}

static void read_signal(struct loop *self)
{
    struct signalfd_siginfo info;
    self->is_signalled = false;
    if (read(self->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    log_info("draining", "signal=%" PRIu32 " batches=%" PRIu32 " workers=%" PRIu32,
             info.ssi_signo, dispatch_job_count(self->dispatch),
             dispatch_worker_count(self->dispatch));
    dispatch_drain(self->dispatch);
    meters_publish(self->meters, self->dispatch); /* not ready, before all else */
    perform_all(self);
}

/* Both sides are quiet, so that their descriptors tell of whatever comes. */
static void wait_for_frames(struct loop *self)
{
    struct pollfd items[] = {
        {.fd = self->back.fd, .events = POLLIN},
        {.fd = self->front.fd, .events = POLLIN},
        {.fd = self->signals, .events = POLLIN},
    };
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t wake_ms = dispatch_wake_ms(self->dispatch);
    if (wake_ms > self->tick_ms)
        wake_ms = self->tick_ms;
    int timeout_ms = now_ms < wake_ms ? (int)(wake_ms - now_ms) : 0;
    if (poll(items, 3, timeout_ms) < 0)
        return; /* a signal */
    self->back.quiet = items[0].revents == 0;
    self->front.quiet = items[1].revents == 0;
    self->is_signalled = items[2].revents != 0;
}

void loop_set_meters(struct loop *self, struct meters *meters)
{
    self->meters = meters;
}

/* What a client has not read when its connection ends, libzmq drops there: the last
 * answers are waited for. */
static bool is_over(const struct loop *self)
{
    return dispatch_is_done(self->dispatch) &&
           (dispatch_is_taken(self->dispatch) ||
            clock_monotonic_ms() >= self->answered_ms + TAKE_MS);
}

enum status loop_run(struct loop *self)
{
    meters_publish(self->meters, self->dispatch);
    self->tick_ms = clock_monotonic_ms() + DISPATCH_TICK_MS;
    while (!is_over(self)) {
        /* Replies first: they make room for what the other side brings. */
        if (serve(self, &self->back) == STATUS_IO ||
            serve(self, &self->front) == STATUS_IO)
            return STATUS_IO;
        tick_if_due(self);
        if (self->is_signalled)
            read_signal(self);
        if (self->back.quiet && self->front.quiet && !is_over(self))
            wait_for_frames(self);
    }
    return STATUS_OK;
}

/* ---- beginning and end ---- */

/* Before any thread starts, so that none takes a signal meant for the loop. */
static enum status hold_signals(int *signals, struct error_text *error)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
        *signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (*signals < 0)
        return error_set(error, STATUS_IO, "signals: %s", strerror(errno));
    return STATUS_OK;
}

static enum status open_dispatch(struct loop *self, const struct dispatch_limits *limits,
                                 struct error_text *error)
{
    struct dispatch_limits own = *limits;
    random_bytes(&own.instance, sizeof own.instance);
    random_bytes(&own.secret, sizeof own.secret);
    own.body_equal = body_equal;
    self->dispatch = dispatch_new(&own);
    if (self->dispatch == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    self->front.malformed = &dispatch_counters(self->dispatch)->malformed_front;
    self->back.malformed = &dispatch_counters(self->dispatch)->malformed_back;
    return STATUS_OK;
}

enum status loop_open(const char *front, const char *back,
                      const struct dispatch_limits *limits, struct loop **loop,
                      struct error_text *error)
{
    struct loop *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    self->signals = -1;
    self->front = (struct side){.name = "front", .handlers = front_handlers};
    self->back = (struct side){.name = "back", .handlers = back_handlers};
    message_init(&self->message);

    enum status status = hold_signals(&self->signals, error);
    if (status != STATUS_OK)
        goto fail;
    self->context = zmq_ctx_new();
    if (self->context == NULL) {
        status = error_set(error, STATUS_NOMEM, "no context: %s", zmq_strerror(errno));
        goto fail;
    }
    status = open_dispatch(self, limits, error);
    if (status != STATUS_OK)
        goto fail;
    status = socket_bind_bounded(self->context, front, CLIENT_QUEUE_MAX,
                                 &self->front.socket, error);
    if (status != STATUS_OK)
        goto fail;
    status = socket_bind(self->context, back, &self->back.socket, error);
    if (status != STATUS_OK)
        goto fail;
    self->front.fd = socket_fd(self->front.socket);
    self->back.fd = socket_fd(self->back.socket);
    *loop = self;
    return STATUS_OK;

fail:
    loop_close(self);
    return status;
}

static void log_counters(const struct counters *counters)
{
    char line[2000];
    size_t used = 0;
#define COUNTER_PRINT(name, help)                                                        \
    used += (size_t)snprintf(line + used, sizeof line - used, "%s" #name "=%" PRIu64,    \
                             used == 0 ? "" : " ", counters->name);                      \
    assert(used < sizeof line);
    COUNTER_LIST(COUNTER_PRINT)
#undef COUNTER_PRINT
    log_info("counters", "%s", line);
}

static void close_socket(void *socket)
{
    const int linger_ms = LINGER_MS;
    if (socket == NULL)
        return;
    zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    zmq_close(socket);
}

/* A loop that failed holds jobs still: their clients will ask elsewhere. */
static void give_up_jobs(struct loop *self)
{
    struct dispatch_action action;
    dispatch_drain(self->dispatch);
    while (!dispatch_is_done(self->dispatch)) {
        while (dispatch_next(self->dispatch, &action))
            free_body(action.released);
        if (!dispatch_is_done(self->dispatch))
            dispatch_tick(self->dispatch);
    }
}

void loop_close(struct loop *self)
{
    if (self == NULL)
        return;
    if (self->dispatch != NULL) {
        give_up_jobs(self);
        if (self->back.socket != NULL) /* it served */
            log_counters(dispatch_counters(self->dispatch));
        dispatch_free(self->dispatch);
    }
    message_close(&self->message);
    drop_frames(self);
    close_socket(self->front.socket);
    close_socket(self->back.socket);
    if (self->context != NULL)
        zmq_ctx_term(self->context);
    if (self->signals >= 0)
        close(self->signals);
    free(self);
}
