/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: messages cross a real socket whole; anything else is refused and named.
 * Method: a ROUTER and a DEALER in one process over loopback; raw frames for the bad
 * ones. */
#include "wire/body.h"
#include "wire/socket.h"

#include "tests/lib/test.h"

#include "control.pb-c.h"

#include <stdio.h>
#include <string.h>

struct pair {
    void *context, *router, *dealer;
    struct message message;
};

static int setup(void **state)
{
    static struct pair pair;
    char endpoint[256];
    size_t size = sizeof endpoint;
    pair.context = zmq_ctx_new();
    if (socket_bind(pair.context, "tcp://127.0.0.1:*", &pair.router, NULL) != STATUS_OK ||
        zmq_getsockopt(pair.router, ZMQ_LAST_ENDPOINT, endpoint, &size) != 0 ||
        socket_connect(pair.context, endpoint, &pair.dealer, NULL) != STATUS_OK)
        return -1;
    message_init(&pair.message);
    zmq_pollitem_t writable = {.socket = pair.dealer, .events = ZMQ_POLLOUT};
    *state = &pair;
    return zmq_poll(&writable, 1, 5000) != 1;
}

static int teardown(void **state)
{
    struct pair *pair = *state;
    message_close(&pair->message);
    zmq_close(pair->dealer);
    zmq_close(pair->router);
    return zmq_ctx_term(pair->context);
}

static enum status receive(void *socket, bool routed, struct message *message,
                           struct error_text *error)
{
    zmq_pollitem_t readable = {.socket = socket, .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&readable, 1, 5000), 1);
    return message_receive(socket, routed, message, error);
}

static void message_goes_there_and_its_answer_comes_back(void **state)
{
    struct pair *pair = *state;
    struct header header = {.type = MESSAGE_HEARTBEAT, .ticket = 7};
    Chw__Heartbeat heartbeat;
    chw__heartbeat__init(&heartbeat);
    heartbeat.progress = 99;
    zmq_msg_t body;

    assert_int_equal(body_pack(&heartbeat.base, &body), STATUS_OK);
    assert_int_equal(message_send(pair->dealer, NULL, &header, &body), STATUS_OK);
    assert_int_equal(receive(pair->router, true, &pair->message, NULL), STATUS_OK);
    assert_int_equal(pair->message.header.type, MESSAGE_HEARTBEAT);
    Chw__Heartbeat *got = chw__heartbeat__unpack(NULL, zmq_msg_size(&pair->message.body),
                                                 zmq_msg_data(&pair->message.body));
    assert_int_equal(got->progress, 99);
    chw__heartbeat__free_unpacked(got, NULL);

    header.type = MESSAGE_WHO;
    struct message answer;
    message_init(&answer);
    assert_int_equal(message_send(pair->router, &pair->message.route, &header, NULL),
                     STATUS_OK);
    assert_int_equal(receive(pair->dealer, false, &answer, NULL), STATUS_OK);
    assert_int_equal(answer.header.type, MESSAGE_WHO);
    assert_int_equal(answer.header.ticket, 7);
    assert_int_equal(message_receive(pair->dealer, false, &answer, NULL), STATUS_END);
    message_close(&answer);
}

static void frames_that_are_no_message_are_dropped_whole(void **state)
{
    struct pair *pair = *state;
    struct error_text error;
    uint8_t header[HEADER_SIZE];
    header_encode(&(struct header){.type = MESSAGE_PING}, header);

    zmq_send(pair->dealer, "garbage", 7, 0);
    assert_int_equal(receive(pair->router, true, &pair->message, &error),
                     STATUS_MALFORMED);
    assert_true(zmq_msg_size(&pair->message.route) > 0);

    zmq_send(pair->dealer, header, sizeof header, ZMQ_SNDMORE);
    zmq_send(pair->dealer, "", 0, ZMQ_SNDMORE);
    zmq_send(pair->dealer, "extra", 5, 0);
    assert_int_equal(receive(pair->router, true, &pair->message, &error),
                     STATUS_MALFORMED);
    assert_non_null(strstr(error.text, "3 frames"));

    zmq_send(pair->dealer, header, sizeof header, ZMQ_SNDMORE);
    zmq_send(pair->dealer, "body", 4, 0);
    assert_int_equal(receive(pair->router, true, &pair->message, &error),
                     STATUS_MALFORMED);
    assert_non_null(strstr(error.text, "PING has 4 bytes"));

    struct header ping = {.type = MESSAGE_PING};
    assert_int_equal(message_send(pair->dealer, NULL, &ping, NULL), STATUS_OK);
    assert_int_equal(receive(pair->router, true, &pair->message, &error), STATUS_OK);
}

static void peer_that_is_gone_is_reported(void **state)
{
    struct pair *pair = *state;
    struct header header = {.type = MESSAGE_WHO};
    zmq_msg_t route;
    zmq_msg_init_size(&route, 4);
    memcpy(zmq_msg_data(&route), "gone", 4);
    assert_int_equal(message_send(pair->router, &route, &header, NULL), STATUS_NOT_FOUND);
    zmq_msg_close(&route);
}

static void address_in_use_is_said(void **state)
{
    struct pair *pair = *state;
    char endpoint[256];
    size_t size = sizeof endpoint;
    void *second;
    struct error_text error;
    assert_int_equal(zmq_getsockopt(pair->router, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    assert_int_equal(socket_bind(pair->context, endpoint, &second, &error), STATUS_TAKEN);
    assert_non_null(strstr(error.text, endpoint));
}

static int option(void *socket, int name)
{
    int value = -1;
    size_t size = sizeof value;
    assert_int_equal(zmq_getsockopt(socket, name, &value, &size), 0);
    return value;
}

/* Why: open_socket(). */
static void dead_peer_is_noticed_by_tcp_and_never_by_zeromqs_own_heartbeats(void **state)
{
    struct pair *pair = *state;
    void *const sockets[] = {pair->router, pair->dealer};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(option(sockets[i], ZMQ_HEARTBEAT_IVL), 0);
        assert_int_equal(option(sockets[i], ZMQ_TCP_KEEPALIVE), 1);
        assert_int_not_equal(option(sockets[i], ZMQ_TCP_MAXRT), 0);
    }
}

static void only_this_machines_addresses_pass_without_insecure(void **state)
{
    (void)state;
    static const char *const loopback[] = {"tcp://127.0.0.1:5555", "tcp://127.9.9.9:1",
                                           "tcp://localhost:5555", "tcp://[::1]:5555",
                                           "ipc://chw-data/front.ipc"};
    static const char *const outside[] = {"tcp://0.0.0.0:5555", "tcp://*:5555",
                                          "tcp://10.1.2.3:5555", "tcp://[::]:5555",
                                          "tcp://127.0.0.1.example.org:5555"};
    static const char *const wrong[] = {
        "",       "ipc://",          "tcp://localhost",
        "tcp://", "tcp://[::1:5555", "tcp://127.0.0.1:0",
        "udp://", "tcp://:5555",     "tcp://127.0.0.1:65536"};
    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++)
        assert_int_equal(endpoint_check(loopback[i], false, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        assert_int_equal(endpoint_check(outside[i], false, NULL), STATUS_INVALID);
        assert_int_equal(endpoint_check(outside[i], true, NULL), STATUS_OK);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(endpoint_check(wrong[i], true, NULL), STATUS_INVALID);
}

static void socket_path_that_the_system_would_cut_is_refused(void **state)
{
    (void)state;
    char endpoint[200];
    struct error_text error;
    snprintf(endpoint, sizeof endpoint, "ipc://%0*d", 107, 0);
    assert_int_equal(endpoint_check(endpoint, false, &error), STATUS_OK);
    snprintf(endpoint, sizeof endpoint, "ipc://%0*d", 108, 0);
    assert_int_equal(endpoint_check(endpoint, false, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, "107"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(message_goes_there_and_its_answer_comes_back),
        TEST(frames_that_are_no_message_are_dropped_whole),
        TEST(peer_that_is_gone_is_reported),
        TEST(address_in_use_is_said),
        TEST(dead_peer_is_noticed_by_tcp_and_never_by_zeromqs_own_heartbeats),
        cmocka_unit_test(only_this_machines_addresses_pass_without_insecure),
        cmocka_unit_test(socket_path_that_the_system_would_cut_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
