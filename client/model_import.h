/* SPDX-License-Identifier: Apache-2.0 */
/* model_import.h - a file of another tool becomes a version in the store.
 *
 *   file --exchange--> message --load--> model --check the rows--> publish --> alias
 *
 * Nothing is stored before all of it has passed. */

#ifndef CLIENT_MODEL_IMPORT_H
#define CLIENT_MODEL_IMPORT_H

#include "base/error_text.h"

struct model_import {
    const char *file, *name;
    const char *alias;        /* NULL: published only */
    const char *chosen;       /* class; NULL: the second of two */
    const char *check;        /* table of expected scores; NULL: none */
    const char *expected;     /* column of it */
    double tolerance;         /* of a score */
    const char *data, *store; /* where the store is: store_option.h */
};

/* Prints what was imported. `error` says what was refused and why. */
MUST_CHECK enum status model_import_run(const struct model_import *self,
                                        struct error_text *error);

#endif
