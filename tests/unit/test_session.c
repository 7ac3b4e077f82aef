/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a submitted batch is sent until it is answered, is answered once, and acked_below
 * never passes one that is not final.
 * Method: examples for each arrow in session.h under a time of our own, then a seeded
 * random walk against a broker that loses, repeats, delays and restarts. A failure prints
 * its seed. */
#include "client/session.h"

#include "tests/lib/test.h"

#include <stdlib.h>

static const struct session_limits limits = {
    .window = 3,
    .span_max = 6,
    .resend_ms = 1000,
    .ping_ms = 100,
    .silence_ms = 500,
    .hold_ms = 300,
    .seed = 7,
};

static int setup(void **state)
{
    *state = session_new(&limits, 0);
    return *state == NULL;
}

static int teardown(void **state)
{
    session_free(*state);
    return 0;
}

/* The next SEND, answering no PING and passing over notices; 0: nothing to send. */
static uint64_t next_send(struct session *session, uint64_t now_ms)
{
    struct session_step step;
    do
        step = session_next(session, now_ms);
    while (step.action != SESSION_NOTHING && step.action != SESSION_SEND);
    return step.sequence;
}

static bool says(struct session *session, enum session_action action, uint64_t now_ms)
{
    struct session_step step;
    bool said = false;
    while ((step = session_next(session, now_ms)).action != SESSION_NOTHING)
        said |= step.action == action;
    return said;
}

static uint64_t submit(struct session *session, uint64_t now_ms)
{
    uint64_t sequence;
    assert_int_equal(session_submit(session, now_ms, &sequence), STATUS_OK);
    return sequence;
}

static void answer(struct session *session, uint64_t sequence)
{
    assert_int_equal(session_reply(session, sequence), STATUS_OK);
    session_final(session, sequence);
}

static void nothing_is_sent_before_the_broker_is_known(void **state)
{
    struct session *session = *state;
    assert_int_equal(submit(session, 0), 1);
    assert_int_equal(session_next(session, 0).action, SESSION_PING);
    assert_int_equal(session_next(session, 0).action, SESSION_NOTHING);
    session_pong(session, 42, 5);
    assert_int_equal(next_send(session, 5), 1);
    assert_int_equal(next_send(session, 5), 0);
}

static void batches_go_in_the_order_of_their_sequences(void **state)
{
    struct session *session = *state;
    session_pong(session, 42, 0);
    submit(session, 3);
    submit(session, 2);
    submit(session, 1);
    assert_int_equal(next_send(session, 3), 1);
    assert_int_equal(next_send(session, 3), 2);
    assert_int_equal(next_send(session, 3), 3);
}

static void window_is_full_until_an_answer_is_final(void **state)
{
    struct session *session = *state;
    uint64_t sequence = 99;
    session_pong(session, 42, 0);
    for (int i = 0; i < 3; i++)
        submit(session, 0);
    assert_int_equal(session_submit(session, 0, &sequence), STATUS_FULL);
    assert_int_equal(sequence, 99);
    assert_int_equal(session_reply(session, 2), STATUS_OK);
    assert_int_equal(session_submit(session, 0, &sequence), STATUS_FULL);
    session_final(session, 2);
    assert_int_equal(submit(session, 0), 4);
}

static void one_that_stays_open_holds_back_those_far_after_it(void **state)
{
    struct session *session = *state;
    uint64_t sequence;
    session_pong(session, 42, 0);
    assert_int_equal(submit(session, 0), 1);
    for (uint64_t i = 2; i <= 6; i++) {
        assert_int_equal(submit(session, 0), i);
        answer(session, i);
    }
    assert_int_equal(session_acked_below(session), 1);
    assert_int_equal(session_submit(session, 0, &sequence), STATUS_FULL);
    answer(session, 1);
    assert_int_equal(session_acked_below(session), 7);
    assert_int_equal(submit(session, 0), 7);
}

static void acked_below_waits_for_what_is_answered_but_not_final(void **state)
{
    struct session *session = *state;
    session_pong(session, 42, 0);
    submit(session, 0);
    submit(session, 0);
    assert_int_equal(session_acked_below(session), 1);
    assert_int_equal(session_reply(session, 1), STATUS_OK);
    assert_int_equal(session_acked_below(session), 1);
    session_final(session, 1);
    assert_int_equal(session_acked_below(session), 2);
}

static void journaled_sequence_is_skipped_and_never_sent(void **state)
{
    struct session *session = *state;
    session_pong(session, 42, 0);
    assert_int_equal(session_skip(session), 1);
    assert_int_equal(submit(session, 0), 2);
    assert_int_equal(session_acked_below(session), 2);
    assert_int_equal(next_send(session, 0), 2);
}

static void silence_about_a_batch_sends_it_again_under_its_key(void **state)
{
    struct session *session = *state;
    session_pong(session, 42, 0);
    submit(session, 0);
    assert_int_equal(next_send(session, 0), 1);
    assert_int_equal(next_send(session, 999), 0);
    assert_int_equal(next_send(session, 1000), 1);
    assert_int_equal(next_send(session, 1000), 0);
}

static void another_broker_gets_all_that_is_outstanding_at_once(void **state)
{
    struct session *session = *state;
    session_pong(session, 42, 0);
    for (int i = 0; i < 3; i++)
        submit(session, 0);
    while (next_send(session, 0) != 0)
        continue;
    answer(session, 2);
    session_pong(session, 42, 10);
    assert_int_equal(next_send(session, 10), 0);
    session_pong(session, 43, 20);
    assert_int_equal(session_next(session, 20).action, SESSION_RESTARTED);
    assert_int_equal(next_send(session, 20), 1);
    assert_int_equal(next_send(session, 20), 3);
    assert_int_equal(next_send(session, 20), 0);
}

static void busy_batch_comes_again_after_its_time_and_jitter(void **state)
{
    struct session *session = *state;
    session_pong(session, 42, 0);
    submit(session, 0);
    assert_int_equal(next_send(session, 0), 1);
    session_busy(session, 1, 200, 10);
    assert_int_equal(next_send(session, 209), 0);
    assert_int_equal(next_send(session, 310), 1); /* 200 and at most half as much */
    session_busy(session, 1, UINT64_MAX, 310);    /* a peer's number is bounded */
    assert_int_equal(next_send(session, 310 + 90000), 1);
}

static void drain_holds_batches_back_for_a_while(void **state)
{
    struct session *session = *state;
    session_pong(session, 42, 0);
    session_drain(session, 0);
    submit(session, 0);
    assert_int_equal(next_send(session, 299), 0);
    assert_int_equal(next_send(session, 300), 1);
    session_drain(session, 300);
    session_pong(session, 43, 310); /* the next broker is there: no need to wait */
    assert_int_equal(next_send(session, 310), 1);
}

static void late_and_repeated_replies_are_stale(void **state)
{
    struct session *session = *state;
    session_pong(session, 42, 0);
    submit(session, 0);
    assert_int_equal(session_reply(session, 2), STATUS_STALE);
    assert_int_equal(session_reply(session, 1), STATUS_OK);
    assert_int_equal(session_reply(session, 1), STATUS_STALE);
    session_final(session, 1);
    assert_int_equal(session_reply(session, 1), STATUS_STALE);
    session_busy(session, 1, 10, 0);
    assert_int_equal(next_send(session, 90000), 0);
}

static void silent_broker_is_told_once_and_its_return_too(void **state)
{
    struct session *session = *state;
    assert_int_equal(session_next(session, 0).action, SESSION_PING);
    assert_false(says(session, SESSION_SILENT, 499));
    assert_true(says(session, SESSION_SILENT, 500));
    assert_false(says(session, SESSION_SILENT, 2000));
    session_pong(session, 42, 2001);
    assert_true(says(session, SESSION_BACK, 2001));
    assert_false(says(session, SESSION_BACK, 2002));
}

static void unsent_batch_waits_a_moment(void **state)
{
    struct session *session = *state;
    session_pong(session, 42, 0);
    submit(session, 0);
    submit(session, 0);
    assert_int_equal(next_send(session, 0), 1);
    session_unsent(session, 1, 0);
    assert_int_equal(next_send(session, 0), 0);
    assert_true(session_deadline_ms(session) <= 100);
    assert_int_equal(next_send(session, 99), 1);
    assert_int_equal(next_send(session, 99), 2);
}

static void question_beside_the_stream_does_not_hold_acked_below(void **state)
{
    struct session *session = *state;
    session_pong(session, 42, 0);
    uint64_t first = session_aside(session, 0), second = session_aside(session, 0);
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
    assert_int_equal(session_deadline_ms(session), 100);
    session_pong(session, 42, 0);
    submit(session, 0);
    assert_int_equal(next_send(session, 0), 1);
    session_busy(session, 1, 20, 0);
    assert_true(session_deadline_ms(session) >= 20 && session_deadline_ms(session) <= 30);
}

/* ---- the random walk ---- */

enum { WALK_BATCHES = 400, FLIGHT_MAX = 64 };

struct walk {
    struct session *session;
    uint64_t now_ms, instance, submitted, final;
    uint8_t answers[WALK_BATCHES + 1];
    uint64_t flight[FLIGHT_MAX]; /* replies under way: 0 is none */
};

static void walk_steps(struct walk *self)
{
    struct session_step step;
    while ((step = session_next(self->session, self->now_ms)).action != SESSION_NOTHING) {
        if (step.action == SESSION_PING && rand() % 4 > 0)
            session_pong(self->session, self->instance, self->now_ms);
        if (step.action != SESSION_SEND)
            continue;
        assert_int_equal(self->answers[step.sequence], 0);
        int fate = rand() % 8;
        if (fate == 0)
            session_busy(self->session, step.sequence, (uint64_t)(rand() % 50),
                         self->now_ms);
        else if (fate == 1)
            session_unsent(self->session, step.sequence, self->now_ms);
        else if (fate > 2)
            self->flight[rand() % FLIGHT_MAX] = step.sequence;
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

static void random_walk_answers_each_batch_once(void **state)
{
    const char *given = getenv("TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 1;
    static struct walk walk;
    print_message("TEST_SEED=%u\n", seed);
    srand(seed);
    walk = (struct walk){.session = *state, .instance = 1};
    for (int step = 0; walk.final < WALK_BATCHES; step++) {
        uint64_t sequence;
        assert_true(step < 1000000);
        walk.now_ms += (uint64_t)(rand() % 40);
        if (rand() % 200 == 0)
            session_pong(walk.session, ++walk.instance, walk.now_ms);
        if (rand() % 100 == 0)
            session_drain(walk.session, walk.now_ms);
        if (walk.submitted < WALK_BATCHES &&
            session_submit(walk.session, walk.now_ms, &sequence) == STATUS_OK)
            assert_int_equal(sequence, ++walk.submitted);
        walk_steps(&walk);
        walk_reply(&walk);
        uint64_t acked = session_acked_below(walk.session);
        assert_true(acked <= walk.submitted + 1);
        for (uint64_t i = acked > limits.span_max ? acked - limits.span_max : 1;
             i < acked; i++)
            assert_int_equal(walk.answers[i], 1);
    }
    assert_int_equal(session_acked_below(walk.session), WALK_BATCHES + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(nothing_is_sent_before_the_broker_is_known),
        TEST(batches_go_in_the_order_of_their_sequences),
        TEST(window_is_full_until_an_answer_is_final),
        TEST(one_that_stays_open_holds_back_those_far_after_it),
        TEST(acked_below_waits_for_what_is_answered_but_not_final),
        TEST(journaled_sequence_is_skipped_and_never_sent),
        TEST(silence_about_a_batch_sends_it_again_under_its_key),
        TEST(another_broker_gets_all_that_is_outstanding_at_once),
        TEST(busy_batch_comes_again_after_its_time_and_jitter),
        TEST(drain_holds_batches_back_for_a_while),
        TEST(late_and_repeated_replies_are_stale),
        TEST(silent_broker_is_told_once_and_its_return_too),
        TEST(unsent_batch_waits_a_moment),
        TEST(question_beside_the_stream_does_not_hold_acked_below),
        TEST(deadline_wakes_for_the_next_work),
        TEST(random_walk_answers_each_batch_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
