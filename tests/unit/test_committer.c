/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what is submitted comes back once, settled or not as it says, whatever happens to
 * the store meanwhile.
 * Method: the real committer on a real SQLite store. The store goes away by a limit of
 * this process on the size of files, which is a full disk to SQLite, and comes back by
 * lifting it. Every wait has a deadline. */
#include "worker/committer.h"

#include "base/clock.h"
#include "redis_fixture.h"
#include "tests/lib/test.h"
#include "worker_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { DEADLINE_MS = 20000, LONG_MS = 60000, SUBMITTERS = 4, JOBS = 100 };

struct fixture {
    struct worker_fixture store;
    struct current *current;
    struct committer *committer;
    struct outbox *outbox;
    struct digest program, model;
};

static void start(struct fixture *self, uint32_t wait_ms)
{
    struct error_text error = {""};
    const struct committer_options options = {
        .store_url = self->store.url, .current = self->current, .wait_ms = wait_ms};
    if (committer_start(&options, &self->committer, &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

static int setup(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);
    *state = self;
    worker_fixture_open(&self->store);
    self->model = worker_publish(&self->store, worker_model("chd", 1), "chd", "champion");
    self->program = worker_publish_program(&self->store, "chd");
    self->current = current_new();
    self->outbox = outbox_new();
    return 0;
}

static void set_store_full(bool full)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = full ? 0 : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int teardown(void **state)
{
    struct fixture *self = *state;
    set_store_full(false);
    committer_stop(self->committer);
    outbox_free(self->outbox);
    current_free(self->current);
    worker_fixture_close(&self->store);
    free(self);
    return 0;
}

/* A batch of one person, as scored by the model of the fixture. */
struct batch {
    struct commit_job job;
    struct demand_cell cell;
};

static void make_batch(const struct fixture *self, struct batch *batch, uint8_t client,
                       uint64_t sequence)
{
    memset(batch, 0, sizeof *batch);
    batch->cell = (struct demand_cell){.period = 202611, .people = 1, .sum_p = 1};
    strcpy(batch->cell.region, "KE/Kisumu");
    strcpy(batch->cell.target, "chd");
    strcpy(batch->cell.tier, "low");
    struct settle_request *request = &batch->job.request;
    request->client[0] = client;
    request->sequence = sequence;
    request->region = "KE/Kisumu";
    request->demand = &batch->cell;
    request->demand_count = 1;
    request->settlement = (struct settlement){.outcome = SETTLE_COUNTED,
                                              .period = 202611,
                                              .has_program = true,
                                              .program = self->program,
                                              .target_count = 1};
    strcpy(request->settlement.targets[0].name, "chd");
    request->settlement.targets[0].version = self->model;
    batch->job.kind = COMMIT_SETTLE;
    batch->job.outbox = self->outbox;
}

static void submit(struct committer *committer, struct commit_job *job)
{
    struct list jobs;
    list_init(&jobs);
    list_push_back(&jobs, &job->link);
    committer_submit(committer, &jobs);
    assert_true(list_empty(&jobs));
}

static struct commit_job *take_back(struct outbox *outbox)
{
    uint64_t until_ms = clock_monotonic_ms() + DEADLINE_MS;
    struct commit_job *job;
    while ((job = outbox_take(outbox)) == NULL) {
        struct pollfd wait = {.fd = outbox_fd(outbox), .events = POLLIN};
        if (clock_monotonic_ms() > until_ms)
            fail_msg("no job came back");
        poll(&wait, 1, 100);
    }
    return job;
}

static void wait_for_away(const struct fixture *self, bool away)
{
    uint64_t until_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (committer_is_away(self->committer) != away) {
        if (clock_monotonic_ms() > until_ms)
            fail_msg("the store does not count as %s", away ? "away" : "back");
        poll(NULL, 0, 5);
    }
}

/* ---- the store is there ---- */

static void settled_batch_comes_back_first_and_counts(void **state)
{
    struct fixture *self = *state;
    struct batch batch;
    make_batch(self, &batch, 1, 1);
    start(self, LONG_MS);
    submit(self->committer, &batch.job);
    assert_ptr_equal(take_back(self->outbox), &batch.job);
    assert_int_equal(batch.job.status, STATUS_OK);
    assert_int_equal(batch.job.result.verdict, SETTLED_FIRST);
    assert_null(batch.job.recalled);
    assert_int_equal(worker_people(&self->store), 1);
}

static void duplicate_comes_back_with_the_versions_that_scored_it(void **state)
{
    struct fixture *self = *state;
    struct batch first, again;
    make_batch(self, &first, 1, 1);
    make_batch(self, &again, 1, 1);
    start(self, LONG_MS);
    submit(self->committer, &first.job);
    take_back(self->outbox);
    struct digest second =
        worker_publish(&self->store, worker_model("chd", 2), "chd", "champion");
    again.job.request.settlement.targets[0].version = second;
    submit(self->committer, &again.job);
    take_back(self->outbox);

    assert_int_equal(again.job.result.verdict, SETTLED_DUPLICATE);
    assert_non_null(again.job.recalled);
    assert_true(serving_matches(again.job.recalled, &first.job.request.settlement));
    const struct model *model = loaded_model(again.job.recalled->targets[0].loaded);
    assert_memory_equal(model_version(model), &self->model, sizeof self->model);
    assert_memory_equal(&again.job.recalled->program, &self->program, DIGEST_SIZE);
    serving_free(again.job.recalled);
    assert_int_equal(worker_people(&self->store), 1);
}

static void refresh_publishes_what_the_store_has_now(void **state)
{
    struct fixture *self = *state;
    struct commit_job job = {.kind = COMMIT_REFRESH, .outbox = self->outbox};
    struct snapshot *held = NULL;
    list_init(&job.link);
    start(self, LONG_MS);
    current_hold(self->current, &held);
    assert_null(held);
    submit(self->committer, &job);
    assert_ptr_equal(take_back(self->outbox), &job);
    assert_int_equal(job.status, STATUS_OK);
    current_hold(self->current, &held);
    assert_non_null(snapshot_alias(held, "chd", "champion"));
    snapshot_drop(held);
}

struct submitter {
    struct fixture *fixture;
    struct outbox *outbox;
    uint8_t client;
    size_t first, duplicate, other;
};

/* Each batch twice, and all at once: they meet in groups. */
static void *submit_all(void *arg)
{
    struct submitter *self = arg;
    struct batch *batches = calloc(2 * JOBS, sizeof *batches);
    for (size_t i = 0; batches != NULL && i < 2 * JOBS; i++) {
        make_batch(self->fixture, &batches[i], self->client, i / 2 + 1);
        batches[i].job.outbox = self->outbox;
        submit(self->fixture->committer, &batches[i].job);
    }
    for (size_t i = 0; batches != NULL && i < 2 * JOBS; i++) {
        struct commit_job *job = take_back(self->outbox);
        bool ok = job->status == STATUS_OK;
        bool first = ok && job->result.verdict == SETTLED_FIRST;
        bool duplicate =
            ok && job->result.verdict == SETTLED_DUPLICATE && job->recalled != NULL;
        self->first += first;
        self->duplicate += duplicate;
        self->other += !first && !duplicate;
        serving_free(job->recalled);
    }
    free(batches);
    return NULL;
}

static void threads_settle_together_and_each_batch_counts_once(void **state)
{
    struct fixture *self = *state;
    struct submitter submitters[SUBMITTERS];
    pthread_t threads[SUBMITTERS];
    start(self, LONG_MS);
    for (size_t i = 0; i < SUBMITTERS; i++) {
        submitters[i] = (struct submitter){
            .fixture = self, .outbox = outbox_new(), .client = (uint8_t)(i + 1)};
        assert_int_equal(pthread_create(&threads[i], NULL, submit_all, &submitters[i]),
                         0);
    }
    for (size_t i = 0; i < SUBMITTERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(submitters[i].first, JOBS);
        assert_int_equal(submitters[i].duplicate, JOBS);
        assert_int_equal(submitters[i].other, 0);
        outbox_free(submitters[i].outbox);
    }
    assert_int_equal(worker_people(&self->store), SUBMITTERS * JOBS);
}

static void batch_whose_sum_would_overflow_costs_its_neighbours_nothing(void **state)
{
    struct fixture *self = *state;
    struct batch batches[3];
    struct list jobs;
    list_init(&jobs);
    for (size_t i = 0; i < 3; i++) {
        make_batch(self, &batches[i], 1, i + 1);
        list_push_back(&jobs, &batches[i].job.link);
    }
    batches[1].cell.sum_p = INT64_MAX;
    start(self, LONG_MS);
    committer_submit(self->committer, &jobs); /* all in one group */
    for (size_t i = 0; i < 3; i++)
        take_back(self->outbox);
    assert_int_equal(batches[0].job.result.verdict, SETTLED_FIRST);
    assert_int_equal(batches[1].job.status, STATUS_UNAVAILABLE);
    assert_int_equal(batches[2].job.result.verdict, SETTLED_FIRST);
    assert_int_equal(worker_people(&self->store), 2);
}

static void stopping_settles_what_was_submitted(void **state)
{
    struct fixture *self = *state;
    struct batch batches[JOBS];
    start(self, LONG_MS);
    for (size_t i = 0; i < JOBS; i++) {
        make_batch(self, &batches[i], 1, i + 1);
        submit(self->committer, &batches[i].job);
    }
    committer_stop(self->committer);
    self->committer = NULL;
    for (size_t i = 0; i < JOBS; i++)
        assert_int_equal(take_back(self->outbox)->result.verdict, SETTLED_FIRST);
    assert_int_equal(worker_people(&self->store), JOBS);
}

/* ---- the store is away ---- */

static void batch_waits_for_a_store_that_comes_back(void **state)
{
    struct fixture *self = *state;
    struct batch batch;
    make_batch(self, &batch, 1, 1);
    start(self, LONG_MS);
    set_store_full(true);
    submit(self->committer, &batch.job);
    wait_for_away(self, true);
    assert_int_not_equal(committer_busy_since_ms(self->committer), 0);
    assert_null(outbox_take(self->outbox));

    set_store_full(false);
    assert_ptr_equal(take_back(self->outbox), &batch.job);
    assert_int_equal(batch.job.status, STATUS_OK);
    assert_int_equal(batch.job.result.verdict, SETTLED_FIRST);
    assert_false(committer_is_away(self->committer));
    assert_int_equal(worker_people(&self->store), 1);
}

static void batch_that_waited_long_enough_comes_back_unsettled(void **state)
{
    struct fixture *self = *state;
    struct batch batch;
    make_batch(self, &batch, 1, 1);
    start(self, 300);
    set_store_full(true);
    uint64_t start_ms = clock_monotonic_ms();
    submit(self->committer, &batch.job);
    assert_ptr_equal(take_back(self->outbox), &batch.job);
    assert_in_range(clock_monotonic_ms() - start_ms, 300, DEADLINE_MS);
    assert_int_equal(batch.job.status, STATUS_UNAVAILABLE);

    set_store_full(false);
    wait_for_away(self, false);
    assert_int_equal(worker_people(&self->store), 0);
    submit(self->committer, &batch.job);
    take_back(self->outbox);
    assert_int_equal(batch.job.result.verdict, SETTLED_FIRST);
}

static void drain_does_not_wait_for_the_store(void **state)
{
    struct fixture *self = *state;
    struct batch batch;
    make_batch(self, &batch, 1, 1);
    start(self, LONG_MS);
    set_store_full(true);
    submit(self->committer, &batch.job);
    wait_for_away(self, true);
    committer_hurry(self->committer);
    assert_ptr_equal(take_back(self->outbox), &batch.job);
    assert_int_equal(batch.job.status, STATUS_UNAVAILABLE);
}

static void address_that_is_no_store_is_refused_with_a_sentence(void **state)
{
    struct fixture *self = *state;
    struct error_text error = {""};
    char url[192];
    snprintf(url, sizeof url, "sqlite:%s/no/such/folder/store.db", self->store.folder);
    const struct committer_options options = {
        .store_url = url, .current = self->current, .wait_ms = LONG_MS};
    assert_int_not_equal(committer_start(&options, &self->committer, &error), STATUS_OK);
    assert_non_null(strstr(error.text, "no/such/folder"));
    assert_null(self->committer);
}

static void store_that_may_forget_is_refused_unless_that_is_allowed(void **state)
{
    struct fixture *self = *state;
    struct error_text error = {""};
    char url[192];
    pid_t server = redis_server_start(self->store.folder,
                                      (const char *const[]){"--appendonly", "no", NULL});
    snprintf(url, sizeof url, "redis://%s/redis.sock", self->store.folder);
    struct committer_options options = {
        .store_url = url, .current = self->current, .wait_ms = LONG_MS};
    assert_int_equal(committer_start(&options, &self->committer, &error),
                     STATUS_UNAVAILABLE);
    assert_non_null(strstr(error.text, "--store-durability weak"));
    assert_null(self->committer);
    options.weak = true;
    assert_int_equal(committer_start(&options, &self->committer, &error), STATUS_OK);
    assert_int_equal(committer_setbacks(self->committer), 0);
    redis_server_kill(server);
}

/* The server says that it is one commit behind what it had said. */
static void setback_of_the_store_is_counted(void **state)
{
    struct fixture *self = *state;
    struct error_text error = {""};
    struct batch batches[2];
    char url[192], answer[64];
    pid_t server = redis_server_start(self->store.folder, NULL);
    snprintf(url, sizeof url, "redis://%s/redis.sock", self->store.folder);
    const struct committer_options options = {
        .store_url = url, .current = self->current, .wait_ms = LONG_MS};
    assert_int_equal(committer_start(&options, &self->committer, &error), STATUS_OK);
    for (uint64_t i = 0; i < 2; i++) {
        assert_int_equal(committer_setbacks(self->committer), 0);
        make_batch(self, &batches[i], 1, i);
        submit(self->committer, &batches[i].job);
        assert_ptr_equal(take_back(self->outbox), &batches[i].job);
        assert_int_equal(batches[i].job.result.verdict, SETTLED_FIRST);
        redis_server_ask(self->store.folder,
                         "HINCRBY chw:meta commits -1\r\nCLIENT KILL TYPE normal", answer,
                         sizeof answer);
    }
    assert_int_equal(committer_setbacks(self->committer), 1);
    redis_server_kill(server);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(settled_batch_comes_back_first_and_counts),
        TEST(duplicate_comes_back_with_the_versions_that_scored_it),
        TEST(refresh_publishes_what_the_store_has_now),
        TEST(threads_settle_together_and_each_batch_counts_once),
        TEST(batch_whose_sum_would_overflow_costs_its_neighbours_nothing),
        TEST(stopping_settles_what_was_submitted),
        TEST(batch_waits_for_a_store_that_comes_back),
        TEST(batch_that_waited_long_enough_comes_back_unsettled),
        TEST(drain_does_not_wait_for_the_store),
        TEST(store_that_may_forget_is_refused_unless_that_is_allowed),
        TEST(setback_of_the_store_is_counted),
        TEST(address_that_is_no_store_is_refused_with_a_sentence),
    };
    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
