/* SPDX-License-Identifier: Apache-2.0 */
/* outcome.c - the few pairs of values that speak for themselves, and the sentences for
 * the rest. */
#include "trainer/outcome.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LIST_SIZE = 300 };

static const char *const pairs[][2] = {
    {"0", "1"},
    {"0.0", "1.0"},
    {"no", "yes"},
    {"false", "true"},
};

/* 'No' (292422), 'Yes' (27373), ... as far as there is room. */
static void list_values(const struct names *values, const size_t *counts,
                        char text[LIST_SIZE])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < names_count(values); i++) {
        char item[80];
        int length = snprintf(item, sizeof item, "%s'%.40s' (%zu)", i == 0 ? "" : ", ",
                              names_text(values, i), counts[i]);
        if (length < 0 || used + (size_t)length + sizeof ", ..." > LIST_SIZE) {
            memcpy(text + used, ", ...", sizeof ", ...");
            return;
        }
        memcpy(text + used, item, (size_t)length + 1);
        used += (size_t)length;
    }
}

static enum status find_named(const struct names *values, const char *positive,
                              uint8_t *code)
{
    for (size_t i = 0; i < names_count(values); i++) {
        if (strcmp(names_text(values, i), positive) == 0) {
            *code = (uint8_t)i;
            return STATUS_OK;
        }
    }
    return STATUS_NOT_FOUND;
}

static enum status find_evident(const struct names *values, uint8_t *code)
{
    if (names_count(values) != 2)
        return STATUS_NOT_FOUND;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        for (uint8_t second = 0; second < 2; second++) {
            if (strcasecmp(names_text(values, 1U - second), pairs[i][0]) == 0 &&
                strcasecmp(names_text(values, second), pairs[i][1]) == 0) {
                *code = second;
                return STATUS_OK;
            }
        }
    }
    return STATUS_NOT_FOUND;
}

enum status outcome_choose(const struct names *values, const size_t *counts,
                           const char *target, const char *positive, uint8_t *code,
                           struct error_text *error)
{
    char list[LIST_SIZE];
    list_values(values, counts, list);
    if (names_count(values) < 2)
        return error_set(
            error, STATUS_MALFORMED,
            "the target %s has only one value, %s: a model needs people with the "
            "outcome and people without",
            target, list);
    if (positive != NULL) {
        if (find_named(values, positive, code) == STATUS_OK)
            return STATUS_OK;
        return error_set(error, STATUS_MALFORMED,
                         "the target %s is never '%.40s'; its values: %s", target,
                         positive, list);
    }
    if (find_evident(values, code) == STATUS_OK)
        return STATUS_OK;
    return error_set(
        error, STATUS_INVALID,
        "say with --positive which value of the target %s is the outcome; its "
        "values: %s",
        target, list);
}
