/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: one batch, whatever it holds and however often it comes, gets the one answer that
 * its settlement says, byte for byte.
 * Method: tasks are stepped by hand against a real store in a temporary folder; the test
 * plays the committer. */
#include "worker/task.h"

#include "base/day.h"

#include "tests/lib/build.h"
#include "tests/lib/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TODAY = 20780 /* 2026-11-23 */, ROWS = 3000 };

struct fixture {
    char folder[64];
    struct store *store;
    struct outbox *outbox;
    struct snapshot *snapshot;
    struct digest first, second;
};

static const float weights_a[] = {0.5F}, weights_b[] = {-0.75F};

static struct digest publish(struct fixture *self, const float *weights,
                             const char *alias)
{
    struct digest version;
    size_t size;
    Chw__Model *model = build_linear(-1.5, weights, 1);
    build_numeric(model, "age", 50, 0.1);
    uint8_t *bytes = build_pack(&model->base, &size);
    assert_int_equal(
        store_put(self->store, ARTIFACT_MODEL, "chd", bytes, size, &version, NULL),
        STATUS_OK);
    assert_int_equal(
        store_alias_move(self->store, ARTIFACT_MODEL, "chd", alias, &version, NULL),
        STATUS_OK);
    return version;
}

static void publish_program(struct fixture *self)
{
    struct program program = {.target_count = 1};
    struct digest version;
    uint8_t *bytes;
    size_t size;
    program_target_init(&program.targets[0], "chd", "champion");
    assert_int_equal(program_save(&program, &bytes, &size), STATUS_OK);
    assert_int_equal(store_put(self->store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME, bytes,
                               size, &version, NULL),
                     STATUS_OK);
    assert_int_equal(store_alias_move(self->store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME,
                                      STORE_PROGRAM_ALIAS, &version, NULL),
                     STATUS_OK);
    free(bytes);
}

static void reload(struct fixture *self)
{
    struct snapshot *newer;
    assert_int_equal(snapshot_load(self->store, self->snapshot, &newer, NULL), STATUS_OK);
    snapshot_drop(self->snapshot);
    self->snapshot = newer;
}

static int setup(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);
    char url[128];
    snprintf(self->folder, sizeof self->folder, "/tmp/chw-task-XXXXXX");
    if (mkdtemp(self->folder) == NULL)
        return -1;
    snprintf(url, sizeof url, "sqlite:%s/store.db", self->folder);
    if (store_open(url, &self->store, NULL) != STATUS_OK)
        return -1;
    self->outbox = outbox_new();
    *state = self;
    self->first = publish(self, weights_a, "champion");
    publish_program(self);
    reload(self);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *self = *state;
    char command[128];
    snapshot_drop(self->snapshot);
    outbox_free(self->outbox);
    store_close(self->store);
    snprintf(command, sizeof command, "rm -r %s", self->folder);
    int removed = system(command);
    free(self);
    build_reset();
    return removed;
}

/* ---- a batch and its answer ---- */

static float age_of(uint32_t row)
{
    return (float)(20 + row % 70);
}

static Chw__Batch *make_batch(void)
{
    float *ages = build_alloc(ROWS * sizeof *ages);
    for (uint32_t row = 0; row < ROWS; row++)
        ages[row] = age_of(row);
    Chw__Batch *batch = build_batch(ROWS);
    build_floats(batch, "age", ages, ROWS);
    return batch;
}

static struct header make_header(enum message_type type, uint64_t sequence)
{
    return (struct header){.type = type,
                           .attempt = 1,
                           .key.sequence = sequence,
                           .as_of = TODAY - 1,
                           .ticket = 7,
                           .region = "KE/Kisumu"};
}

struct answer {
    enum task_next next;
    uint8_t *bytes; /* of the answer's body */
    size_t size;
    bool duplicate;
    char reason[STORE_REASON_MAX + 1];
};

static void commit(struct fixture *self, struct commit_job *job)
{
    if (job->kind == COMMIT_REFRESH) {
        reload(self);
        return;
    }
    assert_int_equal(store_settle(self->store, &job->request, 1, &job->result, NULL),
                     STATUS_OK);
    if (job->result.verdict == SETTLED_DUPLICATE &&
        job->result.settlement.outcome == SETTLE_COUNTED)
        assert_int_equal(serving_recall(self->store, self->snapshot,
                                        &job->result.settlement, &job->recalled, NULL),
                         STATUS_OK);
}

/* Take a task to its end, as the loop and the committer would. */
static struct answer take(struct fixture *self, const struct header *header,
                          const ProtobufCMessage *body)
{
    struct task task;
    struct answer answer = {0};
    size_t size;
    uint8_t *bytes = body == NULL ? NULL : build_pack(body, &size);
    task_init(&task, header, body == NULL ? (const uint8_t *)"\xff\xff" : bytes,
              body == NULL ? 2 : size, self->outbox);
    answer.next = task_begin(&task, self->snapshot, TODAY);
    while (answer.next == TASK_SCORE || answer.next == TASK_COMMIT) {
        if (answer.next == TASK_COMMIT) {
            commit(self, &task.job);
            answer.next = task_committed(&task, self->snapshot, TODAY);
            continue;
        }
        while (scoring_step(task.pass->scoring))
            continue;
        answer.next = task_scored(&task);
    }
    if (answer.next == TASK_ANSWER)
        answer.bytes = build_pack(task.answer, &answer.size);
    answer.duplicate = task.duplicate;
    snprintf(answer.reason, sizeof answer.reason, "%s", task.reason);
    task_release(&task);
    return answer;
}

static struct answer score(struct fixture *self, uint64_t sequence,
                           const Chw__Batch *batch)
{
    struct header header = make_header(MESSAGE_SCORE, sequence);
    return take(self, &header, batch == NULL ? NULL : &batch->base);
}

static Chw__Reply *read_reply(const struct answer *answer)
{
    assert_int_equal(answer->next, TASK_ANSWER);
    Chw__Reply *reply = chw__reply__unpack(NULL, answer->size, answer->bytes);
    assert_non_null(reply);
    return reply;
}

static void assert_outcome(const struct answer *answer, Chw__Outcome outcome,
                           const char *says)
{
    Chw__Reply *reply = read_reply(answer);
    assert_int_equal(reply->outcome, outcome);
    assert_non_null(strstr(reply->reason, says));
    chw__reply__free_unpacked(reply, NULL);
}

static void assert_same(const struct answer *a, const struct answer *b)
{
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->bytes, b->bytes, a->size);
}

struct sums {
    int64_t people, sum_p, sum_pq;
    int32_t period;
    char region[STORE_REGION_MAX + 1];
};

static bool add_cell(void *arg, const struct demand_cell *cell)
{
    struct sums *sums = arg;
    sums->people += cell->people;
    sums->sum_p += cell->sum_p;
    sums->sum_pq += cell->sum_pq;
    sums->period = cell->period;
    memcpy(sums->region, cell->region, sizeof sums->region);
    return true;
}

static struct sums demand(struct fixture *self)
{
    struct sums sums = {0};
    assert_int_equal(store_demand(self->store, 0, add_cell, &sums, NULL), STATUS_OK);
    return sums;
}

static uint64_t settlements(struct fixture *self)
{
    uint64_t count;
    assert_int_equal(store_settlement_count(self->store, &count, NULL), STATUS_OK);
    return count;
}

/* ---- tests ---- */

static void counted_batch_adds_exactly_what_its_reply_says(void **state)
{
    struct fixture *self = *state;
    struct answer answer = score(self, 1, make_batch());
    Chw__Reply *reply = read_reply(&answer);
    struct sums sums = demand(self), expected = {0};

    assert_int_equal(reply->outcome, CHW__OUTCOME__OUTCOME_COUNTED);
    assert_int_equal(reply->rows, ROWS);
    assert_int_equal(reply->targets[0]->n_probabilities, ROWS);
    assert_memory_equal(reply->targets[0]->version.data, self->first.bytes, DIGEST_SIZE);
    for (uint32_t row = 0; row < ROWS; row++) {
        double p = (double)reply->targets[0]->probabilities[row];
        double margin = -1.5 + 0.5 * (double)(float)(((double)age_of(row) - 50) * 0.1);
        assert_true(fabs(p - 1 / (1 + exp(-margin))) < 1e-6);
        expected.sum_p += llrint(p * 4294967296.0);
        expected.sum_pq += llrint(p * (1 - p) * 4294967296.0);
        uint8_t tier = p < (double)0.05F ? 0 : p < (double)0.2F ? 1 : 2;
        assert_int_equal(reply->targets[0]->tiers.data[row], tier);
    }
    assert_int_equal(sums.people, ROWS);
    assert_int_equal(sums.sum_p, expected.sum_p);
    assert_int_equal(sums.sum_pq, expected.sum_pq);
    assert_int_equal(sums.period, day_period(TODAY - 1));
    assert_string_equal(sums.region, "KE/Kisumu");
    chw__reply__free_unpacked(reply, NULL);
}

static void duplicate_is_answered_with_the_same_bytes_after_a_promotion(void **state)
{
    struct fixture *self = *state;
    struct answer first = score(self, 1, make_batch());
    struct sums before = demand(self);
    self->second = publish(self, weights_b, "champion");
    reload(self);

    struct answer again = score(self, 1, make_batch());
    assert_true(again.duplicate);
    assert_same(&first, &again);
    assert_int_equal(demand(self).sum_p, before.sum_p);

    struct answer next = score(self, 2, make_batch());
    Chw__Reply *reply = read_reply(&next);
    assert_memory_equal(reply->targets[0]->version.data, self->second.bytes, DIGEST_SIZE);
    chw__reply__free_unpacked(reply, NULL);
}

static struct answer score_explained(struct fixture *self, uint64_t sequence,
                                     uint32_t factors)
{
    Chw__Batch *batch = make_batch();
    batch->explain = factors;
    return score(self, sequence, batch);
}

static void duplicate_has_the_same_factors_after_a_promotion(void **state)
{
    struct fixture *self = *state;
    struct answer plain = score(self, 1, make_batch());
    struct answer first = score_explained(self, 2, 1);
    self->second = publish(self, weights_b, "champion");
    reload(self);
    struct answer again = score_explained(self, 2, 1);
    assert_true(again.duplicate);
    assert_same(&first, &again);

    Chw__Reply *reply = read_reply(&first), *without = read_reply(&plain);
    const Chw__Factors *factors = reply->targets[0]->factors;
    assert_null(without->targets[0]->factors);
    assert_int_equal(factors->n_contributions, ROWS);
    assert_string_equal(factors->names[0], "age");
    for (uint32_t row = 0; row < ROWS; row++) {
        double p = (double)reply->targets[0]->probabilities[row];
        double margin = factors->base_value + (double)factors->contributions[row];
        assert_true(fabs(log(p / (1 - p)) - margin) < 1e-5);
    }
    chw__reply__free_unpacked(reply, NULL);
    chw__reply__free_unpacked(without, NULL);
}

static void more_factors_than_are_given_make_the_batch_invalid(void **state)
{
    struct fixture *self = *state;
    struct answer answer = score_explained(self, 1, 17);
    assert_outcome(&answer, CHW__OUTCOME__OUTCOME_INVALID,
                   "explain: 17 factors are asked for; at most 16");
    assert_int_equal(settlements(self), 1);
    assert_int_equal(demand(self).people, 0);
    answer = score_explained(self, 2, 16);
    assert_outcome(&answer, CHW__OUTCOME__OUTCOME_COUNTED, "");
}

static void record_that_cannot_be_scored_costs_only_itself(void **state)
{
    struct fixture *self = *state;
    Chw__Batch *batch = make_batch();
    uint8_t *unreadable = build_alloc((ROWS + 7) / 8);
    unreadable[0] = 1 << 3;
    unreadable[250] = 1 << 0; /* row 2000: another block */
    batch->columns[0]->unreadable = build_bytes(unreadable, (ROWS + 7) / 8);
    struct answer answer = score(self, 1, batch);
    Chw__Reply *reply = read_reply(&answer);

    assert_int_equal(reply->n_errors, 2);
    assert_int_equal(reply->errors[0]->row, 3);
    assert_int_equal(reply->errors[1]->row, 2000);
    assert_string_equal(reply->errors[1]->column, "age");
    assert_int_equal(reply->errors[0]->fault,
                     CHW__RECORD_FAULT__RECORD_FAULT_NOT_A_NUMBER);
    assert_true(reply->targets[0]->probabilities[3] == 0);
    assert_true(reply->targets[0]->probabilities[4] > 0);
    assert_int_equal(demand(self).people, ROWS - 2);
    chw__reply__free_unpacked(reply, NULL);
}

static void key_used_for_another_body_is_invalid_and_changes_nothing(void **state)
{
    struct fixture *self = *state;
    struct answer first = score(self, 1, make_batch());
    struct sums before = demand(self);
    Chw__Batch *other = make_batch();
    other->columns[0]->floats->values[0] = 99;
    struct answer answer = score(self, 1, other);
    assert_outcome(&answer, CHW__OUTCOME__OUTCOME_INVALID, "reused");
    assert_int_equal(demand(self).sum_p, before.sum_p);

    struct answer again = score(self, 1, make_batch());
    assert_same(&first, &again);
}

static void batch_without_structure_is_settled_invalid_with_its_reason(void **state)
{
    struct fixture *self = *state;
    Chw__Batch *empty = build_batch(0), *twice = make_batch();
    twice->rows = 7;
    struct answer answers[] = {score(self, 1, NULL), score(self, 2, empty),
                               score(self, 3, twice)};
    assert_outcome(&answers[0], CHW__OUTCOME__OUTCOME_INVALID, "parse");
    assert_outcome(&answers[1], CHW__OUTCOME__OUTCOME_INVALID, "rows");
    assert_outcome(&answers[2], CHW__OUTCOME__OUTCOME_INVALID, "age");
    assert_int_equal(settlements(self), 3);
    assert_int_equal(demand(self).people, 0);

    struct answer again = score(self, 1, NULL);
    assert_true(again.duplicate);
    assert_same(&answers[0], &again);
}

static void future_date_is_invalid_and_tomorrow_is_not(void **state)
{
    struct fixture *self = *state;
    Chw__Batch *batch = make_batch();
    struct header header = make_header(MESSAGE_SCORE, 1);
    header.as_of = TODAY + 2;
    struct answer answer = take(self, &header, &batch->base);
    assert_outcome(&answer, CHW__OUTCOME__OUTCOME_INVALID, "as_of");
    header.key.sequence = 2;
    header.as_of = TODAY + 1;
    answer = take(self, &header, &batch->base);
    assert_outcome(&answer, CHW__OUTCOME__OUTCOME_COUNTED, "");
}

static void what_if_is_scored_and_settles_nothing(void **state)
{
    struct fixture *self = *state;
    Chw__Batch *batch = make_batch();
    struct header header = make_header(MESSAGE_SCORE, 1);
    header.flags = HEADER_WHAT_IF;
    struct answer answer = take(self, &header, &batch->base);
    assert_outcome(&answer, CHW__OUTCOME__OUTCOME_SCORED, "");
    answer = take(self, &header, NULL);
    assert_outcome(&answer, CHW__OUTCOME__OUTCOME_INVALID, "parse");
    assert_int_equal(settlements(self), 0);
    assert_int_equal(demand(self).people, 0);
}

static void below_the_watermark_the_client_has_had_its_answer(void **state)
{
    struct fixture *self = *state;
    struct answer answer = score(self, 1, make_batch());
    struct header header = make_header(MESSAGE_SCORE, 2);
    header.acked_below = 2;
    answer = take(self, &header, &make_batch()->base);
    answer = score(self, 1, make_batch());
    assert_outcome(&answer, CHW__OUTCOME__OUTCOME_ACKNOWLEDGED, "");
    assert_int_equal(demand(self).people, 2 * ROWS);
}

static struct dead_letter the_letter(struct fixture *self, const struct batch_key *key)
{
    struct settle_key which = {.sequence = key->sequence};
    struct dead_letter letter;
    uint8_t *body;
    memcpy(which.client, key->client, sizeof which.client);
    assert_int_equal(store_dead_letter_get(self->store, &which, &letter, &body, NULL),
                     STATUS_OK);
    free(body);
    return letter;
}

static void buried_batch_is_dead_unless_it_was_settled_before(void **state)
{
    struct fixture *self = *state;
    struct answer first = score(self, 1, make_batch());
    struct header header = make_header(MESSAGE_BURY, 1);
    header.attempt = 4;
    struct answer answer = take(self, &header, &make_batch()->base);
    assert_same(&first, &answer);

    header.key.sequence = 2;
    answer = take(self, &header, &make_batch()->base);
    assert_outcome(&answer, CHW__OUTCOME__OUTCOME_DEAD, "after 3 attempts");
    struct dead_letter letter = the_letter(self, &header.key);
    assert_int_equal(letter.records, ROWS);
    assert_int_equal(letter.attempts, 3);
    assert_int_equal(letter.as_of, header.as_of);
    struct answer late = score(self, 2, make_batch());
    assert_same(&answer, &late);
    assert_int_equal(demand(self).people, ROWS);
}

static void unknown_model_is_looked_up_in_the_store_before_it_is_refused(void **state)
{
    struct fixture *self = *state;
    Chw__Batch *batch = make_batch();
    Chw__ModelChoice choice, *choices[] = {&choice};
    char name[] = "chd", alias[] = "challenger";
    chw__model_choice__init(&choice);
    choice.name = name;
    choice.alias = alias;
    batch->models = choices;
    batch->n_models = 1;
    struct answer answer = score(self, 1, batch);
    assert_outcome(&answer, CHW__OUTCOME__OUTCOME_INVALID, "chd@challenger");

    struct digest version = publish(self, weights_b, "challenger");
    answer = score(self, 2, batch); /* the snapshot has not been told */
    Chw__Reply *reply = read_reply(&answer);
    assert_int_equal(reply->outcome, CHW__OUTCOME__OUTCOME_COUNTED);
    assert_memory_equal(reply->targets[0]->version.data, version.bytes, DIGEST_SIZE);
    chw__reply__free_unpacked(reply, NULL);
}

static void store_that_is_away_returns_the_batch(void **state)
{
    struct fixture *self = *state;
    struct task task;
    size_t size;
    uint8_t *bytes = build_pack(&make_batch()->base, &size);
    struct header header = make_header(MESSAGE_SCORE, 1);
    task_init(&task, &header, bytes, size, self->outbox);
    assert_int_equal(task_begin(&task, self->snapshot, TODAY), TASK_SCORE);
    while (scoring_step(task.pass->scoring))
        continue;
    assert_int_equal(task_scored(&task), TASK_COMMIT);
    task.job.status = STATUS_UNAVAILABLE;
    assert_int_equal(task_committed(&task, self->snapshot, TODAY), TASK_RETURN);
    assert_non_null(strstr(task.reason, "store"));
    task_release(&task);
}

static void description_names_what_the_models_read(void **state)
{
    struct fixture *self = *state;
    Chw__DescribeRequest request;
    chw__describe_request__init(&request);
    struct header header = make_header(MESSAGE_DESCRIBE, 0);
    struct answer answer = take(self, &header, &request.base);
    assert_int_equal(answer.next, TASK_ANSWER);
    Chw__Description *description =
        chw__description__unpack(NULL, answer.size, answer.bytes);
    assert_string_equal(description->reason, "");
    assert_int_equal(description->n_features, 1);
    assert_string_equal(description->features[0]->name, "age");
    assert_true(description->features[0]->numeric);
    assert_string_equal(description->targets[0]->name, "chd");
    chw__description__free_unpacked(description, NULL);
}

static void description_without_a_program_says_what_to_do(void **state)
{
    struct fixture *self = *state;
    struct snapshot *with_program = self->snapshot;
    char url[128];
    struct store *empty, *full = self->store;
    snprintf(url, sizeof url, "sqlite:%s/empty.db", self->folder);
    assert_int_equal(store_open(url, &empty, NULL), STATUS_OK);
    self->store = empty;
    self->snapshot = NULL;
    reload(self);

    Chw__DescribeRequest request;
    chw__describe_request__init(&request);
    struct header header = make_header(MESSAGE_DESCRIBE, 0);
    struct answer answer = take(self, &header, &request.base);
    Chw__Description *description =
        chw__description__unpack(NULL, answer.size, answer.bytes);
    assert_non_null(strstr(description->reason, "--promote"));
    chw__description__free_unpacked(description, NULL);

    snapshot_drop(self->snapshot);
    store_close(empty);
    self->store = full;
    self->snapshot = with_program;
}

/* Every record at fault in a column with a long name, all of them in the reply. */
static void batch_whose_reply_would_be_too_large_is_invalid(void **state)
{
    struct fixture *self = *state;
    char name[COLUMNS_NAME_MAX + 1];
    struct digest version;
    size_t size;
    memset(name, 'a', COLUMNS_NAME_MAX);
    name[COLUMNS_NAME_MAX] = '\0';
    Chw__Model *model = build_linear(0, weights_a, 1);
    build_numeric(model, name, 0, 1);
    uint8_t *bytes = build_pack(&model->base, &size);
    assert_int_equal(
        store_put(self->store, ARTIFACT_MODEL, "chd", bytes, size, &version, NULL),
        STATUS_OK);
    assert_int_equal(
        store_alias_move(self->store, ARTIFACT_MODEL, "chd", "champion", &version, NULL),
        STATUS_OK);
    reload(self);

    struct answer answer = score(self, 1, build_batch(COLUMNS_ROWS_MAX));
    assert_outcome(&answer, CHW__OUTCOME__OUTCOME_INVALID, "fewer");
    struct header what_if = make_header(MESSAGE_SCORE, 2);
    what_if.flags = HEADER_WHAT_IF;
    answer = take(self, &what_if, &build_batch(COLUMNS_ROWS_MAX)->base);
    assert_outcome(&answer, CHW__OUTCOME__OUTCOME_INVALID, "fewer");
    answer = score(self, 3, build_batch(COLUMNS_ROWS_MAX / 2));
    assert_outcome(&answer, CHW__OUTCOME__OUTCOME_COUNTED, "");
}

static void day_at_the_end_of_time_is_refused_and_buried(void **state)
{
    struct fixture *self = *state;
    struct header header = make_header(MESSAGE_SCORE, 1);
    header.as_of = INT32_MAX;
    struct answer answer = take(self, &header, &make_batch()->base);
    assert_outcome(&answer, CHW__OUTCOME__OUTCOME_INVALID, "as_of");
    header = make_header(MESSAGE_BURY, 2);
    header.as_of = INT32_MAX;
    answer = take(self, &header, &make_batch()->base);
    assert_outcome(&answer, CHW__OUTCOME__OUTCOME_DEAD, "given up");
    header = make_header(MESSAGE_SCORE, 3);
    header.as_of = INT32_MIN;
    answer = take(self, &header, &make_batch()->base);
    assert_outcome(&answer, CHW__OUTCOME__OUTCOME_COUNTED, "");
}

static void only_an_attempt_to_score_or_describe_expires(void **state)
{
    (void)state;
    static const enum message_type types[] = {MESSAGE_SCORE, MESSAGE_DESCRIBE,
                                              MESSAGE_BURY};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct header header = make_header(types[i], 1);
        bool buried = types[i] == MESSAGE_BURY;
        struct task task;
        task_init(&task, &header, NULL, 0, NULL);
        assert_false(task_expire(&task, UINT64_MAX)); /* it has no deadline */
        header.deadline_ms = 100;
        task_init(&task, &header, NULL, 0, NULL);
        assert_false(task_expire(&task, 99));
        assert_int_equal(task_expire(&task, 100), !buried);
        assert_int_equal(task.answer_type, buried ? 0 : MESSAGE_EXPIRED);
        assert_null(task.answer);
        task_release(&task);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(counted_batch_adds_exactly_what_its_reply_says),
        TEST(duplicate_is_answered_with_the_same_bytes_after_a_promotion),
        TEST(duplicate_has_the_same_factors_after_a_promotion),
        TEST(more_factors_than_are_given_make_the_batch_invalid),
        TEST(record_that_cannot_be_scored_costs_only_itself),
        TEST(key_used_for_another_body_is_invalid_and_changes_nothing),
        TEST(batch_without_structure_is_settled_invalid_with_its_reason),
        TEST(future_date_is_invalid_and_tomorrow_is_not),
        TEST(what_if_is_scored_and_settles_nothing),
        TEST(below_the_watermark_the_client_has_had_its_answer),
        TEST(buried_batch_is_dead_unless_it_was_settled_before),
        TEST(unknown_model_is_looked_up_in_the_store_before_it_is_refused),
        TEST(store_that_is_away_returns_the_batch),
        TEST(description_names_what_the_models_read),
        TEST(description_without_a_program_says_what_to_do),
        TEST(batch_whose_reply_would_be_too_large_is_invalid),
        cmocka_unit_test(only_an_attempt_to_score_or_describe_expires),
        TEST(day_at_the_end_of_time_is_refused_and_buried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
