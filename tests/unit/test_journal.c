/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what journal_sync() promised is there after any crash, and damage is never taken
 * for an answer.
 * Method: a real file in a folder of its own; the file is cut at every length and flipped
 * at every byte between two openings. */
#include "client/journal.h"

#include "base/file.h"

#include "tests/lib/test.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { HEAD = 64 };

static char folder[64];
static char path[128];
static const struct digest job = {{1}};
static const struct digest batch = {{2}};

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test-journal-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/answers", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static struct journal *reopen(void)
{
    struct journal *journal;
    struct error_text error = {""};
    enum status status = journal_open(path, &job, &journal, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(status, STATUS_OK);
    return journal;
}

static enum status try_open(struct error_text *error)
{
    struct journal *journal;
    enum status status = journal_open(path, &job, &journal, error);
    if (status == STATUS_OK)
        journal_close(journal);
    return status;
}

static void append(struct journal *journal, uint64_t sequence, const char *text)
{
    assert_int_equal(journal_append(journal, sequence, &batch, text, strlen(text), NULL),
                     STATUS_OK);
}

static void make_durable(struct journal *journal)
{
    assert_int_equal(journal_sync(journal, NULL), STATUS_OK);
}

static void assert_answer(const struct journal *journal, uint64_t sequence,
                          const char *text)
{
    struct digest digest;
    uint8_t *payload;
    size_t size;
    assert_int_equal(journal_read(journal, sequence, &digest, &payload, &size, NULL),
                     STATUS_OK);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(payload, text, size);
    assert_memory_equal(&digest, &batch, sizeof digest);
    free(payload);
}

static uint8_t *read_file(size_t *size)
{
    uint8_t *bytes;
    assert_int_equal(file_read(path, 1 << 20, &bytes, size, NULL), STATUS_OK);
    return bytes;
}

static void write_file(const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void answers_are_there_after_reopening(void **state)
{
    (void)state;
    uint8_t client[CLIENT_ID_SIZE];
    struct journal *journal = reopen();
    memcpy(client, journal_client(journal), sizeof client);
    append(journal, 2, "two");
    append(journal, 1, "one");
    append(journal, 5, "");
    make_durable(journal);
    journal_close(journal);

    journal = reopen();
    assert_memory_equal(journal_client(journal), client, sizeof client);
    assert_int_equal(journal_count(journal), 3);
    assert_answer(journal, 1, "one");
    assert_answer(journal, 2, "two");
    assert_answer(journal, 5, "");
    assert_true(journal_has(journal, 5));
    assert_false(journal_has(journal, 3));
    assert_false(journal_has(journal, 99999));
    journal_close(journal);
}

static void last_entry_of_a_sequence_wins(void **state)
{
    (void)state;
    struct journal *journal = reopen();
    append(journal, 1, "first");
    append(journal, 1, "second");
    make_durable(journal);
    assert_answer(journal, 1, "second");
    journal_close(journal);
    journal = reopen();
    assert_answer(journal, 1, "second");
    assert_int_equal(journal_count(journal), 1);
    journal_close(journal);
}

static void second_opener_is_refused(void **state)
{
    (void)state;
    struct error_text error;
    struct journal *journal = reopen();
    assert_int_equal(try_open(&error), STATUS_TAKEN);
    journal_close(journal);
    assert_int_equal(try_open(&error), STATUS_OK);
}

static void journal_of_another_job_is_refused(void **state)
{
    (void)state;
    struct journal *journal = reopen();
    struct error_text error;
    const struct digest other = {{9}};
    journal_close(journal);
    assert_int_equal(journal_open(path, &other, &journal, &error), STATUS_CORRUPT);
    assert_non_null(strstr(error.text, "another job"));
}

static void other_file_is_refused_and_kept(void **state)
{
    (void)state;
    struct error_text error;
    size_t size;
    write_file((const uint8_t *)"my notes", 8);
    assert_int_equal(try_open(&error), STATUS_CORRUPT);
    uint8_t *bytes = read_file(&size);
    assert_memory_equal(bytes, "my notes", 8);
    assert_int_equal(size, 8);
    free(bytes);
}

/* Cut the file at each length after the last mark: what was synced stays. */
static void torn_end_is_cut_and_the_rest_kept(void **state)
{
    (void)state;
    size_t size, kept;
    struct journal *journal = reopen();
    append(journal, 1, "kept");
    make_durable(journal);
    free(read_file(&kept));
    append(journal, 2, "torn away");
    journal_close(journal);
    uint8_t *bytes = read_file(&size);
    assert_int_equal(size, kept + HEAD + 9);

    for (size_t cut = kept; cut < size; cut++) {
        write_file(bytes, cut);
        journal = reopen();
        assert_int_equal(journal_count(journal), 1);
        assert_answer(journal, 1, "kept");
        append(journal, 2, "again");
        make_durable(journal);
        journal_close(journal);
        journal = reopen();
        assert_answer(journal, 2, "again");
        journal_close(journal);
    }
    free(bytes);
}

/* A crash may leave zeros where data should have been. */
static void end_of_zeros_is_cut(void **state)
{
    (void)state;
    size_t size, cut;
    struct journal *journal = reopen();
    append(journal, 1, "kept");
    make_durable(journal);
    journal_close(journal);
    uint8_t *bytes = read_file(&size);
    bytes = realloc(bytes, size + 4096);
    assert_non_null(bytes);
    memset(bytes + size, 0, 4096);
    write_file(bytes, size + 4096);
    free(bytes);
    journal = reopen();
    assert_answer(journal, 1, "kept");
    journal_close(journal);
    free(read_file(&cut));
    assert_int_equal(cut, size);
}

/* A crash before the header was synced: nothing had been kept, so it begins anew. */
static void torn_header_is_begun_anew(void **state)
{
    (void)state;
    size_t size;
    journal_close(reopen());
    uint8_t *bytes = read_file(&size);
    assert_int_equal(size, HEAD);
    for (size_t cut = 0; cut < HEAD - 8; cut++) {
        write_file(bytes, cut);
        struct journal *journal = reopen();
        append(journal, 1, "one");
        make_durable(journal);
        journal_close(journal);
        journal = reopen();
        assert_answer(journal, 1, "one");
        journal_close(journal);
        memset(bytes + cut, 0, HEAD - cut);
        write_file(bytes, HEAD);
        journal_close(reopen());
        free(bytes);
        bytes = read_file(&size);
        assert_int_equal(size, HEAD);
    }
    bytes[20] ^= 1; /* damage, not a tear: batches may have been sent under that id */
    write_file(bytes, HEAD);
    struct error_text error = {""};
    assert_int_equal(try_open(&error), STATUS_CORRUPT);
    assert_non_null(strstr(error.text, "damaged in its header"));
    free(bytes);
}

static void looking_is_allowed_beside_the_owner_and_changes_nothing(void **state)
{
    (void)state;
    struct journal *looker, *journal = reopen();
    struct error_text error = {""};
    size_t size, after;
    append(journal, 1, "one");
    append(journal, 4, "four");
    make_durable(journal);
    append(journal, 5, "torn"); /* the owner is in the middle of it */
    uint8_t *bytes = read_file(&size);
    assert_int_equal(truncate(path, (off_t)size - 2), 0);
    assert_int_equal(journal_look(path, &looker, &error), STATUS_OK);
    assert_int_equal(journal_count(looker), 2);
    assert_int_equal(journal_last(looker), 4);
    assert_memory_equal(journal_job(looker), &job, sizeof job);
    assert_memory_equal(journal_client(looker), journal_client(journal), CLIENT_ID_SIZE);
    assert_answer(looker, 4, "four");
    journal_close(looker);
    journal_close(journal);
    free(bytes);
    free(read_file(&after));
    assert_int_equal(after, size - 2);
    unlink(path);
    assert_int_equal(journal_look(path, &looker, &error), STATUS_NOT_FOUND);
    assert_int_not_equal(access(path, F_OK), 0);
    write_file((const uint8_t *)"my notes", 8);
    assert_int_equal(journal_look(path, &looker, &error), STATUS_CORRUPT);
}

/* Each byte of what was synced, flipped: an error that names the place, never an answer.
 */
static void flipped_byte_is_an_error_that_says_where(void **state)
{
    (void)state;
    size_t size;
    struct journal *journal = reopen();
    append(journal, 1, "one");
    append(journal, 2, "two");
    make_durable(journal);
    append(journal, 3, "three");
    make_durable(journal);
    journal_close(journal);
    uint8_t *bytes = read_file(&size);

    for (size_t i = 0; i < size - HEAD; i++) { /* all before the last mark */
        struct error_text error = {""};
        bytes[i] ^= 0x10;
        write_file(bytes, size);
        assert_int_equal(try_open(&error), STATUS_CORRUPT);
        if (i >= HEAD && i < HEAD + HEAD + 3)
            assert_non_null(strstr(error.text, "at byte 64:"));
        bytes[i] ^= 0x10;
    }
    write_file(bytes, size);
    journal = reopen();
    assert_int_equal(journal_count(journal), 3);
    journal_close(journal);
    free(bytes);
}

/* The last mark proves itself only: without it the entries before it are still whole. */
static void flipped_last_mark_loses_no_answer(void **state)
{
    (void)state;
    size_t size;
    struct journal *journal = reopen();
    append(journal, 1, "one");
    make_durable(journal);
    journal_close(journal);
    uint8_t *bytes = read_file(&size);
    bytes[size - 1] ^= 1;
    write_file(bytes, size);
    free(bytes);
    journal = reopen();
    assert_answer(journal, 1, "one");
    journal_close(journal);
}

static void flip_while_open_is_seen_when_read(void **state)
{
    (void)state;
    size_t size;
    struct digest digest;
    uint8_t *payload;
    struct error_text error;
    struct journal *journal = reopen();
    append(journal, 1, "one");
    make_durable(journal);
    uint8_t *bytes = read_file(&size);
    bytes[HEAD + HEAD] ^= 1;
    write_file(bytes, size);
    free(bytes);
    assert_int_equal(journal_read(journal, 1, &digest, &payload, &size, &error),
                     STATUS_CORRUPT);
    journal_close(journal);
}

/* The disk is full in the middle of an entry: the error says so, nothing of it stays, and
 * there is room for it later. */
static void full_disk_leaves_no_half_entry(void **state)
{
    (void)state;
    struct rlimit before, tight;
    struct error_text error = {""};
    char large[1000];
    memset(large, 'x', sizeof large);
    struct journal *journal = reopen();
    append(journal, 1, "one");
    make_durable(journal);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight = (struct rlimit){.rlim_cur = 500, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    enum status status = journal_append(journal, 2, &batch, large, sizeof large, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, STATUS_IO);
    assert_non_null(strstr(error.text, path));
    assert_false(journal_has(journal, 2));
    append(journal, 3, "three");
    make_durable(journal);
    journal_close(journal);
    journal = reopen();
    assert_int_equal(journal_count(journal), 2);
    assert_answer(journal, 3, "three");
    journal_close(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(answers_are_there_after_reopening),
        TEST(last_entry_of_a_sequence_wins),
        TEST(second_opener_is_refused),
        TEST(journal_of_another_job_is_refused),
        TEST(other_file_is_refused_and_kept),
        TEST(torn_end_is_cut_and_the_rest_kept),
        TEST(end_of_zeros_is_cut),
        TEST(torn_header_is_begun_anew),
        TEST(looking_is_allowed_beside_the_owner_and_changes_nothing),
        TEST(flipped_byte_is_an_error_that_says_where),
        TEST(flipped_last_mark_loses_no_answer),
        TEST(flip_while_open_is_seen_when_read),
        TEST(full_disk_leaves_no_half_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
