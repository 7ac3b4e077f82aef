/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.h - how the system shares its cores among our threads and others. */

#ifndef BASE_SCHEDULE_H
#define BASE_SCHEDULE_H

/* For a program before it starts threads, which inherit it: where all cores are
 * busy, one that wakes up lets the others use up their slices of a few milliseconds
 * (SCHED_BATCH) instead of stopping one. So more messages are there when it looks, for
 * fewer changes of threads. On a core that is free it runs at once. A policy that whoever
 * started us has chosen stays. */
void schedule_patiently(void);

#endif
