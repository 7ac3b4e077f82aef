/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what a batch's columns hold is checked once, and a batch that does not fit is
 * refused with a sentence that names the column. Method: one good batch of ten records;
 * each test breaks one thing in it. */
#include "model/columns.h"
#include "tests/lib/build.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 10 };

static const float heights[ROWS] = {1.5F, 1.6F, 1.7F};
static const uint8_t ages[ROWS] = {20, 30, 40, 255};
static const uint8_t colours[ROWS] = {0, 1, 2, 2, 1};
static const uint8_t smokes[2] = {0x05, 0x02};

struct good {
    Chw__Batch *batch;
    Chw__Column *height, *age, *colour, *smoker;
};

static struct good good;

static int setup(void **state)
{
    (void)state;
    good.batch = build_batch(ROWS);
    good.height = build_floats(good.batch, "height", heights, ROWS);
    good.age = build_codes(good.batch, "age", ages, ROWS, NULL);
    good.colour = build_codes(good.batch, "colour", colours, ROWS, "red,green,blue");
    good.smoker = build_bitmap(good.batch, "smoker", smokes, sizeof smokes, "No,Yes");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    build_reset();
    return 0;
}

static void accept(void)
{
    struct columns columns;
    struct error_text error = {{0}};
    assert_int_equal(columns_view(good.batch, &columns, &error), STATUS_OK);
    columns_release(&columns);
}

/* Refused, and the sentence has `part` in it. */
static void refuse(const char *part)
{
    struct columns columns;
    struct error_text error = {{0}};
    assert_int_equal(columns_view(good.batch, &columns, &error), STATUS_INVALID);
    if (strstr(error.text, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, part);
    assert_null(columns.items);
}

static void good_batch_is_viewed_by_name(void **state)
{
    (void)state;
    struct columns columns;
    assert_int_equal(columns_view(good.batch, &columns, NULL), STATUS_OK);
    assert_int_equal(columns.rows, ROWS);
    assert_int_equal(columns.count, 4);

    const struct column *column = columns_find(&columns, "height");
    assert_non_null(column);
    assert_int_equal(column->type, COLUMN_FLOATS);
    assert_ptr_equal(column->floats, good.height->floats->values);
    assert_null(column->bytes);
    assert_null(column->valid);
    assert_null(column->unreadable);

    column = columns_find(&columns, "age");
    assert_non_null(column);
    assert_int_equal(column->type, COLUMN_CODES);
    assert_int_equal(column->bytes[3], 255);
    assert_null(column->categories);
    assert_int_equal(column->category_count, 0);

    column = columns_find(&columns, "colour");
    assert_non_null(column);
    assert_int_equal(column->category_count, 3);
    assert_string_equal(column->categories[2], "blue");

    column = columns_find(&columns, "smoker");
    assert_non_null(column);
    assert_int_equal(column->type, COLUMN_BITMAP);
    static const bool expected[ROWS] = {true, false, true, [9] = true};
    for (size_t row = 0; row < ROWS; row++)
        assert_int_equal(bitmap_test(column->bytes, row), expected[row]);

    assert_null(columns_find(&columns, "heigh"));
    assert_null(columns_find(&columns, ""));
    columns_release(&columns);
    assert_null(columns_find(&columns, "age"));
}

static void rows_are_counted(void **state)
{
    (void)state;
    good.batch->rows = 0;
    refuse("no rows");
    good.batch->rows = COLUMNS_ROWS_MAX + 1;
    refuse("65537 rows");
    good.batch->rows = UINT32_MAX;
    refuse("at most 65536");
}

static void largest_batch_is_accepted(void **state)
{
    (void)state;
    good.batch = build_batch(COLUMNS_ROWS_MAX);
    build_codes(good.batch, "age", build_alloc(COLUMNS_ROWS_MAX), COLUMNS_ROWS_MAX, NULL);
    build_bitmap(good.batch, "smoker", build_alloc(COLUMNS_ROWS_MAX / 8),
                 COLUMNS_ROWS_MAX / 8, NULL);
    accept();
}

static void columns_are_counted(void **state)
{
    (void)state;
    Chw__Column **many = build_alloc((COLUMNS_COUNT_MAX + 1) * sizeof many[0]);
    for (size_t i = 0; i <= COLUMNS_COUNT_MAX; i++)
        many[i] = good.age;
    good.batch->columns = many;
    good.batch->n_columns = COLUMNS_COUNT_MAX + 1;
    refuse("4097 columns");
}

static void batch_without_columns_is_a_batch(void **state)
{
    (void)state;
    good.batch->n_columns = 0;
    accept();
}

static void names_are_checked(void **state)
{
    (void)state;
    char longest[COLUMNS_NAME_MAX + 2];
    memset(longest, 'n', sizeof longest);
    longest[COLUMNS_NAME_MAX] = '\0';
    good.age->name = longest;
    accept();
    longest[COLUMNS_NAME_MAX] = 'n';
    longest[COLUMNS_NAME_MAX + 1] = '\0';
    refuse("256 bytes, at most 255");
    good.age->name = (char[]){""};
    refuse("no name");
}

static void name_twice_is_refused(void **state)
{
    (void)state;
    good.smoker->name = (char[]){"height"};
    refuse("height is there twice");
}

static void column_without_values_is_refused(void **state)
{
    (void)state;
    good.age->values_case = CHW__COLUMN__VALUES__NOT_SET;
    refuse("age has no values");
}

static void every_length_fits_the_rows(void **state)
{
    (void)state;
    for (int off = -1; off <= 1; off += 2) {
        good.height->floats->n_values = (size_t)(ROWS + off);
        refuse("height");
        good.height->floats->n_values = ROWS;
        good.age->codes->codes.len = (size_t)(ROWS + off);
        refuse("age");
        good.age->codes->codes.len = ROWS;
        good.smoker->bitmap->bits.len = (size_t)(2 + off);
        refuse("smoker");
        good.smoker->bitmap->bits.len = 2;
    }
    good.height->floats->n_values = 0;
    refuse("height: 0 numbers, expected 10");
}

static void valid_and_unreadable_are_absent_or_fit(void **state)
{
    (void)state;
    static const uint8_t bits[3] = {0xff, 0x03};
    good.age->valid = build_bytes(bits, 2);
    good.colour->unreadable = build_bytes(bits, 2);
    accept();
    good.age->valid.len = 1;
    refuse("age: 1 bytes of valid bits, expected 2");
    good.age->valid.len = 2;
    good.colour->unreadable = build_bytes(bits, 3);
    refuse("colour: 3 bytes of unreadable bits, expected 2");
}

static void bitmap_has_two_names_or_none(void **state)
{
    (void)state;
    good.smoker->bitmap->n_categories = 1;
    refuse("smoker: a bitmap has two categories");
    good.smoker->bitmap->n_categories = 0;
    accept();
}

static void code_of_a_valid_record_has_a_category(void **state)
{
    (void)state;
    good.colour->codes->codes.data[9] = 3;
    refuse("colour: row 9 has a code without a category");
    static const uint8_t all_but_last[2] = {0xff, 0x01};
    good.colour->valid = build_bytes(all_but_last, 2);
    accept();
}

static void codes_have_at_most_256_categories(void **state)
{
    (void)state;
    char **names = build_alloc(257 * sizeof names[0]);
    for (size_t i = 0; i < 257; i++)
        names[i] = (char *)build_alloc(1);
    good.colour->codes->categories = names;
    good.colour->codes->n_categories = 256;
    good.colour->codes->codes.data[0] = 255;
    accept();
    good.colour->codes->n_categories = 257;
    refuse("colour: 257 categories, at most 256");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(good_batch_is_viewed_by_name),
        TEST(rows_are_counted),
        TEST(largest_batch_is_accepted),
        TEST(columns_are_counted),
        TEST(batch_without_columns_is_a_batch),
        TEST(names_are_checked),
        TEST(name_twice_is_refused),
        TEST(column_without_values_is_refused),
        TEST(every_length_fits_the_rows),
        TEST(valid_and_unreadable_are_absent_or_fit),
        TEST(bitmap_has_two_names_or_none),
        TEST(code_of_a_valid_record_has_a_category),
        TEST(codes_have_at_most_256_categories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
