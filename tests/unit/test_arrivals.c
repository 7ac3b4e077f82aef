/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: an open loop means to send at the rate it was told, evenly or as a Poisson
 * process. Method: fixed times by hand; of many random gaps their mean, their spread and
 * how many fall into a second, beside the distribution's. */
#include "bench/arrivals.h"
#include "tests/lib/test.h"

#include <math.h>

enum { MANY = 200000 };

static void fixed_arrivals_are_evenly_spaced_from_zero(void **state)
{
    struct arrivals arrivals;
    (void)state;
    arrivals_init(&arrivals, ARRIVALS_FIXED, 1000, 1);
    for (uint64_t i = 0; i < 5000; i++)
        assert_int_equal(arrivals_next(&arrivals), i * 1000000);
}

/* An exponential distribution's standard deviation is its mean; the means of so many are
 * within a hundredth of it but for one time in ten thousand. The seed is fixed. */
static void poisson_gaps_have_the_mean_and_spread_of_their_distribution(void **state)
{
    struct arrivals arrivals;
    double sum = 0, squares = 0;
    uint64_t before = 0;
    (void)state;
    arrivals_init(&arrivals, ARRIVALS_POISSON, 10000, 42);
    for (int i = 0; i < MANY; i++) {
        uint64_t at = arrivals_next(&arrivals);
        assert_true(at >= before);
        double gap = (double)(at - before);
        sum += gap;
        squares += gap * gap;
        before = at;
    }
    double mean = sum / MANY;
    assert_float_equal(mean, 1e5, 1e3);
    assert_float_equal(sqrt(squares / MANY - mean * mean), 1e5, 1e3);
}

/* As many fall into a hundredth of a second as the mean says, give or take its root. */
static void poisson_counts_vary_as_much_as_their_mean(void **state)
{
    enum { WINDOWS = 2000 };
    static unsigned counts[WINDOWS];
    struct arrivals arrivals;
    double squares = 0;
    (void)state;
    arrivals_init(&arrivals, ARRIVALS_POISSON, 10000, 3);
    for (uint64_t at; (at = arrivals_next(&arrivals) / 10000000) < WINDOWS;)
        counts[at]++;
    for (int i = 0; i < WINDOWS; i++)
        squares += ((double)counts[i] - 100) * ((double)counts[i] - 100);
    assert_float_equal(squares / WINDOWS, 100, 10);
}

static void a_seed_gives_one_sequence_and_another_seed_another(void **state)
{
    struct arrivals one, same, other;
    int differ = 0;
    (void)state;
    arrivals_init(&one, ARRIVALS_POISSON, 500, 9);
    arrivals_init(&same, ARRIVALS_POISSON, 500, 9);
    arrivals_init(&other, ARRIVALS_POISSON, 500, 10);
    for (int i = 0; i < 100; i++) {
        uint64_t at = arrivals_next(&one);
        assert_int_equal(at, arrivals_next(&same));
        differ += at != arrivals_next(&other);
    }
    assert_true(differ > 90);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_arrivals_are_evenly_spaced_from_zero),
        cmocka_unit_test(poisson_gaps_have_the_mean_and_spread_of_their_distribution),
        cmocka_unit_test(poisson_counts_vary_as_much_as_their_mean),
        cmocka_unit_test(a_seed_gives_one_sequence_and_another_seed_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
