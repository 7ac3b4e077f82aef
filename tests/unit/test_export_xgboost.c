/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a model that is written as XGBoost's JSON is read back as one that scores the
 * same to the bit; what cannot be said is named. Method: random models and records of
 * every kind. A record is written as a person would for each: features for ours,
 * XGBoost's columns (one per input) for the other. The seed is TEST_SEED. */

#include "exchange/exchange.h"
#include "exchange/export.h"
#include "model/model.h"
#include "tests/lib/any.h"
#include "tests/lib/build.h"
#include "tests/lib/records.h"
#include "tests/lib/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MODELS = 300 };

/* ---- both sides of an export ---- */

static char *export(const Chw__Model *model, struct error_text *error)
{
    const struct export_format *format;
    uint8_t *bytes;
    size_t size;
    assert_int_equal(export_format_find("xgboost-json", &format, NULL), STATUS_OK);
    enum status status = exchange_export(model, format, &bytes, &size, error);
    assert_true((status == STATUS_OK) == (bytes != NULL));
    if (status != STATUS_OK)
        assert_int_equal(status, STATUS_INVALID);
    else
        assert_int_equal(strlen((char *)bytes), size);
    return (char *)bytes;
}

static void refuse(const Chw__Model *model, const char *part)
{
    struct error_text error = {""};
    assert_null(export(model, &error));
    if (strstr(error.text, part) == NULL)
        fail_msg("expected '%s' in: %s", part, error.text);
}

static struct model *load(const Chw__Model *message)
{
    struct error_text error = {""};
    struct model *model;
    size_t size;
    uint8_t *bytes = build_pack(&message->base, &size);
    if (model_load(bytes, size, &model, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return model;
}

/* `chosen` NULL: of two classes the second. */
static struct model *import(const char *text, const char *chosen)
{
    const struct exchange_options options = {.name = "chd", .chosen = chosen};
    struct error_text error = {""};
    Chw__Model *message;
    if (exchange_import((const uint8_t *)text, strlen(text), &options, &message,
                        &error) != STATUS_OK)
        fail_msg("%s", error.text);
    struct model *model = load(message);
    chw__model__free_unpacked(message, NULL);
    return model;
}

/* ---- records ---- */

/* One per category, 1 where it is the record's; all NaN where the record has none. */
static void add_one_hot(Chw__Batch *batch, const Chw__Feature *feature,
                        const float *values, size_t category, const char *named)
{
    float input[RECORDS];
    char *name = build_alloc(64);
    snprintf(name, 64, "%s=%s", feature->name, named);
    for (size_t row = 0; row < RECORDS; row++)
        input[row] = isnan(values[row]) ? NAN : (float)(values[row] == (float)category);
    records_add_floats(batch, name, input);
}

/* With a column per input, as XGBoost has them. */
static Chw__Batch *columns_of(const struct records *records, const Chw__Model *model)
{
    Chw__Batch *batch = build_batch(RECORDS);
    for (size_t i = 0; i < model->n_features; i++) {
        const Chw__Feature *feature = model->features[i];
        const float *values = records->values[i];
        if (!records_is_one_hot(feature)) {
            records_add_floats(batch, feature->name, values);
            continue;
        }
        for (size_t k = 0; k < feature->category->n_names; k++)
            add_one_hot(batch, feature, values, k, feature->category->names[k]);
        if (feature->missing == CHW__MISSING_POLICY__MISSING_INDICATOR)
            add_one_hot(batch, feature, values, SIZE_MAX, "");
    }
    return batch;
}

/* Both score the same records within `tolerance`. */
static void compare(const Chw__Model *message, const char *chosen, double tolerance)
{
    struct error_text error = {""};
    float expected[RECORDS], scores[RECORDS];
    struct records records;
    char *text = export(message, &error);
    if (text == NULL)
        fail_msg("%s", error.text);
    struct model *ours = load(message), *theirs = import(text, chosen);
    any_records(message, false, &records);
    records_score(ours, records_batch(&records, message), expected);
    records_score(theirs, columns_of(&records, message), scores);
    for (size_t row = 0; row < RECORDS; row++)
        if (!(fabs((double)scores[row] - (double)expected[row]) <= tolerance))
            fail_msg("row %zu: %.9g, expected %.9g", row, (double)scores[row],
                     (double)expected[row]);
    model_free(ours);
    model_free(theirs);
    free(text);
}

/* ---- random models ---- */

static bool has_zero_missing(const Chw__Model *model)
{
    for (size_t i = 0; i < model->n_features; i++)
        if (!records_is_category(model->features[i]) &&
            model->features[i]->numeric->zero_missing)
            return true;
    return false;
}

static double tolerance_of(const Chw__Trees *trees)
{
    return trees->aggregate == CHW__TREES__AGGREGATE__MEAN ? 1e-6 : 0;
}

static void random_trees_score_the_same_to_the_bit(void **state)
{
    size_t compared = 0;
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        Chw__Model *model = any_trees(any_chance(9));
        if (has_zero_missing(model)) {
            refuse(model, "XGBoost's JSON cannot say: that 0 is a missing value of");
        } else {
            compare(model, NULL, tolerance_of(model->trees));
            compared++;
        }
        build_reset();
    }
    assert_true(compared > MODELS / 2);
}

static void a_softmax_is_several_classes(void **state)
{
    size_t compared = 0;
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        Chw__Model *model = any_parts();
        char chosen[8];
        double tolerance = 0;
        snprintf(chosen, sizeof chosen, "%u", model->parts->chosen);
        for (size_t k = 0; k < model->parts->n_parts; k++)
            tolerance = fmax(tolerance, tolerance_of(model->parts->parts[k]->trees));
        if (model->parts->combine != CHW__PARTS__COMBINE__SOFTMAX) {
            refuse(model, "several estimators whose probabilities are put together");
        } else if (!has_zero_missing(model)) {
            compare(model, chosen, tolerance);
            compared++;
        }
        build_reset();
    }
    assert_true(compared > MODELS / 8);
}

/* ---- calibration ---- */

static Chw__Model *stump(float left, float right)
{
    const struct build_node nodes[] = {{.threshold = 0.5F, .left = 1, .right = 2},
                                       {.threshold = left},
                                       {.threshold = right}};
    Chw__Model *model = build_trees(0.25F);
    build_numeric(model, "age", 0, 1)->missing = CHW__MISSING_POLICY__MISSING_KEEP;
    build_tree(model, nodes, 3);
    return model;
}

static void platt_is_folded(void **state)
{
    Chw__Platt platt;
    chw__platt__init(&platt);
    Chw__Model *model = stump(-1, 2);
    (void)state;
    model->calibration_case = CHW__MODEL__CALIBRATION_PLATT;
    model->platt = &platt;
    platt.slope = -1; /* the first of two classes */
    compare(model, NULL, 0);
    platt.slope = 1.3;
    platt.intercept = -0.7;
    compare(model, NULL, 1e-7);
    platt.slope = 3e38;
    refuse(model, "tree 0: node 2: a leaf beyond float32");
    platt.slope = 1;
    platt.intercept = 1e39;
    refuse(model, "a base margin beyond float32");
}

static void isotonic_calibration_is_refused(void **state)
{
    float x[] = {0, 1}, y[] = {0, 1};
    Chw__Isotonic isotonic;
    chw__isotonic__init(&isotonic);
    Chw__Model *model = stump(-1, 2);
    (void)state;
    isotonic.n_x = isotonic.n_y = 2;
    isotonic.x = x;
    isotonic.y = y;
    model->calibration_case = CHW__MODEL__CALIBRATION_ISOTONIC;
    model->isotonic = &isotonic;
    refuse(model, "XGBoost's JSON cannot say: isotonic calibration");
}

static void a_calibration_after_a_softmax_is_refused(void **state)
{
    Chw__Model *model;
    (void)state;
    do
        model = any_parts();
    while (model->parts->combine != CHW__PARTS__COMBINE__SOFTMAX);
    model->link = CHW__LINK__LINK_LOGISTIC;
    refuse(model, "a link or calibration after a softmax");
}

/* ---- thresholds and scales ---- */

static void a_threshold_that_is_not_finite_is_refused(void **state)
{
    Chw__Model *model = stump(-1, 2);
    (void)state;
    model->trees->trees[0]->threshold[0] = INFINITY;
    refuse(model, "tree 0: node 0: a threshold that is not finite");
    model->trees->trees[0]->threshold[0] = 1e10F;
    model->features[0]->numeric->scale = 1e-30; /* beyond any float32 */
    refuse(model, "tree 0: node 0: a threshold that is not finite");
}

static void a_scale_that_float32_does_not_hold_is_refused(void **state)
{
    Chw__Model *model = stump(-1, 2);
    (void)state;
    model->features[0]->numeric->single = true;
    model->features[0]->numeric->scale = 1e-60;
    refuse(model, "tree 0: node 0: the scale of feature age");
    model->features[0]->numeric->scale = 1e60;
    refuse(model, "tree 0: node 0: the scale of feature age");
}

static void a_falling_scale_changes_sides(void **state)
{
    Chw__Model *model = stump(-1, 2);
    (void)state;
    model->features[0]->numeric->center = 0.3;
    model->features[0]->numeric->scale = -0.7;
    compare(model, NULL, 0);
    model->features[0]->numeric->single = true;
    compare(model, NULL, 0);
}

/* ---- names ---- */

static void letters_that_xgboost_does_not_allow_are_replaced(void **state)
{
    Chw__Model *model = stump(-1, 2);
    char name[] = "a[1]<\"b\\\n\x01";
    (void)state;
    model->features[0]->name = name;
    char *text = export(model, NULL);
    assert_non_null(text);
    assert_non_null(strstr(text, "\"feature_names\":[\"a_1__\\\"b\\\\\\u000a\\u0001\"]"));
    free(text);
}

static void two_inputs_by_one_name_are_refused(void **state)
{
    Chw__Model *model = stump(-1, 2);
    (void)state;
    build_category(model, "smoker", "Yes,No");
    model->features[0]->name = "smoker=No"; /* as of the category */
    refuse(model, "two inputs by the name of smoker=No");
}

static void codes_have_their_names_beside_them(void **state)
{
    Chw__Model *model = stump(-1, 2);
    (void)state;
    build_category(model, "county", "KE,\"UG\",7")->category->encoding =
        CHW__CATEGORY_ENCODING__ENCODING_CODE;
    char *text = export(model, NULL);
    assert_non_null(text);
    assert_non_null(strstr(
        text, "\"attributes\":{\"categories of county\":\"KE\\n\\\"UG\\\"\\n7\"}"));
    assert_non_null(strstr(text, "\"feature_types\":[\"float\",\"c\"]"));
    free(text);
}

static void linear_models_are_refused(void **state)
{
    (void)state;
    refuse(any_linear(), "a linear model, whose missing values");
}

static void other_formats_are_refused_by_name(void **state)
{
    const struct export_format *format;
    struct error_text error;
    (void)state;
    assert_int_equal(export_format_find("pickle", &format, &error), STATUS_INVALID);
    assert_non_null(
        strstr(error.text, "'pickle' is no format to export to: xgboost-json or onnx"));
}

static int teardown(void **state)
{
    (void)state;
    build_reset();
    return 0;
}

#define RANDOM(name) cmocka_unit_test_setup_teardown(name, any_seed, teardown)
#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RANDOM(random_trees_score_the_same_to_the_bit),
        RANDOM(a_softmax_is_several_classes),
        TEST(platt_is_folded),
        TEST(isotonic_calibration_is_refused),
        RANDOM(a_calibration_after_a_softmax_is_refused),
        TEST(a_threshold_that_is_not_finite_is_refused),
        TEST(a_scale_that_float32_does_not_hold_is_refused),
        TEST(a_falling_scale_changes_sides),
        TEST(letters_that_xgboost_does_not_allow_are_replaced),
        TEST(two_inputs_by_one_name_are_refused),
        TEST(codes_have_their_names_beside_them),
        RANDOM(linear_models_are_refused),
        TEST(other_formats_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
