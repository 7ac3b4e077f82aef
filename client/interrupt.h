/* SPDX-License-Identifier: Apache-2.0 */
/* interrupt.h - SIGINT and SIGTERM ask a command to stop where it can go on later. */

#ifndef CLIENT_INTERRUPT_H
#define CLIENT_INTERRUPT_H

#include <stdbool.h>

/* From now on. A pipe that nobody reads and a file that grows too large are errors of
 * their calls, no longer the process's end. */
void interrupt_catch(void);

/* Such a signal has come. */
bool interrupt_came(void);

#endif
