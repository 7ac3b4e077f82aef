/* SPDX-License-Identifier: Apache-2.0 */
/* memory_disk.h - a folder in memory (client/spool.h) that fails and loses power at a
 * chosen step.
 *
 * A put has four steps: write the .part, sync it, rename it, sync the folder; a get, a
 * removal, a listing and a sync have one each. When the power goes, each of what was not
 * synced may have reached the disk or not, as the seed says: a name, a removal, and of a
 * .part some beginning, with zeros where data should be. */

#ifndef TESTS_LIB_MEMORY_DISK_H
#define TESTS_LIB_MEMORY_DISK_H

#include "client/spool.h"

struct memory_disk;

struct memory_disk *memory_disk_new(uint64_t seed);
void memory_disk_free(struct memory_disk *self);

void memory_disk_init(struct memory_disk *self, struct spool_disk *out);

/* Steps done so far. */
uint64_t memory_disk_steps(const struct memory_disk *self);

/* The step after `steps` more fails with `status` (STATUS_FULL, STATUS_IO), once. */
void memory_disk_fail_after(struct memory_disk *self, uint64_t steps, enum status status);
/* The power goes at the step after `steps` more: that one and all later ones fail. */
void memory_disk_cut_after(struct memory_disk *self, uint64_t steps);
bool memory_disk_is_cut(const struct memory_disk *self);
/* The machine comes up again, after a cut or as if there had been one just now. */
void memory_disk_restart(struct memory_disk *self);
/* Only the process died, where the power would have gone or just now: what it had done so
 * far is there, and still not synced. */
void memory_disk_revive(struct memory_disk *self);

/* Behind everybody's back. */
bool memory_disk_has(const struct memory_disk *self, const char *name);
size_t memory_disk_count(const struct memory_disk *self);
void memory_disk_write(struct memory_disk *self, const char *name, const void *bytes,
                       size_t size);
void memory_disk_flip(struct memory_disk *self, const char *name, size_t at);
void memory_disk_resize(struct memory_disk *self, const char *name, size_t size);
void memory_disk_rename(struct memory_disk *self, const char *name, const char *to);
size_t memory_disk_size(const struct memory_disk *self, const char *name);

#endif
