/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor.c - the restart and drain decisions. */
#include "client/supervisor.h"

#include <assert.h>
#include <stdlib.h>
#include <sysexits.h>

enum phase { STARTING, SERVING, DRAINING };

struct child {
    bool running, asked, killed; /* `asked` to drain */
    uint64_t start_ms;           /* not running: when to start it */
    uint64_t started_ms;
    uint64_t kill_ms; /* once asked */
    uint64_t delay_ms;
};

struct supervisor {
    struct supervisor_limits limits;
    enum phase phase;
    bool hurry; /* stop was said twice */
    int exit_code;
    struct child children[]; /* limits.child_count */
};

struct supervisor *supervisor_new(const struct supervisor_limits *limits)
{
    assert(limits->broker_count >= 1 && limits->child_count > limits->broker_count);
    assert(limits->restart_min_ms > 0 &&
           limits->restart_min_ms <= limits->restart_max_ms);

    struct supervisor *self =
        calloc(1, sizeof *self + limits->child_count * sizeof self->children[0]);
    if (self != NULL)
        self->limits = *limits;
    return self;
}

void supervisor_free(struct supervisor *self)
{
    free(self);
}

static bool any_running(const struct supervisor *self, size_t first)
{
    for (size_t i = first; i < self->limits.child_count; i++)
        if (self->children[i].running)
            return true;
    return false;
}

static struct supervisor_step start_next(struct supervisor *self, uint64_t now_ms)
{
    for (size_t i = 0; i < self->limits.child_count; i++) {
        struct child *child = &self->children[i];
        if (child->running || now_ms < child->start_ms)
            continue;
        child->running = true;
        child->started_ms = now_ms;
        return (struct supervisor_step){SUPERVISOR_START, i};
    }
    return (struct supervisor_step){SUPERVISOR_NOTHING, 0};
}

/* Workers hand back what they have not begun while brokers are still there to take it. */
static bool may_ask(const struct supervisor *self, size_t child)
{
    size_t brokers = self->limits.broker_count;
    return child >= brokers || !any_running(self, brokers);
}

static struct supervisor_step drain_next(struct supervisor *self, uint64_t now_ms)
{
    for (size_t i = 0; i < self->limits.child_count; i++) {
        struct child *child = &self->children[i];
        if (!child->running || child->killed)
            continue;
        if (self->hurry || (child->asked && now_ms >= child->kill_ms)) {
            child->killed = true;
            return (struct supervisor_step){SUPERVISOR_KILL, i};
        }
        if (!child->asked && may_ask(self, i)) {
            child->asked = true;
            child->kill_ms = now_ms + self->limits.grace_ms;
            return (struct supervisor_step){SUPERVISOR_TERMINATE, i};
        }
    }
    return (struct supervisor_step){
        any_running(self, 0) ? SUPERVISOR_NOTHING : SUPERVISOR_END, 0};
}

struct supervisor_step supervisor_next(struct supervisor *self, uint64_t now_ms)
{
    return self->phase == DRAINING ? drain_next(self, now_ms) : start_next(self, now_ms);
}

static uint64_t child_deadline_ms(const struct supervisor *self,
                                  const struct child *child)
{
    if (self->phase != DRAINING)
        return child->running ? UINT64_MAX : child->start_ms;
    return child->running && child->asked && !child->killed ? child->kill_ms : UINT64_MAX;
}

uint64_t supervisor_deadline_ms(const struct supervisor *self)
{
    uint64_t soonest_ms = UINT64_MAX;
    for (size_t i = 0; i < self->limits.child_count; i++) {
        uint64_t deadline_ms = child_deadline_ms(self, &self->children[i]);
        if (deadline_ms < soonest_ms)
            soonest_ms = deadline_ms;
    }
    return soonest_ms;
}

void supervisor_ready(struct supervisor *self)
{
    if (self->phase == STARTING)
        self->phase = SERVING;
}

static uint64_t next_delay_ms(const struct supervisor *self, const struct child *child,
                              uint64_t now_ms)
{
    bool healthy = now_ms - child->started_ms >= self->limits.healthy_ms;
    if (child->delay_ms == 0 || healthy)
        return self->limits.restart_min_ms;
    uint64_t doubled_ms = child->delay_ms * 2;
    return doubled_ms < self->limits.restart_max_ms ? doubled_ms
                                                    : self->limits.restart_max_ms;
}

bool supervisor_exited(struct supervisor *self, size_t index, int exit_code,
                       uint64_t now_ms, uint64_t *delay_ms)
{
    assert(index < self->limits.child_count);
    struct child *child = &self->children[index];
    assert(child->running);

    child->running = false;
    if (self->phase == STARTING)
        supervisor_stop(self, exit_code == EX_OK ? EX_UNAVAILABLE : exit_code);
    if (self->phase == DRAINING)
        return false;
    child->delay_ms = next_delay_ms(self, child, now_ms);
    child->start_ms = now_ms + child->delay_ms;
    *delay_ms = child->delay_ms;
    return true;
}

void supervisor_stop(struct supervisor *self, int exit_code)
{
    if (self->phase == DRAINING) {
        self->hurry = true;
        return;
    }
    self->phase = DRAINING;
    self->exit_code = exit_code;
}

bool supervisor_is_stopping(const struct supervisor *self)
{
    return self->phase == DRAINING;
}

int supervisor_exit_code(const struct supervisor *self)
{
    return self->exit_code;
}
