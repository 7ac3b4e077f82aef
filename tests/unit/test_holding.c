/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a broker believes of each thread what is so, or is told before batches are begun;
 * and it is told no more often than that. */
#include "worker/holding.h"

#include "tests/lib/test.h"

enum { MANY = HOLDING_LIST_MAX + 1 };

static struct holding holding;
static struct held leases[MANY];
static struct holding_news news;

static void hand_out(size_t count, size_t body_size)
{
    holding_init(&holding);
    for (size_t i = 0; i < count; i++) {
        const struct header header = {.type = MESSAGE_SCORE, .ticket = i + 1};
        holding_add(&holding, &leases[i], &header, body_size);
    }
}

static void begin(struct held *held)
{
    held_begin(held);
    held_set_scoring(held, true);
}

static void the_oldest_that_is_small_is_begun_without_a_word(void **state)
{
    (void)state;
    hand_out(2, HELD_SMALL_MAX);
    begin(&leases[0]);
    assert_false(holding_is_misled(&holding, true));
    hand_out(2, HELD_SMALL_MAX + 1);
    begin(&leases[0]);
    assert_true(holding_is_misled(&holding, true));
}

static void any_but_the_oldest_is_named_before_it_is_begun(void **state)
{
    (void)state;
    hand_out(2, 1);
    begin(&leases[1]);
    assert_true(holding_is_misled(&holding, true));
    holding_tell(&holding, true, &news);
    assert_int_equal(news.named_count, 1);
    assert_int_equal(news.named[0], 2);
    assert_false(holding_is_misled(&holding, true));
}

static void what_was_named_and_is_over_is_taken_back(void **state)
{
    (void)state;
    hand_out(2, 1);
    begin(&leases[0]);
    holding_tell(&holding, true, &news);
    held_set_scoring(&leases[0], false); /* but it is still held: being settled */
    begin(&leases[1]);
    assert_true(holding_is_misled(&holding, true));
    holding_tell(&holding, true, &news);
    assert_int_equal(news.named[0], 2);
    held_drop(&leases[0]);
    assert_false(holding_is_misled(&holding, true));
}

static void all_of_a_pass_are_named(void **state)
{
    (void)state;
    hand_out(3, 1);
    begin(&leases[0]);
    begin(&leases[1]);
    assert_true(holding_is_misled(&holding, true));
    holding_tell(&holding, true, &news);
    assert_int_equal(news.named_count, 2);
    assert_int_equal(news.held_count, 3);
    assert_false(holding_is_misled(&holding, true));
}

static void what_waits_for_the_store_after_its_pass_is_taken_back(void **state)
{
    (void)state;
    hand_out(3, 1);
    begin(&leases[0]);
    begin(&leases[1]);
    holding_tell(&holding, true, &news);
    assert_false(holding_is_outdated(&holding));
    held_set_scoring(&leases[0], false);
    assert_false(holding_is_outdated(&holding));
    held_set_scoring(&leases[1], false);
    assert_true(holding_is_outdated(&holding));
    holding_tell(&holding, false, &news);
    assert_int_equal(news.named_count, 0);
    assert_int_equal(news.held_count, 3);
    assert_false(holding_is_outdated(&holding));
    begin(&leases[2]); /* which was listed, and so must be named */
    assert_true(holding_is_misled(&holding, true));
}

static void what_was_never_named_or_is_answered_needs_not_be_taken_back(void **state)
{
    (void)state;
    hand_out(3, 1);
    begin(&leases[0]);
    held_set_scoring(&leases[0], false);
    assert_false(holding_is_outdated(&holding));
    begin(&leases[1]);
    begin(&leases[2]);
    holding_tell(&holding, true, &news);
    held_drop(&leases[1]);
    held_drop(&leases[2]);
    assert_false(holding_is_outdated(&holding));
}

static void one_broker_is_told_that_the_thread_is_at_another_s(void **state)
{
    (void)state;
    hand_out(1, 1);
    assert_true(holding_is_misled(&holding, true));
    holding_tell(&holding, true, &news);
    assert_true(news.elsewhere);
    assert_false(holding_is_misled(&holding, true));
    assert_true(holding_is_misled(&holding, false));
}

static void a_list_that_is_not_whole_is_left_out(void **state)
{
    (void)state;
    hand_out(MANY, 1);
    holding_tell(&holding, false, &news);
    assert_false(news.told_held);
    held_drop(&leases[0]);
    holding_tell(&holding, false, &news);
    assert_true(news.told_held);
    assert_int_equal(news.held_count, HOLDING_LIST_MAX);
}

static void what_waits_and_what_is_held_is_counted(void **state)
{
    (void)state;
    hand_out(3, 1);
    begin(&leases[0]);
    assert_int_equal(holding.waiting, 2);
    held_drop(&leases[0]);
    held_drop(&leases[1]);
    assert_int_equal(holding.count, 1);
    assert_int_equal(holding.waiting, 1);
    assert_int_equal(holding.scoring, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_that_is_small_is_begun_without_a_word),
        cmocka_unit_test(any_but_the_oldest_is_named_before_it_is_begun),
        cmocka_unit_test(what_was_named_and_is_over_is_taken_back),
        cmocka_unit_test(all_of_a_pass_are_named),
        cmocka_unit_test(what_waits_for_the_store_after_its_pass_is_taken_back),
        cmocka_unit_test(what_was_never_named_or_is_answered_needs_not_be_taken_back),
        cmocka_unit_test(one_broker_is_told_that_the_thread_is_at_another_s),
        cmocka_unit_test(a_list_that_is_not_whole_is_left_out),
        cmocka_unit_test(what_waits_and_what_is_held_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
