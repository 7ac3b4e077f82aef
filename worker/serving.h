/* SPDX-License-Identifier: Apache-2.0 */
/* serving.h - which versions score one batch: chosen from the snapshot when it is first
 * scored, recalled from its settlement when it comes again. A settlement records exactly
 * what a serving holds, so that the recalled one gives the same reply to the byte. */

#ifndef WORKER_SERVING_H
#define WORKER_SERVING_H

#include "worker/snapshot.h"

#include "batch.pb-c.h"

struct serving_target {
    struct loaded *loaded; /* held */
    struct program_target rules;
};

struct serving {
    bool has_program;
    struct digest program;
    struct serving_target targets[STORE_TARGETS_MAX];
    size_t count;
};

/* `choices` empty: the targets of the program. STATUS_NOT_FOUND: no program, or no such
 * model; STATUS_INVALID: a model twice, or too many. `error` says which. */
MUST_CHECK enum status serving_choose(const struct snapshot *snapshot,
                                      Chw__ModelChoice *const *choices,
                                      size_t choice_count, struct serving **out,
                                      struct error_text *error);

/* The recorded versions, from `snapshot` (may be NULL) where it has them, else the store.
 */
MUST_CHECK enum status serving_recall(struct store *store,
                                      const struct snapshot *snapshot,
                                      const struct settlement *settlement,
                                      struct serving **out, struct error_text *error);

/* For people: "chd=a1ad56747582 ..." of the program's targets, as many as fit `size`
 * bytes with the terminator. `snapshot` may be NULL. */
void serving_describe(const struct snapshot *snapshot, char *text, size_t size);

void serving_free(struct serving *self); /* accepts NULL */

/* Write the versions into a settlement. */
void serving_record(const struct serving *self, struct settlement *settlement);

/* These are the versions that the settlement names. */
bool serving_matches(const struct serving *self, const struct settlement *settlement);

#endif
