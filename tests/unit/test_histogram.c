/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a histogram answers what sorting all values would, within the error it promises.
 * Method: values by hand at the buckets' edges; a million random ones of all sizes beside
 * their sorted list. */
#include "bench/histogram.h"
#include "bench/stats.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

enum { MANY = 1000000 };

static struct histogram *histogram;

static int setup(void **state)
{
    (void)state;
    histogram = histogram_new();
    return histogram == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    histogram_free(histogram);
    return 0;
}

static void nothing_has_happened_in_an_empty_one(void **state)
{
    (void)state;
    assert_int_equal(histogram_count(histogram), 0);
    assert_int_equal(histogram_min(histogram), 0);
    assert_int_equal(histogram_max(histogram), 0);
    assert_int_equal(histogram_quantile(histogram, .5), 0);
    assert_float_equal(histogram_mean(histogram), 0, 0);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 2 * HISTOGRAM_DIVISIONS; value++)
        histogram_add(histogram, value);
    for (int i = 1; i <= 2048; i++)
        assert_int_equal(histogram_quantile(histogram, i / 2048.0), i - 1);
    assert_float_equal(histogram_mean(histogram), 1023.5, 0);
}

/* Of a value alone: what is read is the value, as it is the maximum too. So a larger one
 * stands beside it. */
static void assert_read_within_the_promised_error(uint64_t value)
{
    histogram_clear(histogram);
    histogram_add(histogram, value);
    histogram_add(histogram, UINT64_MAX / 4);
    uint64_t read = histogram_quantile(histogram, .5);
    assert_true(read >= value);
    assert_true(read - value <= value / HISTOGRAM_DIVISIONS);
}

static void every_value_is_read_within_the_promised_error(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 48; bit++)
        for (int64_t off = -2; off <= 2; off++) {
            uint64_t value = ((uint64_t)1 << bit) + (uint64_t)off;
            if (value >> 48 == 0)
                assert_read_within_the_promised_error(value);
        }
    assert_read_within_the_promised_error(((uint64_t)1 << 48) - 1);
}

static void what_is_too_large_is_counted_and_its_maximum_exact(void **state)
{
    (void)state;
    histogram_add(histogram, UINT64_MAX);
    histogram_add(histogram, 5);
    assert_int_equal(histogram_max(histogram), UINT64_MAX);
    assert_int_equal(histogram_quantile(histogram, 1), UINT64_MAX);
    assert_int_equal(histogram_quantile(histogram, .5), 5);
}

static void quantiles_of_many_are_those_of_the_sorted_list(void **state)
{
    static const double shares[] = {.01, .5, .9, .95, .99, .999, .9999, 1};
    double *values = malloc(MANY * sizeof *values);
    uint64_t random = 7;
    (void)state;
    assert_non_null(values);
    for (size_t i = 0; i < MANY; i++) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        uint64_t value = random >> (17 + (random >> 7) % 40);
        histogram_add(histogram, value);
        values[i] = (double)value;
    }
    stats_of(values, MANY); /* sorts them */
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        double exact = stats_quantile(values, MANY, shares[i]);
        double read = (double)histogram_quantile(histogram, shares[i]);
        assert_true(read >= exact && read <= exact * (1 + 1.0 / HISTOGRAM_DIVISIONS));
    }
    assert_int_equal(histogram_count(histogram), MANY);
    assert_float_equal((double)histogram_min(histogram), values[0], 0);
    assert_float_equal((double)histogram_max(histogram), values[MANY - 1], 0);
    free(values);
}

static void a_quantile_between_two_values_is_the_higher_one(void **state)
{
    (void)state;
    for (uint64_t value = 1; value <= 3; value++)
        histogram_add(histogram, value);
    assert_int_equal(histogram_quantile(histogram, .5), 2);
    assert_int_equal(histogram_quantile(histogram, .34), 2);
    assert_int_equal(histogram_quantile(histogram, .33), 1);
    assert_int_equal(histogram_quantile(histogram, 0), 1);
}

static void two_merged_are_as_one_that_saw_both(void **state)
{
    struct histogram *more = histogram_new();
    (void)state;
    assert_non_null(more);
    for (uint64_t value = 1; value <= 100; value++)
        histogram_add(value % 3 == 1 ? more : histogram, value);
    histogram_merge(histogram, more);
    assert_int_equal(histogram_count(histogram), 100);
    assert_int_equal(histogram_min(histogram), 1);
    assert_int_equal(histogram_max(histogram), 100);
    assert_int_equal(histogram_quantile(histogram, .99), 99);
    assert_float_equal(histogram_mean(histogram), 50.5, 0);
    histogram_free(more);
}

static void the_log_has_a_line_for_each_bucket_that_is_not_empty(void **state)
{
    char text[1024] = "";
    FILE *file = fmemopen(text, sizeof text, "w");
    (void)state;
    assert_non_null(file);
    histogram_add(histogram, 1000);
    histogram_add(histogram, 1000);
    histogram_add(histogram, 2000);
    histogram_add(histogram, 1 << 20);
    histogram_write(histogram, 1000, file);
    fclose(file);
    assert_string_equal(text,
                        "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
                        "       1.000 0.500000000000          2           2.00\n"
                        "       2.000 0.750000000000          3           4.00\n"
                        "    1048.576 1.000000000000          4\n"
                        "#[Mean    =      263.144, StdDeviation   =      453.470]\n"
                        "#[Max     =     1048.576, Total count    =            4]\n"
                        "#[Buckets =           38, SubBuckets     =         2048]\n");
}

#define HISTOGRAM_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        HISTOGRAM_TEST(nothing_has_happened_in_an_empty_one),
        HISTOGRAM_TEST(small_values_are_exact),
        HISTOGRAM_TEST(every_value_is_read_within_the_promised_error),
        HISTOGRAM_TEST(what_is_too_large_is_counted_and_its_maximum_exact),
        HISTOGRAM_TEST(quantiles_of_many_are_those_of_the_sorted_list),
        HISTOGRAM_TEST(a_quantile_between_two_values_is_the_higher_one),
        HISTOGRAM_TEST(two_merged_are_as_one_that_saw_both),
        HISTOGRAM_TEST(the_log_has_a_line_for_each_bucket_that_is_not_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
