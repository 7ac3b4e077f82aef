/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a run of chw score goes on with its own earlier run and with no other, whatever
 * the columns are called; damage is named, not taken for a new job.
 * Method: job folders beside a results file in a folder of the test's own. */
#include "client/job.h"

#include "folder_fixture.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

static struct job job, again;
static char results[128];

static struct job asked(void)
{
    return (struct job){.region_column = "region",
                        .models = "chd@champion",
                        .batch_rows = 1000,
                        .as_of = 20000,
                        .lock = -1};
}

static int setup(void **state)
{
    if (folder_fixture_open(state) != 0)
        return -1;
    job = asked();
    again = asked();
    snprintf(results, sizeof results, "%s", folder_path(*state, "results.csv"));
    return job_open(&job, results, NULL) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    job_close(&again);
    job_remove(&job);
    job_close(&job);
    return folder_fixture_close(state);
}

static void make_journal(void)
{
    FILE *file = fopen(job.journal, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

/* The first run said this and ended. */
static void save(void)
{
    assert_int_equal(job_save(&job, NULL), STATUS_OK);
    make_journal();
    job_close(&job);
}

static enum status load_again(bool as_of_given, struct error_text *error)
{
    assert_int_equal(job_open(&again, results, NULL), STATUS_OK);
    return job_load(&again, as_of_given, error);
}

static void next_run_knows_columns_date_and_state(void **state)
{
    (void)state;
    assert_int_equal(job_add_column(&job, "age", true), STATUS_OK);
    assert_int_equal(job_add_column(&job, "100% \"odd\"\n\xc3\xa9: #", false), STATUS_OK);
    job.is_complete = true;
    struct digest identity = job_identity(&job);
    save();
    again.as_of = 20005; /* another day, not asked for: the job keeps its own */
    assert_int_equal(load_again(false, NULL), STATUS_OK);
    assert_int_equal(again.as_of, 20000);
    assert_true(again.is_complete);
    assert_int_equal(again.column_count, 2);
    assert_string_equal(again.columns[0].name, "age");
    assert_true(again.columns[0].is_number);
    assert_string_equal(again.columns[1].name, "100% \"odd\"\n\xc3\xa9: #");
    assert_false(again.columns[1].is_number);
    struct digest same = job_identity(&again);
    assert_memory_equal(&same, &identity, sizeof same);
}

static void folder_without_a_job_file_was_never_begun(void **state)
{
    (void)state;
    make_journal();
    assert_false(job_is_saved(&job));
    assert_int_equal(job_load(&job, false, NULL), STATUS_NOT_FOUND);
}

static void another_request_is_refused_and_the_difference_named(void **state)
{
    (void)state;
    struct error_text error;
    save();
    assert_int_equal(load_again(true, NULL), STATUS_OK);

    again.models = "chd@next";
    assert_int_equal(job_load(&again, true, &error), STATUS_INVALID);
    assert_says(&error, "--model differs (it was \"chd@champion\", now \"chd@next\")");
    again.models = "chd@champion";
    again.batch_rows = 999;
    assert_int_equal(job_load(&again, true, &error), STATUS_INVALID);
    assert_says(&error, "--batch-rows differs");
    again.batch_rows = 1000;
    again.region_column = "district";
    assert_int_equal(job_load(&again, true, &error), STATUS_INVALID);
    assert_says(&error, "--region-column differs");
    again.region_column = "region";
    again.explain = 3;
    assert_int_equal(job_load(&again, true, &error), STATUS_INVALID);
    assert_says(&error, "--explain differs (it was \"\", now \"3\")");
    again.explain = 0;
    again.input.bytes[0] = 1;
    assert_int_equal(job_load(&again, true, &error), STATUS_INVALID);
    assert_says(&error, "the records are others");
    again.input.bytes[0] = 0;
    again.as_of = 20001;
    assert_int_equal(job_load(&again, true, &error), STATUS_INVALID);
    assert_says(&error, "--as-of differs");
    again.as_of = 20000;
    again.what_if = true;
    assert_int_equal(job_load(&again, true, &error), STATUS_INVALID);
    assert_says(&error, "a job that counts");
}

static void run_without_the_factors_is_another_job(void **state)
{
    (void)state;
    struct error_text error;
    struct digest none = job_identity(&job);
    job.explain = 3;
    struct digest three = job_identity(&job);
    assert_memory_not_equal(&none, &three, sizeof none);
    save();
    assert_int_equal(load_again(false, &error), STATUS_INVALID);
    assert_says(&error, "--explain differs (it was \"3\", now \"\")");
    again.explain = 3;
    assert_int_equal(job_load(&again, false, NULL), STATUS_OK);
}

static void what_if_leaves_nothing_to_go_on_with(void **state)
{
    (void)state;
    job.what_if = true;
    save();
    assert_int_equal(load_again(false, NULL), STATUS_NOT_FOUND);
}

static void lost_journal_is_damage_not_a_new_job(void **state)
{
    (void)state;
    struct error_text error;
    save();
    remove(job.journal);
    assert_int_equal(load_again(false, &error), STATUS_CORRUPT);
    assert_says(&error, "--new-job scores, and counts, again");
}

static void second_run_at_the_same_time_is_refused(void **state)
{
    (void)state;
    assert_int_equal(job_open(&again, results, NULL), STATUS_TAKEN);
}

static void forgotten_job_is_gone_and_a_removed_one_leaves_no_folder(void **state)
{
    (void)state;
    FILE *file;
    assert_int_equal(job_add_column(&job, "age", true), STATUS_OK);
    assert_int_equal(job_save(&job, NULL), STATUS_OK);
    make_journal();
    assert_true(job_is_saved(&job));
    assert_int_equal(job_forget(&job, NULL), STATUS_OK);
    assert_false(job_is_saved(&job));
    assert_int_equal(job.column_count, 0);
    file = fopen(job.journal, "r");
    assert_null(file);
    assert_int_equal(job_forget(&job, NULL), STATUS_OK); /* nothing there: fine */
    job_remove(&job);
    file = fopen(job.folder, "r");
    assert_null(file);
}

static void folder_above_is_not_made(void **state)
{
    struct error_text error;
    assert_int_equal(job_open(&again, folder_path(*state, "typo/results.csv"), &error),
                     STATUS_IO);
    assert_says(&error, "typo/results.csv.job: No such file or directory");
}

/* ---- with a spool ---- */

static void open_with_spool(void **state)
{
    static char spool[128];
    snprintf(spool, sizeof spool, "%s", folder_path(*state, "spool"));
    job_close(&job);
    job.spool = again.spool = spool;
    assert_int_equal(job_open(&job, results, NULL), STATUS_OK);
}

/* The folder may have been moved, and be called otherwise. */
static void spool_is_no_part_of_what_the_job_is(void **state)
{
    struct digest without = job_identity(&job);
    open_with_spool(state);
    struct digest with = job_identity(&job);
    assert_memory_equal(&with, &without, sizeof with);
    assert_int_equal(job_save(&job, NULL), STATUS_OK);
    job_close(&job);
    folder_write_text(*state, "journal", "");
    again.spool = folder_path(*state, ".");
    assert_int_equal(load_again(false, NULL), STATUS_OK);
    assert_int_equal(remove(again.journal), 0);
}

static void job_goes_on_where_its_answers_are(void **state)
{
    struct error_text error;
    save();
    again.spool = folder_path(*state, "spool");
    assert_int_equal(load_again(false, &error), STATUS_INVALID);
    assert_says(&error, "began without --spool");
    job_close(&again);

    open_with_spool(state);
    assert_int_equal(job_save(&job, NULL), STATUS_OK);
    job_close(&job);
    again.spool = NULL;
    assert_int_equal(load_again(false, &error), STATUS_INVALID);
    assert_says(&error, "run it with --spool ");
    assert_says(&error, "/spool");
    again.spool = job.spool;
    job_close(&again);
    assert_int_equal(load_again(false, &error), STATUS_CORRUPT);
    assert_says(&error, "spool/journal is gone");
    remove(folder_path(*state, "results.csv.job/journal"));
}

static void forgotten_job_leaves_its_spool(void **state)
{
    job_close(&job);
    job.spool = folder_path(*state, ".");
    assert_int_equal(job_open(&job, results, NULL), STATUS_OK);
    make_journal();
    assert_int_equal(job_forget(&job, NULL), STATUS_OK);
    job_remove(&job);
    assert_int_equal(remove(job.journal), 0); /* it was there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(next_run_knows_columns_date_and_state),
        TEST(folder_without_a_job_file_was_never_begun),
        TEST(another_request_is_refused_and_the_difference_named),
        TEST(run_without_the_factors_is_another_job),
        TEST(what_if_leaves_nothing_to_go_on_with),
        TEST(lost_journal_is_damage_not_a_new_job),
        TEST(second_run_at_the_same_time_is_refused),
        TEST(forgotten_job_is_gone_and_a_removed_one_leaves_no_folder),
        TEST(folder_above_is_not_made),
        TEST(spool_is_no_part_of_what_the_job_is),
        TEST(job_goes_on_where_its_answers_are),
        TEST(forgotten_job_leaves_its_spool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
