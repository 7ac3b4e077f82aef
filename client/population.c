/* SPDX-License-Identifier: Apache-2.0 */
/* population.c - the rules of docs/synthetic.md. A change here is a change there. */
#include "client/population.h"

#include <assert.h>
#include <stdio.h>

/* ---- chance ---- */

/* splitmix64 by Sebastiano Vigna, in the public domain
 * (https://prng.di.unimi.it/splitmix64.c). */
static uint64_t next_word(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Each person has a sequence of their own, so that any row can be made alone. */
static uint64_t person_state(uint64_t seed, uint64_t row)
{
    uint64_t state = seed;
    state = next_word(&state) ^ row;
    return next_word(&state);
}

/* In [0, 1), a multiple of 2^-53. */
static double uniform(uint64_t *state)
{
    return (double)(next_word(state) >> 11) / 9007199254740992.0;
}

static bool chance(uint64_t *state, double p)
{
    return uniform(state) < p;
}

/* Integers in [0, count). */
static int32_t pick(uint64_t *state, int32_t count)
{
    return (int32_t)(uniform(state) * count);
}

/* Nearly normal, mean 0 and deviation 1, within 6: the sum of twelve uniforms less 6. */
static double bell(uint64_t *state)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += uniform(state);
    return sum;
}

static int32_t whole_within(double value, int32_t least, int32_t most)
{
    if (value < least)
        return least;
    return value > most ? most : (int32_t)(value + 0.5);
}

/* e^x for |x| < 40, to about 12 digits, by arithmetic alone: (e^(x/1024))^1024. */
static double exponential(double x)
{
    double term = 1, sum = 1;
    for (int k = 1; k <= 8; k++) {
        term *= x / 1024 / k;
        sum += term;
    }
    for (int i = 0; i < 10; i++)
        sum *= sum;
    return sum;
}

static double logistic(double z)
{
    return 1 / (1 + exponential(-z));
}

/* ---- regions ---- */

/* How many live there, relative to the others: 4 to 16. */
static uint32_t region_weight(uint32_t region)
{
    return 4 + region * 7 % 13;
}

static uint32_t pick_region(uint64_t *state, uint32_t regions)
{
    uint32_t total = 0, region = 0;
    for (uint32_t i = 0; i < regions; i++)
        total += region_weight(i);
    uint32_t left = (uint32_t)pick(state, (int32_t)total);
    while (left >= region_weight(region))
        left -= region_weight(region++);
    return region;
}

/* -.4 to .4: what is different there and not in the other columns. */
static double region_effect(uint32_t region, uint32_t step)
{
    return ((int32_t)(region * step % 11) - 5) * 0.08;
}

void population_region(uint32_t region, char text[POPULATION_REGION_SIZE])
{
    static const char *const first[] = {"Balo", "Kemu", "Ndara", "Sovi", "Tuma", "Wiro"};
    static const char *const last[] = {"ri", "ka"};
    static const char *const ward[] = {"Kena", "Lomi", "Pasu", "Rova"};
    static const char *const side[] = {"", " East", " West", " North", " South"};
    uint32_t district = region / 4 % 12, round = region / 48;
    assert(region < POPULATION_REGIONS_MAX);
    snprintf(text, POPULATION_REGION_SIZE, "XA/%s%s/%s%s", first[district % 6],
             last[district / 6], ward[region % 4], side[round]);
}

/* ---- people ---- */

double population_diabetes_risk(const struct person *person)
{
    static const double income[] = {0.25, 0, -0.20};
    double z = -2.75;
    z += 0.045 * (person->age - 45);
    z += 0.009 * (person->bmi_tenths - 260);
    z += 0.012 * (person->systolic_bp - 125);
    z += 0.15 * (person->sex == SEX_MALE);
    z += 0.70 * person->family_history;
    z += -0.08 * person->activity;
    z += income[person->income];
    z += region_effect(person->region, 3);
    return logistic(z);
}

double population_chd_risk(const struct person *person)
{
    static const double income[] = {0.20, 0, -0.15};
    static const double smoking[] = {0, 0.25, 0.75};
    double z = -3.60;
    z += 0.065 * (person->age - 45);
    z += 0.003 * (person->bmi_tenths - 260);
    z += 0.018 * (person->systolic_bp - 125);
    z += 0.55 * (person->sex == SEX_MALE);
    z += 0.50 * person->family_history;
    z += 0.65 * person->diabetes_known;
    z += -0.06 * person->activity;
    z += smoking[person->smoking];
    z += income[person->income];
    z += region_effect(person->region, 5);
    return logistic(z);
}

static enum income pick_income(uint64_t *state)
{
    double u = uniform(state);
    return u < 0.40 ? INCOME_LOW : u < 0.85 ? INCOME_MIDDLE : INCOME_HIGH;
}

static enum smoking pick_smoking(uint64_t *state, enum sex sex)
{
    double u = uniform(state);
    double current = sex == SEX_MALE ? 0.24 : 0.08;
    double former = sex == SEX_MALE ? 0.22 : 0.10;
    if (u < current)
        return SMOKING_CURRENT;
    return u < current + former ? SMOKING_FORMER : SMOKING_NEVER;
}

static int32_t pick_age(uint64_t *state)
{
    int32_t a = pick(state, 73), b = pick(state, 73);
    return 18 + (a < b ? a : b);
}

void population_person(uint64_t seed, uint32_t regions, uint64_t row, struct person *out)
{
    uint64_t state = person_state(seed, row);
    assert(row > 0 && regions > 0 && regions <= POPULATION_REGIONS_MAX);

    *out = (struct person){.region = pick_region(&state, regions)};
    out->age = pick_age(&state);
    out->sex = chance(&state, 0.5) ? SEX_MALE : SEX_FEMALE;
    out->income = pick_income(&state);
    out->activity = pick(&state, 8);
    out->smoking = pick_smoking(&state, out->sex);
    out->family_history = chance(&state, 0.22);
    out->bmi_tenths = whole_within(276 - 4 * out->activity + 45 * bell(&state), 140, 600);
    out->systolic_bp = whole_within(
        120 + 0.4 * (out->age - 40) + 0.06 * (out->bmi_tenths - 260) + 14 * bell(&state),
        80, 240);
    out->diabetes = chance(&state, population_diabetes_risk(out));
    out->diabetes_known = chance(&state, 0.7) && out->diabetes;
    out->chd = chance(&state, population_chd_risk(out));
    out->bmi_missing = chance(&state, 0.03);
    out->systolic_bp_missing = chance(&state, 0.08);
    out->income_missing = chance(&state, 0.10);
}
