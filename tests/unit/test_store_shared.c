/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: several processes and threads on one store each make progress, lose nothing and
 * leave nothing half-done, however they end.
 * Method: processes forked before any of them opens the store, let go together, that
 * settle groups until a deadline or until killed; the store is compared with what they
 * say they did. */

#include "store_fixture.h"

#include "base/clock.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMITTERS = 4, GROUP = 8, COMMIT_MS = 1000, GIVE_UP_S = 50 };

/* What a committer tells of itself. */
struct tally {
    uint64_t commits;
    uint64_t wait_max_ms; /* of one store_settle */
    uint64_t begun_ms, ended_ms;
    enum status status;
};

/* ---- a committer, in a process or a thread of its own ---- */

static enum status settle_group(struct store *store, uint8_t client, uint64_t sequence)
{
    struct demand_cell cell = one_person("KE");
    struct settle_request group[GROUP];
    struct settle_result results[GROUP];
    for (size_t i = 0; i < GROUP; i++)
        group[i] = counted(client, sequence + i, &cell);
    enum status status = store_settle(store, group, GROUP, results, NULL);
    for (size_t i = 0; status == STATUS_OK && i < GROUP; i++)
        if (results[i].verdict != SETTLED_FIRST)
            status = STATUS_CORRUPT;
    return status;
}

static struct tally commit_until(struct store *store, uint8_t client, uint64_t end_ms)
{
    uint64_t now_ms = clock_monotonic_ms();
    struct tally tally = {.status = STATUS_OK, .begun_ms = now_ms};
    while (now_ms < end_ms && tally.status == STATUS_OK) {
        tally.status = settle_group(store, client, tally.commits * GROUP);
        uint64_t wait_ms = clock_monotonic_ms() - now_ms;
        tally.wait_max_ms = wait_ms > tally.wait_max_ms ? wait_ms : tally.wait_max_ms;
        tally.commits += tally.status == STATUS_OK;
        now_ms += wait_ms;
    }
    tally.ended_ms = now_ms;
    return tally;
}

static struct tally open_and_commit(const char *url, uint8_t client, uint64_t for_ms)
{
    struct store *store = NULL;
    struct tally tally = {.status = store_open(url, &store, NULL)};
    if (tally.status == STATUS_OK)
        tally = commit_until(store, client, clock_monotonic_ms() + for_ms);
    store_close(store);
    return tally;
}

/* They were at it together: from when the last began until the first ended. */
static uint64_t together_ms(const struct tally *tallies, size_t count)
{
    uint64_t begun_ms = 0, ended_ms = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (tallies[i].begun_ms > begun_ms)
            begun_ms = tallies[i].begun_ms;
        if (tallies[i].ended_ms < ended_ms)
            ended_ms = tallies[i].ended_ms;
    }
    return ended_ms > begun_ms ? ended_ms - begun_ms : 0;
}

/* Everyone made progress: at least a quarter of an even share. Processes that ran one
 * after the other would show nothing, so that is asserted as well. */
static void assert_fair(const struct tally *tallies, size_t count)
{
    uint64_t commits = 0, wait_max_ms = 0, shared_ms = together_ms(tallies, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tallies[i].status, STATUS_OK);
        commits += tallies[i].commits;
        if (tallies[i].wait_max_ms > wait_max_ms)
            wait_max_ms = tallies[i].wait_max_ms;
    }
    print_message(
        "%d committers, %d ms together: %d commits, %d settlements; longest wait "
        "%d ms; each:",
        (int)count, (int)shared_ms, (int)commits, (int)commits * GROUP, (int)wait_max_ms);
    for (size_t i = 0; i < count; i++)
        print_message(" %d", (int)tallies[i].commits);
    print_message("\n");
    assert_true(shared_ms >= COMMIT_MS / 2);
    for (size_t i = 0; i < count; i++)
        assert_true(tallies[i].commits > 0 && tallies[i].commits >= commits / count / 4);
}

/* The store holds whole groups, as many as were told at least, and the demand of each. */
static void assert_whole(struct store *store, uint64_t groups_min, uint64_t groups_max)
{
    uint64_t settled = settlement_count(store);
    struct demand_cell total = demand_total(store), one = one_person("KE");
    assert_int_equal(settled % GROUP, 0);
    assert_in_range(settled / GROUP, groups_min, groups_max);
    assert_int_equal(total.people, settled);
    assert_int_equal(total.sum_p, (int64_t)settled * one.sum_p);
    assert_int_equal(total.sum_pq, (int64_t)settled * one.sum_pq);
}

/* ---- processes ---- */

struct child {
    pid_t pid;
    int reads; /* what it tells */
    int holds; /* until a byte is written here, it waits */
};

/* A byte, not the pipe's end: later children hold copies of the writing end. */
static void wait_to_be_let_go(int fd)
{
    char byte;
    if (read(fd, &byte, 1) != 1)
        _exit(1);
}

/* The child's `run` begins when let_go() is called, and tells by writing to `fd`. */
static struct child start(void (*run)(const char *url, uint8_t client, int fd),
                          const char *url, uint8_t client)
{
    int tells[2], holds[2];
    assert_int_equal(pipe(tells), 0);
    assert_int_equal(pipe(holds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(GIVE_UP_S); /* whatever happens, nobody is left behind */
        close(holds[1]);
        close(tells[0]);
        wait_to_be_let_go(holds[0]);
        run(url, client, tells[1]);
        _exit(0);
    }
    close(tells[1]);
    close(holds[0]);
    return (struct child){.pid = pid, .reads = tells[0], .holds = holds[1]};
}

static void let_go(struct child *child)
{
    assert_int_equal(write(child->holds, "", 1), 1);
    close(child->holds);
}

static void end(struct child *child, int signal_expected)
{
    int how;
    assert_int_equal(waitpid(child->pid, &how, 0), child->pid);
    close(child->reads);
    if (signal_expected != 0)
        assert_true(WIFSIGNALED(how) && WTERMSIG(how) == signal_expected);
    else
        assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

static void tell(int fd, const void *bytes, size_t size)
{
    if (write(fd, bytes, size) != (ssize_t)size)
        _exit(1);
}

/* All or nothing arrives: less than PIPE_BUF. False: the other end is gone. */
static bool listen_to(const struct child *child, void *bytes, size_t size)
{
    struct pollfd event = {.fd = child->reads, .events = POLLIN};
    if (poll(&event, 1, GIVE_UP_S * 1000) != 1)
        fail_msg("a process said nothing for %d s", GIVE_UP_S);
    return read(child->reads, bytes, size) == (ssize_t)size;
}

static void open_store(const char *url, uint8_t client, int fd)
{
    struct store *store = NULL;
    enum status status = store_open(url, &store, NULL);
    if (status == STATUS_OK)
        status = settle_group(store, client, 0);
    store_close(store);
    tell(fd, &status, sizeof status);
}

static void processes_that_create_one_store_at_once_all_succeed(void **state)
{
    struct store_fixture *fixture = *state;
    enum { ROUNDS = 5 };
    for (int round = 0; round < ROUNDS; round++) {
        struct child children[COMMITTERS];
        char url[sizeof fixture->url + 8];
        struct store *store = NULL;
        snprintf(url, sizeof url, "%s%s%d", fixture->url, fixture->more, round + 1);
        for (uint8_t i = 0; i < COMMITTERS; i++)
            children[i] = start(open_store, url, i);
        for (size_t i = 0; i < COMMITTERS; i++)
            let_go(&children[i]);
        for (size_t i = 0; i < COMMITTERS; i++) {
            enum status status = STATUS_IO;
            assert_true(listen_to(&children[i], &status, sizeof status));
            assert_int_equal(status, STATUS_OK);
            end(&children[i], 0);
        }
        assert_works(store_open(url, &store, &why));
        assert_whole(store, COMMITTERS, COMMITTERS);
        store_close(store);
    }
}

static void commit_and_tell(const char *url, uint8_t client, int fd)
{
    struct tally tally = open_and_commit(url, client, COMMIT_MS);
    tell(fd, &tally, sizeof tally);
}

static void each_of_four_processes_makes_progress(void **state)
{
    struct store_fixture *fixture = *state;
    struct child children[COMMITTERS];
    struct tally tallies[COMMITTERS];
    uint64_t commits = 0;
    for (uint8_t i = 0; i < COMMITTERS; i++)
        children[i] = start(commit_and_tell, fixture->url, i);
    for (size_t i = 0; i < COMMITTERS; i++)
        let_go(&children[i]);
    for (size_t i = 0; i < COMMITTERS; i++) {
        assert_true(listen_to(&children[i], &tallies[i], sizeof tallies[i]));
        end(&children[i], 0);
        commits += tallies[i].commits;
    }
    assert_fair(tallies, COMMITTERS);
    assert_whole(fixture->store, commits, commits);
}

/* ---- threads ---- */

struct thread_work {
    const char *url;
    uint8_t client;
    struct tally tally;
};

static void *run_thread(void *arg)
{
    struct thread_work *self = arg;
    self->tally = open_and_commit(self->url, self->client, COMMIT_MS);
    return NULL;
}

static void each_of_four_threads_makes_progress(void **state)
{
    struct store_fixture *fixture = *state;
    struct thread_work works[COMMITTERS];
    struct tally tallies[COMMITTERS];
    pthread_t threads[COMMITTERS];
    uint64_t commits = 0;
    for (uint8_t i = 0; i < COMMITTERS; i++) {
        works[i] = (struct thread_work){.url = fixture->url, .client = i};
        assert_int_equal(pthread_create(&threads[i], NULL, run_thread, &works[i]), 0);
    }
    for (size_t i = 0; i < COMMITTERS; i++) {
        pthread_join(threads[i], NULL);
        tallies[i] = works[i].tally;
        commits += tallies[i].commits;
    }
    assert_fair(tallies, COMMITTERS);
    assert_whole(fixture->store, commits, commits);
}

static void one_alone_settles_at_this_rate(void **state)
{
    struct store_fixture *fixture = *state;
    struct tally tally =
        commit_until(fixture->store, 1, clock_monotonic_ms() + COMMIT_MS);
    assert_fair(&tally, 1);
    assert_whole(fixture->store, tally.commits, tally.commits);
}

/* ---- kill -9 ---- */

static void commit_until_killed(const char *url, uint8_t client, int fd)
{
    struct store *store = NULL;
    if (store_open(url, &store, NULL) != STATUS_OK)
        _exit(1);
    for (uint64_t commits = 0;; commits++) {
        if (settle_group(store, client, commits * GROUP) != STATUS_OK)
            _exit(1);
        tell(fd, &commits, sizeof commits);
    }
}

/* Reads until the pipe is empty and its writer gone; the count of commits told. */
static uint64_t count_told(const struct child *child)
{
    uint64_t commits = 0, which;
    while (listen_to(child, &which, sizeof which))
        assert_int_equal(which, commits++);
    return commits;
}

static void killed_process_leaves_nothing_half_done_and_no_turn_taken(void **state)
{
    struct store_fixture *fixture = *state;
    enum { ROUNDS = 20 };
    uint64_t told = 0, killed = 0;
    srand(test_seed(1));
    struct child goes_on = start(commit_until_killed, fixture->url, 255);
    let_go(&goes_on);
    for (uint8_t round = 0; round < ROUNDS; round++) {
        struct child child = start(commit_until_killed, fixture->url, round);
        uint64_t first;
        let_go(&child);
        assert_true(listen_to(&child, &first, sizeof first)); /* it is committing */
        told++;
        poll(NULL, 0, rand() % 8); /* killed at any point of its commit */
        assert_int_equal(kill(child.pid, SIGKILL), 0);
        uint64_t which;
        while (listen_to(&child, &which, sizeof which))
            told++;
        end(&child, SIGKILL);
        killed++;
        /* The turn is free: the other one goes on, and so do we. */
        assert_int_equal(settle_group(fixture->store, 200, round * GROUP), STATUS_OK);
        told++;
    }
    assert_int_equal(kill(goes_on.pid, SIGKILL), 0);
    uint64_t others = count_told(&goes_on);
    end(&goes_on, SIGKILL);
    killed++;
    told += others;
    print_message("killed %d processes; %d groups told, %d stored\n", (int)killed,
                  (int)told, (int)(settlement_count(fixture->store) / GROUP));
    assert_true(others >= ROUNDS);
    /* Each of those killed may have committed one more than it could tell. */
    assert_whole(fixture->store, told, told + killed);
}

int main(void)
{
#define TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, store_fixture_open, store_fixture_close)
    static const struct CMUnitTest tests[] = {
        TEST(processes_that_create_one_store_at_once_all_succeed),
        TEST(each_of_four_processes_makes_progress),
        TEST(each_of_four_threads_makes_progress),
        TEST(one_alone_settles_at_this_rate),
        TEST(killed_process_leaves_nothing_half_done_and_no_turn_taken),
    };
    return run_for_each_backend(tests, sizeof tests / sizeof tests[0]);
}
