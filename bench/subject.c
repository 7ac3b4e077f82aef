/* SPDX-License-Identifier: Apache-2.0 */
/* subject.c - chw-broker as a child, or a child that is a proxy. */
#include "bench/subject.h"

#include "bench/ports.h"
#include "client/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>
#include <zmq.h>

static enum status choose(char endpoint[SUBJECT_ENDPOINT_SIZE], struct error_text *error)
{
    unsigned port = ports_free(1);
    if (port == 0)
        return error_set(error, STATUS_IO, "no free port: %s", strerror(errno));
    snprintf(endpoint, SUBJECT_ENDPOINT_SIZE, "tcp://127.0.0.1:%u", port);
    return STATUS_OK;
}

static void *bind_to(void *context, int type, const char *endpoint)
{
    const int unbounded = 0;
    void *socket = zmq_socket(context, type);
    if (socket == NULL ||
        zmq_setsockopt(socket, ZMQ_SNDHWM, &unbounded, sizeof unbounded) != 0 ||
        zmq_setsockopt(socket, ZMQ_RCVHWM, &unbounded, sizeof unbounded) != 0 ||
        zmq_bind(socket, endpoint) != 0)
        return NULL;
    return socket;
}

/* In the child; ended by a signal. */
static void be_proxy(const struct subject *subject)
{
    void *context = zmq_ctx_new();
    void *front = bind_to(context, ZMQ_ROUTER, subject->front);
    void *back = bind_to(context, ZMQ_DEALER, subject->back);
    if (front != NULL && back != NULL)
        zmq_proxy(front, back, NULL);
    fprintf(stderr, "chw-bench-broker: the proxy ended: %s\n", zmq_strerror(errno));
    _exit(EX_UNAVAILABLE);
}

static enum status start_proxy(struct subject *self, struct error_text *error)
{
    pid_t parent = getpid();
    fflush(NULL);
    self->pid = fork();
    if (self->pid < 0) {
        self->pid = 0;
        return error_set(error, STATUS_IO, "no process: %s", strerror(errno));
    }
    if (self->pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
            _exit(EX_OSERR);
        be_proxy(self);
    }
    return STATUS_OK;
}

static enum status start_broker(struct subject *self, struct error_text *error)
{
    const char *const words[] = {"chw-broker", "--front",     self->front, "--back",
                                 self->back,   "--log-level", "error",     NULL};
    const struct process_spec spec = {
        .argv = words, .output = -1, .parent_dies = SIGKILL};
    return process_start(&spec, &self->pid, error);
}

enum status subject_start(enum subject_kind kind, struct subject *out,
                          struct error_text *error)
{
    *out = (struct subject){.pid = 0};
    enum status status = choose(out->front, error);
    if (status == STATUS_OK)
        status = choose(out->back, error);
    if (status != STATUS_OK)
        return status;
    return kind == SUBJECT_PROXY ? start_proxy(out, error) : start_broker(out, error);
}

void subject_stop(struct subject *self)
{
    if (self->pid <= 0)
        return;
    kill(self->pid, SIGKILL);
    waitpid(self->pid, NULL, 0);
    self->pid = 0;
}
