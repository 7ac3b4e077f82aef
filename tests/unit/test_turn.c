/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: who gives a turn back and wants another comes after the one that waits.
 * Method: two threads with a descriptor each; a third descriptor sees when one is in the
 * queue. The order is exact, so one time out of turn is a failure: counting who got how
 * much cannot tell a queue from a kernel that happens to be fair. */

#define _GNU_SOURCE /* F_OFD_GETLK */
#include "store/turn.h"

#include "base/clock.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 200, GIVE_UP_MS = 20000, QUEUE_BYTE = 0 };

struct fixture {
    char path[32];
    int first, second, looks; /* descriptors */
    atomic_int second_turns;
};

static int setup(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);
    *state = self;
    snprintf(self->path, sizeof self->path, "/tmp/chw-turn-XXXXXX");
    self->looks = mkstemp(self->path);
    return self->looks < 0 || turn_open(self->path, &self->first, NULL) != STATUS_OK ||
           turn_open(self->path, &self->second, NULL) != STATUS_OK;
}

static int teardown(void **state)
{
    struct fixture *self = *state;
    close(self->looks);
    close(self->first);
    close(self->second);
    unlink(self->path);
    free(self);
    return 0;
}

static bool someone_queues(const struct fixture *self)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = QUEUE_BYTE, .l_len = 1};
    assert_int_equal(fcntl(self->looks, F_OFD_GETLK, &lock), 0);
    return lock.l_type != F_UNLCK;
}

static void await_queue(const struct fixture *self)
{
    uint64_t end_ms = clock_monotonic_ms() + GIVE_UP_MS;
    while (!someone_queues(self)) {
        if (clock_monotonic_ms() >= end_ms)
            fail_msg("nobody queues while the turn is taken");
        poll(NULL, 0, 1);
    }
}

static void *take_second(void *arg)
{
    struct fixture *self = arg;
    if (turn_take(self->second, NULL) == STATUS_OK) {
        atomic_fetch_add(&self->second_turns, 1);
        turn_give(self->second);
    }
    return NULL;
}

static void who_gives_a_turn_back_comes_after_the_one_that_waits(void **state)
{
    struct fixture *self = *state;
    assert_int_equal(turn_take(self->first, NULL), STATUS_OK);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, take_second, self), 0);
        await_queue(self);
        assert_int_equal(atomic_load(&self->second_turns), round); /* it waits */
        turn_give(self->first);
        assert_int_equal(turn_take(self->first, NULL), STATUS_OK);
        assert_int_equal(atomic_load(&self->second_turns), round + 1);
        pthread_join(thread, NULL);
    }
    turn_give(self->first);
}

static void turn_ends_with_its_descriptor(void **state)
{
    struct fixture *self = *state;
    int gone;
    assert_int_equal(turn_open(self->path, &gone, NULL), STATUS_OK);
    assert_int_equal(turn_take(gone, NULL), STATUS_OK);
    close(gone);
    assert_int_equal(turn_take(self->first, NULL), STATUS_OK);
    turn_give(self->first);
    assert_false(someone_queues(self));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(who_gives_a_turn_back_comes_after_the_one_that_waits),
        TEST(turn_ends_with_its_descriptor),
    };
    alarm(50); /* a turn that never comes */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
