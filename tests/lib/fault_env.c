/* SPDX-License-Identifier: Apache-2.0 */
/* fault_env.c - a program under test stops or dies where CHW_FAULT says.
 *
 * CHW_FAULT=name:count:action: at the count-th pass of the point `name`, once:
 *   kill    the process gets SIGKILL
 *   pause   it writes its process id to the file CHW_FAULT_FILE and stops itself (SIGSTOP) */
#include "base/fault.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void stop_here(void)
{
    const char *path = getenv("CHW_FAULT_FILE");
    FILE *file = path == NULL ? NULL : fopen(path, "w");
    if (file != NULL) {
        fprintf(file, "%ld\n", (long)getpid());
        fclose(file);
    }
    raise(SIGSTOP);
}

void fault_point(const char *name)
{
    static atomic_ulong passed;
    const char *fault = getenv("CHW_FAULT");
    size_t size = strlen(name);
    if (fault == NULL || strncmp(fault, name, size) != 0 || fault[size] != ':')
        return;
    char *action;
    unsigned long count = strtoul(fault + size + 1, &action, 10);
    if (atomic_fetch_add(&passed, 1) + 1 != count)
        return;
    if (strcmp(action, ":kill") == 0)
        raise(SIGKILL);
    else if (strcmp(action, ":pause") == 0)
        stop_here();
}
