/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what was inserted is found by its hash until it is removed, also where items
 * share a bucket or a hash. Method: nodes with chosen hashes; keys whose hashes are
 * counted. */

#include "base/hash.h"
#include "tests/lib/test.h"

struct item {
    int number;
    struct hash_node node;
};

static int setup(void **state)
{
    static struct hash table;
    *state = &table;
    return hash_open(&table, 4) != STATUS_OK;
}

static int teardown(void **state)
{
    hash_close(*state);
    return 0;
}

static size_t count_with(const struct hash *table, uint64_t hash)
{
    size_t count = 0;
    for (struct hash_node *node = hash_first(table, hash); node != NULL;
         node = hash_next(node))
        count++;
    return count;
}

static void items_of_one_bucket_are_told_apart(void **state)
{
    struct hash *table = *state;
    struct item a = {.number = 1}, b = {.number = 2};
    hash_insert(table, &a.node, 5);
    hash_insert(table, &b.node, 5 + table->bucket_count);

    assert_int_equal(hash_item(hash_first(table, 5), struct item, node)->number, 1);
    assert_int_equal(count_with(table, 5), 1);
    assert_int_equal(count_with(table, 5 + table->bucket_count), 1);
    assert_int_equal(count_with(table, 6), 0);
}

static void items_of_one_hash_are_all_found_and_removed_one_by_one(void **state)
{
    struct hash *table = *state;
    struct item items[3] = {0};
    for (int i = 0; i < 3; i++)
        hash_insert(table, &items[i].node, 7);
    assert_int_equal(count_with(table, 7), 3);

    hash_remove(table, &items[1].node);
    assert_int_equal(count_with(table, 7), 2);
    hash_remove(table, &items[2].node);
    assert_ptr_equal(hash_first(table, 7), &items[0].node);
    hash_remove(table, &items[0].node);
    assert_null(hash_first(table, 7));
    assert_int_equal(table->count, 0);
}

static void more_items_than_planned_still_work(void **state)
{
    struct hash *table = *state;
    static struct item items[1000];
    for (uint64_t i = 0; i < 1000; i++)
        hash_insert(table, &items[i].node, hash_bytes(1, &i, sizeof i));
    for (uint64_t i = 0; i < 1000; i++)
        assert_ptr_equal(hash_first(table, hash_bytes(1, &i, sizeof i)), &items[i].node);
}

static void bytes_size_and_seed_all_count(void **state)
{
    (void)state;
    assert_true(hash_bytes(1, "abc", 3) == hash_bytes(1, "abc", 3));
    assert_true(hash_bytes(1, "abc", 3) != hash_bytes(1, "abd", 3));
    assert_true(hash_bytes(1, "abc\0", 4) != hash_bytes(1, "abc", 3));
    assert_true(hash_bytes(1, "abc", 3) != hash_bytes(2, "abc", 3));
    assert_true(hash_bytes(1, "12345678a", 9) != hash_bytes(1, "12345678b", 9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(items_of_one_bucket_are_told_apart),
        TEST(items_of_one_hash_are_all_found_and_removed_one_by_one),
        TEST(more_items_than_planned_still_work),
        TEST(bytes_size_and_seed_all_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
