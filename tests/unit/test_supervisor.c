/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what dies is started again, ever later; what cannot start is not retried; a stop
 * drains workers before the broker and ends. Method: examples for each arrow in
 * supervisor.h, then a seeded random walk that checks every step. */

#include "client/supervisor.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <sysexits.h>

enum { BROKER = 0 };

static const struct supervisor_limits limits = {
    .broker_count = 1,
    .child_count = 3,
    .restart_min_ms = 100,
    .restart_max_ms = 800,
    .healthy_ms = 5000,
    .grace_ms = 1000,
};

static int setup(void **state)
{
    *state = supervisor_new(&limits);
    return *state == NULL;
}

static int teardown(void **state)
{
    supervisor_free(*state);
    return 0;
}

static void expect(struct supervisor *self, uint64_t now_ms,
                   enum supervisor_action action, size_t child)
{
    struct supervisor_step step = supervisor_next(self, now_ms);
    assert_int_equal(step.action, action);
    if (action != SUPERVISOR_NOTHING && action != SUPERVISOR_END)
        assert_int_equal(step.child, child);
}

static void start_all(struct supervisor *self, uint64_t now_ms)
{
    for (size_t i = 0; i < limits.child_count; i++)
        expect(self, now_ms, SUPERVISOR_START, i);
    expect(self, now_ms, SUPERVISOR_NOTHING, 0);
}

static uint64_t delay_after_end(struct supervisor *self, size_t child, uint64_t now_ms)
{
    uint64_t delay_ms = 0;
    assert_true(supervisor_exited(self, child, 139, now_ms, &delay_ms));
    return delay_ms;
}

static void a_child_that_ends_is_started_again_ever_later(void **state)
{
    struct supervisor *self = *state;
    uint64_t now_ms = 1000;
    start_all(self, now_ms);
    supervisor_ready(self);
    static const uint64_t delays_ms[] = {100, 200, 400, 800, 800};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(delay_after_end(self, 2, now_ms), delays_ms[i]);
        assert_int_equal(supervisor_deadline_ms(self), now_ms + delays_ms[i]);
        expect(self, now_ms + delays_ms[i] - 1, SUPERVISOR_NOTHING, 0);
        now_ms += delays_ms[i];
        expect(self, now_ms, SUPERVISOR_START, 2);
        assert_int_equal(supervisor_deadline_ms(self), UINT64_MAX);
    }
}

static void a_healthy_life_forgets_the_ends_before(void **state)
{
    struct supervisor *self = *state;
    start_all(self, 0);
    supervisor_ready(self);
    assert_int_equal(delay_after_end(self, 0, 10), 100);
    expect(self, 110, SUPERVISOR_START, 0);
    assert_int_equal(delay_after_end(self, 0, 110 + 4999), 200);
    expect(self, 6000, SUPERVISOR_START, 0);
    assert_int_equal(delay_after_end(self, 0, 6000 + 5000), 100);
}

static void an_end_of_one_does_not_delay_another(void **state)
{
    struct supervisor *self = *state;
    start_all(self, 0);
    supervisor_ready(self);
    for (uint64_t i = 0; i < 3; i++) {
        uint64_t delay_ms = delay_after_end(self, 1, i * 1000);
        expect(self, i * 1000 + delay_ms, SUPERVISOR_START, 1);
    }
    assert_int_equal(delay_after_end(self, 2, 3000), 100);
}

static void a_child_that_ends_at_the_start_ends_all_with_its_code(void **state)
{
    struct supervisor *self = *state;
    uint64_t delay_ms;
    start_all(self, 0);
    assert_false(supervisor_exited(self, 0, EX_TEMPFAIL, 5, &delay_ms));
    expect(self, 5, SUPERVISOR_TERMINATE, 1);
    expect(self, 5, SUPERVISOR_TERMINATE, 2);
    expect(self, 5, SUPERVISOR_NOTHING, 0);
    assert_false(supervisor_exited(self, 1, EX_OK, 6, &delay_ms));
    assert_false(supervisor_exited(self, 2, EX_OK, 6, &delay_ms));
    expect(self, 6, SUPERVISOR_END, 0);
    assert_int_equal(supervisor_exit_code(self), EX_TEMPFAIL);
}

static void an_early_end_without_an_error_is_an_error_of_ours(void **state)
{
    struct supervisor *self = *state;
    uint64_t delay_ms;
    start_all(self, 0);
    assert_false(supervisor_exited(self, 1, EX_OK, 5, &delay_ms));
    assert_int_equal(supervisor_exit_code(self), EX_UNAVAILABLE);
}

static void a_stop_drains_workers_before_the_broker(void **state)
{
    struct supervisor *self = *state;
    uint64_t delay_ms;
    start_all(self, 0);
    supervisor_ready(self);
    supervisor_stop(self, EX_OK);
    expect(self, 10, SUPERVISOR_TERMINATE, 1);
    expect(self, 10, SUPERVISOR_TERMINATE, 2);
    assert_false(supervisor_exited(self, 2, EX_OK, 20, &delay_ms));
    expect(self, 20, SUPERVISOR_NOTHING, 0);
    assert_false(supervisor_exited(self, 1, EX_OK, 30, &delay_ms));
    expect(self, 30, SUPERVISOR_TERMINATE, BROKER);
    expect(self, 30, SUPERVISOR_NOTHING, 0);
    assert_false(supervisor_exited(self, 0, EX_OK, 40, &delay_ms));
    expect(self, 40, SUPERVISOR_END, 0);
    assert_int_equal(supervisor_exit_code(self), EX_OK);
}

static void several_brokers_drain_after_all_others(void **state)
{
    struct supervisor_limits two = limits;
    uint64_t delay_ms;
    (void)state;
    two.broker_count = 2;
    struct supervisor *self = supervisor_new(&two);
    start_all(self, 0);
    supervisor_ready(self);
    supervisor_stop(self, EX_OK);
    expect(self, 10, SUPERVISOR_TERMINATE, 2);
    expect(self, 10, SUPERVISOR_NOTHING, 0);
    assert_false(supervisor_exited(self, 2, EX_OK, 20, &delay_ms));
    expect(self, 20, SUPERVISOR_TERMINATE, 0);
    expect(self, 20, SUPERVISOR_TERMINATE, 1);
    supervisor_free(self);
}

static void a_child_that_does_not_drain_is_killed_after_the_grace(void **state)
{
    struct supervisor *self = *state;
    uint64_t delay_ms;
    start_all(self, 0);
    supervisor_ready(self);
    supervisor_stop(self, EX_OK);
    expect(self, 10, SUPERVISOR_TERMINATE, 1);
    expect(self, 10, SUPERVISOR_TERMINATE, 2);
    assert_false(supervisor_exited(self, 2, EX_OK, 20, &delay_ms));
    assert_int_equal(supervisor_deadline_ms(self), 1010);
    expect(self, 1009, SUPERVISOR_NOTHING, 0);
    expect(self, 1010, SUPERVISOR_KILL, 1);
    expect(self, 1010, SUPERVISOR_NOTHING, 0);
    assert_false(supervisor_exited(self, 1, 137, 1020, &delay_ms));
    expect(self, 1020, SUPERVISOR_TERMINATE, BROKER);
    expect(self, 2019, SUPERVISOR_NOTHING, 0);
    expect(self, 2020, SUPERVISOR_KILL, BROKER);
}

static void a_second_stop_kills_at_once_and_keeps_the_first_code(void **state)
{
    struct supervisor *self = *state;
    start_all(self, 0);
    supervisor_ready(self);
    supervisor_stop(self, EX_OK);
    expect(self, 10, SUPERVISOR_TERMINATE, 1);
    supervisor_stop(self, EX_OSERR);
    expect(self, 11, SUPERVISOR_KILL, 0);
    expect(self, 11, SUPERVISOR_KILL, 1);
    expect(self, 11, SUPERVISOR_KILL, 2);
    expect(self, 11, SUPERVISOR_NOTHING, 0);
    assert_int_equal(supervisor_exit_code(self), EX_OK);
}

static void a_stop_forgets_what_waits_for_its_restart(void **state)
{
    struct supervisor *self = *state;
    start_all(self, 0);
    supervisor_ready(self);
    assert_int_equal(delay_after_end(self, 1, 10), 100);
    supervisor_stop(self, EX_OK);
    expect(self, 200, SUPERVISOR_TERMINATE, 2);
    expect(self, 200, SUPERVISOR_NOTHING, 0);
}

/* What the walk knows of each child without asking. */
struct shadow {
    bool running, asked;
    uint64_t asked_ms;
};

static void take_step(struct shadow *children, struct supervisor_step step,
                      uint64_t now_ms, bool stopped)
{
    struct shadow *child = &children[step.child];
    if (step.action == SUPERVISOR_START) {
        assert_false(stopped);
        assert_false(child->running);
        *child = (struct shadow){.running = true};
    } else if (step.action == SUPERVISOR_TERMINATE) {
        assert_true(stopped && child->running && !child->asked);
        if (step.child == BROKER)
            assert_false(children[1].running || children[2].running);
        child->asked = true;
        child->asked_ms = now_ms;
    } else if (step.action == SUPERVISOR_KILL) {
        assert_true(child->running && child->asked);
        assert_true(now_ms >= child->asked_ms + limits.grace_ms);
    }
}

static void walk(unsigned seed)
{
    struct supervisor *self = supervisor_new(&limits);
    struct shadow children[3] = {{0}};
    struct supervisor_step step = {SUPERVISOR_NOTHING, 0};
    uint64_t now_ms = 0, delay_ms;
    bool stopped = false;
    assert_non_null(self);
    srand(seed);
    for (int turn = 0; step.action != SUPERVISOR_END; turn++) {
        while ((step = supervisor_next(self, now_ms)).action != SUPERVISOR_NOTHING &&
               step.action != SUPERVISOR_END)
            take_step(children, step, now_ms, stopped);
        if (turn == 0)
            supervisor_ready(self);
        if (turn == 40) {
            supervisor_stop(self, EX_OK);
            stopped = true;
        }
        size_t i = (size_t)(rand() % 3);
        if (children[i].running && rand() % 4 == 0) {
            children[i].running = false;
            bool again = supervisor_exited(self, i, 1, now_ms, &delay_ms);
            assert_int_equal(again, !stopped);
        }
        now_ms += (uint64_t)(rand() % 200);
        assert_true(turn < 1000);
    }
    assert_false(children[0].running || children[1].running || children[2].running);
    supervisor_free(self);
}

static void random_walk_starts_and_stops_each_child_properly(void **state)
{
    (void)state;
    const char *given = getenv("TEST_SEED");
    unsigned first = given != NULL ? (unsigned)strtoul(given, NULL, 10) : 1;
    print_message("TEST_SEED=%u and the 299 after it\n", first);
    for (unsigned seed = first; seed < first + 300; seed++)
        walk(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_child_that_ends_is_started_again_ever_later),
        TEST(a_healthy_life_forgets_the_ends_before),
        TEST(an_end_of_one_does_not_delay_another),
        TEST(a_child_that_ends_at_the_start_ends_all_with_its_code),
        TEST(an_early_end_without_an_error_is_an_error_of_ours),
        TEST(a_stop_drains_workers_before_the_broker),
        TEST(several_brokers_drain_after_all_others),
        TEST(a_child_that_does_not_drain_is_killed_after_the_grace),
        TEST(a_second_stop_kills_at_once_and_keeps_the_first_code),
        TEST(a_stop_forgets_what_waits_for_its_restart),
        TEST(random_walk_starts_and_stops_each_child_properly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
