/* SPDX-License-Identifier: Apache-2.0 */
/* day.c - calendar arithmetic: days are counted from 1 March, so that the leap day is the
 * last of its year. */
#include "base/day.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct date {
    int32_t year;
    uint32_t month, day;
};

int32_t day_from_date(int32_t year, uint32_t month, uint32_t day)
{
    year -= month <= 2;
    int32_t era = (year >= 0 ? year : year - 399) / 400;
    uint32_t year_of_era = (uint32_t)(year - era * 400);
    uint32_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    uint32_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + (int32_t)day_of_era - 719468;
}

/* Any day there is a number for: in 64 bits, because a peer chooses it. */
static struct date date_from_day(int32_t number)
{
    int64_t day = (int64_t)number + 719468;
    int64_t era = (day >= 0 ? day : day - 146096) / 146097;
    uint32_t day_of_era = (uint32_t)(day - era * 146097);
    uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month = (5 * day_of_year + 2) / 153; /* from March */
    struct date date = {
        .year = (int32_t)(year_of_era + era * 400 + (month >= 10)),
        .month = month < 10 ? month + 3 : month - 9,
        .day = day_of_year - (153 * month + 2) / 5 + 1,
    };
    return date;
}

static bool read_digits(const char *text, size_t count, uint32_t *value)
{
    *value = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *value = *value * 10 + (uint32_t)(text[i] - '0');
    }
    return true;
}

enum status day_parse(const char *text, int32_t *day)
{
    uint32_t year, month, of_month;
    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-' ||
        !read_digits(text, 4, &year) || !read_digits(text + 5, 2, &month) ||
        !read_digits(text + 8, 2, &of_month))
        return STATUS_MALFORMED;
    if (month < 1 || month > 12)
        return STATUS_MALFORMED;
    int32_t parsed = day_from_date((int32_t)year, month, of_month);
    if (date_from_day(parsed).month != month) /* 30 February is a day of March */
        return STATUS_MALFORMED;
    *day = parsed;
    return STATUS_OK;
}

void day_format(int32_t day, char text[DAY_TEXT_SIZE])
{
    struct date date = date_from_day(day);
    snprintf(text, DAY_TEXT_SIZE, "%04d-%02u-%02u", date.year, date.month, date.day);
}

int32_t day_period(int32_t day)
{
    struct date date = date_from_day(day);
    return date.year * 100 + (int32_t)date.month;
}
