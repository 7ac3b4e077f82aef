/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a submitted batch is sent until it is answered, by whichever broker answers, is
 * answered once, and acked_below never passes one that is not final.
 * Method: examples for each arrow in session.h under a time of our own, with one broker
 * and with several, then a seeded random walk against brokers that lose, repeat, delay,
 * fall silent, come and go. A failure prints its seed. */
#include "client/session.h"

#include "tests/lib/test.h"

#include <stdlib.h>

static const struct session_limits limits = {
    .window = 3,
    .span_max = 6,
    .resend_ms = 1000,
    .ping_ms = 100,
    .silence_ms = 500,
    .drain_ms = 300,
    .seed = 7,
};

static struct session *open_session(uint32_t peers)
{
    struct session *session = session_new(&limits, 0);
    for (uint32_t peer = 0; session != NULL && peer < peers; peer++)
        session_peer_add(session, peer, 0);
    return session;
}

/* One broker, that has not answered yet. */
static int setup(void **state)
{
    *state = open_session(1);
    return *state == NULL;
}

/* Three that have, as 40, 41 and 42. */
static int setup_three(void **state)
{
    *state = open_session(3);
    for (uint32_t peer = 0; *state != NULL && peer < 3; peer++)
        session_pong(*state, peer, 40 + peer, NULL, 0);
    return *state == NULL;
}

static int teardown(void **state)
{
    session_free(*state);
    return 0;
}

/* The next SEND, answering no PING and passing over notices; 0: nothing to send. */
static uint64_t next_send_to(struct session *session, uint64_t now_ms, uint32_t *peer)
{
    struct session_step step;
    do
        step = session_next(session, now_ms);
    while (step.action != SESSION_NOTHING && step.action != SESSION_SEND);
    *peer = step.peer;
    return step.sequence;
}

static uint64_t next_send(struct session *session, uint64_t now_ms)
{
    uint32_t peer;
    return next_send_to(session, now_ms, &peer);
}

static bool says(struct session *session, enum session_action action, uint64_t now_ms)
{
    struct session_step step;
    bool said = false;
    while ((step = session_next(session, now_ms)).action != SESSION_NOTHING)
        said |= step.action == action;
    return said;
}

static void pong(struct session *session, uint64_t instance, uint64_t now_ms)
{
    session_pong(session, 0, instance, NULL, now_ms);
}

static uint64_t submit(struct session *session)
{
    uint64_t sequence;
    assert_int_equal(session_submit(session, 0, &sequence), STATUS_OK);
    return sequence;
}

static void answer(struct session *session, uint64_t sequence)
{
    assert_int_equal(session_reply(session, sequence), STATUS_OK);
    session_final(session, sequence);
}

/* ---- one broker ---- */

static void nothing_is_sent_before_the_broker_is_known(void **state)
{
    struct session *session = *state;
    assert_int_equal(submit(session), 1);
    assert_int_equal(session_next(session, 0).action, SESSION_PING);
    assert_int_equal(session_next(session, 0).action, SESSION_NOTHING);
    pong(session, 42, 5);
    assert_int_equal(next_send(session, 5), 1);
    assert_int_equal(next_send(session, 5), 0);
}

static void batches_go_in_the_order_of_their_sequences(void **state)
{
    struct session *session = *state;
    pong(session, 42, 0);
    for (int i = 0; i < 3; i++)
        submit(session);
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(next_send(session, 3), i);
}

static void window_is_full_until_an_answer_is_final(void **state)
{
    struct session *session = *state;
    uint64_t sequence = 99;
    pong(session, 42, 0);
    for (int i = 0; i < 3; i++)
        submit(session);
    assert_int_equal(session_submit(session, 0, &sequence), STATUS_FULL);
    assert_int_equal(sequence, 99);
    assert_int_equal(session_reply(session, 2), STATUS_OK);
    assert_int_equal(session_submit(session, 0, &sequence), STATUS_FULL);
    session_final(session, 2);
    assert_int_equal(submit(session), 4);
}

static void one_that_stays_open_holds_back_those_far_after_it(void **state)
{
    struct session *session = *state;
    uint64_t sequence;
    pong(session, 42, 0);
    assert_int_equal(submit(session), 1);
    for (uint64_t i = 2; i <= 6; i++) {
        assert_int_equal(submit(session), i);
        answer(session, i);
    }
    assert_int_equal(session_acked_below(session), 1);
    assert_int_equal(session_submit(session, 0, &sequence), STATUS_FULL);
    answer(session, 1);
    assert_int_equal(session_acked_below(session), 7);
    assert_int_equal(submit(session), 7);
}

static void acked_below_waits_for_what_is_answered_but_not_final(void **state)
{
    struct session *session = *state;
    pong(session, 42, 0);
    submit(session);
    submit(session);
    assert_int_equal(session_acked_below(session), 1);
    assert_int_equal(session_reply(session, 1), STATUS_OK);
    assert_int_equal(session_acked_below(session), 1);
    session_final(session, 1);
    assert_int_equal(session_acked_below(session), 2);
}

static void journaled_sequence_is_skipped_and_never_sent(void **state)
{
    struct session *session = *state;
    pong(session, 42, 0);
    assert_int_equal(session_skip(session), 1);
    assert_int_equal(submit(session), 2);
    assert_int_equal(session_acked_below(session), 2);
    assert_int_equal(next_send(session, 0), 2);
}

/* More than the ring of open ones is long. */
static void many_may_be_skipped_while_one_is_open(void **state)
{
    struct session *session = *state;
    uint64_t sequence;
    pong(session, 42, 0);
    submit(session);
    for (uint64_t i = 2; i <= 50; i++)
        assert_int_equal(session_skip(session), i);
    assert_int_equal(session_acked_below(session), 1);
    assert_int_equal(session_submit(session, 0, &sequence), STATUS_FULL);
    assert_int_equal(session_reply(session, 9), STATUS_STALE);
    answer(session, 1);
    assert_int_equal(session_acked_below(session), 51);
    assert_int_equal(submit(session), 51);
}

static void silence_about_a_batch_sends_it_again_under_its_key(void **state)
{
    struct session *session = *state;
    pong(session, 42, 0);
    submit(session);
    assert_int_equal(next_send(session, 0), 1);
    pong(session, 42, 998);
    assert_int_equal(next_send(session, 999), 0);
    pong(session, 42, 999);
    assert_int_equal(next_send(session, 1000), 1);
    assert_int_equal(next_send(session, 1000), 0);
}

/* What a slow line still carries is not put into it once more. */
static void batch_is_not_sent_twice_into_a_connection_that_answers_no_ping(void **state)
{
    struct session *session = *state;
    pong(session, 42, 0);
    submit(session);
    assert_int_equal(next_send(session, 0), 1);
    assert_int_equal(next_send(session, 100), 0); /* a PING goes, and waits behind it */
    for (uint64_t now_ms = 200; now_ms < 5000; now_ms += 50)
        assert_int_equal(next_send(session, now_ms), 0);
    pong(session, 42, 5000);
    assert_int_equal(next_send(session, 5000), 0);
    pong(session, 42, 5999);
    assert_int_equal(next_send(session, 5999), 0);
    pong(session, 42, 6000);
    assert_int_equal(next_send(session, 6000), 1);
}

static void batch_is_sent_again_though_its_time_ends_with_each_ping(void **state)
{
    struct session *session = *state;
    uint64_t sequence, sent = 0;
    says(session, SESSION_PING, 0);
    pong(session, 40, 0);
    assert_int_equal(session_submit(session, 0, &sequence), STATUS_OK);
    assert_int_equal(next_send(session, 0), sequence);
    for (uint64_t now_ms = 100; now_ms <= 2000 && sent == 0; now_ms += 100) {
        sent = next_send(session, now_ms); /* a PING leaves before */
        pong(session, 40, now_ms + 1);
    }
    assert_int_equal(sent, sequence);
}

static void another_instance_gets_all_that_is_outstanding_at_once(void **state)
{
    struct session *session = *state;
    pong(session, 42, 0);
    for (int i = 0; i < 3; i++)
        submit(session);
    while (next_send(session, 0) != 0)
        continue;
    answer(session, 2);
    pong(session, 42, 10);
    assert_int_equal(next_send(session, 10), 0);
    pong(session, 43, 20);
    assert_int_equal(session_next(session, 20).action, SESSION_RESTARTED);
    assert_int_equal(next_send(session, 20), 1);
    assert_int_equal(next_send(session, 20), 3);
    assert_int_equal(next_send(session, 20), 0);
}

/* The answers may have gone with the connection. */
static void broken_connection_gets_its_batches_again_when_it_is_back(void **state)
{
    struct session *session = *state;
    pong(session, 42, 0);
    submit(session);
    assert_int_equal(next_send(session, 0), 1);
    session_lost(session, 0, 10);
    assert_int_equal(session_next(session, 10).action, SESSION_PING);
    assert_int_equal(next_send(session, 10), 0);
    pong(session, 42, 20);
    assert_false(says(session, SESSION_RESTARTED, 20));
    session_lost(session, 0, 30);
    pong(session, 42, 40);
    assert_int_equal(next_send(session, 40), 1);
}

static void busy_batch_comes_again_after_its_time_and_jitter(void **state)
{
    struct session *session = *state;
    pong(session, 42, 0);
    submit(session);
    assert_int_equal(next_send(session, 0), 1);
    session_busy(session, 0, 1, 200, 10);
    assert_int_equal(next_send(session, 209), 0);
    assert_int_equal(next_send(session, 310), 1); /* 200 and at most half as much */
    session_busy(session, 0, 1, UINT64_MAX, 310); /* a peer's number is bounded */
    pong(session, 42, 310 + 59999);
    assert_int_equal(next_send(session, 310 + 59999), 0);
    pong(session, 42, 310 + 90000);
    assert_int_equal(next_send(session, 310 + 90000), 1);
}

static void busy_batch_waits_longer_each_time(void **state)
{
    struct session *session = *state;
    pong(session, 42, 0);
    submit(session);
    for (uint64_t wait_ms = 100, now_ms = 0; wait_ms <= 1600; wait_ms *= 2) {
        assert_int_equal(next_send(session, now_ms), 1);
        session_busy(session, 0, 1, 100, now_ms);
        pong(session, 42, now_ms + wait_ms - 1);
        assert_int_equal(next_send(session, now_ms + wait_ms - 1), 0);
        now_ms += wait_ms + wait_ms / 2;
        pong(session, 42, now_ms);
    }
}

static void expired_batch_comes_again_later(void **state)
{
    struct session *session = *state;
    pong(session, 42, 0);
    submit(session);
    assert_int_equal(next_send(session, 0), 1);
    session_expired(session, 0, 1, 10);
    pong(session, 42, 1009);
    assert_int_equal(next_send(session, 1009), 0);
    pong(session, 42, 1510);
    assert_int_equal(next_send(session, 1510), 1);
    session_expired(session, 0, 2, 1510); /* never submitted */
}

/* A what-if that nobody answers in time. */
static void batch_is_given_up_when_its_own_time_is_over(void **state)
{
    struct session *session = *state;
    uint64_t sequence;
    assert_int_equal(session_submit(session, 70, &sequence), STATUS_OK);
    submit(session);
    assert_false(says(session, SESSION_GIVEN_UP, 69));
    assert_int_equal(session_deadline_ms(session), 70);
    struct session_step step = session_next(session, 70);
    assert_int_equal(step.action, SESSION_GIVEN_UP);
    assert_int_equal(step.sequence, sequence);
    assert_int_equal(session_reply(session, sequence), STATUS_STALE);
    assert_int_equal(session_acked_below(session), 2);
    pong(session, 42, 71);
    assert_int_equal(next_send(session, 71), 2);
}

static void answered_batch_does_not_expire(void **state)
{
    struct session *session = *state;
    uint64_t sequence;
    pong(session, 42, 0);
    assert_int_equal(session_submit(session, 50, &sequence), STATUS_OK);
    assert_int_equal(next_send(session, 0), sequence);
    assert_int_equal(session_reply(session, sequence), STATUS_OK);
    assert_false(says(session, SESSION_GIVEN_UP, 60));
    session_final(session, sequence);
}

static void draining_broker_gets_nothing_new_until_it_stops_draining(void **state)
{
    struct session *session = *state;
    pong(session, 42, 0);
    submit(session);
    assert_int_equal(next_send(session, 0), 1);
    session_drain(session, 0, 0);
    session_drain(session, 0, 1);
    submit(session);
    assert_int_equal(session_next(session, 1).action, SESSION_DRAINING);
    assert_false(says(session, SESSION_DRAINING, 1));
    session_busy(session, 0, 1, 10, 1); /* it gave this one up */
    assert_int_equal(next_send(session, 900), 0);
    pong(session, 43, 910); /* the next broker is there */
    assert_int_equal(next_send(session, 910), 1);
    assert_int_equal(next_send(session, 910), 2);
}

static void late_and_repeated_replies_are_stale(void **state)
{
    struct session *session = *state;
    pong(session, 42, 0);
    submit(session);
    assert_int_equal(session_reply(session, 2), STATUS_STALE);
    assert_int_equal(session_reply(session, 1), STATUS_OK);
    assert_int_equal(session_reply(session, 1), STATUS_STALE);
    session_final(session, 1);
    assert_int_equal(session_reply(session, 1), STATUS_STALE);
    session_busy(session, 0, 1, 10, 0);
    session_expired(session, 0, 1, 0);
    assert_int_equal(next_send(session, 90000), 0);
}

static void silent_broker_is_told_once_and_its_return_too(void **state)
{
    struct session *session = *state;
    assert_int_equal(session_next(session, 0).action, SESSION_PING);
    assert_false(says(session, SESSION_SILENT, 499));
    assert_true(says(session, SESSION_SILENT, 500));
    assert_false(says(session, SESSION_SILENT, 2000));
    pong(session, 42, 2001);
    assert_true(says(session, SESSION_BACK, 2001));
    assert_false(says(session, SESSION_BACK, 2002));
}

static void unsent_batch_waits_for_the_connection(void **state)
{
    struct session *session = *state;
    pong(session, 42, 0);
    submit(session);
    submit(session);
    assert_int_equal(next_send(session, 0), 1);
    session_unsent(session, 0, 1, 0);
    assert_int_equal(session_next(session, 0).action, SESSION_PING);
    session_unpinged(session, 0, 0);
    assert_int_equal(next_send(session, 0), 0);
    assert_true(session_deadline_ms(session) <= 100);
    pong(session, 42, 60);
    assert_int_equal(next_send(session, 60), 1);
    assert_int_equal(next_send(session, 60), 2);
}

/* Many dead addresses do not keep a client busy. */
static void ping_that_finds_no_connection_is_tried_ever_more_rarely(void **state)
{
    struct session *session = *state;
    uint64_t now_ms = 0, tries = 0;
    while (now_ms < 10000) {
        struct session_step step = session_next(session, now_ms);
        if (step.action == SESSION_PING) {
            session_unpinged(session, 0, now_ms);
            tries++;
        }
        if (step.action == SESSION_NOTHING)
            now_ms = session_deadline_ms(session);
    }
    assert_in_range(tries, 20, 40);
}

static void question_beside_the_stream_does_not_hold_acked_below(void **state)
{
    struct session *session = *state;
    pong(session, 42, 0);
    uint64_t first = session_aside(session), second = session_aside(session);
    assert_int_equal(session_acked_below(session), 1);
    assert_int_equal(session_count(session), 0);
    assert_int_equal(next_send(session, 0), second);
    assert_int_equal(session_reply(session, first), STATUS_STALE);
    answer(session, second);
}

static void deadline_wakes_for_the_next_work(void **state)
{
    struct session *session = *state;
    assert_int_equal(session_next(session, 0).action, SESSION_PING);
    assert_int_equal(session_next(session, 0).action, SESSION_NOTHING);
    assert_int_equal(session_deadline_ms(session), 100);
    pong(session, 42, 0);
    submit(session);
    assert_int_equal(session_deadline_ms(session), 0);
    assert_int_equal(next_send(session, 0), 1);
    session_busy(session, 0, 1, 20, 0);
    assert_int_equal(session_next(session, 0).action, SESSION_NOTHING);
    assert_true(session_deadline_ms(session) >= 20 && session_deadline_ms(session) <= 30);
}

/* ---- several brokers ---- */

static void batches_are_spread_over_the_brokers(void **state)
{
    struct session *session = *state;
    uint32_t peer, at[3] = {0};
    for (int i = 0; i < 3; i++) {
        submit(session);
        assert_int_not_equal(next_send_to(session, 0, &peer), 0);
        at[peer]++;
    }
    for (peer = 0; peer < 3; peer++)
        assert_in_range(at[peer], 0, 2); /* of two that are drawn the one without any */
}

static void busier_broker_is_passed_over(void **state)
{
    struct session *session = *state;
    uint32_t peer;
    session_peer_remove(session, 2);
    session_pong(session, 0, 40, &(struct session_load){.held = 100}, 0);
    session_pong(session, 1, 41, &(struct session_load){.held = 2}, 0);
    for (int i = 0; i < 30; i++) {
        uint64_t sequence = submit(session);
        assert_int_equal(next_send_to(session, 0, &peer), sequence);
        assert_int_equal(peer, 1);
        answer(session, sequence);
    }
}

static void broker_without_workers_is_passed_over_while_another_has_some(void **state)
{
    struct session *session = *state;
    const struct session_load none = {.workerless = true}, some = {.held = 50};
    uint32_t peer;
    session_peer_remove(session, 2);
    session_pong(session, 0, 40, &none, 0);
    session_pong(session, 1, 41, &some, 0);
    for (int i = 0; i < 30; i++) {
        uint64_t sequence = submit(session);
        assert_int_equal(next_send_to(session, 0, &peer), sequence);
        assert_int_equal(peer, 1);
        answer(session, sequence);
    }
    session_pong(session, 1, 41, &none, 0);
    uint64_t last = submit(session);
    assert_int_equal(next_send(session, 0), last);
}

/* Three batches, and where they are. */
static void send_three(struct session *session, uint32_t at[4])
{
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(submit(session), i);
        assert_int_equal(next_send_to(session, 0, &at[i]), i);
    }
}

static void assert_moved(struct session *session, const uint32_t at[4], uint32_t from,
                         uint64_t now_ms)
{
    uint32_t peer;
    for (uint64_t i = 1; i <= 3; i++) {
        if (at[i] != from)
            continue;
        assert_int_equal(next_send_to(session, now_ms, &peer), i);
        assert_int_not_equal(peer, from);
    }
    assert_int_equal(next_send(session, now_ms), 0);
}

static void a_batch_goes_to_another_broker_when_its_own_is_silent(void **state)
{
    struct session *session = *state;
    uint32_t at[4];
    send_three(session, at);
    for (uint64_t now_ms = 0; now_ms < 500; now_ms += 100) {
        assert_int_equal(next_send(session, now_ms), 0); /* and PINGs */
        for (uint32_t peer = 0; peer < 3; peer++)
            if (peer != at[1])
                session_pong(session, peer, 40 + peer, NULL, now_ms);
    }
    assert_int_equal(next_send(session, 499), 0);
    assert_moved(session, at, at[1], 500);
    assert_false(says(session, SESSION_SILENT, 500));
}

static void a_batch_goes_to_another_broker_when_its_connection_breaks(void **state)
{
    struct session *session = *state;
    uint32_t at[4];
    send_three(session, at);
    session_lost(session, at[1], 5);
    assert_moved(session, at, at[1], 5);
}

static void a_batch_goes_to_another_broker_when_its_own_is_removed(void **state)
{
    struct session *session = *state;
    uint32_t at[4];
    send_three(session, at);
    session_peer_remove(session, at[1]);
    assert_moved(session, at, at[1], 5);
    session_pong(session, at[1], 77, NULL, 6); /* late, from one that is gone */
    assert_false(says(session, SESSION_RESTARTED, 6));
    session_peer_add(session, at[1], 7);
    assert_int_equal(session_next(session, 7).action, SESSION_PING);
}

static void draining_broker_may_finish_what_it_has_for_a_while(void **state)
{
    struct session *session = *state;
    uint32_t at[4];
    send_three(session, at);
    session_drain(session, at[1], 10);
    assert_int_equal(next_send(session, 309), 0);
    assert_moved(session, at, at[1], 310);
}

static void batch_without_an_answer_goes_to_another_broker_next(void **state)
{
    struct session *session = *state;
    uint32_t at[4];
    session_peer_remove(session, 2);
    send_three(session, at);
    answer(session, 2);
    answer(session, 3);
    for (int i = 0; i < 2; i++)
        session_pong(session, (uint32_t)i, 40 + (uint64_t)i, NULL, 999);
    assert_moved(session, (uint32_t[]){9, at[1], 9, 9}, at[1], 1000);
}

static void busy_batch_is_offered_to_each_other_broker_before_it_waits(void **state)
{
    struct session *session = *state;
    uint32_t peer, seen = 0;
    submit(session);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(next_send_to(session, 0, &peer), 1);
        seen |= 1U << peer;
        session_busy(session, peer, 1, 50, 0);
    }
    assert_int_equal(seen, 7);
    assert_int_equal(next_send(session, 49), 0);
    assert_int_equal(next_send(session, 75), 1);
}

static void busy_batch_goes_at_once_to_a_broker_that_begins_to_answer(void **state)
{
    struct session *session = *state;
    uint32_t peer;
    session_lost(session, 1, 0);
    session_lost(session, 2, 0);
    submit(session);
    assert_int_equal(next_send(session, 0), 1);
    session_busy(session, 0, 1, 60000, 0);
    assert_int_equal(next_send(session, 10), 0);
    pong(session, 40, 10); /* it says nothing new */
    assert_int_equal(next_send(session, 10), 0);
    session_pong(session, 1, 43, NULL, 10);
    assert_int_equal(next_send_to(session, 10, &peer), 1);
    assert_int_equal(peer, 1);
}

static void busy_broker_is_passed_over_by_the_other_batches(void **state)
{
    struct session *session = *state;
    uint32_t peer, first;
    submit(session);
    assert_int_equal(next_send_to(session, 0, &first), 1);
    session_busy(session, first, 1, 100, 0);
    for (uint64_t i = 1; i <= 30; i++) {
        assert_int_equal(next_send_to(session, 0, &peer), i);
        assert_int_not_equal(peer, first);
        answer(session, i);
        submit(session);
    }
}

static void word_of_a_broker_about_what_it_no_longer_has_is_nothing(void **state)
{
    struct session *session = *state;
    uint32_t first, second;
    submit(session);
    assert_int_equal(next_send_to(session, 0, &first), 1);
    session_lost(session, first, 1);
    assert_int_equal(next_send_to(session, 1, &second), 1);
    session_busy(session, first, 1, 10, 2);
    session_expired(session, first, 1, 2);
    assert_int_equal(next_send(session, 90), 0);
    answer(session, 1); /* from either */
}

static void only_all_brokers_together_are_silence(void **state)
{
    struct session *session = *state;
    session_lost(session, 0, 10);
    session_lost(session, 1, 20);
    assert_false(says(session, SESSION_SILENT, 300));
    session_pong(session, 2, 42, NULL, 300);
    assert_false(says(session, SESSION_SILENT, 600));
    session_lost(session, 2, 600);
    assert_false(says(session, SESSION_SILENT, 799));
    assert_true(says(session, SESSION_SILENT, 800));
    session_pong(session, 1, 41, NULL, 900);
    assert_true(says(session, SESSION_BACK, 900));
}

/* Its answers go where it was asked: down a connection that is no more. */
static void answer_by_another_connection_has_all_sent_again_at_once(void **state)
{
    struct session *session = *state;
    const struct session_load first = {.connection = 7}, second = {.connection = 8};
    session_peer_remove(session, 1);
    session_peer_remove(session, 2);
    session_pong(session, 0, 40, &first, 0);
    submit(session);
    submit(session);
    assert_int_equal(next_send(session, 0), 1);
    assert_int_equal(next_send(session, 0), 2);
    answer(session, 1);
    session_pong(session, 0, 40, &first, 100);
    session_pong(session, 0, 40, &(struct session_load){.held = 1}, 100); /* not told */
    assert_int_equal(next_send(session, 100), 0);
    session_pong(session, 0, 40, &second, 200);
    assert_int_equal(next_send(session, 200), 2);
    assert_int_equal(next_send(session, 200), 0);
    assert_false(says(session, SESSION_RESTARTED, 200));
}

static void connection_that_was_made_anew_in_time_costs_nothing_twice(void **state)
{
    struct session *session = *state;
    const struct session_load first = {.connection = 7}, second = {.connection = 8};
    session_peer_remove(session, 1);
    session_peer_remove(session, 2);
    session_pong(session, 0, 40, &first, 0);
    submit(session);
    assert_int_equal(next_send(session, 0), 1);
    session_lost(session, 0, 10);
    session_pong(session, 0, 40, &second, 20);
    assert_int_equal(next_send(session, 20), 1);
    session_pong(session, 0, 40, &second, 30);
    assert_int_equal(next_send(session, 30), 0);
}

/* ---- the random walk ---- */

enum { WALK_BATCHES = 400, FLIGHT_MAX = 64, WALK_PEERS = 4 };

struct walk {
    struct session *session;
    uint64_t now_ms, submitted, final;
    uint64_t instances[WALK_PEERS]; /* 0: not there */
    uint64_t connections;           /* made so far */
    bool is_deaf[WALK_PEERS];
    uint8_t answers[WALK_BATCHES + 1];
    uint64_t flight[FLIGHT_MAX]; /* replies under way: 0 is none */
};

static void walk_pong(struct walk *self, uint32_t peer)
{
    const struct session_load load = {
        .connection = rand() % 50 == 0 ? ++self->connections : self->connections,
        .held = (uint32_t)(rand() % 20),
        .workerless = rand() % 5 == 0,
    };
    session_pong(self->session, peer, self->instances[peer], &load, self->now_ms);
}

static void walk_send(struct walk *self, uint32_t peer, uint64_t sequence)
{
    assert_true(self->instances[peer] != 0);
    assert_int_equal(self->answers[sequence], 0);
    int fate = rand() % 10;
    if (fate == 0)
        session_busy(self->session, peer, sequence, (uint64_t)(rand() % 50),
                     self->now_ms);
    else if (fate == 1)
        session_unsent(self->session, peer, sequence, self->now_ms);
    else if (fate == 2)
        session_expired(self->session, peer, sequence, self->now_ms);
    else if (fate > 3 && !self->is_deaf[peer])
        self->flight[rand() % FLIGHT_MAX] = sequence;
}

static void walk_steps(struct walk *self)
{
    struct session_step step;
    while ((step = session_next(self->session, self->now_ms)).action != SESSION_NOTHING) {
        if (step.action == SESSION_SEND)
            walk_send(self, step.peer, step.sequence);
        if (step.action != SESSION_PING)
            continue;
        if (rand() % 20 == 0)
            session_unpinged(self->session, step.peer, self->now_ms);
        else if (!self->is_deaf[step.peer] && rand() % 4 > 0)
            walk_pong(self, step.peer);
    }
}

static void walk_reply(struct walk *self)
{
    uint64_t sequence = self->flight[rand() % FLIGHT_MAX]; /* stays: it may come twice */
    if (sequence == 0 || session_reply(self->session, sequence) != STATUS_OK)
        return;
    assert_int_equal(self->answers[sequence]++, 0);
    assert_true(session_acked_below(self->session) <= sequence);
    session_final(self->session, sequence);
    self->final++;
}

static void walk_come_or_go(struct walk *self, uint32_t peer)
{
    if (self->instances[peer] == 0) {
        self->instances[peer] = 1;
        self->is_deaf[peer] = false;
        session_peer_add(self->session, peer, self->now_ms);
    } else {
        self->instances[peer] = 0;
        session_peer_remove(self->session, peer);
    }
}

static void walk_brokers(struct walk *self)
{
    uint32_t peer = (uint32_t)(rand() % WALK_PEERS);
    int event = rand() % 500;
    if (event == 0)
        walk_come_or_go(self, peer);
    if (self->instances[peer] == 0)
        return;
    if (event == 1)
        self->is_deaf[peer] = !self->is_deaf[peer];
    if (event >= 2 && event < 5)
        session_drain(self->session, peer, self->now_ms);
    if (event == 5 || event == 6) {
        self->instances[peer]++;
        walk_pong(self, peer);
    }
    if (event == 7 || event == 8)
        session_lost(self->session, peer, self->now_ms);
}

static void walk_check(const struct walk *self)
{
    uint64_t acked = session_acked_below(self->session);
    assert_true(acked <= self->submitted + 1);
    for (uint64_t i = acked > limits.span_max ? acked - limits.span_max : 1; i < acked;
         i++)
        assert_int_equal(self->answers[i], 1);
    assert_true(session_deadline_ms(self->session) > self->now_ms);
}

static void random_walk_answers_each_batch_once(void **state)
{
    const char *given = getenv("TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 1;
    static struct walk walk;
    print_message("TEST_SEED=%u\n", seed);
    srand(seed);
    walk = (struct walk){.session = *state, .instances = {1}};
    for (int step = 0; walk.final < WALK_BATCHES; step++) {
        uint64_t sequence;
        assert_true(step < 10000000);
        walk.now_ms += (uint64_t)(rand() % 40);
        walk_brokers(&walk);
        if (walk.submitted < WALK_BATCHES &&
            session_submit(walk.session, 0, &sequence) == STATUS_OK)
            assert_int_equal(sequence, ++walk.submitted);
        walk_steps(&walk);
        walk_check(&walk);
        walk_reply(&walk);
    }
    assert_int_equal(session_acked_below(walk.session), WALK_BATCHES + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define OF_THREE(name) cmocka_unit_test_setup_teardown(name, setup_three, teardown)
        TEST(nothing_is_sent_before_the_broker_is_known),
        TEST(batches_go_in_the_order_of_their_sequences),
        TEST(window_is_full_until_an_answer_is_final),
        TEST(one_that_stays_open_holds_back_those_far_after_it),
        TEST(acked_below_waits_for_what_is_answered_but_not_final),
        TEST(journaled_sequence_is_skipped_and_never_sent),
        TEST(many_may_be_skipped_while_one_is_open),
        TEST(silence_about_a_batch_sends_it_again_under_its_key),
        TEST(batch_is_not_sent_twice_into_a_connection_that_answers_no_ping),
        TEST(batch_is_sent_again_though_its_time_ends_with_each_ping),
        TEST(another_instance_gets_all_that_is_outstanding_at_once),
        TEST(broken_connection_gets_its_batches_again_when_it_is_back),
        TEST(busy_batch_comes_again_after_its_time_and_jitter),
        TEST(busy_batch_waits_longer_each_time),
        TEST(expired_batch_comes_again_later),
        TEST(batch_is_given_up_when_its_own_time_is_over),
        TEST(answered_batch_does_not_expire),
        TEST(draining_broker_gets_nothing_new_until_it_stops_draining),
        TEST(late_and_repeated_replies_are_stale),
        TEST(silent_broker_is_told_once_and_its_return_too),
        TEST(unsent_batch_waits_for_the_connection),
        TEST(ping_that_finds_no_connection_is_tried_ever_more_rarely),
        TEST(question_beside_the_stream_does_not_hold_acked_below),
        TEST(deadline_wakes_for_the_next_work),
        OF_THREE(batches_are_spread_over_the_brokers),
        OF_THREE(busier_broker_is_passed_over),
        OF_THREE(broker_without_workers_is_passed_over_while_another_has_some),
        OF_THREE(a_batch_goes_to_another_broker_when_its_own_is_silent),
        OF_THREE(a_batch_goes_to_another_broker_when_its_connection_breaks),
        OF_THREE(a_batch_goes_to_another_broker_when_its_own_is_removed),
        OF_THREE(draining_broker_may_finish_what_it_has_for_a_while),
        OF_THREE(batch_without_an_answer_goes_to_another_broker_next),
        OF_THREE(busy_batch_is_offered_to_each_other_broker_before_it_waits),
        OF_THREE(busy_batch_goes_at_once_to_a_broker_that_begins_to_answer),
        OF_THREE(busy_broker_is_passed_over_by_the_other_batches),
        OF_THREE(word_of_a_broker_about_what_it_no_longer_has_is_nothing),
        OF_THREE(only_all_brokers_together_are_silence),
        OF_THREE(answer_by_another_connection_has_all_sent_again_at_once),
        OF_THREE(connection_that_was_made_anew_in_time_costs_nothing_twice),
        TEST(random_walk_answers_each_batch_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
