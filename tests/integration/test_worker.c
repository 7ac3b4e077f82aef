/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the worker program registers, settles before it answers, answers a batch the same
 * whatever happened in between, hands back what it cannot settle, refuses what it cannot
 * use, and drains.
 * Method: the real chw-worker, built with fault points, over ipc and a real store in a
 * folder of its own; this test is its broker, frame by frame. Every wait has a deadline.
 */
#define _GNU_SOURCE /* prlimit */

#include "base/clock.h"
#include "base/file.h"
#include "base/proto_parse.h"
#include "wire/socket.h"

#include "tests/lib/build.h"
#include "tests/lib/test.h"
#include "tests/unit/worker_fixture.h"

#include "control.pb-c.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    DEADLINE_MS = 20000,
    WINDOW = 256,
    OPTIONS_MAX = 8,
    SLOW_ROWS = 65536, /* keep worker_slow_model() busy for a while */
};

static struct worker_fixture fixture;
static char endpoint[128];
static void *context, *router;
static pid_t worker;
static struct message message;    /* the last that was received */
static struct header job;         /* the last that was sent */
static Chw__Heartbeat *heartbeat; /* the last that was received */

/* ---- the worker's process ---- */

static void path_of(const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", fixture.folder, name);
}

static void start_with(const char *store, const char *const *options)
{
    char broker[192], url[192], log_path[128];
    char *argv[OPTIONS_MAX + 4] = {WORKER_PROGRAM, broker, url};
    snprintf(broker, sizeof broker, "--broker=%s", endpoint);
    snprintf(url, sizeof url, "--store=%s", store);
    path_of("log", log_path);
    for (size_t i = 0; options[i] != NULL && i < OPTIONS_MAX; i++)
        argv[i + 3] = (char *)(uintptr_t)options[i]; /* execv reads them only */
    worker = fork();
    assert_true(worker >= 0);
    if (worker == 0) {
        int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(log, STDERR_FILENO);
        execv(WORKER_PROGRAM, argv);
        _exit(127);
    }
}

static void start(const char *option)
{
    start_with(fixture.url, (const char *[]){option, NULL});
}

/* The exit code; minus the number of a signal that ended it. */
static int wait_for_exit(void)
{
    int state = 0;
    for (int waited = 0; waited < DEADLINE_MS; waited += 10) {
        if (waitpid(worker, &state, WNOHANG) == worker) {
            worker = 0;
            return WIFEXITED(state) ? WEXITSTATUS(state) : -WTERMSIG(state);
        }
        poll(NULL, 0, 10);
    }
    fail_msg("the worker did not end");
    return 0;
}

static bool log_says(const char *what)
{
    char path[128];
    uint8_t *bytes;
    size_t size;
    path_of("log", path);
    if (file_read(path, 1 << 20, &bytes, &size, NULL) != STATUS_OK)
        return false;
    bool found = strstr((const char *)bytes, what) != NULL;
    free(bytes);
    return found;
}

static void wait_for_log(const char *what)
{
    uint64_t until_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (!log_says(what)) {
        if (clock_monotonic_ms() > until_ms)
            fail_msg("the log never said '%s'", what);
        poll(NULL, 0, 10);
    }
}

static void set_store_full(bool full)
{
    struct rlimit limit;
    assert_int_equal(prlimit(worker, RLIMIT_FSIZE, NULL, &limit), 0);
    limit.rlim_cur = full ? 0 : limit.rlim_max;
    assert_int_equal(prlimit(worker, RLIMIT_FSIZE, &limit, NULL), 0);
}

/* ---- the broker, which is this test ---- */

static void bind_broker(void)
{
    struct error_text error = {""};
    if (socket_bind(context, endpoint, &router, &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

/* What `descriptor` says of the body of `message`; the caller's to free. */
static void *read_body(const ProtobufCMessageDescriptor *descriptor)
{
    void *body =
        proto_parse(descriptor, zmq_msg_data(&message.body), zmq_msg_size(&message.body));
    assert_non_null(body);
    return body;
}

static void receive_any(void)
{
    struct error_text error = {""};
    zmq_pollitem_t item = {.socket = router, .events = ZMQ_POLLIN};
    if (zmq_poll(&item, 1, DEADLINE_MS) != 1)
        fail_msg("the worker is silent");
    if (message_receive(router, true, &message, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    if (message.header.type != MESSAGE_HEARTBEAT)
        return;
    if (heartbeat != NULL)
        proto_free(&heartbeat->base);
    heartbeat = read_body(&chw__heartbeat__descriptor);
}

/* The next message that is no heartbeat. */
static void receive_next(void)
{
    uint64_t until_ms = clock_monotonic_ms() + DEADLINE_MS;
    do {
        if (clock_monotonic_ms() > until_ms)
            fail_msg("nothing but heartbeats");
        receive_any();
    } while (message.header.type == MESSAGE_HEARTBEAT);
}

static void receive(enum message_type type)
{
    receive_next();
    assert_string_equal(message_name(message.header.type), message_name(type));
}

static void receive_heartbeat(void)
{
    receive_any();
    assert_string_equal(message_name(message.header.type), "HEARTBEAT");
}

static void send_to(zmq_msg_t *route, const struct header *header, const void *bytes,
                    size_t size)
{
    zmq_msg_t body;
    zmq_msg_init_size(&body, size);
    if (size > 0)
        memcpy(zmq_msg_data(&body), bytes, size);
    assert_int_equal(message_send(router, route, header, &body), STATUS_OK);
}

static void send_plain(enum message_type type)
{
    send_to(&message.route, &(struct header){.type = type}, NULL, 0);
}

/* To whom the last message came from; the ticket is the sequence and a thousand. */
static void send_job(enum message_type type, uint64_t sequence, const uint8_t *body,
                     size_t size)
{
    job = (struct header){.type = type,
                          .attempt = 4,
                          .key = {.client = "a client", .sequence = sequence},
                          .as_of = clock_today(),
                          .ticket = sequence + 1000,
                          .region = "KE/Kisumu"};
    send_to(&message.route, &job, body, size);
}

static void send_ages(uint64_t sequence, size_t rows)
{
    size_t size;
    float *ages = build_alloc(rows * sizeof *ages);
    for (size_t row = 0; row < rows; row++)
        ages[row] = (float)(20 + row % 70);
    const uint8_t *body = worker_body(ages, rows, &size);
    send_job(MESSAGE_SCORE, sequence, body, size);
}

static void assert_answers(uint64_t sequence)
{
    assert_int_equal(message.header.key.sequence, sequence);
    assert_int_equal(message.header.ticket, sequence + 1000);
    assert_memory_equal(message.header.key.client, job.key.client, CLIENT_ID_SIZE);
}

static Chw__Reply *receive_reply(uint64_t sequence, Chw__Outcome outcome)
{
    receive(MESSAGE_REPLY);
    assert_answers(sequence);
    Chw__Reply *reply = read_body(&chw__reply__descriptor);
    if (reply->outcome != outcome)
        fail_msg("outcome %d (%s), expected %d", reply->outcome, reply->reason, outcome);
    return reply;
}

static void receive_outcome(uint64_t sequence, Chw__Outcome outcome, const char *says)
{
    Chw__Reply *reply = receive_reply(sequence, outcome);
    if (strstr(reply->reason, says) == NULL)
        fail_msg("'%s' does not say '%s'", reply->reason, says);
    proto_free(&reply->base);
}

/* A COUNTED reply by this version. */
static void receive_version(uint64_t sequence, const struct digest *version)
{
    Chw__Reply *reply = receive_reply(sequence, CHW__OUTCOME__OUTCOME_COUNTED);
    assert_int_equal(reply->n_targets, 1);
    assert_memory_equal(reply->targets[0]->version.data, version->bytes, DIGEST_SIZE);
    proto_free(&reply->base);
}

static void receive_reject(const char *says)
{
    receive(MESSAGE_REJECT);
    Chw__Reject *reject = read_body(&chw__reject__descriptor);
    if (strstr(reject->reason, says) == NULL)
        fail_msg("'%s' does not say '%s'", reject->reason, says);
    proto_free(&reject->base);
}

static void assert_returned(uint64_t sequence, const char *says)
{
    assert_string_equal(message_name(message.header.type), "RETURN");
    assert_answers(sequence);
    Chw__Return *returned = read_body(&chw__return__descriptor);
    if (strstr(returned->reason, says) == NULL)
        fail_msg("'%s' does not say '%s'", returned->reason, says);
    proto_free(&returned->base);
}

static void receive_hello(uint32_t window)
{
    receive(MESSAGE_HELLO);
    Chw__Hello *hello = read_body(&chw__hello__descriptor);
    assert_int_equal(hello->window, window);
    assert_true(strlen(hello->name) > 0);
    proto_free(&hello->base);
}

/* The batch has been begun, and is not answered yet. */
static void wait_for_scoring(uint64_t sequence)
{
    do
        receive_heartbeat();
    while (heartbeat->scoring_ticket != sequence + 1000);
}

static void stop(void)
{
    assert_int_equal(kill(worker, SIGTERM), 0);
    receive(MESSAGE_BYE);
    assert_int_equal(wait_for_exit(), 0);
}

/* ---- set-up ---- */

static int setup(void **state)
{
    (void)state;
    char path[128];
    worker_fixture_open(&fixture);
    path_of("back", path);
    snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
    context = zmq_ctx_new();
    message_init(&message);
    bind_broker();
    unsetenv("CHW_FAULT");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (worker > 0) {
        kill(worker, SIGKILL);
        waitpid(worker, NULL, 0);
        worker = 0;
    }
    if (heartbeat != NULL)
        proto_free(&heartbeat->base);
    heartbeat = NULL;
    message_close(&message);
    zmq_close(router);
    zmq_ctx_term(context);
    worker_fixture_close(&fixture);
    return 0;
}

static struct digest publish(float weight)
{
    return worker_publish(&fixture, worker_model("chd", weight), "chd", "champion");
}

static struct digest serve_model(float weight)
{
    struct digest version = publish(weight);
    worker_publish_program(&fixture, "chd");
    return version;
}

static void serve_slow_model(void)
{
    worker_publish(&fixture, worker_slow_model("chd"), "chd", "champion");
    worker_publish_program(&fixture, "chd");
}

/* ---- registering ---- */

static void worker_says_hello_and_goes_on_beating(void **state)
{
    (void)state;
    serve_model(1);
    start(NULL);
    receive_hello(WINDOW);
    receive_heartbeat();
    uint64_t from_ms = clock_monotonic_ms();
    for (int i = 0; i < 3; i++)
        receive_heartbeat();
    assert_in_range(clock_monotonic_ms() - from_ms, 1000, 5000);
    assert_int_equal(heartbeat->window, WINDOW);
    assert_int_equal(heartbeat->scoring_ticket, 0);
    stop();
}

static void each_thread_is_a_worker(void **state)
{
    (void)state;
    uint8_t first[16];
    start("--threads=2");
    receive_hello(WINDOW);
    size_t size = zmq_msg_size(&message.route);
    assert_in_range(size, 1, sizeof first);
    memcpy(first, zmq_msg_data(&message.route), size);
    receive_hello(WINDOW);
    assert_memory_not_equal(first, zmq_msg_data(&message.route), size);
}

static void broker_that_was_restarted_finds_the_worker_again(void **state)
{
    (void)state;
    struct digest version = serve_model(1);
    start(NULL);
    receive_hello(WINDOW);
    zmq_close(router);
    bind_broker();
    receive_heartbeat(); /* of a worker that this broker does not know */
    send_plain(MESSAGE_WHO);
    receive_hello(WINDOW);
    send_ages(1, 10);
    receive_version(1, &version);
    stop();
}

/* ---- batches ---- */

static void batch_is_announced_settled_and_answered(void **state)
{
    (void)state;
    struct digest version = serve_model(1);
    start(NULL);
    receive_hello(WINDOW);
    send_ages(1, 3000);
    wait_for_scoring(1);
    receive_version(1, &version);
    assert_int_equal(worker_people(&fixture), 3000);
    uint64_t progress = heartbeat->progress;
    do
        receive_heartbeat();
    while (heartbeat->scoring_ticket != 0);
    assert_true(heartbeat->progress > progress);
    stop();
    assert_true(log_says("batches=1 records=3000"));
}

static void promotion_serves_within_a_second_and_duplicates_keep_their_bytes(void **state)
{
    (void)state;
    struct digest old = serve_model(1), new;
    static uint8_t first[1 << 16];
    start(NULL);
    receive_hello(WINDOW);
    send_ages(1, 500);
    receive_version(1, &old);
    size_t size = zmq_msg_size(&message.body);
    assert_in_range(size, 500, sizeof first);
    memcpy(first, zmq_msg_data(&message.body), size);

    new = publish(2);
    uint64_t promoted_ms = clock_monotonic_ms();
    bool served = false;
    for (uint64_t sequence = 2; !served; sequence++) {
        assert_in_range(clock_monotonic_ms() - promoted_ms, 0, 1000);
        send_ages(sequence, 500);
        Chw__Reply *reply = receive_reply(sequence, CHW__OUTCOME__OUTCOME_COUNTED);
        served = memcmp(reply->targets[0]->version.data, new.bytes, DIGEST_SIZE) == 0;
        proto_free(&reply->base);
        poll(NULL, 0, 20);
    }
    int64_t people = worker_people(&fixture);
    send_ages(1, 500);
    receive_version(1, &old);
    assert_int_equal(zmq_msg_size(&message.body), size);
    assert_memory_equal(zmq_msg_data(&message.body), first, size);
    assert_int_equal(worker_people(&fixture), people);

    send_ages(1, 400); /* another body */
    receive_outcome(1, CHW__OUTCOME__OUTCOME_INVALID, "reused");
    stop();
}

/* 0 below 60, else `value`; the training data was half on either side. */
static Chw__Model *tree_model(float value)
{
    const struct build_node nodes[] = {
        {0, 60, 1, 2, 0}, {.threshold = 0}, {.threshold = value}};
    static const float covers[] = {100, 50, 50};
    Chw__Model *model = build_trees(-1);
    build_numeric(model, "age", 0, 1);
    Chw__Tree *tree = build_tree(model, nodes, 3);
    tree->cover = build_alloc(sizeof covers);
    memcpy(tree->cover, covers, sizeof covers);
    tree->n_cover = 3;
    return model;
}

static void send_explained(uint64_t sequence, size_t rows, uint32_t factors)
{
    size_t size;
    float *ages = build_alloc(rows * sizeof *ages);
    for (size_t row = 0; row < rows; row++)
        ages[row] = (float)(20 + row % 70);
    Chw__Batch *batch = build_batch((uint32_t)rows);
    build_floats(batch, "age", ages, rows);
    batch->explain = factors;
    const uint8_t *body = build_pack(&batch->base, &size);
    send_job(MESSAGE_SCORE, sequence, body, size);
}

static void another_worker_explains_with_the_same_bytes(void **state)
{
    (void)state;
    static uint8_t first[1 << 16];
    worker_publish(&fixture, tree_model(2), "chd", "champion");
    worker_publish_program(&fixture, "chd");
    start(NULL);
    receive_hello(WINDOW);
    send_explained(1, 1500, 3);
    Chw__Reply *reply = receive_reply(1, CHW__OUTCOME__OUTCOME_COUNTED);
    const Chw__Factors *factors = reply->targets[0]->factors;
    assert_true(factors->base_value == 0);
    assert_true(factors->contributions[39] == -1);
    assert_true(factors->contributions[40] == 1);
    proto_free(&reply->base);
    size_t size = zmq_msg_size(&message.body);
    assert_in_range(size, 1500, sizeof first);
    memcpy(first, zmq_msg_data(&message.body), size);
    stop();

    worker_publish(&fixture, tree_model(-2), "chd", "champion");
    start(NULL);
    receive_hello(WINDOW);
    send_explained(1, 1500, 3);
    receive(MESSAGE_REPLY);
    assert_int_equal(zmq_msg_size(&message.body), size);
    assert_memory_equal(zmq_msg_data(&message.body), first, size);
    assert_int_equal(worker_people(&fixture), 1500);
    stop();
}

static void more_factors_than_are_given_are_settled_invalid(void **state)
{
    (void)state;
    serve_model(1);
    start(NULL);
    receive_hello(WINDOW);
    send_explained(1, 10, 17);
    receive_outcome(1, CHW__OUTCOME__OUTCOME_INVALID, "explain: 17");
    send_explained(2, 10, 16);
    proto_free(&receive_reply(2, CHW__OUTCOME__OUTCOME_COUNTED)->base);
    stop();
}

static void worker_without_a_program_serves_as_soon_as_there_is_one(void **state)
{
    (void)state;
    start(NULL);
    receive_hello(WINDOW);
    send_ages(1, 10);
    receive_outcome(1, CHW__OUTCOME__OUTCOME_INVALID, "--promote");
    struct digest version = serve_model(1);
    send_ages(2, 10); /* at once: the request itself makes the worker look */
    receive_version(2, &version);
    stop();
}

static void batch_that_nobody_could_score_is_buried_with_its_body(void **state)
{
    (void)state;
    serve_model(1);
    start(NULL);
    receive_hello(WINDOW);
    send_job(MESSAGE_BURY, 1, (const uint8_t *)"poison", 6);
    receive_outcome(1, CHW__OUTCOME__OUTCOME_DEAD, "after 3 attempts");
    send_job(MESSAGE_SCORE, 1, (const uint8_t *)"poison", 6);
    receive_outcome(1, CHW__OUTCOME__OUTCOME_DEAD, "after 3 attempts");
    stop();
}

static void description_is_given_to_who_asks(void **state)
{
    (void)state;
    serve_model(1);
    start(NULL);
    receive_hello(WINDOW);
    send_job(MESSAGE_DESCRIBE, 1, NULL, 0);
    receive(MESSAGE_DESCRIPTION);
    assert_answers(1);
    Chw__Description *description = read_body(&chw__description__descriptor);
    assert_int_equal(description->n_features, 1);
    assert_string_equal(description->features[0]->name, "age");
    proto_free(&description->base);
    stop();
}

/* ---- death ---- */

static void death_after_settling_changes_neither_the_answer_nor_the_count(void **state)
{
    (void)state;
    struct digest version = serve_model(1);
    setenv("CHW_FAULT", "worker.settled:1:kill", 1);
    start(NULL);
    receive_hello(WINDOW);
    send_ages(1, 500);
    assert_int_equal(wait_for_exit(), -SIGKILL);
    assert_int_equal(worker_people(&fixture), 500);

    publish(2);
    unsetenv("CHW_FAULT");
    start(NULL);
    receive_hello(WINDOW);
    send_ages(1, 500);
    receive_version(1, &version);
    assert_int_equal(worker_people(&fixture), 500);
    stop();
}

static void death_before_settling_counts_nothing(void **state)
{
    (void)state;
    serve_model(1);
    setenv("CHW_FAULT", "worker.scored:1:kill", 1);
    start(NULL);
    receive_hello(WINDOW);
    send_ages(1, 500);
    assert_int_equal(wait_for_exit(), -SIGKILL);
    assert_int_equal(worker_people(&fixture), 0);

    struct digest newer = publish(2);
    unsetenv("CHW_FAULT");
    start(NULL);
    receive_hello(WINDOW);
    send_ages(1, 500);
    receive_version(1, &newer);
    assert_int_equal(worker_people(&fixture), 500);
    stop();
}

/* ---- what was not begun ---- */

static void drain_returns_what_was_not_begun_and_ends_well(void **state)
{
    (void)state;
    uint64_t answered = 0, returned = 0;
    serve_slow_model();
    start(NULL);
    receive_hello(WINDOW);
    for (uint64_t sequence = 1; sequence <= WINDOW; sequence++)
        send_ages(sequence, SLOW_ROWS);
    wait_for_scoring(1);
    assert_int_equal(kill(worker, SIGTERM), 0);
    for (receive_next(); message.header.type != MESSAGE_BYE; receive_next()) {
        if (message.header.type == MESSAGE_RETURN) {
            assert_returned(message.header.key.sequence, "draining");
            returned++;
            continue;
        }
        assert_string_equal(message_name(message.header.type), "REPLY");
        answered++;
    }
    assert_int_equal(answered + returned, WINDOW);
    assert_true(answered >= 1 && returned >= 1);
    assert_int_equal(heartbeat->window, 0);
    assert_int_equal(wait_for_exit(), 0);
    assert_int_equal(worker_people(&fixture), answered * SLOW_ROWS);
}

static void who_makes_the_worker_forget_what_it_has_not_begun(void **state)
{
    (void)state;
    serve_slow_model();
    start(NULL);
    receive_hello(WINDOW);
    send_ages(1, SLOW_ROWS);
    wait_for_scoring(1);
    send_ages(2, 10);
    send_ages(3, 10);
    send_plain(MESSAGE_WHO);
    receive_hello(WINDOW);
    send_ages(4, 10);
    receive_outcome(1, CHW__OUTCOME__OUTCOME_COUNTED, "");
    receive_outcome(4, CHW__OUTCOME__OUTCOME_COUNTED, "");
    stop();
    assert_int_equal(worker_people(&fixture), SLOW_ROWS + 10);
}

static void more_than_the_window_goes_back_at_once(void **state)
{
    (void)state;
    serve_slow_model();
    start("--window=2");
    receive_hello(2);
    send_ages(1, SLOW_ROWS);
    wait_for_scoring(1);
    for (uint64_t sequence = 2; sequence <= 4; sequence++)
        send_ages(sequence, 10);
    receive_next();
    assert_returned(4, "window");
    for (uint64_t sequence = 1; sequence <= 3; sequence++)
        receive_outcome(sequence, CHW__OUTCOME__OUTCOME_COUNTED, "");
    stop();
}

/* ---- a store that is away ---- */

static void batch_waits_for_the_store_and_the_worker_says_so(void **state)
{
    (void)state;
    struct digest version = serve_model(1);
    start(NULL);
    receive_hello(WINDOW);
    set_store_full(true);
    send_ages(1, 500);
    do
        receive_heartbeat();
    while (heartbeat->window != 0);
    uint64_t progress = heartbeat->progress;
    receive_heartbeat();
    receive_heartbeat();
    assert_true(heartbeat->progress > progress);
    send_plain(MESSAGE_WHO);
    receive_hello(0);

    set_store_full(false);
    receive_version(1, &version);
    assert_int_equal(worker_people(&fixture), 500);
    do
        receive_heartbeat();
    while (heartbeat->window != WINDOW);
    stop();
}

static void batch_that_the_store_does_not_take_is_returned(void **state)
{
    (void)state;
    serve_model(1);
    start("--store-wait-ms=300");
    receive_hello(WINDOW);
    set_store_full(true);
    send_ages(1, 500);
    receive_next();
    assert_returned(1, "store");
    set_store_full(false);
    assert_int_equal(worker_people(&fixture), 0);
    stop();
}

static void worker_ends_well_while_the_store_is_away(void **state)
{
    (void)state;
    serve_model(1);
    start(NULL);
    receive_hello(WINDOW);
    set_store_full(true);
    send_ages(1, 500);
    do
        receive_heartbeat();
    while (heartbeat->window != 0);
    assert_int_equal(kill(worker, SIGTERM), 0);
    receive_next();
    assert_returned(1, "store");
    receive(MESSAGE_BYE);
    assert_int_equal(wait_for_exit(), 0);
}

/* ---- what cannot be used ---- */

static void send_frames(const char *const *frames)
{
    zmq_msg_t route;
    zmq_msg_init(&route);
    zmq_msg_copy(&route, &message.route);
    assert_true(zmq_msg_send(&route, router, ZMQ_SNDMORE) >= 0);
    for (size_t i = 0; frames[i] != NULL; i++)
        assert_true(zmq_send(router, frames[i], strlen(frames[i]),
                             frames[i + 1] == NULL ? 0 : ZMQ_SNDMORE) >= 0);
}

static void frames_that_cannot_be_used_are_refused_and_nothing_else_happens(void **state)
{
    (void)state;
    struct digest version = serve_model(1);
    start(NULL);
    receive_hello(WINDOW);
    send_frames((const char *[]){"garbage", NULL});
    receive_reject("no body");
    send_frames((const char *[]){"garbage", "and more", NULL});
    receive_reject("bytes");
    send_plain(MESSAGE_PING);
    receive_reject("PING does not belong");

    send_to(&message.route, &(struct header){.type = MESSAGE_REJECT}, "\xff\xff", 2);
    send_job(MESSAGE_SCORE, 1, (const uint8_t *)"\xff\xff", 2);
    receive_outcome(1, CHW__OUTCOME__OUTCOME_INVALID, "does not parse");
    send_ages(2, 10);
    receive_version(2, &version);
    stop();
    assert_true(log_says("malformed=4"));
}

static void model_that_is_refused_leaves_the_old_one_serving(void **state)
{
    (void)state;
    struct digest junk, version = serve_model(1);
    start(NULL);
    receive_hello(WINDOW);
    assert_int_equal(
        store_put(fixture.store, ARTIFACT_MODEL, "chd", "junk", 4, &junk, NULL),
        STATUS_OK);
    assert_int_equal(
        store_alias_move(fixture.store, ARTIFACT_MODEL, "chd", "champion", &junk, NULL),
        STATUS_OK);
    wait_for_log("model_refused");
    send_ages(1, 10);
    receive_version(1, &version);
    stop();
}

static void assert_does_not_start(const char *store, const char *option, const char *says)
{
    start_with(store, (const char *[]){option, NULL});
    assert_in_range(wait_for_exit(), 1, 120);
    if (!log_says(says))
        fail_msg("the log does not say '%s'", says);
}

static void worker_that_cannot_serve_says_why(void **state)
{
    (void)state;
    assert_does_not_start("sqlite:/no/such/folder/store.db", NULL, "/no/such/folder");
    assert_does_not_start("postgres:there", NULL, "'postgres...'");
    assert_does_not_start(fixture.url, "--threads=0", "threads");
    assert_does_not_start(fixture.url, "--window=257", "window");
    assert_does_not_start(fixture.url, "--log-level=loud", "loud");
    assert_does_not_start(fixture.url, "--broker=tcp://10.1.2.3:4000", "--insecure");
    assert_does_not_start(fixture.url, "--no-such-option", "no-such-option");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(worker_says_hello_and_goes_on_beating),
        TEST(each_thread_is_a_worker),
        TEST(broker_that_was_restarted_finds_the_worker_again),
        TEST(batch_is_announced_settled_and_answered),
        TEST(promotion_serves_within_a_second_and_duplicates_keep_their_bytes),
        TEST(another_worker_explains_with_the_same_bytes),
        TEST(more_factors_than_are_given_are_settled_invalid),
        TEST(worker_without_a_program_serves_as_soon_as_there_is_one),
        TEST(batch_that_nobody_could_score_is_buried_with_its_body),
        TEST(description_is_given_to_who_asks),
        TEST(death_after_settling_changes_neither_the_answer_nor_the_count),
        TEST(death_before_settling_counts_nothing),
        TEST(drain_returns_what_was_not_begun_and_ends_well),
        TEST(who_makes_the_worker_forget_what_it_has_not_begun),
        TEST(more_than_the_window_goes_back_at_once),
        TEST(batch_waits_for_the_store_and_the_worker_says_so),
        TEST(batch_that_the_store_does_not_take_is_returned),
        TEST(worker_ends_well_while_the_store_is_away),
        TEST(frames_that_cannot_be_used_are_refused_and_nothing_else_happens),
        TEST(model_that_is_refused_leaves_the_old_one_serving),
        TEST(worker_that_cannot_serve_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
