/* SPDX-License-Identifier: Apache-2.0 */
/* process.h - children of a command: started beside itself, gone when it is gone.
 *
 * process_signals() first: the signals are then waited for, never handled behind our
 * back, and a wait for a child is also a wait for Ctrl-C. */

#ifndef CLIENT_PROCESS_H
#define CLIENT_PROCESS_H

#include "base/error_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCESS_PATH_SIZE = 4096 };

/* The program `name` in the folder of this program's own binary. */
MUST_CHECK bool process_sibling(const char *name, char path[PROCESS_PATH_SIZE]);

/* Become the program `name` beside this one, with `argv`; returns only where that cannot
 * be, with a sentence on stderr and the exit code. */
int process_become(const char *name, char **argv);

/* Block SIGINT, SIGTERM, SIGHUP and SIGCHLD for process_wait_signal(); ignore SIGPIPE. */
void process_signals(void);

/* The next of those signals, or 0 after timeout_ms. */
int process_wait_signal(uint64_t timeout_ms);

struct process_spec {
    const char *const *argv; /* NULL-terminated; argv[0] names the sibling */
    const char *log;         /* stdout and stderr are appended to it; NULL: ours */
    int output;              /* a descriptor for stdout instead; -1: none */
    int parent_dies;         /* the signal the child gets when this process ends */
};

/* In a process group of its own, so that Ctrl-C on a terminal reaches only us. */
MUST_CHECK enum status process_start(const struct process_spec *spec, pid_t *pid,
                                     struct error_text *error);

/* A child that ended: its id, and its exit code or 128 + signal. False: none has. */
MUST_CHECK bool process_reap(pid_t *pid, int *exit_code);

#endif
