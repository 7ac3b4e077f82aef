/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what chw.h promises, whatever the brokers say or do not say.
 * Method: the broker is this test: a ROUTER on a socket of its own, served between calls
 * of the library. In some stories there are two. */
#include "tests/unit/libchw_fixture.h"

#include "control.pb-c.h"

#include <stddef.h>
#include <string.h>

static void answer_is_given_kept_and_acknowledged_to_the_next_batch(void **state)
{
    struct story *story = *state;
    must_submit(story, 40, 1);
    struct header first = hear(story);
    assert_int_equal(first.type, MESSAGE_SCORE);
    assert_string_equal(first.region, "KE/Kisumu");
    assert_int_equal(first.as_of, DAY);
    assert_int_equal(first.acked_below, 1);
    reply(story, first, 2);
    assert_scored(await(story), 1);
    must_submit(story, 41, 2);
    assert_int_equal(hear(story).acked_below, 2);
    struct chw_result *again;
    assert_int_equal(chw_recall(story->client, 1, &again), CHW_OK);
    assert_scored(again, 1);
    assert_int_equal(chw_recall(story->client, 2, &again), CHW_NOT_FOUND);
}

static void journal_answers_the_same_batches_of_a_second_run(void **state)
{
    struct story *story = *state;
    uint64_t sequence;
    must_submit(story, 40, 1);
    struct header first = hear(story);
    reply(story, first, 2);
    assert_scored(await(story), 1);
    chw_close(story->client);

    assert_int_equal(open_client(story, false), CHW_OK);
    assert_int_equal(chw_answered(story->client), 1);
    assert_int_equal(submit(story, 99, &sequence), CHW_INVALID); /* another batch */
    must_submit(story, 40, 1);
    assert_scored(await(story), 1); /* and await() saw nothing but PINGs */
    must_submit(story, 41, 2);
    struct header second = hear(story);
    assert_int_equal(second.key.sequence, 2);
    assert_int_equal(second.acked_below, 2);
    assert_memory_equal(second.key.client, first.key.client, CLIENT_ID_SIZE);
}

/* ---- factors ---- */

static struct {
    Chw__Factors message;
    char *names[3];
    uint32_t features[4];
    float contributions[4];
} why;

/* Two of each record: diet and age, then age and nothing. */
static void give_factors(struct story *story)
{
    static char names[3][8] = {"age", "sex", "diet"};
    chw__factors__init(&why.message);
    for (size_t i = 0; i < 3; i++)
        why.names[i] = names[i];
    memcpy(why.features, (uint32_t[]){2, 0, 0, 1}, sizeof why.features);
    memcpy(why.contributions, (float[]){-1.5f, .5f, .25f, 0}, sizeof why.contributions);
    why.message.names = why.names;
    why.message.n_names = 3;
    why.message.count = 2;
    why.message.features = why.features;
    why.message.contributions = why.contributions;
    why.message.n_features = why.message.n_contributions = 4;
    why.message.base_value = -2;
    why.message.log_odds = true;
    story->factors = &why.message;
}

static void submit_explained(struct story *story)
{
    size_t column;
    uint64_t sequence;
    struct chw_batch *batch = chw_batch_new("KE/Kisumu", DAY);
    assert_int_equal(chw_batch_column(batch, "age", CHW_NUMBER, &column), CHW_OK);
    assert_int_equal(chw_batch_numbers(batch, column, (float[]){40, 41}, 2), CHW_OK);
    assert_int_equal(chw_batch_explain(batch, CHW_FACTORS_MAX + 1), CHW_INVALID);
    assert_int_equal(chw_batch_explain(batch, 2), CHW_OK);
    assert_int_equal(chw_submit(story->client, batch, &sequence), CHW_OK);
    chw_batch_free(batch);
}

static void factors_are_asked_for_and_read(void **state)
{
    struct story *story = *state;
    float contribution;
    submit_explained(story);
    struct header header = hear(story);
    Chw__Batch *asked = chw__batch__unpack(NULL, zmq_msg_size(&story->message.body),
                                           zmq_msg_data(&story->message.body));
    assert_int_equal(asked->explain, 2);
    chw__batch__free_unpacked(asked, NULL);
    give_factors(story);
    reply(story, header, 2);
    struct chw_result *result = await(story);
    assert_int_equal(chw_result_factor_count(result, 0), 2);
    assert_string_equal(chw_result_factor(result, 0, 0, 0, &contribution), "diet");
    assert_true(contribution == -1.5f);
    assert_string_equal(chw_result_factor(result, 0, 1, 0, &contribution), "age");
    assert_true(contribution == .25f);
    assert_true(chw_result_base(result, 0) == -2);
    assert_true(chw_result_in_log_odds(result, 0));
    assert_string_equal(chw_result_unexplained(result, 0), "");
    chw_result_free(result);
}

static void reply_without_factors_has_none(void **state)
{
    struct story *story = *state;
    must_submit(story, 40, 1);
    reply(story, hear(story), 2);
    struct chw_result *result = await(story);
    assert_int_equal(chw_result_factor_count(result, 0), 0);
    assert_string_equal(chw_result_unexplained(result, 0), "");
    assert_true(chw_result_base(result, 0) == 0);
    chw_result_free(result);
}

static void model_that_gives_no_factors_says_why(void **state)
{
    struct story *story = *state;
    submit_explained(story);
    give_factors(story);
    chw__factors__init(&why.message);
    why.message.reason = (char[]){"it cannot"};
    reply(story, hear(story), 2);
    struct chw_result *result = await(story);
    assert_int_equal(chw_result_factor_count(result, 0), 0);
    assert_string_equal(chw_result_unexplained(result, 0), "it cannot");
    chw_result_free(result);
}

static void factors_that_do_not_fit_are_no_answer(void **state)
{
    struct story *story = *state;
    submit_explained(story);
    struct header header = hear(story);
    const char *const says[] = {"chd: not as many factors", "chd: not as many factors",
                                "chd: a factor without a name",
                                "chd: factors, and a reason"};
    for (size_t fault = 0; fault < 4; fault++) {
        give_factors(story);
        why.message.n_contributions -= fault == 0;
        why.message.n_features -= fault == 1;
        why.message.n_names -= fault == 2;
        why.message.reason = fault == 3 ? (char[]){"none"} : (char[]){""};
        story->notices[0] = '\0';
        reply(story, header, 2);
        struct chw_result *result;
        for (int i = 0; i < DEADLINE_ROUNDS && story->notices[0] == '\0'; i++)
            assert_int_equal(chw_wait(story->client, ROUND_MS, &result), CHW_TIMEOUT);
        assert_non_null(strstr(story->notices, says[fault]));
    }
    assert_int_equal(chw_answered(story->client), 0);
}

static void full_window_takes_no_more(void **state)
{
    struct story *story = *state;
    uint64_t sequence;
    must_submit(story, 1, 1);
    must_submit(story, 2, 2);
    assert_int_equal(submit(story, 3, &sequence), CHW_FULL);
    assert_int_equal(chw_outstanding(story->client), 2);
    reply(story, hear(story), 2);
    assert_scored(await(story), 1);
    must_submit(story, 3, 3);
}

static void repeated_and_foreign_replies_are_dropped(void **state)
{
    struct story *story = *state;
    must_submit(story, 1, 1);
    struct header header = hear(story), foreign = header, late = header;
    foreign.key.client[0] ^= 1;
    late.key.sequence = late.acked_below = 77;
    reply(story, foreign, 2);
    reply(story, late, 2);
    reply(story, header, 2);
    reply(story, header, 2);
    assert_scored(await(story), 1);
    struct chw_result *result;
    assert_int_equal(chw_wait(story->client, 50, &result), CHW_IDLE);
    assert_int_equal(chw_answered(story->client), 1);
}

static void reply_that_does_not_fit_is_no_answer(void **state)
{
    struct story *story = *state;
    must_submit(story, 1, 1);
    struct header header = hear(story);
    reply(story, header, 3);
    struct chw_result *result;
    for (int i = 0; i < DEADLINE_ROUNDS && story->notices[0] == '\0'; i++)
        assert_int_equal(chw_wait(story->client, ROUND_MS, &result), CHW_TIMEOUT);
    assert_non_null(strstr(story->notices, "3 rows, the batch 2"));
    assert_int_equal(chw_answered(story->client), 0);
    reply(story, header, 2);
    assert_scored(await(story), 1);
}

static void busy_broker_is_asked_again_under_the_same_key(void **state)
{
    struct story *story = *state;
    must_submit(story, 1, 1);
    struct header header = hear(story), busy = header;
    Chw__Busy body;
    chw__busy__init(&body);
    body.retry_after_ms = 20;
    busy.type = MESSAGE_BUSY;
    say(story, &busy, &body.base);
    struct header again = hear(story);
    assert_true(batch_key_equal(&again.key, &header.key));
    reply(story, again, 2);
    assert_scored(await(story), 1);
}

static void another_instance_gets_what_is_outstanding(void **state)
{
    struct story *story = *state;
    must_submit(story, 1, 1);
    struct header header = hear(story);
    story->instance = 2;
    struct header again = hear(story);
    assert_true(batch_key_equal(&again.key, &header.key));
    assert_non_null(strstr(story->notices, "restarted"));
}

/* Not settled: it is told, and never acknowledged. */
static void refused_batch_is_told_and_not_kept(void **state)
{
    struct story *story = *state;
    must_submit(story, 1, 1);
    struct header reject = hear(story);
    Chw__Reject body;
    chw__reject__init(&body);
    body.reason = (char[]){"no such thing"};
    reject.type = MESSAGE_REJECT;
    say(story, &reject, &body.base);
    struct chw_result *result = await(story);
    assert_int_equal(chw_result_outcome(result), CHW_REFUSED);
    assert_string_equal(chw_result_reason(result), "no such thing");
    chw_result_free(result);
    assert_int_equal(chw_answered(story->client), 0);
    must_submit(story, 2, 2);
    assert_int_equal(hear(story).acked_below, 1);
}

static void what_if_says_so_and_acknowledges_nothing(void **state)
{
    struct story *story = *state;
    chw_close(story->client);
    assert_int_equal(open_client(story, true), CHW_OK);
    for (uint64_t i = 1; i <= 2; i++) {
        must_submit(story, 1, i);
        struct header header = hear(story);
        assert_int_equal(header.flags, HEADER_WHAT_IF);
        assert_int_equal(header.acked_below, 0);
        reply(story, header, 2);
        struct chw_result *result = await(story);
        assert_int_equal(chw_result_outcome(result), CHW_SCORED);
        assert_scored(result, i);
    }
}

static void description_names_what_the_models_read(void **state)
{
    struct story *story = *state;
    struct chw_description *description;
    struct header header;
    const struct chw_model nobody = {"chd", "nobody"};
    Chw__FeatureDescription age, *features[] = {&age};
    Chw__Description body;
    chw__feature_description__init(&age);
    chw__description__init(&body);
    age.name = (char[]){"age"};
    age.numeric = age.required = true;
    body.n_features = 1;
    body.features = features;
    enum chw_status status = CHW_TIMEOUT;
    for (int i = 0; i < DEADLINE_ROUNDS && status == CHW_TIMEOUT; i++) {
        status = chw_describe(story->client, &nobody, 1, ROUND_MS, &description);
        if (!take_message(story))
            continue;
        header = story->message.header;
        assert_int_equal(header.type, MESSAGE_DESCRIBE);
        header.type = MESSAGE_DESCRIPTION;
        say(story, &header, &body.base);
    }
    assert_int_equal(status, CHW_OK);
    assert_int_equal(chw_description_count(description), 1);
    assert_string_equal(chw_description_name(description, 0), "age");
    assert_true(chw_description_is_number(description, 0));
    assert_true(chw_description_is_required(description, 0));
    chw_description_free(description);
}

/* ---- deadlines and priorities ---- */

static void batches_say_how_urgent_they_are(void **state)
{
    struct story *story = *state;
    struct chw_options options = default_options(story);
    must_submit(story, 1, 1);
    struct header header = hear(story);
    assert_int_equal(header.priority, 0);
    assert_int_equal(header.deadline_ms, 0);
    reply(story, header, 2);
    assert_scored(await(story), 1);

    options.journal = NULL;
    options.priority = CHW_INTERACTIVE;
    options.deadline_ms = 60000;
    reopen(story, &options);
    must_submit(story, 1, 1);
    header = hear(story);
    assert_int_equal(header.priority, 1);
    assert_int_equal(header.deadline_ms, 60000);
}

static void assert_expired(struct chw_result *result, uint64_t sequence)
{
    assert_int_equal(chw_result_outcome(result), CHW_EXPIRED);
    assert_int_equal(chw_result_sequence(result), sequence);
    assert_int_equal(chw_result_rows(result), 2);
    assert_int_equal(chw_result_target_count(result), 0);
    assert_non_null(strstr(chw_result_reason(result), "deadline"));
    chw_result_free(result);
}

static void open_what_if(struct story *story, uint32_t deadline_ms)
{
    struct chw_options options = default_options(story);
    options.what_if = true;
    options.deadline_ms = deadline_ms;
    reopen(story, &options);
}

static void what_if_ends_in_time_even_if_no_broker_says_anything(void **state)
{
    struct story *story = *state;
    struct chw_result *result;
    open_what_if(story, 60);
    must_submit(story, 1, 1);
    must_submit(story, 2, 2);
    assert_int_equal(chw_wait(story->client, 5000, &result), CHW_OK);
    assert_expired(result, 1);
    assert_int_equal(chw_wait(story->client, 5000, &result), CHW_OK);
    assert_expired(result, 2);
    assert_int_equal(chw_wait(story->client, 0, &result), CHW_IDLE);
    assert_int_equal(chw_answered(story->client), 0);
}

static void what_if_that_expires_at_the_broker_ends(void **state)
{
    struct story *story = *state;
    open_what_if(story, 60000);
    must_submit(story, 1, 1);
    struct header header = hear(story), late = header;
    assert_in_range(header.deadline_ms, 1, 60000);
    header.type = MESSAGE_EXPIRED;
    say(story, &header, NULL);
    assert_expired(await(story), 1);
    reply(story, late, 2); /* nobody waits for it any more */
    must_submit(story, 2, 2);
    reply(story, hear(story), 2);
    assert_scored(await(story), 2);
}

static void batch_that_counts_outlives_its_deadline(void **state)
{
    struct story *story = *state;
    struct chw_options options = default_options(story);
    options.deadline_ms = 100;
    reopen(story, &options);
    must_submit(story, 1, 1);
    struct header header = hear(story), expired = header;
    expired.type = MESSAGE_EXPIRED;
    say(story, &expired, NULL);
    struct header again = hear(story);
    assert_true(batch_key_equal(&again.key, &header.key));
    assert_int_equal(again.deadline_ms, 100);
    assert_non_null(strstr(story->notices, "batch 1 expired"));
    reply(story, again, 2);
    assert_scored(await(story), 1);
}

/* ---- two brokers ---- */

static void a_batch_goes_to_the_other_broker_when_its_own_is_gone(void **state)
{
    struct story *story = *state;
    must_submit(story, 1, 1);
    struct header header = hear(story);
    int first = story->at;
    close_broker(story, first);
    struct header again = hear(story);
    assert_int_equal(story->at, !first);
    assert_true(batch_key_equal(&again.key, &header.key));
    assert_string_equal(story->notices, ""); /* one broker is enough */
    reply(story, again, 2);
    assert_scored(await(story), 1);
}

static void say_busy(struct story *story, struct header header, uint32_t retry_after_ms)
{
    Chw__Busy body;
    chw__busy__init(&body);
    body.retry_after_ms = retry_after_ms;
    header.type = MESSAGE_BUSY;
    say(story, &header, &body.base);
}

/* Whoever answers first has answered. */
static void answers_of_two_brokers_are_one_result(void **state)
{
    struct story *story = *state;
    struct message other;
    message_init(&other);
    must_submit(story, 1, 1);
    struct header header = hear(story);
    int first = story->at;
    zmq_msg_move(&other.route, &story->message.route);
    zmq_msg_copy(&story->message.route, &other.route);
    say_busy(story, header, 60000);
    struct header again = hear(story); /* at once: the other is free */
    assert_int_equal(story->at, !first);
    reply(story, again, 2);
    zmq_msg_move(&story->message.route, &other.route);
    story->at = first;
    reply(story, header, 2);
    assert_scored(await(story), 1);
    struct chw_result *result;
    assert_int_equal(chw_wait(story->client, 50, &result), CHW_IDLE);
    assert_int_equal(chw_answered(story->client), 1);
    message_close(&other);
}

static void each_broker_is_told_what_was_taken_from_it(void **state)
{
    struct story *story = *state;
    for (uint64_t i = 1; i <= 20; i++) {
        must_submit(story, 1, i);
        struct header header = hear(story);
        assert_true(header.ticket == 1 + story->said[story->at]); /* of answers alone */
        reply(story, header, 2);
        assert_scored(await(story), i);
    }
}

static void draining_broker_is_left_for_the_other(void **state)
{
    struct story *story = *state;
    must_submit(story, 1, 1);
    struct header header = hear(story);
    int first = story->at;
    reply(story, header, 2);
    assert_scored(await(story), 1);
    struct header drain = {.type = MESSAGE_DRAIN};
    say(story, &drain, NULL);
    say(story, &drain, NULL);
    struct chw_result *result;
    for (int i = 0; i < DEADLINE_ROUNDS && story->notices[0] == '\0'; i++) {
        take_from(story, !first);
        assert_int_equal(chw_wait(story->client, 0, &result), CHW_IDLE);
        zmq_poll(NULL, 0, ROUND_MS);
    }
    const char *told = strstr(story->notices, "draining");
    assert_non_null(told);
    assert_null(strstr(told + 1, "draining")); /* once */
    for (uint64_t i = 2; i < 10; i++) {
        must_submit(story, 1, i);
        header = hear(story);
        assert_int_equal(story->at, !first);
        reply(story, header, 2);
        assert_scored(await(story), i);
    }
}

/* Which of the brokers it was sent to. */
static int answer_one(struct story *story, uint64_t sequence)
{
    must_submit(story, 1, sequence);
    struct header header = hear(story);
    reply(story, header, 2);
    assert_scored(await(story), sequence);
    return story->at;
}

static void broker_without_workers_is_left_for_one_that_has_some(void **state)
{
    enum { AFTER = 12 };
    struct story *story = *state;
    uint64_t sequence = 1;
    story->workerless[0] = true;
    while (answer_one(story, sequence++) == 0) /* the other has not said a word yet */
        assert_true(sequence < DEADLINE_ROUNDS);
    for (uint64_t last = sequence + AFTER; sequence < last; sequence++)
        assert_int_equal(answer_one(story, sequence), 1);
}

/* ---- options ---- */

static void assert_refused(const struct chw_options *options, const char *reason)
{
    struct chw_error error = {""};
    struct chw_client *client;
    assert_int_equal(chw_open(options, &client, &error), CHW_INVALID);
    if (strstr(error.text, reason) == NULL)
        fail_msg("'%s' is not about '%s'", error.text, reason);
}

static void options_that_are_not_allowed_say_which_and_what_is(void **state)
{
    struct story *story = *state;
    const struct chw_options good = {.struct_size = sizeof good, .endpoint = story->list};
    struct chw_options bad = good;
    bad.struct_size = 7;
    assert_refused(&bad, "struct_size is 7");
    bad = good;
    bad.struct_size++;
    assert_refused(&bad, "sizeof(struct chw_options)");
    bad = good;
    bad.endpoint = NULL;
    assert_refused(&bad, "no endpoint");
    bad.endpoint = "ipc:///a,tcp://127.0.0.1:0";
    assert_refused(&bad, "tcp://127.0.0.1:0 is not tcp://HOST:PORT");
    bad.endpoint = "tcp://127.0.0.1:1,";
    assert_refused(&bad, "empty place");
    bad = good;
    bad.window = 1025;
    assert_refused(&bad, "at most 1024");
    bad = good;
    bad.priority = (enum chw_priority)7;
    assert_refused(&bad, "the priority is 7");
    bad = good;
    bad.spool = bad.journal = story->journal;
    assert_refused(&bad, "has its own journal");
    bad.journal = NULL;
    bad.what_if = true;
    assert_refused(&bad, "nothing to spool");
}

static void options_of_an_older_program_do(void **state)
{
    struct story *story = *state;
    struct chw_options options = default_options(story);
    options.struct_size = offsetof(struct chw_options, deadline_ms);
    memset((char *)&options + options.struct_size, 0xff,
           sizeof options - options.struct_size); /* whatever lies behind */
    reopen(story, &options);
    must_submit(story, 1, 1);
    assert_int_equal(hear(story).deadline_ms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define OF_TWO(name) cmocka_unit_test_setup_teardown(name, setup_two, teardown)
        TEST(answer_is_given_kept_and_acknowledged_to_the_next_batch),
        TEST(journal_answers_the_same_batches_of_a_second_run),
        TEST(factors_are_asked_for_and_read),
        TEST(reply_without_factors_has_none),
        TEST(model_that_gives_no_factors_says_why),
        TEST(factors_that_do_not_fit_are_no_answer),
        TEST(full_window_takes_no_more),
        TEST(repeated_and_foreign_replies_are_dropped),
        TEST(reply_that_does_not_fit_is_no_answer),
        TEST(busy_broker_is_asked_again_under_the_same_key),
        TEST(another_instance_gets_what_is_outstanding),
        TEST(refused_batch_is_told_and_not_kept),
        TEST(what_if_says_so_and_acknowledges_nothing),
        TEST(description_names_what_the_models_read),
        TEST(batches_say_how_urgent_they_are),
        TEST(what_if_ends_in_time_even_if_no_broker_says_anything),
        TEST(what_if_that_expires_at_the_broker_ends),
        TEST(batch_that_counts_outlives_its_deadline),
        OF_TWO(a_batch_goes_to_the_other_broker_when_its_own_is_gone),
        OF_TWO(answers_of_two_brokers_are_one_result),
        OF_TWO(each_broker_is_told_what_was_taken_from_it),
        OF_TWO(draining_broker_is_left_for_the_other),
        OF_TWO(broker_without_workers_is_left_for_one_that_has_some),
        TEST(options_that_are_not_allowed_say_which_and_what_is),
        TEST(options_of_an_older_program_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
