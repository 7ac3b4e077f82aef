/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a daemon's threads let others use up their slices, unless whoever started it has
 * said otherwise.
 * Method: threads of this process and the policies that the system has noted for them. */
#define _GNU_SOURCE /* SCHED_BATCH, SCHED_IDLE */

#include "base/schedule.h"
#include "tests/lib/test.h"

#include <pthread.h>
#include <sched.h>

static void *note_policy(void *policy)
{
    *(int *)policy = sched_getscheduler(0);
    return NULL;
}

static int policy_of_new_thread(void)
{
    int policy = -1;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, note_policy, &policy), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return policy;
}

/* A thread of its own, that the test's stays as it is: it begins with `*policy` and says
 * what those have that it starts afterwards. */
static void *ask_for_patience(void *policy)
{
    const struct sched_param none = {0};
    assert_int_equal(sched_setscheduler(0, *(int *)policy, &none), 0);
    schedule_patiently();
    *(int *)policy = policy_of_new_thread();
    return NULL;
}

static int policy_after(int policy)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, ask_for_patience, &policy), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return policy;
}

static void threads_started_afterwards_are_patient(void **state)
{
    (void)state;
    assert_int_equal(policy_after(SCHED_OTHER), SCHED_BATCH);
}

static void a_policy_chosen_by_others_stays(void **state)
{
    (void)state;
    assert_int_equal(policy_after(SCHED_IDLE), SCHED_IDLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_started_afterwards_are_patient),
        cmocka_unit_test(a_policy_chosen_by_others_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
