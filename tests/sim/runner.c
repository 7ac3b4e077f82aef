/* SPDX-License-Identifier: Apache-2.0 */
/* runner.c - children that take the next seed from a page they share. */
#include "tests/sim/runner.h"

#include "base/progress.h"
#include "tests/sim/check.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    JOBS_MAX = 64,
    SEED_SECONDS_MAX = 120, /* then it goes round in circles */
    POLL_MS = 50,
};

/* Between the children and their parent. */
struct shared {
    atomic_uint_fast64_t next, end;
    atomic_uint_fast64_t done;
    struct {
        uint64_t seed; /* under way; UINT64_MAX: none */
        struct tally tally;
    } jobs[JOBS_MAX];
};

static struct world *running; /* for the handlers of signals */

/* ---- one seed ---- */

/* abort() comes from the code that is tested as well as from check.c. */
static void report_signal(int number)
{
    if (running != NULL)
        check_report(running, number == SIGALRM   ? "it goes round in circles"
                              : number == SIGABRT ? "an assertion of the tested code"
                                                  : "an invalid memory access");
    signal(number, SIG_DFL);
    raise(number == SIGALRM ? SIGKILL : number);
}

static void watch_signals(void)
{
    const int numbers[] = {SIGABRT, SIGSEGV, SIGBUS, SIGALRM};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        signal(numbers[i], report_signal);
}

static void add_counters(struct counters *sum, const struct counters *counters)
{
#define COUNTER_ADD(name, help) sum->name += counters->name;
    COUNTER_LIST(COUNTER_ADD)
#undef COUNTER_ADD
}

static void add_world(struct tally *tally, const struct world *world)
{
    tally->seeds++;
    tally->events += world->events;
    tally->deaths += world->deaths;
    tally->spooled += world->spooled;
    tally->found_again += world->found_again;
    tally->joined += world->joined;
    for (int i = 0; i <= OUTCOME_DESCRIBED; i++)
        tally->outcomes[i] += world->outcomes[i];
    for (int i = 0; i < FAULT_COUNT; i++)
        tally->faults[i] += world->faults[i];
    add_counters(&tally->counters, &world->counters);
}

static void add_tally(struct tally *sum, const struct tally *tally)
{
    sum->seeds += tally->seeds;
    sum->events += tally->events;
    sum->deaths += tally->deaths;
    sum->spooled += tally->spooled;
    sum->found_again += tally->found_again;
    sum->joined += tally->joined;
    for (int i = 0; i <= OUTCOME_DESCRIBED; i++)
        sum->outcomes[i] += tally->outcomes[i];
    for (int i = 0; i < FAULT_COUNT; i++)
        sum->faults[i] += tally->faults[i];
    add_counters(&sum->counters, &tally->counters);
}

uint64_t runner_run_one(uint64_t seed, FILE *follow, struct tally *tally)
{
    struct setup setup;
    watch_signals();
    alarm(SEED_SECONDS_MAX);
    setup_draw(&setup, seed);
    struct world *world = running = world_new(&setup);
    if (follow != NULL)
        trace_follow(world->trace, follow);
    world_run(world);
    world_close(world);
    uint64_t hash = trace_hash(world->trace);
    add_world(tally, world);
    running = NULL;
    world_free(world);
    alarm(0);
    return hash;
}

/* ---- many ---- */

static void work(struct shared *shared, uint32_t job)
{
    uint64_t seed;
    while ((seed = atomic_fetch_add(&shared->next, 1)) < atomic_load(&shared->end)) {
        shared->jobs[job].seed = seed;
        runner_run_one(seed, NULL, &shared->jobs[job].tally);
        atomic_fetch_add(&shared->done, 1);
    }
    shared->jobs[job].seed = UINT64_MAX;
    _exit(0);
}

static struct shared *share(const struct runner_options *options)
{
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
    atomic_store(&shared->next, options->first);
    atomic_store(&shared->end, options->first + options->count);
    return shared;
}

static void start(struct shared *shared, uint32_t job, pid_t *pid)
{
    fflush(NULL);
    *pid = fork();
    if (*pid < 0)
        abort();
    if (*pid == 0)
        work(shared, job);
}

/* True: it has ended; a failure ends the others at their next seed. */
static bool has_ended(struct shared *shared, uint32_t job, pid_t pid, uint64_t *failed)
{
    int status;
    if (waitpid(pid, &status, WNOHANG) != pid)
        return false;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    atomic_store(&shared->end, 0);
    if (shared->jobs[job].seed < *failed)
        *failed = shared->jobs[job].seed;
    return true;
}

static void wait_for(struct shared *shared, pid_t *pids, uint32_t jobs, uint64_t count,
                     struct progress *progress, uint64_t *failed)
{
    uint32_t left = jobs;
    while (left > 0) {
        poll(NULL, 0, POLL_MS);
        for (uint32_t i = 0; i < jobs; i++)
            if (pids[i] != 0 && has_ended(shared, i, pids[i], failed)) {
                pids[i] = 0;
                left--;
            }
        uint64_t done = atomic_load(&shared->done);
        progress_update(progress, done, (double)done / (double)count);
    }
}

bool runner_run(const struct runner_options *options, struct tally *tally,
                uint64_t *failed)
{
    struct shared *shared = share(options);
    struct progress *progress =
        options->progress ? progress_new("simulating", "seeds") : NULL;
    uint32_t jobs = options->jobs < JOBS_MAX ? options->jobs : JOBS_MAX;
    pid_t pids[JOBS_MAX];
    *failed = UINT64_MAX;
    for (uint32_t i = 0; i < jobs; i++)
        start(shared, i, &pids[i]);
    wait_for(shared, pids, jobs, options->count, progress, failed);
    for (uint32_t i = 0; i < jobs; i++)
        add_tally(tally, &shared->jobs[i].tally);
    if (*failed == UINT64_MAX)
        progress_end(progress, options->count);
    progress_free(progress);
    munmap(shared, sizeof *shared);
    return *failed == UINT64_MAX;
}
