/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: demand is gathered to the integer, with totals, tiers in the program's order.
 * Method: cells as the store orders them. */

#include "client/demand_sums.h"
#include "tests/lib/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BIG INT64_C(9007199254740993) /* 2^53 + 1: no double holds it */

static const struct demand_cell cells[] = {
    {202610, "A", "chd", "low", 1, 10, 5}, {202611, "A", "chd", "high", 2, BIG, 6},
    {202611, "A", "chd", "low", 3, 30, 7}, {202611, "A", "diabetes", "low", 4, 40, 8},
    {202611, "B", "chd", "odd", 5, 50, 9},
};

enum { CELL_COUNT = sizeof cells / sizeof cells[0] };

static struct demand_sums gather(const struct program *program)
{
    struct demand_sums sums;
    assert_int_equal(demand_sums_make(cells, CELL_COUNT, program, &sums), STATUS_OK);
    return sums;
}

static void cells_become_lines_and_totals(void **state)
{
    (void)state;
    struct demand_sums sums = gather(NULL);
    assert_int_equal(sums.group_count, 3);
    const struct demand_group *chd = &sums.groups[1];
    assert_int_equal(chd->line_count, 3);
    assert_string_equal(chd->lines[0].region, "A");
    assert_int_equal(chd->lines[0].people, 5);
    assert_true(chd->lines[0].sum_p == BIG + 30);
    assert_int_equal(chd->lines[0].sum_pq, 13);
    assert_string_equal(chd->lines[1].region, "B");
    const struct demand_line *total = &chd->lines[2];
    assert_string_equal(total->region, "");
    assert_string_equal(total->target, "chd");
    assert_int_equal(total->period, 202611);
    assert_int_equal(total->people, 10);
    assert_true(total->sum_p == BIG + 80);
    assert_int_equal(total->sum_pq, 22);
    demand_sums_free(&sums);
}

static void groups_come_by_period_then_target(void **state)
{
    (void)state;
    struct demand_sums sums = gather(NULL);
    assert_int_equal(sums.groups[0].lines[0].period, 202610);
    assert_string_equal(sums.groups[1].lines[0].target, "chd");
    assert_string_equal(sums.groups[2].lines[0].target, "diabetes");
    assert_int_equal(sums.groups[2].lines[0].people, 4);
    demand_sums_free(&sums);
}

static void tiers_follow_the_program_and_then_what_else_was_seen(void **state)
{
    (void)state;
    struct program program = {.target_count = 1};
    program_target_init(&program.targets[0], "chd", "champion");
    struct demand_sums sums = gather(&program);
    const struct demand_group *chd = &sums.groups[1];
    static const char *const names[] = {"low", "moderate", "high", "odd"};
    static const int64_t people[] = {3, 0, 2, 5};
    assert_int_equal(chd->tier_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(chd->tiers[i], names[i]);
        assert_int_equal(chd->lines[2].tiers[i], people[i]);
    }
    demand_sums_free(&sums);
}

static void more_tiers_than_there_can_be_are_refused(void **state)
{
    (void)state;
    struct demand_cell many[PROGRAM_TIERS_MAX + 1];
    struct demand_sums sums;
    for (size_t i = 0; i <= PROGRAM_TIERS_MAX; i++) {
        many[i] = (struct demand_cell){202611, "A", "chd", "", 1, 1, 1};
        snprintf(many[i].tier, sizeof many[i].tier, "t%zu", i);
    }
    assert_int_equal(demand_sums_make(many, PROGRAM_TIERS_MAX, NULL, &sums), STATUS_OK);
    demand_sums_free(&sums);
    assert_int_equal(demand_sums_make(many, PROGRAM_TIERS_MAX + 1, NULL, &sums),
                     STATUS_FULL);
}

static void nothing_gives_nothing(void **state)
{
    (void)state;
    struct demand_sums sums;
    assert_int_equal(demand_sums_make(NULL, 0, NULL, &sums), STATUS_OK);
    assert_int_equal(sums.group_count, 0);
    demand_sums_free(&sums);
}

static void sums_are_in_units_of_two_to_the_32(void **state)
{
    (void)state;
    assert_true(fabs(demand_expected(INT64_C(3) << 31) - 1.5) < 1e-12);
    assert_true(fabs(demand_deviation(INT64_C(9) << 32) - 3.0) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_become_lines_and_totals),
        cmocka_unit_test(groups_come_by_period_then_target),
        cmocka_unit_test(tiers_follow_the_program_and_then_what_else_was_seen),
        cmocka_unit_test(more_tiers_than_there_can_be_are_refused),
        cmocka_unit_test(nothing_gives_nothing),
        cmocka_unit_test(sums_are_in_units_of_two_to_the_32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
