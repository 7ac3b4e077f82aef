/* SPDX-License-Identifier: Apache-2.0 */
#include "redis_fixture.h"

#include "base/clock.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OPTIONS_MAX = 16, START_MS = 20000 };

/* The tool that checks dumps is the server, when it is called so. */
static void run_server(const char *folder, const char *const *options)
{
    const char *const programs[] = {getenv("REDIS_SERVER"), "redis-server",
                                    "redis-check-rdb"};
    const char *words[12 + OPTIONS_MAX] = {
        "redis-server", "--port", "0",         "--unixsocket", "redis.sock", "--save", "",
        "--appendonly", "yes",    "--logfile", "redis.log",
    };
    for (size_t i = 0; options != NULL && options[i] != NULL; i++)
        words[11 + i] = options[i];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (chdir(folder) != 0)
        _exit(127);
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        if (programs[i] != NULL)
            execvp(programs[i], (char *const *)(uintptr_t)words);
    _exit(127);
}

static int dial(const char *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/redis.sock", folder);
    int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(peer >= 0);
    if (connect(peer, (const struct sockaddr *)&address, sizeof address) == 0)
        return peer;
    close(peer);
    return -1;
}

void redis_server_ask(const char *folder, const char *command, char *answer, size_t size)
{
    int peer = dial(folder);
    memset(answer, 0, size);
    if (peer < 0)
        return;
    if (dprintf(peer, "%s\r\n", command) > 0 && read(peer, answer, size - 1) < 0)
        answer[0] = '\0';
    close(peer);
}

pid_t redis_server_start(const char *folder, const char *const *options)
{
    char answer[16];
    uint64_t end_ms = clock_monotonic_ms() + START_MS;
    pid_t server = fork();
    assert_true(server >= 0);
    if (server == 0)
        run_server(folder, options);
    for (;;) {
        redis_server_ask(folder, "PING", answer, sizeof answer);
        if (strncmp(answer, "+PONG", 5) == 0 || strncmp(answer, "-NOAUTH", 7) == 0)
            return server;
        if (waitpid(server, NULL, WNOHANG) != 0 || clock_monotonic_ms() > end_ms)
            fail_msg("redis-server does not start in %s (is the package redis-tools "
                     "there, or REDIS_SERVER set?)",
                     folder);
        poll(NULL, 0, 2); /* between looks */
    }
}

void redis_server_kill(pid_t server)
{
    if (server == 0)
        return;
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}
