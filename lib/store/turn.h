/* SPDX-License-Identifier: Apache-2.0 */
/* turn.h - fair turns between threads and processes, by two locks on a file.
 *
 * To take a turn: wait for the queue's lock, then for the turn's, then leave the queue.
 * Who gives a turn back and wants another must queue behind the one that waits for the
 * turn, so nobody is starved, as they are by a database's own busy handler. The locks are
 * open file description locks: they end with the process, however it ends. */

#ifndef STORE_TURN_H
#define STORE_TURN_H

#include "base/error_text.h"

/* Opens or makes the file. */
MUST_CHECK enum status turn_open(const char *path, int *fd, struct error_text *error);
MUST_CHECK enum status turn_take(int fd, struct error_text *error);
void turn_give(int fd);

#endif
