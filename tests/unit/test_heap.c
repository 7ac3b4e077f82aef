/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the first node is the one with the least key, whatever is inserted and removed.
 * Method: a random walk beside a plain search of all. The seed is TEST_SEED. */

#include "base/heap.h"
#include "tests/lib/any.h"
#include "tests/lib/test.h"

enum { NODES = 40, STEPS = 20000 };

static uint64_t least_of(const struct heap_node *nodes)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < NODES; i++)
        if (nodes[i].place != 0 && nodes[i].key < least)
            least = nodes[i].key;
    return least;
}

static void the_first_has_the_least_key(void **state)
{
    struct heap_node nodes[NODES] = {{0}};
    struct heap heap;
    uint32_t count = 0;
    (void)state;
    assert_int_equal(heap_open(&heap, NODES), STATUS_OK);
    assert_null(heap_first(&heap));
    for (int step = 0; step < STEPS; step++) {
        struct heap_node *node = &nodes[any_chance(NODES)];
        bool is_in = node->place != 0;
        if (is_in)
            heap_remove(&heap, node);
        else
            heap_insert(&heap, node, any_chance(100));
        count += is_in ? -1U : 1U;
        assert_int_equal(heap.count, count);
        assert_int_equal(count == 0 ? UINT64_MAX : heap_first(&heap)->key,
                         least_of(nodes));
    }
    heap_close(&heap);
}

static void removing_what_is_in_no_heap_does_nothing(void **state)
{
    struct heap_node in = {0}, out = {0};
    struct heap heap;
    (void)state;
    assert_int_equal(heap_open(&heap, 2), STATUS_OK);
    heap_insert(&heap, &in, 7);
    heap_remove(&heap, &out);
    assert_ptr_equal(heap_first(&heap), &in);
    heap_close(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_has_the_least_key, any_seed),
        cmocka_unit_test(removing_what_is_in_no_heap_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
