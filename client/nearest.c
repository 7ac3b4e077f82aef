/* SPDX-License-Identifier: Apache-2.0 */
/* nearest.c - the edit distance with swaps (optimal string alignment). */
#include "client/nearest.h"

#include <string.h>

enum { WORD_MAX = 32 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t at[WORD_MAX + 1][WORD_MAX + 1];
    for (size_t i = 0; i <= a_size; i++)
        at[i][0] = i;
    for (size_t j = 0; j <= b_size; j++)
        at[0][j] = j;
    for (size_t i = 1; i <= a_size; i++)
        for (size_t j = 1; j <= b_size; j++) {
            size_t best = at[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            best = least(best, least(at[i - 1][j], at[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = least(best, at[i - 2][j - 2] + 1);
            at[i][j] = best;
        }
    return at[a_size][b_size];
}

const char *nearest_name(const char *word, const char *const *names, size_t count)
{
    size_t size = strlen(word);
    size_t best = size / 3 + 2;
    const char *found = NULL;
    for (size_t i = 0; i < count && size <= WORD_MAX; i++) {
        size_t name_size = strlen(names[i]);
        if (name_size > WORD_MAX)
            continue;
        size_t far = distance(word, size, names[i], name_size);
        if (far < best && far < name_size) {
            best = far;
            found = names[i];
        }
    }
    return found;
}
