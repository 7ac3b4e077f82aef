/* SPDX-License-Identifier: Apache-2.0 */
/* people.c - a function for each column. */
#include "bench/people.h"

#include <math.h>
#include <string.h>

static const char *yes_no(bool value)
{
    return value ? "Yes" : "No";
}

static struct people_cell cell_age(const struct person *person)
{
    return (struct people_cell){.number = (float)person->age};
}

static struct people_cell cell_sex(const struct person *person)
{
    return (struct people_cell){.name = person->sex == SEX_MALE ? "Male" : "Female"};
}

static struct people_cell cell_bmi(const struct person *person)
{
    return (struct people_cell){
        .number = person->bmi_missing ? NAN : (float)person->bmi_tenths / 10};
}

static struct people_cell cell_systolic(const struct person *person)
{
    return (struct people_cell){
        .number = person->systolic_bp_missing ? NAN : (float)person->systolic_bp};
}

static struct people_cell cell_smoking(const struct person *person)
{
    static const char *const names[] = {"never", "former", "current"};
    return (struct people_cell){.name = names[person->smoking]};
}

static struct people_cell cell_activity(const struct person *person)
{
    return (struct people_cell){.number = (float)person->activity};
}

static struct people_cell cell_family(const struct person *person)
{
    return (struct people_cell){.name = yes_no(person->family_history)};
}

static struct people_cell cell_diabetes(const struct person *person)
{
    return (struct people_cell){.name = yes_no(person->diabetes_known)};
}

static struct people_cell cell_income(const struct person *person)
{
    static const char *const names[] = {"low", "middle", "high"};
    return (struct people_cell){.name = person->income_missing ? NULL
                                                               : names[person->income]};
}

const struct people_column *people_column(const char *name)
{
    static const struct people_column columns[] = {
        {"age", cell_age},
        {"sex", cell_sex},
        {"bmi", cell_bmi},
        {"systolic_bp", cell_systolic},
        {"smoking", cell_smoking},
        {"activity", cell_activity},
        {"family_history", cell_family},
        {"diabetes_known", cell_diabetes},
        {"income", cell_income},
    };
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (strcmp(columns[i].name, name) == 0)
            return &columns[i];
    return NULL;
}
