/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the benchmark knows each answer's reference, reads workers' metrics, and finds
 * free ports. Method: few values by hand. */
#include "bench/parts.h"
#include "bench/ports.h"
#include "bench/references.h"
#include "tests/lib/test.h"

static const uint8_t one[REFERENCES_VERSION_SIZE] = {1};
static const uint8_t other[REFERENCES_VERSION_SIZE] = {2};

static void a_first_answer_is_what_the_next_must_be(void **state)
{
    struct references references;
    (void)state;
    references_open(&references, 2);
    assert_true(references_check(&references, 0, one, 5));
    assert_true(references_check(&references, 0, one, 5));
    assert_false(references_check(&references, 0, one, 6));
    assert_true(references_check(&references, 1, one, 6));
    assert_true(references_check(&references, 0, other, 6)); /* of another version */
    references_close(&references);
}

static void a_complete_reference_takes_no_answer_at_its_word(void **state)
{
    struct references references;
    (void)state;
    references_open(&references, 2);
    assert_true(references_set(&references, 0, one, 5));
    references.complete = true;
    assert_true(references_check(&references, 0, one, 5));
    assert_false(references_check(&references, 1, one, 5));
    assert_false(references_check(&references, 0, other, 5));
    references_close(&references);
}

static void probabilities_that_differ_in_a_bit_have_another_hash(void **state)
{
    const float some[] = {.25F, .5F, 0}, negative[] = {.25F, .5F, -0.0F};
    (void)state;
    assert_true(references_hash(some, 3) != references_hash(negative, 3));
    assert_true(references_hash(some, 0) != 0);
}

static void workers_metrics_are_added_up(void **state)
{
    static const char text[] = "# HELP chw_worker_scoring_seconds x\n"
                               "chw_worker_scoring_seconds_bucket{le=\"1\"} 7\n"
                               "chw_worker_scoring_seconds_sum 0.5\n"
                               "chw_worker_scoring_seconds_count 7\n"
                               "chw_worker_settlement_seconds_sum 2.25\n"
                               "chw_worker_settlement_seconds_count 3\n";
    struct parts parts = {0};
    (void)state;
    parts_add(&parts, text);
    parts_add(&parts, text);
    parts_add(&parts, "");
    assert_float_equal(parts.scored, 14, 0);
    assert_float_equal(parts.scoring_s, 1, 0);
    assert_float_equal(parts.settled, 6, 0);
    assert_float_equal(parts.settlement_s, 4.5, 0);
}

static void free_ports_are_ports(void **state)
{
    unsigned first = ports_free(4);
    (void)state;
    assert_true(first > 0 && first + 4 <= 65536);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_answer_is_what_the_next_must_be),
        cmocka_unit_test(a_complete_reference_takes_no_answer_at_its_word),
        cmocka_unit_test(probabilities_that_differ_in_a_bit_have_another_hash),
        cmocka_unit_test(workers_metrics_are_added_up),
        cmocka_unit_test(free_ports_are_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
