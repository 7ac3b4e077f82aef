/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the kernel benchmark counts what was scored, asks what the table of cases asks,
 * and does not call unequal scores a success. Method: scorers that only note what they
 * are asked; results made by hand. */
#include "bench/kernel_peer_sklearn.h"
#include "bench/kernel_rate.h"
#include "bench/kernel_report.h"
#include "tests/lib/test.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { BATCHES = 3, ROWS = 4, THREADS = 2 };

struct noting {
    atomic_size_t calls[THREADS][BATCHES];
    size_t fails_at; /* batch; BATCHES: none */
};

static enum status note(void *arg, size_t thread, size_t batch, float *out,
                        struct error_text *error)
{
    struct noting *self = arg;
    self->calls[thread][batch]++;
    for (size_t i = 0; i < ROWS; i++)
        out[i] = (float)(batch * ROWS + i);
    return batch == self->fails_at ? error_set(error, STATUS_CORRUPT, "no") : STATUS_OK;
}

static const struct kernel_load load = {ROWS, BATCHES, 1, THREADS, 0, false};

static void every_thread_goes_round_all_batches(void **state)
{
    struct noting noting = {.fails_at = BATCHES};
    const struct kernel_scorer scorer = {&noting, note};
    double rate = 0;
    (void)state;
    assert_int_equal(kernel_rate(&scorer, &load, &rate, NULL), STATUS_OK);
    assert_true(rate > 0);
    for (size_t thread = 0; thread < THREADS; thread++) {
        size_t calls = 0;
        for (size_t batch = 0; batch < BATCHES; batch++) {
            size_t here = noting.calls[thread][batch];
            assert_in_range(here, 1024 / ROWS / BATCHES, 1024 / ROWS / BATCHES + 1);
            calls += here;
        }
        assert_int_equal(calls, 1024 / ROWS);
    }
}

static void a_scorer_that_fails_ends_the_measurement_with_its_sentence(void **state)
{
    struct noting noting = {.fails_at = 1};
    const struct kernel_scorer scorer = {&noting, note};
    struct error_text error = {""};
    float out[BATCHES * ROWS];
    double rate = 0;
    (void)state;
    assert_int_equal(kernel_rate(&scorer, &load, &rate, &error), STATUS_CORRUPT);
    assert_string_equal(error.text, "no");
    assert_int_equal(kernel_results(&scorer, &load, out, &error), STATUS_CORRUPT);
}

static void results_are_those_of_the_batches_in_order(void **state)
{
    struct noting noting = {.fails_at = BATCHES};
    const struct kernel_scorer scorer = {&noting, note};
    float out[BATCHES * ROWS];
    (void)state;
    assert_int_equal(kernel_results(&scorer, &load, out, NULL), STATUS_OK);
    for (size_t i = 0; i < BATCHES * ROWS; i++)
        assert_float_equal(out[i], i, 0);
}

static void a_verdict_is_the_median_against_what_the_case_asks(void **state)
{
    const struct kernel_case of = {.condition = 10, .aim = 20}, nothing = {.name = "x"};
    struct kernel_result result = {.of = &of, .equal = true};
    (void)state;
    result.ratio = (struct stats){9.9, 5, 50};
    assert_int_equal(kernel_verdict(&result), KERNEL_VERDICT_BELOW);
    result.ratio = (struct stats){10, 5, 50};
    assert_int_equal(kernel_verdict(&result), KERNEL_VERDICT_CONDITION);
    result.ratio = (struct stats){20, 5, 50};
    assert_int_equal(kernel_verdict(&result), KERNEL_VERDICT_AIM);
    result.equal = false;
    assert_int_equal(kernel_verdict(&result), KERNEL_VERDICT_UNEQUAL);
    result = (struct kernel_result){.of = &nothing, .equal = true};
    assert_int_equal(kernel_verdict(&result), KERNEL_VERDICT_NONE);
}

static void differences_are_of_bits_and_the_largest_is_kept(void **state)
{
    const float ours[] = {1, 0.0F, 3, 5}, theirs[] = {1, -0.0F, 3.5F, 4};
    const float nan = strtof("nan", NULL);
    struct kernel_result result = {.of = NULL};
    (void)state;
    kernel_note_differences(ours, theirs, 1, 0, &result);
    assert_true(result.equal);
    assert_int_equal(result.different, 0);
    kernel_note_differences(ours, theirs, 4, 0, &result);
    assert_false(result.equal);
    assert_int_equal(result.compared, 4);
    assert_int_equal(result.different, 3);
    assert_float_equal(result.largest, 1, 0);
    kernel_note_differences(ours, theirs, 4, 1, &result);
    assert_true(result.equal);
    kernel_note_differences(ours, theirs, 4, .9, &result);
    assert_false(result.equal);
    kernel_note_differences(ours, &nan, 1, 1, &result);
    assert_true(isnan(result.largest));
    assert_false(result.equal);
}

static void a_threshold_in_double_splits_floats_as_it_does_in_float(void **state)
{
    const double thresholds[] = {0.5,  0.1,   -0.1,  0,    1e-46,    -1e-46,
                                 1e30, -3.25, 1e-40, 2049, 16777217, 0.30000001192092896};
    (void)state;
    for (size_t i = 0; i < sizeof thresholds / sizeof thresholds[0]; i++) {
        float limit = kernel_sklearn_threshold(thresholds[i]);
        float x = nextafterf(nextafterf((float)thresholds[i], -INFINITY), -INFINITY);
        for (int step = 0; step < 5; step++, x = nextafterf(x, INFINITY))
            assert_int_equal(x < limit, (double)x <= thresholds[i]);
    }
}

static void a_case_is_named_by_what_it_begins_with(void **state)
{
    char whole[] = "boosting-500-1", start[] = "forest", other[] = "boosting-5000";
    char *const names[] = {whole, start}, *const no_name[] = {other};
    const struct kernel_case one = {.name = "boosting-500-1"},
                             two = {.name = "forest-100-1024"},
                             three = {.name = "depth8-500-65536"};
    (void)state;
    assert_true(kernel_case_is_named(&one, names, 2));
    assert_true(kernel_case_is_named(&two, names, 2));
    assert_false(kernel_case_is_named(&three, names, 2));
    assert_false(kernel_case_is_named(&one, no_name, 1));
    assert_true(kernel_case_is_named(&three, NULL, 0));
}

static void a_whole_name_is_that_of_one_case(void **state)
{
    char name[] = "boosting-500-1";
    char *const names[] = {name};
    size_t count = 0;
    const struct kernel_case *next;
    (void)state;
    for (size_t i = 0; (next = kernel_case_at(i)) != NULL; i++)
        count += kernel_case_is_named(next, names, 1);
    assert_int_equal(count, 1);
}

static void names_differ_and_cases_of_one_model_are_neighbours(void **state)
{
    const struct kernel_case *one, *other;
    (void)state;
    for (size_t i = 0; (one = kernel_case_at(i)) != NULL; i++)
        for (size_t k = 0; k < i && (other = kernel_case_at(k)) != NULL; k++) {
            assert_string_not_equal(one->name, other->name);
            if (kernel_case_shares_model(one, other))
                assert_true(kernel_case_shares_model(one, kernel_case_at(i - 1)));
        }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_thread_goes_round_all_batches),
        cmocka_unit_test(a_scorer_that_fails_ends_the_measurement_with_its_sentence),
        cmocka_unit_test(results_are_those_of_the_batches_in_order),
        cmocka_unit_test(a_verdict_is_the_median_against_what_the_case_asks),
        cmocka_unit_test(differences_are_of_bits_and_the_largest_is_kept),
        cmocka_unit_test(a_threshold_in_double_splits_floats_as_it_does_in_float),
        cmocka_unit_test(a_case_is_named_by_what_it_begins_with),
        cmocka_unit_test(a_whole_name_is_that_of_one_case),
        cmocka_unit_test(names_differ_and_cases_of_one_model_are_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
