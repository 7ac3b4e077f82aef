/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a model that loads can be scored without looking; every other is refused with a
 * sentence that says what is wrong and where; its golden records catch a changed weight.
 * Method: a good linear model and a good tree model; each test breaks one thing. */
#include "model/model.h"
#include "tests/lib/build.h"
#include "tests/lib/test.h"

#include <math.h>
#include <string.h>

static Chw__Model *linear, *trees;
static Chw__Feature *age, *colour; /* of the linear model */
static Chw__Tree *tree;

static const struct build_node good_nodes[] = {
    {.input = 0, .threshold = 50.0F, .left = 2, .right = 1, .default_left = 1},
    {.threshold = 0.75F},
    {.input = 1, .threshold = 1.0F, .left = 4, .right = 3},
    {.threshold = 0.5F},
    {.threshold = -0.25F},
};

static int setup(void **state)
{
    (void)state;
    static const float weights[] = {0.5F, -1.0F, 0.25F, 2.0F};
    linear = build_linear(-1.0, weights, 4);
    age = build_numeric(linear, "age", 40.0, 0.1);
    colour = build_category(linear, "colour", "red,green,5");
    trees = build_trees(0.5F);
    build_numeric(trees, "age", 0.0, 1.0);
    build_category(trees, "colour", "red,green")->category->encoding =
        CHW__CATEGORY_ENCODING__ENCODING_CODE;
    tree = build_tree(trees, good_nodes, 5);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    build_reset();
    return 0;
}

static enum status load(const Chw__Model *message, struct model **out,
                        struct error_text *error)
{
    size_t size;
    uint8_t *bytes = build_pack(&message->base, &size);
    return model_load(bytes, size, out, error);
}

static void accept(const Chw__Model *message)
{
    struct model *model;
    struct error_text error = {{0}};
    if (load(message, &model, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    model_free(model);
}

static void refuse(const Chw__Model *message, const char *part)
{
    struct model *model;
    struct error_text error = {{0}};
    assert_int_equal(load(message, &model, &error), STATUS_INVALID);
    assert_null(model);
    if (strstr(error.text, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, part);
}

/* ---- loading ---- */

static void loaded_model_tells_what_it_is(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = build_pack(&linear->base, &size);
    struct model *model;
    assert_int_equal(model_load(bytes, size, &model, NULL), STATUS_OK);
    assert_string_equal(model_name(model), "chd");
    struct digest version = digest_sha256(bytes, size);
    assert_memory_equal(model_version(model), &version, sizeof version);
    assert_int_equal(model_message(model)->n_features, 2);
    assert_int_equal(model_message(model)->linear->n_weights, 4);
    model_free(model);
    model_free(NULL);
}

static void good_models_are_accepted(void **state)
{
    (void)state;
    accept(linear);
    accept(trees);
}

static void broken_bytes_are_malformed(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = build_pack(&linear->base, &size);
    struct model *model;
    struct error_text error = {{0}};
    assert_int_equal(model_load(bytes, size - 1, &model, &error), STATUS_MALFORMED);
    assert_null(model);
    assert_non_null(strstr(error.text, "not a model"));
    assert_int_equal(model_load(NULL, 0, &model, &error), STATUS_INVALID);
}

static void flood_of_empty_trees_is_refused(void **state)
{
    (void)state;
    enum { COUNT = 1 << 17 };
    uint8_t *bytes = build_alloc(4 + 2 * COUNT);
    memcpy(bytes, "\x2a\x80\x80\x10", 4); /* trees of 2 * COUNT bytes */
    for (size_t i = 0; i < COUNT; i++)
        bytes[4 + 2 * i] = 0x12; /* an empty tree */
    struct model *model;
    assert_int_equal(model_load(bytes, 4 + 2 * COUNT, &model, NULL), STATUS_MALFORMED);
}

static void format_and_name_are_checked(void **state)
{
    (void)state;
    linear->format = 2;
    refuse(linear, "model format 2, expected 1");
    linear->format = MODEL_FORMAT;
    char text[MODEL_NAME_MAX + 2] = {0};
    memset(text, 'x', MODEL_NAME_MAX);
    linear->name = text;
    accept(linear);
    text[MODEL_NAME_MAX] = 'x';
    refuse(linear, "name has 64 bytes");
    text[0] = '\0';
    refuse(linear, "name has 0 bytes");
}

static void lineage_digest_is_whole(void **state)
{
    (void)state;
    Chw__Lineage lineage;
    chw__lineage__init(&lineage);
    linear->lineage = &lineage;
    accept(linear);
    lineage.data_sha256 = build_bytes("12345678901234567890123456789012", 32);
    accept(linear);
    lineage.data_sha256.len = 31;
    refuse(linear, "SHA-256 has 31 bytes");
}

static void choices_are_known(void **state)
{
    (void)state;
    linear->link = (Chw__Link)2;
    refuse(linear, "no such link: 2");
    linear->link = (Chw__Link)-1;
    refuse(linear, "no such link: -1");
    linear->link = CHW__LINK__LINK_IDENTITY;
    age->missing = (Chw__MissingPolicy)5;
    refuse(linear, "feature 0 (age): no such policy for missing values: 5");
    age->missing = CHW__MISSING_POLICY__MISSING_IMPUTE;
    colour->category->encoding = (Chw__CategoryEncoding)2;
    refuse(linear, "feature 1 (colour): no such encoding: 2");
    colour->category->encoding = CHW__CATEGORY_ENCODING__ENCODING_ONE_HOT;
    colour->category->unknown = (Chw__UnknownPolicy)3;
    refuse(linear, "no such policy for unknown categories: 3");
    colour->category->unknown = CHW__UNKNOWN_POLICY__UNKNOWN_MISSING;
    accept(linear);
    trees->trees->aggregate = (Chw__Trees__Aggregate)2;
    refuse(trees, "no such aggregate: 2");
}

/* ---- features ---- */

static void features_are_there_and_unique(void **state)
{
    (void)state;
    linear->n_features = 0;
    refuse(linear, "0 features");
    linear->n_features = 2;
    colour->name = age->name;
    refuse(linear, "feature age is there twice");
}

static void features_and_inputs_are_counted(void **state)
{
    (void)state;
    Chw__Feature **many = build_alloc((MODEL_FEATURES_MAX + 1) * sizeof many[0]);
    for (size_t i = 0; i <= MODEL_FEATURES_MAX; i++)
        many[i] = colour;
    linear->features = many;
    linear->n_features = MODEL_FEATURES_MAX + 1;
    refuse(linear, "4097 features");
    char **names = build_alloc(17 * sizeof names[0]);
    static char text[17][2];
    for (size_t i = 0; i < 17; i++) {
        text[i][0] = (char)('a' + i);
        names[i] = text[i];
    }
    colour->category->names = names;
    colour->category->n_names = 17;
    linear->n_features = MODEL_FEATURES_MAX;
    refuse(linear, "more than 65536 inputs");
}

static void feature_names_are_checked(void **state)
{
    (void)state;
    char text[COLUMNS_NAME_MAX + 2] = {0};
    memset(text, 'x', COLUMNS_NAME_MAX);
    age->name = text;
    accept(linear);
    text[COLUMNS_NAME_MAX] = 'x';
    refuse(linear, "the name has 256 bytes");
    text[0] = '\0';
    refuse(linear, "feature 0 (): the name has 0 bytes");
}

static void feature_has_a_kind(void **state)
{
    (void)state;
    age->kind_case = CHW__FEATURE__KIND__NOT_SET;
    refuse(linear, "neither numeric nor a category");
}

static void numeric_feature_is_finite_and_has_a_scale(void **state)
{
    (void)state;
    static const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    for (size_t i = 0; i < 3; i++) {
        age->numeric->center = bad[i];
        refuse(linear, "must be finite");
        age->numeric->center = 0.0;
        age->numeric->scale = bad[i];
        refuse(linear, "must be finite");
        age->numeric->scale = 1.0;
        age->numeric->impute = (float)bad[i];
        refuse(linear, "must be finite");
        age->numeric->impute = 0.0F;
    }
    age->numeric->scale = 0.0;
    refuse(linear, "the scale is 0");
}

static void missing_is_kept_by_trees_only(void **state)
{
    (void)state;
    age->missing = CHW__MISSING_POLICY__MISSING_KEEP;
    refuse(linear, "feature 0 (age): only trees can keep");
    trees->features[0]->missing = CHW__MISSING_POLICY__MISSING_KEEP;
    trees->features[1]->missing = CHW__MISSING_POLICY__MISSING_KEEP;
    accept(trees);
}

static void indicator_belongs_to_one_hot(void **state)
{
    (void)state;
    age->missing = CHW__MISSING_POLICY__MISSING_INDICATOR;
    refuse(linear, "only a one-hot category");
    trees->features[1]->missing = CHW__MISSING_POLICY__MISSING_INDICATOR;
    refuse(trees, "only a one-hot category");
}

static void other_belongs_to_categories(void **state)
{
    (void)state;
    age->missing = CHW__MISSING_POLICY__MISSING_OTHER;
    refuse(linear, "feature 0 (age): only a category has another one");
    age->missing = CHW__MISSING_POLICY__MISSING_INVALID;
    colour->missing = CHW__MISSING_POLICY__MISSING_OTHER;
    accept(linear);
}

static void zero_is_missing_only_where_missing_is_kept(void **state)
{
    (void)state;
    trees->features[0]->numeric->zero_missing = true;
    refuse(trees, "feature 0 (age): zero is missing, and missing values are not kept");
    trees->features[0]->missing = CHW__MISSING_POLICY__MISSING_KEEP;
    accept(trees);
}

static void categories_are_counted(void **state)
{
    (void)state;
    colour->category->n_names = 0;
    refuse(linear, "0 categories");
    char **names = build_alloc(256 * sizeof names[0]);
    for (size_t i = 0; i < 256; i++)
        names[i] = (char *)build_alloc(1);
    colour->category->names = names;
    colour->category->n_names = 256;
    refuse(linear, "256 categories, expected 1 to 255");
}

static void categories_are_unique_as_text_and_as_numbers(void **state)
{
    (void)state;
    static char red[] = "red", same[] = "5.00", spaced[] = " 5", word[] = "5x";
    colour->category->names[1] = red;
    refuse(linear, "categories 0 and 1 have the same name");
    colour->category->names[1] = same;
    refuse(linear, "categories 1 and 2 have the same name or number");
    colour->category->names[1] = spaced;
    accept(linear);
    colour->category->names[1] = word;
    accept(linear);
}

static void imputed_category_exists(void **state)
{
    (void)state;
    colour->category->impute = 2;
    accept(linear);
    colour->category->impute = 3;
    refuse(linear, "impute is 3 of 3 categories");
}

/* ---- estimators ---- */

static void estimator_is_there(void **state)
{
    (void)state;
    linear->estimator_case = CHW__MODEL__ESTIMATOR__NOT_SET;
    refuse(linear, "no estimator");
}

static void weights_fit_the_inputs(void **state)
{
    (void)state;
    linear->linear->n_weights = 3;
    refuse(linear, "3 weights for 4 inputs");
    linear->linear->n_weights = 4;
    colour->missing = CHW__MISSING_POLICY__MISSING_INDICATOR;
    refuse(linear, "4 weights for 5 inputs");
    colour->category->encoding = CHW__CATEGORY_ENCODING__ENCODING_CODE;
    colour->missing = CHW__MISSING_POLICY__MISSING_INVALID;
    refuse(linear, "4 weights for 2 inputs");
}

static void weights_are_finite(void **state)
{
    (void)state;
    linear->linear->weights[2] = NAN;
    refuse(linear, "weight 2 is not finite");
    linear->linear->weights[2] = INFINITY;
    refuse(linear, "weight 2 is not finite");
    linear->linear->weights[2] = 0.0F;
    linear->linear->intercept = -(double)INFINITY;
    refuse(linear, "intercept is not finite");
}

static void trees_are_counted(void **state)
{
    (void)state;
    trees->trees->n_trees = 0;
    refuse(trees, "0 trees");
    Chw__Tree **many = build_alloc((MODEL_TREES_MAX + 1) * sizeof many[0]);
    for (size_t i = 0; i <= MODEL_TREES_MAX; i++)
        many[i] = tree;
    trees->trees->trees = many;
    trees->trees->n_trees = MODEL_TREES_MAX;
    accept(trees);
    trees->trees->n_trees = MODEL_TREES_MAX + 1;
    refuse(trees, "10001 trees");
}

static void base_margin_is_finite(void **state)
{
    (void)state;
    trees->trees->base_margin = NAN;
    refuse(trees, "base margin");
}

static void arrays_of_a_tree_are_equally_long(void **state)
{
    (void)state;
    size_t *lengths[] = {&tree->n_input, &tree->n_threshold, &tree->n_left,
                         &tree->n_right, &tree->default_left.len};
    for (size_t i = 0; i < 5; i++) {
        *lengths[i] = 4;
        refuse(trees, "tree 0: the arrays of its nodes differ in length");
        *lengths[i] = 5;
    }
    for (size_t i = 0; i < 5; i++)
        *lengths[i] = 0;
    refuse(trees, "tree 0: it has no nodes");
}

static void children_are_in_range(void **state)
{
    (void)state;
    tree->left[2] = 5;
    refuse(trees, "node 2 has a child beyond the last");
    tree->left[2] = 4;
    tree->right[2] = UINT32_MAX;
    refuse(trees, "node 2 has a child beyond the last");
}

static void inputs_of_a_tree_are_in_range(void **state)
{
    (void)state;
    tree->input[2] = 2;
    refuse(trees, "node 2 reads input 2 of 2");
}

static void thresholds_and_leaves_are_numbers(void **state)
{
    (void)state;
    tree->threshold[0] = INFINITY;
    accept(trees);
    tree->threshold[0] = NAN;
    refuse(trees, "threshold of node 0");
    tree->threshold[0] = 1.0F;
    tree->threshold[3] = INFINITY;
    refuse(trees, "leaf 3 is not finite");
    tree->threshold[3] = NAN;
    refuse(trees, "leaf 3 is not finite");
}

static void default_direction_is_zero_or_one(void **state)
{
    (void)state;
    tree->default_left.data[2] = 2;
    refuse(trees, "default_left of node 2");
}

static void sets_and_covers_belong_to_nodes(void **state)
{
    (void)state;
    tree->cover = (float[]){4.0F, 3.0F, 1.0F, 2.0F, 1.0F};
    tree->n_cover = 4;
    refuse(trees, "tree 0: 0 sets and 4 covers for 5 nodes");
    tree->n_cover = 5;
    accept(trees);
    tree->cover = (float[]){4.0F, 3.0F, 0.0F, 2.0F, 1.0F};
    refuse(trees, "tree 0: the cover of node 2 is not above 0");
    tree->n_cover = 0;
    tree->set = (uint32_t[]){0, 0, 0, 0, 0};
    tree->n_set = 5;
    accept(trees);
    tree->n_set = 3;
    refuse(trees, "3 sets and 0 covers for 5 nodes");
}

static void set_is_asked_of_a_code(void **state)
{
    (void)state;
    static Chw__CategorySet set, *sets[] = {&set};
    chw__category_set__init(&set);
    tree->set = (uint32_t[]){1, 0, 0, 0, 0};
    tree->n_set = 5;
    refuse(trees, "tree 0: node 0 names set 1 of 0");
    trees->trees->sets = sets;
    trees->trees->n_sets = 1;
    refuse(trees, "category set 0 has 0 bytes, expected 1 to 32");
    set.members = build_bytes("\x01", 1);
    tree->input[0] = 0;
    refuse(trees, "tree 0: node 0 has a set, and its input 0 is no category's code");
    tree->input[0] = 1;
    accept(trees);
}

static void parts_are_counted_and_whole(void **state)
{
    (void)state;
    static Chw__Part part, *list[] = {&part, &part};
    static Chw__Parts parts;
    chw__part__init(&part);
    chw__parts__init(&parts);
    parts.parts = list;
    parts.n_parts = 1;
    Chw__Linear *estimator = linear->linear;
    linear->estimator_case = CHW__MODEL__ESTIMATOR_PARTS;
    linear->parts = &parts;
    refuse(linear, "1 parts, expected 2 to 256");
    parts.n_parts = 2;
    refuse(linear, "part 0: there is no estimator");
    part.estimator_case = CHW__PART__ESTIMATOR_LINEAR;
    part.linear = estimator;
    accept(linear);
    parts.chosen = 2;
    refuse(linear, "the chosen part is 2 of 2");
    parts.chosen = 1;
    parts.combine = (Chw__Parts__Combine)3;
    refuse(linear, "no such combination of parts: 3");
    parts.combine = CHW__PARTS__COMBINE__SOFTMAX;
    part.link = CHW__LINK__LINK_LOGISTIC;
    refuse(linear, "part 0 has a link or a calibration");
    part.link = (Chw__Link)7;
    parts.combine = CHW__PARTS__COMBINE__MEAN;
    refuse(linear, "part 0: no such link: 7");
}

static void cycle_is_refused(void **state)
{
    (void)state;
    tree->left[2] = 2;
    refuse(trees, "node 2 is reached twice");
    tree->left[2] = 4;
    tree->right[2] = 0;
    refuse(trees, "node 0 is reached twice");
}

static void node_with_two_parents_is_refused(void **state)
{
    (void)state;
    tree->right[2] = 1;
    refuse(trees, "node 1 is reached twice");
    tree->right[2] = 4;
    refuse(trees, "node 4 is reached twice");
}

static void right_child_alone_is_refused(void **state)
{
    (void)state;
    tree->left[2] = 0;
    refuse(trees, "node 2 has a right child only");
}

static void fault_in_a_later_tree_is_named(void **state)
{
    (void)state;
    build_tree(trees, good_nodes, 5)->threshold[1] = NAN;
    refuse(trees, "tree 1: the value of leaf 1");
}

static void single_leaf_is_a_tree(void **state)
{
    (void)state;
    build_tree(trees, (struct build_node[]){{.threshold = 1.0F}}, 1);
    accept(trees);
}

/* ---- calibration ---- */

static void platt_is_finite(void **state)
{
    (void)state;
    Chw__Platt platt;
    chw__platt__init(&platt);
    linear->calibration_case = CHW__MODEL__CALIBRATION_PLATT;
    linear->platt = &platt;
    accept(linear);
    platt.slope = (double)NAN;
    refuse(linear, "Platt");
    platt.slope = 1.0;
    platt.intercept = (double)INFINITY;
    refuse(linear, "Platt");
}

static void isotonic_points_ascend_within_range(void **state)
{
    (void)state;
    float x[] = {0.1F, 0.2F, 0.3F}, y[] = {0.0F, 0.5F, 0.5F};
    Chw__Isotonic isotonic;
    chw__isotonic__init(&isotonic);
    isotonic.n_x = isotonic.n_y = 3;
    isotonic.x = x;
    isotonic.y = y;
    linear->calibration_case = CHW__MODEL__CALIBRATION_ISOTONIC;
    linear->isotonic = &isotonic;
    accept(linear);
    x[1] = 0.1F;
    refuse(linear, "point 1 of the isotonic");
    x[1] = NAN;
    refuse(linear, "point 1");
    x[1] = 0.2F;
    y[2] = 0.4F;
    refuse(linear, "point 2");
    y[2] = 1.1F;
    refuse(linear, "point 2");
    y[2] = NAN;
    refuse(linear, "point 2");
    y[2] = 1.0F;
    y[0] = -0.1F;
    refuse(linear, "point 0");
    isotonic.n_y = 2;
    refuse(linear, "3 x and 2 y");
    isotonic.n_x = isotonic.n_y = 0;
    refuse(linear, "0 x and 0 y");
}

/* ---- golden records ---- */

/* Row 0: 60, green; row 1: no age; both by the linear model. */
static void add_golden(void)
{
    static const float ages[] = {60.0F, 0.0F};
    Chw__Batch *batch = build_batch(2);
    build_floats(batch, "age", ages, 2)->valid = build_bytes("\x01", 1);
    build_codes(batch, "colour", (const uint8_t *)"\x01\x00", 2, "red,green");
    float p = (float)(1.0 / (1.0 + exp(-(-1.0 + 0.5 * 2.0 + 0.25))));
    build_golden(linear, batch, (float[]){p, 0.0F}, 2);
    linear->golden->n_invalid_rows = 1;
    linear->golden->invalid_rows = build_alloc(sizeof(uint32_t));
    linear->golden->invalid_rows[0] = 1;
}

static void check_golden(enum status expected, const char *part)
{
    struct model *model;
    struct error_text error = {{0}};
    assert_int_equal(load(linear, &model, NULL), STATUS_OK);
    enum status status = model_check_golden(model, &error);
    model_free(model);
    assert_int_equal(status, expected);
    if (strstr(error.text, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, part);
}

static void golden_records_pass_where_they_score_the_same(void **state)
{
    (void)state;
    check_golden(STATUS_OK, "");
    add_golden();
    check_golden(STATUS_OK, "");
    linear->golden->probabilities[0] += 5e-7F;
    check_golden(STATUS_OK, "");
}

static void golden_records_catch_a_changed_weight(void **state)
{
    (void)state;
    add_golden();
    linear->linear->weights[2] += 1e-4F;
    check_golden(STATUS_CORRUPT, "golden records: row 0 scores");
}

static void golden_records_catch_a_changed_probability(void **state)
{
    (void)state;
    add_golden();
    linear->golden->probabilities[0] += 2e-6F;
    check_golden(STATUS_CORRUPT, "row 0 scores");
    linear->golden->probabilities[0] = NAN;
    check_golden(STATUS_CORRUPT, "row 0 scores");
}

static void golden_records_catch_a_changed_policy(void **state)
{
    (void)state;
    add_golden();
    age->missing = CHW__MISSING_POLICY__MISSING_IMPUTE;
    check_golden(STATUS_CORRUPT, "row 1 is scored, expected otherwise");
    age->missing = CHW__MISSING_POLICY__MISSING_INVALID;
    linear->golden->n_invalid_rows = 0;
    check_golden(STATUS_CORRUPT, "row 1 is invalid, expected otherwise");
}

static void golden_records_are_a_batch_that_binds(void **state)
{
    (void)state;
    add_golden();
    linear->golden->n_probabilities = 1;
    check_golden(STATUS_INVALID, "golden records: 1 probabilities for 2 rows");
    linear->golden->n_probabilities = 2;
    linear->golden->invalid_rows[0] = 2;
    check_golden(STATUS_INVALID, "invalid row 0 is out of range");
    linear->golden->invalid_rows[0] = 1;
    linear->golden->batch->columns[0]->floats->n_values = 1;
    check_golden(STATUS_INVALID, "golden records: column age");
    linear->golden->batch->columns[0]->floats->n_values = 2;
    static char other[] = "colours";
    linear->golden->batch->columns[1]->name = other;
    colour->required = true;
    check_golden(STATUS_INVALID, "column colour is required");
    linear->golden->batch = NULL;
    check_golden(STATUS_INVALID, "there is no batch");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(loaded_model_tells_what_it_is),
        TEST(good_models_are_accepted),
        TEST(broken_bytes_are_malformed),
        TEST(flood_of_empty_trees_is_refused),
        TEST(format_and_name_are_checked),
        TEST(lineage_digest_is_whole),
        TEST(choices_are_known),
        TEST(features_are_there_and_unique),
        TEST(features_and_inputs_are_counted),
        TEST(feature_names_are_checked),
        TEST(feature_has_a_kind),
        TEST(numeric_feature_is_finite_and_has_a_scale),
        TEST(missing_is_kept_by_trees_only),
        TEST(indicator_belongs_to_one_hot),
        TEST(other_belongs_to_categories),
        TEST(zero_is_missing_only_where_missing_is_kept),
        TEST(categories_are_counted),
        TEST(categories_are_unique_as_text_and_as_numbers),
        TEST(imputed_category_exists),
        TEST(estimator_is_there),
        TEST(weights_fit_the_inputs),
        TEST(weights_are_finite),
        TEST(trees_are_counted),
        TEST(base_margin_is_finite),
        TEST(arrays_of_a_tree_are_equally_long),
        TEST(children_are_in_range),
        TEST(inputs_of_a_tree_are_in_range),
        TEST(thresholds_and_leaves_are_numbers),
        TEST(default_direction_is_zero_or_one),
        TEST(sets_and_covers_belong_to_nodes),
        TEST(set_is_asked_of_a_code),
        TEST(parts_are_counted_and_whole),
        TEST(cycle_is_refused),
        TEST(node_with_two_parents_is_refused),
        TEST(right_child_alone_is_refused),
        TEST(fault_in_a_later_tree_is_named),
        TEST(single_leaf_is_a_tree),
        TEST(platt_is_finite),
        TEST(isotonic_points_ascend_within_range),
        TEST(golden_records_pass_where_they_score_the_same),
        TEST(golden_records_catch_a_changed_weight),
        TEST(golden_records_catch_a_changed_probability),
        TEST(golden_records_catch_a_changed_policy),
        TEST(golden_records_are_a_batch_that_binds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
