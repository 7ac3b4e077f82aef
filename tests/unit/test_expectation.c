/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: each row of a table is compared with its own expectation, however the rows fall
 * into batches, and the first that differs is named. Method: a model whose score is its
 * column `a`, tables longer than a batch and with more categories than a batch can hold.
 */

#include "client/expectation.h"
#include "tests/lib/build.h"
#include "tests/lib/test.h"
#include "tests/unit/folder_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static struct error_text error;

/* a, and a category whose names weigh nothing; others are as if missing. */
static struct model *make_model(void)
{
    static const float weights[] = {1.0F, 0.0F, 0.0F};
    Chw__Model *message = build_linear(0.0, weights, 3);
    struct model *model;
    size_t size;
    message->link = CHW__LINK__LINK_IDENTITY;
    build_numeric(message, "a", 0.0, 1.0)->required = true;
    Chw__Feature *category = build_category(message, "c", "x,y");
    category->missing = CHW__MISSING_POLICY__MISSING_IMPUTE;
    category->category->unknown = CHW__UNKNOWN_POLICY__UNKNOWN_MISSING;
    uint8_t *bytes = build_pack(&message->base, &size);
    if (model_load(bytes, size, &model, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return model;
}

static double value_of(size_t row)
{
    return (double)(row % 97) / 97;
}

/* Rows 1 to count, those from 5,000 with many categories; row `wrong`, if there is one,
 * expects .01 more. */
static const char *write_table(struct folder_fixture *folder, size_t count, size_t wrong)
{
    char *text = malloc(64 * count + 64);
    assert_non_null(text);
    int used = sprintf(text, "expected,c,a\n");
    for (size_t row = 1; row <= count; row++)
        used += sprintf(text + used, "%.9g,k%zu,%.9g\n",
                        value_of(row) + (row == wrong ? 0.01 : 0),
                        row % (row < 5000 ? 5 : 700), value_of(row));
    const char *path = folder_write_text(folder, "rows.csv", text);
    free(text);
    return path;
}

static enum status check(const char *path, const char *column,
                         struct expectation_result *result)
{
    const struct expectation expectation = {path, column, 1e-6};
    struct model *model = make_model();
    enum status status = expectation_check(&expectation, model, result, &error);
    model_free(model);
    build_reset();
    return status;
}

static void each_row_is_compared_with_its_own_expectation(void **state)
{
    static const size_t counts[] = {1, 255, 257, 4095, 4096, 4097, 10000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct expectation_result result;
        if (check(write_table(*state, counts[i], 0), "expected", &result) != STATUS_OK)
            fail_msg("%s", error.text);
        assert_int_equal(result.rows, counts[i]);
        assert_in_range(result.row, 1, counts[i]);
        assert_true(result.difference < 1e-7);
    }
}

static void the_first_row_that_differs_is_named(void **state)
{
    static const size_t rows[] = {1, 256, 257, 4096, 4097, 9999, 10000};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct expectation_result result;
        char sentence[64];
        assert_int_equal(check(write_table(*state, 10000, rows[i]), "expected", &result),
                         STATUS_CORRUPT);
        snprintf(sentence, sizeof sentence, "rows.csv: row %zu scores ", rows[i]);
        assert_says(&error, sentence);
        assert_says(&error, "1 of 10000 rows are not within 1e-06");
        assert_int_equal(result.row, rows[i]);
    }
}

static void an_invalid_row_is_none_that_is_expected(void **state)
{
    struct expectation_result result;
    const char *path = folder_write_text(*state, "rows.csv",
                                         "a,c,expected\n.5,x,.5\n,x,.5\nhigh,x,.5\n");
    assert_int_equal(check(path, "expected", &result), STATUS_CORRUPT);
    assert_says(&error, "row 2 is invalid: a has no value; 2 of 3 rows");
}

static void what_the_table_lacks_is_named(void **state)
{
    static const struct {
        const char *text, *column, *sentence;
        enum status status;
    } cases[] = {
        {"a,c,expected\n", "expected", "rows.csv has no rows", STATUS_MALFORMED},
        {"a,c,p\n.5,x,\n", "p", "line 2: column p holds no number", STATUS_MALFORMED},
        {"a,c,p\n.5,x,.5\n", "expected", "expected", STATUS_NOT_FOUND},
        {"c,expected\nx,.5\n", "expected", "a", STATUS_NOT_FOUND},
    };
    struct expectation_result result;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = folder_write_text(*state, "rows.csv", cases[i].text);
        assert_int_equal(check(path, cases[i].column, &result), cases[i].status);
        assert_says(&error, cases[i].sentence);
    }
    /* but the model can do without c */
    const char *path = folder_write_text(*state, "rows.csv", "a,expected\n.5,.5\n");
    assert_int_equal(check(path, "expected", &result), STATUS_OK);
}

#define STORY(name)                                                                      \
    cmocka_unit_test_setup_teardown(name, folder_fixture_open, folder_fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(each_row_is_compared_with_its_own_expectation),
        STORY(the_first_row_that_differs_is_named),
        STORY(an_invalid_row_is_none_that_is_expected),
        STORY(what_the_table_lacks_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
