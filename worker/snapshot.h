/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.h - what is served at one generation of the store: the program, and the model
 * behind each alias. Immutable and counted.
 *
 *      store --snapshot_load--> snapshot --current_publish--> current --current_hold-->
 * threads
 *
 * `current` is the one thing scoring threads share. A thread keeps the snapshot it holds
 * and compares one atomic number per batch; only when that has changed does it take the
 * lock. */

#ifndef WORKER_SNAPSHOT_H
#define WORKER_SNAPSHOT_H

#include "model/program.h"
#include "store/store.h"
#include "worker/loaded.h"

struct snapshot;

/* What the store says now. Models that `before` (may be NULL) has are shared, not loaded
 * again. An alias whose new version is refused keeps the one it had in `before`, with an
 * ERROR line; so does a program. What was refused is not tried again until the alias has
 * moved. The caller holds the snapshot once. */
MUST_CHECK enum status snapshot_load(struct store *store, const struct snapshot *before,
                                     struct snapshot **out, struct error_text *error);

void snapshot_drop(struct snapshot *self); /* accepts NULL */

uint64_t snapshot_generation(const struct snapshot *self);

/* NULL: no program is published. */
const struct program *snapshot_program(const struct snapshot *self);

/* NULL: there is no such alias. Held by the snapshot. */
struct loaded *snapshot_alias(const struct snapshot *self, const char *name,
                              const char *alias);

/* NULL: not served under any alias. Held by the snapshot. */
struct loaded *snapshot_version(const struct snapshot *self,
                                const struct digest *version);

struct current;

struct current *current_new(void);
void current_free(struct current *self);

/* Takes the snapshot over; an older generation than what is there is dropped instead. */
void current_publish(struct current *self, struct snapshot *snapshot);

/* Exchange *held (NULL at first) for the newest snapshot, if it is another. *held stays
 * NULL until the first one is published. */
void current_hold(struct current *self, struct snapshot **held);

#endif
