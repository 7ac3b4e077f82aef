/* SPDX-License-Identifier: Apache-2.0 */
/* csv_writer.c - RFC 4180 cells. */
#include "table/csv_writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void separate(FILE *file, int first)
{
    if (!first)
        putc(',', file);
}

void csv_write_text(FILE *file, int first, const char *text)
{
    separate(file, first);
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, file);
        return;
    }
    putc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            putc('"', file);
        putc(*text, file);
    }
    putc('"', file);
}

void csv_write_count(FILE *file, int first, uint64_t value)
{
    separate(file, first);
    fprintf(file, "%" PRIu64, value);
}

void csv_write_float(FILE *file, int first, float value)
{
    char text[32];
    int digits = 6;
    do
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
    while (strtof(text, NULL) != value && ++digits <= 9);
    separate(file, first);
    fputs(text, file);
}

void csv_write_end(FILE *file)
{
    putc('\n', file);
}
