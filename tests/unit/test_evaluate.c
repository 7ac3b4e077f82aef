/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: each measure is what its definition says, and NaN where it has no meaning.
 * Method: small cases by hand, AUC against counting all pairs, and calibration by groups
 * whose frequencies are exact and by stretching the margins. */

#include "tests/lib/test.h"
#include "trainer/evaluate.h"

#include <math.h>
#include <stdlib.h>

static struct metrics run(const float *p, const uint8_t *y, size_t count)
{
    struct metrics metrics;
    assert_int_equal(evaluate(p, y, count, &metrics), STATUS_OK);
    return metrics;
}

static double auc_by_pairs(const float *p, const uint8_t *y, size_t count)
{
    double won = 0, pairs = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            if (!y[i] || y[j])
                continue;
            pairs += 1;
            won += p[i] > p[j] ? 1 : p[i] == p[j] ? 0.5 : 0;
        }
    }
    return won / pairs;
}

static void auc_counts_the_pairs_and_ties_half(void **state)
{
    (void)state;
    float p[300];
    uint8_t y[300];
    srand(7);
    for (int i = 0; i < 300; i++) {
        p[i] = (float)(rand() % 20) / 20;
        y[i] = rand() % 20 < rand() % 30 ? 1 : 0;
    }
    assert_true(fabs(run(p, y, 300).auc - auc_by_pairs(p, y, 300)) < 1e-12);
    assert_true(run((float[]){.2F, .2F}, (uint8_t[]){0, 1}, 2).auc == 0.5);
    assert_true(run((float[]){.3F, .2F}, (uint8_t[]){0, 1}, 2).auc == 0);
}

static void brier_log_loss_and_oe_follow_their_definitions(void **state)
{
    (void)state;
    struct metrics m = run((float[]){.25F, .5F, .75F}, (uint8_t[]){0, 1, 1}, 3);
    assert_true(fabs(m.brier - (0.0625 + 0.25 + 0.0625) / 3) < 1e-12);
    assert_true(fabs(m.log_loss + (log(.75) + log(.5) + log(.75)) / 3) < 1e-12);
    assert_true(fabs(m.oe - 2 / 1.5) < 1e-12);
    assert_int_equal(m.positive_count, 2);
}

/* 3 of 4 at .75 and 1 of 4 at .25: calibrated exactly. */
static const uint8_t grouped[] = {1, 1, 1, 0, 0, 0, 0, 1};

static void exact_frequencies_are_calibrated(void **state)
{
    (void)state;
    float p[] = {.75F, .75F, .75F, .75F, .25F, .25F, .25F, .25F};
    struct metrics m = run(p, grouped, 8);
    assert_true(fabs(m.slope - 1) < 1e-9);
    assert_true(fabs(m.intercept) < 1e-9);
    assert_true(fabs(m.oe - 1) < 1e-9);
}

static void stretched_and_moved_margins_are_told_apart(void **state)
{
    (void)state;
    float p[8];
    for (int i = 0; i < 8; i++) {
        double margin = i < 4 ? log(3) : -log(3);
        p[i] = (float)(1 / (1 + exp(-(2 * margin + 0.5))));
    }
    struct metrics m = run(p, grouped, 8);
    assert_true(fabs(m.slope - 0.5) < 1e-5);
    assert_true(fabs(m.intercept + 0.25) < 1e-5);
}

static void one_outcome_has_no_auc_and_no_calibration(void **state)
{
    (void)state;
    struct metrics m = run((float[]){.1F, .4F}, (uint8_t[]){0, 0}, 2);
    assert_true(isnan(m.auc) && isnan(m.slope) && isnan(m.intercept));
    assert_true(fabs(m.brier - .085) < 1e-6);
    assert_true(m.oe == 0);
}

static void nothing_measured_is_undefined(void **state)
{
    (void)state;
    struct metrics m = run(NULL, NULL, 0);
    for (size_t i = 0; evaluate_name(i) != NULL; i++)
        assert_true(isnan(evaluate_value(&m, i)));
    assert_true(isnan(run((float[]){0, 0}, (uint8_t[]){0, 1}, 2).oe));
}

static void separated_or_equal_probabilities_have_no_calibration(void **state)
{
    (void)state;
    struct metrics m = run((float[]){.1F, .2F, .8F, .9F}, (uint8_t[]){0, 0, 1, 1}, 4);
    assert_true(isnan(m.slope) && isnan(m.intercept));
    assert_true(m.auc == 1);
    assert_true(isnan(run((float[]){.3F, .3F}, (uint8_t[]){0, 1}, 2).slope));
}

static void certain_and_wrong_costs_a_bounded_log_loss(void **state)
{
    (void)state;
    struct metrics m = run((float[]){0, 1}, (uint8_t[]){1, 0}, 2);
    assert_true(fabs(m.log_loss - 24 * log(2)) < 1e-6);
    assert_true(m.brier == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auc_counts_the_pairs_and_ties_half),
        cmocka_unit_test(brier_log_loss_and_oe_follow_their_definitions),
        cmocka_unit_test(exact_frequencies_are_calibrated),
        cmocka_unit_test(stretched_and_moved_margins_are_told_apart),
        cmocka_unit_test(one_outcome_has_no_auc_and_no_calibration),
        cmocka_unit_test(nothing_measured_is_undefined),
        cmocka_unit_test(separated_or_equal_probabilities_have_no_calibration),
        cmocka_unit_test(certain_and_wrong_costs_a_bounded_log_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
