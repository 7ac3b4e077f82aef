/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a record scores what proto/model.proto says, whatever the order and types of the
 * columns that carry it; what cannot be scored is a fault of that record alone.
 * Method: examples for each rule, expected values worked out here. */
#include "model/model.h"
#include "tests/lib/build.h"
#include "tests/lib/test.h"

#include <math.h>
#include <string.h>

enum { ROWS_MAX = 16 };

static struct {
    float p[ROWS_MAX];
    float margin[ROWS_MAX];
    struct record_fault fault[ROWS_MAX];
} scored;

static int teardown(void **state)
{
    (void)state;
    build_reset();
    return 0;
}

static struct model *load(const Chw__Model *message)
{
    size_t size;
    uint8_t *bytes = build_pack(&message->base, &size);
    struct model *model;
    struct error_text error = {{0}};
    if (model_load(bytes, size, &model, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return model;
}

/* Score a whole batch into `scored`. */
static enum status score(const Chw__Model *message, const Chw__Batch *batch,
                         struct error_text *error)
{
    struct model *model = load(message);
    struct columns columns;
    struct binding *binding;
    assert_true(batch->rows <= ROWS_MAX);
    assert_int_equal(columns_view(batch, &columns, NULL), STATUS_OK);
    enum status status = model_bind(model, &columns, &binding, error);
    if (status == STATUS_OK) {
        model_margins(binding, 0, batch->rows, scored.margin, scored.fault);
        model_score(binding, 0, batch->rows, scored.p, scored.fault);
    }
    binding_free(binding);
    columns_release(&columns);
    model_free(model);
    return status;
}

static void score_ok(const Chw__Model *message, const Chw__Batch *batch)
{
    struct error_text error = {{0}};
    if (score(message, batch, &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

static void expect_same(float a, float b)
{
    if (memcmp(&a, &b, sizeof a) != 0)
        fail_msg("%.9g, expected %.9g", (double)a, (double)b);
}

/* Row `row` was scored, with this margin. */
static void expect_margin(size_t row, float margin)
{
    assert_int_equal(scored.fault[row].fault, CHW__RECORD_FAULT__RECORD_FAULT_NONE);
    expect_same(scored.margin[row], margin);
}

static void expect_fault(size_t row, Chw__RecordFault fault, uint32_t feature)
{
    assert_int_equal(scored.fault[row].fault, fault);
    assert_int_equal(scored.fault[row].feature, feature);
    expect_same(scored.p[row], 0.0F);
    expect_same(scored.margin[row], 0.0F);
}

#define MISSING CHW__RECORD_FAULT__RECORD_FAULT_MISSING
#define NOT_A_NUMBER CHW__RECORD_FAULT__RECORD_FAULT_NOT_A_NUMBER
#define UNKNOWN CHW__RECORD_FAULT__RECORD_FAULT_UNKNOWN_CATEGORY

/* ---- linear ---- */

/* margin = 1 + 2 * age + {10, 20, 30} by colour. */
static Chw__Model *simple(void)
{
    static const float weights[] = {2.0F, 10.0F, 20.0F, 30.0F};
    Chw__Model *model = build_linear(1.0, weights, 4);
    build_numeric(model, "age", 0.0, 1.0);
    build_category(model, "colour", "red,green,7");
    return model;
}

static void number_is_centred_and_scaled_in_double(void **state)
{
    (void)state;
    Chw__Model *model = build_linear(0.25, (float[]){3.0F}, 1);
    build_numeric(model, "age", 40.1, 0.3);
    Chw__Batch *batch = build_batch(1);
    build_floats(batch, "age", (float[]){61.7F}, 1);
    score_ok(model, batch);
    float input = (float)(((double)61.7F - 40.1) * 0.3);
    double margin = 0.25 + 3.0 * (double)input;
    expect_margin(0, (float)margin);
    expect_same(scored.p[0], (float)(1.0 / (1.0 + exp(-margin))));
}

static void category_is_one_hot(void **state)
{
    (void)state;
    Chw__Batch *batch = build_batch(3);
    build_floats(batch, "age", (float[]){1.0F, 2.0F, 3.0F}, 3);
    build_codes(batch, "colour", (const uint8_t *)"\x02\x01\x00", 3, "red,green,7");
    score_ok(simple(), batch);
    expect_margin(0, 33.0F);
    expect_margin(1, 25.0F);
    expect_margin(2, 17.0F);
}

static void category_as_code_is_its_index(void **state)
{
    (void)state;
    Chw__Model *model = build_linear(0.5, (float[]){2.0F}, 1);
    build_category(model, "colour", "red,green,7")->category->encoding =
        CHW__CATEGORY_ENCODING__ENCODING_CODE;
    Chw__Batch *batch = build_batch(3);
    build_codes(batch, "colour", (const uint8_t *)"\x00\x01\x02", 3, "7,green,red");
    score_ok(model, batch);
    expect_margin(0, 4.5F);
    expect_margin(1, 2.5F);
    expect_margin(2, 0.5F);
}

static void sum_is_in_double_in_input_order(void **state)
{
    (void)state;
    static const float weights[] = {1.0F, 1.0F, 1.0F};
    Chw__Model *model = build_linear(1e-9, weights, 3);
    build_numeric(model, "a", 0.0, 1.0);
    build_numeric(model, "b", 0.0, 1.0);
    build_numeric(model, "c", 0.0, 1.0);
    Chw__Batch *batch = build_batch(1);
    build_floats(batch, "a", (float[]){1e8F}, 1);
    build_floats(batch, "b", (float[]){1.0F}, 1);
    build_floats(batch, "c", (float[]){-1e8F}, 1);
    score_ok(model, batch);
    expect_margin(0, (float)(((1e-9 + (double)1e8F) + 1.0) + (double)-1e8F));
}

/* ---- what a column may look like ---- */

static void order_of_columns_and_extra_columns_do_not_matter(void **state)
{
    (void)state;
    Chw__Batch *batch = build_batch(1);
    build_codes(batch, "zebra", (const uint8_t *)"\x09", 1, NULL);
    build_codes(batch, "colour", (const uint8_t *)"\x00", 1, "green");
    build_floats(batch, "age", (float[]){2.0F}, 1);
    score_ok(simple(), batch);
    expect_margin(0, 25.0F);
}

static void number_may_come_as_float_or_integer_or_name(void **state)
{
    (void)state;
    Chw__Batch *batch = build_batch(2);
    build_codes(batch, "age", (const uint8_t *)"\x01\x02", 2, NULL);
    build_codes(batch, "colour", (const uint8_t *)"\x00\x00", 2, "red");
    score_ok(simple(), batch);
    expect_margin(0, 13.0F);
    expect_margin(1, 15.0F);
    batch->n_columns = 0;
    build_codes(batch, "age", (const uint8_t *)"\x01\x00", 2, "2.00,1e0");
    build_codes(batch, "colour", (const uint8_t *)"\x00\x00", 2, "red");
    score_ok(simple(), batch);
    expect_margin(0, 13.0F);
    expect_margin(1, 15.0F);
}

static void number_may_come_as_bits(void **state)
{
    (void)state;
    Chw__Batch *batch = build_batch(2);
    build_bitmap(batch, "age", (const uint8_t *)"\x02", 1, NULL);
    build_codes(batch, "colour", (const uint8_t *)"\x00\x00", 2, "red");
    score_ok(simple(), batch);
    expect_margin(0, 11.0F);
    expect_margin(1, 13.0F);
    batch->n_columns = 0;
    build_bitmap(batch, "age", (const uint8_t *)"\x02", 1, "-1,+.5");
    build_codes(batch, "colour", (const uint8_t *)"\x00\x00", 2, "red");
    score_ok(simple(), batch);
    expect_margin(0, 9.0F);
    expect_margin(1, 12.0F);
}

static void name_that_is_no_number_is_a_fault_of_its_records(void **state)
{
    (void)state;
    static const char *const names[] = {"abc", "",    " 1", "1 ", "0x10",
                                        "inf", "nan", "1e", "."};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        Chw__Batch *batch = build_batch(2);
        Chw__Column *age =
            build_codes(batch, "age", (const uint8_t *)"\x00\x01", 2, names[i]);
        age->codes->n_categories = 2;
        age->codes->categories = (char *[]){age->codes->categories[0], (char[]){"1"}};
        build_codes(batch, "colour", (const uint8_t *)"\x00\x00", 2, "red");
        score_ok(simple(), batch);
        expect_fault(0, NOT_A_NUMBER, 0);
        expect_margin(1, 13.0F);
    }
}

static void category_may_come_as_number(void **state)
{
    (void)state;
    Chw__Model *model = simple();
    Chw__Batch *batch = build_batch(2);
    build_floats(batch, "age", (float[]){0.0F, 0.0F}, 2);
    build_floats(batch, "colour", (float[]){7.0F, 8.0F}, 2);
    score_ok(model, batch);
    expect_margin(0, 31.0F);
    expect_fault(1, UNKNOWN, 1);
    batch->n_columns = 1;
    build_codes(batch, "colour", (const uint8_t *)"\x07\x02", 2, NULL);
    score_ok(model, batch);
    expect_margin(0, 31.0F);
    expect_fault(1, UNKNOWN, 1); /* a number, not an index */
}

static void category_compares_as_number_where_both_are(void **state)
{
    (void)state;
    Chw__Batch *batch = build_batch(4);
    build_floats(batch, "age", (float[4]){0.0F}, 4);
    build_codes(batch, "colour", (const uint8_t *)"\x00\x01\x02\x03", 4,
                "7.0,07,+7e0,7x");
    score_ok(simple(), batch);
    expect_margin(0, 31.0F);
    expect_margin(1, 31.0F);
    expect_margin(2, 31.0F);
    expect_fault(3, UNKNOWN, 1);
}

static void float_meets_the_name_that_rounds_to_it(void **state)
{
    (void)state;
    Chw__Model *model = build_linear(0.0, (float[]){1.0F, 2.0F}, 2);
    build_category(model, "dose", "0.1,0.2");
    Chw__Batch *batch = build_batch(2);
    build_floats(batch, "dose", (float[]){0.2F, 0.1F}, 2);
    score_ok(model, batch);
    expect_margin(0, 2.0F);
    expect_margin(1, 1.0F);
}

static void category_may_come_as_bits(void **state)
{
    (void)state;
    Chw__Model *model = build_linear(0.0, (float[]){1.0F, 2.0F}, 2);
    build_category(model, "smoker", "No,Yes");
    Chw__Batch *batch = build_batch(2);
    build_bitmap(batch, "smoker", (const uint8_t *)"\x01", 1, "No,Yes");
    score_ok(model, batch);
    expect_margin(0, 2.0F);
    expect_margin(1, 1.0F);
    model = build_linear(0.0, (float[]){1.0F, 2.0F}, 2);
    build_category(model, "smoker", "1,0");
    batch = build_batch(2);
    build_bitmap(batch, "smoker", (const uint8_t *)"\x01", 1, NULL);
    score_ok(model, batch);
    expect_margin(0, 1.0F);
    expect_margin(1, 2.0F);
}

static void category_names_compare_exactly(void **state)
{
    (void)state;
    Chw__Batch *batch = build_batch(3);
    build_floats(batch, "age", (float[3]){0.0F}, 3);
    build_codes(batch, "colour", (const uint8_t *)"\x00\x01\x02", 3, "Red,red ,re");
    score_ok(simple(), batch);
    for (size_t row = 0; row < 3; row++)
        expect_fault(row, UNKNOWN, 1);
}

/* ---- missing, unreadable, unknown ---- */

static Chw__Batch *second_row_missing(void)
{
    Chw__Batch *batch = build_batch(2);
    build_floats(batch, "age", (float[]){1.0F, 99.0F}, 2)->valid = build_bytes("\x01", 1);
    build_codes(batch, "colour", (const uint8_t *)"\x00\xff", 2, "red")->valid =
        build_bytes("\x01", 1);
    return batch;
}

static void categories_that_begin_alike_are_told_apart(void **state)
{
    (void)state;
    Chw__Model *model = build_linear(0.0, (float[]){1.0F, 2.0F, 3.0F, 4.0F}, 4);
    build_category(model, "stage", "seventy,seventys,seventysix,seventyseven");
    Chw__Batch *batch = build_batch(4);
    build_codes(batch, "stage", (uint8_t[]){0, 1, 2, 3}, 4,
                "seventyseven,seventysix,seventys,seventy");
    score_ok(model, batch);
    for (size_t row = 0; row < 4; row++)
        expect_margin(row, 4.0F - (float)row);
}

static void missing_value_is_a_fault_of_its_record(void **state)
{
    (void)state;
    score_ok(simple(), second_row_missing());
    expect_margin(0, 13.0F);
    expect_fault(1, MISSING, 0);
}

static void missing_value_is_imputed(void **state)
{
    (void)state;
    Chw__Model *model = simple();
    model->features[0]->missing = CHW__MISSING_POLICY__MISSING_IMPUTE;
    model->features[0]->numeric->impute = 5.0F;
    model->features[0]->numeric->center = 1.0;
    score_ok(model, second_row_missing());
    expect_fault(1, MISSING, 1);
    model->features[1]->missing = CHW__MISSING_POLICY__MISSING_IMPUTE;
    model->features[1]->category->impute = 2;
    score_ok(model, second_row_missing());
    expect_margin(0, 11.0F);
    expect_margin(1, 1.0F + 2.0F * 4.0F + 30.0F);
}

static void missing_value_sets_its_indicator(void **state)
{
    (void)state;
    static const float weights[] = {1.0F, 2.0F, 4.0F};
    Chw__Model *model = build_linear(0.0, weights, 3);
    build_category(model, "colour", "red,green")->missing =
        CHW__MISSING_POLICY__MISSING_INDICATOR;
    score_ok(model, second_row_missing());
    expect_margin(0, 1.0F);
    expect_margin(1, 4.0F);
}

static void absent_column_is_missing_in_every_record(void **state)
{
    (void)state;
    Chw__Model *model = simple();
    Chw__Batch *batch = build_batch(1);
    build_codes(batch, "colour", (const uint8_t *)"\x00", 1, "red");
    score_ok(model, batch);
    expect_fault(0, MISSING, 0);
    model->features[0]->missing = CHW__MISSING_POLICY__MISSING_IMPUTE;
    model->features[0]->numeric->impute = 1.0F;
    score_ok(model, batch);
    expect_margin(0, 13.0F);
}

static void absent_required_column_refuses_the_batch(void **state)
{
    (void)state;
    Chw__Model *model = simple();
    model->features[1]->required = true;
    Chw__Batch *batch = build_batch(1);
    build_floats(batch, "age", (float[]){1.0F}, 1);
    struct error_text error = {{0}};
    assert_int_equal(score(model, batch, &error), STATUS_INVALID);
    assert_non_null(strstr(error.text, "column colour is required"));
}

static void unreadable_value_is_a_fault_of_its_record(void **state)
{
    (void)state;
    Chw__Model *model = simple();
    for (size_t i = 0; i < 2; i++)
        model->features[i]->missing = CHW__MISSING_POLICY__MISSING_IMPUTE;
    Chw__Batch *batch = build_batch(3);
    build_floats(batch, "age", (float[]){1.0F, 2.0F, 3.0F}, 3)->unreadable =
        build_bytes("\x02", 1);
    Chw__Column *colour =
        build_codes(batch, "colour", (const uint8_t *)"\x00\x00\x00", 3, "red");
    colour->unreadable = build_bytes("\x04", 1);
    colour->valid = build_bytes("\x03", 1); /* unreadable even where also missing */
    score_ok(model, batch);
    expect_margin(0, 13.0F);
    expect_fault(1, NOT_A_NUMBER, 0);
    expect_fault(2, NOT_A_NUMBER, 1);
}

static void nan_in_a_valid_cell_is_not_a_number(void **state)
{
    (void)state;
    Chw__Model *model = simple();
    model->features[0]->missing = CHW__MISSING_POLICY__MISSING_IMPUTE;
    Chw__Batch *batch = build_batch(3);
    build_floats(batch, "age", (float[]){NAN, 0.0F, NAN}, 3)->valid =
        build_bytes("\x03", 1);
    build_floats(batch, "colour", (float[]){7.0F, NAN, 7.0F}, 3);
    score_ok(model, batch);
    expect_fault(0, NOT_A_NUMBER, 0);
    expect_fault(1, NOT_A_NUMBER, 1);
    expect_margin(2, 31.0F);
}

static void unknown_category_follows_the_policy(void **state)
{
    (void)state;
    Chw__Model *model = simple();
    Chw__Batch *batch = build_batch(2);
    build_floats(batch, "age", (float[]){0.0F, 0.0F}, 2);
    build_codes(batch, "colour", (const uint8_t *)"\x00\x01", 2, "pink,red");
    score_ok(model, batch);
    expect_fault(0, UNKNOWN, 1);
    expect_margin(1, 11.0F);
    model->features[1]->category->unknown = CHW__UNKNOWN_POLICY__UNKNOWN_MISSING;
    score_ok(model, batch);
    expect_fault(0, MISSING, 1);
    model->features[1]->missing = CHW__MISSING_POLICY__MISSING_IMPUTE;
    model->features[1]->category->impute = 1;
    score_ok(model, batch);
    expect_margin(0, 21.0F);
}

static void infinite_number_counts_where_the_sum_is_one(void **state)
{
    (void)state;
    Chw__Model *model = build_linear(0.0, (float[]){1.0F, 0.0F, 1.0F}, 3);
    build_numeric(model, "a", 0.0, 1.0);
    build_numeric(model, "b", 0.0, 1.0);
    build_numeric(model, "c", 0.0, 1.0);
    Chw__Batch *batch = build_batch(4);
    build_floats(batch, "a", (float[]){INFINITY, -INFINITY, 0.0F, INFINITY}, 4);
    build_floats(batch, "b", (float[]){0.0F, 0.0F, INFINITY, 0.0F}, 4);
    build_floats(batch, "c", (float[]){0.0F, 0.0F, 0.0F, -INFINITY}, 4);
    score_ok(model, batch);
    expect_margin(0, INFINITY);
    expect_same(scored.p[0], 1.0F);
    expect_margin(1, -INFINITY);
    expect_same(scored.p[1], 0.0F);
    expect_fault(2, NOT_A_NUMBER, 1); /* infinity times a weight of 0 */
    expect_fault(3, NOT_A_NUMBER, 0);
}

/* ---- trees ---- */

/* age < 50: -1, else 2; missing goes right. */
static const struct build_node by_age[] = {
    {.input = 0, .threshold = 50.0F, .left = 1, .right = 2, .default_left = 0},
    {.threshold = -1.0F},
    {.threshold = 2.0F},
};

/* Green (input 2) goes right to .5, others to .25; missing goes left. */
static const struct build_node by_colour[] = {
    {.input = 2, .threshold = 0.5F, .left = 2, .right = 1, .default_left = 1},
    {.threshold = 0.5F},
    {.threshold = 0.25F},
};

static Chw__Model *forest(void)
{
    Chw__Model *model = build_trees(10.0F);
    build_numeric(model, "age", 0.0, 1.0)->missing = CHW__MISSING_POLICY__MISSING_KEEP;
    build_category(model, "colour", "red,green")->missing =
        CHW__MISSING_POLICY__MISSING_KEEP;
    build_tree(model, by_age, 3);
    build_tree(model, by_colour, 3);
    return model;
}

static Chw__Batch *forest_batch(void)
{
    Chw__Batch *batch = build_batch(6);
    static const float ages[] = {49.999F, 50.0F, -INFINITY, INFINITY, 0.0F, 0.0F};
    build_floats(batch, "age", ages, 6)->valid = build_bytes("\x1f", 1);
    build_codes(batch, "colour", (const uint8_t *)"\x00\x01\x01\x00\x01\x01", 6,
                "red,green")
        ->valid = build_bytes("\x2f", 1);
    return batch;
}

static void trees_go_left_below_the_threshold_and_nan_by_default(void **state)
{
    (void)state;
    score_ok(forest(), forest_batch());
    expect_margin(0, 10.0F - 1.0F + 0.25F);
    expect_margin(1, 10.0F + 2.0F + 0.5F);
    expect_margin(2, 10.0F - 1.0F + 0.5F);
    expect_margin(3, 10.0F + 2.0F + 0.25F);
    expect_margin(4, 10.0F - 1.0F + 0.25F); /* no colour: left */
    expect_margin(5, 10.0F + 2.0F + 0.5F);  /* no age: right */
}

static void mean_divides_before_the_base_margin(void **state)
{
    (void)state;
    Chw__Model *model = forest();
    model->trees->aggregate = CHW__TREES__AGGREGATE__MEAN;
    score_ok(model, forest_batch());
    expect_margin(0, 10.0F + (-1.0F + 0.25F) / 2.0F);
    expect_margin(1, 10.0F + (2.0F + 0.5F) / 2.0F);
}

static void leaves_add_up_in_float_in_tree_order(void **state)
{
    (void)state;
    Chw__Model *model = build_trees(1.0F);
    build_numeric(model, "age", 0.0, 1.0)->missing = CHW__MISSING_POLICY__MISSING_KEEP;
    static const float leaves[] = {16777216.0F, 1.0F, -16777216.0F, 0.1F};
    for (size_t i = 0; i < 4; i++)
        build_tree(model, (struct build_node[]){{.threshold = leaves[i]}}, 1);
    score_ok(model, build_batch(1));
    volatile float sum = 1.0F;
    for (size_t i = 0; i < 4; i++)
        sum += leaves[i];
    expect_margin(0, sum);
    assert_true(sum != 2.1F);
}

static void sum_that_overflows_both_ways_is_not_a_number(void **state)
{
    (void)state;
    Chw__Model *model = build_trees(3e38F);
    build_numeric(model, "age", 0.0, 1.0)->missing = CHW__MISSING_POLICY__MISSING_KEEP;
    build_tree(model, (struct build_node[]){{.threshold = 3e38F}}, 1);
    score_ok(model, build_batch(1));
    expect_margin(0, INFINITY);
    Chw__Platt platt = CHW__PLATT__INIT; /* 0 times infinity */
    model->calibration_case = CHW__MODEL__CALIBRATION_PLATT;
    model->platt = &platt;
    score_ok(model, build_batch(1));
    assert_int_equal(scored.fault[0].fault, NOT_A_NUMBER);
    expect_same(scored.p[0], 0.0F);
}

/* ---- link and calibration ---- */

static Chw__Model *identity(void)
{
    Chw__Model *model = build_linear(0.0, (float[]){1.0F}, 1);
    build_numeric(model, "p", 0.0, 1.0);
    model->link = CHW__LINK__LINK_IDENTITY;
    return model;
}

static void identity_link_stays_within_0_and_1(void **state)
{
    (void)state;
    Chw__Batch *batch = build_batch(6);
    static const float given[] = {0.25F, -0.5F, 1.5F, INFINITY, -INFINITY, 1.0F};
    static const float expected[] = {0.25F, 0.0F, 1.0F, 1.0F, 0.0F, 1.0F};
    build_floats(batch, "p", given, 6);
    score_ok(identity(), batch);
    for (size_t row = 0; row < 6; row++) {
        expect_margin(row, given[row]);
        expect_same(scored.p[row], expected[row]);
    }
}

static void logistic_link_is_computed_in_double(void **state)
{
    (void)state;
    Chw__Model *model = identity();
    model->link = CHW__LINK__LINK_LOGISTIC;
    Chw__Batch *batch = build_batch(5);
    static const float margins[] = {0.0F, -20.0F, 3.7F, 1000.0F, -1000.0F};
    build_floats(batch, "p", margins, 5);
    score_ok(model, batch);
    for (size_t row = 0; row < 5; row++)
        expect_same(scored.p[row], (float)(1.0 / (1.0 + exp(-(double)margins[row]))));
    expect_same(scored.p[0], 0.5F);
    expect_same(scored.p[4], 0.0F);
}

static void platt_comes_before_the_link(void **state)
{
    (void)state;
    Chw__Model *model = identity();
    model->link = CHW__LINK__LINK_LOGISTIC;
    Chw__Platt platt;
    chw__platt__init(&platt);
    platt.slope = 1.7;
    platt.intercept = -0.3;
    model->calibration_case = CHW__MODEL__CALIBRATION_PLATT;
    model->platt = &platt;
    Chw__Batch *batch = build_batch(1);
    build_floats(batch, "p", (float[]){0.9F}, 1);
    score_ok(model, batch);
    expect_margin(0, 0.9F);
    expect_same(scored.p[0], (float)(1.0 / (1.0 + exp(-(1.7 * (double)0.9F - 0.3)))));
}

static void isotonic_interpolates_and_is_flat_outside(void **state)
{
    (void)state;
    Chw__Model *model = identity();
    Chw__Isotonic isotonic;
    chw__isotonic__init(&isotonic);
    isotonic.n_x = isotonic.n_y = 3;
    isotonic.x = (float[]){0.25F, 0.5F, 0.75F};
    isotonic.y = (float[]){0.125F, 0.125F, 0.625F};
    model->calibration_case = CHW__MODEL__CALIBRATION_ISOTONIC;
    model->isotonic = &isotonic;
    static const float given[] = {-1.0F, 0.25F, 0.3F,     0.5F, 0.625F,
                                  0.75F, 0.9F,  INFINITY, 0.6F};
    float between = (float)(0.125 + 0.5 * (((double)0.6F - 0.5) / 0.25));
    const float expected[] = {0.125F, 0.125F, 0.125F, 0.125F, 0.375F,
                              0.625F, 0.625F, 0.625F, between};
    Chw__Batch *batch = build_batch(9);
    build_floats(batch, "p", given, 9);
    score_ok(model, batch);
    for (size_t row = 0; row < 9; row++)
        expect_same(scored.p[row], expected[row]);
}

static void isotonic_with_one_point_is_constant(void **state)
{
    (void)state;
    Chw__Model *model = identity();
    Chw__Isotonic isotonic;
    chw__isotonic__init(&isotonic);
    isotonic.n_x = isotonic.n_y = 1;
    isotonic.x = (float[]){0.5F};
    isotonic.y = (float[]){0.25F};
    model->calibration_case = CHW__MODEL__CALIBRATION_ISOTONIC;
    model->isotonic = &isotonic;
    Chw__Batch *batch = build_batch(3);
    build_floats(batch, "p", (float[]){0.1F, 0.5F, 0.9F}, 3);
    score_ok(model, batch);
    for (size_t row = 0; row < 3; row++)
        expect_same(scored.p[row], 0.25F);
}

/* ---- blocks ---- */

static void block_scores_as_the_whole_batch(void **state)
{
    (void)state;
    score_ok(forest(), forest_batch());
    Chw__Batch *batch = forest_batch();
    struct model *model = load(forest());
    struct columns columns;
    struct binding *binding;
    assert_int_equal(columns_view(batch, &columns, NULL), STATUS_OK);
    assert_int_equal(model_bind(model, &columns, &binding, NULL), STATUS_OK);
    for (uint32_t first = 0; first < 6; first += 4) {
        float p[4];
        struct record_fault faults[4];
        uint32_t count = first + 4 <= 6 ? 4 : 6 - first;
        model_score(binding, first, count, p, faults);
        assert_memory_equal(p, &scored.p[first], count * sizeof p[0]);
    }
    binding_free(binding);
    columns_release(&columns);
    model_free(model);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
    const struct CMUnitTest tests[] = {
        TEST(number_is_centred_and_scaled_in_double),
        TEST(category_is_one_hot),
        TEST(category_as_code_is_its_index),
        TEST(sum_is_in_double_in_input_order),
        TEST(order_of_columns_and_extra_columns_do_not_matter),
        TEST(number_may_come_as_float_or_integer_or_name),
        TEST(number_may_come_as_bits),
        TEST(name_that_is_no_number_is_a_fault_of_its_records),
        TEST(category_may_come_as_number),
        TEST(category_compares_as_number_where_both_are),
        TEST(float_meets_the_name_that_rounds_to_it),
        TEST(category_may_come_as_bits),
        TEST(category_names_compare_exactly),
        TEST(categories_that_begin_alike_are_told_apart),
        TEST(missing_value_is_a_fault_of_its_record),
        TEST(missing_value_is_imputed),
        TEST(missing_value_sets_its_indicator),
        TEST(absent_column_is_missing_in_every_record),
        TEST(absent_required_column_refuses_the_batch),
        TEST(unreadable_value_is_a_fault_of_its_record),
        TEST(nan_in_a_valid_cell_is_not_a_number),
        TEST(unknown_category_follows_the_policy),
        TEST(infinite_number_counts_where_the_sum_is_one),
        TEST(trees_go_left_below_the_threshold_and_nan_by_default),
        TEST(mean_divides_before_the_base_margin),
        TEST(leaves_add_up_in_float_in_tree_order),
        TEST(sum_that_overflows_both_ways_is_not_a_number),
        TEST(identity_link_stays_within_0_and_1),
        TEST(logistic_link_is_computed_in_double),
        TEST(platt_comes_before_the_link),
        TEST(isotonic_interpolates_and_is_flat_outside),
        TEST(isotonic_with_one_point_is_constant),
        TEST(block_scores_as_the_whole_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
