/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a batch is scored by the models that it asks for, else by those of the program,
 * each with its own tiers; a record counts for all targets or for none; what a settlement
 * recorded gives the same reply again.
 * Method: small models in a real store; expected sums worked out from the reply. */
#include "worker/describe.h"
#include "worker/score.h"

#include "tests/lib/build.h"
#include "tests/lib/test.h"
#include "worker_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 2500, PERIOD = 202611 };

struct fixture {
    struct worker_fixture store;
    struct snapshot *snapshot;
};

static void reload(struct fixture *self)
{
    struct snapshot *newer;
    assert_int_equal(snapshot_load(self->store.store, self->snapshot, &newer, NULL),
                     STATUS_OK);
    snapshot_drop(self->snapshot);
    self->snapshot = newer;
}

/* The program has chd and diabetes; stroke is a model that it does not name. */
static int setup(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);
    *state = self;
    worker_fixture_open(&self->store);
    worker_publish(&self->store, worker_model("chd", 1), "chd", "champion");
    worker_publish(&self->store, worker_model("chd", 2), "chd", "challenger");
    worker_publish(&self->store, worker_model("diabetes", -1), "diabetes", "champion");
    worker_publish(&self->store, worker_model("stroke", 0.5F), "stroke", "champion");
    worker_publish_program(&self->store, "chd,diabetes");
    reload(self);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *self = *state;
    snapshot_drop(self->snapshot);
    worker_fixture_close(&self->store);
    free(self);
    return 0;
}

/* "chd@challenger,stroke@champion"; empty: the program's. */
static enum status choose(const struct fixture *self, const char *asked,
                          struct serving **serving, struct error_text *error)
{
    Chw__ModelChoice *choices[32];
    size_t count = 0;
    char *text = build_alloc(strlen(asked) + 1), *rest;
    strcpy(text, asked);
    for (char *one = strtok_r(text, ",", &rest); one != NULL;
         one = strtok_r(NULL, ",", &rest)) {
        char *alias = strchr(one, '@');
        *alias = '\0';
        choices[count] = build_alloc(sizeof *choices[count]);
        chw__model_choice__init(choices[count]);
        choices[count]->name = one;
        choices[count++]->alias = alias + 1;
    }
    return serving_choose(self->snapshot, choices, count, serving, error);
}

static struct serving *choose_ok(const struct fixture *self, const char *asked)
{
    struct serving *serving;
    struct error_text error = {""};
    if (choose(self, asked, &serving, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return serving;
}

static void assert_refused(const struct fixture *self, const char *asked,
                           enum status status, const char *says)
{
    struct serving *serving;
    struct error_text error = {""};
    assert_int_equal(choose(self, asked, &serving, &error), status);
    assert_null(serving);
    if (strstr(error.text, says) == NULL)
        fail_msg("'%s' does not say '%s'", error.text, says);
}

/* ---- a scored batch ---- */

struct scored {
    struct columns columns;
    struct scoring *scoring;
    Chw__Reply *reply;
    unsigned steps;
};

static Chw__Batch *make_batch(void)
{
    float *ages = build_alloc(ROWS * sizeof *ages);
    for (size_t row = 0; row < ROWS; row++)
        ages[row] = (float)(20 + row % 70);
    Chw__Batch *batch = build_batch(ROWS);
    build_floats(batch, "age", ages, ROWS);
    return batch;
}

static void score_explained(struct scored *self, const Chw__Batch *batch,
                            const struct serving *serving, uint32_t factors)
{
    *self = (struct scored){.steps = 0};
    assert_int_equal(columns_view(batch, &self->columns, NULL), STATUS_OK);
    assert_int_equal(scoring_new(&self->columns, serving, factors, &self->scoring, NULL),
                     STATUS_OK);
    while (scoring_step(self->scoring))
        self->steps++;
    self->reply = scoring_reply(self->scoring, (struct slice){0, self->columns.rows},
                                CHW__OUTCOME__OUTCOME_COUNTED);
    assert_non_null(self->reply);
}

static void score(struct scored *self, const Chw__Batch *batch,
                  const struct serving *serving)
{
    score_explained(self, batch, serving, 0);
}

static void release(struct scored *self)
{
    scoring_free(self->scoring);
    columns_release(&self->columns);
}

/* ---- choosing ---- */

static void program_says_which_models_score(void **state)
{
    struct serving *serving = choose_ok(*state, "");
    assert_int_equal(serving->count, 2);
    assert_true(serving->has_program);
    assert_string_equal(model_name(loaded_model(serving->targets[0].loaded)), "chd");
    assert_string_equal(model_name(loaded_model(serving->targets[1].loaded)), "diabetes");
    serving_free(serving);
}

static void request_overrides_the_program_and_keeps_its_tiers(void **state)
{
    struct fixture *self = *state;
    struct program program = {.target_count = 1};
    struct digest version;
    uint8_t *bytes;
    size_t size;
    program_target_init(&program.targets[0], "chd", "champion");
    program.targets[0].tier_count = 2;
    assert_int_equal(program_save(&program, &bytes, &size), STATUS_OK);
    assert_int_equal(store_put(self->store.store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME,
                               bytes, size, &version, NULL),
                     STATUS_OK);
    assert_int_equal(store_alias_move(self->store.store, ARTIFACT_PROGRAM,
                                      STORE_PROGRAM_NAME, STORE_PROGRAM_ALIAS, &version,
                                      NULL),
                     STATUS_OK);
    free(bytes);
    reload(self);

    struct serving *serving = choose_ok(self, "stroke@champion,chd@challenger");
    assert_int_equal(serving->count, 2);
    assert_ptr_equal(serving->targets[1].loaded,
                     snapshot_alias(self->snapshot, "chd", "challenger"));
    assert_int_equal(serving->targets[0].rules.tier_count, 3);
    assert_int_equal(serving->targets[1].rules.tier_count, 2);
    serving_free(serving);
}

static void what_cannot_be_chosen_is_named(void **state)
{
    struct fixture *self = *state;
    assert_refused(self, "chd@nobody", STATUS_NOT_FOUND, "no model chd@nobody");
    assert_refused(self, "chd@champion,chd@challenger", STATUS_INVALID, "chd");
    assert_refused(self,
                   "a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b",
                   STATUS_INVALID, "17 models");
    worker_publish_program(&self->store, "chd,asthma");
    reload(self);
    assert_refused(self, "", STATUS_NOT_FOUND, "asthma@champion");
}

static void name_that_no_model_can_have_is_not_repeated(void **state)
{
    struct serving *serving;
    struct error_text error = {""};
    assert_int_equal(choose(*state, "a\nb@champion", &serving, &error), STATUS_INVALID);
    assert_null(strchr(error.text, '\n'));
    assert_int_equal(choose(*state, "chd@\xff\xfe", &serving, &error), STATUS_INVALID);
    assert_null(strchr(error.text, '\xff'));
}

/* ---- scoring ---- */

static const struct demand_cell *find_cell(const struct demand_cell *cells, size_t count,
                                           const char *target, const char *tier)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(cells[i].target, target) == 0 && strcmp(cells[i].tier, tier) == 0)
            return &cells[i];
    return NULL;
}

/* One tier of one target, from what the reply says of each record. */
static struct demand_cell expected_cell(const Chw__Reply *reply, size_t target,
                                        uint8_t tier)
{
    const Chw__TargetScores *scores = reply->targets[target];
    struct demand_cell cell = {.people = 0};
    size_t error = 0;
    for (uint32_t row = 0; row < reply->rows; row++) {
        if (error < reply->n_errors && reply->errors[error]->row == row) {
            error++;
            continue;
        }
        double p = (double)scores->probabilities[row];
        if (scores->tiers.data[row] != tier)
            continue;
        cell.people++;
        cell.sum_p += llrint(p * 4294967296.0);
        cell.sum_pq += llrint(p * (1.0 - p) * 4294967296.0);
    }
    return cell;
}

static void assert_demand(const struct scored *scored, size_t target)
{
    static struct demand_cell cells[STORE_TARGETS_MAX * PROGRAM_TIERS_MAX];
    const Chw__TargetScores *scores = scored->reply->targets[target];
    size_t count =
        scoring_demand(scored->scoring, (struct slice){0, scored->columns.rows}, PERIOD,
                       "KE/Kisumu", cells);
    assert_true(count <= scoring_cells_max(scored->scoring,
                                           (struct slice){0, scored->columns.rows}));
    int64_t people = 0;
    for (uint8_t tier = 0; tier < scores->n_tier_names; tier++) {
        struct demand_cell expected = expected_cell(scored->reply, target, tier);
        const struct demand_cell *cell =
            find_cell(cells, count, scores->name, scores->tier_names[tier]);
        assert_true((cell == NULL) == (expected.people == 0));
        if (cell == NULL)
            continue;
        assert_int_equal(cell->people, expected.people);
        assert_int_equal(cell->sum_p, expected.sum_p);
        assert_int_equal(cell->sum_pq, expected.sum_pq);
        assert_int_equal(cell->period, PERIOD);
        assert_string_equal(cell->region, "KE/Kisumu");
        people += cell->people;
    }
    assert_int_equal(people, scoring_ok_count(scored->scoring));
}

static void demand_is_the_integer_sum_of_what_the_reply_says(void **state)
{
    struct serving *serving = choose_ok(*state, "");
    struct scored scored;
    score(&scored, make_batch(), serving);
    assert_int_equal(scored.steps, 3);
    assert_int_equal(scored.reply->n_targets, 2);
    assert_int_equal(scored.reply->n_errors, 0);
    assert_demand(&scored, 0);
    assert_demand(&scored, 1);
    release(&scored);
    serving_free(serving);
}

static void record_that_one_target_cannot_score_counts_for_none(void **state)
{
    struct fixture *self = *state;
    Chw__Model *needy = worker_model("stroke", 1);
    needy->linear->n_weights = 2;
    needy->linear->weights = build_alloc(2 * sizeof(float));
    build_numeric(needy, "glucose", 100, 0.01);
    worker_publish(&self->store, needy, "stroke", "champion");
    reload(self);

    float *glucose = build_alloc(ROWS * sizeof *glucose);
    uint8_t *valid = build_alloc((ROWS + 7) / 8);
    memset(valid, 0xff, (ROWS + 7) / 8);
    valid[9 / 8] &= (uint8_t) ~(1 << 9 % 8);
    valid[2048 / 8] &= (uint8_t) ~(1 << 2048 % 8);
    Chw__Batch *batch = make_batch();
    build_floats(batch, "glucose", glucose, ROWS)->valid =
        build_bytes(valid, (ROWS + 7) / 8);

    struct serving *serving = choose_ok(self, "chd@champion,stroke@champion");
    struct scored scored;
    score_explained(&scored, batch, serving, 1);
    assert_int_equal(scored.reply->n_errors, 2);
    assert_int_equal(scored.reply->errors[0]->row, 9);
    assert_int_equal(scored.reply->errors[1]->row, 2048);
    assert_int_equal(scored.reply->errors[1]->fault,
                     CHW__RECORD_FAULT__RECORD_FAULT_MISSING);
    assert_string_equal(scored.reply->errors[1]->column, "glucose");
    assert_true(scored.reply->targets[0]->probabilities[9] == 0);
    assert_true(scored.reply->targets[0]->probabilities[10] > 0);
    assert_true(scored.reply->targets[0]->factors->contributions[9] == 0);
    assert_true(scored.reply->targets[0]->factors->contributions[10] < 0);
    assert_int_equal(scoring_ok_count(scored.scoring), ROWS - 2);
    assert_demand(&scored, 0);
    assert_demand(&scored, 1);
    release(&scored);
    serving_free(serving);
}

/* ---- again ---- */

/* Three blocks of rows for all targets, five of explanations for each. */
static void every_target_is_explained_in_steps_of_its_own(void **state)
{
    struct scored plain, explained;
    struct serving *serving = choose_ok(*state, "");
    score(&plain, make_batch(), serving);
    score_explained(&explained, make_batch(), serving, 3);
    assert_int_equal(plain.steps, 3);
    assert_int_equal(explained.steps, 3 + 2 * 5);
    for (size_t i = 0; i < 2; i++) {
        const Chw__TargetScores *target = explained.reply->targets[i];
        const Chw__Factors *factors = target->factors;
        assert_null(plain.reply->targets[i]->factors);
        assert_memory_equal(target->probabilities, plain.reply->targets[i]->probabilities,
                            ROWS * sizeof *target->probabilities);
        assert_int_equal(factors->n_contributions, ROWS);
        for (uint32_t row = 0; row < ROWS; row++) {
            double p = (double)target->probabilities[row];
            assert_true(fabs(log(p / (1 - p)) - factors->base_value -
                             (double)factors->contributions[row]) < 1e-5);
        }
    }
    release(&plain);
    release(&explained);
    serving_free(serving);
}

static void
recorded_versions_give_the_same_bytes_whatever_was_published_since(void **state)
{
    struct fixture *self = *state;
    struct serving *chosen = choose_ok(self, "stroke@champion,chd@champion"), *recalled;
    struct settlement settlement = {.outcome = SETTLE_COUNTED};
    struct scored first, again;
    size_t size, size_again;
    score(&first, make_batch(), chosen);
    const uint8_t *bytes = build_pack(&first.reply->base, &size);
    serving_record(chosen, &settlement);

    worker_publish(&self->store, worker_model("chd", 5), "chd", "champion");
    worker_publish_program(&self->store, "diabetes");
    reload(self);
    struct serving *now = choose_ok(self, "stroke@champion,chd@champion");
    assert_false(serving_matches(now, &settlement));
    assert_int_equal(
        serving_recall(self->store.store, self->snapshot, &settlement, &recalled, NULL),
        STATUS_OK);
    assert_true(serving_matches(recalled, &settlement));
    score(&again, make_batch(), recalled);
    const uint8_t *bytes_again = build_pack(&again.reply->base, &size_again);
    assert_int_equal(size, size_again);
    assert_memory_equal(bytes, bytes_again, size);

    release(&first);
    release(&again);
    serving_free(chosen);
    serving_free(recalled);
    serving_free(now);
}

static void settlement_under_another_program_does_not_match(void **state)
{
    struct fixture *self = *state;
    struct settlement settlement = {.outcome = SETTLE_COUNTED};
    struct serving *before = choose_ok(self, "chd@champion");
    serving_record(before, &settlement);
    worker_publish_program(&self->store, "chd");
    reload(self);
    struct serving *after = choose_ok(self, "chd@champion");
    assert_true(serving_matches(before, &settlement));
    assert_false(serving_matches(after, &settlement));
    serving_free(before);
    serving_free(after);
}

/* ---- describing ---- */

static Chw__Model *smoking_model(const char *name, const char *categories, bool required)
{
    Chw__Model *model = worker_model(name, 1);
    model->linear->n_weights = 2;
    model->linear->weights = build_alloc(2 * sizeof(float));
    Chw__Feature *feature = build_category(model, "smoking", categories);
    feature->required = required;
    feature->category->encoding = CHW__CATEGORY_ENCODING__ENCODING_CODE;
    return model;
}

static void description_is_the_union_of_what_the_models_read(void **state)
{
    struct fixture *self = *state;
    worker_publish(&self->store, smoking_model("chd", "no,yes", false), "chd",
                   "champion");
    worker_publish(&self->store, smoking_model("diabetes", "yes,former", true),
                   "diabetes", "champion");
    reload(self);
    struct serving *serving = choose_ok(self, "");
    Chw__Description *description = description_new(serving);
    assert_int_equal(description->n_features, 2);
    const Chw__FeatureDescription *age = description->features[0],
                                  *smoking = description->features[1];
    assert_true(age->numeric);
    assert_int_equal(age->n_categories, 0);
    assert_false(smoking->numeric);
    assert_true(smoking->required);
    assert_int_equal(smoking->n_categories, 3);
    assert_string_equal(smoking->categories[2], "former");
    assert_int_equal(description->n_targets, 2);
    assert_string_equal(description->targets[1]->tier_names[2], "high");
    description_free(description);
    serving_free(serving);
}

static void description_names_each_target_of_the_program_and_its_version(void **state)
{
    struct fixture *self = *state;
    char text[192], expected[192], hex[DIGEST_HEX_SIZE];
    const char *const names[] = {"chd", "diabetes"};
    size_t used = 0;
    for (size_t i = 0; i < 2; i++) {
        struct loaded *loaded = snapshot_alias(self->snapshot, names[i], "champion");
        digest_format(model_version(loaded_model(loaded)), hex);
        used += (size_t)snprintf(expected + used, sizeof expected - used, "%s%s=%.12s",
                                 i == 0 ? "" : " ", names[i], hex);
    }
    serving_describe(self->snapshot, text, sizeof text);
    assert_string_equal(text, expected);

    serving_describe(self->snapshot, text, 20); /* room for the first target only */
    *strchr(expected, ' ') = '\0';
    assert_string_equal(text, expected);
    serving_describe(NULL, text, sizeof text);
    assert_string_equal(text, "");
    worker_publish_program(&self->store, "chd,nobody");
    reload(self);
    serving_describe(self->snapshot, text, sizeof text);
    assert_non_null(strstr(text, " nobody=none"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(program_says_which_models_score),
        TEST(request_overrides_the_program_and_keeps_its_tiers),
        TEST(what_cannot_be_chosen_is_named),
        TEST(name_that_no_model_can_have_is_not_repeated),
        TEST(demand_is_the_integer_sum_of_what_the_reply_says),
        TEST(record_that_one_target_cannot_score_counts_for_none),
        TEST(every_target_is_explained_in_steps_of_its_own),
        TEST(recorded_versions_give_the_same_bytes_whatever_was_published_since),
        TEST(settlement_under_another_program_does_not_match),
        TEST(description_is_the_union_of_what_the_models_read),
        TEST(description_names_each_target_of_the_program_and_its_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
