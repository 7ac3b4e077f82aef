/* SPDX-License-Identifier: Apache-2.0 */
/* error_text.h - a sentence for people beside the status for machines.
 *
 * An extra out-parameter where a person needs to know what, where and what was
 * expected. It may be NULL. Never holds a patient's values or a secret. */

#ifndef BASE_ERROR_TEXT_H
#define BASE_ERROR_TEXT_H

#include "base/status.h"

struct error_text {
    char text[512]; /* always terminated; cut when longer */
};

/* Write the sentence and return `status`, so that a caller can return it at once. */
enum status error_set(struct error_text *self, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "context: " before the sentence that is there; returns `status`. */
enum status error_prefix(struct error_text *self, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* How a program ends: unless STATUS_OK it says on standard error the sentence, or where
 * there is none what the status means. Returns status_exit_code(). */
int error_exit(const struct error_text *self, enum status status, const char *program);

#endif
