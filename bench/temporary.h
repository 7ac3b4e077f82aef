/* SPDX-License-Identifier: Apache-2.0 */
/* temporary.h - where a benchmark makes what it takes away again: TMPDIR, or /tmp. */

#ifndef BENCH_TEMPORARY_H
#define BENCH_TEMPORARY_H

#include "base/error_text.h"

enum { TEMPORARY_SIZE = 256 };

/* `out`: "$TMPDIR/name-XXXXXX", for mkdtemp() or mkstemp(). STATUS_INVALID: too long. */
MUST_CHECK enum status temporary_template(const char *name, char out[TEMPORARY_SIZE],
                                          struct error_text *error);

#endif
