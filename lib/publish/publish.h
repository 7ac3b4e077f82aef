/* SPDX-License-Identifier: Apache-2.0 */
/* publish.h - puts a model into the store and, when asked, into service: for whoever
 * makes models.
 *
 *   alias given --> the alias moves --> the program names the target: unchanged
 *                                       it does not: a new version with the target
 *                                       there is none: a default one with the target
 *
 * Two publishers that add targets to one program at the same moment can lose one of the
 * two additions: the later version wins, and publishing again adds it. */

#ifndef PUBLISH_PUBLISH_H
#define PUBLISH_PUBLISH_H

#include "base/crypto.h"
#include "base/error_text.h"
#include "store/store.h"

#include <stdio.h>

enum publish_program {
    PUBLISH_NOT_PROMOTED,
    PUBLISH_PROGRAM_WRITTEN,   /* there was none */
    PUBLISH_PROGRAM_EXTENDED,  /* it had no such target */
    PUBLISH_PROGRAM_UNCHANGED, /* it serves the target already */
};

struct publish_result {
    struct digest version; /* of the model */
    enum publish_program program;
    char served_by[STORE_NAME_MAX + 1]; /* the alias by which the program serves the
                                         * target */
};

/* `alias` NULL: only published. STATUS_FULL: the program has its full number of targets;
 * the model is published and the alias not moved. */
MUST_CHECK enum status publish_model(struct store *store, const char *name,
                                     const uint8_t *bytes, size_t size, const char *alias,
                                     struct publish_result *out,
                                     struct error_text *error);

/* What was promoted to `alias` and what the program did, in lines of a report. */
void publish_write(const struct publish_result *self, const char *name, const char *alias,
                   FILE *file);

#endif
