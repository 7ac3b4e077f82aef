/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what the region queue says of itself: its oldest item, and each region's share,
 * also of those that are idle. Whose turn it is: test_dispatch.c and the simulator.
 * Method: items entered, taken, put back and left by hand, checked after each step. */
#include "broker/region_queue.h"

#include "tests/lib/test.h"

#include <string.h>

enum { NONE = 99, REGIONS = 2 };

static struct region_queue *queue;
static struct region_item items[4];

static int setup(void **state)
{
    (void)state;
    const struct region_limits limits = {REGIONS, 10000, 10000};
    memset(items, 0, sizeof items);
    queue = region_queue_new(&limits, 42);
    return queue == NULL;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        if (items[i].region != NULL)
            region_queue_leave(queue, &items[i]);
    region_queue_free(queue);
    return 0;
}

static void enter(int item, const char *region, uint64_t entered, size_t size)
{
    const char *reason;
    items[item].entered = entered;
    assert_int_equal(region_queue_enter(queue, region, &items[item], size, &reason),
                     STATUS_OK);
    region_queue_check(queue);
}

static void leave(int item)
{
    region_queue_leave(queue, &items[item]);
    region_queue_check(queue);
}

struct found {
    const char *name;
    struct region_view view;
    uint32_t count;
};

static void find(void *arg, const struct region_view *view)
{
    struct found *found = arg;
    found->count++;
    if (found->name != NULL && strcmp(found->name, view->name) == 0)
        found->view = *view;
}

static struct region_view look(const char *name)
{
    struct found found = {.name = name};
    region_queue_visit(queue, find, &found);
    assert_string_equal(found.view.name, name);
    return found.view;
}

static uint32_t count_regions(void)
{
    struct found found = {0};
    region_queue_visit(queue, find, &found);
    return found.count;
}

static void oldest_is_the_least_of_what_is_queued_in_any_region(void **state)
{
    (void)state;
    assert_int_equal(region_queue_oldest(queue, NONE), NONE);
    enter(0, "KE", 20, 10);
    enter(1, "KE", 30, 10);
    enter(2, "UG", 40, 10);
    assert_int_equal(region_queue_oldest(queue, NONE), 20);
    leave(2);
    enter(2, "UG", 10, 10);
    assert_int_equal(region_queue_oldest(queue, NONE), 10);
    leave(2);
    assert_int_equal(region_queue_oldest(queue, NONE), 20);
    assert_ptr_equal(region_queue_next(queue), &items[0]); /* taken: no longer queued */
    assert_int_equal(region_queue_oldest(queue, NONE), 30);
    region_queue_again(queue, &items[0]);
    assert_int_equal(region_queue_oldest(queue, NONE), 20);
    leave(0);
    leave(1);
    assert_int_equal(region_queue_oldest(queue, NONE), NONE);
}

static void view_tells_queued_and_taken_apart(void **state)
{
    (void)state;
    enter(0, "KE", 20, 100);
    enter(1, "KE", 30, 50);
    assert_ptr_equal(region_queue_next(queue), &items[0]);
    struct region_view view = look("KE");
    assert_int_equal(view.queued, 1);
    assert_int_equal(view.taken, 1);
    assert_int_equal(view.bytes, 150);
    assert_int_equal(view.oldest_entered, 30);
    region_item_answered(&items[0]);
    leave(0);
    view = look("KE");
    assert_int_equal(view.taken, 0);
    assert_int_equal(view.answered, 1);
    assert_int_equal(view.answered_bytes, 100);
}

static void idle_region_is_remembered_until_a_new_one_needs_its_place(void **state)
{
    (void)state;
    enter(0, "KE", 1, 100);
    region_item_answered(&items[0]);
    leave(0);
    enter(0, "UG", 2, 10);
    region_item_answered(&items[0]);
    leave(0);
    assert_int_equal(count_regions(), 2);
    enter(0, "KE", 3, 10); /* in use again, with its totals */
    assert_int_equal(look("KE").answered, 1);
    enter(1, "TZ", 4, 10); /* in the place of UG */
    assert_int_equal(count_regions(), 2);
    assert_int_equal(look("TZ").answered, 0);
    leave(0);
    leave(1);
    enter(0, "UG", 5, 10); /* in the place of KE, which was idle for longer than TZ */
    assert_int_equal(look("TZ").queued, 0);
    assert_int_equal(look("UG").queued, 1);
    assert_int_equal(count_regions(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(oldest_is_the_least_of_what_is_queued_in_any_region),
        TEST(view_tells_queued_and_taken_apart),
        TEST(idle_region_is_remembered_until_a_new_one_needs_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
