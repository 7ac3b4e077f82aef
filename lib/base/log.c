/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - one line per event, written by one write so that lines never mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const names[] = {"debug", "info", "warn", "error"};

static const char *program = "chw";
static enum log_level threshold = LOG_INFO;
static bool json;

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

enum status log_set_format(const char *format, struct error_text *error)
{
    if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
        return error_set(error, STATUS_INVALID,
                         "log-format is '%s'; expected text or json", format);
    json = strcmp(format, "json") == 0;
    return STATUS_OK;
}

static size_t write_start(char *line, size_t size, enum log_level level,
                          const char *event)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t used = strftime(
        line, size, json ? "{\"time\":\"%Y-%m-%dT%H:%M:%S" : "%Y-%m-%dT%H:%M:%S", &utc);
    const long ms = now.tv_nsec / 1000000;
    const char *name = names[level];
    int more = json ? snprintf(line + used, size - used,
                               ".%03ldZ\",\"level\":\"%s\",\"program\":\"%s\","
                               "\"event\":\"%s\",\"fields\":\"",
                               ms, name, program, event)
                    : snprintf(line + used, size - used, ".%03ldZ %s %s %s ", ms, name,
                               program, event);
    used += more > 0 ? (size_t)more : 0;
    return used < size ? used : size - 1;
}

/* A peer's text ends no line, colours no terminal and closes no string of JSON. */
static size_t write_fields(char *line, const char *fields)
{
    size_t used = 0;
    for (; *fields != '\0'; fields++) {
        unsigned char c = (unsigned char)*fields;
        if (json && (c == '"' || c == '\\'))
            line[used++] = '\\';
        line[used++] = c < ' ' || c == 0x7f ? ' ' : json && c > 0x7f ? '?' : (char)c;
    }
    return used;
}

void log_line(enum log_level level, const char *event, const char *fields, ...)
{
    char text[1024], line[512 + 2 * sizeof text];
    if (level < threshold)
        return;
    size_t used = write_start(line, 512, level, event);
    va_list args;
    va_start(args, fields);
    int more = vsnprintf(text, sizeof text - used, fields, args); /* or cut */
    va_end(args);
    if (more > 0)
        used += write_fields(line + used, text);
    if (json) {
        line[used++] = '"';
        line[used++] = '}';
    }
    line[used++] = '\n';
    if (write(STDERR_FILENO, line, used) < 0)
        return; /* there is nowhere left to say it */
}
