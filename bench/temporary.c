/* SPDX-License-Identifier: Apache-2.0 */
/* temporary.c - the environment's folder for temporary files, as others understand it. */
#include "bench/temporary.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

enum status temporary_folder(const char *name, char out[TEMPORARY_SIZE],
                             struct error_text *error)
{
    enum status status = temporary_template(name, out, error);
    if (status == STATUS_OK && mkdtemp(out) == NULL) {
        status = error_set(error, STATUS_IO, "%s: %s", out, strerror(errno));
        out[0] = '\0';
    }
    return status;
}
