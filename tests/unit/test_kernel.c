/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: every kernel gives the reference scorer's margins, probabilities and faults to
 * the bit. Method: seeded random models and batches of every kind of feature, column and
 * value (missing, unreadable, infinite, denormal, equal to a threshold, unknown), of all
 * sizes around the blocks' boundaries; the two scorers side by side. TEST_SEED repeats a
 * run. */
#include "model/lanes.h"
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

static void assert_sliced_ways_are_same(void *run)
{
    double chosen[KERNEL_BLOCK], found[KERNEL_BLOCK];
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

/* Of records of any bytes: what no column says too. */
static void assert_lanes_ways_are_same(const struct lanes *lanes)
{
    enum { RECORDS = 37 };
    static _Alignas(64) uint8_t values[RECORDS * LANES_SLOTS_MAX];
    float expected[RECORDS], found[RECORDS];
    for (size_t i = 0; i < sizeof values; i++)
        values[i] = (uint8_t)any_chance(any_chance(2) == 0 ? 256 : 4);
    for (uint32_t count = 1; count <= RECORDS; count += 4) {
        memset(expected, 0, sizeof expected);
        lanes_add_portable(lanes, values, count, expected);
        for (size_t i = 0; i < lanes_way_count; i++) {
            if (!lanes_ways[i].supported())
                continue;
            memset(found, 0, sizeof found);
            lanes_ways[i].add(lanes, values, count, found);
            assert_memory_equal(expected, found, sizeof found);
        }
    }
}

/* The ways that are not this processor's best, as far as it can go them. */
static void assert_ways_are_same(const struct model *model, const struct binding *binding)
{
    const struct part *part = &model->parts[0];
    for (size_t i = 0; i < part->kernel_count; i++) {
        const struct kernel_type *type = part->kernels[i].type;
        if (type == &kernel_sliced || type == &kernel_sliced_deep)
            assert_sliced_ways_are_same(binding->parts[0].runs[i]);
        else if (type == &kernel_lanes)
            assert_lanes_ways_are_same(part->kernels[i].compiled);
    }
}

/* Kernels for few records with many of them, as where there is no memory for another.
 * Those with a fault have any margin. */
static void assert_kernels_are_same(const struct model *model,
                                    const struct binding *binding)
{
    static double expected[KERNEL_BLOCK], found[KERNEL_BLOCK];
    static struct record_fault faults[KERNEL_BLOCK];
    const struct part *part = &model->parts[0];
    uint32_t count = binding->rows < KERNEL_BLOCK ? binding->rows : KERNEL_BLOCK;
    binding_faults(binding, 0, count, faults);
    for (size_t i = 0; i < part->kernel_count; i++) {
        void *run;
        const struct compiled_kernel *kernel = &part->kernels[i];
        assert_int_equal(kernel->type->prepare(kernel->compiled, binding, &run),
                         STATUS_OK);
        kernel->type->block(run, 0, count, i == 0 ? expected : found);
        kernel->type->release(run);
        for (uint32_t row = 0; i > 0 && row < count; row++)
            if (faults[row].fault == CHW__RECORD_FAULT__RECORD_FAULT_NONE)
                assert_memory_equal(&expected[row], &found[row], sizeof found[0]);
    }
}

static void cut_bits(ProtobufCBinaryData *bits, uint32_t rows)
{
    bits->len = bits->len == 0 ? 0 : (rows + 7) / 8;
}

/* Only its first records. */
static void cut(Chw__Batch *batch, uint32_t rows)
{
    batch->rows = rows;
    for (size_t i = 0; i < batch->n_columns; i++) {
        Chw__Column *column = batch->columns[i];
        cut_bits(&column->valid, rows);
        cut_bits(&column->unreadable, rows);
        if (column->values_case == CHW__COLUMN__VALUES_FLOATS)
            column->floats->n_values = rows;
        else if (column->values_case == CHW__COLUMN__VALUES_CODES)
            column->codes->codes.len = rows;
        else
            cut_bits(&column->bitmap->bits, rows);
    }
}

static struct binding *bound(const struct model *model, const Chw__Batch *batch,
                             struct columns *columns)
{
    struct error_text error = {""};
    struct binding *binding = NULL;
    if (columns_view(batch, columns, &error) != STATUS_OK ||
        model_bind(model, columns, &binding, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return binding;
}

/* Batches that small are bound in another way. */
static void compare_small(const struct model *model, Chw__Batch *batch)
{
    static const uint32_t rows[] = {300, 129, 128, 127, 65, 64, 63, 41, 40,
                                    39,  33,  32,  31,  24, 23, 17, 16, 15,
                                    12,  11,  9,   8,   7,  4,  3,  2,  1};
    const size_t count = sizeof rows / sizeof rows[0];
    for (size_t i = 0; i < count; i += count / (size_t)any_rounds((int)count)) {
        struct columns columns;
        cut(batch, rows[i]);
        struct binding *binding = bound(model, batch, &columns);
        assert_same(binding, 0, rows[i]);
        assert_same(binding, rows[i] - 1, 1);
        assert_kernels_are_same(model, binding);
        binding_free(binding);
        columns_release(&columns);
    }
}

static void compare(const Chw__Model *message)
{
    static const uint32_t parts[][2] = {
        {0, ROWS}, {0, 256}, {0, 255}, {0, 257}, {1, 300}, {0, 511},   {0, 512},
        {9, 513},  {37, 16}, {37, 15}, {3, 8},   {3, 7},   {513, 187}, {699, 1},
        {5, 513},  {60, 31}, {60, 32}, {60, 33}, {2, 40},  {2, 39},    {7, 63},
        {7, 64},   {7, 65},  {1, 128}, {1, 129}, {2, 192}, {2, 193}};
    struct error_text error = {""};
    struct model *model;
    struct columns columns;
    size_t size;
    uint8_t *bytes = build_pack(&message->base, &size);
    if (model_load(bytes, size, &model, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    Chw__Batch *batch = any_batch(message);
    struct binding *binding = bound(model, batch, &columns);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        assert_same(binding, parts[i][0], parts[i][1]);
    assert_ways_are_same(model, binding);
    assert_kernels_are_same(model, binding);
    binding_free(binding);
    columns_release(&columns);
    compare_small(model, batch);
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

/* Perfect trees whose thresholds are all different. */
static Chw__Model *perfect_trees(uint32_t trees, uint32_t inputs, uint32_t depth)
{
    static struct build_node nodes[512];
    const uint32_t inner = (1U << depth) - 1;
    Chw__Model *model = build_trees(0.5F);
    for (uint32_t i = 0; i < inputs; i++) {
        char *name = build_alloc(8);
        name[0] = (char)('a' + i);
        build_numeric(model, name, 0, 1)->missing =
            any_chance(2) ? CHW__MISSING_POLICY__MISSING_KEEP
                          : CHW__MISSING_POLICY__MISSING_IMPUTE;
    }
    for (uint32_t i = 0; i < trees; i++) {
        for (uint32_t k = 0; k < inner; k++)
            nodes[k] =
                (struct build_node){.input = any_chance(inputs),
                                    .threshold = (float)(i * inner + k) * 0.001F - 20.0F +
                                                 (any_chance(4) == 0 ? 100.0F : 0.0F),
                                    .left = 2 * k + 1,
                                    .right = 2 * k + 2,
                                    .default_left = (uint8_t)any_chance(2)};
        for (uint32_t k = inner; k <= 2 * inner; k++)
            nodes[k] = (struct build_node){.threshold = (float)any_chance(1000) / 333.0F};
        build_tree(model, nodes, 2 * inner + 1);
    }
    return model;
}

static Chw__Model *wide_trees(uint32_t trees, uint32_t inputs)
{
    return perfect_trees(trees, inputs, 8);
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

static void many_stretches_of_shallow_trees_score_as_the_reference_does(void **state)
{
    static const uint32_t shapes[][2] = {{1, 1}, {4, 1}, {5, 1}, {60, 2}, {300, 8}};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        compare(perfect_trees(shapes[i][0], shapes[i][1], LANES_DEPTH));
        build_reset();
    }
}

static void add_stump(Chw__Model *model, uint32_t input, float threshold,
                      uint8_t default_left)
{
    struct build_node nodes[3] = {{input, threshold, 1, 2, default_left},
                                  {.threshold = (float)any_chance(1000) / 333.0F},
                                  {.threshold = (float)any_chance(1000) / 333.0F}};
    build_tree(model, nodes, 3);
}

/* A slot each: of two stumps on a feature, a missing value goes to the left in one and to
 * the right in the other. */
static Chw__Model *stumps(uint32_t count)
{
    Chw__Model *model = build_trees(0.5F);
    for (uint32_t i = 0; i < (count + 1) / 2; i++) {
        char *name = build_alloc(8);
        snprintf(name, 8, "f%u", i);
        build_numeric(model, name, 0, 1)->missing = CHW__MISSING_POLICY__MISSING_KEEP;
    }
    for (uint32_t i = 0; i < count; i++)
        add_stump(model, i / 2, 1.5F, (uint8_t)(i % 2));
    return model;
}

/* 0: not by lanes. */
static uint32_t lanes_width(const Chw__Model *message)
{
    struct model *model;
    size_t size;
    uint8_t *bytes = build_pack(&message->base, &size);
    assert_int_equal(model_load(bytes, size, &model, NULL), STATUS_OK);
    const struct compiled_kernel *first = &model->parts[0].kernels[0];
    uint32_t width =
        first->type == &kernel_lanes ? ((const struct lanes *)first->compiled)->width : 0;
    model_free(model);
    return width;
}

static void any_number_of_slots_scores_as_the_reference_does(void **state)
{
    static const uint32_t cases[][2] = {{1, 64},    {64, 64},   {65, 128},  {128, 128},
                                        {129, 192}, {192, 192}, {193, 256}, {256, 256},
                                        {257, 0},   {400, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Chw__Model *model = stumps(cases[i][0]);
        assert_int_equal(lanes_width(model), cases[i][1]);
        compare(model);
        build_reset();
    }
    assert_int_equal(lanes_width(perfect_trees(1, 1, LANES_DEPTH)), 64);
    assert_int_equal(lanes_width(perfect_trees(1, 1, LANES_DEPTH + 1)), 0);
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

/* Categories named by their numbers, up to all that there can be, and a set for each
 * tree. */
static Chw__Model *wide_sets(uint32_t trees, uint32_t categories)
{
    enum { NAMES_SIZE = 4 * 255, SET_SIZE = 32 };
    Chw__Model *model = build_trees(0.25F);
    char *names = build_alloc(NAMES_SIZE + 1);
    for (uint32_t i = 0, at = 0; i < categories; i++)
        at += (uint32_t)snprintf(names + at, NAMES_SIZE - at, i == 0 ? "%u" : ",%u", i);
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
        compare(wide_sets(5, 200));
        build_reset();
    }
}

/* Thresholds before, between and behind the codes, of which there are more than a slot's
 * values tell apart. */
static void codes_of_all_categories_score_as_the_reference_does(void **state)
{
    static const float thresholds[] = {-1.0F,  0.5F,   1.0F,   251.5F, 252.0F, 252.5F,
                                       253.0F, 253.5F, 254.0F, 254.5F, 300.0F};
    (void)state;
    for (int round = 0; round < any_rounds(20); round++) {
        Chw__Model *model = wide_sets(1, 255);
        for (size_t i = 0; i < 2 * (sizeof thresholds / sizeof thresholds[0]); i++)
            add_stump(model, 0, thresholds[i / 2], (uint8_t)(i % 2));
        compare(model);
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
        TEST(many_stretches_of_shallow_trees_score_as_the_reference_does),
        TEST(any_number_of_slots_scores_as_the_reference_does),
        TEST(codes_of_all_categories_score_as_the_reference_does),
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
