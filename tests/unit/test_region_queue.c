/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: whose turn it is by weight and priority, and what the region queue says of
 * itself: its oldest item, and each region's share, also of those that are idle. Turns by
 * bytes alone: test_dispatch.c and the simulator. Method: items entered, taken, put back
 * and left by hand, checked after each step. */
#include "broker/region_queue.h"

#include "tests/lib/test.h"

#include <string.h>

enum { NONE = 99, REGIONS = 2, LOTS = 1 << 30 };

static struct region_queue *queue;
static struct region_item items[2000];
static uint64_t now;

static int setup(void **state)
{
    (void)state;
    const struct region_limits limits = {.regions_max = REGIONS,
                                         .bytes_max = LOTS,
                                         .region_bytes_max = LOTS,
                                         .bulk_wait = 5};
    memset(items, 0, sizeof items);
    now = 0;
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
    items[item].entered = entered;
    assert_int_equal(region_queue_enter(queue, region, &items[item], size), BUSY_NOT);
    region_queue_check(queue);
}

/* It is this one's turn. */
static void take(int item)
{
    struct region_item *first = region_queue_first(queue, now);
    assert_ptr_equal(first, &items[item]);
    assert_ptr_equal(region_queue_first(queue, now), first); /* asking changes nothing */
    region_queue_take(queue, first);
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

/* ---- whose turn it is ---- */

static void heavier_region_sends_so_many_times_more(void **state)
{
    (void)state;
    char *const texts[] = {"KE=1", "KE/Kisumu=3"};
    struct weights weights;
    struct error_text error;
    assert_int_equal(weights_open(&weights, texts, 2, &error), STATUS_OK);
    const struct region_limits limits = {.regions_max = REGIONS,
                                         .bytes_max = LOTS,
                                         .region_bytes_max = LOTS,
                                         .weights = weights};
    region_queue_free(queue);
    queue = region_queue_new(&limits, 42);
    assert_non_null(queue);

    const size_t size = REGION_QUANTUM / 2;
    for (int i = 0; i < 40; i++)
        enter(i, i % 2 == 0 ? "KE/Kisumu/Nyando" : "KE/Nakuru", 0, size);
    int heavy = 0;
    for (int i = 0; i < 16; i++) {
        struct region_item *item = region_queue_first(queue, now);
        heavy += (item - items) % 2 == 0;
        region_queue_take(queue, item);
        region_queue_check(queue);
    }
    assert_int_equal(heavy, 12);
    assert_int_equal(look("KE/Kisumu/Nyando").weight, 3);
    weights_close(&weights);
}

static void interactive_goes_before_bulk_of_any_region(void **state)
{
    (void)state;
    enter(0, "KE", 0, 100);
    enter(1, "KE", 0, 100);
    items[2].priority = items[3].priority = REGION_INTERACTIVE;
    enter(2, "UG", 1, 100);
    enter(3, "KE", 1, 100);
    assert_int_equal(look("KE").interactive, 1);
    take(2);
    take(3);
    take(0);
    region_queue_again(queue, &items[3]); /* it came back */
    take(3);
    take(1);
}

/* Takes one of each turn until so many bulk bytes went; returns those of interactive. */
static size_t interactive_bytes_per(size_t bulk_bytes)
{
    size_t bytes[REGION_PRIORITY_COUNT] = {0};
    while (bytes[REGION_BULK] < bulk_bytes) {
        struct region_item *item = region_queue_first(queue, now);
        region_queue_take(queue, item);
        bytes[item->priority] += item->size;
    }
    region_queue_check(queue);
    return bytes[REGION_INTERACTIVE];
}

static void overdue_bulk_takes_turns_by_bytes(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++)
        enter(i, "KE", 0, REGION_QUANTUM);
    for (int i = 40; i < 2000; i++) {
        items[i].priority = REGION_INTERACTIVE;
        enter(i, "UG", 0, REGION_QUANTUM / 64);
    }
    now = 5; /* as long as it may wait, and no longer */
    for (int i = 40; i < 240; i++)
        take(i);
    now = 6;
    take(0); /* at once: interactive had enough */
    assert_in_range(interactive_bytes_per(20 * REGION_QUANTUM), 19 * REGION_QUANTUM,
                    21 * REGION_QUANTUM);
}

/* ---- what it says of itself ---- */

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
    take(0); /* no longer queued */
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
    take(0);
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
        TEST(heavier_region_sends_so_many_times_more),
        TEST(interactive_goes_before_bulk_of_any_region),
        TEST(overdue_bulk_takes_turns_by_bytes),
        TEST(view_tells_queued_and_taken_apart),
        TEST(idle_region_is_remembered_until_a_new_one_needs_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
