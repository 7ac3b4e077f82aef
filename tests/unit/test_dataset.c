/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: types, outcomes and refusals are the ones that a person would expect of the
 * table. Method: small tables; every refusal's sentence is checked for what, where and
 * what to do. */

#include "tests/lib/test.h"
#include "tests/unit/trainer_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 24 };

/* `header` and ROWS lines made by a format that takes the row number once. */
static const char *table(const char *header, void (*print)(char *line, int i))
{
    static char text[1 << 16];
    int size = sprintf(text, "%s\n", header);
    for (int i = 0; i < ROWS; i++) {
        char line[128];
        print(line, i);
        size += sprintf(text + size, "%s\n", line);
    }
    return text;
}

static void refuse(const char *csv, const struct dataset_request *request,
                   enum status status, const char *sentence)
{
    struct dataset *data = NULL;
    struct error_text error = {.text = ""};
    assert_int_equal(fixture_read(csv, request, &data, &error), status);
    if (strstr(error.text, sentence) == NULL)
        fail_msg("expected '%s' in: %s", sentence, error.text);
}

static void plain_line(char *line, int i)
{
    sprintf(line, "%d.25,%s,%s", i % 9,
            i % 5 == 0 ? "NA"
            : i % 2    ? "b"
                       : "a",
            i % 3 == 0 ? "Yes" : "No");
}

static void types_are_inferred_and_missing_values_kept_apart(void **state)
{
    (void)state;
    struct dataset *data = fixture_dataset(table("x,z,y", plain_line));
    assert_int_equal(data->column_count, 2);
    assert_true(data->columns[0].numeric);
    assert_true(data->columns[0].values[1] == 1.25F);
    assert_false(data->columns[1].numeric);
    assert_int_equal(data->columns[1].category_count, 2);
    assert_string_equal(data->columns[1].categories[0], "a");
    assert_int_equal(data->columns[1].missing_count, 5);
    assert_true(dataset_is_missing(&data->columns[1], 0));
    assert_int_equal(data->columns[1].codes[1], 1);
    assert_int_equal(data->positive_count, 8);
    assert_string_equal(data->positive, "Yes");
    assert_int_equal(data->outcomes[3], 1);
    dataset_free(data);
}

static void gap_line(char *line, int i)
{
    sprintf(line, "%d.25,%s", i, i % 8 == 0 ? "" : i % 3 == 0 ? "1" : "0");
}

static void rows_without_outcome_are_left_out_and_counted(void **state)
{
    (void)state;
    struct dataset *data = fixture_dataset(table("x,y", gap_line));
    assert_int_equal(data->rows_read, ROWS);
    assert_int_equal(data->target_missing_count, 3);
    assert_int_equal(data->row_count, ROWS - 3);
    assert_int_equal(data->numbers[0], 2);
    assert_true(data->columns[0].values[0] == 1.25F);
    dataset_free(data);
}

static void three_line(char *line, int i)
{
    static const char *const values[] = {"No", "Yes", "\"No, borderline\""};
    sprintf(line, "%d.25,%s", i % 9, values[i % 3]);
}

static void positive_value_is_asked_for_unless_evident(void **state)
{
    (void)state;
    const char *csv = table("x,y", three_line);
    refuse(csv, NULL, STATUS_INVALID, "--positive");
    refuse(csv, NULL, STATUS_INVALID, "'No, borderline' (8)");
    struct dataset_request request = {.positive = "Maybe"};
    refuse(csv, &request, STATUS_MALFORMED, "never 'Maybe'");
    request.positive = "Yes";
    struct dataset *data = NULL;
    assert_int_equal(fixture_read(csv, &request, &data, NULL), STATUS_OK);
    assert_int_equal(data->positive_count, 8);
    assert_int_equal(data->outcomes[1], 1);
    assert_int_equal(data->outcomes[2], 0);
    dataset_free(data);
}

static void word_line(char *line, int i)
{
    sprintf(line, "%d.25,%s", i % 9, i % 3 ? "healthy" : "ill");
}

static void one_line(char *line, int i)
{
    sprintf(line, "%d.25,No", i % 9);
}

static void two_values_that_are_not_evident_and_one_value_are_refused(void **state)
{
    (void)state;
    refuse(table("x,y", word_line), NULL, STATUS_INVALID, "'healthy' (16), 'ill' (8)");
    refuse(table("x,y", one_line), NULL, STATUS_MALFORMED, "only one value");
}

static void slip_line(char *line, int i)
{
    sprintf(line, "%s,%d", i == 9 ? "12O.5" : i % 2 ? "118.5" : "131", i % 2);
}

static void text_among_numbers_is_refused_with_its_line(void **state)
{
    (void)state;
    const char *csv = table("pressure,y", slip_line);
    refuse(csv, NULL, STATUS_MALFORMED, "line 11, column pressure: '12O.5'");
    struct dictionary_column said = {.name = (char[]){"pressure"},
                                     .type = DICTIONARY_NUMERIC};
    struct dictionary dictionary = {
        .path = (char[]){"d.yaml"}, .columns = &said, .count = 1};
    struct dataset_request request = {.dictionary = &dictionary};
    refuse(csv, &request, STATUS_MALFORMED, "line 11, column pressure: '12O.5'");
    said.type = DICTIONARY_CATEGORY;
    struct dataset *data = NULL;
    assert_int_equal(fixture_read(csv, &request, &data, NULL), STATUS_OK);
    assert_int_equal(data->columns[0].category_count, 3);
    dataset_free(data);
}

static void identifier_line(char *line, int i)
{
    sprintf(line, "%d,p-%d,%d.125,%d", 1000 + i, i, i, i % 2);
}

static void identifiers_are_refused_until_named(void **state)
{
    (void)state;
    const char *csv = table("row_id,person,measure,y", identifier_line);
    refuse(csv, NULL, STATUS_MALFORMED,
           "column row_id is different in every row: name it with "
           "--id-column row_id");
    char *names[] = {(char[]){"row_id"}, (char[]){"person"}};
    struct config_list ids = {names, 1}, drops = {names + 1, 1};
    struct dataset_request request = {.ids = &ids};
    refuse(csv, &request, STATUS_MALFORMED, "--id-column person");
    request.drops = &drops;
    struct dataset *data = NULL; /* a measurement may differ in every row */
    assert_int_equal(fixture_read(csv, &request, &data, NULL), STATUS_OK);
    assert_int_equal(data->column_count, 1);
    assert_string_equal(data->columns[0].name, "measure");
    dataset_free(data);
}

static void measure_line(char *line, int i)
{
    sprintf(line, "%d%s,%d", i, i == 0 ? "O.5" : ".125", i % 2);
}

static void lettered_line(char *line, int i)
{
    sprintf(line, "%s%d,%d", i % 8 == 5 ? "A" : "", 1000 + i, i % 2);
}

static void slip_in_a_unique_column_is_told_from_an_identifier(void **state)
{
    (void)state;
    refuse(table("measure,y", measure_line), NULL, STATUS_MALFORMED,
           "line 2, column measure: '0O.5'");
    refuse(table("card,y", lettered_line), NULL, STATUS_MALFORMED, "--id-column card");
}

static void latin_line(char *line, int i)
{
    sprintf(line, "%d.25,%s,%d", i % 9, i == 6 ? "S\xe3o" : "S\xc3\xa3o", i % 2);
}

static void texts_must_be_utf8_and_names_short(void **state)
{
    (void)state;
    refuse(table("x,town,y", latin_line), NULL, STATUS_MALFORMED,
           "line 8, column town: the value is not UTF-8");
    char header[512];
    sprintf(header, "x,%0300d,y", 1);
    refuse(table(header, plain_line), NULL, STATUS_MALFORMED, "name of column 2");
    refuse(table("x,S\xe3o,y", plain_line), NULL, STATUS_MALFORMED, "name of column 2");
}

static void names_that_are_nowhere_are_refused(void **state)
{
    (void)state;
    const char *csv = table("x,z,y", plain_line);
    char *names[] = {(char[]){"zz"}};
    struct config_list list = {names, 1};
    refuse(csv, &(struct dataset_request){.target = "outcome"}, STATUS_NOT_FOUND,
           "outcome");
    refuse(csv, &(struct dataset_request){.ids = &list}, STATUS_NOT_FOUND,
           "--id-column zz");
    refuse(csv, &(struct dataset_request){.drops = &list}, STATUS_NOT_FOUND, "--drop zz");
    struct dictionary_column said = {.name = names[0], .line = 7};
    struct dictionary dictionary = {
        .path = (char[]){"d.yaml"}, .columns = &said, .count = 1};
    refuse(csv, &(struct dataset_request){.dictionary = &dictionary}, STATUS_MALFORMED,
           "d.yaml:7");
    names[0] = (char[]){"y"};
    refuse(csv, &(struct dataset_request){.drops = &list}, STATUS_INVALID,
           "is the target");
}

static void tables_without_enough_to_learn_from_are_refused(void **state)
{
    (void)state;
    refuse("x,y\n", NULL, STATUS_MALFORMED, "a header but no rows");
    refuse("x,y\n1,0\n2,1\n", NULL, STATUS_MALFORMED, "2 rows are too few");
    refuse("x,y\n1,\n", NULL, STATUS_MALFORMED, "none of the 1 rows");
    refuse("y\n1\n", NULL, STATUS_MALFORMED, "no features are left");
    refuse("", NULL, STATUS_MALFORMED, "");
    refuse("x,y\n1,0\n2\n", NULL, STATUS_MALFORMED, "3");
}

static void too_many_categories_are_refused(void **state)
{
    (void)state;
    char *text = malloc(1 << 16);
    int size = sprintf(text, "village,y\n");
    for (int i = 0; i < 600; i++)
        size += sprintf(text + size, "v%d,%d\n", i % 300, i % 2);
    refuse(text, NULL, STATUS_MALFORMED,
           "column village has more than 255 different values");
    refuse(text, NULL, STATUS_MALFORMED, "--drop village");
    free(text);
}

static void dictionary_says_what_a_column_is(void **state)
{
    (void)state;
    char *path =
        fixture_file("columns:\n"
                     "  x: {type: numeric, missing: invalid, required: true}\n"
                     "  z: {type: category, missing: indicator, unknown: missing}\n");
    struct dictionary *dictionary = NULL;
    assert_int_equal(dictionary_read(path, &dictionary, NULL), STATUS_OK);
    const struct dictionary_column *z = dictionary_find(dictionary, "z");
    assert_int_equal(z->type, DICTIONARY_CATEGORY);
    assert_int_equal(z->missing, DICTIONARY_MISSING_INDICATOR);
    assert_int_equal(z->unknown, DICTIONARY_UNKNOWN_MISSING);
    assert_int_equal(z->line, 3);
    assert_true(dictionary_find(dictionary, "x")->required);
    assert_null(dictionary_find(dictionary, "w"));
    dictionary_free(dictionary);
    unlink(path);
    free(path);
}

static void dictionary_errors_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *sentence;
    } cases[] = {
        {"columns:\n  x: {kind: numeric}\n", ":2: unknown key kind"},
        {"columns:\n  x: {type: numbers}\n",
         ":2: type is one of numeric, category, id, drop"},
        {"columns:\n  x: {missing: skip}\n", ":2: missing is one of"},
        {"columns:\n  x: {type: numeric, missing: indicator}\n",
         "missing is invalid, impute or keep"},
        {"columns:\n  x: {type: numeric, unknown: missing}\n",
         "unknown is for categories"},
        {"columns:\n  x: {type: id}\n  x: {type: drop}\n", "line 3"},
        {"columns:\n  x: numeric\n", ":2: column x needs a map"},
        {"column:\n  x: {type: id}\n", ":1: unknown key column"},
        {"- x\n", ":1: a dictionary is a map"},
        {"", "columns is a map"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *path = fixture_file(cases[i].yaml);
        struct dictionary *dictionary = NULL;
        struct error_text error = {.text = ""};
        assert_int_equal(dictionary_read(path, &dictionary, &error), STATUS_MALFORMED);
        if (strstr(error.text, cases[i].sentence) == NULL)
            fail_msg("expected '%s' in: %s", cases[i].sentence, error.text);
        unlink(path);
        free(path);
    }
}

static void keeping_what_is_missing_needs_trees(void **state)
{
    (void)state;
    char *path = fixture_file("columns:\n  x: {missing: keep, type: numeric}\n");
    struct dictionary *dictionary = NULL;
    struct error_text error = {.text = ""};
    assert_int_equal(dictionary_read(path, &dictionary, &error), STATUS_OK);
    assert_int_equal(dictionary_check_linear(dictionary, &error), STATUS_MALFORMED);
    assert_non_null(strstr(error.text, ":2: column x: missing: keep needs a tree model"));
    assert_int_equal(dictionary_check_linear(NULL, &error), STATUS_OK);
    dictionary_free(dictionary);
    unlink(path);
    free(path);
}

static void row_missing_where_it_must_not_is_left_out(void **state)
{
    (void)state;
    struct dictionary_column said = {.name = (char[]){"z"},
                                     .missing = DICTIONARY_MISSING_INVALID};
    struct dictionary dictionary = {
        .path = (char[]){"d.yaml"}, .columns = &said, .count = 1};
    struct dataset_request request = {.dictionary = &dictionary};
    struct dataset *data = NULL;
    struct error_text error = {.text = ""};
    refuse(table("x,z,y", plain_line), &request, STATUS_MALFORMED, "19 rows are too few");
    enum { SIZE = 1 << 17 };
    char *twice = malloc(SIZE);
    const char *once = table("x,z,y", plain_line);
    snprintf(twice, SIZE, "%s%s", once, strchr(once, '\n') + 1);
    assert_int_equal(fixture_read(twice, &request, &data, &error), STATUS_OK);
    assert_int_equal(data->refused_count, 10);
    assert_int_equal(data->row_count, 2 * ROWS - 10);
    dataset_free(data);
    free(twice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_inferred_and_missing_values_kept_apart),
        cmocka_unit_test(rows_without_outcome_are_left_out_and_counted),
        cmocka_unit_test(positive_value_is_asked_for_unless_evident),
        cmocka_unit_test(two_values_that_are_not_evident_and_one_value_are_refused),
        cmocka_unit_test(text_among_numbers_is_refused_with_its_line),
        cmocka_unit_test(identifiers_are_refused_until_named),
        cmocka_unit_test(slip_in_a_unique_column_is_told_from_an_identifier),
        cmocka_unit_test(texts_must_be_utf8_and_names_short),
        cmocka_unit_test(names_that_are_nowhere_are_refused),
        cmocka_unit_test(tables_without_enough_to_learn_from_are_refused),
        cmocka_unit_test(too_many_categories_are_refused),
        cmocka_unit_test(dictionary_says_what_a_column_is),
        cmocka_unit_test(dictionary_errors_name_the_line),
        cmocka_unit_test(keeping_what_is_missing_needs_trees),
        cmocka_unit_test(row_missing_where_it_must_not_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
