/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: which weight a region has, and which texts are weights.
 * Method: examples. */
#include "broker/weights.h"

#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static void longest_path_that_fits_decides(void **state)
{
    (void)state;
    char *const texts[] = {"KE=2", "KE/Kisumu/Nyando=7", "KE/Kisumu=3", "-=5", "a=b=4"};
    struct weights weights;
    struct error_text error;
    assert_int_equal(weights_open(&weights, texts, 5, &error), STATUS_OK);
    assert_int_equal(weights_find(&weights, "KE"), 2);
    assert_int_equal(weights_find(&weights, "KE/Nakuru"), 2);
    assert_int_equal(weights_find(&weights, "KE/Kisumu"), 3);
    assert_int_equal(weights_find(&weights, "KE/Kisumu/Nyando"), 7);
    assert_int_equal(weights_find(&weights, "KE/Kisumu/Nyando/1"), 7);
    assert_int_equal(weights_find(&weights, "KE/KisumuTown"), 2); /* another path */
    assert_int_equal(weights_find(&weights, "UG"), 1);
    assert_int_equal(weights_find(&weights, "-"), 5); /* questions of no region */
    assert_int_equal(weights_find(&weights, "a=b"), 4);
    weights_close(&weights);
}

static void of_the_same_path_the_last_weight_counts(void **state)
{
    (void)state;
    char *const texts[] = {"KE=2", "KE=9"};
    struct weights weights;
    struct error_text error;
    assert_int_equal(weights_open(&weights, texts, 2, &error), STATUS_OK);
    assert_int_equal(weights_find(&weights, "KE/Kisumu"), 9);
    weights_close(&weights);
}

static void what_is_no_weight_is_named(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "KE",
        "KE=",
        "=3",
        "KE=0",
        "KE=1001",
        "KE=x",
        "KE=3x",
        "KE=-3",
        "KE= 3",
        "KE/=3",
        "KE=99999999999999999999",
        "a region whose name has more than the sixty-three bytes that one may have=2",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *text = strdup(texts[i]);
        struct weights weights;
        struct error_text error;
        assert_int_equal(weights_open(&weights, &text, 1, &error), STATUS_INVALID);
        assert_non_null(strstr(error.text, texts[i]));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longest_path_that_fits_decides),
        cmocka_unit_test(of_the_same_path_the_last_weight_counts),
        cmocka_unit_test(what_is_no_weight_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
