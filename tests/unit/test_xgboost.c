/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a good JSON model of XGBoost becomes the trees it describes, and a bad one a
 * sentence. Method: one small model by hand; then the same text with one part replaced
 * at a time, and cut after every byte. */

#include "exchange/xgboost.h"
#include "tests/lib/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two trees: a split whose children are listed in the other order (nodes 0, 2, 1), with a
 * node 3 that no path reaches; and a single leaf. */
static const char good[] =
    "{\"learner\": {\n"
    "\"learner_model_param\": {\"base_score\": \"2.5E-1\", \"num_class\": \"0\",\n"
    "  \"num_feature\": \"9\", \"num_target\": \"1\"},\n"
    "\"objective\": {\"name\": \"binary:logistic\"},\n"
    "\"gradient_booster\": {\"name\": \"gbtree\", \"model\": {\n"
    " \"tree_info\": [0, 0],\n"
    " \"trees\": [\n"
    "  {\"left_children\": [2, -1, -1, 9], \"right_children\": [1, -1, -1, 9],\n"
    "   \"split_indices\": [7, 0, 0, 70000], \"split_conditions\": [1.5, -2E-1, 4.0E-1, "
    "0],\n"
    "   \"default_left\": [1, 0, 0, 0], \"split_type\": [0, 0, 0, 0],\n"
    "   \"sum_hessian\": [10.5, 0, 4.25, 1],\n"
    "   \"tree_param\": {\"size_leaf_vector\": \"0\"}},\n"
    "  {\"left_children\": [-1], \"right_children\": [-1], \"split_indices\": [0],\n"
    "   \"split_conditions\": [3.125E-2], \"default_left\": [false]}\n"
    " ]}}}}\n";

/* `good` with the first `old` replaced. */
static char *replaced(const char *old, const char *new)
{
    const char *at = strstr(good, old);
    if (at == NULL)
        fail_msg("'%s' is not in the good model", old);
    char *text = malloc(sizeof good + strlen(new));
    assert_non_null(text);
    sprintf(text, "%.*s%s%s", (int)(at - good), good, new, at + strlen(old));
    return text;
}

static struct xgboost_trees read_good(const char *text)
{
    struct xgboost_trees model;
    struct error_text error = {.text = ""};
    if (xgboost_read_trees(text, strlen(text), &model, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return model;
}

static void trees_are_read_with_siblings_as_neighbours(void **state)
{
    (void)state;
    struct xgboost_trees model = read_good(good);
    assert_int_equal(model.trees->n_trees, 2);
    const Chw__Tree *tree = model.trees->trees[0];
    assert_int_equal(tree->n_left, 3); /* without the one that is never reached */
    assert_int_equal(tree->n_threshold, 3);
    assert_int_equal(tree->input[0], 7);
    assert_true(tree->threshold[0] == 1.5F);
    assert_int_equal(tree->default_left.data[0], 1);
    assert_int_equal(tree->left[0], 1);
    assert_int_equal(tree->right[0], 2);
    assert_int_equal(tree->left[1], 0); /* leaves */
    assert_int_equal(tree->left[2], 0);
    assert_true(tree->threshold[1] == 0.4F); /* what was node 2 */
    assert_true(tree->threshold[2] == -0.2F);
    assert_int_equal(tree->n_cover, 3);
    assert_true(tree->cover[0] == 10.5F);
    assert_true(tree->cover[1] == 4.25F);
    assert_true(tree->cover[2] > 0.0F && tree->cover[2] < 1e-30F);
    tree = model.trees->trees[1];
    assert_int_equal(tree->n_left, 1);
    assert_true(tree->threshold[0] == 0.03125F);
    assert_int_equal(tree->n_cover, 0); /* it says none */
    chw__trees__free_unpacked(model.trees, NULL);
}

static void base_score_is_in_the_space_of_the_output(void **state)
{
    (void)state;
    struct xgboost_trees model = read_good(good);
    assert_int_equal(model.link, CHW__LINK__LINK_LOGISTIC);
    assert_true(model.trees->base_margin == -logf(3)); /* the logit of 1/4 */
    chw__trees__free_unpacked(model.trees, NULL);
    char *text = replaced("binary:logistic", "reg:squarederror");
    model = read_good(text);
    assert_int_equal(model.link, CHW__LINK__LINK_IDENTITY);
    assert_true(model.trees->base_margin == 0.25F);
    chw__trees__free_unpacked(model.trees, NULL);
    free(text);
}

static void base_score_may_be_a_list_of_one(void **state)
{
    (void)state;
    char *text = replaced("2.5E-1", "[2.5E-1]");
    struct xgboost_trees model = read_good(text);
    assert_true(model.trees->base_margin == -logf(3));
    chw__trees__free_unpacked(model.trees, NULL);
    free(text);
}

static void bad_models_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *old, *new, *sentence;
    } cases[] = {
        {"{\"learner\"", "\"learner\"", "not JSON: line 1"},
        {"\"learner\":", "\"lerner\":", "objective.name is no text"},
        {"\"tree_info\": [0, 0]", "\"a\": 1, \"a\": 2", "not JSON: line 6: duplicate"},
        {"gbtree", "dart", "gradient_booster.weight_drop is no list"},
        {"gbtree", "gbforest", "booster gbforest is not supported"},
        {"gbtree", "gblinear", "gradient_booster.model.weights is no list"},
        {"\"num_class\": \"0\"", "\"num_class\": \"3\"",
         "num_class is 3, expected 0 or 1"},
        {"\"num_target\": \"1\"", "\"num_target\": \"2\"",
         "num_target is 2, expected 0 to 1"},
        {"\"size_leaf_vector\": \"0\"", "\"size_leaf_vector\": \"4\"",
         "tree 0: tree_param.size_leaf_vector is 4, expected 0 to 1"},
        {"binary:logistic", "count:poisson",
         "objective count:poisson is not supported: expected binary:logistic"},
        {"{\"name\": \"binary:logistic\"}", "{}", "objective.name is no text"},
        {"\"2.5E-1\"", "0.25", "base_score is no text"},
        {"2.5E-1", "half", "base_score is half"},
        {"2.5E-1", "1", "base_score is 1, expected a number between 0 and 1"},
        {"2.5E-1", "nan", "base_score is nan"},
        {"2.5E-1", "[2.5E-1,1E-1]", "base_score is [2.5E-1,1E-1]"},
        {"[0, 0]", "[0, 1]", "tree 1: tree_info is not 0 to 0"},
        {"\"trees\": [", "\"trees\": [], \"more\": [", "trees has 0 trees"},
        {"\"left_children\": [-1]", "\"left_children\": []",
         "tree 1: left_children has 0 nodes"},
        {"\"right_children\": [-1]", "\"right_children\": -1",
         "tree 1: right_children is no list"},
        {"\"split_indices\": [0]", "\"split_indices\": [0, 0]",
         "tree 1: split_indices has 2 entries for 1 nodes"},
        {"\"left_children\": [2,", "\"left_children\": [4,",
         "tree 0: left_children of node 0 is 4, expected 0 to 3"},
        {"\"left_children\": [2,", "\"left_children\": [-2,", "node 0 is -2"},
        {"\"left_children\": [2,", "\"left_children\": [0,", "node 0 is reached twice"},
        {"\"left_children\": [2,", "\"left_children\": [1,", "node 1 is reached twice"},
        {"\"left_children\": [2,", "\"left_children\": [2.5,",
         "left_children of node 0 is no whole number"},
        {"\"right_children\": [1,", "\"right_children\": [-1,",
         "right_children of node 0 is -1"},
        {"[7, 0, 0", "[9, 0, 0", "split_indices of node 0 is 9, expected 0 to 8"},
        {"[1.5,", "[\"1.5\",", "split_conditions of node 0 is no finite float32"},
        {"-2E-1,", "1E39,", "split_conditions of node 1 is no finite float32"},
        {"\"default_left\": [1,", "\"default_left\": [2,", "default_left of node 0 is 2"},
        {"\"split_type\": [0,", "\"split_type\": [1,", "node 0 splits by no categories"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = replaced(cases[i].old, cases[i].new);
        struct xgboost_trees model;
        struct error_text error = {.text = ""};
        assert_int_not_equal(xgboost_read_trees(text, strlen(text), &model, &error),
                             STATUS_OK);
        assert_null(model.trees);
        if (strstr(error.text, cases[i].sentence) == NULL)
            fail_msg("expected '%s' in: %s", cases[i].sentence, error.text);
        free(text);
    }
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    size_t whole = sizeof good - 2; /* without the line's end */
    for (size_t size = 0; size < whole; size++) {
        struct xgboost_trees model;
        assert_int_equal(xgboost_read_trees(good, size, &model, NULL), STATUS_MALFORMED);
        assert_null(model.trees);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_are_read_with_siblings_as_neighbours),
        cmocka_unit_test(base_score_is_in_the_space_of_the_output),
        cmocka_unit_test(base_score_may_be_a_list_of_one),
        cmocka_unit_test(bad_models_are_refused_by_name),
        cmocka_unit_test(every_cut_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
