/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: contributions are the Shapley values of the path-dependent expectation, add up to
 * the margin, and are the same on every processor. Method: beside the definition, summed
 * over all coalitions, on seeded random models of few inputs; beside the margin on deep
 * and large ones. tests/integration/test_explain_parity.py compares with XGBoost. */
#include "model/cpu.h"
#include "model/explain.h"
#include "model/explain_state.h"
#include "model/reference.h"
#include "tests/lib/any.h"
#include "tests/lib/build.h"
#include "tests/lib/test.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = ANY_ROWS, INPUTS_MAX = 12, FEATURES_MAX = 8, ROUNDS = 40 };

static struct {
    struct model *model;
    struct columns columns;
    struct binding *binding;
    struct explainer *explainer;
    const char *reason;
    float contributions[ROWS * FEATURES_MAX];
    float margins[ROWS];
    struct record_fault faults[ROWS];
} it;

static void load_it(const Chw__Model *message, const Chw__Batch *batch)
{
    struct error_text error = {""};
    size_t size;
    uint8_t *bytes = build_pack(&message->base, &size);
    if (model_load(bytes, size, &it.model, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    assert_int_equal(columns_view(batch, &it.columns, &error), STATUS_OK);
    assert_int_equal(model_bind(it.model, &it.columns, &it.binding, &error), STATUS_OK);
}

static void open_it(const Chw__Model *message, const Chw__Batch *batch)
{
    load_it(message, batch);
    assert_int_equal(explainer_new(it.binding, &it.explainer, &it.reason), STATUS_OK);
}

static void run(uint32_t rows)
{
    assert_true(model_message(it.model)->n_features <= FEATURES_MAX);
    assert_non_null(it.explainer);
    model_margins(it.binding, 0, rows, it.margins, it.faults);
    explainer_run(it.explainer, 0, rows, it.contributions);
}

static void close_it(void)
{
    explainer_free(it.explainer);
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

static bool is_scored(uint32_t row)
{
    return it.faults[row].fault == CHW__RECORD_FAULT__RECORD_FAULT_NONE;
}

/* ---- the definition ---- */

static bool goes_left(const Chw__Trees *trees, const Chw__Tree *tree, uint32_t node)
{
    float input = it.binding->inputs[tree->input[node]];
    if (isnan(input))
        return tree->default_left.data[node] != 0;
    if (tree->n_set == 0 || tree->set[node] == 0)
        return input < tree->threshold[node];
    const ProtobufCBinaryData *set = &trees->sets[tree->set[node] - 1]->members;
    uint32_t code = (uint32_t)input;
    return code / 8 < set->len && (set->data[code / 8] >> code % 8 & 1) != 0;
}

/* What the tree gives where only the inputs of the coalition are known. */
static double expected(const Chw__Trees *trees, const Chw__Tree *tree, uint32_t node,
                       uint32_t coalition)
{
    if (tree->left[node] == 0)
        return (double)tree->threshold[node];
    uint32_t left = tree->left[node], right = tree->right[node];
    if (coalition >> tree->input[node] & 1)
        return expected(trees, tree, goes_left(trees, tree, node) ? left : right,
                        coalition);
    double all = (double)tree->cover[node];
    return (double)tree->cover[left] / all * expected(trees, tree, left, coalition) +
           (double)tree->cover[right] / all * expected(trees, tree, right, coalition);
}

static double factorial(uint32_t n)
{
    double product = 1;
    for (uint32_t i = 2; i <= n; i++)
        product *= i;
    return product;
}

/* Of all trees together, by coalition. */
static double worth[1 << INPUTS_MAX];

static double shapley(uint32_t player, uint32_t inputs)
{
    double sum = 0;
    for (uint32_t coalition = 0; coalition < 1U << inputs; coalition++) {
        if (coalition >> player & 1)
            continue;
        uint32_t size = (uint32_t)__builtin_popcount(coalition);
        sum += factorial(size) * factorial(inputs - size - 1) / factorial(inputs) *
               (worth[coalition | 1U << player] - worth[coalition]);
    }
    return sum;
}

static void compare_row(const Chw__Trees *trees, uint32_t row)
{
    const struct model *model = it.model;
    uint32_t inputs = model->input_count;
    size_t features = model_message(model)->n_features;
    double part =
        trees->aggregate == CHW__TREES__AGGREGATE__MEAN ? 1 / (double)trees->n_trees : 1;
    reference_read(it.binding, row);
    for (uint32_t coalition = 0; coalition < 1U << inputs; coalition++) {
        worth[coalition] = 0;
        for (size_t i = 0; i < trees->n_trees; i++)
            worth[coalition] += part * expected(trees, trees->trees[i], 0, coalition);
    }
    assert_true(fabs((double)trees->base_margin + worth[0] -
                     explainer_base(it.explainer)) < 1e-5);
    for (size_t k = 0; k < features; k++) {
        const struct feature *feature = &model->features[k];
        double sum = 0, found = (double)it.contributions[row * features + k];
        for (uint32_t i = 0; i < feature->input_count; i++)
            sum += shapley(feature->first_input + i, inputs);
        if (fabs(sum - found) > 1e-5)
            fail_msg("row %u, feature %zu: %.9g, expected %.9g", row, k, found, sum);
    }
}

static void compare(const Chw__Model *message)
{
    enum { COMPARED = 12 };
    open_it(message, any_batch(message));
    if (it.model->input_count <= INPUTS_MAX) {
        run(ROWS);
        uint32_t compared = 0;
        for (uint32_t row = 0; row < ROWS && compared < COMPARED; row += 31)
            if (is_scored(row)) {
                compare_row(message->trees, row);
                compared++;
            }
    }
    close_it();
}

static void contributions_are_shapley_values(void **state)
{
    static const uint32_t depths[] = {1, 3, 6, 12};
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        compare(any_trees(depths[round % 4]));
        build_reset();
    }
}

/* ---- sums ---- */

static void assert_sums(double tolerance)
{
    size_t features = model_message(it.model)->n_features;
    for (uint32_t row = 0; row < ROWS; row++) {
        double sum = explainer_base(it.explainer);
        for (size_t k = 0; k < features; k++)
            sum += (double)it.contributions[row * features + k];
        if (is_scored(row) && fabs(sum - (double)it.margins[row]) > tolerance)
            fail_msg("row %u: %.9g, the margin is %.9g", row, sum,
                     (double)it.margins[row]);
    }
}

static void contributions_to_deep_trees_add_up_to_the_margin(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        Chw__Model *model = any_trees(ANY_DEPTH_MAX);
        open_it(model, any_batch(model));
        run(ROWS);
        assert_sums(1e-5);
        close_it();
        build_reset();
    }
}

/* Twelve numbers, so that paths have many players. */
static Chw__Model *many_players(void)
{
    Chw__Model *model = build_trees(0.5F);
    for (uint32_t i = 0; i < FEATURES_MAX; i++) {
        char *name = build_alloc(8);
        name[0] = (char)('a' + i);
        build_numeric(model, name, 0, 1)->missing = CHW__MISSING_POLICY__MISSING_KEEP;
    }
    any_add_trees(model, 60, 14);
    return model;
}

static void leaves_of_many_players_are_explained(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(5); round++) {
        Chw__Model *model = many_players();
        open_it(model, any_batch(model));
        run(ROWS);
        assert_true(it.model->parts[0].explained->players_max > TABLE_PLAYERS_MAX);
        assert_sums(1e-5);
        for (uint32_t row = 0; row < ROWS; row += 97)
            if (is_scored(row))
                compare_row(model->trees, row);
        close_it();
        build_reset();
    }
}

static void linear_contributions_are_counted_from_the_means(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        Chw__Model *model = any_linear();
        Chw__Linear *linear = model->linear;
        linear->n_means = round % 2 == 0 ? linear->n_weights : 0;
        linear->means = build_alloc(linear->n_weights * sizeof *linear->means);
        for (size_t i = 0; i < linear->n_weights; i++)
            linear->means[i] = (float)any_chance(100) / 50;
        open_it(model, any_batch(model));
        run(ROWS);
        for (uint32_t row = 0; row < ROWS; row++) /* the sums of the largest floats */
            if (fabsf(it.margins[row]) > 1e4F)
                it.faults[row].fault = CHW__RECORD_FAULT__RECORD_FAULT_MISSING;
        assert_sums(1e-2);
        close_it();
        build_reset();
    }
}

/* ---- steps ---- */

static void steps_in_turn_with_another_explainer_give_the_same_bits(void **state)
{
    (void)state;
    struct explainer *other;
    float *stepped = build_alloc(EXPLAIN_ROWS_MAX * FEATURES_MAX * sizeof *stepped);
    float *others = build_alloc(EXPLAIN_ROWS_MAX * FEATURES_MAX * sizeof *others);
    unsigned steps = 1;
    Chw__Model *model = many_players();
    any_add_trees(model, 150, 14);
    open_it(model, any_batch(model));
    run(EXPLAIN_ROWS_MAX);
    assert_int_equal(explainer_new(it.binding, &other, &it.reason), STATUS_OK);
    explainer_begin(it.explainer, 7, 300, stepped); /* given up for what follows */
    assert_true(explainer_step(it.explainer));
    explainer_begin(it.explainer, 0, EXPLAIN_ROWS_MAX, stepped);
    explainer_begin(other, 100, 1, others);
    for (; explainer_step(it.explainer); steps++)
        if (!explainer_step(other))
            explainer_begin(other, 100 + steps, 1, others);
    assert_true(steps > 2);
    assert_memory_equal(stepped, it.contributions,
                        EXPLAIN_ROWS_MAX * FEATURES_MAX * sizeof *stepped);
    explainer_free(other);
    close_it();
}

/* ---- threads ---- */

static void *explain_alone(void *arg)
{
    struct binding *binding;
    struct explainer *explainer;
    const char *reason;
    if (model_bind(it.model, &it.columns, &binding, NULL) != STATUS_OK)
        return NULL;
    if (explainer_new(binding, &explainer, &reason) == STATUS_OK) {
        explainer_run(explainer, 0, ROWS, arg);
        explainer_free(explainer);
    }
    binding_free(binding);
    return arg;
}

/* None of them finds the model prepared. */
static void threads_that_ask_first_at_once_get_the_same_bits(void **state)
{
    enum { THREADS = 4 };
    (void)state;
    size_t size = ROWS * FEATURES_MAX * sizeof(float);
    pthread_t threads[THREADS];
    float *found[THREADS];
    for (int round = 0; round < any_rounds(5); round++) {
        Chw__Model *model = many_players();
        Chw__Batch *batch = any_batch(model);
        for (int i = 0; i < THREADS; i++)
            found[i] = build_alloc(size);
        load_it(model, batch);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, explain_alone, found[i]),
                             0);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(explainer_new(it.binding, &it.explainer, &it.reason), STATUS_OK);
        run(ROWS);
        for (int i = 0; i < THREADS; i++)
            assert_memory_equal(found[i], it.contributions,
                                ROWS * model->n_features * sizeof(float));
        close_it();
        build_reset();
    }
}

/* ---- ways ---- */

static void ways_give_the_same_bits(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS) && cpu_has_avx512(); round++) {
        Chw__Model *model = round % 4 == 0 ? many_players() : any_trees(8);
        open_it(model, any_batch(model));
        run(ROWS);
        const struct explained_leaves *leaves = it.model->parts[0].explained;
        size_t size = leaves->questions->feature_count * KERNEL_BLOCK;
        double *expected_totals = build_alloc(size * sizeof *expected_totals);
        struct explain_run *explain_run = explainer_part_run(it.explainer, 0);
        for (uint32_t first = 0; first < ROWS; first += KERNEL_BLOCK) {
            uint32_t count = ROWS - first < KERNEL_BLOCK ? ROWS - first : KERNEL_BLOCK;
            explain_run_begin(explain_run, first, count);
            while (explain_step_portable(explain_run))
                continue;
            memcpy(expected_totals, explain_run->totals, size * sizeof *expected_totals);
            explain_run_begin(explain_run, first, count);
            while (explain_step_avx512(explain_run))
                continue;
            for (size_t i = 0; i < size; i++)
                if (i % KERNEL_BLOCK < count)
                    assert_true(expected_totals[i] == explain_run->totals[i]);
        }
        close_it();
        build_reset();
    }
}

/* ---- platt, parts ---- */

static void platt_scales_the_contributions(void **state)
{
    (void)state;
    Chw__Model *model = any_trees(5);
    Chw__Platt platt;
    float plain[FEATURES_MAX];
    open_it(model, any_batch(model));
    run(1);
    double base = explainer_base(it.explainer);
    memcpy(plain, it.contributions, sizeof plain);
    close_it();
    chw__platt__init(&platt);
    platt.slope = 2;
    platt.intercept = 0.5;
    model->calibration_case = CHW__MODEL__CALIBRATION_PLATT;
    model->platt = &platt;
    any_seed(state);
    any_trees(5); /* the same chances again, so the same batch */
    open_it(model, any_batch(model));
    run(1);
    assert_true(fabs(2 * base + 0.5 - explainer_base(it.explainer)) < 1e-9);
    for (size_t i = 0; i < model->n_features; i++)
        assert_true(fabsf(2 * plain[i] - it.contributions[i]) < 1e-6F);
    close_it();
}

static void parts_are_averaged_or_chosen(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        Chw__Model *model = any_parts();
        Chw__Parts *parts = model->parts;
        bool mean = parts->combine == CHW__PARTS__COMBINE__MEAN;
        open_it(model, any_batch(model));
        run(ROWS);
        for (uint32_t row = 0; row < ROWS; row += 50) {
            double sum = explainer_base(it.explainer), expected_sum = 0;
            for (size_t k = 0; k < model->n_features; k++)
                sum += (double)it.contributions[row * model->n_features + k];
            reference_read(it.binding, row);
            for (size_t i = 0; i < parts->n_parts; i++)
                if (mean || i == parts->chosen)
                    expected_sum += reference_margin(it.binding, i) /
                                    (mean ? (double)parts->n_parts : 1);
            if (is_scored(row) && fabs(sum - expected_sum) > 1e-4)
                fail_msg("row %u: %.9g, expected %.9g", row, sum, expected_sum);
        }
        close_it();
        build_reset();
    }
}

/* ---- what cannot be explained ---- */

static void model_without_covers_says_so(void **state)
{
    (void)state;
    Chw__Model *model = any_trees(4);
    for (size_t i = 0; i < model->trees->n_trees; i++)
        model->trees->trees[i]->n_cover = 0;
    open_it(model, any_batch(model));
    assert_null(it.explainer);
    assert_non_null(strstr(it.reason, "training data"));
    close_it();
}

static void tree_that_is_too_deep_says_so(void **state)
{
    enum { DEPTH = EXPLAIN_DEPTH_MAX + 1 };
    static struct build_node chain[2 * DEPTH + 1];
    (void)state;
    for (uint32_t depth = DEPTH - 1; depth <= DEPTH; depth++) {
        Chw__Model *model = build_trees(0);
        build_numeric(model, "a", 0, 1);
        for (uint32_t i = 0; i < depth; i++) {
            chain[2 * i] = (struct build_node){
                .threshold = 1, .left = 2 * i + 1, .right = 2 * i + 2};
            chain[2 * i + 1] = (struct build_node){.threshold = 1};
        }
        chain[2 * depth] = (struct build_node){.threshold = 2};
        Chw__Tree *tree = build_tree(model, chain, 2 * depth + 1);
        tree->n_cover = tree->n_left;
        tree->cover = build_alloc(tree->n_cover * sizeof *tree->cover);
        for (size_t i = 0; i < tree->n_cover; i++)
            tree->cover[i] = 1;
        open_it(model, any_batch(model));
        assert_true((it.explainer == NULL) == (depth > EXPLAIN_DEPTH_MAX));
        close_it();
        build_reset();
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, any_seed, reset)
    static const struct CMUnitTest tests[] = {
        TEST(contributions_are_shapley_values),
        TEST(contributions_to_deep_trees_add_up_to_the_margin),
        TEST(leaves_of_many_players_are_explained),
        TEST(linear_contributions_are_counted_from_the_means),
        TEST(steps_in_turn_with_another_explainer_give_the_same_bits),
        TEST(threads_that_ask_first_at_once_get_the_same_bits),
        TEST(ways_give_the_same_bits),
        TEST(platt_scales_the_contributions),
        TEST(parts_are_averaged_or_chosen),
        TEST(model_without_covers_says_so),
        TEST(tree_that_is_too_deep_says_so),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
