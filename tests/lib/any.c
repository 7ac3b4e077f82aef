/* SPDX-License-Identifier: Apache-2.0 */
/* any.c - random models and batches. */
#include "tests/lib/any.h"

#include "tests/lib/build.h"
#include "tests/lib/test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { NODES_MAX = 1 << 9 /* of a tree, and then to the end of the paths begun */ };

static uint64_t state_of_chance;

int any_seed(void **state)
{
    const char *given = getenv("TEST_SEED");
    (void)state;
    state_of_chance = given == NULL ? 1 : strtoull(given, NULL, 10);
    print_message("TEST_SEED=%llu\n", (unsigned long long)state_of_chance);
    return 0;
}

uint32_t any_chance(uint32_t below)
{
    state_of_chance =
        state_of_chance * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (uint32_t)(state_of_chance >> 33) % below;
}

int any_rounds(int rounds)
{
#ifdef __SANITIZE_THREAD__
    return (rounds + 9) / 10;
#elif defined __SANITIZE_ADDRESS__
    return (rounds + 2) / 3;
#else
    return rounds;
#endif
}

/* Values that are also thresholds, and those at the edges of floats. */
static float any_number(void)
{
    static const float edges[] = {0.0F,         -0.0F,    1.0F,      FLT_MIN / 4,
                                  -FLT_MIN / 4, INFINITY, -INFINITY, FLT_MAX,
                                  -FLT_MAX,     0.5F,     1e-30F,    255.0F};
    if (any_chance(12) == 0)
        return edges[any_chance(sizeof edges / sizeof edges[0])];
    return (float)any_chance(40) * 0.25F - 2.0F;
}

static float any_threshold(void)
{
    float number = any_number();
    return isfinite(number) ? number : 1.5F;
}

/* ---- models ---- */

void any_add_features(Chw__Model *model, bool trees)
{
    uint32_t count = 1 + any_chance(6);
    for (uint32_t i = 0; i < count; i++) {
        char *name = build_alloc(8);
        name[0] = (char)('a' + i);
        Chw__Feature *feature;
        if (any_chance(2) == 0) {
            feature = build_numeric(model, name, any_chance(2) * 0.5,
                                    any_chance(3) == 0 ? -2.0 : 1.0);
            feature->numeric->impute = any_threshold();
            feature->numeric->single = any_chance(3) == 0;
        } else {
            feature = build_category(model, name,
                                     any_chance(2) ? "red,green,3" : "x,y,z,0,1,7");
            feature->category->encoding = trees && any_chance(2)
                                              ? CHW__CATEGORY_ENCODING__ENCODING_CODE
                                              : CHW__CATEGORY_ENCODING__ENCODING_ONE_HOT;
            feature->category->impute = any_chance(3);
            feature->category->unknown = (Chw__UnknownPolicy)any_chance(3);
        }
        uint32_t policy = any_chance(trees ? 3 : 2);
        feature->missing = policy == 2   ? CHW__MISSING_POLICY__MISSING_KEEP
                           : policy == 1 ? CHW__MISSING_POLICY__MISSING_IMPUTE
                                         : CHW__MISSING_POLICY__MISSING_INVALID;
        if (feature->kind_case == CHW__FEATURE__KIND_CATEGORY &&
            feature->category->encoding == CHW__CATEGORY_ENCODING__ENCODING_ONE_HOT &&
            any_chance(3) == 0)
            feature->missing = CHW__MISSING_POLICY__MISSING_INDICATOR;
        if (feature->kind_case == CHW__FEATURE__KIND_CATEGORY && any_chance(4) == 0)
            feature->missing = CHW__MISSING_POLICY__MISSING_OTHER;
        if (feature->kind_case == CHW__FEATURE__KIND_NUMERIC &&
            feature->missing == CHW__MISSING_POLICY__MISSING_KEEP)
            feature->numeric->zero_missing = any_chance(2) == 0;
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
    nodes[at] = (struct build_node){.threshold = (float)any_chance(1000) / 777.0F - 0.6F};
    if (depth == 0 || *count > NODES_MAX || any_chance(6) == 0)
        return at;
    nodes[at] = (struct build_node){.input = any_chance(inputs),
                                    .threshold = any_threshold(),
                                    .default_left = (uint8_t)any_chance(2)};
    uint32_t left = grow(nodes, count, inputs, depth - 1);
    uint32_t right = grow(nodes, count, inputs, depth - 1);
    nodes[at].left = left;
    nodes[at].right = right;
    return at;
}

static float add_cover(Chw__Tree *tree, uint32_t node)
{
    tree->cover[node] = tree->left[node] == 0 ? 1.0F + (float)any_chance(50)
                                              : add_cover(tree, tree->left[node]) +
                                                    add_cover(tree, tree->right[node]);
    return tree->cover[node];
}

static void add_covers(Chw__Model *model)
{
    for (size_t i = 0; i < model->trees->n_trees; i++) {
        Chw__Tree *tree = model->trees->trees[i];
        tree->n_cover = tree->n_left;
        tree->cover = build_alloc(tree->n_cover * sizeof *tree->cover);
        add_cover(tree, 0);
    }
}

/* Some of the nodes that read a code ask for a set instead. */
static void add_sets(Chw__Model *model)
{
    static Chw__CategorySet *sets[3];
    if (any_chance(2) == 0)
        return;
    for (size_t i = 0; i < 3; i++) {
        size_t size = 1 + any_chance(2);
        uint8_t *members = build_alloc(size);
        members[0] = (uint8_t)any_chance(256);
        sets[i] = build_alloc(sizeof *sets[i]);
        chw__category_set__init(sets[i]);
        sets[i]->members = build_bytes(members, size);
    }
    model->trees->sets = sets;
    model->trees->n_sets = 3;
    for (size_t i = 0; i < model->trees->n_trees; i++) {
        Chw__Tree *tree = model->trees->trees[i];
        tree->n_set = tree->n_left;
        tree->set = build_alloc(tree->n_set * sizeof *tree->set);
        for (size_t node = 0; node < tree->n_left; node++)
            if (tree->left[node] != 0 && is_code(model, tree->input[node]))
                tree->set[node] = any_chance(4);
    }
}

void any_add_trees(Chw__Model *model, uint32_t trees, uint32_t depth)
{
    static struct build_node nodes[NODES_MAX + 2 * ANY_DEPTH_MAX + 2];
    uint32_t inputs = count_inputs(model);
    for (uint32_t i = 0; i < trees; i++) {
        uint32_t count = 0;
        grow(nodes, &count, inputs, any_chance(depth + 1));
        build_tree(model, nodes, count);
    }
    if (any_chance(3) == 0) {
        model->trees->aggregate = CHW__TREES__AGGREGATE__MEAN;
        model->link = CHW__LINK__LINK_IDENTITY;
    }
    add_sets(model);
    add_covers(model);
}

Chw__Model *any_trees(uint32_t depth)
{
    Chw__Model *model = build_trees((float)any_chance(100) / 37.0F - 1.0F);
    any_add_features(model, true);
    any_add_trees(model, 1 + any_chance(40), depth);
    return model;
}

Chw__Model *any_linear(void)
{
    float weights[64] = {0};
    Chw__Model *scratch = build_linear(0.25, weights, 0);
    any_add_features(scratch, false);
    uint32_t inputs = count_inputs(scratch);
    assert_true(inputs <= 64);
    for (uint32_t i = 0; i < inputs; i++)
        weights[i] = (float)any_chance(2000) / 999.0F - 1.0F;
    Chw__Model *model = build_linear(0.25, weights, inputs);
    model->n_features = scratch->n_features;
    model->features = scratch->features;
    return model;
}

/* Several ensembles over the same features, and linear parts where those allow. */
Chw__Model *any_parts(void)
{
    static Chw__Part *parts[5];
    static Chw__Parts all;
    Chw__Model *model = any_trees(any_chance(10));
    chw__parts__init(&all);
    all.n_parts = 2 + any_chance(4);
    all.parts = parts;
    all.combine = (Chw__Parts__Combine)any_chance(3);
    all.chosen = any_chance((uint32_t)all.n_parts);
    for (size_t i = 0; i < all.n_parts; i++) {
        parts[i] = build_alloc(sizeof *parts[i]);
        chw__part__init(parts[i]);
        parts[i]->estimator_case = CHW__PART__ESTIMATOR_TREES;
        parts[i]->trees = model->trees;
        if (all.combine != CHW__PARTS__COMBINE__SOFTMAX)
            parts[i]->link = (Chw__Link)any_chance(2);
        model->trees = build_trees((float)i)->trees;
        any_add_trees(model, 1 + any_chance(20), any_chance(10));
    }
    model->estimator_case = CHW__MODEL__ESTIMATOR_PARTS;
    model->parts = &all;
    model->link = CHW__LINK__LINK_IDENTITY;
    return model;
}

/* ---- batches ---- */

static uint8_t *any_bits(uint32_t ones_of_eight)
{
    uint8_t *bits = build_alloc(ANY_ROWS / 8 + 1);
    for (uint32_t i = 0; i < ANY_ROWS; i++)
        bits[i / 8] |= (uint8_t)((any_chance(8) < ones_of_eight) << i % 8);
    return bits;
}

static void add_column(Chw__Batch *batch, const Chw__Feature *feature)
{
    uint8_t *codes = build_alloc(ANY_ROWS);
    float *values = build_alloc(ANY_ROWS * sizeof *values);
    Chw__Column *column = NULL;
    for (uint32_t i = 0; i < ANY_ROWS; i++) {
        codes[i] = (uint8_t)(any_chance(3) == 0 ? any_chance(256) : any_chance(5));
        values[i] = any_chance(40) == 0 ? NAN : any_number();
    }
    switch (any_chance(6)) {
    case 0:
        return; /* absent */
    case 1:
        column = build_floats(batch, feature->name, values, ANY_ROWS);
        break;
    case 2:
        column = build_codes(batch, feature->name, codes, ANY_ROWS, NULL);
        break;
    case 3:
        for (uint32_t i = 0; i < ANY_ROWS; i++)
            codes[i] = (uint8_t)any_chance(4);
        column = build_codes(batch, feature->name, codes, ANY_ROWS, "red,green,0,7");
        break;
    case 4:
        column =
            build_bitmap(batch, feature->name, any_bits(3), (ANY_ROWS + 7) / 8, NULL);
        break;
    default:
        column =
            build_bitmap(batch, feature->name, any_bits(5), (ANY_ROWS + 7) / 8, "red,3");
        break;
    }
    if (any_chance(3) == 0)
        column->valid = build_bytes(any_bits(6), (ANY_ROWS + 7) / 8);
    if (any_chance(8) == 0)
        column->unreadable = build_bytes(any_bits(1), (ANY_ROWS + 7) / 8);
}

Chw__Batch *any_batch(const Chw__Model *model)
{
    Chw__Batch *batch = build_batch(ANY_ROWS);
    for (size_t i = 0; i < model->n_features; i++)
        add_column(batch, model->features[i]);
    return batch;
}
