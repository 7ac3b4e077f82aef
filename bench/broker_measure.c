/* SPDX-License-Identifier: Apache-2.0 */
/* broker_measure.c - start, warm up, look at the counters twice, stop. */
#include "bench/broker_measure.h"

#include "base/clock.h"
#include "bench/proc.h"
#include "client/process.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

enum { READY_MS = 20000, TICK_MS = 10 };

struct look {
    uint64_t us;
    double cpu_s;
    struct peers_counts counts;
};

struct measuring {
    const struct measure_options *options;
    struct subject subject;
    struct peers *peers;
    struct error_text *error;
};

/* STATUS_END: the time is over. */
static enum status wait_tick(struct measuring *self, uint64_t end_ms)
{
    pid_t pid;
    int code;
    uint64_t now_ms = clock_monotonic_ms();
    if (now_ms >= end_ms)
        return STATUS_END;
    int number =
        process_wait_signal(end_ms - now_ms < TICK_MS ? end_ms - now_ms : TICK_MS);
    if (number != 0 && number != SIGCHLD)
        return error_set(self->error, STATUS_UNAVAILABLE, "stopped by signal %d", number);
    if (process_reap(&pid, &code))
        return error_set(self->error, STATUS_UNAVAILABLE,
                         "%s ended with code %d during a run, which says nothing now",
                         pid == self->subject.pid ? "what is measured" : "a peer", code);
    return STATUS_OK;
}

static enum status wait_s(struct measuring *self, double seconds)
{
    uint64_t end_ms = clock_monotonic_ms() + (uint64_t)(seconds * 1000);
    enum status status;
    do
        status = wait_tick(self, end_ms);
    while (status == STATUS_OK);
    return status == STATUS_END ? STATUS_OK : status;
}

/* Without workers nobody is answered: it is full that makes a broker ready. */
static bool is_ready(const struct measuring *self)
{
    return self->options->peers.workers == 0 ? peers_counts(self->peers).busy > 0
                                             : peers_all_answered(self->peers);
}

static enum status await_ready(struct measuring *self)
{
    uint64_t end_ms = clock_monotonic_ms() + READY_MS;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && !is_ready(self))
        status = wait_tick(self, end_ms);
    return status == STATUS_END ? error_set(self->error, STATUS_UNAVAILABLE,
                                            "no answer for %d s", READY_MS / 1000)
                                : status;
}

static struct look look_at(const struct measuring *self)
{
    return (struct look){.us = clock_monotonic_us(),
                         .cpu_s = proc_cpu_s(self->subject.pid),
                         .counts = peers_counts(self->peers)};
}

static enum status note_latencies(struct measuring *self, const struct look *first,
                                  const struct look *last, struct measured *out)
{
    struct histogram *histogram = histogram_new();
    if (histogram == NULL)
        return error_set(self->error, STATUS_NOMEM, "out of memory");
    peers_latencies(self->peers, first->counts.answered, last->counts.answered,
                    histogram);
    out->p50_us = (double)histogram_quantile(histogram, .5) / 1e3;
    out->p99_us = (double)histogram_quantile(histogram, .99) / 1e3;
    histogram_free(histogram);
    return STATUS_OK;
}

static enum status note(struct measuring *self, const struct look *first,
                        const struct look *last, struct measured *out)
{
    const struct peers_options *peers = &self->options->peers;
    double messages = (double)(last->counts.answered - first->counts.answered);
    *out = (struct measured){
        .peak_bytes = proc_peak_bytes(self->subject.pid),
        .busy = last->counts.busy - first->counts.busy,
        .messages_per_s = messages * 1e6 / (double)(last->us - first->us),
        .us_per_message =
            messages > 0 ? (last->cpu_s - first->cpu_s) * 1e6 / messages : 0,
    };
    if (last->counts.wrong != 0)
        return error_set(self->error, STATUS_CORRUPT,
                         "%" PRIu64 " answers were not what was sent",
                         last->counts.wrong);
    return peers->outstanding == 1 && peers->clients == 1
               ? note_latencies(self, first, last, out)
               : STATUS_OK;
}

static enum status start_peers(struct measuring *self)
{
    struct peers_options peers = self->options->peers;
    peers.front = self->subject.front;
    peers.back = self->subject.back;
    return peers_start(&peers, &self->peers, self->error);
}

enum status measure_once(const struct measure_options *options, struct measured *out,
                         struct error_text *error)
{
    struct measuring self = {.options = options, .error = error};
    struct look first, last;
    enum status status = subject_start(options->kind, &self.subject, error);
    if (status == STATUS_OK)
        status = start_peers(&self);
    if (status == STATUS_OK)
        status = await_ready(&self);
    if (status == STATUS_OK)
        status = wait_s(&self, options->warm_s);
    first = look_at(&self);
    if (status == STATUS_OK)
        status = wait_s(&self, options->seconds);
    last = look_at(&self);
    if (status == STATUS_OK)
        status = note(&self, &first, &last, out);
    peers_stop(self.peers);
    subject_stop(&self.subject);
    return status;
}
