/* SPDX-License-Identifier: Apache-2.0 */
/* number.c - a grammar before strtod, which accepts more than decimal numbers. */
#include "model/number.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static size_t digits(const char **at)
{
    size_t count = strspn(*at, "0123456789");
    *at += count;
    return count;
}

static bool skip_one_of(const char **at, const char *accepted)
{
    if (**at == '\0' || strchr(accepted, **at) == NULL)
        return false;
    (*at)++;
    return true;
}

static bool is_decimal(const char *text)
{
    skip_one_of(&text, "+-");
    size_t count = digits(&text);
    if (skip_one_of(&text, "."))
        count += digits(&text);
    if (count == 0)
        return false;
    if (skip_one_of(&text, "eE")) {
        skip_one_of(&text, "+-");
        if (digits(&text) == 0)
            return false;
    }
    return *text == '\0';
}

double number_of_text(const char *text)
{
    return is_decimal(text) ? strtod(text, NULL) : (double)NAN;
}
