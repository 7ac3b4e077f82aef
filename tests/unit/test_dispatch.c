/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: each rule by which the broker hands out, takes back and ends batches.
 * Method: an example per rule. Bodies are C strings, routes are small numbers: clients
 * from 1, workers from 100. tests/sim/test_broker_walk.c combines the rules at random. */

#include "broker/dispatch.h"

#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

enum { ANN = 1, BEN = 2, WANDA = 100, WES = 101 };

static bool text_equal(void *a, void *b)
{
    return strcmp(a, b) == 0;
}

static const struct dispatch_limits limits = {
    .jobs_max = 8,
    .regions_max = 3,
    .workers_max = 2,
    .attempts_max = 3,
    .bytes_max = 12000,
    .region_bytes_max = 8000,
    .bulk_wait_ticks = 4,
    .lease_ticks = 10,
    .liveness_ticks = 3,
    .drain_ticks = 5,
    .instance = 0x1122334455667788,
    .secret = 42,
    .body_equal = text_equal,
};

static int setup(void **state)
{
    *state = dispatch_new(&limits);
    return *state == NULL;
}

/* Drain first: a failed test leaves jobs behind, and the abort in dispatch_free() would
 * hide its message. */
static int teardown(void **state)
{
    struct dispatch_action action;
    dispatch_drain(*state);
    for (int i = 0; i < 6; i++) {
        while (dispatch_next(*state, &action))
            continue;
        dispatch_tick(*state);
    }
    while (dispatch_next(*state, &action))
        continue;
    dispatch_free(*state);
    return 0;
}

/* ---- the words of the stories ---- */

static struct header score(uint64_t sequence)
{
    return (struct header){
        .type = MESSAGE_SCORE,
        .key = {.client = "a client", .sequence = sequence},
        .as_of = 20000,
        .region = "KE/Kisumu",
    };
}

/* `body` is a literal; the dispatcher only hands it back. */
static void *text(const char *body)
{
    static char copies[64][32];
    static unsigned next;
    char *copy = copies[next++ % 64];
    strcpy(copy, body);
    return copy;
}

static void send_sized(struct dispatch *broker, uint64_t client, struct header header,
                       size_t size)
{
    dispatch_job(broker, client, &header, text("body"), size);
}

static void send(struct dispatch *broker, uint64_t client, struct header header)
{
    send_sized(broker, client, header, 4);
}

static void nothing(struct dispatch *broker)
{
    struct dispatch_action action;
    dispatch_check(broker);
    assert_false(dispatch_next(broker, &action));
}

static struct dispatch_action next(struct dispatch *broker)
{
    struct dispatch_action action;
    dispatch_check(broker);
    assert_true(dispatch_next(broker, &action));
    dispatch_check(broker);
    return action;
}

/* The next action hands this batch to that worker. */
static struct dispatch_action granted(struct dispatch *broker, uint64_t worker,
                                      uint64_t sequence)
{
    struct dispatch_action action = next(broker);
    assert_int_equal(action.to, DISPATCH_WORKER);
    assert_int_equal(action.route, worker);
    assert_int_equal(action.header.key.sequence, sequence);
    assert_int_not_equal(action.header.ticket, 0);
    return action;
}

/* A resend of what is held: its body is the caller's again, and that is all. */
static void nothing_but_release(struct dispatch *broker)
{
    struct dispatch_action action;
    while (dispatch_next(broker, &action))
        assert_int_equal(action.to, DISPATCH_NOBODY);
    dispatch_check(broker);
}

static struct dispatch_action answered(struct dispatch *broker, uint64_t client,
                                       enum message_type type)
{
    struct dispatch_action action = next(broker);
    assert_int_equal(action.to, DISPATCH_CLIENT);
    assert_int_equal(action.route, client);
    assert_string_equal(message_name(action.header.type), message_name(type));
    return action;
}

static struct dispatch_action noted(struct dispatch *broker, enum dispatch_note note)
{
    struct dispatch_action action = next(broker);
    assert_int_equal(action.note, note);
    assert_int_equal(action.to, DISPATCH_NOBODY);
    return action;
}

static void join(struct dispatch *broker, uint64_t worker, uint32_t window)
{
    dispatch_hello(broker, worker, 0, window, 0, "host/1/0");
    assert_string_equal(noted(broker, DISPATCH_NOTE_JOINED).worker, "host/1/0");
}

static void beat(struct dispatch *broker, uint64_t worker, uint64_t progress,
                 uint64_t ticket)
{
    const struct dispatch_heartbeat heartbeat = {
        .progress = progress, .scoring_ticket = ticket, .window = 4};
    dispatch_heartbeat(broker, worker, &heartbeat);
}

static struct header reply_to(const struct dispatch_action *lease)
{
    struct header header = lease->header;
    header.type = MESSAGE_REPLY;
    return header;
}

static void reply(struct dispatch *broker, uint64_t worker,
                  const struct dispatch_action *lease)
{
    struct header header = reply_to(lease);
    dispatch_reply(broker, worker, &header, text("scores"), 6);
}

/* The worker is never heard of again. */
static struct dispatch_action dies(struct dispatch *broker)
{
    for (uint32_t i = 0; i < limits.liveness_ticks; i++) {
        nothing(broker);
        dispatch_tick(broker);
    }
    return noted(broker, DISPATCH_NOTE_LOST);
}

/* The client hears how many workers its batch has cost. */
static void told(struct dispatch *broker, uint64_t client, uint8_t attempts)
{
    assert_int_equal(answered(broker, client, MESSAGE_CHARGED).header.attempt, attempts);
}

/* ---- handing out ---- */

static void reply_ends_the_batch_and_goes_to_its_client(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    struct header header = score(7);
    void *body = text("rows");
    dispatch_job(broker, ANN, &header, body, 4);

    struct dispatch_action lease = granted(broker, WANDA, 7);
    assert_ptr_equal(lease.body, body);
    assert_null(lease.released);
    assert_int_equal(lease.header.type, MESSAGE_SCORE);
    assert_int_equal(lease.header.attempt, 1);
    nothing(broker);

    header = reply_to(&lease);
    void *scores = text("scores");
    dispatch_reply(broker, WANDA, &header, scores, 6);
    struct dispatch_action answer = answered(broker, ANN, MESSAGE_REPLY);
    assert_ptr_equal(answer.body, scores);
    assert_ptr_equal(answer.released, body);
    assert_int_equal(answer.header.key.sequence, 7);
    assert_int_equal(answer.header.ticket, 0);
    nothing(broker);
    assert_int_equal(dispatch_job_count(broker), 0);
}

static void worker_gets_no_more_than_its_window(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 2);
    struct dispatch_action first = {0};
    for (uint64_t i = 1; i <= 3; i++) {
        send(broker, ANN, score(i));
        if (i == 1)
            first = granted(broker, WANDA, 1);
        if (i == 2)
            granted(broker, WANDA, 2);
        nothing(broker);
    }
    reply(broker, WANDA, &first);
    answered(broker, ANN, MESSAGE_REPLY);
    granted(broker, WANDA, 3);
    nothing(broker);
}

static void window_of_zero_stops_new_batches(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    dispatch_heartbeat(broker, WANDA, &(struct dispatch_heartbeat){.progress = 1});
    send(broker, ANN, score(1));
    nothing(broker);
    beat(broker, WANDA, 2, 0);
    granted(broker, WANDA, 1);
}

static void batch_goes_to_the_worker_that_holds_least(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    send(broker, ANN, score(1));
    granted(broker, WANDA, 1);
    send(broker, ANN, score(2));
    granted(broker, WANDA, 2);
    join(broker, WES, 4);
    send(broker, ANN, score(3));
    granted(broker, WES, 3);
    send(broker, ANN, score(4));
    granted(broker, WES, 4);
}

static void describe_is_a_job_too(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    struct header header = {.type = MESSAGE_DESCRIBE, .key.sequence = 1};
    send(broker, ANN, header);
    struct dispatch_action lease = granted(broker, WANDA, 1);
    assert_int_equal(lease.header.type, MESSAGE_DESCRIBE);

    header = lease.header;
    header.type = MESSAGE_DESCRIPTION;
    dispatch_reply(broker, WANDA, &header, text("columns"), 6);
    answered(broker, ANN, MESSAGE_DESCRIPTION);
}

static void regions_share_by_bytes_under_a_hundredfold_load(void **state)
{
    (void)state;
    struct dispatch_limits wide = limits;
    wide.jobs_max = 2000;
    wide.bytes_max = wide.region_bytes_max = 1 << 30;
    struct dispatch *broker = dispatch_new(&wide);
    assert_non_null(broker);

    const size_t size = 64 << 10;
    uint64_t sequence = 0;
    struct header flood = score(0), trickle = score(0);
    strcpy(trickle.region, "KE/Nyando");
    for (int i = 0; i < 1000; i++, nothing(broker)) { /* small batches */
        flood.key.sequence = ++sequence;
        send_sized(broker, ANN, flood, size / 4);
    }
    for (int i = 0; i < 10; i++, nothing(broker)) {
        trickle.key.sequence = ++sequence;
        send_sized(broker, BEN, trickle, size);
    }
    join(broker, WANDA, 1);

    size_t flood_size = 0;
    for (int trickled = 0; trickled < 10;) {
        struct dispatch_action lease = next(broker);
        bool is_flood = strcmp(lease.header.region, flood.region) == 0;
        flood_size += is_flood ? size / 4 : 0;
        trickled += !is_flood;
        reply(broker, WANDA, &lease);
        answered(broker, is_flood ? ANN : BEN, MESSAGE_REPLY);
    }
    /* As many bytes as the other, give or take a turn of each. */
    assert_in_range(flood_size, 10 * size - 2 * REGION_QUANTUM,
                    10 * size + 2 * REGION_QUANTUM);
    void *owner = broker;
    teardown(&owner);
}

/* A test's own dispatcher takes the place of the one that setup() made. */
static struct dispatch *replace(void **state, const struct dispatch_limits *own)
{
    dispatch_free(*state);
    *state = dispatch_new(own);
    assert_non_null(*state);
    return *state;
}

static void worker_holds_no_more_bytes_than_it_says_beyond_a_first(void **state)
{
    struct dispatch *broker = *state;
    dispatch_hello(broker, WANDA, 0, 4, 1000, "host/1/0");
    noted(broker, DISPATCH_NOTE_JOINED);
    send_sized(broker, ANN, score(1), 3000); /* a first may be as large as it likes */
    struct dispatch_action first = granted(broker, WANDA, 1);
    send_sized(broker, ANN, score(2), 600);
    nothing(broker);
    reply(broker, WANDA, &first);
    answered(broker, ANN, MESSAGE_REPLY);
    struct dispatch_action second = granted(broker, WANDA, 2);
    send_sized(broker, ANN, score(3), 400);
    granted(broker, WANDA, 3); /* 1000, and no more */
    send_sized(broker, ANN, score(4), 1);
    nothing(broker);
    reply(broker, WANDA, &second);
    answered(broker, ANN, MESSAGE_REPLY);
    granted(broker, WANDA, 4);
}

static void batch_without_room_is_not_overtaken_by_smaller_ones(void **state)
{
    struct dispatch *broker = *state;
    dispatch_hello(broker, WANDA, 0, 4, 1000, "host/1/0");
    noted(broker, DISPATCH_NOTE_JOINED);
    send_sized(broker, ANN, score(1), 500);
    struct dispatch_action first = granted(broker, WANDA, 1);
    send_sized(broker, ANN, score(2), 900);
    nothing(broker);
    send_sized(broker, ANN, score(3), 10);
    nothing(broker);
    join(broker, WES, 4); /* who has room for any */
    granted(broker, WES, 2);
    granted(broker, WANDA, 3);
    reply(broker, WANDA, &first);
    answered(broker, ANN, MESSAGE_REPLY);
}

/* Three of each priority, and the order in which they go. */
static void send_both(struct dispatch *broker)
{
    for (uint64_t i = 1; i <= 6; i++) {
        struct header header = score(i);
        header.priority = i > 3;
        send_sized(broker, ANN, header, i <= 3 ? 900 : REGION_QUANTUM / 2);
        nothing(broker);
    }
}

static void interactive_batches_go_before_bulk_until_bulk_has_waited_enough(void **state)
{
    struct dispatch_limits wide = limits;
    wide.bytes_max = wide.region_bytes_max = 1 << 30;
    struct dispatch *broker = replace(state, &wide);
    send_both(broker);
    join(broker, WANDA, 2);
    struct dispatch_action leases[2] = {granted(broker, WANDA, 4)};
    leases[1] = granted(broker, WANDA, 5);
    for (uint32_t i = 0; i <= limits.bulk_wait_ticks; i++) {
        dispatch_hello(broker, WANDA, 0, 2, 0, "host/1/0"); /* it lives */
        nothing(broker);
        dispatch_tick(broker);
    }
    for (uint64_t i = 1; i <= 2; i++) { /* interactive had its turn */
        reply(broker, WANDA, &leases[i - 1]);
        answered(broker, ANN, MESSAGE_REPLY);
        granted(broker, WANDA, i == 1 ? 1 : 6);
    }
}

/* ---- taking back ---- */

static void only_progress_renews_leases(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    send(broker, ANN, score(1));
    struct dispatch_action lease = granted(broker, WANDA, 1);

    for (uint64_t i = 1; i < 3 * limits.lease_ticks; i++) { /* slow, but it moves */
        beat(broker, WANDA, i / 5, lease.header.ticket);
        nothing(broker);
        dispatch_tick(broker);
    }
    beat(broker, WANDA, 100, lease.header.ticket);
    for (uint32_t i = 0; i < limits.lease_ticks; i++) { /* alive, but it stands */
        beat(broker, WANDA, 100, lease.header.ticket);
        nothing(broker);
        dispatch_tick(broker);
    }
    struct dispatch_action note = noted(broker, DISPATCH_NOTE_STUCK);
    assert_int_equal(note.lease_count, 1);
    assert_true(note.charged);
    assert_int_equal(dispatch_worker_count(broker), 1);
}

static void stuck_worker_gets_nothing_until_it_moves(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    send(broker, ANN, score(1));
    struct dispatch_action lease = granted(broker, WANDA, 1);
    for (uint32_t i = 0; i < limits.lease_ticks; i++) {
        beat(broker, WANDA, 1, lease.header.ticket);
        nothing(broker);
        dispatch_tick(broker);
    }
    noted(broker, DISPATCH_NOTE_STUCK);
    told(broker, ANN, 1);
    beat(broker, WANDA, 1, lease.header.ticket);
    nothing(broker);
    beat(broker, WANDA, 2, lease.header.ticket);
    assert_int_equal(granted(broker, WANDA, 1).header.attempt, 2);
}

static void only_the_batch_being_scored_is_charged(void **state)
{
    struct dispatch *broker = *state;
    struct dispatch_action leases[3];
    join(broker, WANDA, 4);
    for (uint64_t i = 0; i < 3; i++) {
        send(broker, ANN, score(i));
        leases[i] = granted(broker, WANDA, i);
    }
    beat(broker, WANDA, 1, leases[1].header.ticket);
    assert_true(dies(broker).charged);
    told(broker, ANN, 1);

    join(broker, WES, 4);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(granted(broker, WES, i).header.attempt, i == 1 ? 2 : 1);
    assert_int_equal(dispatch_counters(broker)->attempts_charged, 1);
}

/* The first of them and the others in one pass. */
static void score_together(struct dispatch *broker, const uint64_t *tickets, size_t count)
{
    dispatch_heartbeat(broker, WANDA,
                       &(struct dispatch_heartbeat){.window = 4,
                                                    .scoring_ticket = tickets[0],
                                                    .together = tickets + 1,
                                                    .together_count = count - 1});
}

static void all_that_are_scored_in_one_pass_are_charged(void **state)
{
    struct dispatch *broker = *state;
    uint64_t tickets[4];
    join(broker, WANDA, 4);
    for (uint64_t i = 0; i < 4; i++) {
        send(broker, ANN, score(i));
        tickets[i] = granted(broker, WANDA, i).header.ticket;
    }
    score_together(broker, (const uint64_t[]){tickets[1], tickets[3], 77}, 3);
    assert_true(dies(broker).charged);
    told(broker, ANN, 1);
    told(broker, ANN, 1);

    join(broker, WES, 4);
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(granted(broker, WES, i).header.attempt, 1 + i % 2);
    assert_int_equal(dispatch_counters(broker)->attempts_charged, 2);
}

static void pass_that_is_over_charges_nobody(void **state)
{
    struct dispatch *broker = *state;
    uint64_t tickets[3];
    join(broker, WANDA, 4);
    for (uint64_t i = 0; i < 3; i++) {
        send(broker, ANN, score(i));
        tickets[i] = granted(broker, WANDA, i).header.ticket;
    }
    score_together(broker, tickets, 2);
    score_together(broker, &tickets[2], 1);
    score_together(broker, &tickets[1], 1); /* again, alone */
    assert_true(dies(broker).charged);
    told(broker, ANN, 1);

    join(broker, WES, 4);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(granted(broker, WES, i).header.attempt, i == 1 ? 2 : 1);
}

static void death_before_the_heartbeat_got_out_charges_the_oldest_new_batch(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    send(broker, ANN, score(1));
    granted(broker, WANDA, 1);
    beat(broker, WANDA, 1, 0); /* has 1, scored it, waits for the store */
    nothing(broker);
    send(broker, ANN, score(2));
    granted(broker, WANDA, 2);
    send(broker, ANN, score(3));
    granted(broker, WANDA, 3);
    dies(broker);
    told(broker, ANN, 1);

    join(broker, WES, 4);
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(granted(broker, WES, i).header.attempt, i == 2 ? 2 : 1);
}

static void death_of_an_idle_or_waiting_worker_charges_nothing(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    send(broker, ANN, score(1));
    granted(broker, WANDA, 1);
    beat(broker, WANDA, 1, 0);
    assert_false(dies(broker).charged);
    join(broker, WES, 4);
    assert_int_equal(granted(broker, WES, 1).header.attempt, 1);
}

static void return_and_bye_charge_nothing(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    send(broker, ANN, score(1));
    for (uint64_t i = 1; i <= 10; i++) {
        struct dispatch_action lease = granted(broker, WANDA, 1);
        assert_int_equal(lease.header.attempt, 1);
        beat(broker, WANDA, i, lease.header.ticket);
        lease.header.type = MESSAGE_RETURN;
        dispatch_return(broker, WANDA, &lease.header);
        nothing(broker); /* not to the same worker before it speaks again */
        beat(broker, WANDA, i, 0);
    }
    struct dispatch_action lease = granted(broker, WANDA, 1);
    beat(broker, WANDA, 11, lease.header.ticket);
    dispatch_bye(broker, WANDA);
    noted(broker, DISPATCH_NOTE_LEFT);
    assert_int_equal(dispatch_worker_count(broker), 0);
    join(broker, WES, 4);
    assert_int_equal(granted(broker, WES, 1).header.attempt, 1);
    assert_int_equal(dispatch_counters(broker)->attempts_charged, 0);
}

/* What the worker holds, in its own words. */
static void list(struct dispatch *broker, uint64_t worker, const uint64_t *tickets,
                 size_t count)
{
    const struct dispatch_heartbeat heartbeat = {
        .window = 4, .told_held = true, .held = tickets, .held_count = count};
    dispatch_heartbeat(broker, worker, &heartbeat);
}

static void lease_that_a_worker_lists_no_more_is_taken_back_uncharged(void **state)
{
    struct dispatch *broker = *state;
    uint64_t tickets[3];
    join(broker, WANDA, 4);
    for (uint64_t i = 1; i <= 2; i++) {
        send(broker, ANN, score(i));
        tickets[i - 1] = granted(broker, WANDA, i).header.ticket;
    }
    list(broker, WANDA, tickets, 1);
    nothing(broker); /* the second is on its way, as far as can be told */
    list(broker, WANDA, tickets, 2);
    nothing(broker);
    list(broker, WANDA, tickets + 1, 1); /* the first was there and is not any more */
    struct dispatch_action again = granted(broker, WANDA, 1);
    assert_int_equal(again.header.attempt, 1);
    assert_int_not_equal(again.header.ticket, tickets[0]);
    list(broker, WANDA, tickets + 1, 1); /* that lease is a new one: on its way */
    nothing(broker);
    beat(broker, WANDA, 1, 0); /* it does not say */
    nothing(broker);
    assert_int_equal(dispatch_counters(broker)->leases_missed, 1);
    assert_int_equal(dispatch_counters(broker)->attempts_charged, 0);
}

static void lists_of_strange_tickets_change_nothing(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    send(broker, ANN, score(1));
    uint64_t ticket = granted(broker, WANDA, 1).header.ticket;
    join(broker, WES, 4);
    const uint64_t tickets[] = {ticket, 0, UINT64_MAX, ticket ^ (1ULL << 40)};
    list(broker, WES, tickets, 4); /* another's */
    nothing(broker);
    list(broker, WES, NULL, 0);
    nothing(broker);
    assert_int_equal(dispatch_counters(broker)->leases_missed, 0);
}

static void what_a_list_has_not_named_may_be_what_the_worker_died_of(void **state)
{
    struct dispatch *broker = *state;
    uint64_t tickets[2];
    join(broker, WANDA, 4);
    for (uint64_t i = 1; i <= 2; i++) {
        send(broker, ANN, score(i));
        tickets[i - 1] = granted(broker, WANDA, i).header.ticket;
    }
    list(broker, WANDA, tickets, 1); /* the first waits; the second was not there yet */
    assert_true(dies(broker).charged);
    told(broker, ANN, 1);
    join(broker, WES, 4);
    for (uint64_t i = 1; i <= 2; i++)
        assert_int_equal(granted(broker, WES, i).header.attempt, i);
}

static void worker_that_scores_for_another_broker_charges_nothing_here(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    send(broker, ANN, score(1));
    granted(broker, WANDA, 1);
    dispatch_heartbeat(broker, WANDA,
                       &(struct dispatch_heartbeat){.window = 4, .elsewhere = true});
    nothing(broker);
    send(broker, ANN, score(2));
    granted(broker, WANDA, 2);
    assert_false(dies(broker).charged);
    join(broker, WES, 4);
    for (uint64_t i = 1; i <= 2; i++)
        assert_int_equal(granted(broker, WES, i).header.attempt, 1);
}

static void what_is_taken_back_goes_first_in_its_old_order(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 3);
    for (uint64_t i = 1; i <= 3; i++) {
        send(broker, ANN, score(i));
        granted(broker, WANDA, i);
    }
    send(broker, ANN, score(4));
    dies(broker);
    told(broker, ANN, 1);
    join(broker, WES, 4);
    for (uint64_t i = 1; i <= 4; i++)
        granted(broker, WES, i);
}

/* Hand the batch to a worker that names it and dies of it. */
static struct dispatch_action kill_one_worker(struct dispatch *broker, uint64_t sequence)
{
    join(broker, WANDA, 4);
    struct dispatch_action lease = granted(broker, WANDA, sequence);
    beat(broker, WANDA, 1, lease.header.ticket);
    dies(broker);
    return lease;
}

static void batch_is_buried_after_its_last_attempt(void **state)
{
    struct dispatch *broker = *state;
    send(broker, ANN, score(1));
    for (uint8_t attempt = 1; attempt <= limits.attempts_max; attempt++) {
        struct dispatch_action lease = kill_one_worker(broker, 1);
        assert_int_equal(lease.header.type, MESSAGE_SCORE);
        assert_int_equal(lease.header.attempt, attempt);
        told(broker, ANN, attempt);
    }
    for (int i = 0; i < 10; i++) /* for as long as it takes */
        assert_int_equal(kill_one_worker(broker, 1).header.type, MESSAGE_BURY);

    join(broker, WES, 4);
    struct dispatch_action lease = granted(broker, WES, 1);
    assert_int_equal(lease.header.type, MESSAGE_BURY);
    reply(broker, WES, &lease);
    answered(broker, ANN, MESSAGE_REPLY);
    assert_int_equal(dispatch_job_count(broker), 0);
}

static void what_if_and_describe_are_refused_after_the_last_attempt(void **state)
{
    struct dispatch *broker = *state;
    struct header requests[2] = {score(1), score(1)};
    requests[0].flags = HEADER_WHAT_IF;
    requests[1].type = MESSAGE_DESCRIBE;
    for (int i = 0; i < 2; i++) {
        send(broker, ANN, requests[i]);
        for (uint8_t attempt = 1; attempt < limits.attempts_max; attempt++) {
            kill_one_worker(broker, 1);
            told(broker, ANN, attempt);
        }
        kill_one_worker(broker, 1);
        struct dispatch_action answer = answered(broker, ANN, MESSAGE_REJECT);
        assert_non_null(strstr(answer.reason, "given up"));
        assert_non_null(answer.released);
        assert_int_equal(dispatch_job_count(broker), 0);
    }
}

static void silence_is_counted_in_ticks_that_ran(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    for (int stall = 0; stall < 5; stall++) {
        /* However long it stood, it ran two ticks; then it reads what has come in. */
        dispatch_tick(broker);
        nothing(broker);
        dispatch_tick(broker);
        nothing(broker);
        beat(broker, WANDA, 1, 0);
        nothing(broker);
    }
    assert_int_equal(dispatch_worker_count(broker), 1);
    dies(broker);
    assert_int_equal(dispatch_worker_count(broker), 0);
}

/* The worker by a new connection. */
static void come_back(struct dispatch *broker, uint64_t route, uint64_t instance)
{
    dispatch_hello(broker, route, instance, 4, 0, "host/1/0");
    assert_string_equal(noted(broker, DISPATCH_NOTE_BACK).worker, "host/1/0");
}

/* Three batches with a worker that is at the first, and one that finds it gone. */
static void lose_connection(struct dispatch *broker, uint64_t tickets[3])
{
    dispatch_hello(broker, WANDA, 77, 4, 0, "host/1/0");
    noted(broker, DISPATCH_NOTE_JOINED);
    for (uint64_t i = 1; i <= 3; i++) {
        send(broker, ANN, score(i));
        tickets[i - 1] = granted(broker, WANDA, i).header.ticket;
    }
    beat(broker, WANDA, 1, tickets[0]);
    send(broker, ANN, score(4));
    struct dispatch_action lease = granted(broker, WANDA, 4);
    dispatch_unsent(broker, &lease);
    nothing(broker);
}

static void unroutable_worker_keeps_only_what_it_may_be_at(void **state)
{
    struct dispatch *broker = *state;
    uint64_t tickets[3];
    lose_connection(broker, tickets);
    assert_int_equal(dispatch_worker_count(broker), 1);
    join(broker, WES, 4);
    for (uint64_t i = 2; i <= 4; i++)
        assert_int_equal(granted(broker, WES, i).header.attempt, 1);
    assert_int_equal(dispatch_counters(broker)->attempts_charged, 0);
}

static void unroutable_worker_that_stays_away_is_lost_and_charged(void **state)
{
    struct dispatch *broker = *state;
    uint64_t tickets[3];
    lose_connection(broker, tickets);
    struct dispatch_action note = dies(broker);
    assert_int_equal(note.lease_count, 1);
    assert_true(note.charged);
    told(broker, ANN, 1);
    join(broker, WES, 4);
    for (uint64_t i = 1; i <= 4; i++)
        assert_int_equal(granted(broker, WES, i).header.attempt, i == 1 ? 2 : 1);
}

/* However long a worker may be silent, one that cannot be reached may not. */
static void unroutable_worker_is_not_waited_for_as_long_as_a_silent_one(void **state)
{
    struct dispatch_limits own = limits;
    own.liveness_ticks = own.lease_ticks = 10000;
    struct dispatch *broker = replace(state, &own);
    uint64_t tickets[3];
    lose_connection(broker, tickets);
    for (int i = 0; i < 2000 / DISPATCH_TICK_MS; i++) {
        nothing(broker);
        dispatch_tick(broker);
    }
    assert_true(noted(broker, DISPATCH_NOTE_LOST).charged);
}

static void idle_worker_whose_connection_ends_charges_nothing(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    send(broker, ANN, score(1));
    granted(broker, WANDA, 1);
    beat(broker, WANDA, 1, 0); /* has 1, scored it, waits for the store */
    nothing(broker);
    send(broker, ANN, score(2));
    struct dispatch_action lease = granted(broker, WANDA, 2);
    dispatch_unsent(broker, &lease);
    assert_false(dies(broker).charged);
    join(broker, WES, 4);
    assert_int_equal(granted(broker, WES, 1).header.attempt, 1);
    assert_int_equal(granted(broker, WES, 2).header.attempt, 1);
}

static void worker_that_connects_anew_goes_on_with_what_it_holds(void **state)
{
    struct dispatch *broker = *state;
    uint64_t tickets[3];
    dispatch_hello(broker, WANDA, 77, 3, 0, "host/1/0");
    noted(broker, DISPATCH_NOTE_JOINED);
    for (uint64_t i = 1; i <= 3; i++) {
        send(broker, ANN, score(i));
        tickets[i - 1] = granted(broker, WANDA, i).header.ticket;
    }
    beat(broker, WANDA, 1, tickets[0]);
    come_back(broker, WES, 77); /* the broker did not see it go */
    assert_int_equal(dispatch_worker_count(broker), 1);
    nothing(broker);
    list(broker, WES, tickets, 1); /* the others were on their way, or forgotten */
    for (uint64_t i = 2; i <= 3; i++)
        assert_int_equal(granted(broker, WES, i).header.attempt, 1);
    struct header header = reply_to(&(struct dispatch_action){.header = score(1)});
    header.ticket = tickets[0];
    dispatch_reply(broker, WES, &header, text("scores"), 6);
    answered(broker, ANN, MESSAGE_REPLY);
    nothing(broker);
    assert_int_equal(dispatch_counters(broker)->leases_missed, 2);
    assert_int_equal(dispatch_counters(broker)->attempts_charged, 0);
    assert_int_equal(dispatch_counters(broker)->workers_back, 1);
}

static void flapping_connection_buries_no_batch(void **state)
{
    struct dispatch *broker = *state;
    uint64_t tickets[3], route = WANDA;
    lose_connection(broker, tickets);
    for (int i = 0; i < 10; i++) {
        dispatch_tick(broker);
        nothing(broker);
        come_back(broker, ++route, 77);
        while (dispatch_job_count(broker) > 1) { /* of the others each is done in time */
            struct dispatch_action lease = next(broker);
            reply(broker, route, &lease);
            answered(broker, ANN, MESSAGE_REPLY);
        }
        list(broker, route, tickets, 1);
        beat(broker, route, 1, tickets[0]);
        send(broker, ANN, score(10));
        struct dispatch_action lease = granted(broker, route, 10);
        dispatch_unsent(broker, &lease);
        nothing(broker);
    }
    assert_int_equal(dispatch_counters(broker)->attempts_charged, 0);
    assert_true(dies(broker).charged); /* at last it stays away */
    told(broker, ANN, 1);
}

static void worker_that_connects_anew_is_told_of_the_drain_again(void **state)
{
    struct dispatch *broker = *state;
    uint64_t tickets[3];
    lose_connection(broker, tickets);
    dispatch_drain(broker);
    for (int i = 0; i < 2; i++) {
        struct dispatch_action action;
        do
            action = next(broker);
        while (action.to != DISPATCH_WORKER);
        assert_int_equal(action.header.type, MESSAGE_DRAIN);
        come_back(broker, WES + (uint64_t)i, 77);
    }
}

/* A process that began anew, in the place and under the name of the one that died. */
static void another_socket_is_not_the_one_that_was_lost(void **state)
{
    struct dispatch *broker = *state;
    uint64_t tickets[3];
    lose_connection(broker, tickets);
    dispatch_hello(broker, WES, 78, 0, 0, "host/1/0");
    noted(broker, DISPATCH_NOTE_JOINED);
    assert_true(
        dies(broker).charged); /* and the new one, that is silent too, of nothing */
    assert_false(noted(broker, DISPATCH_NOTE_LOST).charged);
}

static void sockets_that_are_not_named_are_all_others(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    join(broker, WES, 4);
    assert_int_equal(dispatch_worker_count(broker), 2);
}

/* ---- answers that do not fit ---- */

static void late_reply_of_an_earlier_lease_is_dropped(void **state)
{
    struct dispatch *broker = *state;
    send(broker, ANN, score(1));
    struct dispatch_action dead = kill_one_worker(broker, 1);
    told(broker, ANN, 1);
    join(broker, WES, 4);
    struct dispatch_action live = granted(broker, WES, 1);

    reply(broker, WES, &dead);
    nothing(broker);
    assert_int_equal(dispatch_counters(broker)->replies_late, 1);
    reply(broker, WES, &live);
    answered(broker, ANN, MESSAGE_REPLY);
    reply(broker, WES, &live);
    nothing(broker);
    assert_int_equal(dispatch_counters(broker)->replies_late, 2);
}

static void reply_with_the_right_ticket_and_another_key_is_dropped(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    send(broker, ANN, score(1));
    struct dispatch_action lease = granted(broker, WANDA, 1);

    struct dispatch_action other = lease;
    other.header.key.sequence = 2;
    reply(broker, WANDA, &other);
    nothing(broker);
    other = lease;
    other.header.key.client[0] ^= 1;
    reply(broker, WANDA, &other);
    nothing(broker);
    assert_int_equal(dispatch_counters(broker)->replies_late, 2);
    reply(broker, WANDA, &lease);
    answered(broker, ANN, MESSAGE_REPLY);
}

static void tickets_from_nowhere_are_dropped(void **state)
{
    struct dispatch *broker = *state;
    const uint64_t tickets[] = {0, 1, UINT32_MAX, UINT64_MAX, 0x1122334400000000};
    join(broker, WANDA, 4);
    for (size_t i = 0; i < 5; i++) {
        struct dispatch_action lease = {.header = score(1)};
        lease.header.ticket = tickets[i];
        reply(broker, WANDA, &lease);
        nothing(broker);
    }
    assert_int_equal(dispatch_counters(broker)->replies_late, 5);
}

static void answer_of_the_wrong_kind_counts_as_a_failed_attempt(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    send(broker, ANN, score(1));
    struct dispatch_action lease = granted(broker, WANDA, 1);
    lease.header.type = MESSAGE_DESCRIPTION;
    dispatch_reply(broker, WANDA, &lease.header, text("columns"), 6);
    told(broker, ANN, 1);
    lease = granted(broker, WANDA, 1);
    assert_int_equal(lease.header.attempt, 2);

    lease.header.type = MESSAGE_REJECT; /* what the worker cannot use, the client hears */
    dispatch_reply(broker, WANDA, &lease.header, text("cannot"), 6);
    answered(broker, ANN, MESSAGE_REJECT);
    assert_int_equal(dispatch_job_count(broker), 0);
}

static void unknown_worker_is_asked_who_it_is_once_per_frame(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    send(broker, ANN, score(1));
    struct dispatch_action lease = granted(broker, WANDA, 1);
    for (int i = 0; i < 2; i++) {
        beat(broker, WES, 1, 0);
        struct dispatch_action who = next(broker);
        assert_int_equal(who.header.type, MESSAGE_WHO);
        assert_int_equal(who.route, WES);
        nothing(broker);
    }
    dispatch_bye(broker, WES); /* it is leaving: no use in asking */
    nothing(broker);

    /* A worker that connected anew may still end its lease. */
    reply(broker, WES, &lease);
    assert_int_equal(next(broker).header.type, MESSAGE_WHO);
    answered(broker, ANN, MESSAGE_REPLY);
    nothing(broker);
}

static void one_worker_too_many_is_refused(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    join(broker, WES, 4);
    dispatch_hello(broker, 102, 0, 4, 0, "late");
    struct dispatch_action action = next(broker);
    assert_int_equal(action.header.type, MESSAGE_REJECT);
    assert_int_equal(action.route, 102);
    nothing(broker);

    /* Nor is it asked who it is, for ever, before there is room. */
    const struct dispatch_heartbeat heartbeat = {.window = 4};
    dispatch_heartbeat(broker, 102, &heartbeat);
    nothing(broker);
    dispatch_bye(broker, WES);
    noted(broker, DISPATCH_NOTE_LEFT);
    dispatch_heartbeat(broker, 102, &heartbeat);
    assert_int_equal(next(broker).header.type, MESSAGE_WHO);
}

static void names_of_workers_cannot_forge_log_lines(void **state)
{
    struct dispatch *broker = *state;
    dispatch_hello(broker, WANDA, 0, 4, 0, "a\nERROR \"b\"");
    assert_string_equal(noted(broker, DISPATCH_NOTE_JOINED).worker, "a?ERROR??b?");
}

/* ---- from clients ---- */

static void resend_moves_the_answer_to_the_new_route(void **state)
{
    struct dispatch *broker = *state;
    struct header header = score(1);
    send(broker, ANN, header);
    nothing(broker);

    void *copy = text("body");
    dispatch_job(broker, BEN, &header, copy, 4);
    struct dispatch_action dropped = next(broker);
    assert_int_equal(dropped.to, DISPATCH_NOBODY);
    assert_ptr_equal(dropped.released, copy);
    nothing(broker);
    assert_int_equal(dispatch_job_count(broker), 1);

    join(broker, WANDA, 4);
    struct dispatch_action lease = granted(broker, WANDA, 1);
    nothing(broker);
    dispatch_job(broker, 3, &header, copy, 4); /* leased by now */
    assert_ptr_equal(next(broker).released, copy);
    reply(broker, WANDA, &lease);
    answered(broker, 3, MESSAGE_REPLY);
    assert_int_equal(dispatch_counters(broker)->jobs_duplicate, 2);
}

static void same_key_with_another_body_is_a_batch_of_its_own(void **state)
{
    struct dispatch *broker = *state;
    struct header header = score(1);
    dispatch_job(broker, ANN, &header, text("one"), 3);
    nothing(broker);
    dispatch_job(broker, ANN, &header, text("two"), 3);
    nothing(broker);
    assert_int_equal(dispatch_job_count(broker), 2);

    join(broker, WANDA, 4);
    struct dispatch_action one = granted(broker, WANDA, 1);
    struct dispatch_action two = granted(broker, WANDA, 1);
    assert_string_equal(one.body, "one");
    assert_string_equal(two.body, "two");
    reply(broker, WANDA, &two);
    assert_string_equal(answered(broker, ANN, MESSAGE_REPLY).released, "two");
    reply(broker, WANDA, &one);
    assert_string_equal(answered(broker, ANN, MESSAGE_REPLY).released, "one");
}

static void busy(struct dispatch *broker, const char *why)
{
    struct dispatch_action answer = answered(broker, ANN, MESSAGE_BUSY);
    assert_non_null(strstr(answer.reason, why));
    assert_in_range(answer.retry_after_ms, 1, 60000);
    assert_non_null(answer.released);
    nothing(broker);
}

static void over_a_byte_budget_the_answer_is_busy(void **state)
{
    struct dispatch *broker = *state;
    struct header other = score(3);
    strcpy(other.region, "KE/Nyando");

    send_sized(broker, ANN, score(1), 5000);
    nothing(broker);
    send_sized(broker, ANN, score(2), 1000);
    busy(broker, "region");
    send_sized(broker, ANN, other, 4600);
    nothing(broker);
    other.key.sequence = 4;
    send_sized(broker, ANN, other, 400);
    busy(broker, "broker's queue");

    join(broker, WANDA, 1); /* leased batches count as well */
    struct dispatch_action lease = granted(broker, WANDA, 1);
    send_sized(broker, ANN, score(2), 1000);
    busy(broker, "broker's queue");
    reply(broker, WANDA, &lease);
    answered(broker, ANN, MESSAGE_REPLY);
    granted(broker, WANDA, 3);
    send_sized(broker, ANN, score(2), 1000);
    nothing(broker);
    assert_int_equal(dispatch_counters(broker)->jobs_busy, 3);
}

static void over_a_count_the_answer_is_busy(void **state)
{
    struct dispatch *broker = *state;
    struct header header = score(0);
    for (uint64_t i = 0; i < 3; i++) {
        header.key.sequence = i;
        header.region[0] = (char)('A' + i);
        send(broker, ANN, header);
        nothing(broker);
    }
    header.key.sequence = 3;
    header.region[0] = 'Z';
    send(broker, ANN, header);
    busy(broker, "regions");
    header.region[0] = 'A';
    for (uint64_t i = 3; i < limits.jobs_max; i++) {
        header.key.sequence = i;
        send(broker, ANN, header);
        nothing(broker);
    }
    header.key.sequence = 100;
    send(broker, ANN, header);
    busy(broker, "batches");
}

static void over_a_clients_budget_only_that_client_is_busy(void **state)
{
    struct dispatch_limits own = limits;
    own.client_bytes_max = 4000;
    struct dispatch *broker = replace(state, &own);
    send_sized(broker, ANN, score(1), 2500);
    nothing(broker);
    send_sized(broker, ANN, score(2), 500);
    busy(broker, "client's queue");
    send_sized(broker, BEN, score(2), 500);
    nothing(broker);
    join(broker, WANDA, 4);
    struct dispatch_action lease = granted(broker, WANDA, 1);
    granted(broker, WANDA, 2);
    send_sized(broker, ANN, score(3), 500); /* what is leased counts as well */
    busy(broker, "client's queue");
    reply(broker, WANDA, &lease);
    answered(broker, ANN, MESSAGE_REPLY);
    send_sized(broker, ANN, score(3), 500);
    granted(broker, WANDA, 3);
    assert_int_equal(dispatch_counters(broker)->busy_client, 2);
}

static void batch_is_in_the_budget_of_the_connection_that_brought_it_first(void **state)
{
    struct dispatch_limits own = limits;
    own.client_bytes_max = 4000;
    struct dispatch *broker = replace(state, &own);
    send_sized(broker, ANN, score(1), 2500);
    nothing(broker);
    send_sized(broker, BEN, score(1), 2500); /* connected anew */
    nothing_but_release(broker);
    send_sized(broker, BEN, score(2), 2500);
    nothing(broker);
    send_sized(broker, ANN, score(3), 500);
    busy(broker, "client's queue");
    assert_int_equal(dispatch_counters(broker)->jobs_busy, 1);
}

static void the_fuller_the_broker_the_later_a_client_asks_again(void **state)
{
    struct dispatch_limits own = limits;
    own.client_bytes_max = 5000;
    struct dispatch *broker = replace(state, &own);
    uint32_t after_ms[2];
    for (uint64_t i = 0; i < 2; i++) {
        struct header header = score(i);
        header.region[0] = (char)('A' + i);
        send_sized(broker, i == 0 ? ANN : BEN, header, 3800);
        nothing(broker);
        header.key.sequence = 10;
        send_sized(broker, i == 0 ? ANN : BEN, header, 3800);
        after_ms[i] = next(broker).retry_after_ms;
    }
    assert_in_range(after_ms[0], 600, 1000); /* 39 % of 1.9 s, and 0.1 s */
    assert_in_range(after_ms[1], 1400, 1700);
}

/* ---- answers that are not taken ---- */

enum { ANSWER = 1000 }; /* with its header */

/* A batch goes there and back; the client says it has taken so much. */
static struct dispatch_action ask(struct dispatch *broker, uint64_t sequence,
                                  uint64_t ticket)
{
    struct header header = score(sequence);
    header.ticket = ticket;
    send(broker, ANN, header);
    struct dispatch_action action = next(broker);
    if (action.to != DISPATCH_WORKER)
        return action;
    header = reply_to(&action);
    dispatch_reply(broker, WANDA, &header, text("scores"), ANSWER - HEADER_SIZE);
    return next(broker);
}

static struct dispatch *broker_of_four_answers(void **state)
{
    struct dispatch_limits own = limits;
    own.untaken_bytes_max = 4 * ANSWER;
    struct dispatch *broker = replace(state, &own);
    join(broker, WANDA, 4);
    return broker;
}

static uint64_t untaken(struct dispatch *broker)
{
    struct dispatch_gauges gauges;
    dispatch_measure(broker, &gauges);
    return gauges.untaken_bytes;
}

static void client_that_takes_no_answers_is_busy_until_it_does(void **state)
{
    struct dispatch *broker = broker_of_four_answers(state);
    for (uint64_t i = 1; i <= 3; i++) {
        struct dispatch_action answer = ask(broker, i, 1);
        assert_int_equal(answer.header.type, MESSAGE_REPLY);
        assert_int_equal(answer.answer_size, ANSWER);
    }
    assert_int_equal(untaken(broker), 3 * ANSWER);
    struct header header = score(4);
    header.ticket = 1 + ANSWER - 1; /* more than half is still on its way */
    send(broker, ANN, header);
    busy(broker, "answers to take");
    dispatch_ping(broker, ANN,
                  &(struct header){.type = MESSAGE_PING, .ticket = 1 + ANSWER});
    answered(broker, ANN, MESSAGE_PONG);
    assert_int_equal(ask(broker, 4, 0).header.type, MESSAGE_REPLY); /* told before */
    assert_int_equal(ask(broker, 5, 1 + 4 * ANSWER).header.type, MESSAGE_REPLY);
    assert_int_equal(untaken(broker), ANSWER);
    assert_int_equal(dispatch_counters(broker)->busy_untaken, 1);
}

static void answers_over_the_budget_are_dropped_and_the_batch_is_over(void **state)
{
    struct dispatch *broker = broker_of_four_answers(state);
    struct dispatch_action leases[6];
    for (uint64_t i = 1; i <= 6; i++) { /* all at once, before there is an answer */
        struct header header = score(i);
        header.ticket = 1;
        send(broker, ANN, header);
        if (i <= 4)
            leases[i - 1] = granted(broker, WANDA, i);
        nothing(broker);
    }
    for (int i = 0; i < 6; i++) {
        struct header header = reply_to(&leases[i]);
        dispatch_reply(broker, WANDA, &header, text("scores"), ANSWER - HEADER_SIZE);
        struct dispatch_action answer = next(broker);
        assert_int_equal(answer.to, i < 4 ? DISPATCH_CLIENT : DISPATCH_NOBODY);
        assert_non_null(answer.released);
        if (i < 2)
            leases[4 + i] = granted(broker, WANDA, 5 + (uint64_t)i);
    }
    assert_int_equal(dispatch_job_count(broker), 0);
    assert_int_equal(dispatch_counters(broker)->replies_dropped, 2);
    assert_int_equal(dispatch_counters(broker)->replies_forwarded, 4);
    /* It asks again once it has taken the others. */
    assert_int_equal(ask(broker, 5, 1 + 4 * ANSWER).header.type, MESSAGE_REPLY);
}

static void what_was_taken_by_an_earlier_connection_is_not_counted_here(void **state)
{
    struct dispatch *broker = broker_of_four_answers(state);
    const uint64_t before = 1 + 1000 * ANSWER;
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(ask(broker, i, before).header.type, MESSAGE_REPLY);
    assert_int_equal(ask(broker, 4, before).header.type, MESSAGE_BUSY);
    assert_int_equal(ask(broker, 4, before + ANSWER).header.type, MESSAGE_REPLY);
    assert_int_equal(ask(broker, 5, UINT64_MAX).header.type, MESSAGE_REPLY); /* it lies */
    assert_int_equal(untaken(broker), ANSWER);
}

static void client_may_begin_to_count_anew_with_its_connection(void **state)
{
    struct dispatch *broker = broker_of_four_answers(state);
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(ask(broker, i, 1000 * ANSWER).header.type, MESSAGE_REPLY);
    assert_int_equal(ask(broker, 4, 1).header.type, MESSAGE_BUSY);
    assert_int_equal(ask(broker, 4, 1 + 2 * ANSWER).header.type, MESSAGE_REPLY);
    assert_int_equal(untaken(broker), 2 * ANSWER);
}

static void client_that_does_not_tell_is_not_bounded_by_what_it_takes(void **state)
{
    struct dispatch *broker = broker_of_four_answers(state);
    for (uint64_t i = 1; i <= 20; i++)
        assert_int_equal(ask(broker, i, 0).header.type, MESSAGE_REPLY);
    assert_int_equal(untaken(broker), 0);
}

static void drained_broker_knows_whether_its_answers_were_taken(void **state)
{
    struct dispatch *broker = broker_of_four_answers(state);
    assert_true(dispatch_is_taken(broker));
    ask(broker, 1, 1);
    assert_false(dispatch_is_taken(broker));
    ask(broker, 2, 1 + ANSWER);
    assert_false(dispatch_is_taken(broker)); /* of the second it does not know */
    dispatch_drain(broker);
    while (dispatch_next(broker, &(struct dispatch_action){0}))
        continue;
    assert_true(dispatch_is_done(broker));
    dispatch_ping(broker, ANN,
                  &(struct header){.type = MESSAGE_PING, .ticket = 1 + 2 * ANSWER});
    answered(broker, ANN, MESSAGE_DRAIN);
    assert_true(dispatch_is_taken(broker));
}

static void answers_that_did_not_leave_do_not_count_as_untaken(void **state)
{
    struct dispatch *broker = broker_of_four_answers(state);
    ask(broker, 1, 1);
    struct dispatch_action answer = ask(broker, 2, 1);
    dispatch_untaken(broker, &answer); /* its queue was full */
    nothing(broker);
    assert_int_equal(untaken(broker), ANSWER);
    assert_int_equal(dispatch_counters(broker)->replies_dropped, 1);
    answer = ask(broker, 3, 1);
    dispatch_unsent(broker, &answer); /* it is gone, and what was on its way, too */
    nothing(broker);
    assert_int_equal(untaken(broker), 0);
    assert_int_equal(dispatch_counters(broker)->clients_gone, 1);
}

/* ---- deadlines ---- */

static struct header score_within(uint64_t sequence, uint32_t deadline_ms)
{
    struct header header = score(sequence);
    header.deadline_ms = deadline_ms;
    return header;
}

static void deadline_that_passes_in_the_queue_ends_the_attempt(void **state)
{
    struct dispatch *broker = *state;
    dispatch_clock(broker, 1000);
    send(broker, ANN, score_within(1, 80));
    send(broker, BEN, score_within(2, 50));
    send(broker, ANN, score(3));
    assert_int_equal(dispatch_wake_ms(broker), 1050);
    dispatch_clock(broker, 1049);
    nothing(broker);

    dispatch_clock(broker, 1050);
    struct dispatch_action action = answered(broker, BEN, MESSAGE_EXPIRED);
    assert_int_equal(action.header.key.sequence, 2);
    assert_int_equal(action.header.deadline_ms, 0);
    assert_non_null(action.released);
    nothing(broker);
    dispatch_clock(broker, 5000);
    answered(broker, ANN, MESSAGE_EXPIRED);
    nothing(broker);
    assert_int_equal(dispatch_wake_ms(broker), UINT64_MAX);
    assert_int_equal(dispatch_job_count(broker), 1);
    assert_int_equal(dispatch_counters(broker)->jobs_expired, 2);
}

static void what_is_left_of_a_deadline_goes_with_each_lease(void **state)
{
    struct dispatch *broker = *state;
    dispatch_clock(broker, 1000);
    send(broker, ANN, score_within(1, 50));
    join(broker, WANDA, 4);
    assert_int_equal(granted(broker, WANDA, 1).header.deadline_ms, 50);
    dispatch_clock(broker, 1020);
    dispatch_bye(broker, WANDA);
    noted(broker, DISPATCH_NOTE_LEFT);
    assert_int_equal(dispatch_wake_ms(broker), 1050);
    join(broker, WES, 4);
    assert_int_equal(granted(broker, WES, 1).header.deadline_ms, 30);
    assert_int_equal(dispatch_wake_ms(broker), UINT64_MAX);
}

static void passed_deadline_comes_before_a_grant(void **state)
{
    struct dispatch *broker = *state;
    dispatch_clock(broker, 1000);
    send(broker, ANN, score_within(1, 50));
    dispatch_clock(broker, 1050);
    dispatch_hello(broker, WANDA, 0, 4, 0, "host/1/0");
    noted(broker, DISPATCH_NOTE_JOINED);
    answered(broker, ANN, MESSAGE_EXPIRED);
    nothing(broker);
}

static void worker_may_say_that_a_deadline_has_passed_where_there_is_one(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    for (uint64_t i = 1; i <= 2; i++) {
        send(broker, ANN, i == 1 ? score_within(i, 50) : score(i));
        struct dispatch_action lease = granted(broker, WANDA, i);
        lease.header.type = MESSAGE_EXPIRED;
        dispatch_reply(broker, WANDA, &lease.header, text(""), 6);
        if (i == 1)
            answered(broker, ANN, MESSAGE_EXPIRED);
        else
            told(broker, ANN, 1); /* a failed attempt of that worker */
    }
    assert_int_equal(dispatch_counters(broker)->jobs_expired, 1);
    assert_int_equal(dispatch_job_count(broker), 1);
}

static void resend_brings_a_new_deadline(void **state)
{
    struct dispatch *broker = *state;
    dispatch_clock(broker, 1000);
    send(broker, ANN, score_within(1, 50));
    nothing_but_release(broker);
    dispatch_clock(broker, 1040);
    send(broker, ANN, score_within(1, 500));
    nothing_but_release(broker);
    assert_int_equal(dispatch_wake_ms(broker), 1540);
    send(broker, ANN, score(1));
    nothing_but_release(broker);
    assert_int_equal(dispatch_wake_ms(broker), UINT64_MAX);
}

/* ---- attempts at other brokers ---- */

static void buries(struct dispatch *broker, uint64_t worker, uint64_t sequence)
{
    struct dispatch_action burial = granted(broker, worker, sequence);
    assert_int_equal(burial.header.type, MESSAGE_BURY);
    reply(broker, worker, &burial);
    answered(broker, ANN, MESSAGE_REPLY);
}

static void attempts_at_other_brokers_count(void **state)
{
    struct dispatch *broker = *state;
    struct header header = score_within(1, 50);
    header.attempt = 2;
    send(broker, ANN, header);
    assert_int_equal(kill_one_worker(broker, 1).header.attempt, 3);
    told(broker, ANN, 3);
    assert_int_equal(dispatch_wake_ms(broker), UINT64_MAX); /* burials have no deadline */
    join(broker, WES, 4);
    buries(broker, WES, 1);

    header = score(2);
    header.attempt = 200;
    send(broker, ANN, header);
    buries(broker, WES, 2);

    header = score(3);
    header.flags = HEADER_WHAT_IF;
    header.attempt = 200;
    send(broker, ANN, header); /* has a last attempt here */
    assert_int_equal(granted(broker, WES, 3).header.type, MESSAGE_SCORE);
}

static void resend_tells_of_attempts_meanwhile(void **state)
{
    struct dispatch *broker = *state;
    struct header header = score(1);
    send(broker, ANN, header);
    header.attempt = 3;
    send(broker, ANN, header);
    nothing_but_release(broker);
    header.attempt = 1; /* an older one, late */
    send(broker, ANN, header);
    nothing_but_release(broker);
    join(broker, WANDA, 4);
    assert_int_equal(granted(broker, WANDA, 1).header.type, MESSAGE_BURY);
}

/* ---- deaths whose last words were lost ---- */

/* It said what it holds, and that it scores nothing. */
static void say_idle(struct dispatch *broker, uint64_t worker)
{
    beat(broker, worker, 1, 0);
}

/* Batch 1 is poison that is never named: batch 2 is innocent, and held each time. */
static void unheard_poison_costs_no_more_workers_and_buries_no_other(void **state)
{
    struct dispatch *broker = *state;
    send(broker, ANN, score(1));
    send(broker, ANN, score(2));
    for (int i = 0; i < 2; i++) {
        join(broker, WANDA, 4);
        granted(broker, WANDA, 1);
        granted(broker, WANDA, 2);
        say_idle(broker, WANDA);
        assert_false(dies(broker).charged);
    }
    join(broker, WANDA, 4);
    granted(broker, WANDA, 1);
    nothing(broker); /* the last attempt is made alone */
    assert_true(dies(broker).charged);
    told(broker, ANN, 3);
    join(broker, WANDA, 4);
    buries(broker, WANDA, 1);
    struct dispatch_action lease = granted(broker, WANDA, 2);
    assert_int_equal(lease.header.attempt, 3); /* not begun with another broker's */
    nothing(broker);
    reply(broker, WANDA, &lease);
    answered(broker, ANN, MESSAGE_REPLY);
}

/* As a worker that ended batch 1 and has not said so when it dies of batch 2. */
static void batch_that_is_named_wrongly_is_tried_alone_before_it_is_buried(void **state)
{
    struct dispatch *broker = *state;
    send(broker, ANN, score(1));
    send(broker, ANN, score(2));
    for (uint8_t i = 1; i <= 2; i++) {
        join(broker, WANDA, 4);
        beat(broker, WANDA, i, granted(broker, WANDA, 1).header.ticket);
        granted(broker, WANDA, 2);
        dies(broker);
        told(broker, ANN, i);
    }
    join(broker, WANDA, 4);
    struct dispatch_action lease = granted(broker, WANDA, 1);
    nothing(broker);
    reply(broker, WANDA, &lease);
    answered(broker, ANN, MESSAGE_REPLY);
    granted(broker, WANDA, 2);
    assert_true(dies(broker).charged);
    told(broker, ANN, 3);
}

static void worker_with_a_last_attempt_is_handed_nothing_else_until_it_ends(void **state)
{
    struct dispatch *broker = *state;
    struct header last = score(2);
    last.attempt = 2;
    join(broker, WANDA, 4);
    send(broker, ANN, score(1));
    struct dispatch_action first = granted(broker, WANDA, 1);
    send(broker, ANN, last);
    send(broker, ANN, score(3));
    nothing(broker); /* it holds something */
    reply(broker, WANDA, &first);
    answered(broker, ANN, MESSAGE_REPLY);
    struct dispatch_action second = granted(broker, WANDA, 2);
    nothing(broker);
    reply(broker, WANDA, &second);
    answered(broker, ANN, MESSAGE_REPLY);
    granted(broker, WANDA, 3);
}

static void last_attempt_goes_rather_to_a_worker_that_is_not_elsewhere(void **state)
{
    struct dispatch *broker = *state;
    struct header last = score(1);
    last.attempt = 2;
    join(broker, WANDA, 4);
    join(broker, WES, 4);
    dispatch_heartbeat(broker, WANDA,
                       &(struct dispatch_heartbeat){.window = 4, .elsewhere = true});
    send(broker, ANN, last);
    granted(broker, WES, 1);
}

/* The first of a window is alone from its third worker on. */
static void deaths_elsewhere_excuse_a_batch_so_many_times_only(void **state)
{
    struct dispatch *broker = *state;
    send(broker, ANN, score(1));
    for (uint32_t i = 0; i <= DISPATCH_EXCUSES * limits.attempts_max; i++) {
        join(broker, WANDA, 4);
        assert_int_equal(granted(broker, WANDA, 1).header.type, MESSAGE_SCORE);
        dispatch_heartbeat(broker, WANDA,
                           &(struct dispatch_heartbeat){.window = 4, .elsewhere = true});
        assert_int_equal(dies(broker).charged,
                         i == DISPATCH_EXCUSES * limits.attempts_max);
    }
    told(broker, ANN, 3);
}

static void batch_that_went_back_from_a_worker_that_is_lost_is_suspected(void **state)
{
    struct dispatch *broker = *state;
    send(broker, ANN, score(1));
    send(broker, ANN, score(2));
    for (int i = 0; i < 2; i++) {
        join(broker, WANDA, 4);
        granted(broker, WANDA, 1);
        say_idle(broker, WANDA);
        struct dispatch_action lease = granted(broker, WANDA, 2);
        dispatch_unsent(broker, &lease);
        dies(broker);
    }
    join(broker, WANDA, 4);
    granted(broker, WANDA, 1);
    nothing(broker); /* alone */
}

/* A worker that is back has not died: nothing that went back is suspected. */
static void connection_that_broke_makes_no_batch_suspect(void **state)
{
    struct dispatch *broker = *state;
    uint64_t tickets[3], route = WANDA;
    lose_connection(broker, tickets);
    for (int i = 0; i < 3; i++) {
        come_back(broker, ++route, 77);
        granted(broker, route, 2);
        granted(broker, route, 3); /* in company */
        struct dispatch_action lease = granted(broker, route, 4);
        beat(broker, route, 1, tickets[0]);
        dispatch_unsent(broker, &lease);
        nothing(broker);
    }
}

static void pong_names_the_instance(void **state)
{
    struct dispatch *broker = *state;
    dispatch_ping(broker, ANN, &(struct header){.type = MESSAGE_PING});
    assert_true(answered(broker, ANN, MESSAGE_PONG).header.ticket == limits.instance);
}

static uint64_t connection_of(struct dispatch *broker, uint64_t client)
{
    dispatch_ping(broker, client, &(struct header){.type = MESSAGE_PING});
    return answered(broker, client, MESSAGE_PONG).connection;
}

static void pong_names_the_connection(void **state)
{
    struct dispatch *broker = *state;
    uint64_t first = connection_of(broker, ANN);
    assert_true(first != 0 && first != ANN); /* routes are nobody else's business */
    assert_true(connection_of(broker, BEN) != first);
    send(broker, ANN, score(1));
    nothing(broker);
    assert_true(connection_of(broker, ANN) == first);
}

static void pong_tells_how_busy_the_broker_is(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 4);
    join(broker, WES, 1);
    for (uint64_t i = 1; i <= 2; i++) {
        send(broker, ANN, score(i));
        next(broker);
    }
    dispatch_ping(broker, ANN, &(struct header){.type = MESSAGE_PING});
    struct dispatch_action pong = answered(broker, ANN, MESSAGE_PONG);
    assert_int_equal(pong.held, 2);
    assert_int_equal(pong.credits, 3);
}

static bool says_workerless(struct dispatch *broker)
{
    dispatch_ping(broker, ANN, &(struct header){.type = MESSAGE_PING});
    return answered(broker, ANN, MESSAGE_PONG).workerless;
}

static void pong_tells_whether_anybody_takes_batches(void **state)
{
    struct dispatch *broker = *state;
    assert_true(says_workerless(broker));
    send(broker, ANN, score(1));
    assert_true(says_workerless(broker)); /* and not idle */
    join(broker, WANDA, 1);
    granted(broker, WANDA, 1);
    assert_false(says_workerless(broker)); /* it is full, for now */
    join(broker, WES, 4);
    dispatch_bye(broker, WES);
    noted(broker, DISPATCH_NOTE_LEFT);
    assert_false(says_workerless(broker));
    dispatch_heartbeat(broker, WANDA, &(struct dispatch_heartbeat){.window = 0});
    assert_true(says_workerless(broker)); /* its store is away */
    beat(broker, WANDA, 1, 0);
    assert_false(says_workerless(broker));
    dies(broker);
    assert_true(says_workerless(broker));
}

/* ---- the end ---- */

static void drain_finishes_what_is_leased_and_gives_up_the_rest(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 1);
    send(broker, ANN, score(1));
    struct dispatch_action lease = granted(broker, WANDA, 1);
    send(broker, BEN, score(2));
    nothing(broker);

    dispatch_drain(broker);
    struct dispatch_action answer = answered(broker, BEN, MESSAGE_BUSY);
    assert_string_equal(answer.reason, "draining");
    assert_non_null(answer.released);
    struct dispatch_action drain = next(broker);
    assert_int_equal(drain.header.type, MESSAGE_DRAIN);
    assert_int_equal(drain.route, WANDA);
    answered(broker, ANN, MESSAGE_DRAIN);
    nothing(broker);
    assert_false(dispatch_is_done(broker));

    send(broker, ANN, score(3));
    busy(broker, "draining");
    dispatch_ping(broker, BEN, &(struct header){.type = MESSAGE_PING});
    answered(broker, BEN, MESSAGE_DRAIN);

    reply(broker, WANDA, &lease);
    answered(broker, ANN, MESSAGE_REPLY);
    nothing(broker);
    assert_true(dispatch_is_done(broker));
}

static void drain_ends_after_its_grace(void **state)
{
    struct dispatch *broker = *state;
    join(broker, WANDA, 1);
    send(broker, ANN, score(1));
    struct dispatch_action lease = granted(broker, WANDA, 1);
    dispatch_drain(broker);
    assert_int_equal(next(broker).route, WANDA);
    answered(broker, ANN, MESSAGE_DRAIN);
    for (uint32_t i = 0; i < limits.drain_ticks; i++) {
        nothing(broker);
        assert_false(dispatch_is_done(broker));
        beat(broker, WANDA, i, lease.header.ticket);
        dispatch_tick(broker);
    }
    busy(broker, "draining");
    assert_true(dispatch_is_done(broker));
}

static void gauges_measure_what_is_held_and_for_how_long(void **state)
{
    struct dispatch *broker = *state;
    struct dispatch_gauges gauges;
    dispatch_measure(broker, &gauges);
    assert_int_equal(gauges.queued + gauges.leased + gauges.workers, 0);
    assert_int_equal(gauges.bytes + gauges.oldest_ticks, 0);
    assert_false(gauges.draining);

    send_sized(broker, ANN, score(1), 100);
    nothing(broker);
    dispatch_tick(broker);
    dispatch_tick(broker);
    send_sized(broker, ANN, score(2), 50);
    nothing(broker);
    dispatch_measure(broker, &gauges);
    assert_int_equal(gauges.queued, 2);
    assert_int_equal(gauges.bytes, 150 + 2 * BATCH_COST);
    assert_int_equal(gauges.oldest_ticks, 2);

    join(broker, WANDA, 1);
    granted(broker, WANDA, 1);
    dispatch_tick(broker);
    nothing(broker);
    dispatch_measure(broker, &gauges);
    assert_int_equal(gauges.queued, 1);
    assert_int_equal(gauges.leased, 1);
    assert_int_equal(gauges.workers, 1);
    assert_int_equal(gauges.oldest_ticks, 1); /* the first one waits no longer */
    dispatch_drain(broker);
    dispatch_measure(broker, &gauges);
    assert_true(gauges.draining);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(reply_ends_the_batch_and_goes_to_its_client),
        TEST(worker_gets_no_more_than_its_window),
        TEST(window_of_zero_stops_new_batches),
        TEST(batch_goes_to_the_worker_that_holds_least),
        TEST(describe_is_a_job_too),
        TEST(regions_share_by_bytes_under_a_hundredfold_load),
        TEST(interactive_batches_go_before_bulk_until_bulk_has_waited_enough),
        TEST(worker_holds_no_more_bytes_than_it_says_beyond_a_first),
        TEST(batch_without_room_is_not_overtaken_by_smaller_ones),
        TEST(only_progress_renews_leases),
        TEST(stuck_worker_gets_nothing_until_it_moves),
        TEST(only_the_batch_being_scored_is_charged),
        TEST(all_that_are_scored_in_one_pass_are_charged),
        TEST(pass_that_is_over_charges_nobody),
        TEST(death_before_the_heartbeat_got_out_charges_the_oldest_new_batch),
        TEST(death_of_an_idle_or_waiting_worker_charges_nothing),
        TEST(return_and_bye_charge_nothing),
        TEST(lease_that_a_worker_lists_no_more_is_taken_back_uncharged),
        TEST(lists_of_strange_tickets_change_nothing),
        TEST(what_a_list_has_not_named_may_be_what_the_worker_died_of),
        TEST(worker_that_scores_for_another_broker_charges_nothing_here),
        TEST(what_is_taken_back_goes_first_in_its_old_order),
        TEST(batch_is_buried_after_its_last_attempt),
        TEST(what_if_and_describe_are_refused_after_the_last_attempt),
        TEST(silence_is_counted_in_ticks_that_ran),
        TEST(unroutable_worker_keeps_only_what_it_may_be_at),
        TEST(unroutable_worker_that_stays_away_is_lost_and_charged),
        TEST(unroutable_worker_is_not_waited_for_as_long_as_a_silent_one),
        TEST(idle_worker_whose_connection_ends_charges_nothing),
        TEST(worker_that_connects_anew_goes_on_with_what_it_holds),
        TEST(flapping_connection_buries_no_batch),
        TEST(worker_that_connects_anew_is_told_of_the_drain_again),
        TEST(another_socket_is_not_the_one_that_was_lost),
        TEST(sockets_that_are_not_named_are_all_others),
        TEST(late_reply_of_an_earlier_lease_is_dropped),
        TEST(reply_with_the_right_ticket_and_another_key_is_dropped),
        TEST(tickets_from_nowhere_are_dropped),
        TEST(answer_of_the_wrong_kind_counts_as_a_failed_attempt),
        TEST(unknown_worker_is_asked_who_it_is_once_per_frame),
        TEST(one_worker_too_many_is_refused),
        TEST(names_of_workers_cannot_forge_log_lines),
        TEST(resend_moves_the_answer_to_the_new_route),
        TEST(same_key_with_another_body_is_a_batch_of_its_own),
        TEST(over_a_byte_budget_the_answer_is_busy),
        TEST(over_a_count_the_answer_is_busy),
        TEST(over_a_clients_budget_only_that_client_is_busy),
        TEST(batch_is_in_the_budget_of_the_connection_that_brought_it_first),
        TEST(the_fuller_the_broker_the_later_a_client_asks_again),
        TEST(client_that_takes_no_answers_is_busy_until_it_does),
        TEST(answers_over_the_budget_are_dropped_and_the_batch_is_over),
        TEST(what_was_taken_by_an_earlier_connection_is_not_counted_here),
        TEST(client_may_begin_to_count_anew_with_its_connection),
        TEST(client_that_does_not_tell_is_not_bounded_by_what_it_takes),
        TEST(drained_broker_knows_whether_its_answers_were_taken),
        TEST(answers_that_did_not_leave_do_not_count_as_untaken),
        TEST(deadline_that_passes_in_the_queue_ends_the_attempt),
        TEST(what_is_left_of_a_deadline_goes_with_each_lease),
        TEST(passed_deadline_comes_before_a_grant),
        TEST(worker_may_say_that_a_deadline_has_passed_where_there_is_one),
        TEST(resend_brings_a_new_deadline),
        TEST(attempts_at_other_brokers_count),
        TEST(resend_tells_of_attempts_meanwhile),
        TEST(unheard_poison_costs_no_more_workers_and_buries_no_other),
        TEST(batch_that_is_named_wrongly_is_tried_alone_before_it_is_buried),
        TEST(worker_with_a_last_attempt_is_handed_nothing_else_until_it_ends),
        TEST(last_attempt_goes_rather_to_a_worker_that_is_not_elsewhere),
        TEST(deaths_elsewhere_excuse_a_batch_so_many_times_only),
        TEST(batch_that_went_back_from_a_worker_that_is_lost_is_suspected),
        TEST(connection_that_broke_makes_no_batch_suspect),
        TEST(pong_names_the_instance),
        TEST(pong_names_the_connection),
        TEST(pong_tells_whether_anybody_takes_batches),
        TEST(pong_tells_how_busy_the_broker_is),
        TEST(drain_finishes_what_is_leased_and_gives_up_the_rest),
        TEST(drain_ends_after_its_grace),
        TEST(gauges_measure_what_is_held_and_for_how_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
