/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics as Prometheus reads them. Method: the text against what the format says, by
 * whole strings; threads that count at once; addresses good and bad. */
#include "tests/lib/test.h"

#include "metrics/metrics_server.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 10000 };

static const double bounds[] = {.5, 1};

static char *text_of(const struct metrics *metrics)
{
    char *text;
    size_t size;
    assert_int_equal(metrics_write(metrics, &text, &size), STATUS_OK);
    assert_int_equal(size, strlen(text));
    return text;
}

static void every_kind_has_help_type_and_value(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct metric *counter = metrics_counter(metrics, "a_total", "An A.");
    struct metric *gauge = metrics_gauge(metrics, "b_seconds", "A B.");
    metrics_info(metrics, "c_build_info", "A C.", "1.2.3");
    metric_add(counter, 2);
    metric_add(counter, 3);
    metric_set(gauge, .25);
    char *text = text_of(metrics);
    assert_string_equal(text, "# HELP a_total An A.\n# TYPE a_total counter\na_total 5\n"
                              "# HELP b_seconds A B.\n# TYPE b_seconds gauge\n"
                              "b_seconds 0.25\n"
                              "# HELP c_build_info A C.\n# TYPE c_build_info gauge\n"
                              "c_build_info{version=\"1.2.3\"} 1\n");
    free(text);
    metrics_free(metrics);
}

static void a_histograms_buckets_add_up_and_include_their_ends(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct metric *metric = metrics_histogram(metrics, "h_seconds", "An H.", bounds, 2);
    metric_observe(metric, .25);
    metric_observe(metric, .5);
    metric_observe(metric, .75);
    metric_observe(metric, 4);
    char *text = text_of(metrics);
    assert_string_equal(text, "# HELP h_seconds An H.\n# TYPE h_seconds histogram\n"
                              "h_seconds_bucket{le=\"0.5\"} 2\n"
                              "h_seconds_bucket{le=\"1\"} 3\n"
                              "h_seconds_bucket{le=\"+Inf\"} 4\n"
                              "h_seconds_sum 5.5\nh_seconds_count 4\n");
    free(text);
    metrics_free(metrics);
}

struct counting {
    struct metric *counter, *histogram;
};

static void *count(void *arg)
{
    struct counting *counting = arg;
    for (int i = 0; i < ROUNDS; i++) {
        metric_add(counting->counter, 1);
        metric_observe(counting->histogram, 1);
    }
    return NULL;
}

static void threads_that_count_at_once_lose_nothing(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct counting counting = {metrics_counter(metrics, "a_total", "A."),
                                metrics_histogram(metrics, "h", "H.", bounds, 2)};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, &counting), 0);
    free(text_of(metrics)); /* a reader among them */
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    char *text = text_of(metrics);
    assert_non_null(strstr(text, "\na_total 40000\n"));
    assert_non_null(strstr(text, "\nh_sum 40000\nh_count 40000\n"));
    free(text);
    metrics_free(metrics);
}

static void a_metric_that_nobody_asked_for_costs_nothing(void **state)
{
    (void)state;
    metric_add(NULL, 1);
    metric_set(NULL, 1);
    metric_set_total(NULL, 1);
    metric_observe(NULL, 1);
}

static void only_loopback_is_served_unless_insecure(void **state)
{
    (void)state;
    struct error_text error;
    assert_int_equal(metrics_address_check("127.0.0.1:9101", false, &error), STATUS_OK);
    assert_int_equal(metrics_address_check("127.9.9.9:1", false, &error), STATUS_OK);
    assert_int_equal(metrics_address_check("0.0.0.0:9101", false, &error),
                     STATUS_INVALID);
    assert_non_null(strstr(error.text, "--insecure"));
    assert_int_equal(metrics_address_check("0.0.0.0:9101", true, &error), STATUS_OK);
}

static void what_is_no_address_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "9101",
        ":9101",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:91x",
        "host:9101",
        "127.0.0.1:-1",
        "1.2.3.4.5.6.7.8.9.10:1",
    };
    struct error_text error;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(metrics_address_check(bad[i], true, &error), STATUS_INVALID);
        assert_non_null(strstr(error.text, bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_help_type_and_value),
        cmocka_unit_test(a_histograms_buckets_add_up_and_include_their_ends),
        cmocka_unit_test(threads_that_count_at_once_lose_nothing),
        cmocka_unit_test(a_metric_that_nobody_asked_for_costs_nothing),
        cmocka_unit_test(only_loopback_is_served_unless_insecure),
        cmocka_unit_test(what_is_no_address_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
