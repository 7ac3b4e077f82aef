/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - one line per event on stderr: time level program event key=value...
 *
 * ERROR: a person must act. WARN: degraded. INFO: lifecycle. DEBUG: per message.
 * The fields are a printf format that already reads `key=value key="some words"`.
 * Never a patient's value, a payload or a secret. At most 1 KiB, then cut; control
 * characters become spaces. Safe from any thread. */

#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error_text.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* `program` is kept, not copied. Before this the level is INFO. */
void log_open(const char *program, enum log_level least);

/* "debug", "info", "warn" or "error". */
MUST_CHECK enum status log_level_parse(const char *text, enum log_level *level);

/* log_open with a level as a person gave it. STATUS_INVALID: `error` names the four. */
MUST_CHECK enum status log_configure(const char *program, const char *level,
                                     struct error_text *error);

/* "text", or "json": one object a line, with time, level, program, event and fields, all
 * texts; what is not ASCII becomes '?'. STATUS_INVALID: `error` names the two. */
MUST_CHECK enum status log_set_format(const char *format, struct error_text *error);

void log_line(enum log_level level, const char *event, const char *fields, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif
