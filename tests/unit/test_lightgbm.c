/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: LightGBM's text is scored as its description says, and what is not supported is
 * named. Method: small texts by hand, scores worked out from the rules; the threshold's
 * conversion against the comparison in double, at and around random thresholds. */

#include "exchange/lightgbm_tree.h"
#include "exchange_fixture.h"
#include "tests/lib/test.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD(version, classes, objective, names, infos, sizes)                           \
    "tree\nversion=" version "\nnum_class=" classes "\nnum_tree_per_iteration=" classes  \
    "\nlabel_index=0\nmax_feature_idx=1\nobjective=" objective "\nfeature_names=" names  \
    "\nfeature_infos=" infos "\n" sizes "\n"
#define NUMBERS "[0:9] [-5:5]"
/* x0 <= 1.5: left; decision: 0 none, 4 zero, 8 NaN; + 2 left, + 1 categories. */
#define STUMP(index, decision, left, right)                                              \
    "Tree=" index "\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nsplit_gain=1\n"           \
    "threshold=1.5\ndecision_type=" decision "\nleft_child=-1\nright_child=-2\n"         \
    "leaf_value=" left " " right "\nleaf_weight=3 5\nleaf_count=30 50\n"                 \
    "internal_value=0\ninternal_weight=8\ninternal_count=80\nis_linear=0\n"              \
    "shrinkage=0.1\n\n\n"
#define LEAF(index, value)                                                               \
    "Tree=" index "\nnum_leaves=1\nnum_cat=0\nsplit_feature=\nthreshold=\n"              \
    "leaf_value=" value "\nshrinkage=1\n\n\n"
/* x1 in {0, 3, 33}: left. */
#define SET_STUMP                                                                        \
    "Tree=0\nnum_leaves=2\nnum_cat=1\nsplit_feature=1\nthreshold=0\ndecision_type=1\n"   \
    "left_child=-1\nright_child=-2\nleaf_value=0.25 0.75\ncat_boundaries=0 2\n"          \
    "cat_threshold=9 2\nshrinkage=1\n\n\n"
#define END                                                                              \
    "end of trees\n\nfeature_importances:\na=1\n\nparameters:\n[boosting: gbdt]\n"       \
    "end of parameters\n"

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

static void a_threshold_is_within_the_left_side(void **state)
{
    (void)state;
    Chw__Model *model =
        read(HEAD("v3", "1", "binary sigmoid:1", "a b", NUMBERS, "tree_sizes=1 2\n")
                 STUMP("0", "8", "-1", "2") LEAF("1", "0.25") END,
             NULL);
    assert_string_equal(model->features[1]->name, "b");
    assert_near(score(model, 1.5F, 0), logistic(-0.75));
    assert_near(score(model, nextafterf(1.5F, 2), 0), logistic(2.25));
    const Chw__Tree *tree = model->trees->trees[0];
    assert_int_equal(tree->n_cover, 3);
    assert_true(tree->cover[0] == 80.0F && tree->cover[2] == 50.0F);
    assert_int_equal(model->trees->trees[1]->n_cover, 1);
    exchange_free(model);
}

static void every_float_is_on_the_side_that_the_double_says(void **state)
{
    (void)state;
    double samples[] = {0.0,     -0.0,
                        1e-35,   1.0000000180025095e-35,
                        1e300,   -1e300,
                        0.1,     16777217.0,
                        FLT_MAX, -FLT_MAX,
                        1e-45,   -1e-46,
                        FLT_MIN, 0.30000001192092896,
                        1e39,    4e-46};
    unsigned seed = 5;
    for (size_t i = 0; i < 2000; i++) {
        double threshold =
            i < sizeof samples / sizeof samples[0]
                ? samples[i]
                : ldexp((double)rand_r(&seed) - RAND_MAX / 2.0, rand_r(&seed) % 60 - 60);
        float middle = (float)fmax(fmin(threshold, FLT_MAX), -FLT_MAX);
        float limit = lightgbm_threshold(threshold), x = middle;
        for (int step = 0; step < 3; step++, x = nextafterf(x, INFINITY))
            assert_int_equal((double)x <= threshold, x < limit);
        x = middle;
        for (int step = 0; step < 3; step++, x = nextafterf(x, -INFINITY))
            assert_int_equal((double)x <= threshold, x < limit);
        assert_true(-INFINITY < limit);
        assert_false(INFINITY < limit);
    }
}

/* By missing type and default: where a missing value and a 0 go. */
static void missing_values_follow_the_missing_type(void **state)
{
    (void)state;
    static const char text[] = HEAD("v4", "1", "regression", "a b", NUMBERS, "")
        STUMP("0", "DECISION", "0.25", "0.75") END;
    static const struct {
        const char *decision;
        double missing, zero;
    } cases[] = {
        {"0", 0.25, 0.25}, {"2", 0.25, 0.25},  /* none: a missing value is 0 */
        {"4", 0.75, 0.75}, {"6", 0.25, 0.25},  /* zero: so is 0 missing */
        {"8", 0.75, 0.25}, {"10", 0.25, 0.25}, /* NaN */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *changed = exchange_replace(text, "DECISION", cases[i].decision);
        Chw__Model *model = read(changed, NULL);
        assert_near(score(model, NAN, 0), cases[i].missing);
        assert_near(score(model, 0, 0), cases[i].zero);
        assert_near(score(model, 1e-36F, 0), cases[i].zero);
        assert_near(score(model, 1, 0), 0.25);
        exchange_free(model);
        free(changed);
    }
    char *below = exchange_replace(text, "DECISION", "2");
    char *negative = exchange_replace(below, "threshold=1.5", "threshold=-1e-300");
    Chw__Model *model = read(negative, NULL); /* 0 is above it */
    assert_near(score(model, NAN, 0), 0.75);
    assert_near(score(model, 0, 0), 0.75);
    exchange_free(model);
    free(below);
    free(negative);
}

static void categories_in_a_set_go_left_and_all_others_right(void **state)
{
    (void)state;
    Chw__Model *model = read(
        HEAD("v3", "1", "regression", "a b", "[0:9] 0:3:7:35", "") SET_STUMP END, NULL);
    assert_int_equal(model->features[1]->category->n_names, 36);
    for (int code = 0; code < 40; code++)
        assert_near(score(model, 0, (float)code),
                    code == 0 || code == 3 || code == 33 ? 0.25 : 0.75);
    assert_near(score(model, 0, NAN), 0.75);
    assert_near(score(model, 0, -1), 0.75);
    exchange_free(model);
}

static void categories_have_the_names_that_pandas_had(void **state)
{
    (void)state;
    static const char text[] = HEAD(
        "v3", "1", "regression", "a b", "0:1:2 0:1",
        "") "Tree=0\nnum_leaves=2\nnum_cat=1\nsplit_feature=0\nthreshold=0\ndecision_"
            "type=1\n"
            "left_child=-1\nright_child=-2\nleaf_value=0.25 0.75\ncat_boundaries=0 1\n"
            "cat_threshold=4\nshrinkage=1\n\n\n" END
            "pandas_categorical:[[\"no\", \"a bit\", 7], [1.5, true]]\n";
    Chw__Model *model = read(text, NULL);
    const Chw__Category *first = model->features[0]->category;
    const Chw__Category *second = model->features[1]->category;
    assert_int_equal(first->n_names, 3);
    assert_string_equal(first->names[1], "a bit");
    assert_string_equal(first->names[2], "7");
    assert_string_equal(second->names[0], "1.5");
    assert_string_equal(second->names[1], "True");
    exchange_free(model);
    static const struct {
        const char *old, *new, *sentence;
    } cases[] = {
        {", [1.5, true]]", "]", "feature 1 (b): pandas_categorical has 0 names"},
        {"true]]", "true], [1]]", "pandas_categorical has 3 lists for 2 categories"},
        {", 7]", "]", "has 2 names, and a split uses code 2"},
        {"7]", "null]", "name 2 is no text or number"},
        {"[[", "[[[", "pandas_categorical: not JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *changed = exchange_replace(text, cases[i].old, cases[i].new);
        exchange_refuse(changed, strlen(changed), NULL, cases[i].sentence);
        free(changed);
    }
}

static void objectives_have_their_links(void **state)
{
    (void)state;
    static const char text[] = HEAD("v4", "1", "OBJECTIVE", "a b", NUMBERS, "")
        STUMP("0", "0", "-1", "0.5") STUMP("1", "0", "2", "0") END;
    static const struct {
        const char *objective, *chosen;
        double expected; /* of the margin 1 */
    } cases[] = {
        {"binary sigmoid:0.5", NULL, 0.5},
        {"binary sigmoid:0.5", "0", -0.5},
        {"binary sigmoid:1", "1", 1},
        {"cross_entropy", NULL, 1},
        {"xentropy", NULL, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *changed = exchange_replace(text, "OBJECTIVE", cases[i].objective);
        Chw__Model *model = read(changed, cases[i].chosen);
        assert_near(score(model, 0, 0), logistic(cases[i].expected));
        exchange_free(model);
        free(changed);
    }
    char *number = exchange_replace(text, "OBJECTIVE", "regression");
    exchange_refuse(number, strlen(number), "1", "it gives a number, and has no class 1");
    free(number);
}

static void a_random_forest_is_a_mean(void **state)
{
    (void)state;
    static const char text[] =
        HEAD("v4", "1", "binary sigmoid:1\naverage_output", "a b", NUMBERS, "")
            STUMP("0", "0", "-1", "0.5") STUMP("1", "0", "2", "0") END;
    Chw__Model *model = read(text, NULL);
    assert_near(score(model, 0, 0), logistic(0.5));
    exchange_free(model);
    char *old = exchange_replace(text, "version=v4", "version=v2");
    exchange_refuse(old, strlen(old), NULL, "average_output of version v2");
    free(old);
}

static void classes_are_together_or_each_by_itself(void **state)
{
    (void)state;
    static const char text[] = HEAD("v4", "3", "OBJECTIVE", "a b", NUMBERS, "")
        STUMP("0", "0", "1", "0") LEAF("1", "0.5") STUMP("2", "0", "-1", "0")
            LEAF("3", "0.25") LEAF("4", "0.125") LEAF("5", "0") END;
    char *together = exchange_replace(text, "OBJECTIVE", "multiclass num_class:3");
    Chw__Model *model = read(together, "1");
    assert_near(score(model, 0, 0), exp(0.625) / (exp(1.25) + exp(0.625) + exp(-1)));
    assert_int_equal(model->parts->parts[1]->trees->n_trees, 2);
    exchange_free(model);
    exchange_refuse(together, strlen(together), NULL, "it has 3 classes");
    char *alone =
        exchange_replace(text, "OBJECTIVE", "multiclassova num_class:3 sigmoid:2");
    model = read(alone, "2");
    assert_near(score(model, 0, 0), logistic(-2));
    assert_int_equal(model->trees->n_trees, 2);
    assert_string_equal(model->lineage->outcome, "class 2");
    exchange_free(model);
    free(together);
    free(alone);
}

static void lines_may_end_as_windows_ends_them(void **state)
{
    (void)state;
    static const char text[] =
        HEAD("v3", "1", "regression", "a b", NUMBERS, "") STUMP("0", "0", "0", "1");
    char *changed = malloc(2 * sizeof text);
    size_t size = 0;
    assert_non_null(changed);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\n')
            changed[size++] = '\r';
        changed[size++] = *at;
    }
    Chw__Model *model = exchange_read(changed, size, NULL);
    assert_string_equal(model->features[1]->name, "b");
    exchange_free(model);
    free(changed);
}

static void what_is_not_supported_or_damaged_is_named(void **state)
{
    (void)state;
    static const char text[] = HEAD("v3", "1", "binary sigmoid:1", "a b", NUMBERS,
                                    "tree_sizes=1 2\n")
        STUMP("0", "8", "-1",
              "2") "Tree=1\nnum_leaves=3\nnum_cat=1\nsplit_feature=1 1\nthreshold=0 0\n"
                   "decision_type=1 1\nleft_child=1 -1\nright_child=-3 -2\nleaf_value=1 "
                   "2 3\n"
                   "cat_boundaries=0 1\ncat_threshold=5\nshrinkage=1\n\n\n" END;
    static const struct {
        const char *old, *new, *sentence;
    } cases[] = {
        {"version=v3", "version=v5", "version v5 is not supported: expected v2, v3, v4"},
        {"label_index", "colour", "colour is not supported"},
        {"binary sigmoid:1", "poisson", "objective poisson is not supported: expected"},
        {"binary sigmoid:1", "lambdarank", "objective lambdarank is not supported"},
        {"binary sigmoid:1", "regression sqrt", "objective's sqrt is not supported"},
        {"binary sigmoid:1", "binary sigmoid:x",
         "objective's sigmoid:x is not supported"},
        {"objective=binary sigmoid:1\n", "", "objective is absent"},
        {"num_class=1", "num_class=2", "num_class is 2 and num_tree_per_iteration 1"},
        {"num_class=1", "num_class=257", "num_class is no number from 0 to 256"},
        {"max_feature_idx=1", "max_feature_idx=4096", "is no number from 0 to 4095"},
        {"max_feature_idx=1", "max_feature_idx=2", "have fewer than 3 entries"},
        {"feature_names=a b", "feature_names=a b c", "have more entries"},
        {"tree_sizes=1 2", "tree_sizes=1 2 3", "2 trees, expected 3"},
        {"Tree=1", "Tree=2", "1 trees, expected 2"},
        {"is_linear=0", "is_linear=1", "tree 0: linear trees are not supported"},
        {"split_gain=1", "magic=1", "tree 0: magic is not supported"},
        {"threshold=1.5", "threshold=1.5 2", "threshold has more numbers, expected 1"},
        {"threshold=1.5", "threshold=", "threshold has fewer numbers, expected 1"},
        {"threshold=1.5", "threshold=inf", "threshold: entry 0 is no finite number"},
        {"threshold=1.5", "threshold= 1.5", "threshold: entry 0 is no finite number"},
        {"threshold=1.5\n", "", "tree 0: threshold is absent"},
        {"shrinkage=0.1\n", "", "tree 0: shrinkage is absent"},
        {"leaf_value=-1 2", "leaf_value=-1 1e39", "leaf_value is beyond float32"},
        {"decision_type=8", "decision_type=16", "entry 0 is no number from 0 to 15"},
        {"decision_type=8", "decision_type=12", "decision_type 12 is not supported"},
        {"split_feature=0", "split_feature=2", "entry 0 is no number from 0 to 1"},
        {"left_child=-1\n", "left_child=-3\n", "entry 0 is no number from -2 to 0"},
        {"left_child=-1\n", "left_child=-2\n", "child -2 is reached twice"},
        {"left_child=-1\n", "left_child=0\n", "child 0 is reached twice"},
        {"num_leaves=2", "num_leaves=999999", "num_leaves is no number from 0 to"},
        {"num_leaves=2", "num_leaves=0", "num_leaves is 0"},
        {"num_cat=1", "num_cat=3", "num_cat is no number from 0 to 2"},
        {"num_cat=1", "num_cat=2", "cat_boundaries has fewer numbers, expected 3"},
        {"cat_boundaries=0 1", "cat_boundaries=1 0", "cat_boundaries: entry 0 descends"},
        {"cat_boundaries=0 1", "cat_boundaries=0 2", "cat_threshold has fewer numbers"},
        {"cat_threshold=5", "cat_threshold=4294967296", "no number from 0 to 4294967295"},
        {"threshold=0 0", "threshold=0 1", "tree 1: node 1: there is no set 1"},
        {"cat_boundaries=0 1\ncat_threshold=5",
         "cat_boundaries=0 8\ncat_threshold="
         "0 0 0 0 0 0 0 2147483648",
         "category 255 is not supported"},
        {"cat_boundaries=0 1\ncat_threshold=5",
         "cat_boundaries=0 9\ncat_threshold=0 0 0 0 0 0 0 0 1",
         "set 0 has 9 words: only categories from 0 to 254 are supported"},
        {"split_feature=1 1", "split_feature=0 1",
         "feature 0 (a): it is split as a category and as a number"},
        {"decision_type=1 1", "decision_type=2 4",
         "feature 1 (b): 0 is missing to some of its splits and not to others"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *changed = exchange_replace(text, cases[i].old, cases[i].new);
        exchange_refuse(changed, strlen(changed), NULL, cases[i].sentence);
        free(changed);
    }
    exchange_refuse("tree\n\0\n", 7, NULL, "it holds a zero byte");
    exchange_free(read(text, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_threshold_is_within_the_left_side),
        cmocka_unit_test(every_float_is_on_the_side_that_the_double_says),
        cmocka_unit_test(missing_values_follow_the_missing_type),
        cmocka_unit_test(categories_in_a_set_go_left_and_all_others_right),
        cmocka_unit_test(categories_have_the_names_that_pandas_had),
        cmocka_unit_test(objectives_have_their_links),
        cmocka_unit_test(a_random_forest_is_a_mean),
        cmocka_unit_test(classes_are_together_or_each_by_itself),
        cmocka_unit_test(lines_may_end_as_windows_ends_them),
        cmocka_unit_test(what_is_not_supported_or_damaged_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
