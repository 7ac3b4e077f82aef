/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the population is what docs/synthetic.md says, the same everywhere.
 * Method: risks against the page's formulas written again with libm; rates of 50,000
 * people within four standard deviations of their truth; a digest of the first people. */

#include "base/crypto.h"
#include "client/population.h"
#include "tests/lib/test.h"

#include <math.h>
#include <string.h>

enum { PEOPLE = 50000, REGIONS = 12 };

static void assert_close(double seen, double expected)
{
    assert_true(fabs(seen - expected) < 1e-11);
}

static void risks_are_the_documented_formulas(void **state)
{
    (void)state;
    struct person person = {.age = 45, .bmi_tenths = 260, .systolic_bp = 125};
    person.region = 9; /* 9 * 3 % 11 = 5 and 9 * 5 % 11 = 1 */
    person.income = INCOME_MIDDLE;
    assert_close(population_diabetes_risk(&person), 1 / (1 + exp(2.75)));
    assert_close(population_chd_risk(&person), 1 / (1 + exp(3.60 + 0.32)));

    person = (struct person){
        .region = 1, /* effects -0.16 and 0 */
        .age = 60,
        .sex = SEX_MALE,
        .bmi_tenths = 310,
        .systolic_bp = 145,
        .smoking = SMOKING_CURRENT,
        .activity = 2,
        .family_history = true,
        .diabetes_known = true,
        .income = INCOME_LOW,
    };
    double diabetes = -2.75 + 0.675 + 0.45 + 0.24 + 0.15 + 0.70 - 0.16 + 0.25 - 0.16;
    double chd =
        -3.60 + 0.975 + 0.15 + 0.36 + 0.55 + 0.50 + 0.65 - 0.12 + 0.75 + 0.20 + 0;
    assert_close(population_diabetes_risk(&person), 1 / (1 + exp(-diabetes)));
    assert_close(population_chd_risk(&person), 1 / (1 + exp(-chd)));
}

/* How far a count of outcomes is from the sum of its risks, in standard deviations. */
struct tally {
    double expected, variance, seen;
};

static void count(struct tally *self, double risk, bool outcome)
{
    self->expected += risk;
    self->variance += risk * (1 - risk);
    self->seen += outcome;
}

static void assert_near(const struct tally *self)
{
    assert_true(self->variance > 10);
    assert_true(fabs(self->seen - self->expected) < 4 * sqrt(self->variance));
}

static void outcomes_come_at_their_true_rates(void **state)
{
    (void)state;
    struct tally chd[REGIONS + 2] = {{0}}, diabetes[REGIONS + 2] = {{0}};
    struct tally known = {0}, bmi = {0}, pressure = {0}, income = {0};
    for (uint64_t row = 1; row <= PEOPLE; row++) {
        struct person person;
        population_person(3, REGIONS, row, &person);
        double chd_risk = population_chd_risk(&person);
        double diabetes_risk = population_diabetes_risk(&person);
        count(&chd[person.region], chd_risk, person.chd);
        count(&chd[REGIONS + (chd_risk > 0.08)], chd_risk, person.chd);
        count(&diabetes[person.region], diabetes_risk, person.diabetes);
        count(&diabetes[REGIONS + (diabetes_risk > 0.08)], diabetes_risk,
              person.diabetes);
        if (person.diabetes)
            count(&known, 0.7, person.diabetes_known);
        else
            assert_false(person.diabetes_known);
        count(&bmi, 0.03, person.bmi_missing);
        count(&pressure, 0.08, person.systolic_bp_missing);
        count(&income, 0.10, person.income_missing);
    }
    for (size_t i = 0; i < REGIONS + 2; i++) {
        assert_near(&chd[i]);
        assert_near(&diabetes[i]);
    }
    assert_near(&known);
    assert_near(&bmi);
    assert_near(&pressure);
    assert_near(&income);
}

static void features_are_distributed_as_documented(void **state)
{
    (void)state;
    struct tally male = {0}, family = {0}, low = {0}, current = {0}, first = {0};
    double age = 0, activity = 0;
    for (uint64_t row = 1; row <= PEOPLE; row++) {
        struct person person;
        population_person(5, REGIONS, row, &person);
        count(&male, 0.5, person.sex == SEX_MALE);
        count(&family, 0.22, person.family_history);
        count(&low, 0.40, person.income == INCOME_LOW);
        count(&current, person.sex == SEX_MALE ? 0.24 : 0.08,
              person.smoking == SMOKING_CURRENT);
        count(&first, 4.0 / 122,
              person.region == 0); /* weights 4 11 5 12 6 13 7 14 ... */
        assert_in_range(person.age, 18, 90);
        assert_in_range(person.bmi_tenths, 140, 600);
        assert_in_range(person.systolic_bp, 80, 240);
        assert_in_range(person.activity, 0, 7);
        assert_in_range(person.region, 0, REGIONS - 1);
        age += person.age;
        activity += person.activity;
    }
    assert_near(&male);
    assert_near(&family);
    assert_near(&low);
    assert_near(&current);
    assert_near(&first);
    assert_true(fabs(age / PEOPLE - (18 + 72.0 / 3)) < 0.4);
    assert_true(fabs(activity / PEOPLE - 3.5) < 0.05);
}

enum { FIELDS = 15 };

static void make_numbers(uint64_t seed, uint64_t row, int32_t numbers[FIELDS])
{
    struct person p;
    population_person(seed, REGIONS, row, &p);
    const int32_t all[FIELDS] = {
        (int32_t)p.region, p.age,
        (int32_t)p.sex,    p.bmi_tenths,
        p.systolic_bp,     (int32_t)p.smoking,
        p.activity,        p.family_history,
        p.diabetes_known,  (int32_t)p.income,
        p.bmi_missing,     p.systolic_bp_missing,
        p.income_missing,  p.chd,
        p.diabetes,
    };
    memcpy(numbers, all, sizeof all);
}

static void digest_people(uint64_t seed, char text[DIGEST_HEX_SIZE])
{
    static int32_t numbers[1000][FIELDS];
    for (uint64_t row = 1; row <= 1000; row++)
        make_numbers(seed, row, numbers[row - 1]);
    struct digest digest = digest_sha256(numbers, sizeof numbers);
    digest_format(&digest, text);
}

/* A change of these numbers is a change of every published result made from them. */
static void a_seed_gives_the_same_people_on_every_machine(void **state)
{
    (void)state;
    char text[DIGEST_HEX_SIZE], other[DIGEST_HEX_SIZE];
    digest_people(1, text);
    assert_string_equal(
        text, "83fb18f1f7935cca6867ef651f8172490bac7907f1e1b1aaf0a9a52adb3b899c");
    digest_people(2, other);
    assert_string_not_equal(text, other);
}

static void a_person_does_not_depend_on_those_before(void **state)
{
    (void)state;
    int32_t alone[FIELDS], after[FIELDS];
    make_numbers(1, 777, alone);
    for (uint64_t row = 1; row <= 777; row++)
        make_numbers(1, row, after);
    assert_memory_equal(alone, after, sizeof alone);
}

static void regions_have_names_of_their_own(void **state)
{
    (void)state;
    char names[POPULATION_REGIONS_MAX][POPULATION_REGION_SIZE];
    for (uint32_t i = 0; i < POPULATION_REGIONS_MAX; i++) {
        population_region(i, names[i]);
        assert_memory_equal(names[i], "XA/", 3);
        assert_in_range(strlen(names[i]), 10, POPULATION_REGION_SIZE - 2);
        for (uint32_t j = 0; j < i; j++)
            assert_string_not_equal(names[i], names[j]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(risks_are_the_documented_formulas),
        cmocka_unit_test(outcomes_come_at_their_true_rates),
        cmocka_unit_test(features_are_distributed_as_documented),
        cmocka_unit_test(a_seed_gives_the_same_people_on_every_machine),
        cmocka_unit_test(a_person_does_not_depend_on_those_before),
        cmocka_unit_test(regions_have_names_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
