/* SPDX-License-Identifier: Apache-2.0 */
/* settlement.pml - the rule by which a batch ends, among all that tries it again.
 *
 * The store is the one place where a batch ends. Two brokers know nothing of each other; a
 * client sends again, to either of them, and may forget what is not in its journal; two
 * workers may crash at any point; a lease may be taken back from a worker that goes on; after
 * ATTEMPTS charges a batch goes out as BURY; another version is promoted in the middle, and
 * messages are lost.
 *
 *   safety: what a client is told is what the store did; it is never told two things, in
 *     outcome or version; nothing is counted or buried twice, or both: the assert()s.
 *   no loss: however all that ends, the client is told all: ltl no_loss. All that goes wrong
 *     is bounded; what the client sends again when nothing else can happen is not.
 *
 * check.sh runs it in several sizes, and with each FAULT planted, which must be found; REACH
 * names what a client must be told in some run, so that the bounds are not too narrow.
 *
 * Not modelled: bodies (a key that is used again), deadlines, and a store that is away, which
 * is a worker that takes its time. */

#ifndef BATCHES
#define BATCHES 1
#endif
#ifndef CRASHES
#define CRASHES 0 /* of workers, together */
#endif
#ifndef SUSPICIONS
#define SUSPICIONS 0 /* leases taken back from a worker that goes on */
#endif
#ifndef RESTARTS
#define RESTARTS 0 /* of brokers, together: they forget all */
#endif
#ifndef FORGETS
#define FORGETS 0 /* of the client: what was told and is not in its journal */
#endif
#ifndef LOSSES
#define LOSSES 0 /* of messages between client and brokers */
#endif
#ifndef COST
#define COST 0 /* charges of batch 0 at brokers that are no more */
#endif
#ifndef RESENDS
#define RESENDS 1 /* while the batch may still be on its way */
#endif

#define SETTLED_UNREAD 1   /* settling does not look whether the key is settled */
#define WATERMARK_UNREAD 2 /* nor whether it is below the client's watermark */
#define BURY_UNRECORDED 3  /* the dead letter is written, and no settlement */
#define BURY_BY_BROKER 4   /* which says DEAD and asks no worker */
#define BURY_FORGOTTEN 5   /* the broker drops what has used up its attempts */
#define ANSWER_FIRST 6     /* a worker answers, then settles */
#define VERSION_OF_NOW 7   /* a duplicate is answered in the version that is served now */
#define ACKED_TOO_EARLY 8  /* acked_below passes what is not in the client's journal */
#ifndef FAULT
#define FAULT 0
#endif

#define BROKERS 2
#define WORKERS 2
#define ATTEMPTS 3
#define WINDOW 2 /* batches of the client that are not in its journal */
#define QUEUE 2  /* messages of a kind on their way to one process */

mtype = {NOTHING, COUNTED, INVALID, DEAD, ACKNOWLEDGED, CHARGED};

/* batch, charges that the client knows of, acked_below */
chan requests[BROKERS] = [QUEUE] of {byte, byte, byte};
/* broker, batch, ticket, acked_below, is it to be buried */
chan work[WORKERS] = [1] of {byte, byte, byte, byte, bool};
/* batch, ticket, outcome, version */
chan done[BROKERS] = [QUEUE] of {byte, byte, mtype, byte};
/* outcome or CHARGED, batch, version or charges */
chan answers = [QUEUE] of {mtype, byte, byte};

byte crashes = CRASHES, suspicions = SUSPICIONS, restarts = RESTARTS, losses = LOSSES;
byte life[WORKERS]; /* a lease of an earlier one is over */
bool finished;      /* the client has all answers in its journal */

/* ---- the store ---- */

byte champion;  /* the version that is served: 0, later 1 */
byte watermark; /* what is below it is final at the client, and its settlement pruned */
mtype settled[BATCHES] = NOTHING;
byte settled_version[BATCHES];
bool needs_more[BATCHES]; /* INVALID under version 1, which requires what it has not */

/* What was done, whatever is remembered of it. */
byte counted[BATCHES], counted_version[BATCHES], buried[BATCHES];

inline raise_watermark(acked)
{
    do
    :: watermark < acked -> settled[watermark] = NOTHING; watermark++
    :: else -> break
    od
}

inline record(batch, outcome, version)
{
    if
    :: !(FAULT == BURY_UNRECORDED && outcome == DEAD) ->
        settled[batch] = outcome;
        settled_version[batch] = version
    :: else
    fi;
    if
    :: outcome == COUNTED -> counted[batch]++; counted_version[batch] = version
    :: outcome == DEAD -> buried[batch]++
    :: else
    fi;
    assert(counted[batch] + buried[batch] <= 1)
}

/* One transaction; the first writer wins. `outcome` and `version` are what the worker found,
 * then what it is to answer. */
inline settle(batch, acked, outcome, version)
{
    raise_watermark(acked);
    if
    :: batch < watermark && FAULT != WATERMARK_UNREAD ->
        outcome = ACKNOWLEDGED;
        version = 0
    :: (batch >= watermark || FAULT == WATERMARK_UNREAD) &&
       settled[batch] != NOTHING && FAULT != SETTLED_UNREAD ->
        outcome = settled[batch];
        if
        :: FAULT == VERSION_OF_NOW -> version = champion
        :: else -> version = settled_version[batch]
        fi
    :: else -> record(batch, outcome, version)
    fi
}

/* ---- a worker: scores, settles, answers ---- */

inline score(batch, buries, outcome, version)
{
    version = champion; /* taken once, whatever is promoted after that */
    if
    :: buries -> outcome = DEAD; version = 0
    :: !buries && version == 1 && needs_more[batch] -> outcome = INVALID
    :: else -> outcome = COUNTED
    fi
}

/* What it held is lost, what waited for it too. */
inline crash_or_not(self)
{
    if
    :: crashes > 0 ->
        crashes--;
        life[self]++;
        if
        :: work[self] ? _, _, _, _, _
        :: empty(work[self])
        fi;
        goto idle
    :: true
    fi
}

proctype Worker(byte self)
{
    byte broker, batch, ticket, acked, version;
    bool buries;
    mtype outcome;
idle:
    atomic {
        broker = 0; batch = 0; ticket = 0; acked = 0; version = 0;
        buries = false; outcome = NOTHING
    }
end:
    atomic {
        work[self] ? broker, batch, ticket, acked, buries;
        score(batch, buries, outcome, version);
        crash_or_not(self)
    }
    if
    :: FAULT == ANSWER_FIRST -> done[broker] ! batch, ticket, outcome, version
    :: else
    fi;
    atomic {
        nfull(done[broker]);
        settle(batch, acked, outcome, version);
        crash_or_not(self);
        if
        :: FAULT != ANSWER_FIRST -> done[broker] ! batch, ticket, outcome, version
        :: else
        fi;
        goto idle
    }
}

/* ---- a broker: holds, leases, takes back, charges; never opens the store ---- */

inline let_go(batch)
{
    held[batch] = false; leased[batch] = false; charges[batch] = 0; acked_with[batch] = 0;
    ticket_of[batch] = 0; worker_of[batch] = 0; life_of[batch] = 0
}

inline take_request(self)
{
    requests[self] ? batch, number, acked;
    if
    :: !held[batch] ->
        held[batch] = true;
        acked_with[batch] = acked;
        charges[batch] = number
    :: held[batch] && charges[batch] < number -> charges[batch] = number
    :: else /* it is on its way */
    fi
}

inline lease(self, which, worker)
{
    held[which] && !leased[which] && nfull(work[worker]) && nfull(answers);
    if
    :: FAULT == BURY_BY_BROKER && charges[which] == ATTEMPTS ->
        answers ! DEAD, which, 0;
        let_go(which)
    :: FAULT == BURY_FORGOTTEN && charges[which] == ATTEMPTS -> let_go(which)
    :: else ->
        tickets++;
        leased[which] = true;
        ticket_of[which] = tickets;
        worker_of[which] = worker;
        life_of[which] = life[worker];
        work[worker] ! self, which, tickets, acked_with[which], charges[which] == ATTEMPTS
    fi
}

inline take_answer(self)
{
    nempty(done[self]) && nfull(answers);
    done[self] ? batch, number, outcome, version;
    if
    :: leased[batch] && ticket_of[batch] == number ->
        answers ! outcome, batch, version;
        let_go(batch)
    :: else /* an earlier lease */
    fi
}

/* The worker died, or seems to have; it may have been at work on this one, or not. */
inline take_back(which)
{
    leased[which] && nfull(answers) &&
        (life_of[which] != life[worker_of[which]] || suspicions > 0);
    if
    :: life_of[which] != life[worker_of[which]]
    :: else -> suspicions--
    fi;
    leased[which] = false;
    if
    :: charges[which] < ATTEMPTS ->
        if
        :: charges[which]++
        :: charges[which] = ATTEMPTS /* it was alone, and others died in its company before */
        fi;
        answers ! CHARGED, which, charges[which]
    :: true
    fi
}

proctype Broker(byte self)
{
    bool held[BATCHES], leased[BATCHES];
    byte charges[BATCHES], acked_with[BATCHES];
    byte ticket_of[BATCHES], worker_of[BATCHES], life_of[BATCHES];
    byte tickets, batch, number, acked, version;
    mtype outcome;
end:
    do
    :: atomic { take_request(self); batch = 0; number = 0; acked = 0 }
    :: atomic { lease(self, 0, 0) }
    :: atomic { lease(self, 0, 1) }
    :: atomic { take_answer(self); batch = 0; number = 0; outcome = NOTHING; version = 0 }
    :: atomic { take_back(0) }
#if BATCHES > 1
    :: atomic { lease(self, 1, 0) }
    :: atomic { lease(self, 1, 1) }
    :: atomic { take_back(1) }
#endif
    :: atomic {
        restarts > 0 && (held[0] || held[BATCHES - 1]) ->
        restarts--;
        let_go(0);
        let_go(BATCHES - 1)
    }
    od
}

/* ---- the client ---- */

/* What it was told first, by whichever broker. */
mtype first[BATCHES] = NOTHING;
byte first_version[BATCHES];

inline hear(kind, batch, version)
{
    assert(first[batch] == NOTHING ||
           (first[batch] == kind && first_version[batch] == version));
    first[batch] = kind;
    first_version[batch] = version;
    assert(counted[batch] == (kind == COUNTED) && buried[batch] == (kind == DEAD));
    assert(kind != COUNTED || counted_version[batch] == version)
}

inline send(which)
{
    if
    :: nfull(requests[0]) -> requests[0] ! which, known[which], told_final
    :: nfull(requests[1]) -> requests[1] ! which, known[which], told_final
    :: losses > 0 -> losses--
    fi
}

inline take(kind)
{
    answers ? kind, batch, number;
#ifdef REACH
    assert(kind != REACH);
#endif
    if
    :: losses > 0 -> losses--
    :: kind == CHARGED && known[batch] < number -> known[batch] = number
    :: kind == CHARGED && known[batch] >= number
    :: kind == ACKNOWLEDGED -> assert(batch < final)
    :: kind != CHARGED && kind != ACKNOWLEDGED ->
        hear(kind, batch, number);
        told[batch] = true
    fi
}

proctype Client()
{
    byte known[BATCHES]; /* charges */
    bool told[BATCHES];
    byte sent, final, told_final, batch, number, resends = RESENDS, forgets = FORGETS;
    mtype kind;
    known[0] = COST;
end:
    do
    :: atomic { sent < BATCHES && sent - final < WINDOW -> send(sent); sent++ }
    :: atomic { sent > 0 && !told[0] && resends > 0 -> resends--; send(0) }
    :: atomic { timeout && sent > 0 && !told[0] -> send(0) }
#if BATCHES > 1
    :: atomic { sent > 1 && !told[1] && resends > 0 -> resends--; send(1) }
    :: atomic { timeout && sent > 1 && !told[1] -> send(1) }
#endif
    :: atomic { take(kind); batch = 0; number = 0; kind = NOTHING }
    :: d_step { /* one more is in the journal */
        final < sent && told[final] ->
        final++;
        told_final = final;
        finished = (final == BATCHES)
    }
    :: d_step {
        FAULT == ACKED_TOO_EARLY && told_final < sent && told[told_final] -> told_final++
    }
    :: d_step { /* it is started again with its journal */
        forgets > 0 && final < sent ->
        forgets--;
        told[BATCHES - 1] = false;
        if
        :: final == 0 -> told[0] = false
        :: else
        fi
    }
    od
}

/* ---- all of it ---- */

init {
    atomic {
        if
        :: needs_more[0] = true
        :: true
        fi;
        run Client();
        run Broker(0);
        run Broker(1);
        run Worker(0);
        run Worker(1)
    }
    champion = 1 /* at any time */
}

ltl no_loss { <> finished }
