/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a scoring thread serves all brokers at once: each has its part of the window,
 * knows what is held of it and whether the thread is busy with its batches or another's,
 * and may come and go by its address.
 * Method: the real loop, committer and watcher over a real store; this test is the
 * brokers, at one port of several loopback addresses, and the name server. Every wait has
 * a deadline. */
#include "base/clock.h"
#include "base/proto_parse.h"
#include "wire/socket.h"
#include "worker/loop.h"
#include "worker/watcher.h"

#include "tests/lib/build.h"
#include "tests/lib/test.h"
#include "tests/unit/worker_fixture.h"

#include "control.pb-c.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BROKERS = 3,
    DEADLINE_MS = 20000,
    WINDOW = 4,
    WINDOW_BYTES = 1000,
    SLOW_ROWS = 65536, /* keep worker_slow_model() busy for a while */
};

/* One broker, by number: at 127.0.0.(1 + number). */
static struct peer {
    char endpoint[ADDRESS_SIZE];
    void *router;
    struct message message; /* the last that was received */
    Chw__Heartbeat *beat;   /* the last that was received */
} peers[BROKERS];

static struct worker_fixture fixture;
static void *context;
static struct current *current;
static struct watcher *watcher;
static struct committer *committer;
static struct addresses *addresses;
static struct meters meters;
static struct loop *loop;
static atomic_bool stop_asked;
static atomic_uint named; /* bits: which brokers the name stands for */

/* ---- the name server ---- */

static enum status resolve(void *unused, const char *host, struct address_set *hosts,
                           struct error_text *error)
{
    char text[32];
    (void)unused;
    (void)error;
    assert_string_equal(host, "brokers");
    for (int i = 0; i < BROKERS; i++) {
        snprintf(text, sizeof text, "127.0.0.%d", 1 + i);
        if (atomic_load(&named) >> i & 1)
            address_set_add(hosts, text);
    }
    return STATUS_OK;
}

static void name_brokers(unsigned bits)
{
    atomic_store(&named, bits);
    addresses_hurry(addresses);
}

/* ---- the brokers, which are this test ---- */

static void bind_broker(int number)
{
    struct error_text error = {""};
    if (socket_bind(context, peers[number].endpoint, &peers[number].router, &error) !=
        STATUS_OK)
        fail_msg("%s", error.text);
}

/* The port that the first was given; the others have it at addresses of their own. */
static int bind_first(void)
{
    char bound[ADDRESS_SIZE];
    size_t size = sizeof bound;
    snprintf(peers[0].endpoint, ADDRESS_SIZE, "tcp://127.0.0.1:*");
    bind_broker(0);
    zmq_getsockopt(peers[0].router, ZMQ_LAST_ENDPOINT, bound, &size);
    int port = atoi(strrchr(bound, ':') + 1);
    snprintf(peers[0].endpoint, ADDRESS_SIZE, "tcp://127.0.0.1:%d", port);
    return port;
}

static void *read_body(struct peer *peer, const ProtobufCMessageDescriptor *descriptor)
{
    void *body = proto_parse(descriptor, zmq_msg_data(&peer->message.body),
                             zmq_msg_size(&peer->message.body));
    assert_non_null(body);
    return body;
}

static bool wait_readable(struct peer *peer, long wait_ms)
{
    zmq_pollitem_t item = {.socket = peer->router, .events = ZMQ_POLLIN};
    return zmq_poll(&item, 1, wait_ms) == 1;
}

static enum message_type receive_any(int number)
{
    struct peer *peer = &peers[number];
    struct error_text error = {""};
    if (!wait_readable(peer, DEADLINE_MS))
        fail_msg("the worker is silent to broker %d", number);
    if (message_receive(peer->router, true, &peer->message, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    if (peer->message.header.type != MESSAGE_HEARTBEAT)
        return peer->message.header.type;
    if (peer->beat != NULL)
        proto_free(&peer->beat->base);
    peer->beat = read_body(peer, &chw__heartbeat__descriptor);
    return MESSAGE_HEARTBEAT;
}

/* The next message that is no heartbeat. */
static void receive(int number, enum message_type type)
{
    uint64_t until_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (receive_any(number) == MESSAGE_HEARTBEAT)
        if (clock_monotonic_ms() > until_ms)
            fail_msg("nothing but heartbeats");
    assert_string_equal(message_name(peers[number].message.header.type),
                        message_name(type));
}

static Chw__Heartbeat *receive_heartbeat(int number)
{
    assert_int_equal(receive_any(number), MESSAGE_HEARTBEAT);
    return peers[number].beat;
}

/* What a heartbeat is waited for to say. */
enum said { WINDOW_IS, SCORING_IS, HELD_IS, ELSEWHERE_IS };

static uint64_t value_of(const Chw__Heartbeat *beat, enum said said)
{
    switch (said) {
    case WINDOW_IS:
        return beat->window;
    case SCORING_IS:
        return beat->scoring_ticket;
    case HELD_IS:
        return beat->n_held;
    case ELSEWHERE_IS:
        break;
    }
    return beat->elsewhere ? 1 : 0;
}

/* The last heartbeat that has been received may be the one. */
static void wait_for(int number, enum said said, uint64_t value)
{
    uint64_t until_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (value_of(peers[number].beat, said) != value) {
        if (clock_monotonic_ms() > until_ms)
            fail_msg("broker %d is never told %d of %d", number, (int)value, (int)said);
        receive_heartbeat(number);
    }
}

/* The ticket is the sequence and a thousand. */
static void send_header(int number, const struct header *header, size_t rows)
{
    struct peer *peer = &peers[number];
    float *ages = build_alloc(rows * sizeof *ages);
    zmq_msg_t body;
    size_t size;
    const uint8_t *bytes = worker_body(ages, rows, &size);
    zmq_msg_init_size(&body, size);
    memcpy(zmq_msg_data(&body), bytes, size);
    assert_int_equal(message_send(peer->router, &peer->message.route, header, &body),
                     STATUS_OK);
}

static struct header make_header(uint64_t sequence)
{
    return (struct header){.type = MESSAGE_SCORE,
                           .attempt = 1,
                           .key = {.client = "a client", .sequence = sequence},
                           .as_of = clock_today(),
                           .ticket = sequence + 1000,
                           .region = "KE/Kisumu"};
}

static void send_in_time(int number, uint64_t sequence, size_t rows, uint32_t deadline_ms)
{
    struct header header = make_header(sequence);
    header.deadline_ms = deadline_ms;
    send_header(number, &header, rows);
}

static void send_again(int number, uint64_t sequence, size_t rows)
{
    struct header header = make_header(sequence);
    header.attempt = 2;
    send_header(number, &header, rows);
}

static void send_ages(int number, uint64_t sequence, size_t rows)
{
    send_in_time(number, sequence, rows, 0);
}

static void send_plain(int number, enum message_type type)
{
    struct peer *peer = &peers[number];
    assert_int_equal(message_send(peer->router, &peer->message.route,
                                  &(struct header){.type = type}, NULL),
                     STATUS_OK);
}

/* What was sent before is in the worker's hands: it has refused what came behind. */
static void wait_received(int number)
{
    send_plain(number, MESSAGE_PONG);
    receive(number, MESSAGE_REJECT);
}

static void receive_counted(int number, uint64_t sequence)
{
    receive(number, MESSAGE_REPLY);
    assert_int_equal(peers[number].message.header.key.sequence, sequence);
    assert_int_equal(peers[number].message.header.ticket, sequence + 1000);
    Chw__Reply *reply = read_body(&peers[number], &chw__reply__descriptor);
    assert_int_equal(reply->outcome, CHW__OUTCOME__OUTCOME_COUNTED);
    proto_free(&reply->base);
}

static void wait_for_scoring(int number, uint64_t sequence)
{
    wait_for(number, SCORING_IS, sequence + 1000);
}

/* ---- set-up ---- */

static void serve_slow_model(void)
{
    worker_publish(&fixture, worker_slow_model("chd"), "chd", "champion");
    worker_publish_program(&fixture, "chd");
}

static void start_loop(int port)
{
    char list[ADDRESS_SIZE];
    const struct address_resolver resolver = {resolve, NULL};
    const struct committer_options settling = {
        .store_url = fixture.url, .current = current, .wait_ms = 1000};
    snprintf(list, sizeof list, "tcp://brokers:%d", port);
    assert_int_equal(watcher_start(fixture.url, current, &watcher, NULL), STATUS_OK);
    assert_int_equal(committer_start(&settling, &committer, NULL), STATUS_OK);
    assert_int_equal(addresses_open(list, true, &resolver, &addresses, NULL), STATUS_OK);
    const struct loop_options options = {.context = context,
                                         .addresses = addresses,
                                         .window = WINDOW,
                                         .window_bytes = WINDOW_BYTES,
                                         .wait_ms = 1000,
                                         .current = current,
                                         .committer = committer,
                                         .meters = &meters,
                                         .stop = &stop_asked};
    assert_int_equal(loop_start(&options, &loop, NULL), STATUS_OK);
}

/* Two brokers that the name stands for, and a third that it does not. */
static int setup(void **state)
{
    (void)state;
    worker_fixture_open(&fixture);
    serve_slow_model();
    context = loop_context_new();
    current = current_new();
    assert_int_equal(meters_open(&meters), STATUS_OK);
    atomic_store(&stop_asked, false);
    atomic_store(&named, 3);
    int port = bind_first();
    for (int i = 0; i < BROKERS; i++) {
        message_init(&peers[i].message);
        peers[i].beat = NULL;
        if (i > 0) {
            snprintf(peers[i].endpoint, ADDRESS_SIZE, "tcp://127.0.0.%d:%d", 1 + i, port);
            bind_broker(i);
        }
    }
    start_loop(port);
    receive(0, MESSAGE_HELLO);
    receive(1, MESSAGE_HELLO);
    receive_heartbeat(0);
    receive_heartbeat(1);
    wait_for(0, WINDOW_IS, WINDOW / 2);
    wait_for(1, WINDOW_IS, WINDOW / 2);
    return 0;
}

static void stop_loop(void)
{
    struct loop_counters counters = {0};
    if (loop == NULL)
        return;
    atomic_store(&stop_asked, true);
    loop_wake(loop);
    loop_join(loop, &counters);
    loop = NULL;
}

static int teardown(void **state)
{
    (void)state;
    stop_loop();
    for (int i = 0; i < BROKERS; i++) {
        if (peers[i].beat != NULL)
            proto_free(&peers[i].beat->base);
        message_close(&peers[i].message);
        if (peers[i].router != NULL)
            zmq_close(peers[i].router);
    }
    committer_stop(committer);
    watcher_stop(watcher);
    addresses_close(addresses);
    current_free(current);
    meters_close(&meters);
    loop_context_free(context);
    worker_fixture_close(&fixture);
    return 0;
}

static void lose_broker(int number)
{
    zmq_close(peers[number].router);
    peers[number].router = NULL;
}

/* ---- the window ---- */

static void window_is_shared_by_the_brokers_that_are_there(void **state)
{
    (void)state;
    assert_int_equal(peers[0].beat->window_bytes, WINDOW_BYTES / 2);
    lose_broker(0);
    wait_for(1, WINDOW_IS, WINDOW);
    assert_int_equal(peers[1].beat->window_bytes, WINDOW_BYTES);
    name_brokers(7);
    receive(2, MESSAGE_HELLO);
    receive_heartbeat(2);
    wait_for(1, WINDOW_IS, WINDOW / 2);
    bind_broker(0);
    receive_heartbeat(0); /* of a worker that this broker does not know */
    send_plain(0, MESSAGE_WHO);
    receive(0, MESSAGE_HELLO);
    Chw__Hello *hello = read_body(&peers[0], &chw__hello__descriptor);
    assert_int_equal(hello->window, 2); /* a third, rounded up */
    assert_int_equal(hello->window_bytes, (WINDOW_BYTES + 2) / 3);
    proto_free(&hello->base);
    wait_for(2, WINDOW_IS, 2);
}

static void broker_that_drains_leaves_its_part_to_the_others(void **state)
{
    (void)state;
    send_plain(0, MESSAGE_DRAIN);
    wait_for(1, WINDOW_IS, WINDOW);
    send_plain(0, MESSAGE_WHO); /* it was started again */
    receive(0, MESSAGE_HELLO);
    wait_for(1, WINDOW_IS, WINDOW / 2);
    assert_int_equal(atomic_load(&meters.connections), 2);
    assert_int_equal(atomic_load(&meters.connected), 1);
}

/* ---- batches ---- */

static void
batches_of_all_brokers_are_settled_and_answered_where_they_came_from(void **state)
{
    (void)state;
    for (uint64_t sequence = 1; sequence <= 2; sequence++) {
        send_ages(0, sequence, 10);
        send_ages(1, sequence + 10, 20);
    }
    for (uint64_t sequence = 1; sequence <= 2; sequence++) {
        receive_counted(0, sequence);
        receive_counted(1, sequence + 10);
    }
    assert_int_equal(worker_people(&fixture), 60);
}

static void each_broker_knows_whether_the_worker_is_busy_for_it(void **state)
{
    (void)state;
    send_ages(0, 1, SLOW_ROWS);
    wait_for_scoring(0, 1);
    assert_false(peers[0].beat->elsewhere);
    wait_for(1, ELSEWHERE_IS, true);
    assert_int_equal(peers[1].beat->scoring_ticket, 0);

    send_ages(1, 11, SLOW_ROWS);
    receive_counted(0, 1);
    wait_for_scoring(1, 11);
    assert_false(peers[1].beat->elsewhere);
    wait_for(0, ELSEWHERE_IS, true);
    assert_int_equal(peers[0].beat->scoring_ticket, 0);
    receive_counted(1, 11);
    wait_for(0, ELSEWHERE_IS, false);
    wait_for(1, SCORING_IS, 0);
}

static void heartbeat_lists_what_is_held_of_its_broker(void **state)
{
    (void)state;
    receive_heartbeat(0);
    assert_true(peers[0].beat->told_held);
    assert_int_equal(peers[0].beat->n_held, 0);
    send_ages(0, 1, SLOW_ROWS);
    wait_for_scoring(0, 1);
    send_ages(0, 2, SLOW_ROWS);
    send_ages(1, 11, SLOW_ROWS);
    receive_counted(0, 1);
    wait_for_scoring(0, 2);
    assert_true(peers[0].beat->told_held);
    assert_in_range(peers[0].beat->n_held, 1, 2); /* the first is being settled */
    assert_int_equal(peers[0].beat->held[peers[0].beat->n_held - 1], 1002);
    wait_for(1, HELD_IS, 1);
    assert_int_equal(peers[1].beat->n_held, 1);
    assert_int_equal(peers[1].beat->held[0], 1011);
}

enum { SEQUENCES = 32 };

/* By sequence: what a heartbeat said when it named this as the first that is in progress.
 */
static struct naming {
    bool named;
    size_t others;
    uint64_t first_other;
} namings[SEQUENCES];

static void note_naming(const Chw__Heartbeat *beat)
{
    if (beat->scoring_ticket == 0)
        return;
    assert_in_range(beat->scoring_ticket, 1000, 1000 + SEQUENCES - 1);
    namings[beat->scoring_ticket - 1000] = (struct naming){
        .named = true,
        .others = beat->n_together,
        .first_other = beat->n_together == 0 ? 0 : beat->together[0] - 1000,
    };
}

/* Until so many have been answered, in whatever order. */
static void receive_answers(int number, size_t count)
{
    memset(namings, 0, sizeof namings);
    while (count > 0) {
        enum message_type type = receive_any(number);
        if (type == MESSAGE_HEARTBEAT)
            note_naming(peers[number].beat);
        else
            assert_string_equal(message_name(type), "REPLY");
        count -= type == MESSAGE_REPLY;
    }
}

/* While they are scored, others come and wait. */
static void send_slow_ones(void)
{
    send_ages(0, 1, SLOW_ROWS);
    wait_for_scoring(0, 1);
    send_ages(0, 2, SLOW_ROWS);
}

static void small_batches_that_wait_are_begun_together_and_named(void **state)
{
    (void)state;
    send_slow_ones();
    for (uint64_t sequence = 11; sequence <= 13; sequence++)
        send_ages(0, sequence, 10);
    receive_answers(0, 5);
    assert_true(namings[2].named && namings[2].others == 0);
    assert_true(namings[11].named);
    assert_int_equal(namings[11].others, 2);
    assert_int_equal(namings[11].first_other, 12);
    assert_false(namings[12].named || namings[13].named);
    assert_int_equal(worker_people(&fixture), 2 * SLOW_ROWS + 30);
}

/* Nothing is settled until it is closed. */
static sqlite3 *lock_store(void)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(strchr(fixture.url, ':') + 1, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

/* True: before the next heartbeat that is due, which counts the wait for the store as
 * progress, too. */
static bool pass_is_taken_back_at_once(uint64_t sequence)
{
    struct header busy = make_header(sequence);
    busy.flags = HEADER_WHAT_IF;
    send_header(0, &busy, SLOW_ROWS);
    wait_for_scoring(0, sequence);
    send_ages(0, sequence + 1, 10);
    send_ages(0, sequence + 2, 10);
    receive(0, MESSAGE_REPLY);
    wait_for_scoring(0, sequence + 1);
    assert_int_equal(peers[0].beat->n_together, 1);
    uint64_t begun = peers[0].beat->progress;
    wait_for(0, SCORING_IS, 0);
    assert_int_equal(peers[0].beat->n_held, 2);
    return peers[0].beat->progress == begun + 1; /* its one block */
}

/* One that is due may come first, if seldom. */
static void pass_that_waits_for_the_store_is_taken_back_at_once(void **state)
{
    (void)state;
    bool at_once = false;
    for (uint64_t sequence = 1; sequence <= 7 && !at_once; sequence += 3) {
        sqlite3 *db = lock_store();
        at_once = pass_is_taken_back_at_once(sequence);
        sqlite3_close(db);
        receive_answers(0, 2);
    }
    assert_true(at_once);
}

static void batch_that_has_cost_a_worker_is_begun_alone(void **state)
{
    (void)state;
    send_slow_ones();
    send_ages(0, 11, 10);
    send_again(0, 12, 10);
    send_ages(0, 13, 10);
    receive_answers(0, 5);
    for (int i = 11; i <= 13; i++)
        assert_int_equal(namings[i].others, 0);
    assert_true(namings[12].named);
}

/* The broker knows: it is the oldest that it has not heard of. */
static void small_batch_that_comes_to_an_idle_worker_is_not_announced(void **state)
{
    (void)state;
    name_brokers(1);
    receive(1, MESSAGE_BYE);
    for (uint64_t sequence = 1; sequence <= 20; sequence++) {
        send_ages(0, sequence, 10);
        while (receive_any(0) == MESSAGE_HEARTBEAT)
            assert_int_equal(peers[0].beat->scoring_ticket, 0);
        assert_int_equal(peers[0].message.header.ticket, sequence + 1000);
    }
    send_again(0, 21, 10);
    receive_answers(0, 1);
    assert_true(namings[21].named);
}

static void heartbeats_go_on_to_all_brokers_while_a_batch_is_scored(void **state)
{
    (void)state;
    uint64_t beats = 0, last_ms = clock_monotonic_ms();
    for (uint64_t sequence = 1; sequence <= 2; sequence++)
        send_ages(0, sequence, SLOW_ROWS);
    wait_for_scoring(0, 1);
    for (uint64_t sequence = 1; sequence <= 2;) {
        if (wait_readable(&peers[1], 0)) {
            receive_heartbeat(1);
            beats++;
            last_ms = clock_monotonic_ms();
        }
        assert_in_range(clock_monotonic_ms() - last_ms, 0, 2000);
        if (wait_readable(&peers[0], 1) && receive_any(0) == MESSAGE_REPLY)
            sequence++;
    }
    assert_true(beats > 0);
}

static void batch_whose_deadline_passes_before_it_is_begun_is_not_scored(void **state)
{
    (void)state;
    send_ages(0, 1, SLOW_ROWS);
    send_in_time(0, 2, 10, 60000); /* it is begun with the next */
    send_in_time(0, 3, 10, 1);     /* the first takes longer */
    for (int expired = 0, answers = 0; answers < 3;) { /* the first is being settled */
        enum message_type type = receive_any(0);
        bool late = type == MESSAGE_EXPIRED;
        answers += type != MESSAGE_HEARTBEAT;
        expired += late;
        assert_true(late || type == MESSAGE_HEARTBEAT || type == MESSAGE_REPLY);
        assert_true(!late || peers[0].message.header.ticket == 1003);
        assert_true(answers < 3 || expired == 1);
    }
    assert_int_equal(worker_people(&fixture), SLOW_ROWS + 10);
}

/* ---- coming and going ---- */

static void broker_that_is_new_in_the_name_is_joined(void **state)
{
    (void)state;
    name_brokers(7);
    receive(2, MESSAGE_HELLO);
    send_ages(2, 1, 10);
    receive_counted(2, 1);
}

static void broker_that_is_gone_from_the_name_gets_its_answers_and_a_bye(void **state)
{
    (void)state;
    send_ages(0, 1, SLOW_ROWS);
    wait_for_scoring(0, 1);
    send_ages(0, 2, 10);
    wait_received(0);
    name_brokers(2);
    receive(0, MESSAGE_RETURN);
    assert_int_equal(peers[0].message.header.key.sequence, 2);
    receive_counted(0, 1);
    assert_int_equal(peers[0].beat->window, 0);
    receive(0, MESSAGE_BYE);
    wait_for(1, WINDOW_IS, WINDOW);

    name_brokers(3);
    receive(0, MESSAGE_HELLO);
    send_ages(0, 3, 10);
    receive_counted(0, 3);
}

static void
batch_of_a_broker_that_died_is_settled_and_costs_the_others_nothing(void **state)
{
    (void)state;
    send_ages(0, 1, SLOW_ROWS);
    wait_for_scoring(0, 1);
    lose_broker(0);
    send_ages(1, 11, 10);
    receive_counted(1, 11);
    send_ages(1, 1, SLOW_ROWS); /* the client sends it to another broker */
    receive_counted(1, 1);
    assert_int_equal(worker_people(&fixture), SLOW_ROWS + 10);
}

static void stopping_returns_what_was_not_begun_and_says_bye_to_all(void **state)
{
    (void)state;
    send_ages(0, 1, SLOW_ROWS);
    wait_for_scoring(0, 1);
    atomic_store(&stop_asked, true);
    loop_wake(loop);
    wait_for(1, WINDOW_IS, 0);
    send_ages(1, 11, 10); /* it was on its way */
    receive(1, MESSAGE_RETURN);
    assert_int_equal(peers[1].message.header.key.sequence, 11);
    receive_counted(0, 1);
    receive(0, MESSAGE_BYE);
    receive(1, MESSAGE_BYE);
    stop_loop();
    assert_int_equal(atomic_load(&meters.connected), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(window_is_shared_by_the_brokers_that_are_there),
        TEST(broker_that_drains_leaves_its_part_to_the_others),
        TEST(batches_of_all_brokers_are_settled_and_answered_where_they_came_from),
        TEST(each_broker_knows_whether_the_worker_is_busy_for_it),
        TEST(heartbeat_lists_what_is_held_of_its_broker),
        TEST(small_batches_that_wait_are_begun_together_and_named),
        TEST(pass_that_waits_for_the_store_is_taken_back_at_once),
        TEST(batch_that_has_cost_a_worker_is_begun_alone),
        TEST(small_batch_that_comes_to_an_idle_worker_is_not_announced),
        TEST(heartbeats_go_on_to_all_brokers_while_a_batch_is_scored),
        TEST(batch_whose_deadline_passes_before_it_is_begun_is_not_scored),
        TEST(broker_that_is_new_in_the_name_is_joined),
        TEST(broker_that_is_gone_from_the_name_gets_its_answers_and_a_bye),
        TEST(batch_of_a_broker_that_died_is_settled_and_costs_the_others_nothing),
        TEST(stopping_returns_what_was_not_begun_and_says_bye_to_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
