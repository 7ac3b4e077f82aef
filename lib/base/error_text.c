/* SPDX-License-Identifier: Apache-2.0 */
/* error_text.c - sentences for people. */
#include "base/error_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum status error_set(struct error_text *self, enum status status, const char *format,
                      ...)
{
    if (self == NULL)
        return status;
    va_list args;
    va_start(args, format);
    vsnprintf(self->text, sizeof self->text, format, args);
    va_end(args);
    return status;
}

enum status error_prefix(struct error_text *self, enum status status, const char *format,
                         ...)
{
    if (self == NULL)
        return status;
    char rest[sizeof self->text];
    memcpy(rest, self->text, sizeof rest);
    va_list args;
    va_start(args, format);
    int size = vsnprintf(self->text, sizeof self->text, format, args);
    va_end(args);
    if (size >= 0 && (size_t)size < sizeof self->text)
        snprintf(self->text + size, sizeof self->text - (size_t)size, ": %s", rest);
    return status;
}

int error_exit(const struct error_text *self, enum status status, const char *program)
{
    if (status != STATUS_OK)
        fprintf(stderr, "%s: %s\n", program,
                self->text[0] == '\0' ? status_text(status) : self->text);
    return status_exit_code(status);
}
