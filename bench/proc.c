/* SPDX-License-Identifier: Apache-2.0 */
/* proc.c - /proc/PID/task and /proc/PID/status. */
#include "bench/proc.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>

/* A thread's nanoseconds on a CPU: the first number of its schedstat. */
static double thread_s(pid_t pid, const char *thread)
{
    char path[300];
    uint64_t ns = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, thread);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%" SCNu64, &ns) != 1)
        ns = 0;
    fclose(file);
    return (double)ns / 1e9;
}

double proc_cpu_s(pid_t pid)
{
    char path[64];
    double sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    if (threads == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(threads)) != NULL;)
        if (entry->d_name[0] != '.')
            sum += thread_s(pid, entry->d_name);
    closedir(threads);
    return sum;
}

uint64_t proc_peak_bytes(pid_t pid)
{
    char path[64], line[256];
    uint64_t kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    while (kib == 0 && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %" SCNu64, &kib) != 1)
            kib = 0;
    fclose(file);
    return kib * 1024;
}
