/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a person who names the columns that are sent is told of a slip before anything is
 * kept.
 * Method: lists and small tables. What the models read is asked of a real cluster in
 * tests/integration/test_score.py. */
#include "client/sent_columns.h"

#include "folder_fixture.h"
#include "tests/lib/test.h"

static struct csv_reader *reader;
static struct job job;

static int setup(void **state)
{
    job = (struct job){.folder = "results.csv.job", .lock = -1};
    reader = NULL;
    return folder_fixture_open(state);
}

static int teardown(void **state)
{
    csv_reader_close(reader);
    job_drop_columns(&job);
    return folder_fixture_close(state);
}

static enum status name(void **state, const char *table, const char *list,
                        struct error_text *error)
{
    csv_reader_close(reader);
    job_drop_columns(&job);
    assert_int_equal(
        csv_reader_open(folder_write_text(*state, "t.csv", table), &reader, NULL),
        STATUS_OK);
    return sent_columns_named(&job, reader, list, error);
}

static void numbers_but_for_those_that_say_otherwise(void **state)
{
    assert_int_equal(name(state, "age,sex,a:b\n1,F,2\n", "sex:category,age,a:b", NULL),
                     STATUS_OK);
    assert_int_equal(job.column_count, 3);
    assert_string_equal(job.columns[0].name, "sex");
    assert_false(job.columns[0].is_number);
    assert_string_equal(job.columns[1].name, "age");
    assert_true(job.columns[1].is_number);
    assert_string_equal(job.columns[2].name, "a:b");
}

static void list_that_cannot_be_is_refused(void **state)
{
    struct error_text error;
    static const struct {
        const char *list, *says;
        enum status status;
    } lists[] = {
        {"", "an empty name", STATUS_INVALID},
        {"age,", "an empty name", STATUS_INVALID},
        {"age,:category", "an empty name", STATUS_INVALID},
        {"age,age:category", "age is named twice", STATUS_INVALID},
        {"age,shoe", "shoe", STATUS_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        assert_int_equal(name(state, "age,sex\n1,F\n", lists[i].list, &error),
                         lists[i].status);
        assert_says(&error, lists[i].says);
    }
}

static void job_goes_on_with_its_own_columns_only(void **state)
{
    struct error_text error;
    assert_int_equal(name(state, "age,sex\n1,F\n", "age,sex:category", NULL), STATUS_OK);
    assert_int_equal(sent_columns_compare(&job, "age,sex:category", NULL), STATUS_OK);
    const char *const others[] = {"age", "age,sex", "sex:category,age",
                                  "age,sex:category,x"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(sent_columns_compare(&job, others[i], &error), STATUS_INVALID);
        assert_says(&error, "--columns differs");
    }
}

static enum status check(void **state, const char *table, struct error_text *error)
{
    struct csv_row row;
    assert_int_equal(name(state, table, "age,sex:category", NULL), STATUS_OK);
    struct sent_columns_check *self = sent_columns_check_new(&job, reader);
    while (csv_reader_next(reader, &row, NULL) == STATUS_OK)
        sent_columns_check_row(self, row.cells);
    enum status status = sent_columns_check_end(self, error);
    sent_columns_check_free(self);
    return status;
}

static void numbers_without_any_number_are_a_slip(void **state)
{
    struct error_text error;
    assert_int_equal(check(state, "age,sex\nold,F\n,F\nyoung,M\n", &error),
                     STATUS_INVALID);
    assert_says(&error, "did you mean age:category?");
    assert_int_equal(check(state, "age,sex\nold,F\n4,F\n", NULL), STATUS_OK);
    assert_int_equal(check(state, "age,sex\n,F\nNA,F\n", NULL), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(numbers_but_for_those_that_say_otherwise),
        TEST(list_that_cannot_be_is_refused),
        TEST(job_goes_on_with_its_own_columns_only),
        TEST(numbers_without_any_number_are_a_slip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
