/* SPDX-License-Identifier: Apache-2.0 */
/* population.h - made-up people with a known truth: who they are, how likely each outcome
 * is, and what came of it. docs/synthetic.md has every rule and coefficient.
 *
 * Person number `row` of a seed is the same on every machine and whatever was made
 * before: integers, and double arithmetic that IEEE 754 fixes to the bit; no libm. Pure.
 */

#ifndef CLIENT_POPULATION_H
#define CLIENT_POPULATION_H

#include <stdbool.h>
#include <stdint.h>

enum { POPULATION_REGIONS_MAX = 240, POPULATION_REGION_SIZE = 32 };

enum sex { SEX_FEMALE, SEX_MALE };
enum smoking { SMOKING_NEVER, SMOKING_FORMER, SMOKING_CURRENT };
enum income { INCOME_LOW, INCOME_MIDDLE, INCOME_HIGH };

struct person {
    uint32_t region;
    int32_t age; /* years, 18 to 90 */
    enum sex sex;
    int32_t bmi_tenths;  /* kg/m2 * 10 */
    int32_t systolic_bp; /* mmHg */
    enum smoking smoking;
    int32_t activity; /* days a week, 0 to 7 */
    bool family_history;
    bool diabetes_known; /* told by a clinician: some who have it were not */
    enum income income;
    bool bmi_missing, systolic_bp_missing, income_missing; /* true, but not in the file */
    bool chd, diabetes;
};

/* `row` from 1; `regions` from 1 to POPULATION_REGIONS_MAX. */
void population_person(uint64_t seed, uint32_t regions, uint64_t row, struct person *out);

/* The true probabilities of the outcomes, from the other fields. */
double population_diabetes_risk(const struct person *person);
double population_chd_risk(const struct person *person);

/* The code of a region, such as "XA/Balori/Kena": XA is no country's. */
void population_region(uint32_t region, char text[POPULATION_REGION_SIZE]);

#endif
