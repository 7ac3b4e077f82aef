/* SPDX-License-Identifier: Apache-2.0 */
/* peers.c - processes that count in memory which they share with their parent. */
#include "bench/peers.h"

#include "bench/peer_client.h"
#include "bench/peer_worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum { PEERS_MAX = 256 };

struct peers {
    struct peer_counts *shared; /* one for each client */
    uint32_t clients;
    pid_t pids[PEERS_MAX];
    size_t count;
};

typedef void peer_fn(const struct peers_options *options, uint32_t number,
                     struct peer_counts *counts);

static enum status start_one(struct peers *self, peer_fn *peer,
                             const struct peers_options *options, uint32_t number,
                             struct error_text *error)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return error_set(error, STATUS_IO, "no process: %s", strerror(errno));
    if (pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
            _exit(EX_OSERR);
        peer(options, number, &self->shared[number]);
        _exit(EX_SOFTWARE);
    }
    self->pids[self->count++] = pid;
    return STATUS_OK;
}

static enum status start_all(struct peers *self, const struct peers_options *options,
                             struct error_text *error)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; status == STATUS_OK && i < options->workers; i++)
        status = start_one(self, peer_worker, options, i, error);
    for (uint32_t i = 0; status == STATUS_OK && i < options->clients; i++)
        status = start_one(self, peer_client, options, i, error);
    return status;
}

enum status peers_start(const struct peers_options *options, struct peers **out,
                        struct error_text *error)
{
    *out = NULL;
    if (options->clients + options->workers > PEERS_MAX)
        return error_set(error, STATUS_FULL, "more than %d peers", PEERS_MAX);
    struct peers *self = calloc(1, sizeof *self);
    if (self == NULL)
        return error_set(error, STATUS_NOMEM, "out of memory");
    self->clients = options->clients;
    self->shared = mmap(NULL, PEERS_MAX * sizeof *self->shared, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (self->shared == MAP_FAILED) {
        free(self);
        return error_set(error, STATUS_NOMEM, "out of memory");
    }
    enum status status = start_all(self, options, error);
    if (status == STATUS_OK)
        *out = self;
    else
        peers_stop(self);
    return status;
}

void peers_stop(struct peers *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->count; i++)
        kill(self->pids[i], SIGKILL);
    for (size_t i = 0; i < self->count; i++)
        waitpid(self->pids[i], NULL, 0);
    munmap(self->shared, PEERS_MAX * sizeof *self->shared);
    free(self);
}

bool peers_all_answered(const struct peers *self)
{
    for (uint32_t i = 0; i < self->clients; i++)
        if (atomic_load(&self->shared[i].answered) == 0)
            return false;
    return true;
}

struct peers_counts peers_counts(const struct peers *self)
{
    struct peers_counts sum = {0};
    for (uint32_t i = 0; i < self->clients; i++) {
        sum.answered += atomic_load(&self->shared[i].answered);
        sum.busy += atomic_load(&self->shared[i].busy);
        sum.wrong += atomic_load(&self->shared[i].wrong);
    }
    return sum;
}

void peers_latencies(const struct peers *self, uint64_t first, uint64_t end,
                     struct histogram *out)
{
    if (end - first > PEER_LATENCIES)
        first = end - PEER_LATENCIES;
    for (uint64_t i = first; i < end; i++)
        histogram_add(out, self->shared[0].latencies_ns[i % PEER_LATENCIES]);
}
