/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - what is outstanding at a client, what to send again, and what is final. */
#include "client/session.h"

#include <assert.h>
#include <stdlib.h>

enum {
    RETRY_MIN_MS = 10,
    RETRY_MAX_MS = 60000,
    UNSENT_MS = 50, /* a link without a broker is asked again after so long */
};

enum entry_state { ENTRY_WAITING, ENTRY_SENT, ENTRY_ANSWERED };

struct entry {
    uint64_t sequence;
    uint64_t due_ms; /* of the next SEND, unless it is answered */
    enum entry_state state;
};

struct session {
    struct session_limits limits;
    uint64_t random;
    uint64_t next_sequence, next_aside;
    uint64_t instance;      /* of the broker; 0: none has answered yet */
    uint64_t hold_until_ms; /* no SEND before */
    uint64_t ping_due_ms;
    uint64_t unanswered_ms; /* when the first unanswered PING went; UINT64_MAX: none */
    bool silent, tell_back, tell_restarted;
    uint32_t stream_count; /* entries of the stream */
    uint32_t count;        /* and the one beside it */
    struct entry entries[];
};

struct session *session_new(const struct session_limits *limits, uint64_t now_ms)
{
    assert(limits->window >= 1 && limits->window <= 1024);
    assert(limits->span_max >= limits->window);
    assert(limits->resend_ms > 0 && limits->ping_ms > 0);

    struct session *self =
        calloc(1, sizeof *self + (limits->window + 1) * sizeof self->entries[0]);
    if (self == NULL)
        return NULL;
    self->limits = *limits;
    self->random = limits->seed;
    self->next_sequence = 1;
    self->next_aside = SESSION_ASIDE;
    self->ping_due_ms = now_ms;
    self->unanswered_ms = UINT64_MAX;
    return self;
}

void session_free(struct session *self)
{
    free(self);
}

/* splitmix64: spreads the retries of many clients, nothing more. */
static uint64_t next_random(struct session *self)
{
    uint64_t z = self->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static struct entry *find(struct session *self, uint64_t sequence)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (self->entries[i].sequence == sequence)
            return &self->entries[i];
    return NULL;
}

static void add(struct session *self, uint64_t sequence, uint64_t now_ms)
{
    self->entries[self->count++] = (struct entry){sequence, now_ms, ENTRY_WAITING};
    self->stream_count += sequence < SESSION_ASIDE;
}

static void drop(struct session *self, struct entry *entry)
{
    self->stream_count -= entry->sequence < SESSION_ASIDE;
    *entry = self->entries[--self->count];
}

uint64_t session_acked_below(const struct session *self)
{
    uint64_t lowest = self->next_sequence;
    for (uint32_t i = 0; i < self->count; i++)
        if (self->entries[i].sequence < lowest)
            lowest = self->entries[i].sequence;
    return lowest;
}

enum status session_submit(struct session *self, uint64_t now_ms, uint64_t *sequence)
{
    if (self->stream_count >= self->limits.window ||
        self->next_sequence - session_acked_below(self) >= self->limits.span_max)
        return STATUS_FULL;
    *sequence = self->next_sequence++;
    add(self, *sequence, now_ms);
    return STATUS_OK;
}

uint64_t session_skip(struct session *self)
{
    return self->next_sequence++;
}

uint64_t session_next_sequence(const struct session *self)
{
    return self->next_sequence;
}

uint64_t session_aside(struct session *self, uint64_t now_ms)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (self->entries[i].sequence >= SESSION_ASIDE)
            drop(self, &self->entries[i--]);
    add(self, self->next_aside, now_ms);
    return self->next_aside++;
}

enum status session_reply(struct session *self, uint64_t sequence)
{
    struct entry *entry = find(self, sequence);
    if (entry == NULL || entry->state == ENTRY_ANSWERED)
        return STATUS_STALE;
    entry->state = ENTRY_ANSWERED;
    return STATUS_OK;
}

void session_final(struct session *self, uint64_t sequence)
{
    struct entry *entry = find(self, sequence);
    assert(entry != NULL && entry->state == ENTRY_ANSWERED);
    drop(self, entry);
}

/* Up to half as long again, so that many clients do not come back together. */
static uint64_t with_jitter(struct session *self, uint64_t retry_after_ms)
{
    uint64_t wait_ms = retry_after_ms;
    if (wait_ms < RETRY_MIN_MS)
        wait_ms = RETRY_MIN_MS;
    if (wait_ms > RETRY_MAX_MS)
        wait_ms = RETRY_MAX_MS;
    return wait_ms + next_random(self) % (wait_ms / 2 + 1);
}

void session_busy(struct session *self, uint64_t sequence, uint64_t retry_after_ms,
                  uint64_t now_ms)
{
    struct entry *entry = find(self, sequence);
    if (entry == NULL || entry->state != ENTRY_SENT)
        return;
    entry->state = ENTRY_WAITING;
    entry->due_ms = now_ms + with_jitter(self, retry_after_ms);
}

void session_drain(struct session *self, uint64_t now_ms)
{
    self->hold_until_ms = now_ms + self->limits.hold_ms;
}

static void send_all_again(struct session *self, uint64_t now_ms)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (self->entries[i].state != ENTRY_ANSWERED) {
            self->entries[i].state = ENTRY_WAITING;
            self->entries[i].due_ms = now_ms;
        }
}

void session_pong(struct session *self, uint64_t instance, uint64_t now_ms)
{
    self->unanswered_ms = UINT64_MAX;
    self->tell_back |= self->silent;
    self->silent = false;
    if (instance == 0 || instance == self->instance)
        return;
    self->tell_restarted = self->instance != 0;
    self->instance = instance;
    self->hold_until_ms = now_ms;
    send_all_again(self, now_ms);
}

void session_unsent(struct session *self, uint64_t sequence, uint64_t now_ms)
{
    struct entry *entry = find(self, sequence);
    if (entry == NULL || entry->state != ENTRY_SENT)
        return;
    entry->state = ENTRY_WAITING;
    entry->due_ms = now_ms;
    if (self->hold_until_ms < now_ms + UNSENT_MS)
        self->hold_until_ms = now_ms + UNSENT_MS;
}

void session_unpinged(struct session *self, uint64_t now_ms)
{
    self->ping_due_ms = now_ms + UNSENT_MS;
}

/* The lowest sequence first: it is what acked_below waits for. */
static struct entry *next_due(struct session *self, uint64_t now_ms)
{
    struct entry *best = NULL;
    for (uint32_t i = 0; i < self->count; i++) {
        struct entry *entry = &self->entries[i];
        if (entry->state != ENTRY_ANSWERED && entry->due_ms <= now_ms &&
            (best == NULL || entry->sequence < best->sequence))
            best = entry;
    }
    return best;
}

static bool take(bool *flag)
{
    bool was = *flag;
    *flag = false;
    return was;
}

static uint64_t silent_at(const struct session *self)
{
    if (self->silent || self->unanswered_ms == UINT64_MAX)
        return UINT64_MAX;
    return self->unanswered_ms + self->limits.silence_ms;
}

static struct session_step ping(struct session *self, uint64_t now_ms)
{
    self->ping_due_ms = now_ms + self->limits.ping_ms;
    if (self->unanswered_ms == UINT64_MAX)
        self->unanswered_ms = now_ms;
    return (struct session_step){SESSION_PING, 0};
}

struct session_step session_next(struct session *self, uint64_t now_ms)
{
    if (take(&self->tell_back))
        return (struct session_step){SESSION_BACK, 0};
    if (take(&self->tell_restarted))
        return (struct session_step){SESSION_RESTARTED, 0};
    if (silent_at(self) <= now_ms) {
        self->silent = true;
        return (struct session_step){SESSION_SILENT, 0};
    }
    if (self->ping_due_ms <= now_ms)
        return ping(self, now_ms);
    if (self->instance == 0 || now_ms < self->hold_until_ms)
        return (struct session_step){SESSION_NOTHING, 0};

    struct entry *entry = next_due(self, now_ms);
    if (entry == NULL)
        return (struct session_step){SESSION_NOTHING, 0};
    entry->state = ENTRY_SENT;
    entry->due_ms = now_ms + self->limits.resend_ms;
    return (struct session_step){SESSION_SEND, entry->sequence};
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t session_deadline_ms(const struct session *self)
{
    uint64_t send_ms = UINT64_MAX;
    if (self->tell_back || self->tell_restarted)
        return 0;
    for (uint32_t i = 0; self->instance != 0 && i < self->count; i++)
        if (self->entries[i].state != ENTRY_ANSWERED)
            send_ms = earlier(send_ms, self->entries[i].due_ms);
    if (send_ms < self->hold_until_ms)
        send_ms = self->hold_until_ms;
    return earlier(send_ms, earlier(self->ping_due_ms, silent_at(self)));
}

uint32_t session_count(const struct session *self)
{
    return self->stream_count;
}
