/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: every kernel gives the reference scorer's margins, probabilities and faults to
 * the bit. Method: seeded random models and batches of every kind of feature, column and
 * value (missing, unreadable, infinite, denormal, equal to a threshold, unknown), of all
 * sizes around the blocks' boundaries; the two scorers side by side. TEST_SEED repeats a
 * run. */
#include "model/sliced.h"
#include "tests/lib/any.h"
#include "tests/lib/build.h"
#include "tests/lib/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = ANY_ROWS, ROUNDS = 60 };

/* ---- side by side ---- */

static void assert_same(const struct binding *binding, uint32_t first, uint32_t count)
{
    static float found[ROWS], expected[ROWS];
    static struct record_fault faults[ROWS], expected_faults[ROWS];
    model_margins(binding, first, count, found, faults);
    model_reference_margins(binding, first, count, expected, expected_faults);
    assert_memory_equal(faults, expected_faults, count * sizeof faults[0]);
    assert_memory_equal(found, expected, count * sizeof found[0]);
    model_score(binding, first, count, found, faults);
    model_reference_score(binding, first, count, expected, expected_faults);
    assert_memory_equal(faults, expected_faults, count * sizeof faults[0]);
    assert_memory_equal(found, expected, count * sizeof found[0]);
}

/* The ways that are not this processor's best, as far as it can go them. */
static void assert_ways_are_same(const struct model *model, const struct binding *binding)
{
    double chosen[KERNEL_BLOCK], found[KERNEL_BLOCK];
    const struct part *part = &model->parts[0];
    size_t last = part->kernel_count - 1;
    if (part->kernel_count == 0 || (part->kernels[last].type != &kernel_sliced &&
                                    part->kernels[last].type != &kernel_sliced_deep))
        return;
    void *run = binding->parts[0].runs[last];
    for (uint32_t first = 0; first < ROWS; first += KERNEL_BLOCK) {
        uint32_t count = ROWS - first < KERNEL_BLOCK ? ROWS - first : KERNEL_BLOCK;
        kernel_sliced.block(run, first, count, chosen);
        for (size_t i = 0; i < sliced_way_count; i++) {
            if (!sliced_ways[i].supported())
                continue;
            sliced_ways[i].block(run, first, count, found);
            assert_memory_equal(chosen, found, count * sizeof chosen[0]);
        }
    }
}

static void compare(const Chw__Model *message)
{
    static const uint32_t parts[][2] = {
        {0, ROWS}, {0, 256}, {0, 255}, {0, 257}, {1, 300},   {0, 511}, {0, 512}, {9, 513},
        {37, 16},  {37, 15}, {3, 8},   {3, 7},   {513, 187}, {699, 1}, {5, 513}};
    struct error_text error = {""};
    struct model *model;
    struct columns columns;
    struct binding *binding;
    size_t size;
    uint8_t *bytes = build_pack(&message->base, &size);
    if (model_load(bytes, size, &model, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    Chw__Batch *batch = any_batch(message);
    assert_int_equal(columns_view(batch, &columns, &error), STATUS_OK);
    assert_int_equal(model_bind(model, &columns, &binding, &error), STATUS_OK);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        assert_same(binding, parts[i][0], parts[i][1]);
    assert_ways_are_same(model, binding);
    binding_free(binding);
    columns_release(&columns);
    model_free(model);
}

static int reset(void **state)
{
    (void)state;
    build_reset();
    return 0;
}

static void shallow_trees_score_as_the_reference_does(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        compare(any_trees(6));
        build_reset();
    }
}

static void trees_of_depth_eight_score_as_the_reference_does(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        compare(any_trees(8));
        build_reset();
    }
}

/* Perfect trees of depth eight whose thresholds are all different. */
static Chw__Model *wide_trees(uint32_t trees, uint32_t inputs)
{
    enum { INNER = 255 };
    static struct build_node nodes[2 * INNER + 1];
    Chw__Model *model = build_trees(0.5F);
    for (uint32_t i = 0; i < inputs; i++) {
        char *name = build_alloc(8);
        name[0] = (char)('a' + i);
        build_numeric(model, name, 0, 1)->missing =
            any_chance(2) ? CHW__MISSING_POLICY__MISSING_KEEP
                          : CHW__MISSING_POLICY__MISSING_IMPUTE;
    }
    for (uint32_t i = 0; i < trees; i++) {
        for (uint32_t k = 0; k < INNER; k++)
            nodes[k] =
                (struct build_node){.input = any_chance(inputs),
                                    .threshold = (float)(i * INNER + k) * 0.001F - 20.0F +
                                                 (any_chance(4) == 0 ? 100.0F : 0.0F),
                                    .left = 2 * k + 1,
                                    .right = 2 * k + 2,
                                    .default_left = (uint8_t)any_chance(2)};
        for (uint32_t k = INNER; k <= 2 * INNER; k++)
            nodes[k] = (struct build_node){.threshold = (float)any_chance(1000) / 333.0F};
        build_tree(model, nodes, 2 * INNER + 1);
    }
    return model;
}

static void many_thresholds_on_a_feature_score_as_the_reference_does(void **state)
{
    static const uint32_t shapes[][2] = {{1, 1}, {2, 1}, {20, 3}, {300, 8}};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        compare(wide_trees(shapes[i][0], shapes[i][1]));
        build_reset();
    }
}

static void several_parts_score_as_the_reference_does(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        compare(any_parts());
        build_reset();
    }
}

static void deep_trees_score_as_the_reference_does(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        compare(any_trees(ANY_DEPTH_MAX));
        build_reset();
    }
}

static void a_thousand_trees_score_as_the_reference_does(void **state)
{
    static const uint32_t depths[] = {3, 10};
    (void)state;
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        Chw__Model *model = build_trees(0.25F);
        any_add_features(model, true);
        any_add_trees(model, 1000, depths[i]);
        compare(model);
        build_reset();
    }
}

/* Two hundred categories, named by their numbers, and a set for each tree. */
static Chw__Model *wide_sets(uint32_t trees)
{
    enum { CATEGORIES = 200, NAMES_SIZE = 4 * CATEGORIES, SET_SIZE = 32 };
    Chw__Model *model = build_trees(0.25F);
    char *names = build_alloc(NAMES_SIZE + 1);
    for (int i = 0, at = 0; i < CATEGORIES; i++)
        at += snprintf(names + at, (size_t)(NAMES_SIZE - at), i == 0 ? "%d" : ",%d", i);
    Chw__Feature *feature = build_category(model, "a", names);
    feature->category->encoding = CHW__CATEGORY_ENCODING__ENCODING_CODE;
    feature->category->unknown = CHW__UNKNOWN_POLICY__UNKNOWN_OTHER;
    feature->missing = CHW__MISSING_POLICY__MISSING_KEEP;
    model->trees->sets = build_alloc(trees * sizeof *model->trees->sets);
    model->trees->n_sets = trees;
    for (uint32_t i = 0; i < trees; i++) {
        struct build_node nodes[3] = {
            {.left = 1, .right = 2, .default_left = (uint8_t)any_chance(2)},
            {.threshold = (float)i},
            {.threshold = (float)any_chance(1000) / 333.0F}};
        size_t size = 1 + any_chance(SET_SIZE);
        uint8_t *members = build_alloc(size);
        for (size_t k = 0; k < size; k++)
            members[k] = (uint8_t)(any_chance(256) | any_chance(2) * 255);
        build_tree(model, nodes, 3);
        Chw__Tree *tree = model->trees->trees[i];
        tree->n_set = tree->n_left;
        tree->set = build_alloc(tree->n_set * sizeof *tree->set);
        tree->set[0] = i + 1;
        model->trees->sets[i] = build_alloc(sizeof *model->trees->sets[i]);
        chw__category_set__init(model->trees->sets[i]);
        model->trees->sets[i]->members = build_bytes(members, size);
    }
    return model;
}

static void sets_of_many_categories_score_as_the_reference_does(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        compare(wide_sets(5));
        build_reset();
    }
}

static void linear_models_score_as_the_reference_does(void **state)
{
    (void)state;
    for (int round = 0; round < any_rounds(ROUNDS); round++) {
        compare(any_linear());
        build_reset();
    }
}

static const char *kernel_of(const Chw__Model *message)
{
    struct model *model;
    size_t size;
    uint8_t *bytes = build_pack(&message->base, &size);
    assert_int_equal(model_load(bytes, size, &model, NULL), STATUS_OK);
    const char *name = model_kernel(model); /* a literal */
    model_free(model);
    return name;
}

static size_t bytes_of(const Chw__Model *message)
{
    struct model *model;
    size_t size;
    uint8_t *bytes = build_pack(&message->base, &size);
    assert_int_equal(model_load(bytes, size, &model, NULL), STATUS_OK);
    size_t found = model_kernel_bytes(model);
    model_free(model);
    return found;
}

enum { CHAIN_MAX = 64 };

/* A chain of `depth` questions on each feature in turn, all different, beside leaves. */
static Chw__Model *chains(uint32_t features, uint32_t trees, uint32_t depth)
{
    static struct build_node nodes[2 * CHAIN_MAX + 1];
    Chw__Model *model = build_trees(0.25F);
    for (uint32_t i = 0; i < features; i++) {
        char *name = build_alloc(8);
        name[0] = (char)('a' + i);
        build_numeric(model, name, 0, 1)->missing = CHW__MISSING_POLICY__MISSING_KEEP;
    }
    for (uint32_t i = 0; i < trees; i++) {
        for (uint32_t k = 0; k < depth; k++) {
            nodes[2 * k] =
                (struct build_node){.input = (i + k) % features,
                                    .threshold = (float)(i * depth + k) * 0.001F - 20.0F,
                                    .left = 2 * k + 1,
                                    .right = 2 * k + 2,
                                    .default_left = (uint8_t)any_chance(2)};
            nodes[2 * k + 1] =
                (struct build_node){.threshold = (float)any_chance(1000) / 333.0F};
        }
        nodes[2 * depth] = (struct build_node){.threshold = 2};
        build_tree(model, nodes, 2 * depth + 1);
    }
    return model;
}

/* Around the most that deep trees may ask to have their answers in planes. */
static void many_questions_of_deep_trees_score_as_the_reference_does(void **state)
{
    (void)state;
    assert_string_equal(kernel_of(chains(4, 256, CHAIN_MAX)),
                        "bit-sliced and walked trees");
    assert_string_equal(kernel_of(chains(4, 257, CHAIN_MAX)), "walked trees");
    compare(chains(4, 256, CHAIN_MAX));
    compare(chains(4, 257, CHAIN_MAX));
}

static void bytes_of_kernels_grow_with_the_trees(void **state)
{
    (void)state;
    assert_int_equal(bytes_of(any_linear()), 0);
    size_t few = bytes_of(wide_trees(10, 8)), many = bytes_of(wide_trees(20, 8));
    /* of a tree: 255 questions, 256 leaves twice; 511 nodes and values to walk */
    size_t tree = 255 * 4 + 256 * 8 + 511 * 12;
    assert_true(many - few > 10 * tree && many - few < 20 * tree);
}

static void kernel_is_chosen_by_estimator_and_depth(void **state)
{
    static struct build_node chain[2 * ANY_DEPTH_MAX + 1];
    (void)state;
    assert_string_equal(kernel_of(any_linear()), "linear");
    assert_string_equal(kernel_of(wide_trees(300, 8)), "bit-sliced trees");
    assert_string_equal(kernel_of(wide_trees(300, 1)), "reference"); /* too many ranks */
    for (uint32_t depth = 0; depth <= ANY_DEPTH_MAX; depth++) {
        Chw__Model *model = build_trees(0);
        build_numeric(model, "a", 0, 1);
        for (uint32_t i = 0; i < depth; i++) {
            chain[2 * i] = (struct build_node){
                .threshold = 1, .left = 2 * i + 1, .right = 2 * i + 2};
            chain[2 * i + 1] = (struct build_node){.threshold = 1};
        }
        chain[2 * depth] = (struct build_node){.threshold = 2};
        build_tree(model, chain, 2 * depth + 1);
        assert_string_equal(kernel_of(model), depth <= 8 ? "bit-sliced trees"
                                                         : "bit-sliced and walked trees");
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, any_seed, reset)
    static const struct CMUnitTest tests[] = {
        TEST(shallow_trees_score_as_the_reference_does),
        TEST(trees_of_depth_eight_score_as_the_reference_does),
        TEST(many_thresholds_on_a_feature_score_as_the_reference_does),
        TEST(several_parts_score_as_the_reference_does),
        TEST(deep_trees_score_as_the_reference_does),
        TEST(a_thousand_trees_score_as_the_reference_does),
        TEST(sets_of_many_categories_score_as_the_reference_does),
        TEST(linear_models_score_as_the_reference_does),
        TEST(many_questions_of_deep_trees_score_as_the_reference_does),
        TEST(bytes_of_kernels_grow_with_the_trees),
        TEST(kernel_is_chosen_by_estimator_and_depth),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
