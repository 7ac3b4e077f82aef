/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: days, their texts and their periods agree with the calendar, for every number a
 * peer may send.
 * Method: known dates; a walk over eight centuries day by day beside the C library's
 * calendar; the ends of the range; a table of texts that are no day. */

#include "base/clock.h"
#include "base/day.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void known_dates_have_known_numbers(void **state)
{
    (void)state;
    static const struct {
        int32_t year;
        uint32_t month, of_month;
        int32_t day;
        const char *text;
        int32_t period;
    } dates[] = {
        {1970, 1, 1, 0, "1970-01-01", 197001},
        {1969, 12, 31, -1, "1969-12-31", 196912},
        {2000, 2, 29, 11016, "2000-02-29", 200002},
        {2026, 11, 23, 20780, "2026-11-23", 202611},
        {1600, 3, 1, -135080, "1600-03-01", 160003},
        {0, 1, 1, -719528, "0000-01-01", 1},
        {9999, 12, 31, 2932896, "9999-12-31", 999912},
    };
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        char text[DAY_TEXT_SIZE];
        int32_t day = 0;
        assert_int_equal(day_from_date(dates[i].year, dates[i].month, dates[i].of_month),
                         dates[i].day);
        day_format(dates[i].day, text);
        assert_string_equal(text, dates[i].text);
        assert_int_equal(day_parse(text, &day), STATUS_OK);
        assert_int_equal(day, dates[i].day);
        assert_int_equal(day_period(day), dates[i].period);
    }
}

static void eight_centuries_agree_with_the_c_library(void **state)
{
    (void)state;
    for (int32_t day = -135140; day <= 157054; day++) { /* 1600 to 2399 */
        time_t second = (time_t)day * 86400;
        struct tm date;
        char text[DAY_TEXT_SIZE], expected[DAY_TEXT_SIZE];
        int32_t parsed = 0;
        assert_non_null(gmtime_r(&second, &date));
        strftime(expected, sizeof expected, "%Y-%m-%d", &date);
        day_format(day, text);
        assert_string_equal(text, expected);
        assert_int_equal(day_period(day), (date.tm_year + 1900) * 100 + date.tm_mon + 1);
        assert_int_equal(day_parse(text, &parsed), STATUS_OK);
        assert_int_equal(parsed, day);
    }
}

static void every_number_is_some_day(void **state)
{
    (void)state;
    char text[DAY_TEXT_SIZE];
    day_format(INT32_MAX, text);
    assert_string_equal(text, "5881580-07-11");
    day_format(INT32_MIN, text);
    assert_string_equal(text, "-5877641-06-23");
    assert_int_equal(day_period(INT32_MAX), 588158007);
    assert_int_equal(day_period(INT32_MIN), -587764100 + 6);
}

static void text_that_is_no_day_is_malformed(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",           "2026",       "2026-11",    "2026-11-2",   "2026-11-230",
        "2026-1-23",  "26-11-23",   "2026/11/23", "2026-11-23 ", " 2026-11-23",
        "2026-00-10", "2026-13-10", "2026-11-00", "2026-11-31",  "2026-02-29",
        "1900-02-29", "2024-02-30", "2026-04-31", "202x-11-23",  "2026-1a-23",
        "2026-11-x3", "-026-11-23", "2026-+1-23", "2026-11-99",  "11-23-2026",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int32_t day = 42;
        if (day_parse(texts[i], &day) != STATUS_MALFORMED)
            fail_msg("'%s' is no day", texts[i]);
        assert_int_equal(day, 42);
    }
}

static void today_is_the_day_of_the_clock(void **state)
{
    (void)state;
    int32_t before = (int32_t)(time(NULL) / 86400), today = clock_today();
    assert_in_range(today, before, before + 1);
    uint64_t first = clock_monotonic_ms();
    assert_true(clock_monotonic_ms() >= first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_dates_have_known_numbers),
        cmocka_unit_test(eight_centuries_agree_with_the_c_library),
        cmocka_unit_test(every_number_is_some_day),
        cmocka_unit_test(text_that_is_no_day_is_malformed),
        cmocka_unit_test(today_is_the_day_of_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
