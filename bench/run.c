/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - what is due is sent, what is there is taken, and in between we wait. */
#include "bench/run.h"

#include "base/progress.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    FLIGHTS = 8192, /* more than the sequences that libchw lets lie apart */
    WAIT_MS = 20,
    LOOK_NS = 20000000, /* between looks at the cluster, and at the clock for people */
    NAP_NS = 50000,     /* below a millisecond libchw cannot wait */
    MS_NS = 1000000,
};

static const uint64_t silent_ns = 120 * UINT64_C(1000000000);
static const uint64_t not_yet = UINT64_MAX / 2; /* later than all, with room behind it */

struct flight {
    uint64_t sequence; /* 0: none */
    uint64_t due_ns;
    size_t which;
};

struct running {
    const struct run_options *options;
    struct load *load;
    struct chw_client *client;
    struct cluster *cluster;
    struct run_result *out;
    struct error_text *error;
    struct arrivals arrivals;
    struct progress *progress;
    uint64_t start_ns, now_ns;
    uint64_t due_ns;      /* the next */
    uint64_t end_ns;      /* nothing is due from here on */
    uint64_t event_ns;    /* when it happened */
    uint64_t answered_ns; /* the last */
    uint64_t look_ns;     /* the next */
    struct flight flights[FLIGHTS];
};

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void nap(uint64_t ns)
{
    const struct timespec pause = {.tv_nsec = (long)ns};
    nanosleep(&pause, NULL);
}

static bool is_open(const struct running *self)
{
    return self->options->per_s > 0;
}

/* ---- sending ---- */

static void set_next(struct running *self)
{
    self->due_ns =
        is_open(self) ? self->start_ns + arrivals_next(&self->arrivals) : self->now_ns;
}

/* Of those that will be due. */
static bool has_more(const struct running *self)
{
    uint64_t due_ns = is_open(self) ? self->due_ns : self->now_ns;
    bool bounded = self->options->batches != 0;
    return (!bounded || self->out->sent < self->options->batches) &&
           due_ns < self->end_ns;
}

static void note_sent(struct running *self, uint64_t sequence, size_t which)
{
    struct flight *flight = &self->flights[sequence % FLIGHTS];
    assert(flight->sequence == 0);
    *flight = (struct flight){sequence, self->due_ns, which};
    self->out->sent++;
    histogram_add(self->out->lateness, self->now_ns - self->due_ns);
}

/* STATUS_FULL: when an answer has been taken. */
static enum status send_one(struct running *self)
{
    uint64_t sequence;
    size_t which = (size_t)(self->out->sent % self->load->count);
    if (!is_open(self))
        self->due_ns = self->now_ns;
    enum chw_status status =
        chw_submit(self->client, self->load->batches[which], &sequence);
    if (status == CHW_FULL)
        return STATUS_FULL;
    if (status != CHW_OK)
        return error_set(self->error, STATUS_UNAVAILABLE, "batch %" PRIu64 ": %s",
                         self->out->sent, chw_last_error(self->client));
    note_sent(self, sequence, which);
    set_next(self);
    return STATUS_OK;
}

static enum status send_due(struct running *self)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK && has_more(self)) {
        self->now_ns = clock_ns();
        if (is_open(self) && self->due_ns > self->now_ns)
            break;
        status = send_one(self);
    }
    return status == STATUS_FULL ? STATUS_OK : status;
}

/* What an overloaded cluster has not even been sent, so that a run has an end. */
static void give_up_unsent(struct running *self)
{
    uint64_t limit_ns = self->end_ns + (self->end_ns - self->start_ns);
    if (!is_open(self) || self->options->seconds <= 0 || self->now_ns < limit_ns)
        return;
    for (; has_more(self); set_next(self))
        self->out->unsent++;
}

/* ---- taking ---- */

static void note_latency(struct running *self, uint64_t due_ns)
{
    struct run_result *out = self->out;
    uint64_t latency_ns = self->now_ns - due_ns;
    uint64_t event_ns = self->event_ns;
    histogram_add(out->latencies, latency_ns);
    if (self->options->event == NULL)
        return;
    bool under_way = due_ns <= event_ns && event_ns < self->now_ns;
    bool during =
        event_ns < self->now_ns && due_ns < event_ns + (uint64_t)RUN_EVENT_MS * MS_NS;
    histogram_add(during ? out->during : out->besides, latency_ns);
    if (under_way)
        out->recovery_ms = (double)(self->now_ns - event_ns) / MS_NS;
}

/* Which outcomes are errors is the report's to say; what was scored is checked. */
static enum status take(struct running *self, const struct chw_result *result)
{
    uint64_t sequence = chw_result_sequence(result);
    enum chw_outcome outcome = chw_result_outcome(result);
    struct flight *flight = &self->flights[sequence % FLIGHTS];
    if (flight->sequence != sequence)
        return error_set(self->error, STATUS_CORRUPT,
                         "sequence %" PRIu64 " was not under way", sequence);
    self->now_ns = self->answered_ns = clock_ns();
    note_latency(self, flight->due_ns);
    flight->sequence = 0;
    self->out->answered++;
    self->out->outcomes[(unsigned)outcome % RUN_OUTCOMES]++;
    return outcome == CHW_COUNTED || outcome == CHW_SCORED
               ? load_check(self->load, flight->which, result, self->error)
               : STATUS_OK;
}

/* Until the next is due; an answer that comes in a nap waits for its end. */
static uint32_t wait_ms(const struct running *self)
{
    if (!is_open(self) || !has_more(self))
        return WAIT_MS;
    uint64_t left_ms =
        self->due_ns > self->now_ns ? (self->due_ns - self->now_ns) / MS_NS : 0;
    return left_ms < WAIT_MS ? (uint32_t)left_ms : WAIT_MS;
}

static void nap_until_due(struct running *self)
{
    self->now_ns = clock_ns();
    uint64_t left_ns = self->due_ns > self->now_ns ? self->due_ns - self->now_ns : 0;
    if (is_open(self) && has_more(self) && left_ns > 0)
        nap(left_ns < NAP_NS ? left_ns : NAP_NS);
}

static enum status take_one(struct running *self)
{
    struct chw_result *result;
    uint32_t timeout_ms = wait_ms(self);
    enum chw_status got = chw_wait(self->client, timeout_ms, &result);
    if (got == CHW_TIMEOUT || got == CHW_IDLE) {
        if (timeout_ms == 0 || got == CHW_IDLE)
            nap_until_due(self);
        return STATUS_OK;
    }
    if (got != CHW_OK)
        return error_set(self->error, STATUS_UNAVAILABLE, "%s",
                         chw_last_error(self->client));
    enum status status = take(self, result);
    chw_result_free(result);
    return status;
}

/* ---- in between ---- */

static double fraction(const struct running *self)
{
    double passed = (double)(self->now_ns - self->start_ns) / 1e9;
    return self->options->batches != 0
               ? (double)self->out->answered / (double)self->options->batches
               : passed / self->options->seconds;
}

/* Whether what is to happen in the middle is still to come. */
static bool has_event(const struct running *self)
{
    return self->options->event != NULL && self->event_ns == not_yet;
}

static enum status happen(struct running *self)
{
    const struct run_event *event = self->options->event;
    if (!has_event(self) || fraction(self) < .5)
        return STATUS_OK;
    self->event_ns = clock_ns();
    return event->happen(event->arg, self->error);
}

static enum status look(struct running *self)
{
    self->now_ns = clock_ns();
    if (self->now_ns < self->look_ns)
        return STATUS_OK;
    self->look_ns = self->now_ns + LOOK_NS;
    give_up_unsent(self);
    progress_update(self->progress, self->out->answered * self->load->batch_rows,
                    fraction(self));
    if (self->out->sent > self->out->answered &&
        self->now_ns - self->answered_ns > silent_ns)
        return error_set(self->error, STATUS_UNAVAILABLE,
                         "%" PRIu64 " batches have no answer for %" PRIu64 " s",
                         self->out->sent - self->out->answered, silent_ns / 1000000000U);
    enum status status = happen(self);
    return status == STATUS_OK ? cluster_check(self->cluster, self->error) : status;
}

static enum status go_on(struct running *self)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK &&
           (has_more(self) || self->out->answered < self->out->sent)) {
        status = send_due(self);
        if (status == STATUS_OK)
            status = take_one(self);
        if (status == STATUS_OK)
            status = look(self);
    }
    if (status == STATUS_OK && has_event(self))
        return error_set(self->error, STATUS_INVALID,
                         "a run was over after %.2f s, before what was to happen in its "
                         "middle; expected more --records, or --seconds",
                         (double)(self->answered_ns - self->start_ns) / 1e9);
    return status;
}

/* ---- begin and end ---- */

static void begin(struct running *self)
{
    const struct run_options *options = self->options;
    self->start_ns = self->now_ns = self->answered_ns = clock_ns();
    self->event_ns = not_yet;
    self->end_ns = options->seconds > 0
                       ? self->start_ns + (uint64_t)(options->seconds * 1e9)
                       : UINT64_MAX;
    if (options->per_s > 0)
        arrivals_init(&self->arrivals, options->arrivals, options->per_s, options->seed);
    set_next(self);
}

static void end(struct running *self)
{
    const struct run_options *options = self->options;
    struct run_result *out = self->out;
    out->seconds = (double)(self->answered_ns - self->start_ns) / 1e9;
    double due = (double)(out->sent + out->unsent);
    out->offered_per_s = !is_open(self)         ? due / out->seconds
                         : options->seconds > 0 ? due / options->seconds
                                                : options->per_s;
    progress_update(self->progress, out->answered * self->load->batch_rows, 1);
}

enum status run_once(struct load *load, const struct run_options *options,
                     struct chw_client *client, struct cluster *cluster,
                     struct run_result *out, struct error_text *error)
{
    struct running *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    self->options = options;
    self->load = load;
    self->client = client;
    self->cluster = cluster;
    self->out = out;
    self->error = error;
    self->progress = progress_new(options->what, "records");
    begin(self);
    enum status status = go_on(self);
    end(self);
    progress_end(self->progress, out->answered * load->batch_rows);
    progress_free(self->progress);
    free(self);
    return status;
}

enum status run_result_open(struct run_result *self)
{
    *self = (struct run_result){
        .latencies = histogram_new(),
        .lateness = histogram_new(),
        .during = histogram_new(),
        .besides = histogram_new(),
    };
    return self->latencies != NULL && self->lateness != NULL && self->during != NULL &&
                   self->besides != NULL
               ? STATUS_OK
               : STATUS_NOMEM;
}

void run_result_close(struct run_result *self)
{
    histogram_free(self->latencies);
    histogram_free(self->lateness);
    histogram_free(self->during);
    histogram_free(self->besides);
    *self = (struct run_result){0};
}
