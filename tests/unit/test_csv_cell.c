/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a cell is a number exactly where it reads as a finite decimal, with the value
 * that strtof gives it, in any locale; a float that is written reads back as itself.
 * Method: tables of words; seeded random decimal texts against strtof; random floats of
 * every bit pattern written and read. */

#include "table/csv_reader.h"
#include "table/csv_writer.h"
#include "tests/lib/test.h"
#include "tests/unit/folder_fixture.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANDOM_TEXTS = 300000, RANDOM_FLOATS = 100000, DIGITS_MAX = 12 };

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void missing_words_are_the_six_in_any_case(void **state)
{
    (void)state;
    static const char *const missing[] = {"",    "NA",   "na",   "N/A",  "n/a", "NaN",
                                          "nan", "NULL", "null", "Null", "?"};
    static const char *const present[] = {" ", "NA ", "none", "-", "0", "N A", "??", "."};
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++)
        assert_true(csv_cell_is_missing(missing[i]));
    for (size_t i = 0; i < sizeof present / sizeof present[0]; i++)
        assert_false(csv_cell_is_missing(present[i]));
}

static void decimals_are_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *cell;
        float value;
    } numbers[] = {
        {"0", 0},
        {"-0", -0.0F},
        {"+7", 7},
        {"5.", 5},
        {".5", 0.5F},
        {"-.25", -0.25F},
        {"007", 7},
        {" 12 ", 12},
        {"\t1.5\t", 1.5F},
        {"9999999", 9999999},
        {"16777217", 16777216}, /* to even */
        {"0.1", 0.1F},
        {"1e3", 1000},
        {"1E+3", 1000},
        {"25e-1", 2.5F},
        {"3.4028235e38", 3.4028235e38F},
        {"1e-60", 0},
        {"1e-45", 1e-45F},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        float value = 99;
        if (!csv_cell_number(numbers[i].cell, &value))
            fail_msg("'%s' is a number", numbers[i].cell);
        assert_int_equal(bits_of(value), bits_of(numbers[i].value));
    }
}

static void anything_else_is_no_number(void **state)
{
    (void)state;
    static const char *const cells[] = {"",
                                        " ",
                                        "x",
                                        "-",
                                        "+",
                                        ".",
                                        "-.",
                                        "e5",
                                        "1e",
                                        "1e+",
                                        "--1",
                                        "+-1",
                                        "1.2.3",
                                        "1,5",
                                        "0x10",
                                        "0x1p3",
                                        "inf",
                                        "-inf",
                                        "nan",
                                        "1e39",
                                        "-1e99",
                                        "12 3",
                                        "1 2",
                                        "12kg",
                                        "\v1",
                                        "1\n",
                                        "\xd9\xa1",
                                        "infinity",
                                        "1e999999999999999999",
                                        "1_000",
                                        "1e5.5",
                                        "1f",
                                        "$5",
                                        "5%"};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        float value;
        if (csv_cell_number(cells[i], &value))
            fail_msg("'%s' is no number", cells[i]);
    }
}

static char *digits(char *to, int count)
{
    while (count-- > 0)
        *to++ = (char)('0' + rand() % 10);
    return to;
}

/* Of the forms that a file holds: sign, digits, point, digits, exponent; each may lack.
 */
static void random_decimal(char *to)
{
    int whole = rand() % DIGITS_MAX, fraction = rand() % DIGITS_MAX;
    if (rand() % 3 == 0)
        *to++ = rand() % 2 ? '-' : '+';
    to = digits(to, whole);
    if (rand() % 3 != 0 || whole == 0) {
        *to++ = '.';
        to = digits(to, whole == 0 ? fraction + 1 : fraction);
    }
    if (rand() % 4 == 0)
        to += sprintf(to, "%c%d", rand() % 2 ? 'e' : 'E', rand() % 100 - 50);
    *to = '\0';
}

static void random_decimals_are_rounded_as_strtof_rounds(void **state)
{
    (void)state;
    srand(folder_seed(1));
    for (int i = 0; i < RANDOM_TEXTS; i++) {
        char text[64];
        float value = 99;
        random_decimal(text);
        float expected = strtof(text, NULL);
        if (csv_cell_number(text, &value) != (isfinite(expected) != 0))
            fail_msg("'%s'", text);
        if (isfinite(expected) && bits_of(value) != bits_of(expected))
            fail_msg("'%s': %a, strtof %a", text, (double)value, (double)expected);
    }
}

/* Every decimal of up to four digits around the point. */
static void short_decimals_are_rounded_as_strtof_rounds(void **state)
{
    (void)state;
    for (int number = 0; number < 10000; number++)
        for (int places = 0; places <= 7; places++) {
            char text[32];
            float value = 99;
            snprintf(text, sizeof text, "%.*f", places,
                     number / pow(10, places > 4 ? 4 : places));
            assert_true(csv_cell_number(text, &value));
            assert_int_equal(bits_of(value), bits_of(strtof(text, NULL)));
        }
}

static void comma_of_another_locale_changes_nothing(void **state)
{
    (void)state;
    float value = 0;
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL &&
        setlocale(LC_NUMERIC, "fr_FR.UTF-8") == NULL) {
        print_message("no locale with a decimal comma here\n");
        skip();
    }
    assert_true(csv_cell_number("1.23456789", &value));
    setlocale(LC_NUMERIC, "C");
    assert_int_equal(bits_of(value), bits_of(1.23456789F));
}

static const char *written(float value)
{
    static char text[64];
    memset(text, 0, sizeof text);
    FILE *file = fmemopen(text, sizeof text, "w");
    assert_non_null(file);
    csv_write_float(file, 1, value);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void floats_are_written_as_short_as_they_read_back(void **state)
{
    (void)state;
    assert_string_equal(written(0), "0");
    assert_string_equal(written(0.1F), "0.1");
    assert_string_equal(written(0.5F), "0.5");
    assert_string_equal(written(1), "1");
    assert_string_equal(written(-2.25F), "-2.25");
    assert_string_equal(written(1.0F / 3), "0.33333334");
    assert_string_equal(written(0.123456F), "0.123456");
    assert_string_equal(written(1e-10F), "1e-10");
}

static void every_finite_float_reads_back_to_the_bit(void **state)
{
    (void)state;
    srand(folder_seed(2));
    for (int i = 0; i < RANDOM_FLOATS; i++) {
        uint32_t bits = (uint32_t)rand() << 16 ^ (uint32_t)rand();
        float value, again = 99;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        const char *text = written(value);
        assert_true(csv_cell_number(text, &again));
        if (bits_of(again) != bits)
            fail_msg("%a was written as %s", (double)value, text);
        assert_true(strlen(text) <= 15);
    }
}

static void cells_are_quoted_only_where_they_must_be(void **state)
{
    (void)state;
    char text[128] = "";
    FILE *file = fmemopen(text, sizeof text, "w");
    csv_write_text(file, 1, "KE/Kisumu");
    csv_write_text(file, 0, "a,b");
    csv_write_text(file, 0, "say \"no\"");
    csv_write_text(file, 0, "");
    csv_write_text(file, 0, "x\ny");
    csv_write_count(file, 0, 42);
    csv_write_float(file, 0, 0.25F);
    csv_write_end(file);
    csv_write_count(file, 1, 0);
    csv_write_end(file);
    fclose(file);
    assert_string_equal(text,
                        "KE/Kisumu,\"a,b\",\"say \"\"no\"\"\",,\"x\ny\",42,0.25\n0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_words_are_the_six_in_any_case),
        cmocka_unit_test(decimals_are_numbers),
        cmocka_unit_test(anything_else_is_no_number),
        cmocka_unit_test(random_decimals_are_rounded_as_strtof_rounds),
        cmocka_unit_test(short_decimals_are_rounded_as_strtof_rounds),
        cmocka_unit_test(comma_of_another_locale_changes_nothing),
        cmocka_unit_test(floats_are_written_as_short_as_they_read_back),
        cmocka_unit_test(every_finite_float_reads_back_to_the_bit),
        cmocka_unit_test(cells_are_quoted_only_where_they_must_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
