/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the report says what the dispatcher holds and has answered, by region and by
 * worker, and stays within its bounds. Method: a dispatcher fed by hand; its report is
 * packed and parsed, as on the wire. */
#include "broker/status.h"

#include "base/proto_parse.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANN = 1, WANDA = 10000, REGIONS = 700, WORKERS = 600 };

static struct dispatch *broker;
static Chw__StatusReport *report;
static int body; /* of every job */

static bool same_body(void *a, void *b)
{
    return a == b;
}

static int setup(void **state)
{
    (void)state;
    broker = dispatch_new(&(struct dispatch_limits){
        .jobs_max = REGIONS + 10,
        .regions_max = REGIONS,
        .workers_max = WORKERS,
        .attempts_max = 3,
        .bytes_max = 10 << 20,
        .region_bytes_max = 10 << 20,
        .lease_ticks = 10,
        .liveness_ticks = 30,
        .drain_ticks = 1,
        .instance = 0x1122334455667788,
        .secret = 42,
        .body_equal = same_body,
    });
    return broker == NULL;
}

static void settle_down(void)
{
    struct dispatch_action action;
    while (dispatch_next(broker, &action))
        continue;
}

static int teardown(void **state)
{
    (void)state;
    proto_free((ProtobufCMessage *)report);
    report = NULL;
    dispatch_drain(broker);
    settle_down();
    dispatch_tick(broker);
    settle_down();
    dispatch_free(broker);
    return 0;
}

static void send(const char *region, uint64_t sequence, size_t size)
{
    struct header header = {.type = MESSAGE_SCORE, .key.sequence = sequence};
    snprintf(header.region, sizeof header.region, "%s", region);
    dispatch_job(broker, ANN, &header, &body, size);
}

/* Hands out what can be; the ticket of the last batch. */
static uint64_t grant(void)
{
    struct dispatch_action action;
    uint64_t ticket = 0;
    while (dispatch_next(broker, &action))
        if (action.to == DISPATCH_WORKER)
            ticket = action.header.ticket;
    return ticket;
}

static void reply(uint64_t sequence, uint64_t ticket)
{
    const struct header header = {
        .type = MESSAGE_REPLY, .key.sequence = sequence, .ticket = ticket};
    dispatch_reply(broker, WANDA, &header, &body, sizeof body);
    settle_down();
}

/* As the asker gets it. */
static void look(void)
{
    Chw__StatusReport *made = status_report_new(broker);
    assert_non_null(made);
    size_t size = protobuf_c_message_get_packed_size(&made->base);
    assert_in_range(size, 1, message_body_max(MESSAGE_STATUS_REPORT));
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    protobuf_c_message_pack(&made->base, bytes);
    status_report_free(made);
    proto_free((ProtobufCMessage *)report);
    report =
        (Chw__StatusReport *)proto_parse(&chw__status_report__descriptor, bytes, size);
    free(bytes);
    assert_non_null(report);
}

static void empty_broker_reports_its_limits(void **state)
{
    (void)state;
    dispatch_tick(broker);
    look();
    assert_true(report->instance == 0x1122334455667788 && report->uptime_ms == 100);
    assert_string_equal(report->version, CHW_VERSION);
    assert_int_equal(report->bytes_max, 10 << 20);
    assert_int_equal(report->n_regions + report->n_workers + report->queued, 0);
    assert_false(report->draining);
    dispatch_drain(broker);
    look();
    assert_true(report->draining);
}

static void region_tells_what_is_queued_leased_and_answered(void **state)
{
    (void)state;
    dispatch_hello(broker, WANDA, 0, 1, 0, "wanda");
    settle_down();
    send("KE", 1, 1000);
    uint64_t ticket = grant();
    dispatch_tick(broker);
    dispatch_tick(broker);
    send("KE", 2, 500);
    dispatch_tick(broker);
    look();
    assert_int_equal(report->n_regions, 1);
    const Chw__RegionStatus *region = report->regions[0];
    assert_string_equal(region->name, "KE");
    assert_int_equal(region->queued, 1);
    assert_int_equal(region->leased, 1);
    assert_int_equal(region->bytes, 1500 + 2 * BATCH_COST);
    assert_int_equal(region->oldest_ms, 100);
    assert_int_equal(region->answered, 0);

    reply(1, ticket); /* and 2 goes out */
    look();
    region = report->regions[0];
    assert_int_equal(region->queued, 0);
    assert_int_equal(region->leased, 1);
    assert_int_equal(region->oldest_ms, 0);
    assert_int_equal(region->answered, 1);
    assert_int_equal(region->answered_bytes, 1000 + BATCH_COST);
    assert_int_equal(report->answered, 1);
}

static void idle_region_keeps_its_totals_until_its_place_is_needed(void **state)
{
    (void)state;
    char name[16];
    dispatch_hello(broker, WANDA, 0, 64, 0, "wanda");
    settle_down();
    send("KE", 1, 10);
    reply(1, grant());
    send("UG", 2, 10);
    reply(2, grant());
    look();
    assert_int_equal(report->n_regions, 2);
    assert_int_equal(report->regions[0]->answered + report->regions[1]->answered, 2);
    for (uint64_t i = 0; i < REGIONS - 1; i++) { /* all places but one */
        snprintf(name, sizeof name, "R%d", (int)i);
        send(name, 10 + i, 10);
        settle_down();
    }
    send("KE", 3, 10); /* forgotten: it was idle for longest; UG's place is taken now */
    settle_down();
    look();
    uint64_t answered = 0;
    for (size_t i = 0; i < report->n_regions; i++)
        answered += report->regions[i]->answered;
    assert_int_equal(answered, 0);
    assert_int_equal(report->answered, 2);
    dispatch_check(broker);
}

static void deepest_regions_are_listed_and_the_others_counted(void **state)
{
    (void)state;
    char name[16];
    for (uint64_t i = 0; i < REGIONS; i++) {
        snprintf(name, sizeof name, "R%d", (int)i);
        send(name, i, 10);
        settle_down();
    }
    send("R699", 1000, 10);
    settle_down();
    look();
    assert_int_equal(report->n_regions, STATUS_REGIONS_MAX);
    assert_int_equal(report->regions_left_out, REGIONS - STATUS_REGIONS_MAX);
    assert_string_equal(report->regions[0]->name, "R699");
    assert_int_equal(report->regions[0]->queued, 2);
    assert_int_equal(report->queued, REGIONS + 1);
}

static void worker_tells_its_state_and_what_it_serves(void **state)
{
    (void)state;
    struct dispatch_heartbeat beat = {.progress = 1,
                                      .window = 2,
                                      .serving = "chd=1a2b\033",
                                      .release = "9 9",
                                      .records = 77};
    dispatch_hello(broker, WANDA, 0, 2, 0, "host/1/0");
    settle_down();
    look();
    assert_string_equal(report->workers[0]->name, "host/1/0");
    assert_string_equal(report->workers[0]->serving, "");
    dispatch_heartbeat(broker, WANDA, &beat);
    send("KE", 1, 10);
    send("KE", 2, 10);
    uint64_t ticket = grant();
    dispatch_tick(broker);
    look();
    const Chw__WorkerStatus *worker = report->workers[0];
    assert_string_equal(worker->serving, "chd=1a2b?");
    assert_string_equal(worker->release, "9?9");
    assert_int_equal(worker->records, 77);
    assert_int_equal(worker->state, CHW__WORKER_STATUS__STATE__FULL);
    assert_int_equal(worker->leased, 2);
    assert_int_equal(worker->silent_ms, 100);
    reply(2, ticket);
    look();
    assert_int_equal(report->workers[0]->answered, 1);
    assert_int_equal(report->workers[0]->state, CHW__WORKER_STATUS__STATE__WORKING);
    assert_int_equal(report->workers[0]->silent_ms, 0);
    beat.window = 0;
    dispatch_heartbeat(broker, WANDA, &beat);
    look();
    assert_int_equal(report->workers[0]->state, CHW__WORKER_STATUS__STATE__CLOSED);
}

static void worker_that_stands_still_is_stuck_and_charged(void **state)
{
    (void)state;
    struct dispatch_heartbeat beat = {
        .progress = 1, .window = 1, .serving = "chd=1", .release = ""};
    dispatch_hello(broker, WANDA, 0, 1, 0, "wanda");
    settle_down();
    send("KE", 1, 10);
    beat.scoring_ticket = grant();
    dispatch_heartbeat(broker, WANDA, &beat);
    for (int i = 0; i < 10; i++)
        dispatch_tick(broker);
    settle_down();
    look();
    assert_int_equal(report->workers[0]->state, CHW__WORKER_STATUS__STATE__STUCK);
    assert_int_equal(report->workers[0]->charged, 1);
}

/* Workers of earlier versions are not to lose what they said, nor to be refused. */
static void heartbeat_that_says_nothing_of_versions_changes_nothing(void **state)
{
    (void)state;
    struct dispatch_heartbeat beat = {.progress = 1, .window = 1};
    dispatch_hello(broker, WANDA, 0, 1, 0, "wanda");
    settle_down();
    dispatch_heartbeat(broker, WANDA, &beat);
    look();
    assert_string_equal(report->workers[0]->serving, "");
    assert_int_equal(report->workers[0]->window, 1);
    send("KE", 1, 10);
    assert_true(grant() != 0);
}

static void workers_beyond_the_bound_are_counted(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < WORKERS; i++) {
        dispatch_hello(broker, WANDA + i, 0, 1, 0, "w");
        settle_down();
    }
    look();
    assert_int_equal(report->n_workers, STATUS_WORKERS_MAX);
    assert_int_equal(report->workers_left_out, WORKERS - STATUS_WORKERS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(empty_broker_reports_its_limits),
        TEST(region_tells_what_is_queued_leased_and_answered),
        TEST(idle_region_keeps_its_totals_until_its_place_is_needed),
        TEST(deepest_regions_are_listed_and_the_others_counted),
        TEST(worker_tells_its_state_and_what_it_serves),
        TEST(worker_that_stands_still_is_stuck_and_charged),
        TEST(heartbeat_that_says_nothing_of_versions_changes_nothing),
        TEST(workers_beyond_the_bound_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
