/* SPDX-License-Identifier: Apache-2.0 */
/* temporary.c - the environment's folder for temporary files, as others understand it. */
#include "bench/temporary.h"

#include <stdio.h>
#include <stdlib.h>

enum status temporary_template(const char *name, char out[TEMPORARY_SIZE],
                               struct error_text *error)
{
    const char *folder = getenv("TMPDIR");
    if (folder == NULL || folder[0] == '\0')
        folder = "/tmp";
    int size = snprintf(out, TEMPORARY_SIZE, "%s/%s-XXXXXX", folder, name);
    if (size < TEMPORARY_SIZE)
        return STATUS_OK;
    out[0] = '\0';
    return error_set(error, STATUS_INVALID,
                     "TMPDIR is %d bytes too long for the files of a benchmark",
                     size - TEMPORARY_SIZE + 1);
}
