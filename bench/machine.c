/* SPDX-License-Identifier: Apache-2.0 */
/* machine.c - /proc/cpuinfo and uname(). */
#include "bench/machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

void machine_read(struct machine *out)
{
    char line[256];
    struct utsname name;
    *out = (struct machine){.cpu = "unknown", .cores = sysconf(_SC_NPROCESSORS_ONLN)};
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            snprintf(out->cpu, sizeof out->cpu, "%.*s", (int)strcspn(colon + 2, "\n"),
                     colon + 2);
            break;
        }
    }
    if (file != NULL)
        fclose(file);
    if (uname(&name) == 0)
        snprintf(out->system, sizeof out->system, "%.40s %.80s", name.sysname,
                 name.release);
}

/* Asserts stay on in a release, so this is how builds differ. */
bool machine_is_release(void)
{
    return strcmp(CHW_BUILD_TYPE, "RelWithDebInfo") == 0 ||
           strcmp(CHW_BUILD_TYPE, "Release") == 0;
}

const char *machine_build(void)
{
    return CHW_BUILD_TYPE;
}
