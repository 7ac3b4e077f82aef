/* SPDX-License-Identifier: Apache-2.0 */
/* temporary.h - where a benchmark makes what it takes away again: TMPDIR, or /tmp. */

#ifndef BENCH_TEMPORARY_H
#define BENCH_TEMPORARY_H

#include "base/error_text.h"

enum { TEMPORARY_SIZE = 256 };

/* `out`: "$TMPDIR/name-XXXXXX", for mkstemp(). STATUS_INVALID: too long. */
MUST_CHECK enum status temporary_template(const char *name, char out[TEMPORARY_SIZE],
                                          struct error_text *error);

/* A new folder of such a name. `out` is empty where none was made. */
MUST_CHECK enum status temporary_folder(const char *name, char out[TEMPORARY_SIZE],
                                        struct error_text *error);

#endif
