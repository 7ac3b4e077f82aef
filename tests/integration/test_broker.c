/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the broker program serves, refuses what it cannot use and says why, keeps its
 * addresses to itself, survives its own death and drains.
 * Method: the real chw-broker over ipc in a folder of its own, clients and workers played
 * by this test frame by frame. Every wait has a deadline. */

#include "base/clock.h"
#include "base/file.h"
#include "base/proto_parse.h"
#include "broker/region_queue.h"
#include "wire/body.h"
#include "wire/socket.h"

#include "tests/lib/test.h"

#include "control.pb-c.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MS = 10000 };

static char folder[64];
static void *context;
static pid_t broker;

/* ---- programs ---- */

static pid_t start(const char *const *options)
{
    char *argv[16] = {BROKER_PROGRAM};
    for (size_t i = 0; options[i] != NULL && i < 14; i++)
        argv[i + 1] = strdup(options[i]);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int log = open("broker.log", O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(log, STDERR_FILENO);
        execv(BROKER_PROGRAM, argv);
        _exit(127);
    }
    for (size_t i = 1; argv[i] != NULL; i++)
        free(argv[i]);
    return child;
}

static pid_t start_broker(void)
{
    return start((const char *[]){"--front=ipc://front", "--back=ipc://back", NULL});
}

/* The exit code; -1 where a signal ended it. */
static int wait_for_exit(pid_t child)
{
    int state;
    for (int waited = 0; waited < DEADLINE_MS; waited += 10) {
        if (waitpid(child, &state, WNOHANG) == child)
            return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
        poll(NULL, 0, 10);
    }
    kill(child, SIGKILL);
    waitpid(child, &state, 0);
    fail_msg("the broker did not end");
    return -1;
}

static char *read_log(void)
{
    static char log[65536];
    uint8_t *bytes;
    size_t size;
    assert_int_equal(file_read("broker.log", sizeof log - 1, &bytes, &size, NULL),
                     STATUS_OK);
    memcpy(log, bytes, size + 1);
    free(bytes);
    return log;
}

static size_t count_in_log(const char *what)
{
    size_t count = 0;
    for (const char *at = read_log(); (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/chw-broker-XXXXXX");
    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return -1;
    broker = start_broker();
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"front",     "back",       "front.lock",
                                        "back.lock", "broker.log", "third.lock"};
    (void)state;
    if (broker > 0) {
        kill(broker, SIGKILL);
        waitpid(broker, NULL, 0);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(names[i]);
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

/* ---- peers ---- */

static void *connect_to(const char *endpoint)
{
    const int timeout_ms = DEADLINE_MS;
    struct error_text error;
    void *socket;
    assert_int_equal(socket_connect(context, endpoint, &socket, &error), STATUS_OK);
    zmq_setsockopt(socket, ZMQ_SNDTIMEO, &timeout_ms, sizeof timeout_ms);
    return socket;
}

static void send_frame(void *socket, const void *bytes, size_t size, int flags)
{
    assert_int_equal(zmq_send(socket, bytes, size, flags), size);
}

/* Waits for the connection, unlike message_send(). */
static void send_message(void *socket, const struct header *header, const void *body,
                         size_t size)
{
    uint8_t bytes[HEADER_SIZE];
    header_encode(header, bytes);
    send_frame(socket, bytes, sizeof bytes, ZMQ_SNDMORE);
    send_frame(socket, body, size, 0);
}

static void send_proto(void *socket, enum message_type type, const ProtobufCMessage *body)
{
    uint8_t bytes[CONTROL_SIZE_MAX];
    send_message(socket, &(struct header){.type = type}, bytes,
                 protobuf_c_message_pack(body, bytes));
}

static void receive(void *socket, struct message *message, enum message_type type)
{
    struct error_text error;
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    message_init(message);
    assert_int_equal(zmq_poll(&item, 1, DEADLINE_MS), 1);
    assert_int_equal(message_receive(socket, false, message, &error), STATUS_OK);
    assert_string_equal(message_name(message->header.type), message_name(type));
}

static void rejected(void *socket, const char *reason)
{
    struct message message;
    receive(socket, &message, MESSAGE_REJECT);
    Chw__Reject *reject =
        (Chw__Reject *)proto_parse(&chw__reject__descriptor, zmq_msg_data(&message.body),
                                   zmq_msg_size(&message.body));
    assert_non_null(reject);
    if (strstr(reject->reason, reason) == NULL)
        fail_msg("the reason is '%s', expected '%s'", reject->reason, reason);
    proto_free(&reject->base);
    message_close(&message);
}

static struct header score(uint64_t sequence)
{
    return (struct header){
        .type = MESSAGE_SCORE,
        .key = {.client = "a client", .sequence = sequence},
        .region = "KE/Kisumu",
    };
}

static void *join(void)
{
    Chw__Hello hello;
    char name[] = "test/worker";
    chw__hello__init(&hello);
    hello.window = 4;
    hello.name = name;
    void *worker = connect_to("ipc://back");
    send_proto(worker, MESSAGE_HELLO, &hello.base);
    return worker;
}

/* The worker answers the batch that it was handed. */
static void reply(void *worker, const struct header *lease)
{
    struct header header = *lease;
    header.type = MESSAGE_REPLY;
    send_message(worker, &header, "scores", 6);
}

static uint64_t ping(void *client)
{
    struct message message;
    send_message(client, &(struct header){.type = MESSAGE_PING}, "", 0);
    receive(client, &message, MESSAGE_PONG);
    uint64_t instance = message.header.ticket;
    message_close(&message);
    return instance;
}

/* A batch goes there and its answer back. */
static void check_that_it_serves(void)
{
    struct message lease, answer;
    struct header header = score(1000);
    void *client = connect_to("ipc://front");
    void *worker = join();
    send_message(client, &header, "rows", 4);
    receive(worker, &lease, MESSAGE_SCORE);
    assert_memory_equal(zmq_msg_data(&lease.body), "rows", 4);
    reply(worker, &lease.header);
    receive(client, &answer, MESSAGE_REPLY);
    assert_memory_equal(zmq_msg_data(&answer.body), "scores", 6);
    assert_int_equal(answer.header.key.sequence, 1000);
    message_close(&lease);
    message_close(&answer);
    send_message(worker, &(struct header){.type = MESSAGE_BYE}, "", 0);
    zmq_close(client);
    zmq_close(worker);
}

/* ---- the tests ---- */

static void a_batch_goes_to_a_worker_and_its_answer_back(void **state)
{
    (void)state;
    check_that_it_serves();
}

/* What no peer may send, on whichever side. */
static void send_unusable(void *peer)
{
    uint8_t bytes[HEADER_SIZE];
    const struct header ping_header = {.type = MESSAGE_PING};

    send_frame(peer, "garbage", 7, 0);
    rejected(peer, "no body frame");
    send_frame(peer, "garbage", 7, ZMQ_SNDMORE);
    send_frame(peer, "", 0, 0);
    rejected(peer, "7 bytes, not 128");

    header_encode(&ping_header, bytes);
    for (int i = 0; i < 4; i++)
        send_frame(peer, bytes, sizeof bytes, i < 3 ? ZMQ_SNDMORE : 0);
    rejected(peer, "4 frames");
    bytes[0] = 'X';
    send_frame(peer, bytes, sizeof bytes, ZMQ_SNDMORE);
    send_frame(peer, "", 0, 0);
    rejected(peer, "CHW1");
    header_encode(&ping_header, bytes);
    bytes[5] = 99;
    send_frame(peer, bytes, sizeof bytes, ZMQ_SNDMORE);
    send_frame(peer, "", 0, 0);
    rejected(peer, "unknown message type 99");
}

static void garbage_is_refused_on_both_sides_and_the_broker_serves_on(void **state)
{
    (void)state;
    static const uint8_t big[CONTROL_SIZE_MAX + 1];
    void *client = connect_to("ipc://front");
    void *worker = connect_to("ipc://back");

    send_unusable(client);
    struct header header = score(1);
    header.type = MESSAGE_REPLY;
    send_message(client, &header, "", 0);
    rejected(client, "REPLY does not belong on the front side");
    header.type = MESSAGE_DESCRIBE;
    send_message(client, &header, big, sizeof big);
    rejected(client, "at most 4096");

    send_unusable(worker);
    header.type = MESSAGE_SCORE;
    send_message(worker, &header, "", 0);
    rejected(worker, "SCORE does not belong on the back side");
    header.type = MESSAGE_HELLO;
    send_message(worker, &header, "\xff\xff\xff", 3);
    rejected(worker, "the body of HELLO does not parse");
    header.type = MESSAGE_HEARTBEAT;
    send_message(worker, &header, "\x18\x81\x02", 3); /* window 257 */
    rejected(worker, "window of 257");

    zmq_close(client);
    zmq_close(worker);
    check_that_it_serves();
    assert_int_equal(kill(broker, SIGTERM), 0);
    assert_int_equal(wait_for_exit(broker), 0);
    broker = 0;
    assert_int_equal(count_in_log("malformed_front=7 malformed_back=8"), 1);
}

static void a_flood_of_garbage_does_not_flood_the_log(void **state)
{
    (void)state;
    void *client = connect_to("ipc://front");
    for (int i = 0; i < 500; i++)
        send_frame(client, "garbage", 7, 0);
    for (int i = 0; i < 500; i++)
        rejected(client, "no body frame");
    assert_in_range(count_in_log(" malformed side=front"), 1, 5);
    zmq_close(client);
}

static void a_routing_id_of_the_peers_own_is_refused(void **state)
{
    (void)state;
    void *client = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(client, ZMQ_ROUTING_ID, "my own name", 11);
    assert_int_equal(zmq_connect(client, "ipc://front"), 0);
    send_message(client, &(struct header){.type = MESSAGE_PING}, "", 0);
    rejected(client, "routing id");
    zmq_close(client);
}

static void a_batch_that_nobody_takes_in_time_is_expired(void **state)
{
    (void)state;
    struct message message;
    void *client = connect_to("ipc://front");
    struct header header = score(1);
    header.deadline_ms = 50;
    send_message(client, &header, "rows", 4);
    uint64_t began_ms = clock_monotonic_ms();
    receive(client, &message, MESSAGE_EXPIRED);
    assert_int_equal(message.header.key.sequence, 1);
    assert_true(clock_monotonic_ms() - began_ms >= 45);
    message_close(&message);
    zmq_close(client);
}

static void a_worker_that_did_not_say_hello_is_asked_who_it_is(void **state)
{
    (void)state;
    struct message message;
    Chw__Heartbeat heartbeat;
    void *worker = connect_to("ipc://back");
    chw__heartbeat__init(&heartbeat);
    send_proto(worker, MESSAGE_HEARTBEAT, &heartbeat.base);
    receive(worker, &message, MESSAGE_WHO);
    message_close(&message);
    zmq_close(worker);
}

static void what_a_dead_worker_held_goes_to_another(void **state)
{
    (void)state;
    struct message lease, answer;
    struct header header = score(1);
    Chw__Heartbeat heartbeat;
    void *client = connect_to("ipc://front");
    void *doomed = join();
    chw__heartbeat__init(&heartbeat);
    send_message(client, &header, "rows", 4);
    receive(doomed, &lease, MESSAGE_SCORE);
    heartbeat.scoring_ticket = lease.header.ticket;
    heartbeat.window = 4;
    send_proto(doomed, MESSAGE_HEARTBEAT, &heartbeat.base);
    zmq_close(doomed);
    message_close(&lease);
    for (int waited = 0; count_in_log("worker_lost") == 0; waited += 10) {
        assert_in_range(waited, 0, DEADLINE_MS);
        poll(NULL, 0, 10);
    }

    void *worker = join();
    receive(worker, &lease, MESSAGE_SCORE);
    assert_int_equal(lease.header.attempt, 2);
    assert_memory_equal(zmq_msg_data(&lease.body), "rows", 4);
    reply(worker, &lease.header);
    receive(client, &answer, MESSAGE_CHARGED);
    assert_int_equal(answer.header.attempt, 1);
    message_close(&answer);
    receive(client, &answer, MESSAGE_REPLY);
    message_close(&lease);
    message_close(&answer);
    zmq_close(client);
    zmq_close(worker);
}

static void a_second_broker_on_either_address_is_refused(void **state)
{
    (void)state;
    check_that_it_serves();
    const char *const front[] = {"--front=ipc://front", "--back=ipc://third", NULL};
    const char *const back[] = {"--front=ipc://third", "--back=ipc://back", NULL};
    assert_int_equal(wait_for_exit(start(front)), 75);
    assert_int_equal(wait_for_exit(start(back)), 75);
    char expected[128];
    snprintf(expected, sizeof expected,
             "ipc://front is served by another broker: front.lock is held by process %d",
             broker);
    assert_int_equal(count_in_log(expected), 1);
    assert_int_equal(count_in_log("ipc://back is served by another broker"), 1);
    check_that_it_serves(); /* nothing was stolen */
}

static void a_tcp_port_in_use_is_refused(void **state)
{
    (void)state;
    char endpoint[128], option[160];
    size_t size = sizeof endpoint;
    void *holder = zmq_socket(context, ZMQ_ROUTER);
    assert_int_equal(zmq_bind(holder, "tcp://127.0.0.1:*"), 0);
    zmq_getsockopt(holder, ZMQ_LAST_ENDPOINT, endpoint, &size);
    snprintf(option, sizeof option, "--front=%s", endpoint);
    assert_int_equal(
        wait_for_exit(start((const char *[]){option, "--back=ipc://third", NULL})), 75);
    assert_int_equal(count_in_log("Address already in use"), 1);
    zmq_close(holder);
}

static void an_address_that_is_not_loopback_needs_insecure(void **state)
{
    (void)state;
    const char *const options[] = {"--front=tcp://0.0.0.0:5999", "--back=ipc://third",
                                   NULL};
    assert_int_equal(wait_for_exit(start(options)), 64);
    assert_int_equal(count_in_log("front: tcp://0.0.0.0:5999 is not a loopback address"),
                     1);
}

static void a_killed_broker_can_be_started_again_on_its_addresses(void **state)
{
    (void)state;
    void *client = connect_to("ipc://front");
    uint64_t first = ping(client);
    zmq_close(client);
    kill(broker, SIGKILL);
    assert_int_equal(wait_for_exit(broker), -1);

    broker = start_broker();
    client = connect_to("ipc://front");
    assert_true(ping(client) != first);
    zmq_close(client);
    check_that_it_serves();
}

static void sigterm_finishes_what_is_leased_and_exits_0(void **state)
{
    (void)state;
    struct message lease, message;
    struct header first = score(1), second = score(2);
    void *client = connect_to("ipc://front");
    void *worker = join();
    send_message(client, &first, "rows", 4);
    receive(worker, &lease, MESSAGE_SCORE);

    assert_int_equal(kill(broker, SIGTERM), 0);
    receive(worker, &message, MESSAGE_DRAIN);
    message_close(&message);
    receive(client, &message, MESSAGE_DRAIN);
    message_close(&message);
    send_message(client, &second, "rows", 4);
    receive(client, &message, MESSAGE_BUSY);
    assert_int_equal(message.header.key.sequence, 2);
    message_close(&message);
    reply(worker, &lease.header);
    receive(client, &message, MESSAGE_REPLY);
    message_close(&message);
    message_close(&lease);
    assert_int_equal(wait_for_exit(broker), 0);
    broker = 0;
    assert_int_equal(count_in_log("jobs_queued=1 jobs_duplicate=0 jobs_busy=1"), 1);
    zmq_close(client);
    zmq_close(worker);
}

static Chw__StatusReport *ask_status(void *client, uint64_t sequence)
{
    const struct header question = {.type = MESSAGE_STATUS, .key.sequence = sequence};
    struct message message;
    send_message(client, &question, "", 0);
    receive(client, &message, MESSAGE_STATUS_REPORT);
    assert_int_equal(message.header.key.sequence, sequence);
    ProtobufCMessage *report =
        proto_parse(&chw__status_report__descriptor, zmq_msg_data(&message.body),
                    zmq_msg_size(&message.body));
    assert_non_null(report);
    message_close(&message);
    return (Chw__StatusReport *)report;
}

/* Also: a worker of an earlier version says nothing of what it serves. */
static void status_is_answered_by_the_broker_alone_and_while_it_drains(void **state)
{
    (void)state;
    struct message lease;
    void *client = connect_to("ipc://front"), *watcher = connect_to("ipc://front");
    void *worker = join();
    struct header header = score(1);
    send_message(client, &header, "rows", 4);
    receive(worker, &lease, MESSAGE_SCORE);
    header = score(2);
    header.type = MESSAGE_STATUS;
    send_message(worker, &header, "", 0);
    rejected(worker, "STATUS does not belong on the back side");
    send_message(worker, &(struct header){.type = MESSAGE_HEARTBEAT}, "\x08\x05\x18\x01",
                 4); /* progress 5, window 1 */
    send_message(worker, &header, "", 0);
    rejected(worker, "STATUS"); /* so the heartbeat was read */

    Chw__StatusReport *report = ask_status(watcher, 77);
    assert_int_equal(report->n_regions, 1);
    assert_string_equal(report->regions[0]->name, "KE/Kisumu");
    assert_int_equal(report->regions[0]->leased, 1);
    assert_int_equal(report->n_workers, 1);
    assert_string_equal(report->workers[0]->name, "test/worker");
    assert_string_equal(report->workers[0]->serving, "");
    assert_string_equal(report->workers[0]->release, "");
    assert_int_equal(report->workers[0]->window, 1);
    assert_false(report->draining);
    proto_free(&report->base);

    assert_int_equal(kill(broker, SIGTERM), 0);
    struct message drain;
    receive(worker, &drain, MESSAGE_DRAIN);
    report = ask_status(watcher, 78);
    assert_true(report->draining);
    proto_free(&report->base);
    reply(worker, &lease.header);
    assert_int_equal(wait_for_exit(broker), 0);
    broker = 0;
    message_close(&lease);
    message_close(&drain);
    zmq_close(client);
    zmq_close(watcher);
    zmq_close(worker);
}

/* ---- time and memory ---- */

static int compare(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

/* The median: a machine that is busy with other things may be late now and then. */
static void deadlines_pass_within_ten_milliseconds(void **state)
{
    enum { COUNT = 41 };
    (void)state;
    int64_t due_ms[COUNT], late_ms[COUNT];
    struct message message;
    void *client = connect_to("ipc://front");
    ping(client);
    for (int i = 0; i < COUNT; i++) {
        struct header header = score((uint64_t)i);
        header.deadline_ms = 20 + 13 * (uint32_t)(i * 17 % COUNT);
        due_ms[i] = (int64_t)clock_monotonic_ms() + header.deadline_ms;
        send_message(client, &header, "rows", 4);
    }
    for (int i = 0; i < COUNT; i++) {
        receive(client, &message, MESSAGE_EXPIRED);
        late_ms[i] = (int64_t)clock_monotonic_ms() - due_ms[message.header.key.sequence];
        assert_true(late_ms[i] >= 0);
        message_close(&message);
    }
    qsort(late_ms, COUNT, sizeof late_ms[0], compare);
    print_message("late by %lld ms in the median, %lld ms at most\n",
                  (long long)late_ms[COUNT / 2], (long long)late_ms[COUNT - 1]);
    assert_in_range(late_ms[COUNT / 2], 0, 10);
    zmq_close(client);
}

/* The broker's resident memory in bytes: VmRSS now, VmHWM at most. */
static size_t memory_of_broker(const char *which)
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/status", broker);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    assert_true(size > 0);
    text[size] = '\0';
    const char *line = strstr(text, which);
    assert_non_null(line);
    return strtoul(line + strlen(which) + 1, NULL, 10) << 10;
}

/* In the place of the broker that setup() started; it has served when this returns. */
static size_t start_small_broker(const char *const *options)
{
    kill(broker, SIGKILL);
    wait_for_exit(broker);
    broker = start(options);
    check_that_it_serves();
    return memory_of_broker("VmRSS:");
}

/* A sanitizer keeps what was freed for a while, and its own notes beside all else. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MEMORY_SAYS_NOTHING = 1 };
#else
enum { MEMORY_SAYS_NOTHING = 0 };
#endif

static void check_growth(size_t before, size_t budget)
{
    size_t grown = memory_of_broker("VmHWM:") - before;
    print_message("grown by %.1f MiB with a budget of %.1f MiB: %.2f\n",
                  (double)grown / (1 << 20), (double)budget / (1 << 20),
                  (double)grown / (double)budget);
    if (!MEMORY_SAYS_NOTHING)
        assert_in_range(grown, 0, budget + budget / 10);
}

static void a_flooded_broker_holds_its_budget_and_no_more(void **state)
{
    enum { BUDGET = 64 << 20, SIZE = 64 << 10, CLIENTS = 4, COUNT = 4096 };
    (void)state;
    static uint8_t rows[SIZE];
    void *clients[CLIENTS];
    struct error_text error;
    struct message message;
    int busy = 0;
    size_t before = start_small_broker((const char *[]){
        "--front=ipc://front", "--back=ipc://back", "--queue-bytes=67108864", NULL});
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = connect_to("ipc://front");
    message_init(&message);
    for (int i = 0; i < COUNT; i++) {
        struct header header = score((uint64_t)i);
        header.region[0] = (char)('A' + i % 20);
        send_message(clients[i % CLIENTS], &header, rows, SIZE);
    }
    int held = BUDGET / (SIZE + BATCH_COST);
    for (int waited = 0; busy < COUNT - held; waited++) {
        assert_in_range(waited, 0, DEADLINE_MS);
        for (int i = 0; i < CLIENTS; i++)
            while (message_receive(clients[i], false, &message, &error) == STATUS_OK) {
                assert_int_equal(message.header.type, MESSAGE_BUSY);
                busy++;
            }
        poll(NULL, 0, 1);
    }
    assert_int_equal(busy, COUNT - held);
    check_growth(before, BUDGET);
    message_close(&message);
    for (int i = 0; i < CLIENTS; i++)
        zmq_close(clients[i]);
}

/* A client that sends and never reads: what waits for it stays with the broker. */
static void *connect_without_reading(void)
{
    const int one = 1;
    void *socket = zmq_socket(context, ZMQ_DEALER);
    assert_non_null(socket);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &one, sizeof one);
    zmq_setsockopt(socket, ZMQ_LINGER, &(int){0}, sizeof one);
    assert_int_equal(zmq_connect(socket, "ipc://front"), 0);
    return socket;
}

static void reply_sized(void *worker, const struct header *lease, size_t size)
{
    static uint8_t scores[1 << 20];
    struct header header = *lease;
    header.type = MESSAGE_REPLY;
    send_message(worker, &header, scores, size);
}

/* The worker answers whatever it is given, until the broker holds nothing. */
static void work_off(void *worker, void *watcher, size_t reply_size)
{
    struct error_text error;
    struct message lease;
    uint32_t held = 1;
    message_init(&lease);
    for (int waited = 0; held > 0; waited++) {
        assert_in_range(waited, 0, DEADLINE_MS);
        zmq_pollitem_t item = {.socket = worker, .events = ZMQ_POLLIN};
        zmq_poll(&item, 1, 1);
        while (message_receive(worker, false, &lease, &error) == STATUS_OK)
            reply_sized(worker, &lease.header, reply_size);
        Chw__StatusReport *report = ask_status(watcher, 0);
        held = report->queued + report->leased;
        proto_free(&report->base);
    }
    message_close(&lease);
}

/* `count` batches from a client that says with each that it has taken `told`. */
static Chw__StatusReport *flood_unread(int count, uint64_t told, size_t reply_size)
{
    void *client = connect_without_reading(), *watcher = connect_to("ipc://front");
    void *worker = join();
    for (int i = 0; i < count; i++) {
        struct header header = score((uint64_t)i);
        header.ticket = told;
        send_message(client, &header, "rows", 4);
        if (i % 100 == 99)
            work_off(worker, watcher, reply_size);
    }
    work_off(worker, watcher, reply_size);
    Chw__StatusReport *report = ask_status(watcher, 0);
    send_message(worker, &(struct header){.type = MESSAGE_BYE}, "", 0);
    check_that_it_serves(); /* the others */
    zmq_close(client);
    zmq_close(watcher);
    zmq_close(worker);
    return report;
}

static void answers_that_a_client_does_not_read_stay_within_their_budget(void **state)
{
    enum { BUDGET = 32 << 20, SIZE = 256 << 10, COUNT = 600 };
    (void)state;
    size_t before = start_small_broker((const char *[]){
        "--front=ipc://front", "--back=ipc://back", "--reply-bytes=33554432", NULL});
    Chw__StatusReport *report = flood_unread(COUNT, 1, SIZE);
    assert_in_range(report->reply_bytes, BUDGET / 2, BUDGET);
    assert_true(report->busy > 0);
    assert_int_equal(report->answered + report->busy + report->dropped,
                     COUNT + 1); /* and the one that setting up took */
    proto_free(&report->base);
    check_growth(before, BUDGET);
}

static void client_that_neither_reads_nor_says_so_is_bounded_by_messages(void **state)
{
    enum { COUNT = 6000, SIZE = 2 << 10 };
    (void)state;
    Chw__StatusReport *report = flood_unread(COUNT, 0, SIZE);
    assert_int_equal(report->reply_bytes, 0);
    assert_in_range(report->dropped, 1, COUNT - 4096);
    proto_free(&report->base);
}

static void a_batch_that_its_worker_says_not_to_hold_is_handed_out_again(void **state)
{
    (void)state;
    struct message lease;
    struct header header = score(1);
    void *client = connect_to("ipc://front"), *worker = join();
    send_message(client, &header, "rows", 4);
    receive(worker, &lease, MESSAGE_SCORE);
    uint64_t ticket = lease.header.ticket;
    Chw__Heartbeat heartbeat;
    chw__heartbeat__init(&heartbeat);
    heartbeat.window = 4;
    heartbeat.told_held = true;
    heartbeat.held = &ticket;
    heartbeat.n_held = 1;
    send_proto(worker, MESSAGE_HEARTBEAT, &heartbeat.base);
    heartbeat.n_held = 0;
    send_proto(worker, MESSAGE_HEARTBEAT, &heartbeat.base);
    message_close(&lease);
    receive(worker, &lease, MESSAGE_SCORE);
    assert_int_equal(lease.header.attempt, 1);
    assert_true(lease.header.ticket != ticket);
    message_close(&lease);
    zmq_close(client);
    zmq_close(worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_batch_goes_to_a_worker_and_its_answer_back),
        TEST(garbage_is_refused_on_both_sides_and_the_broker_serves_on),
        TEST(a_flood_of_garbage_does_not_flood_the_log),
        TEST(a_routing_id_of_the_peers_own_is_refused),
        TEST(a_batch_that_nobody_takes_in_time_is_expired),
        TEST(a_worker_that_did_not_say_hello_is_asked_who_it_is),
        TEST(what_a_dead_worker_held_goes_to_another),
        TEST(a_second_broker_on_either_address_is_refused),
        TEST(a_tcp_port_in_use_is_refused),
        TEST(an_address_that_is_not_loopback_needs_insecure),
        TEST(a_killed_broker_can_be_started_again_on_its_addresses),
        TEST(sigterm_finishes_what_is_leased_and_exits_0),
        TEST(status_is_answered_by_the_broker_alone_and_while_it_drains),
        TEST(a_batch_that_its_worker_says_not_to_hold_is_handed_out_again),
        TEST(deadlines_pass_within_ten_milliseconds),
        TEST(a_flooded_broker_holds_its_budget_and_no_more),
        TEST(answers_that_a_client_does_not_read_stay_within_their_budget),
        TEST(client_that_neither_reads_nor_says_so_is_bounded_by_messages),
    };
    context = zmq_ctx_new(); /* not terminated: a failed test leaves sockets open */
    return context == NULL ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
