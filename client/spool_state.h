/* SPDX-License-Identifier: Apache-2.0 */
/* spool_state.h - what is in a spool's folder, for people: read while its owner may work
 * on it, and nothing is changed. */

#ifndef CLIENT_SPOOL_STATE_H
#define CLIENT_SPOOL_STATE_H

#include "base/crypto.h"
#include "base/error_text.h"
#include "wire/header.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct spool_region {
    char name[HEADER_REGION_MAX + 1];
    uint64_t batches, records;
};

struct spool_state {
    struct digest job;            /* whose it is */
    uint64_t batches, records;    /* without an answer */
    uint64_t bytes;               /* on the disk */
    int32_t oldest, newest;       /* days of these batches; where there are any */
    uint64_t answered;            /* batches whose answer is in the journal */
    uint64_t given_up;            /* damaged files that a person put aside */
    struct spool_region *regions; /* of the batches without an answer, by name; owned */
    size_t region_count;
};

/* STATUS_NOT_FOUND: there is no spool; STATUS_CORRUPT: `error` names the file. */
MUST_CHECK enum status spool_state_read(const char *folder, struct spool_state *out,
                                        struct error_text *error);
void spool_state_free(struct spool_state *self);

void spool_state_print(const struct spool_state *self, FILE *file);
/* One object on one line. */
void spool_state_json(const struct spool_state *self, FILE *file);

#endif
