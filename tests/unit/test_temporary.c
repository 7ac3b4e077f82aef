/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a benchmark's files go where the environment says. Method: TMPDIR set and not. */
#include "bench/temporary.h"
#include "tests/lib/test.h"
#include "tests/unit/folder_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct error_text error;

static void expect_template(const char *expected)
{
    char found[TEMPORARY_SIZE];
    assert_int_equal(temporary_template("case", found, &error), STATUS_OK);
    assert_string_equal(found, expected);
}

static void template_is_in_the_folder_that_tmpdir_names(void **state)
{
    (void)state;
    assert_int_equal(setenv("TMPDIR", "/var/lib/some where", 1), 0);
    expect_template("/var/lib/some where/case-XXXXXX");
}

static void template_is_in_tmp_when_tmpdir_is_not_set_or_empty(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("TMPDIR"), 0);
    expect_template("/tmp/case-XXXXXX");
    assert_int_equal(setenv("TMPDIR", "", 1), 0);
    expect_template("/tmp/case-XXXXXX");
}

static void folder_that_does_not_fit_is_refused_and_not_cut(void **state)
{
    char folder[TEMPORARY_SIZE], found[TEMPORARY_SIZE];
    size_t fits = TEMPORARY_SIZE - sizeof "/case-XXXXXX";
    (void)state;
    memset(folder, 'a', sizeof folder);
    folder[fits] = '\0';
    assert_int_equal(setenv("TMPDIR", folder, 1), 0);
    assert_int_equal(temporary_template("case", found, &error), STATUS_OK);
    assert_int_equal(strlen(found), TEMPORARY_SIZE - 1);
    folder[fits] = 'a';
    folder[fits + 1] = '\0';
    assert_int_equal(setenv("TMPDIR", folder, 1), 0);
    assert_int_equal(temporary_template("case", found, &error), STATUS_INVALID);
    assert_says(&error, "TMPDIR is 1 bytes too long");
    assert_string_equal(found, "");
}

static void folder_is_made_or_the_reason_is_told(void **state)
{
    char found[TEMPORARY_SIZE];
    (void)state;
    assert_int_equal(setenv("TMPDIR", "/nonexistent", 1), 0);
    assert_int_equal(temporary_folder("case", found, &error), STATUS_IO);
    assert_says(&error, "/nonexistent/case-");
    assert_string_equal(found, "");
    assert_int_equal(unsetenv("TMPDIR"), 0);
    assert_int_equal(temporary_folder("case", found, &error), STATUS_OK);
    assert_int_equal(rmdir(found), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(template_is_in_the_folder_that_tmpdir_names),
        cmocka_unit_test(template_is_in_tmp_when_tmpdir_is_not_set_or_empty),
        cmocka_unit_test(folder_that_does_not_fit_is_refused_and_not_cut),
        cmocka_unit_test(folder_is_made_or_the_reason_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
