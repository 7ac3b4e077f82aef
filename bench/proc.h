/* SPDX-License-Identifier: Apache-2.0 */
/* proc.h - what the kernel has counted for a process: /proc. */

#ifndef BENCH_PROC_H
#define BENCH_PROC_H

#include <stdint.h>
#include <sys/types.h>

/* Seconds of CPU that its threads have used, those that run; 0: there is no such process.
 */
double proc_cpu_s(pid_t pid);

/* The most memory that it has had at once; 0: not known. */
uint64_t proc_peak_bytes(pid_t pid);

#endif
