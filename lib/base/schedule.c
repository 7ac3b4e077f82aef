/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.c - the policy of this thread and of those it starts. */
#define _GNU_SOURCE /* SCHED_BATCH */

#include "base/schedule.h"

#include <sched.h>

/* Where the system refuses, all works as well, only slower. */
void schedule_patiently(void)
{
    const struct sched_param none = {0};
    if (sched_getscheduler(0) == SCHED_OTHER)
        (void)sched_setscheduler(0, SCHED_BATCH, &none);
}
