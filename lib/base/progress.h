/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h - how far a long command is: a bar with rate and remaining time on a
 * terminal, a plain line every few seconds elsewhere. On stderr. */

#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdint.h>

struct progress;

/* `what` names the work ("scoring"), `unit` the things counted ("records"): both kept,
 * not copied. Returns NULL when out of memory; the others accept NULL. */
struct progress *progress_new(const char *what, const char *unit);
void progress_free(struct progress *self);

/* `done` things; `fraction` of the work in [0, 1], or below 0 where unknown. Cheap: prints
 * at most a few times a second. */
void progress_update(struct progress *self, uint64_t done, double fraction);

/* The last line: what was done, in which time, at which rate. */
void progress_end(struct progress *self, uint64_t done);

#endif
