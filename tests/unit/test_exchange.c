/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: bytes are read by the format that they are of, and the model says where it comes
 * from. Method: one small model, and bytes that are none; what is imported is loaded. */

#include "exchange/exchange.h"
#include "model/model.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

_Static_assert((int)EXCHANGE_TREES_MAX == (int)MODEL_TREES_MAX, "trees");
_Static_assert((int)EXCHANGE_NODES_MAX == (int)MODEL_NODES_MAX, "nodes");
_Static_assert((int)EXCHANGE_FEATURES_MAX == (int)MODEL_FEATURES_MAX, "features");
_Static_assert((int)EXCHANGE_INPUTS_MAX == (int)MODEL_INPUTS_MAX, "inputs");

static const char stump[] =
    " {\"learner\": {\"feature_names\": [\"age\", \"bmi\"], \"feature_types\": [\"int\", "
    "\"float\"],"
    "\"learner_model_param\": {\"base_score\": \"5E-1\", \"num_feature\": \"2\"},"
    "\"objective\": {\"name\": \"binary:logistic\"},"
    "\"gradient_booster\": {\"name\": \"gbtree\", \"model\": {\"tree_info\": [0],"
    "\"trees\": [{\"left_children\": [1, -1, -1], \"right_children\": [2, -1, -1],"
    "\"split_indices\": [1, 0, 0], \"split_conditions\": [25, -1, 1],"
    "\"default_left\": [0, 0, 0]}]}}}}";

static enum status import(const void *bytes, size_t size, const char *chosen,
                          Chw__Model **out, struct error_text *error)
{
    const struct exchange_options options = {.name = "chd", .chosen = chosen};
    return exchange_import(bytes, size, &options, out, error);
}

static void an_imported_model_loads_and_says_where_it_is_from(void **state)
{
    (void)state;
    struct error_text error = {""};
    Chw__Model *message;
    if (import(stump, strlen(stump), NULL, &message, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    assert_string_equal(message->name, "chd");
    assert_int_equal(message->n_features, 2);
    assert_string_equal(message->features[1]->name, "bmi");
    assert_true(message->features[1]->required);
    assert_int_equal(message->features[1]->missing, CHW__MISSING_POLICY__MISSING_KEEP);
    assert_string_equal(message->lineage->outcome, "class 1");
    assert_string_equal(message->lineage->parameters[0]->name, "imported from");
    assert_string_equal(message->lineage->parameters[0]->text, "XGBoost JSON");
    assert_string_equal(message->lineage->parameters[1]->name, "file SHA-256");
    assert_int_equal(strlen(message->lineage->parameters[1]->text), 64);

    size_t size = chw__model__get_packed_size(message);
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    chw__model__pack(message, bytes);
    struct model *model;
    if (model_load(bytes, size, &model, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    model_free(model);
    free(bytes);
    chw__model__free_unpacked(message, NULL);
}

static void bytes_of_no_format_are_told_the_formats(void **state)
{
    (void)state;
    static const char *const texts[] = {"",     "{",      "{}", "[\"learner\"]",
                                        "binf", "learner"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct error_text error = {""};
        Chw__Model *message;
        assert_int_equal(import(texts[i], strlen(texts[i]), NULL, &message, &error),
                         STATUS_MALFORMED);
        assert_null(message);
        assert_non_null(strstr(error.text, "expected XGBoost JSON"));
    }
}

static void a_class_is_chosen_by_its_number(void **state)
{
    (void)state;
    struct error_text error = {""};
    Chw__Model *message;
    assert_int_equal(import(stump, strlen(stump), "0", &message, &error), STATUS_OK);
    assert_string_equal(message->lineage->outcome, "class 0");
    assert_true(message->platt->slope == -1.0);
    chw__model__free_unpacked(message, NULL);
    assert_int_equal(import(stump, strlen(stump), "2", &message, &error), STATUS_INVALID);
    assert_string_equal(error.text, "XGBoost JSON: it has no class 2: expected 0 to 1");
    assert_null(message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_imported_model_loads_and_says_where_it_is_from),
        cmocka_unit_test(bytes_of_no_format_are_told_the_formats),
        cmocka_unit_test(a_class_is_chosen_by_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
