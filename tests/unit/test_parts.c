/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: several estimators give one result as proto/model.proto says; category sets,
 * other categories and zero as missing lead where they should. Method: examples for each
 * rule, expected values worked out here. */
#include "model/model.h"
#include "tests/lib/build.h"
#include "tests/lib/test.h"

#include <math.h>
#include <string.h>

enum { ROWS_MAX = 8 };

static float scored[ROWS_MAX];
static struct record_fault faults[ROWS_MAX];

static int teardown(void **state)
{
    (void)state;
    build_reset();
    return 0;
}

static void score(const Chw__Model *message, const Chw__Batch *batch)
{
    struct error_text error = {{0}};
    struct model *model;
    struct columns columns;
    struct binding *binding;
    size_t size;
    uint8_t *bytes = build_pack(&message->base, &size);
    if (model_load(bytes, size, &model, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    assert_int_equal(columns_view(batch, &columns, NULL), STATUS_OK);
    assert_int_equal(model_bind(model, &columns, &binding, NULL), STATUS_OK);
    model_score(binding, 0, batch->rows, scored, faults);
    binding_free(binding);
    columns_release(&columns);
    model_free(model);
}

static void expect(size_t row, double p)
{
    assert_int_equal(faults[row].fault, CHW__RECORD_FAULT__RECORD_FAULT_NONE);
    if (fabs((double)scored[row] - p) > 1e-7)
        fail_msg("row %zu: %.9g, expected %.9g", row, (double)scored[row], p);
}

/* ---- parts ---- */

static Chw__Parts *parts;

/* Linear parts over one number, x: margins weights[i] * x. */
static Chw__Model *linear_parts(const float *weights, size_t count, Chw__Link link)
{
    Chw__Model *model = build_linear(0.0, weights, 1);
    build_numeric(model, "x", 0.0, 1.0);
    parts = build_alloc(sizeof *parts);
    chw__parts__init(parts);
    parts->parts = build_alloc(count * sizeof *parts->parts);
    parts->n_parts = count;
    for (size_t i = 0; i < count; i++) {
        Chw__Part *part = build_alloc(sizeof *part);
        chw__part__init(part);
        part->estimator_case = CHW__PART__ESTIMATOR_LINEAR;
        part->linear = build_linear(0.0, &weights[i], 1)->linear;
        part->link = link;
        parts->parts[i] = part;
    }
    model->estimator_case = CHW__MODEL__ESTIMATOR_PARTS;
    model->parts = parts;
    model->link = CHW__LINK__LINK_IDENTITY;
    return model;
}

static Chw__Batch *numbers(const float *values, uint32_t count)
{
    Chw__Batch *batch = build_batch(count);
    build_floats(batch, "x", values, count);
    return batch;
}

static double logistic(double margin)
{
    return 1.0 / (1.0 + exp(-margin));
}

static void mean_is_of_the_probabilities(void **state)
{
    (void)state;
    Chw__Model *model =
        linear_parts((float[]){1.0F, -0.5F, 3.0F}, 3, CHW__LINK__LINK_LOGISTIC);
    score(model, numbers((float[]){2.0F, -1.0F}, 2));
    expect(0, (logistic(2) + logistic(-1) + logistic(6)) / 3);
    expect(1, (logistic(-1) + logistic(0.5) + logistic(-3)) / 3);
}

static void softmax_is_the_chosen_class_among_all(void **state)
{
    (void)state;
    Chw__Model *model =
        linear_parts((float[]){1.0F, -0.5F, 3.0F}, 3, CHW__LINK__LINK_IDENTITY);
    parts->combine = CHW__PARTS__COMBINE__SOFTMAX;
    parts->chosen = 1;
    score(model, numbers((float[]){2.0F, -400.0F}, 2));
    expect(0, exp(-1) / (exp(2) + exp(-1) + exp(6)));
    expect(1, 1.0); /* exp(200) alone would overflow a float */
}

static void share_is_of_the_sum_of_the_probabilities(void **state)
{
    (void)state;
    Chw__Model *model = linear_parts((float[]){1.0F, -0.5F}, 2, CHW__LINK__LINK_LOGISTIC);
    parts->combine = CHW__PARTS__COMBINE__SHARE;
    parts->chosen = 1;
    score(model, numbers((float[]){2.0F}, 1));
    expect(0, logistic(-1) / (logistic(2) + logistic(-1)));
}

static void share_of_nothing_is_zero(void **state)
{
    (void)state;
    Chw__Model *model = linear_parts((float[]){1.0F, 2.0F}, 2, CHW__LINK__LINK_IDENTITY);
    parts->combine = CHW__PARTS__COMBINE__SHARE;
    score(model, numbers((float[]){0.0F, -1.0F, 0.25F}, 3));
    expect(0, 0.0);
    expect(1, 0.0); /* probabilities are held at 0 */
    expect(2, 1.0 / 3.0);
}

static void part_has_its_own_calibration_and_the_model_another(void **state)
{
    (void)state;
    Chw__Model *model = linear_parts((float[]){1.0F, 1.0F}, 2, CHW__LINK__LINK_LOGISTIC);
    Chw__Platt platt;
    chw__platt__init(&platt);
    platt.slope = 2.0;
    platt.intercept = -1.0;
    parts->parts[1]->calibration_case = CHW__PART__CALIBRATION_PLATT;
    parts->parts[1]->platt = &platt;
    score(model, numbers((float[]){2.0F}, 1));
    expect(0, (logistic(2) + logistic(3)) / 2);
    Chw__Platt half;
    chw__platt__init(&half);
    half.slope = 0.5;
    model->calibration_case = CHW__MODEL__CALIBRATION_PLATT;
    model->platt = &half;
    score(model, numbers((float[]){2.0F}, 1));
    expect(0, (logistic(2) + logistic(3)) / 4);
}

static void no_number_in_one_part_is_a_fault(void **state)
{
    (void)state;
    Chw__Model *model = linear_parts((float[]){1.0F, 0.0F}, 2, CHW__LINK__LINK_LOGISTIC);
    score(model, numbers((float[]){INFINITY, 1.0F}, 2));
    assert_int_equal(faults[0].fault, CHW__RECORD_FAULT__RECORD_FAULT_NOT_A_NUMBER);
    expect(1, (logistic(1) + logistic(0)) / 2);
}

/* ---- sets and others ---- */

/* Categories in the set go left to 1; others right to 0; missing right. */
static Chw__Model *by_set(const char *names, uint8_t members)
{
    static const struct build_node nodes[] = {
        {.left = 1, .right = 2}, {.threshold = 1.0F}, {.threshold = 0.0F}};
    static uint32_t set[3] = {1, 0, 0};
    static Chw__CategorySet *sets[1];
    Chw__Model *model = build_trees(0.0F);
    Chw__Feature *colour = build_category(model, "colour", names);
    colour->category->encoding = CHW__CATEGORY_ENCODING__ENCODING_CODE;
    colour->category->unknown = CHW__UNKNOWN_POLICY__UNKNOWN_OTHER;
    colour->missing = CHW__MISSING_POLICY__MISSING_KEEP;
    Chw__Tree *tree = build_tree(model, nodes, 3);
    tree->set = set;
    tree->n_set = 3;
    sets[0] = build_alloc(sizeof *sets[0]);
    chw__category_set__init(sets[0]);
    sets[0]->members = build_bytes(&members, 1);
    model->trees->sets = sets;
    model->trees->n_sets = 1;
    model->link = CHW__LINK__LINK_IDENTITY;
    return model;
}

static void category_in_the_set_goes_left(void **state)
{
    (void)state;
    Chw__Batch *batch = build_batch(6);
    build_codes(batch, "colour", (const uint8_t *)"\x00\x01\x02\x03\x04\x01", 6,
                "red,green,blue,pink,mauve")
        ->valid = build_bytes("\x1f", 1);
    score(by_set("green,blue,pink", 0x05), batch); /* green and pink */
    expect(0, 0.0);                                /* red: other */
    expect(1, 1.0);
    expect(2, 0.0);
    expect(3, 1.0);
    expect(4, 0.0); /* mauve: other */
    expect(5, 0.0); /* missing */
}

static void code_behind_the_last_byte_is_in_no_set(void **state)
{
    (void)state;
    Chw__Batch *batch = build_batch(3);
    build_floats(batch, "colour", (float[]){0.0F, 8.0F, 7.0F}, 3);
    score(by_set("0,1,2,3,4,5,6,7,8,9", 0xff), batch);
    expect(0, 1.0);
    expect(1, 0.0);
    expect(2, 1.0);
}

static void other_categories_are_zero_in_every_input(void **state)
{
    (void)state;
    Chw__Model *model = build_linear(0.125, (float[]){0.25F, 0.5F}, 2);
    Chw__Feature *colour = build_category(model, "colour", "red,green");
    colour->category->unknown = CHW__UNKNOWN_POLICY__UNKNOWN_OTHER;
    colour->missing = CHW__MISSING_POLICY__MISSING_OTHER;
    model->link = CHW__LINK__LINK_IDENTITY;
    Chw__Batch *batch = build_batch(4);
    build_codes(batch, "colour", (const uint8_t *)"\x00\x01\x02\x00", 4, "red,green,blue")
        ->valid = build_bytes("\x07", 1);
    score(model, batch);
    expect(0, 0.375);
    expect(1, 0.625);
    expect(2, 0.125);
    expect(3, 0.125);
}

/* ---- numbers ---- */

static void zero_is_missing_where_the_feature_says_so(void **state)
{
    (void)state;
    static const struct build_node nodes[] = {{.threshold = 1.0F, .left = 1, .right = 2},
                                              {.threshold = 1.0F},
                                              {.threshold = 0}};
    Chw__Model *model = build_trees(0.0F);
    Chw__Feature *x = build_numeric(model, "x", 0.0, 1.0);
    x->missing = CHW__MISSING_POLICY__MISSING_KEEP;
    x->numeric->zero_missing = true;
    build_tree(model, nodes, 3);
    model->link = CHW__LINK__LINK_IDENTITY;
    score(model, numbers((float[]){0.5F, 0.0F, -0.0F, 1e-35F, -2e-35F, 1.5F}, 6));
    expect(0, 1.0);
    expect(1, 0.0); /* missing goes right */
    expect(2, 0.0);
    expect(3, 0.0);
    expect(4, 1.0);
    expect(5, 0.0);
}

static void single_precision_rounds_each_step(void **state)
{
    (void)state;
    const double center = 0.1, scale = 1.0 / 3.0;
    const float x = 0.7F;
    volatile float difference = x - (float)center;
    volatile float input = difference * (float)scale;
    Chw__Model *model = build_linear(0.0, (float[]){1.0F}, 1);
    build_numeric(model, "x", center, scale)->numeric->single = true;
    model->link = CHW__LINK__LINK_IDENTITY;
    score(model, numbers((float[]){x}, 1));
    assert_true(scored[0] == input);
    assert_true(input != (float)(((double)x - center) * scale));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(mean_is_of_the_probabilities),
        TEST(softmax_is_the_chosen_class_among_all),
        TEST(share_is_of_the_sum_of_the_probabilities),
        TEST(share_of_nothing_is_zero),
        TEST(part_has_its_own_calibration_and_the_model_another),
        TEST(no_number_in_one_part_is_a_fault),
        TEST(category_in_the_set_goes_left),
        TEST(code_behind_the_last_byte_is_in_no_set),
        TEST(other_categories_are_zero_in_every_input),
        TEST(zero_is_missing_where_the_feature_says_so),
        TEST(single_precision_rounds_each_step),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
