/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: medians and quantiles are the textbook's. Method: few values, worked by hand. */
#include "bench/stats.h"
#include "tests/lib/test.h"

static void median_is_the_middle_or_the_mean_of_the_two_in_the_middle(void **state)
{
    double odd[] = {9, 1, 5}, even[] = {4, 1, 9, 2};
    (void)state;
    struct stats stats = stats_of(odd, 3);
    assert_float_equal(stats.median, 5, 0);
    assert_float_equal(stats.min, 1, 0);
    assert_float_equal(stats.max, 9, 0);
    assert_float_equal(stats_of(even, 4).median, 3, 0);
    assert_float_equal(stats_of(even, 0).median, 0, 0);
}

static void quantile_is_the_value_that_so_many_do_not_pass(void **state)
{
    double values[100];
    (void)state;
    for (int i = 0; i < 100; i++)
        values[i] = i + 1;
    assert_float_equal(stats_quantile(values, 100, .5), 50, 0);
    assert_float_equal(stats_quantile(values, 100, .99), 99, 0);
    assert_float_equal(stats_quantile(values, 100, 1), 100, 0);
    assert_float_equal(stats_quantile(values, 100, 0), 1, 0);
    assert_float_equal(stats_quantile(values, 3, .5), 2, 0);
    assert_float_equal(stats_quantile(values, 1, .99), 1, 0);
    assert_float_equal(stats_quantile(values, 0, .5), 0, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(median_is_the_middle_or_the_mean_of_the_two_in_the_middle),
        cmocka_unit_test(quantile_is_the_value_that_so_many_do_not_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
