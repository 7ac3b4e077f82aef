/* SPDX-License-Identifier: Apache-2.0 */
/* status.c - the texts and exit codes of the one list. */
#include "base/status.h"

#include <sysexits.h>

const char *status_text(enum status status)
{
    static const char *const texts[] = {
#define STATUS_TEXT(name, text) [name] = text,
        STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
    };
    return texts[status];
}

int status_exit_code(enum status status)
{
    static const int codes[] = {
        [STATUS_OK] = EX_OK,
        [STATUS_END] = EX_OK,
        [STATUS_NOMEM] = EX_OSERR,
        [STATUS_FULL] = EX_CANTCREAT,
        [STATUS_STALE] = EX_TEMPFAIL,
        [STATUS_MALFORMED] = EX_DATAERR,
        [STATUS_INVALID] = EX_USAGE,
        [STATUS_NOT_FOUND] = EX_NOINPUT,
        [STATUS_TAKEN] = EX_TEMPFAIL,
        [STATUS_CORRUPT] = EX_DATAERR,
        [STATUS_UNAVAILABLE] = EX_UNAVAILABLE,
        [STATUS_IO] = EX_IOERR,
    };
    return codes[status];
}
