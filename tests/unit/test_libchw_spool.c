/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a batch that chw_submit() accepted into a spool is on the disk until its answer
 * is, and is answered once, whatever ends in between.
 * Method: the broker is this test (libchw_fixture.h); a run ends by chw_close(), which
 * tells nobody anything. fdatasync() and unlink() are noted on their way, and the first
 * can be made to fail; a full disk is RLIMIT_FSIZE. */
#include "tests/unit/libchw_fixture.h"

#include "control.pb-c.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PATH_SIZE = 160, QUIET_ROUNDS = 10 };

static struct {
    char calls[256]; /* "sync " and "unlink ", in order */
    bool sync_fails;
} disk;

static void note(const char *call)
{
    strncat(disk.calls, call, sizeof disk.calls - strlen(disk.calls) - 1);
}

/* In place of libc's. Of our files only the journal is synced so. */
__attribute__((visibility("default"))) int fdatasync(int fd)
{
    note("sync ");
    if (!disk.sync_fails)
        return (int)syscall(SYS_fdatasync, fd);
    errno = EIO;
    return -1;
}

__attribute__((visibility("default"))) int unlink(const char *path)
{
    if (strstr(path, ".batch") != NULL)
        note("unlink ");
    return (int)syscall(SYS_unlink, path);
}

/* ---- a story with a spool ---- */

static const char *path_of(const struct story *story, const char *name)
{
    static char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/spool/%s", story->folder, name);
    return path;
}

static struct chw_options spool_options(struct story *story)
{
    static char folder[PATH_SIZE];
    struct chw_options options = default_options(story);
    snprintf(folder, sizeof folder, "%s/spool", story->folder);
    options.journal = NULL;
    options.spool = folder;
    return options;
}

/* The next run, to a broker that has heard nothing of this one. */
static void run_again(struct story *story, const struct chw_options *options)
{
    chw_close(story->client);
    story->client = NULL;
    restart_broker(story, 0);
    reopen(story, options);
}

static void reopen_spool(struct story *story)
{
    const struct chw_options options = spool_options(story);
    run_again(story, &options);
}

static int setup_spool(void **state)
{
    memset(&disk, 0, sizeof disk);
    signal(SIGXFSZ, SIG_IGN);
    if (setup(state) != 0)
        return -1;
    reopen_spool(*state);
    return 0;
}

static void clear_spool(const struct story *story)
{
    DIR *stream = opendir(path_of(story, ""));
    for (struct dirent *entry; stream != NULL && (entry = readdir(stream)) != NULL;)
        if (entry->d_name[0] != '.')
            unlink(path_of(story, entry->d_name));
    if (stream != NULL)
        closedir(stream);
    rmdir(path_of(story, ""));
}

static int teardown_spool(void **state)
{
    clear_spool(*state);
    return teardown(state);
}

static const char *batch_path(const struct story *story, uint64_t sequence)
{
    char name[32];
    snprintf(name, sizeof name, "%016llx.batch", (unsigned long long)sequence);
    return path_of(story, name);
}

static bool is_kept(const struct story *story, uint64_t sequence)
{
    return access(batch_path(story, sequence), F_OK) == 0;
}

static void must_submit_all(struct story *story, uint64_t count)
{
    for (uint64_t i = 1; i <= count; i++)
        must_submit(story, (float)i, i);
}

static void hear_and_reply(struct story *story, uint64_t sequence)
{
    struct header header = hear(story);
    assert_int_equal(header.type, MESSAGE_SCORE);
    assert_int_equal(header.key.sequence, sequence);
    reply(story, header, 2);
}

/* Of two in flight the first is answered. */
static void reply_to_first_of_two(struct story *story)
{
    struct header first = hear(story);
    assert_int_equal(hear(story).key.sequence, 2);
    reply(story, first, 2);
    assert_scored(await(story), 1);
}

static unsigned bit(uint64_t sequence)
{
    return 1u << sequence;
}

/* Answer what is heard until these are given to the caller: each once, in any order. */
static void serve_all(struct story *story, unsigned heard, unsigned given)
{
    unsigned was_heard = 0, was_given = 0;
    struct chw_result *result;
    for (int i = 0; i < DEADLINE_ROUNDS && was_given != given; i++) {
        if (take_message(story)) {
            uint64_t sequence = story->message.header.key.sequence;
            assert_int_equal(was_heard & bit(sequence), 0);
            was_heard |= bit(sequence);
            reply(story, story->message.header, 2);
        }
        enum chw_status status = chw_wait(story->client, ROUND_MS, &result);
        assert_true(status == CHW_OK || status == CHW_TIMEOUT);
        if (status == CHW_OK) {
            uint64_t sequence = chw_result_sequence(result);
            assert_int_equal(was_given & bit(sequence), 0);
            was_given |= bit(sequence);
            assert_scored(result, sequence);
        }
    }
    assert_int_equal(was_given, given);
    assert_int_equal(was_heard, heard);
}

static void assert_idle(struct story *story)
{
    struct chw_result *result;
    assert_int_equal(chw_wait(story->client, 0, &result), CHW_IDLE);
    assert_int_equal(chw_outstanding(story->client), 0);
}

static void assert_nothing_is_heard(struct story *story)
{
    struct chw_result *result;
    for (int i = 0; i < QUIET_ROUNDS; i++) {
        enum chw_status status = chw_wait(story->client, ROUND_MS, &result);
        assert_true(status == CHW_TIMEOUT || status == CHW_IDLE);
        assert_false(take_message(story));
    }
}

static void limit_files(rlim_t size)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Until chw_wait() says something else than that there is nothing yet. */
static enum chw_status await_status(struct story *story)
{
    struct chw_result *result;
    enum chw_status status = CHW_TIMEOUT;
    for (int i = 0; i < DEADLINE_ROUNDS && status == CHW_TIMEOUT; i++) {
        take_message(story);
        status = chw_wait(story->client, ROUND_MS, &result);
    }
    return status;
}

/* ---- kept, sent, removed ---- */

static void batch_is_on_the_disk_before_it_is_sent_and_until_its_answer_is(void **state)
{
    struct story *story = *state;
    must_submit(story, 40, 1);
    assert_true(is_kept(story, 1));
    hear_and_reply(story, 1);
    assert_true(is_kept(story, 1));
    disk.calls[0] = '\0';
    assert_scored(await(story), 1);
    assert_string_equal(disk.calls, "sync unlink ");
    assert_false(is_kept(story, 1));
    assert_int_equal(chw_answered(story->client), 1);
    assert_idle(story);
}

static void batch_that_cannot_be_kept_is_neither_accepted_nor_sent(void **state)
{
    struct story *story = *state;
    uint64_t sequence;
    limit_files(0);
    assert_int_equal(submit(story, 40, &sequence), CHW_IO);
    assert_non_null(strstr(chw_last_error(story->client), "File too large"));
    assert_nothing_is_heard(story);
    limit_files(RLIM_INFINITY);
    assert_false(is_kept(story, 1));
    assert_int_not_equal(access(path_of(story, "0000000000000001.batch.part"), F_OK), 0);
    must_submit(story, 40, 1);
    hear_and_reply(story, 1);
    assert_scored(await(story), 1);
}

static void answer_that_is_not_durable_removes_nothing(void **state)
{
    struct story *story = *state;
    must_submit(story, 40, 1);
    hear_and_reply(story, 1);
    disk.sync_fails = true;
    assert_int_equal(await_status(story), CHW_IO);
    assert_non_null(strstr(chw_last_error(story->client), "cannot sync"));
    assert_true(is_kept(story, 1));

    /* What the journal has is made durable before it is believed. */
    disk.sync_fails = false;
    disk.calls[0] = '\0';
    reopen_spool(story);
    assert_string_equal(disk.calls, "sync unlink ");
    must_submit(story, 40, 1);
    assert_scored(await(story), 1);
    assert_idle(story);
}

static void batch_stays_until_all_before_it_are_answered(void **state)
{
    struct story *story = *state;
    must_submit_all(story, 2);
    struct header first = hear(story);
    hear_and_reply(story, 2);
    assert_scored(await(story), 2);
    assert_true(is_kept(story, 1));
    assert_true(is_kept(story, 2));
    reply(story, first, 2);
    assert_scored(await(story), 1);
    assert_false(is_kept(story, 1));
    assert_false(is_kept(story, 2));
}

static void busy_and_expired_keep_it(void **state)
{
    struct story *story = *state;
    must_submit(story, 40, 1);
    struct header header = hear(story);
    Chw__Busy busy;
    chw__busy__init(&busy);
    busy.retry_after_ms = 10;
    header.type = MESSAGE_BUSY;
    say(story, &header, &busy.base);
    header = hear(story);
    assert_true(is_kept(story, 1));
    header.type = MESSAGE_EXPIRED;
    say(story, &header, NULL);
    header = hear(story);
    assert_true(is_kept(story, 1));
    reply(story, header, 2);
    assert_scored(await(story), 1);
    assert_false(is_kept(story, 1));
}

static void any_number_is_kept_and_only_the_window_is_in_flight(void **state)
{
    struct story *story = *state;
    must_submit_all(story, 20);
    assert_int_equal(chw_outstanding(story->client), 20);
    struct header first = hear(story);
    assert_int_equal(hear(story).key.sequence, 2);
    assert_nothing_is_heard(story);
    reply(story, first, 2);
    assert_scored(await(story), 1);
    assert_int_equal(hear(story).key.sequence, 3);
    assert_nothing_is_heard(story);
    assert_int_equal(chw_outstanding(story->client), 19);
}

static void full_spool_takes_no_more_until_an_answer_makes_room(void **state)
{
    struct story *story = *state;
    uint64_t sequence;
    struct chw_options options = spool_options(story);
    options.spool_bytes = 2 * 4096;
    run_again(story, &options);
    must_submit_all(story, 2);
    assert_int_equal(submit(story, 3, &sequence), CHW_FULL);
    assert_non_null(strstr(chw_last_error(story->client), "holds 2 batches"));
    hear_and_reply(story, 1);
    enum chw_status status = CHW_FULL;
    for (int i = 0; i < DEADLINE_ROUNDS && status == CHW_FULL; i++) {
        zmq_poll(NULL, 0, ROUND_MS);
        status = submit(story, 3, &sequence); /* and nobody calls chw_wait() */
    }
    assert_int_equal(status, CHW_OK);
    assert_int_equal(sequence, 3);
}

/* ---- a second run ---- */

static void opened_folder_goes_on_under_the_same_keys(void **state)
{
    struct story *story = *state;
    must_submit_all(story, 3);
    struct header first = hear(story);
    reopen_spool(story);
    assert_int_equal(chw_outstanding(story->client), 3);
    struct header again = hear(story);
    assert_true(batch_key_equal(&again.key, &first.key));
    assert_string_equal(again.region, first.region);
    assert_int_equal(again.as_of, first.as_of);
    reply(story, again, 2);
    serve_all(story, bit(2) | bit(3), bit(1) | bit(2) | bit(3));
    assert_idle(story);
}

static void same_batches_are_put_and_answered_once(void **state)
{
    struct story *story = *state;
    must_submit_all(story, 2);
    reply_to_first_of_two(story);
    reopen_spool(story);
    must_submit_all(story, 3);
    serve_all(story, bit(2) | bit(3), bit(1) | bit(2) | bit(3)); /* 1 by the journal */
    assert_idle(story);
}

static void answer_is_not_given_again_when_its_batch_is_submitted_later(void **state)
{
    struct story *story = *state;
    must_submit(story, 1, 1);
    reopen_spool(story);
    hear_and_reply(story, 1);
    assert_scored(await(story), 1);
    must_submit(story, 1, 1);
    assert_idle(story);
}

static void another_batch_in_its_place_is_refused(void **state)
{
    struct story *story = *state;
    uint64_t sequence;
    must_submit_all(story, 2);
    reply_to_first_of_two(story);
    reopen_spool(story);
    assert_int_equal(submit(story, 99, &sequence), CHW_INVALID);
    assert_non_null(strstr(chw_last_error(story->client), "the journal answers"));
    must_submit(story, 1, 1);
    assert_int_equal(submit(story, 99, &sequence), CHW_INVALID);
    assert_non_null(strstr(chw_last_error(story->client), "batch 2 is not the one"));
    must_submit(story, 2, 2);
}

static void attempts_outlive_the_client(void **state)
{
    struct story *story = *state;
    must_submit(story, 1, 1);
    struct header header = hear(story);
    assert_int_equal(header.attempt, 0);
    header.type = MESSAGE_CHARGED;
    header.attempt = 2;
    say(story, &header, NULL);
    header.type = MESSAGE_EXPIRED; /* the next that it hears was sent after that */
    say(story, &header, NULL);
    assert_int_equal(hear(story).attempt, 2);
    reopen_spool(story);
    assert_int_equal(hear(story).attempt, 2);
}

/* ---- what is not there, or not whole ---- */

static void missing_batch_is_never_passed_over(void **state)
{
    struct story *story = *state;
    must_submit_all(story, 3);
    chw_close(story->client);
    story->client = NULL;
    unlink(batch_path(story, 2));
    reopen_spool(story);
    hear_and_reply(story, 1);
    assert_scored(await(story), 1);
    assert_int_equal(await_status(story), CHW_CORRUPT);
    assert_non_null(strstr(chw_last_error(story->client), "batch 2 is missing"));
    must_submit(story, 1, 1);
    must_submit(story, 2, 2);
    struct header second = hear(story);
    assert_int_equal(second.key.sequence, 2);
    assert_int_equal(second.acked_below, 2);
    reply(story, second, 2);
    serve_all(story, bit(3), bit(2) | bit(3));
    assert_idle(story);
}

static void assert_given_up(struct chw_result *result, uint64_t sequence)
{
    assert_int_equal(chw_result_sequence(result), sequence);
    assert_int_equal(chw_result_outcome(result), CHW_BATCH_INVALID);
    assert_non_null(strstr(chw_result_reason(result), "given up"));
    chw_result_free(result);
}

static void batch_that_a_person_gave_up_is_invalid_and_the_rest_goes_on(void **state)
{
    struct story *story = *state;
    char kept[PATH_SIZE];
    must_submit_all(story, 2);
    chw_close(story->client);
    story->client = NULL;
    strcpy(kept, batch_path(story, 1));
    assert_int_equal(rename(kept, path_of(story, "0000000000000001.damaged")), 0);
    reopen_spool(story);
    assert_int_equal(chw_outstanding(story->client), 2);
    assert_given_up(await(story), 1);
    hear_and_reply(story, 2);
    assert_scored(await(story), 2);
    assert_idle(story);

    reopen_spool(story);
    assert_idle(story);
    must_submit(story, 1, 1);
    assert_given_up(await(story), 1);
    must_submit(story, 2, 2);
    assert_scored(await(story), 2);
}

static void damaged_batch_is_named_and_not_sent(void **state)
{
    struct story *story = *state;
    must_submit(story, 1, 1);
    chw_close(story->client);
    story->client = NULL;
    int fd = open(batch_path(story, 1), O_WRONLY);
    assert_int_equal(pwrite(fd, "!", 1, 190), 1);
    close(fd);
    reopen_spool(story);
    assert_int_equal(await_status(story), CHW_CORRUPT);
    assert_non_null(strstr(chw_last_error(story->client), "0000000000000001.batch"));
    assert_false(take_message(story));

    uint64_t sequence; /* and so it stays */
    assert_int_equal(submit(story, 1, &sequence), CHW_CORRUPT);
    assert_non_null(strstr(chw_last_error(story->client), "0000000000000001.batch"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_spool, teardown_spool)
        TEST(batch_is_on_the_disk_before_it_is_sent_and_until_its_answer_is),
        TEST(batch_that_cannot_be_kept_is_neither_accepted_nor_sent),
        TEST(answer_that_is_not_durable_removes_nothing),
        TEST(batch_stays_until_all_before_it_are_answered),
        TEST(busy_and_expired_keep_it),
        TEST(any_number_is_kept_and_only_the_window_is_in_flight),
        TEST(full_spool_takes_no_more_until_an_answer_makes_room),
        TEST(opened_folder_goes_on_under_the_same_keys),
        TEST(same_batches_are_put_and_answered_once),
        TEST(answer_is_not_given_again_when_its_batch_is_submitted_later),
        TEST(another_batch_in_its_place_is_refused),
        TEST(attempts_outlive_the_client),
        TEST(missing_batch_is_never_passed_over),
        TEST(batch_that_a_person_gave_up_is_invalid_and_the_rest_goes_on),
        TEST(damaged_batch_is_named_and_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
