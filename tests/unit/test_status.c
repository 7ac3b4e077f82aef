/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: each status has a text and an exit code of its kind; a sentence is always
 * terminated, however long, and may be unwanted.
 * Method: the one list walked; sentences around the bound. */

#include "base/error_text.h"
#include "tests/lib/test.h"

#include <string.h>
#include <sysexits.h>

static const enum status all[] = {
#define STATUS_VALUE(name, text) name,
    STATUS_LIST(STATUS_VALUE)
#undef STATUS_VALUE
};
enum { STATUS_COUNT = sizeof all / sizeof all[0] };

static void each_status_has_its_own_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        assert_int_equal(all[i], i);
        assert_true(strlen(status_text(all[i])) > 0);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(status_text(all[i]), status_text(all[k]));
    }
    assert_string_equal(status_text(STATUS_UNAVAILABLE), "not possible now: try again");
}

static void only_success_and_the_end_exit_with_zero(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        int code = status_exit_code(all[i]);
        if (all[i] == STATUS_OK || all[i] == STATUS_END)
            assert_int_equal(code, EX_OK);
        else
            assert_in_range(code, EX__BASE, EX__MAX);
    }
}

static void exit_codes_are_those_of_sysexits(void **state)
{
    (void)state;
    assert_int_equal(status_exit_code(STATUS_INVALID), EX_USAGE);
    assert_int_equal(status_exit_code(STATUS_MALFORMED), EX_DATAERR);
    assert_int_equal(status_exit_code(STATUS_CORRUPT), EX_DATAERR);
    assert_int_equal(status_exit_code(STATUS_NOT_FOUND), EX_NOINPUT);
    assert_int_equal(status_exit_code(STATUS_UNAVAILABLE), EX_UNAVAILABLE);
    assert_int_equal(status_exit_code(STATUS_TAKEN), EX_TEMPFAIL);
    assert_int_equal(status_exit_code(STATUS_IO), EX_IOERR);
    assert_int_equal(status_exit_code(STATUS_NOMEM), EX_OSERR);
}

static void sentence_is_written_and_the_status_handed_on(void **state)
{
    (void)state;
    struct error_text error;
    assert_int_equal(error_set(&error, STATUS_IO, "line %d: %s", 7, "odd"), STATUS_IO);
    assert_string_equal(error.text, "line 7: odd");
    assert_int_equal(error_prefix(&error, STATUS_FULL, "%s", "x.csv"), STATUS_FULL);
    assert_string_equal(error.text, "x.csv: line 7: odd");
}

static void nobody_need_listen(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, STATUS_IO, "%s", "x"), STATUS_IO);
    assert_int_equal(error_prefix(NULL, STATUS_OK, "%s", "x"), STATUS_OK);
}

static void long_sentence_is_cut_and_terminated(void **state)
{
    (void)state;
    struct {
        struct error_text error;
        char guard;
    } kept = {.guard = 'g'};
    char longest[2 * sizeof kept.error.text];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    error_set(&kept.error, STATUS_IO, "%s", longest);
    assert_int_equal(strlen(kept.error.text), sizeof kept.error.text - 1);
    error_prefix(&kept.error, STATUS_IO, "%s", "file");
    assert_int_equal(strlen(kept.error.text), sizeof kept.error.text - 1);
    assert_memory_equal(kept.error.text, "file: xxx", 9);
    error_prefix(&kept.error, STATUS_IO, "%s", longest);
    assert_int_equal(strlen(kept.error.text), sizeof kept.error.text - 1);
    assert_int_equal(kept.guard, 'g');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_has_its_own_text),
        cmocka_unit_test(only_success_and_the_end_exit_with_zero),
        cmocka_unit_test(exit_codes_are_those_of_sysexits),
        cmocka_unit_test(sentence_is_written_and_the_status_handed_on),
        cmocka_unit_test(nobody_need_listen),
        cmocka_unit_test(long_sentence_is_cut_and_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
