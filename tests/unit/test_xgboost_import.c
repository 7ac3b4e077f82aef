/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what XGBoost's documents say beside plain trees is scored as XGBoost does.
 * Method: a stump, a set or a few weights by hand, with scores worked out from the
 * format's description; what is not supported is named. */

#include "exchange_fixture.h"
#include "tests/lib/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEARNER(head, booster)                                                           \
    "{\"learner\": {" head ", \"gradient_booster\": " booster "}, \"version\": [1, 7, "  \
    "4]}"
#define HEAD(objective, classes)                                                         \
    "\"learner_model_param\": {\"base_score\": \"5E-1\", \"num_class\": \"" classes      \
    "\", \"num_feature\": \"2\"}, \"objective\": {\"name\": \"" objective "\"}"
#define TREES(info, trees)                                                               \
    "{\"name\": \"gbtree\", \"model\": {\"tree_info\": " info ", \"trees\": [" trees "]" \
    "}"                                                                                  \
    "}"
/* x0 < 1.5 (or missing): left, else right. */
#define STUMP(left, right)                                                               \
    "{\"left_children\": [1, -1, -1], \"right_children\": [2, -1, -1],"                  \
    "\"split_indices\": [0, 0, 0], \"split_conditions\": [1.5, " left ", " right "],"    \
    "\"default_left\": [1, 0, 0]}"
/* x1 in {1, 3, 9}: right, else left; missing right. */
#define SET_STUMP                                                                        \
    "{\"left_children\": [1, -1, -1], \"right_children\": [2, -1, -1],"                  \
    "\"split_indices\": [1, 0, 0], \"split_conditions\": [NaN, 0.25, 0.75],"             \
    "\"default_left\": [0, 0, 0], \"split_type\": [1, 0, 0],"                            \
    "\"categories\": [1, 3, 9], \"categories_nodes\": [0],"                              \
    "\"categories_segments\": [0], \"categories_sizes\": [3]}"

static Chw__Model *read(const char *text, const char *chosen)
{
    return exchange_read(text, strlen(text), chosen);
}

static float score(const Chw__Model *model, float a, float b)
{
    return exchange_score(model, (const float[]){a, b});
}

static void assert_near(float p, double expected)
{
    if (!(fabs((double)p - expected) <= 1e-7))
        fail_msg("%.9g, expected %.9g", (double)p, expected);
}

static double logistic(double margin)
{
    return 1 / (1 + exp(-margin));
}

static void missing_values_go_where_the_node_says(void **state)
{
    (void)state;
    Chw__Model *model =
        read(LEARNER(HEAD("binary:logistic", "0"), TREES("[0]", STUMP("-1", "2"))), NULL);
    assert_string_equal(model->features[0]->name, "f0");
    assert_string_equal(model->features[1]->name, "f1");
    assert_near(score(model, 1.4F, 0), logistic(-1));
    assert_near(score(model, 1.5F, 0), logistic(2)); /* not less */
    assert_near(score(model, NAN, 0), logistic(-1));
    exchange_free(model);
}

static void logitraw_has_its_base_score_as_a_margin(void **state)
{
    (void)state;
    Chw__Model *model =
        read(LEARNER(HEAD("binary:logitraw", "0"), TREES("[0]", STUMP("-1", "2"))), NULL);
    assert_near(score(model, 0, 0), logistic(-0.5));
    exchange_free(model);
    model = read(LEARNER(HEAD("binary:logitraw", "0"), TREES("[0]", STUMP("-1", "2"))),
                 "0"); /* the first class */
    assert_near(score(model, 0, 0), logistic(0.5));
    exchange_free(model);
}

static void a_number_is_held_between_0_and_1(void **state)
{
    (void)state;
    Chw__Model *model = read(
        LEARNER(HEAD("reg:squarederror", "0"), TREES("[0]", STUMP("-0.25", "2"))), NULL);
    assert_near(score(model, 0, 0), 0.25);
    assert_near(score(model, 2, 0), 1);
    assert_string_equal(model->lineage->outcome, "");
    exchange_free(model);
}

static void categories_in_a_set_go_right(void **state)
{
    (void)state;
    Chw__Model *model =
        read(LEARNER(HEAD("reg:squarederror", "0"),
                     TREES("[0, 0]", SET_STUMP "," STUMP("-0.5", "-0.5"))),
             NULL);
    assert_int_equal(model->features[1]->category->n_names, 10);
    assert_string_equal(model->features[1]->category->names[9], "9");
    for (int code = 0; code < 12; code++) /* those from 10 it does not know */
        assert_near(score(model, 0, (float)code),
                    code == 1 || code == 3 || code == 9 ? 0.75 : 0.25);
    assert_near(score(model, 0, NAN), 0.75);
    exchange_free(model);
}

static void categories_have_the_names_that_the_model_keeps(void **state)
{
    (void)state;
    static const char text[] = LEARNER(
        HEAD("reg:squarederror", "0"),
        "{\"name\": \"gbtree\", \"model\": {\"tree_info\": [0], \"trees\": [" SET_STUMP
        "], \"cats\": {\"enc\": [{\"offsets\": [], \"values\": []}, {\"offsets\": "
        "[0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13], \"values\": [110, 111, 98, 99, 100, 101, "
        "102, 103, 104, 105, -61, -87, 33]}], \"feature_segments\": [0, 0, 10]}}}");
    Chw__Model *model = read(text, NULL);
    const Chw__Category *category = model->features[1]->category;
    assert_int_equal(category->n_names, 10);
    assert_string_equal(category->names[0], "no");
    assert_string_equal(category->names[9], "\xc3\xa9!");
    exchange_free(model);
    char *numbers = exchange_replace(
        text, "{\"offsets\": [0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13]", "{\"type\": 12");
    model = read(numbers, NULL);
    assert_string_equal(model->features[1]->category->names[0], "110");
    exchange_free(model);
    free(numbers);
}

static void each_class_has_its_trees_and_its_base(void **state)
{
    (void)state;
    static const char text[] =
        LEARNER(HEAD("multi:softprob", "3"),
                TREES("[2, 0, 1, 0]", STUMP("1", "-1") "," STUMP("0.5", "0.25") "," STUMP(
                                          "0", "2") "," STUMP("0.125", "0")));
    double sum = exp(0.5 + 0.125) + exp(0) + exp(1);
    Chw__Model *model = read(text, "2");
    assert_near(score(model, 0, 0), exp(1) / sum); /* one base for all: it cancels */
    assert_string_equal(model->lineage->outcome, "class 2");
    exchange_free(model);
    char *bases = exchange_replace(text, "5E-1", "[5E-1,1,-2.5E0]");
    model = read(bases, "0");
    sum = exp(0.5 + 0.125 + 0.5) + exp(1) + exp(1 - 2.5);
    assert_near(score(model, 0, 0), exp(0.5 + 0.125 + 0.5) / sum);
    exchange_free(model);
    exchange_refuse(text, strlen(text), NULL,
                    "it has 3 classes, and which is the score is not said: 0 to 2");
    exchange_refuse(text, strlen(text), "3", "it has no class 3: expected 0 to 2");
    free(bases);
}

static void dart_weighs_its_trees(void **state)
{
    (void)state;
    static const char text[] =
        LEARNER(HEAD("reg:squarederror", "0"),
                "{\"name\": \"dart\", \"weight_drop\": [0.5, 0.25], \"gbtree\": " TREES(
                    "[0, 0]", STUMP("0.5", "0") "," STUMP("-1", "0")) "}");
    Chw__Model *model = read(text, NULL);
    assert_near(score(model, 0, 0), 0.5 + 0.25 - 0.25);
    exchange_free(model);
    char *bad = exchange_replace(text, "[0.5, 0.25]", "[0.5]");
    exchange_refuse(bad, strlen(bad), NULL, "tree 1: weight_drop is no finite float32");
    free(bad);
}

static void linear_weights_are_by_input_then_class(void **state)
{
    (void)state;
    static const char one[] =
        LEARNER(HEAD("binary:logistic", "0"),
                "{\"name\": \"gblinear\", \"model\": {\"weights\": [2, -1, 0.25]}}");
    Chw__Model *model = read(one, NULL);
    assert_near(score(model, 1, 3), logistic(2 - 3 + 0.25));
    assert_near(score(model, NAN, 1), logistic(-1 + 0.25)); /* missing adds nothing */
    exchange_free(model);
    static const char three[] = LEARNER(
        HEAD("multi:softmax", "3"), "{\"name\": \"gblinear\", \"model\": {\"weights\": "
                                    "[1, 2, 3, 4, 5, 6, 7, 8, 9]}}");
    model = read(three, "1");
    double sum = exp(-2) + exp(0) + exp(2);
    assert_near(score(model, 1, 1), exp(15.0 - 15.0) / (exp(-3) + exp(0) + exp(3)));
    assert_near(score(model, 0, 0), exp(8.0 - 8.0) / (exp(-1) + exp(0) + exp(1)));
    assert_near(score(model, 1, 0), exp(10.0 - 10.0) / sum);
    exchange_free(model);
    char *bad = exchange_replace(one, "[2, -1, 0.25]", "[2, -1]");
    exchange_refuse(bad, strlen(bad), NULL, "2 weights, expected 3");
    free(bad);
    bad = exchange_replace(one, "{\"learner\": {",
                           "{\"learner\": {\"feature_types\": [\"c\", \"q\"],");
    exchange_refuse(bad, strlen(bad), NULL,
                    "feature 0 (f0): a category in a linear model is not supported");
    free(bad);
}

static void what_is_not_supported_is_named(void **state)
{
    (void)state;
    static const char text[] = LEARNER(
        "\"feature_names\": [\"a\", \"b\"], \"feature_types\": [\"float\", \"c\"]," HEAD(
            "binary:logistic", "0"),
        TREES("[0]", SET_STUMP));
    static const struct {
        const char *old, *new, *sentence;
    } cases[] = {
        {"binary:logistic", "survival:cox", "objective survival:cox is not supported"},
        {"binary:logistic", "rank:ndcg", "objective rank:ndcg is not supported"},
        {"binary:logistic", "count:poisson", "objective count:poisson is not supported"},
        {"binary:logistic", "multi:softprob", "num_class is 0, expected 2 or more"},
        {"\"gbtree\"", "\"gbforest\"", "booster gbforest is not supported"},
        {"\"num_class\"", "\"num_target\": \"3\", \"num_class\"",
         "num_target is 3, expected 0 to 1"},
        {"\"num_feature\": \"2\"", "\"num_feature\": \"4097\"",
         "num_feature is 4097, expected 0 to 4096"},
        {"\"num_feature\": \"2\"", "\"num_feature\": \"3\"",
         "feature_names has 2 entries for 3 features"},
        {"\"tree_info\": [0]", "\"tree_info\": [0, 0]",
         "tree_info has 2 entries for 1 trees"},
        {"\"tree_info\"", "\"gbtree_model_param\": {\"num_trees\": \"2\"}, \"tree_info\"",
         "gbtree_model_param.num_trees is 2 for 1 trees"},
        {"\"a\"", "7", "feature_names of 0 is no text"},
        {"\"a\"", "\"\"", "the name of feature 0 has 0 bytes"},
        {"\"c\"", "\"text\"", "feature 1 (b): its type text is not supported"},
        {"[1, 3, 9]", "[1, 3, 255]",
         "tree 0: node 0: category 255 is not supported: expected 0 to 254"},
        {"\"categories_nodes\": [0]", "\"categories_nodes\": [3]",
         "categories_nodes of node 0 is 3"},
        {"\"categories_sizes\": [3]", "\"categories_sizes\": [4]",
         "categories_sizes of node 0 is 4, expected 0 to 3"},
        {"\"split_type\": [1", "\"split_type\": [0", "split_conditions of node 0"},
        {"[NaN", "[1", NULL}, /* not looked at */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *changed = exchange_replace(text, cases[i].old, cases[i].new);
        if (cases[i].sentence != NULL)
            exchange_refuse(changed, strlen(changed), NULL, cases[i].sentence);
        else
            exchange_free(read(changed, NULL));
        free(changed);
    }
    static const char both[] = LEARNER(HEAD("binary:logistic", "0"),
                                       TREES("[0, 0]", SET_STUMP "," STUMP("1", "2")));
    char *changed =
        exchange_replace(both, "\"split_indices\": [0", "\"split_indices\": [1");
    exchange_refuse(changed, strlen(changed), NULL,
                    "feature 1 (f1): it is split as a category and as a number");
    free(changed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_values_go_where_the_node_says),
        cmocka_unit_test(logitraw_has_its_base_score_as_a_margin),
        cmocka_unit_test(a_number_is_held_between_0_and_1),
        cmocka_unit_test(categories_in_a_set_go_right),
        cmocka_unit_test(categories_have_the_names_that_the_model_keeps),
        cmocka_unit_test(each_class_has_its_trees_and_its_base),
        cmocka_unit_test(dart_weighs_its_trees),
        cmocka_unit_test(linear_weights_are_by_input_then_class),
        cmocka_unit_test(what_is_not_supported_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
