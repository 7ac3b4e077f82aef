/* SPDX-License-Identifier: Apache-2.0 */
/* process.c - fork, exec, signals. */
#include "client/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

bool process_sibling(const char *name, char path[PROCESS_PATH_SIZE])
{
    char self[PROCESS_PATH_SIZE];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size <= 0 || (size_t)size >= sizeof self - 1)
        return false;
    self[size] = '\0';
    *strrchr(self, '/') = '\0';
    int length = snprintf(path, PROCESS_PATH_SIZE, "%s/%s", self, name);
    return length < PROCESS_PATH_SIZE;
}

int process_become(const char *name, char **argv)
{
    char path[PROCESS_PATH_SIZE];
    if (!process_sibling(name, path)) {
        fprintf(stderr, "chw: cannot find out where %s is\n", name);
        return EX_OSFILE;
    }
    execv(path, argv);
    fprintf(stderr, "chw: cannot run %s: %s\n", path, strerror(errno));
    return EX_OSFILE;
}

static void waited_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGCHLD);
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        sigaddset(set, SIGHUP); /* ignored: nohup asked us to stay */
}

void process_signals(void)
{
    sigset_t set;
    waited_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int process_wait_signal(uint64_t timeout_ms)
{
    sigset_t set;
    struct timespec timeout = {
        .tv_sec = (time_t)(timeout_ms / 1000),
        .tv_nsec = (long)(timeout_ms % 1000) * 1000000,
    };
    waited_signals(&set);
    int taken = sigtimedwait(&set, NULL, &timeout);
    return taken > 0 ? taken : 0;
}

static void say_and_exit(const char *what)
{
    fprintf(stderr, "chw: cannot run %s: %s\n", what, strerror(errno));
    _exit(EX_OSFILE);
}

/* In the child. The parent may have ended before prctl() took effect: then nobody will.
 */
static void become(const struct process_spec *spec, const char *path, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, spec->parent_dies) != 0 || getppid() != parent)
        _exit(EX_OSERR);
    setpgid(0, 0);
    if (spec->log != NULL) {
        int log = open(spec->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
            say_and_exit(spec->log);
    }
    if (spec->output >= 0 && dup2(spec->output, STDOUT_FILENO) < 0)
        say_and_exit(path);
    /* exec takes char *const[] for history's sake, and does not write to it. */
    union {
        const char *const *from;
        char *const *to;
    } argv = {.from = spec->argv};
    execv(path, argv.to);
    say_and_exit(path);
}

enum status process_start(const struct process_spec *spec, pid_t *pid,
                          struct error_text *error)
{
    char path[PROCESS_PATH_SIZE];
    pid_t parent = getpid();
    if (!process_sibling(spec->argv[0], path))
        return error_set(error, STATUS_IO, "cannot find out where %s is", spec->argv[0]);
    fflush(NULL); /* or the child would print it again */
    *pid = fork();
    if (*pid < 0)
        return error_set(error, STATUS_IO, "cannot start %s: %s", spec->argv[0],
                         strerror(errno));
    if (*pid == 0)
        become(spec, path, parent);
    return STATUS_OK;
}

bool process_reap(pid_t *pid, int *exit_code)
{
    int state;
    *pid = waitpid(-1, &state, WNOHANG);
    if (*pid <= 0)
        return false;
    *exit_code = WIFSIGNALED(state) ? 128 + WTERMSIG(state) : WEXITSTATUS(state);
    return true;
}
