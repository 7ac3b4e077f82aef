/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - what is outstanding at a client, which broker gets it, what to send again,
 * and what is final. */
#include "client/session.h"

#include "base/heap.h"

#include <assert.h>
#include <stdlib.h>

enum {
    RETRY_MIN_MS = 10,
    RETRY_MAX_MS = 60000,
    EXPIRED_RETRY_MS = 1000,
    DOUBLINGS_MAX = 6,
    UNPINGED_MS = 50,      /* a link without a connection is asked again after so long, */
    UNPINGED_MAX_MS = 400, /* and twice as long each time up to this */
};

enum entry_state {
    ENTRY_NONE,
    ENTRY_READY,   /* to be sent: in `ready` by its sequence */
    ENTRY_WAITING, /* to be sent later: in `timed` */
    ENTRY_SENT,    /* at its peer: in `timed`, to be sent again */
    ENTRY_ANSWERED
};

struct entry {
    uint64_t sequence;
    enum entry_state state;
    uint32_t peer;
    uint32_t refusals;
    uint64_t avoid;          /* peers to pass over next time, where there is another */
    struct heap_node due;    /* in `ready` or `timed` */
    struct heap_node expiry; /* in `expiries`, if it expires */
};

struct peer {
    uint64_t instance;   /* of the broker; 0: none has answered yet */
    uint64_t connection; /* by which it answered last; 0: not told */
    uint64_t ping_due_ms, unpinged_ms;
    uint64_t unanswered_ms; /* when the first unanswered PING went; UINT64_MAX: none */
    uint64_t busy_until_ms;
    uint64_t drained_ms;  /* while it drains: until when it may finish what it has */
    uint32_t foreign;     /* batches that it holds for others */
    uint32_t outstanding; /* of ours */
};

/* Sets of peers are bits. */
struct session {
    struct session_limits limits;
    uint64_t random;
    struct peer peers[SESSION_PEERS_MAX];
    uint64_t known;        /* there */
    uint64_t live;         /* known, and answering */
    uint64_t draining;     /* known, and taking nothing new */
    uint64_t workerless;   /* live, but nobody would score there */
    uint64_t stranded;     /* what they hold of ours goes to others as soon as one can */
    uint64_t peers_due_ms; /* one of them has something to do */
    uint64_t heard_ms;     /* when any peer last answered, or the session began */
    bool is_silent, tell_back;
    uint64_t tell_restarted, tell_draining;

    uint64_t next_sequence, next_aside;
    uint64_t lowest;       /* that is not final */
    uint32_t stream_count; /* entries of the stream */
    struct heap ready, timed, expiries;
    struct entry aside;
    uint64_t mask;          /* of a sequence: its entry's place */
    struct entry entries[]; /* a ring: the span is never longer */
};

static uint64_t bit(uint32_t peer)
{
    return (uint64_t)1 << peer;
}

static uint32_t lowest_bit(uint64_t set)
{
    return (uint32_t)__builtin_ctzll(set);
}

static uint64_t ring_size(uint32_t span_max)
{
    uint64_t size = 1;
    while (size < span_max)
        size *= 2;
    return size;
}

static enum status open_heaps(struct session *self)
{
    uint32_t count_max = self->limits.window + 1;
    enum status status = heap_open(&self->ready, count_max);
    if (status == STATUS_OK)
        status = heap_open(&self->timed, count_max);
    return status == STATUS_OK ? heap_open(&self->expiries, count_max) : status;
}

struct session *session_new(const struct session_limits *limits, uint64_t now_ms)
{
    assert(limits->window >= 1 && limits->window <= 1024);
    assert(limits->span_max >= limits->window);
    assert(limits->resend_ms > 0 && limits->ping_ms > 0);

    uint64_t size = ring_size(limits->span_max);
    struct session *self = calloc(1, sizeof *self + size * sizeof self->entries[0]);
    if (self == NULL)
        return NULL;
    self->limits = *limits;
    self->random = limits->seed;
    self->next_sequence = self->lowest = 1;
    self->next_aside = SESSION_ASIDE;
    self->heard_ms = now_ms;
    self->mask = size - 1;
    if (open_heaps(self) != STATUS_OK) {
        session_free(self);
        return NULL;
    }
    return self;
}

void session_free(struct session *self)
{
    if (self == NULL)
        return;
    heap_close(&self->ready);
    heap_close(&self->timed);
    heap_close(&self->expiries);
    free(self);
}

/* splitmix64: spreads the retries and choices of many clients, nothing more. */
static uint64_t next_random(struct session *self)
{
    uint64_t z = self->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- entries ---- */

static struct entry *place(struct session *self, uint64_t sequence)
{
    return sequence >= SESSION_ASIDE ? &self->aside
                                     : &self->entries[sequence & self->mask];
}

/* NULL: it is not there. */
static struct entry *find(struct session *self, uint64_t sequence)
{
    struct entry *entry = place(self, sequence);
    return entry->state != ENTRY_NONE && entry->sequence == sequence ? entry : NULL;
}

/* Into no heap and to no peer; the caller gives it a state. */
static void take_out(struct session *self, struct entry *entry)
{
    if (entry->state == ENTRY_SENT)
        self->peers[entry->peer].outstanding--;
    heap_remove(entry->state == ENTRY_READY ? &self->ready : &self->timed, &entry->due);
}

static void make_ready(struct session *self, struct entry *entry)
{
    take_out(self, entry);
    entry->state = ENTRY_READY;
    heap_insert(&self->ready, &entry->due, entry->sequence);
}

static void make_wait(struct session *self, struct entry *entry, uint64_t due_ms)
{
    take_out(self, entry);
    entry->state = ENTRY_WAITING;
    heap_insert(&self->timed, &entry->due, due_ms);
}

static void make_sent(struct session *self, struct entry *entry, uint32_t peer,
                      uint64_t due_ms)
{
    take_out(self, entry);
    entry->state = ENTRY_SENT;
    entry->peer = peer;
    self->peers[peer].outstanding++;
    heap_insert(&self->timed, &entry->due, due_ms);
}

static void add(struct session *self, uint64_t sequence)
{
    struct entry *entry = place(self, sequence);
    assert(entry->state == ENTRY_NONE);
    *entry = (struct entry){.sequence = sequence};
    make_ready(self, entry);
}

static void drop(struct session *self, struct entry *entry)
{
    take_out(self, entry);
    heap_remove(&self->expiries, &entry->expiry);
    entry->state = ENTRY_NONE;
    if (entry->sequence >= SESSION_ASIDE)
        return;
    self->stream_count--;
    while (self->lowest < self->next_sequence && find(self, self->lowest) == NULL)
        self->lowest++;
}

enum status session_submit(struct session *self, uint64_t expires_ms, uint64_t *sequence)
{
    if (self->stream_count >= self->limits.window ||
        self->next_sequence - self->lowest >= self->limits.span_max)
        return STATUS_FULL;
    *sequence = self->next_sequence++;
    add(self, *sequence);
    self->stream_count++;
    if (expires_ms != 0)
        heap_insert(&self->expiries, &place(self, *sequence)->expiry, expires_ms);
    return STATUS_OK;
}

uint64_t session_skip(struct session *self)
{
    uint64_t sequence = self->next_sequence++;
    if (self->lowest == sequence)
        self->lowest++;
    return sequence;
}

uint64_t session_next_sequence(const struct session *self)
{
    return self->next_sequence;
}

uint64_t session_acked_below(const struct session *self)
{
    return self->lowest;
}

uint32_t session_count(const struct session *self)
{
    return self->stream_count;
}

uint64_t session_aside(struct session *self)
{
    if (self->aside.state != ENTRY_NONE)
        drop(self, &self->aside);
    add(self, self->next_aside);
    return self->next_aside++;
}

enum status session_reply(struct session *self, uint64_t sequence)
{
    struct entry *entry = find(self, sequence);
    if (entry == NULL || entry->state == ENTRY_ANSWERED)
        return STATUS_STALE;
    take_out(self, entry);
    heap_remove(&self->expiries, &entry->expiry);
    entry->state = ENTRY_ANSWERED;
    return STATUS_OK;
}

void session_final(struct session *self, uint64_t sequence)
{
    struct entry *entry = find(self, sequence);
    assert(entry != NULL && entry->state == ENTRY_ANSWERED);
    drop(self, entry);
}

/* ---- which peer ---- */

/* Where a batch could be sent now. */
static uint64_t usable(const struct session *self)
{
    return self->live & ~self->draining;
}

/* Usable ones of which somebody scores what they get; or any, where nobody does. */
static uint64_t able(const struct session *self)
{
    uint64_t set = usable(self) & ~self->workerless;
    return set == 0 ? usable(self) : set;
}

static uint64_t not_busy(const struct session *self, uint64_t set, uint64_t now_ms)
{
    for (uint64_t rest = set; rest != 0; rest &= rest - 1)
        if (self->peers[lowest_bit(rest)].busy_until_ms > now_ms)
            set &= ~(rest & (~rest + 1));
    return set;
}

static uint32_t draw(struct session *self, uint64_t set)
{
    uint32_t count = (uint32_t)__builtin_popcountll(set);
    for (uint32_t skip = (uint32_t)(next_random(self) % count); skip > 0; skip--)
        set &= set - 1;
    return lowest_bit(set);
}

static uint64_t load_of(const struct session *self, uint32_t peer)
{
    return (uint64_t)self->peers[peer].foreign + self->peers[peer].outstanding;
}

/* The less loaded of two that are drawn: many clients that see the same loads do not all
 * run to the same broker. */
static uint32_t choose_of(struct session *self, uint64_t set)
{
    if ((set & (set - 1)) == 0)
        return lowest_bit(set);
    uint32_t first = draw(self, set), second = draw(self, set & ~bit(first));
    return load_of(self, second) < load_of(self, first) ? second : first;
}

static uint32_t choose(struct session *self, const struct entry *entry, uint64_t now_ms)
{
    uint64_t set = able(self), best = set & ~entry->avoid;
    if (best != 0)
        set = best;
    best = not_busy(self, set, now_ms);
    return choose_of(self, best == 0 ? set : best);
}

/* ---- peers come, go and answer ---- */

static void give_back_one(struct session *self, uint32_t peer, struct entry *entry)
{
    if (entry->state == ENTRY_SENT && entry->peer == peer) {
        entry->avoid = 0;
        make_ready(self, entry);
    }
}

/* What it holds of ours is to be sent again. */
static void give_back(struct session *self, uint32_t peer)
{
    self->stranded &= ~bit(peer);
    give_back_one(self, peer, &self->aside);
    for (uint64_t i = 0; self->peers[peer].outstanding > 0 && i <= self->mask; i++)
        give_back_one(self, peer, &self->entries[i]);
}

/* Its connection is as it was: what it holds of ours gets its whole time once more. */
static void renew(struct session *self, uint32_t peer, uint64_t now_ms)
{
    self->stranded &= ~bit(peer);
    for (uint64_t i = 0; i <= self->mask; i++) {
        struct entry *entry = &self->entries[i];
        if (entry->state == ENTRY_SENT && entry->peer == peer)
            make_sent(self, entry, peer, now_ms + self->limits.resend_ms);
    }
}

static void hurry_one(struct session *self, struct entry *entry)
{
    if (entry->state == ENTRY_WAITING)
        make_ready(self, entry);
}

/* What no peer had room for does not wait for its time when another peer comes. */
static void hurry(struct session *self)
{
    hurry_one(self, &self->aside);
    for (uint64_t i = 0; i <= self->mask; i++)
        hurry_one(self, &self->entries[i]);
}

void session_peer_add(struct session *self, uint32_t peer, uint64_t now_ms)
{
    assert(peer < SESSION_PEERS_MAX && (self->known & bit(peer)) == 0);
    self->peers[peer] = (struct peer){.ping_due_ms = now_ms, .unanswered_ms = UINT64_MAX};
    self->known |= bit(peer);
    self->peers_due_ms = 0;
}

static void forget(struct session *self, uint32_t peer)
{
    self->live &= ~bit(peer);
    self->draining &= ~bit(peer);
    self->workerless &= ~bit(peer);
    give_back(self, peer);
}

void session_peer_remove(struct session *self, uint32_t peer)
{
    assert(peer < SESSION_PEERS_MAX && (self->known & bit(peer)) != 0);
    forget(self, peer);
    self->known &= ~bit(peer);
    self->tell_restarted &= ~bit(peer);
    self->tell_draining &= ~bit(peer);
}

/* False: an answer of a peer that is not there any more. */
static bool hear(struct session *self, uint32_t peer, uint64_t now_ms)
{
    if (peer >= SESSION_PEERS_MAX || (self->known & bit(peer)) == 0)
        return false;
    if ((self->stranded & ~self->draining & bit(peer)) != 0)
        renew(self, peer, now_ms);
    self->peers[peer].unanswered_ms = UINT64_MAX;
    self->peers[peer].unpinged_ms = 0;
    self->live |= bit(peer);
    self->heard_ms = now_ms;
    self->tell_back |= self->is_silent;
    self->is_silent = false;
    self->peers_due_ms = 0;
    return true;
}

/* It answers by another connection: what it was going to answer by the last one is lost.
 */
static void learn_connection(struct session *self, uint32_t peer, uint64_t connection)
{
    struct peer *at = &self->peers[peer];
    if (connection == 0 || connection == at->connection)
        return;
    at->connection = connection;
    give_back(self, peer);
}

static void learn_load(struct session *self, uint32_t peer,
                       const struct session_load *load)
{
    struct peer *at = &self->peers[peer];
    learn_connection(self, peer, load->connection);
    at->foreign = load->held > at->outstanding ? load->held - at->outstanding : 0;
    self->workerless &= ~bit(peer);
    if (load->workerless)
        self->workerless |= bit(peer);
}

void session_pong(struct session *self, uint32_t peer, uint64_t instance,
                  const struct session_load *load, uint64_t now_ms)
{
    bool was_usable = (usable(self) & bit(peer)) != 0;
    if (instance == 0 || !hear(self, peer, now_ms))
        return;
    struct peer *at = &self->peers[peer];
    self->draining &= ~bit(peer);
    self->stranded &= ~bit(peer);
    if (load != NULL)
        learn_load(self, peer, load);
    if (!was_usable || instance != at->instance)
        hurry(self);
    if (instance == at->instance)
        return;
    if (at->instance != 0)
        self->tell_restarted |= bit(peer);
    at->instance = instance;
    at->busy_until_ms = 0;
    give_back(self, peer);
}

void session_drain(struct session *self, uint32_t peer, uint64_t now_ms)
{
    if (!hear(self, peer, now_ms) || (self->draining & bit(peer)) != 0)
        return;
    self->draining |= bit(peer);
    self->tell_draining |= bit(peer);
    self->peers[peer].drained_ms = now_ms + self->limits.drain_ms;
}

void session_lost(struct session *self, uint32_t peer, uint64_t now_ms)
{
    if (peer >= SESSION_PEERS_MAX || (self->known & bit(peer)) == 0)
        return;
    if (self->live & bit(peer))
        self->peers[peer].ping_due_ms = now_ms;
    forget(self, peer);
    self->peers_due_ms = 0;
}

void session_unpinged(struct session *self, uint32_t peer, uint64_t now_ms)
{
    struct peer *at = &self->peers[peer];
    session_lost(self, peer, now_ms);
    at->unpinged_ms = at->unpinged_ms == 0
                          ? UNPINGED_MS
                          : earlier(2 * at->unpinged_ms, UNPINGED_MAX_MS);
    at->ping_due_ms = now_ms + at->unpinged_ms;
}

void session_unsent(struct session *self, uint32_t peer, uint64_t sequence,
                    uint64_t now_ms)
{
    (void)sequence; /* one of those that it holds */
    session_lost(self, peer, now_ms);
}

/* ---- attempts that ended ---- */

/* Up to half as long again, so that many clients do not come back together. */
static uint64_t with_jitter(struct session *self, uint64_t wait_ms)
{
    if (wait_ms < RETRY_MIN_MS)
        wait_ms = RETRY_MIN_MS;
    if (wait_ms > RETRY_MAX_MS)
        wait_ms = RETRY_MAX_MS;
    return wait_ms + next_random(self) % (wait_ms / 2 + 1);
}

static void back_off(struct session *self, struct entry *entry, uint64_t wait_ms,
                     uint64_t now_ms)
{
    wait_ms = earlier(wait_ms, RETRY_MAX_MS) << entry->refusals;
    if (entry->refusals < DOUBLINGS_MAX)
        entry->refusals++;
    entry->avoid = 0;
    make_wait(self, entry, now_ms + with_jitter(self, wait_ms));
}

static struct entry *find_sent(struct session *self, uint32_t peer, uint64_t sequence)
{
    struct entry *entry = find(self, sequence);
    return entry != NULL && entry->state == ENTRY_SENT && entry->peer == peer ? entry
                                                                              : NULL;
}

void session_busy(struct session *self, uint32_t peer, uint64_t sequence,
                  uint64_t retry_after_ms, uint64_t now_ms)
{
    struct entry *entry = find_sent(self, peer, sequence);
    if (entry == NULL)
        return;
    entry->avoid |= bit(peer);
    self->peers[peer].busy_until_ms = now_ms + with_jitter(self, retry_after_ms);
    if (not_busy(self, able(self) & ~entry->avoid, now_ms) != 0)
        make_ready(self, entry);
    else
        back_off(self, entry, retry_after_ms, now_ms);
}

void session_expired(struct session *self, uint32_t peer, uint64_t sequence,
                     uint64_t now_ms)
{
    struct entry *entry = find_sent(self, peer, sequence);
    if (entry != NULL)
        back_off(self, entry, EXPIRED_RETRY_MS, now_ms);
}

/* ---- what to do ---- */

static bool tell(struct session *self, struct session_step *step)
{
    if (self->tell_back) {
        self->tell_back = false;
        *step = (struct session_step){.action = SESSION_BACK};
    } else if (self->tell_restarted != 0) {
        *step = (struct session_step){.action = SESSION_RESTARTED,
                                      .peer = lowest_bit(self->tell_restarted)};
        self->tell_restarted &= self->tell_restarted - 1;
    } else if (self->tell_draining != 0) {
        *step = (struct session_step){.action = SESSION_DRAINING,
                                      .peer = lowest_bit(self->tell_draining)};
        self->tell_draining &= self->tell_draining - 1;
    } else {
        return false;
    }
    return true;
}

static uint64_t silent_at(const struct session *self, uint32_t peer)
{
    const struct peer *at = &self->peers[peer];
    if ((self->live & bit(peer)) == 0 || at->unanswered_ms == UINT64_MAX)
        return UINT64_MAX;
    return at->unanswered_ms + self->limits.silence_ms;
}

static uint64_t drained_at(const struct session *self, uint32_t peer)
{
    return (self->draining & ~self->stranded & bit(peer)) != 0
               ? self->peers[peer].drained_ms
               : UINT64_MAX;
}

/* When this peer has something to do, having done what was due. */
static uint64_t pass_time(struct session *self, uint32_t peer, uint64_t now_ms)
{
    if (silent_at(self, peer) <= now_ms) {
        self->live &= ~bit(peer);
        self->stranded |= bit(peer);
    }
    if (drained_at(self, peer) <= now_ms)
        self->stranded |= bit(peer);
    return earlier(self->peers[peer].ping_due_ms,
                   earlier(silent_at(self, peer), drained_at(self, peer)));
}

static struct session_step ping(struct session *self, uint32_t peer, uint64_t now_ms)
{
    struct peer *at = &self->peers[peer];
    at->ping_due_ms = now_ms + self->limits.ping_ms;
    if (at->unanswered_ms == UINT64_MAX)
        at->unanswered_ms = now_ms;
    return (struct session_step){.action = SESSION_PING, .peer = peer};
}

/* What the peers' time demands: true where it is a step. */
static bool watch_peers(struct session *self, uint64_t now_ms, struct session_step *step)
{
    if (now_ms < self->peers_due_ms)
        return false;
    self->peers_due_ms = UINT64_MAX;
    for (uint64_t rest = self->known; rest != 0; rest &= rest - 1) {
        uint64_t due_ms = pass_time(self, lowest_bit(rest), now_ms);
        self->peers_due_ms = earlier(self->peers_due_ms, due_ms);
        if (self->peers[lowest_bit(rest)].ping_due_ms > now_ms)
            continue;
        *step = ping(self, lowest_bit(rest), now_ms);
        self->peers_due_ms = 0;
        return true;
    }
    return false;
}

static uint64_t quiet_at(const struct session *self)
{
    if (self->is_silent || self->live != 0)
        return UINT64_MAX;
    return self->heard_ms + self->limits.silence_ms;
}

static bool watch_silence(struct session *self, uint64_t now_ms,
                          struct session_step *step)
{
    if (quiet_at(self) > now_ms)
        return false;
    self->is_silent = true;
    *step = (struct session_step){.action = SESSION_SILENT};
    return true;
}

static bool give_up(struct session *self, uint64_t now_ms, struct session_step *step)
{
    struct heap_node *first = heap_first(&self->expiries);
    if (first == NULL || first->key > now_ms)
        return false;
    struct entry *entry = heap_item(first, struct entry, expiry);
    *step = (struct session_step){SESSION_GIVEN_UP, entry->sequence, 0};
    drop(self, entry);
    return true;
}

/* No answer for long. Where the peer did not even answer a PING since, the batch may
 * still be on its way there: only another gets it. A PING that has just left says
 * nothing: there is one under way whenever both periods meet. */
static void send_again(struct session *self, struct entry *entry, uint64_t now_ms)
{
    const struct peer *at = &self->peers[entry->peer];
    bool mute = at->unanswered_ms != UINT64_MAX &&
                now_ms - at->unanswered_ms >= self->limits.ping_ms;
    if (mute && (usable(self) & ~bit(entry->peer)) == 0) {
        make_sent(self, entry, entry->peer, now_ms + self->limits.ping_ms);
        return;
    }
    entry->avoid = bit(entry->peer);
    make_ready(self, entry);
}

/* What waited long enough becomes ready. */
static void wake(struct session *self, uint64_t now_ms)
{
    struct heap_node *first;
    while (self->stranded != 0 && usable(self) != 0)
        give_back(self, lowest_bit(self->stranded));
    while ((first = heap_first(&self->timed)) != NULL && first->key <= now_ms) {
        struct entry *entry = heap_item(first, struct entry, due);
        if (entry->state == ENTRY_SENT)
            send_again(self, entry, now_ms);
        else
            make_ready(self, entry);
    }
}

/* The lowest sequence first: it is what acked_below waits for. */
static struct session_step send_next(struct session *self, uint64_t now_ms)
{
    struct heap_node *first = heap_first(&self->ready);
    if (first == NULL || usable(self) == 0)
        return (struct session_step){.action = SESSION_NOTHING};
    struct entry *entry = heap_item(first, struct entry, due);
    uint32_t peer = choose(self, entry, now_ms);
    make_sent(self, entry, peer, now_ms + self->limits.resend_ms);
    return (struct session_step){SESSION_SEND, entry->sequence, peer};
}

struct session_step session_next(struct session *self, uint64_t now_ms)
{
    struct session_step step;
    if (tell(self, &step) || watch_peers(self, now_ms, &step) ||
        watch_silence(self, now_ms, &step) || give_up(self, now_ms, &step))
        return step;
    wake(self, now_ms);
    return send_next(self, now_ms);
}

static uint64_t key_of_first(const struct heap *heap)
{
    const struct heap_node *first = heap_first(heap);
    return first == NULL ? UINT64_MAX : first->key;
}

uint64_t session_deadline_ms(const struct session *self)
{
    bool can_send = usable(self) != 0;
    if (self->tell_back || self->tell_restarted != 0 || self->tell_draining != 0 ||
        (can_send && heap_first(&self->ready) != NULL))
        return 0;
    return earlier(earlier(self->peers_due_ms, quiet_at(self)),
                   earlier(key_of_first(&self->timed), key_of_first(&self->expiries)));
}
