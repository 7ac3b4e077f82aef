/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - one line per event, written by one write so that lines never mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const names[] = {"debug", "info", "warn", "error"};

static const char *program = "chw";
static enum log_level threshold = LOG_INFO;

void log_open(const char *name, enum log_level least)
{
    program = name;
    threshold = least;
}

enum status log_level_parse(const char *text, enum log_level *level)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0) {
            *level = (enum log_level)i;
            return STATUS_OK;
        }
    return STATUS_INVALID;
}

enum status log_configure(const char *name, const char *level, struct error_text *error)
{
    enum log_level least;
    if (log_level_parse(level, &least) != STATUS_OK)
        return error_set(error, STATUS_INVALID,
                         "log-level is '%s'; expected debug, info, warn or error", level);
    log_open(name, least);
    return STATUS_OK;
}

static size_t write_start(char *line, size_t size, enum log_level level,
                          const char *event)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t used = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
    int more = snprintf(line + used, size - used, ".%03ldZ %s %s %s ",
                        now.tv_nsec / 1000000, names[level], program, event);
    used += more > 0 ? (size_t)more : 0;
    return used < size ? used : size - 1;
}

void log_line(enum log_level level, const char *event, const char *fields, ...)
{
    char line[1024];
    if (level < threshold)
        return;
    size_t used = write_start(line, sizeof line / 2, level, event);
    va_list args;
    va_start(args, fields);
    int more = vsnprintf(line + used, sizeof line - used, fields, args);
    va_end(args);
    used += more > 0 ? (size_t)more : 0;
    if (used > sizeof line - 1)
        used = sizeof line - 1; /* cut */
    for (size_t i = 0; i < used; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == '\x7f')
            line[i] = ' '; /* a peer's text ends no line and colours no terminal */
    line[used++] = '\n';
    if (write(STDERR_FILENO, line, used) < 0)
        return; /* there is nowhere left to say it */
}
