/* SPDX-License-Identifier: Apache-2.0 */
/* machine.h - what figures were measured on: they mean nothing without it. */

#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdbool.h>

struct machine {
    char cpu[128], system[160];
    long cores; /* online */
};

void machine_read(struct machine *out);

/* Of this program. The figures of others say nothing. */
bool machine_is_release(void);

/* CMake's name of it: "RelWithDebInfo". */
const char *machine_build(void);

#endif
