/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a reply names what contributed most to each record's score, in order, and says
 * why where a model cannot tell; a record without a score has no factors. Method: linear
 * models whose contributions are plain to see, then beside a sort of all contributions of
 * seeded random models. */
#include "worker/factors.h"

#include "model/explain.h"
#include "tests/lib/any.h"
#include "tests/lib/build.h"
#include "tests/lib/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 20, ROWS_MAX = 1300, FEATURES_MAX = 8 };

static struct {
    struct model *model;
    struct columns columns;
    struct binding *binding;
    struct factors *factors;
    Chw__RecordFault faults[ROWS_MAX];
    unsigned steps;
    const Chw__Factors *said;
} it;

static void explain(const Chw__Model *message, const Chw__Batch *batch, uint32_t count)
{
    struct error_text error = {""};
    size_t size;
    float probabilities[ROWS_MAX];
    struct record_fault faults[ROWS_MAX];
    uint8_t *bytes = build_pack(&message->base, &size);
    assert_true(batch->rows <= ROWS_MAX);
    if (model_load(bytes, size, &it.model, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    assert_int_equal(columns_view(batch, &it.columns, NULL), STATUS_OK);
    assert_int_equal(model_bind(it.model, &it.columns, &it.binding, NULL), STATUS_OK);
    model_score(it.binding, 0, batch->rows, probabilities, faults);
    for (uint32_t row = 0; row < batch->rows; row++)
        it.faults[row] = faults[row].fault;
    assert_int_equal(factors_new(it.model, it.binding, batch->rows, count, &it.factors),
                     STATUS_OK);
    for (it.steps = 0; factors_step(it.factors, it.faults); it.steps++)
        continue;
    it.said = factors_message(it.factors);
}

static void release(void)
{
    factors_free(it.factors);
    binding_free(it.binding);
    columns_release(&it.columns);
    model_free(it.model);
}

static int reset(void **state)
{
    (void)state;
    build_reset();
    return 0;
}

/* Factor `at` of the row is this feature with this contribution. */
static void expect(uint32_t row, uint32_t at, const char *name, float contribution)
{
    size_t cell = row * it.said->count + at;
    assert_string_equal(it.said->names[it.said->features[cell]], name);
    if (fabsf(it.said->contributions[cell] - contribution) > 1e-6F)
        fail_msg("row %u: %s %.9g, expected %.9g", row, name,
                 (double)it.said->contributions[cell], (double)contribution);
}

/* margin = .5 + a - 3 b + 2 c + 2 d */
static Chw__Model *four(void)
{
    static const float weights[] = {1, -3, 2, 2};
    static const char *const names[] = {"a", "b", "c", "d"};
    Chw__Model *model = build_linear(0.5, weights, 4);
    for (size_t i = 0; i < 4; i++)
        build_numeric(model, names[i], 0, 1);
    return model;
}

/* Row r has a = 1, b = 1, c = r and d = 2 - r, as often as r is counted round. */
static Chw__Batch *rows_of_four(uint32_t rows)
{
    Chw__Batch *batch = build_batch(rows);
    float *ones = build_alloc(rows * sizeof *ones), *c = build_alloc(rows * sizeof *c),
          *d = build_alloc(rows * sizeof *d);
    for (uint32_t row = 0; row < rows; row++) {
        ones[row] = 1;
        c[row] = (float)(row % 3);
        d[row] = 2 - c[row];
    }
    build_floats(batch, "a", ones, rows);
    build_floats(batch, "b", ones, rows);
    build_floats(batch, "c", c, rows);
    build_floats(batch, "d", d, rows);
    return batch;
}

static void largest_come_first_whatever_their_sign_and_equals_in_order(void **state)
{
    (void)state;
    explain(four(), rows_of_four(3), 3);
    assert_int_equal(it.said->count, 3);
    assert_int_equal(it.said->n_names, 4);
    assert_true(it.said->log_odds);
    assert_true(it.said->base_value == 0.5);
    expect(0, 0, "d", 4);
    expect(0, 1, "b", -3);
    expect(0, 2, "a", 1);
    expect(1, 0, "b", -3);
    expect(1, 1, "c", 2);
    expect(1, 2, "d", 2);
    expect(2, 0, "c", 4);
    release();
}

static void every_block_is_explained(void **state)
{
    (void)state;
    explain(four(), rows_of_four(ROWS_MAX), 1);
    assert_int_equal(it.steps, (ROWS_MAX - 1) / EXPLAIN_ROWS_MAX + 1);
    for (uint32_t row = 0; row < ROWS_MAX; row++)
        expect(row, 0,
               row % 3 == 0   ? "d"
               : row % 3 == 1 ? "b"
                              : "c",
               row % 3 == 1 ? -3.0F : 4.0F);
    release();
}

static void record_without_a_score_has_no_factors(void **state)
{
    (void)state;
    Chw__Batch *batch = rows_of_four(3);
    batch->columns[0]->unreadable = build_bytes("\x02", 1);
    explain(four(), batch, 4);
    for (size_t k = 0; k < 4; k++)
        assert_true(it.said->contributions[4 + k] == 0 && it.said->features[4 + k] == 0);
    expect(0, 0, "d", 4);
    expect(2, 0, "c", 4);
    release();
}

static void model_of_few_features_gives_them_all(void **state)
{
    (void)state;
    explain(four(), rows_of_four(1), FACTORS_MAX);
    assert_int_equal(it.said->count, 4);
    assert_int_equal(it.said->n_contributions, 4);
    expect(0, 3, "c", 0);
    release();
}

static void model_that_cannot_explain_says_why(void **state)
{
    (void)state;
    static const struct build_node nodes[] = {
        {0, 0.5F, 1, 2, 0}, {.threshold = 1}, {.threshold = 2}};
    Chw__Model *model = build_trees(0);
    build_numeric(model, "a", 0, 1);
    build_tree(model, nodes, 3);
    explain(model, rows_of_four(5), 2);
    assert_non_null(strstr(it.said->reason, "training data"));
    assert_int_equal(it.said->count, 0);
    assert_int_equal(it.said->n_names, 0);
    assert_int_equal(it.said->n_contributions, 0);
    assert_int_equal(it.steps, 0);
    release();
}

/* ---- random models ---- */

static float all[ROWS_MAX * FEATURES_MAX];

static void compare_row(uint32_t row, size_t features)
{
    bool taken[FEATURES_MAX] = {false};
    for (uint32_t at = 0; at < it.said->count; at++) {
        size_t best = features;
        for (size_t k = 0; k < features; k++)
            if (!taken[k] && (best == features || fabsf(all[row * features + k]) >
                                                      fabsf(all[row * features + best])))
                best = k;
        taken[best] = true;
        size_t cell = row * it.said->count + at;
        assert_int_equal(it.said->features[cell], best);
        assert_memory_equal(&it.said->contributions[cell], &all[row * features + best],
                            sizeof(float));
    }
}

static void they_are_those_of_a_sort_of_all(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        Chw__Model *message = round % 2 == 0 ? any_linear() : any_trees(5);
        size_t features = message->n_features;
        explain(message, any_batch(message), 1 + any_chance(FACTORS_MAX));
        assert_true(features <= FEATURES_MAX);
        if (it.said->reason[0] == '\0') {
            struct explainer *explainer;
            const char *reason;
            assert_int_equal(explainer_new(it.binding, &explainer, &reason), STATUS_OK);
            explainer_run(explainer, 0, ANY_ROWS, all);
            explainer_free(explainer);
            for (uint32_t row = 0; row < ANY_ROWS; row++)
                if (it.faults[row] == CHW__RECORD_FAULT__RECORD_FAULT_NONE)
                    compare_row(row, features);
        }
        release();
        build_reset();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(
            largest_come_first_whatever_their_sign_and_equals_in_order, reset),
        cmocka_unit_test_teardown(every_block_is_explained, reset),
        cmocka_unit_test_teardown(record_without_a_score_has_no_factors, reset),
        cmocka_unit_test_teardown(model_of_few_features_gives_them_all, reset),
        cmocka_unit_test_teardown(model_that_cannot_explain_says_why, reset),
        cmocka_unit_test_setup_teardown(they_are_those_of_a_sort_of_all, any_seed, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
