/* SPDX-License-Identifier: Apache-2.0 */
/* redis_fixture.h - a real redis-server of a test's own, on FOLDER/redis.sock.
 * REDIS_SERVER in the environment: its path where it is not in PATH. */

#ifndef TESTS_UNIT_REDIS_FIXTURE_H
#define TESTS_UNIT_REDIS_FIXTURE_H

#include <sys/types.h>

/* Started with its append-only file on and `options` after that (NULL-terminated; NULL:
 * none), and answering. It dies with this process; the test fails where it cannot be. */
pid_t redis_server_start(const char *folder, const char *const *options);

/* Killed and gone. 0: nothing. */
void redis_server_kill(pid_t server);

/* A command by a connection of its own: the answer's first bytes. */
void redis_server_ask(const char *folder, const char *command, char *answer, size_t size);

#endif
