/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: every kernel gives the reference scorer's margins, probabilities and faults to
 * the bit. Method: seeded random models and batches of every kind of feature, column and
 * value (missing, unreadable, infinite, denormal, equal to a threshold, unknown), of all
 * sizes around the blocks' boundaries; the two scorers side by side. TEST_SEED repeats a
 * run. */
#include "model/sliced.h"
#include "tests/lib/build.h"
#include "tests/lib/test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS = 700,
    DEPTH_DEEPEST = 30,
    NODES_MAX = 1 << 9, /* of a tree, and then to the end of the paths begun */
    ROUNDS = 60
};

static uint64_t state_of_chance;

static uint32_t chance(uint32_t below)
{
    state_of_chance =
        state_of_chance * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (uint32_t)(state_of_chance >> 33) % below;
}

/* Values that are also thresholds, and those at the edges of floats. */
static float any_number(void)
{
    static const float edges[] = {0.0F,         -0.0F,    1.0F,      FLT_MIN / 4,
                                  -FLT_MIN / 4, INFINITY, -INFINITY, FLT_MAX,
                                  -FLT_MAX,     0.5F,     1e-30F,    255.0F};
    if (chance(12) == 0)
        return edges[chance(sizeof edges / sizeof edges[0])];
    return (float)chance(40) * 0.25F - 2.0F;
}

static float any_threshold(void)
{
    float number = any_number();
    return isfinite(number) ? number : 1.5F;
}

/* ---- models ---- */

static void add_features(Chw__Model *model, bool trees)
{
    uint32_t count = 1 + chance(6);
    for (uint32_t i = 0; i < count; i++) {
        char *name = build_alloc(8);
        name[0] = (char)('a' + i);
        Chw__Feature *feature;
        if (chance(2) == 0) {
            feature =
                build_numeric(model, name, chance(2) * 0.5, chance(3) == 0 ? -2.0 : 1.0);
            feature->numeric->impute = any_threshold();
            feature->numeric->single = chance(3) == 0;
        } else {
            feature =
                build_category(model, name, chance(2) ? "red,green,3" : "x,y,z,0,1,7");
            feature->category->encoding = trees && chance(2)
                                              ? CHW__CATEGORY_ENCODING__ENCODING_CODE
                                              : CHW__CATEGORY_ENCODING__ENCODING_ONE_HOT;
            feature->category->impute = chance(3);
            feature->category->unknown = (Chw__UnknownPolicy)chance(3);
        }
        uint32_t policy = chance(trees ? 3 : 2);
        feature->missing = policy == 2   ? CHW__MISSING_POLICY__MISSING_KEEP
                           : policy == 1 ? CHW__MISSING_POLICY__MISSING_IMPUTE
                                         : CHW__MISSING_POLICY__MISSING_INVALID;
        if (feature->kind_case == CHW__FEATURE__KIND_CATEGORY &&
            feature->category->encoding == CHW__CATEGORY_ENCODING__ENCODING_ONE_HOT &&
            chance(3) == 0)
            feature->missing = CHW__MISSING_POLICY__MISSING_INDICATOR;
        if (feature->kind_case == CHW__FEATURE__KIND_CATEGORY && chance(4) == 0)
            feature->missing = CHW__MISSING_POLICY__MISSING_OTHER;
        if (feature->kind_case == CHW__FEATURE__KIND_NUMERIC &&
            feature->missing == CHW__MISSING_POLICY__MISSING_KEEP)
            feature->numeric->zero_missing = chance(2) == 0;
    }
}

static uint32_t inputs_of(const Chw__Feature *feature)
{
    bool one_hot =
        feature->kind_case == CHW__FEATURE__KIND_CATEGORY &&
        feature->category->encoding == CHW__CATEGORY_ENCODING__ENCODING_ONE_HOT;
    return one_hot ? (uint32_t)feature->category->n_names +
                         (feature->missing == CHW__MISSING_POLICY__MISSING_INDICATOR)
                   : 1;
}

static uint32_t count_inputs(const Chw__Model *model)
{
    uint32_t count = 0;
    for (size_t i = 0; i < model->n_features; i++)
        count += inputs_of(model->features[i]);
    return count;
}

static bool is_code(const Chw__Model *model, uint32_t input)
{
    size_t i = 0;
    for (uint32_t first = 0; (first += inputs_of(model->features[i])) <= input;)
        i++;
    const Chw__Feature *feature = model->features[i];
    return feature->kind_case == CHW__FEATURE__KIND_CATEGORY &&
           feature->category->encoding == CHW__CATEGORY_ENCODING__ENCODING_CODE;
}

static uint32_t grow(struct build_node *nodes, uint32_t *count, uint32_t inputs,
                     uint32_t depth)
{
    uint32_t at = (*count)++;
    nodes[at] = (struct build_node){.threshold = (float)chance(1000) / 777.0F - 0.6F};
    if (depth == 0 || *count > NODES_MAX || chance(6) == 0)
        return at;
    nodes[at] = (struct build_node){.input = chance(inputs),
                                    .threshold = any_threshold(),
                                    .default_left = (uint8_t)chance(2)};
    uint32_t left = grow(nodes, count, inputs, depth - 1);
    uint32_t right = grow(nodes, count, inputs, depth - 1);
    nodes[at].left = left;
    nodes[at].right = right;
    return at;
}

/* Some of the nodes that read a code ask for a set instead. */
static void add_sets(Chw__Model *model)
{
    static Chw__CategorySet *sets[3];
    if (chance(2) == 0)
        return;
    for (size_t i = 0; i < 3; i++) {
        uint8_t *members = build_alloc(1 + chance(2));
        members[0] = (uint8_t)chance(256);
        sets[i] = build_alloc(sizeof *sets[i]);
        chw__category_set__init(sets[i]);
        sets[i]->members = build_bytes(members, 1 + chance(2));
    }
    model->trees->sets = sets;
    model->trees->n_sets = 3;
    for (size_t i = 0; i < model->trees->n_trees; i++) {
        Chw__Tree *tree = model->trees->trees[i];
        tree->n_set = tree->n_left;
        tree->set = build_alloc(tree->n_set * sizeof *tree->set);
        for (size_t node = 0; node < tree->n_left; node++)
            if (tree->left[node] != 0 && is_code(model, tree->input[node]))
                tree->set[node] = chance(4);
    }
}

static void add_trees(Chw__Model *model, uint32_t trees, uint32_t depth)
{
    static struct build_node nodes[NODES_MAX + 2 * DEPTH_DEEPEST + 2];
    uint32_t inputs = count_inputs(model);
    for (uint32_t i = 0; i < trees; i++) {
        uint32_t count = 0;
        grow(nodes, &count, inputs, chance(depth + 1));
        build_tree(model, nodes, count);
    }
    if (chance(3) == 0) {
        model->trees->aggregate = CHW__TREES__AGGREGATE__MEAN;
        model->link = CHW__LINK__LINK_IDENTITY;
    }
    add_sets(model);
}

static Chw__Model *any_trees(uint32_t depth)
{
    Chw__Model *model = build_trees((float)chance(100) / 37.0F - 1.0F);
    add_features(model, true);
    add_trees(model, 1 + chance(40), depth);
    return model;
}

static Chw__Model *any_linear(void)
{
    float weights[64] = {0};
    Chw__Model *scratch = build_linear(0.25, weights, 0);
    add_features(scratch, false);
    uint32_t inputs = count_inputs(scratch);
    assert_true(inputs <= 64);
    for (uint32_t i = 0; i < inputs; i++)
        weights[i] = (float)chance(2000) / 999.0F - 1.0F;
    Chw__Model *model = build_linear(0.25, weights, inputs);
    model->n_features = scratch->n_features;
    model->features = scratch->features;
    return model;
}

/* Several ensembles over the same features, and linear parts where those allow. */
static Chw__Model *any_parts(void)
{
    static Chw__Part *parts[5];
    static Chw__Parts all;
    Chw__Model *model = any_trees(chance(10));
    chw__parts__init(&all);
    all.n_parts = 2 + chance(4);
    all.parts = parts;
    all.combine = (Chw__Parts__Combine)chance(3);
    all.chosen = chance((uint32_t)all.n_parts);
    for (size_t i = 0; i < all.n_parts; i++) {
        parts[i] = build_alloc(sizeof *parts[i]);
        chw__part__init(parts[i]);
        parts[i]->estimator_case = CHW__PART__ESTIMATOR_TREES;
        parts[i]->trees = model->trees;
        if (all.combine != CHW__PARTS__COMBINE__SOFTMAX)
            parts[i]->link = (Chw__Link)chance(2);
        model->trees = build_trees((float)i)->trees;
        add_trees(model, 1 + chance(20), chance(10));
    }
    model->estimator_case = CHW__MODEL__ESTIMATOR_PARTS;
    model->parts = &all;
    model->link = CHW__LINK__LINK_IDENTITY;
    return model;
}

/* ---- batches ---- */

static uint8_t *any_bits(uint32_t ones_of_eight)
{
    uint8_t *bits = build_alloc(ROWS / 8 + 1);
    for (uint32_t i = 0; i < ROWS; i++)
        bits[i / 8] |= (uint8_t)((chance(8) < ones_of_eight) << i % 8);
    return bits;
}

static void add_any_column(Chw__Batch *batch, const Chw__Feature *feature)
{
    uint8_t *codes = build_alloc(ROWS);
    float *values = build_alloc(ROWS * sizeof *values);
    Chw__Column *column = NULL;
    for (uint32_t i = 0; i < ROWS; i++) {
        codes[i] = (uint8_t)(chance(3) == 0 ? chance(256) : chance(5));
        values[i] = chance(40) == 0 ? NAN : any_number();
    }
    switch (chance(6)) {
    case 0:
        return; /* absent */
    case 1:
        column = build_floats(batch, feature->name, values, ROWS);
        break;
    case 2:
        column = build_codes(batch, feature->name, codes, ROWS, NULL);
        break;
    case 3:
        for (uint32_t i = 0; i < ROWS; i++)
            codes[i] = (uint8_t)chance(4);
        column = build_codes(batch, feature->name, codes, ROWS, "red,green,0,7");
        break;
    case 4:
        column = build_bitmap(batch, feature->name, any_bits(3), (ROWS + 7) / 8, NULL);
        break;
    default:
        column = build_bitmap(batch, feature->name, any_bits(5), (ROWS + 7) / 8, "red,3");
        break;
    }
    if (chance(3) == 0)
        column->valid = build_bytes(any_bits(6), (ROWS + 7) / 8);
    if (chance(8) == 0)
        column->unreadable = build_bytes(any_bits(1), (ROWS + 7) / 8);
}

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
    if (part->kernel_count == 0 || part->kernels[last].type != &kernel_sliced)
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
    Chw__Batch *batch = build_batch(ROWS);
    for (size_t i = 0; i < message->n_features; i++)
        add_any_column(batch, message->features[i]);
    assert_int_equal(columns_view(batch, &columns, &error), STATUS_OK);
    assert_int_equal(model_bind(model, &columns, &binding, &error), STATUS_OK);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        assert_same(binding, parts[i][0], parts[i][1]);
    assert_ways_are_same(model, binding);
    binding_free(binding);
    columns_release(&columns);
    model_free(model);
}

static int seed(void **state)
{
    const char *given = getenv("TEST_SEED");
    (void)state;
    state_of_chance = given == NULL ? 1 : strtoull(given, NULL, 10);
    print_message("TEST_SEED=%llu\n", (unsigned long long)state_of_chance);
    return 0;
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
    for (int round = 0; round < ROUNDS; round++) {
        compare(any_trees(6));
        build_reset();
    }
}

static void trees_of_depth_eight_score_as_the_reference_does(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
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
            chance(2) ? CHW__MISSING_POLICY__MISSING_KEEP
                      : CHW__MISSING_POLICY__MISSING_IMPUTE;
    }
    for (uint32_t i = 0; i < trees; i++) {
        for (uint32_t k = 0; k < INNER; k++)
            nodes[k] =
                (struct build_node){.input = chance(inputs),
                                    .threshold = (float)(i * INNER + k) * 0.001F - 20.0F +
                                                 (chance(4) == 0 ? 100.0F : 0.0F),
                                    .left = 2 * k + 1,
                                    .right = 2 * k + 2,
                                    .default_left = (uint8_t)chance(2)};
        for (uint32_t k = INNER; k <= 2 * INNER; k++)
            nodes[k] = (struct build_node){.threshold = (float)chance(1000) / 333.0F};
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
    for (int round = 0; round < ROUNDS; round++) {
        compare(any_parts());
        build_reset();
    }
}

static void deep_trees_score_as_the_reference_does(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        compare(any_trees(DEPTH_DEEPEST));
        build_reset();
    }
}

static void a_thousand_trees_score_as_the_reference_does(void **state)
{
    static const uint32_t depths[] = {3, 10};
    (void)state;
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        Chw__Model *model = build_trees(0.25F);
        add_features(model, true);
        add_trees(model, 1000, depths[i]);
        compare(model);
        build_reset();
    }
}

static void linear_models_score_as_the_reference_does(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
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

static void kernel_is_chosen_by_estimator_and_depth(void **state)
{
    static struct build_node chain[2 * DEPTH_DEEPEST + 1];
    (void)state;
    assert_string_equal(kernel_of(any_linear()), "linear");
    assert_string_equal(kernel_of(wide_trees(300, 8)), "bit-sliced trees");
    assert_string_equal(kernel_of(wide_trees(300, 1)), "reference"); /* too many ranks */
    for (uint32_t depth = 0; depth <= DEPTH_DEEPEST; depth++) {
        Chw__Model *model = build_trees(0);
        build_numeric(model, "a", 0, 1);
        for (uint32_t i = 0; i < depth; i++) {
            chain[2 * i] = (struct build_node){
                .threshold = 1, .left = 2 * i + 1, .right = 2 * i + 2};
            chain[2 * i + 1] = (struct build_node){.threshold = 1};
        }
        chain[2 * depth] = (struct build_node){.threshold = 2};
        build_tree(model, chain, 2 * depth + 1);
        assert_string_equal(kernel_of(model),
                            depth <= 8 ? "bit-sliced trees" : "walked trees");
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, seed, reset)
    static const struct CMUnitTest tests[] = {
        TEST(shallow_trees_score_as_the_reference_does),
        TEST(trees_of_depth_eight_score_as_the_reference_does),
        TEST(many_thresholds_on_a_feature_score_as_the_reference_does),
        TEST(several_parts_score_as_the_reference_does),
        TEST(deep_trees_score_as_the_reference_does),
        TEST(a_thousand_trees_score_as_the_reference_does),
        TEST(linear_models_score_as_the_reference_does),
        TEST(kernel_is_chosen_by_estimator_and_depth),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
