/* SPDX-License-Identifier: Apache-2.0 */
/* csv_cell.c - what a cell says: missing, or a number. */
#include "table/csv_reader.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int csv_cell_is_missing(const char *cell)
{
    static const char *const words[] = {"", "NA", "N/A", "NaN", "null", "?"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(cell, words[i]) == 0)
            return 1;
    return 0;
}

/* Sign, digits, point, digits, exponent: what strtof takes besides (hexadecimal, inf,
 * nan, another locale's point) is no number in a data file. */
static const char *number_end(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');
    size_t whole = strspn(at, "0123456789");
    at += whole;
    size_t fraction = *at == '.' ? strspn(at + 1, "0123456789") : 0;
    if (*at == '.')
        at += 1 + fraction;
    if (whole + fraction == 0)
        return NULL;
    if (*at == 'e' || *at == 'E') {
        const char *digits = at + 1 + (at[1] == '-' || at[1] == '+');
        size_t count = strspn(digits, "0123456789");
        if (count == 0)
            return NULL;
        at = digits + count;
    }
    return at;
}

/* Correctly rounded for up to seven digits: both the integer and the power of ten are
 * exact in float, and one IEEE division rounds once. */
static int small_number(const char *text, const char *end, float *value)
{
    static const float powers[] = {1e0F, 1e1F, 1e2F, 1e3F, 1e4F, 1e5F, 1e6F, 1e7F};
    int negative = *text == '-', places = 0, point = 0;
    unsigned digits = 0, count = 0;
    for (text += negative || *text == '+'; text < end; text++) {
        if (*text == '.') {
            point = 1;
            continue;
        }
        if (*text == 'e' || *text == 'E' || ++count > 7)
            return 0;
        digits = digits * 10 + (unsigned)(*text - '0');
        places += point;
    }
    float magnitude = (float)digits / powers[places];
    *value = negative ? -magnitude : magnitude;
    return 1;
}

int csv_cell_number(const char *cell, float *value)
{
    const char *start = cell + strspn(cell, " \t");
    const char *end = number_end(start);
    if (end == NULL || end[strspn(end, " \t")] != '\0')
        return 0;
    if (small_number(start, end, value))
        return 1;
    locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0)
        return 0;
    locale_t before = uselocale(plain);
    *value = strtof(start, NULL);
    uselocale(before);
    freelocale(plain);
    return isfinite(*value);
}
