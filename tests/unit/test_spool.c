/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what spool_put() promised is there after any crash, nothing half-written is taken
 * for a batch, and damage is an error that names the file.
 * Method: a disk in memory; in one story of puts, answers and removals every disk step in
 * turn fails or is the last before the power goes, then the client comes back and
 * finishes the story; each byte of a file is flipped, each length cut. */
#include "client/spool.h"

#include "tests/lib/memory_disk.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCHES = 6,
    BODY = 300,
    HEAD = 184,
    BYTES_MAX = 1 << 20,
    BLOCK = 4096,
    SEEDS = 8
};

static const uint8_t client[CLIENT_ID_SIZE] = {7};
static const uint8_t other_client[CLIENT_ID_SIZE] = {8};

struct fixture {
    struct memory_disk *memory;
    struct spool_disk disk;
    struct spool *spool;
};

static struct fixture self;

static int setup(void **state)
{
    (void)state;
    self.memory = memory_disk_new(1);
    memory_disk_init(self.memory, &self.disk);
    self.spool = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    spool_close(self.spool);
    memory_disk_free(self.memory);
    return 0;
}

/* ---- batches ---- */

static uint8_t body[BODY + 64];

static struct spool_batch batch_of(uint64_t sequence)
{
    struct spool_batch batch = {.rows = (uint32_t)sequence + 1,
                                .body = body,
                                .size = BODY + (size_t)(sequence % 64)};
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(sequence * 31 + i);
    batch.header = (struct header){
        .type = MESSAGE_SCORE, .priority = 1, .key.sequence = sequence, .as_of = 20000};
    snprintf(batch.header.region, sizeof batch.header.region, "KE/%llu",
             (unsigned long long)sequence);
    memcpy(batch.header.key.client, client, sizeof client);
    batch.digest = digest_body(body, batch.size);
    return batch;
}

static enum status put(uint64_t sequence)
{
    struct spool_batch batch = batch_of(sequence);
    return spool_put(self.spool, &batch, NULL);
}

static void must_put(uint64_t sequence)
{
    assert_int_equal(put(sequence), STATUS_OK);
}

static void assert_whole(uint64_t sequence)
{
    struct spool_batch found, batch = batch_of(sequence);
    struct error_text error = {""};
    enum status status = spool_load(self.spool, sequence, &found, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(found.rows, batch.rows);
    assert_int_equal(found.size, batch.size);
    assert_memory_equal(found.body, batch.body, batch.size);
    assert_memory_equal(&found.digest, &batch.digest, sizeof batch.digest);
    assert_memory_equal(spool_digest(self.spool, sequence), &batch.digest,
                        sizeof batch.digest);
    assert_string_equal(found.header.region, batch.header.region);
    assert_int_equal(found.header.as_of, batch.header.as_of);
    assert_int_equal(found.header.priority, batch.header.priority);
    assert_true(batch_key_equal(&found.header.key, &batch.header.key));
    free(found.body);
}

static void name_of(uint64_t sequence, const char *suffix, char name[64])
{
    snprintf(name, 64, "%016llx%s", (unsigned long long)sequence, suffix);
}

static bool has_file(uint64_t sequence, const char *suffix)
{
    char name[64];
    name_of(sequence, suffix, name);
    return memory_disk_has(self.memory, name);
}

static enum status try_open(struct error_text *error)
{
    spool_close(self.spool);
    self.spool = NULL;
    return spool_open(&self.disk, client, BYTES_MAX, &self.spool, error);
}

static void reopen(void)
{
    struct error_text error = {""};
    enum status status = try_open(&error);
    assert_string_equal(error.text, "");
    assert_int_equal(status, STATUS_OK);
}

/* ---- keeping and finding ---- */

static void batch_is_loaded_as_it_was_put(void **state)
{
    (void)state;
    reopen();
    must_put(1);
    must_put(2);
    assert_whole(1);
    assert_whole(2);
    assert_int_equal(spool_count(self.spool), 2);
    assert_int_equal(spool_bytes(self.spool), 2 * BLOCK);
    struct spool_batch none;
    assert_int_equal(spool_load(self.spool, 3, &none, NULL), STATUS_NOT_FOUND);
    assert_null(spool_digest(self.spool, 3));
}

static void head_is_read_without_the_body(void **state)
{
    (void)state;
    struct spool_batch head, batch = batch_of(1);
    char name[64];
    reopen();
    must_put(1);
    name_of(1, ".batch", name);
    memory_disk_flip(self.memory, name, HEAD + 1);
    assert_int_equal(spool_load(self.spool, 1, &head, NULL), STATUS_CORRUPT);
    assert_int_equal(spool_head(self.spool, 1, &head, NULL), STATUS_OK);
    assert_null(head.body);
    assert_int_equal(head.rows, batch.rows);
    assert_int_equal(head.size, batch.size);
    assert_string_equal(head.header.region, batch.header.region);
    assert_int_equal(spool_head(self.spool, 2, &head, NULL), STATUS_NOT_FOUND);
    memory_disk_flip(self.memory, name, 20);
    assert_int_equal(spool_head(self.spool, 1, &head, NULL), STATUS_CORRUPT);
}

static void batches_are_found_in_their_order_after_reopening(void **state)
{
    (void)state;
    static const uint64_t order[] = {3, 1, 200, 17};
    reopen();
    for (size_t i = 0; i < 4; i++)
        must_put(order[i]);
    for (int pass = 0; pass < 2; pass++) {
        assert_int_equal(spool_next(self.spool, 0), 1);
        assert_int_equal(spool_next(self.spool, 2), 3);
        assert_int_equal(spool_next(self.spool, 4), 17);
        assert_int_equal(spool_next(self.spool, 18), 200);
        assert_int_equal(spool_next(self.spool, 201), 0);
        assert_int_equal(spool_last(self.spool), 200);
        reopen();
    }
    for (size_t i = 0; i < 4; i++)
        assert_whole(order[i]);
}

/* A long run: the index moves on, and does not grow with what has gone. */
static void thousands_pass_through(void **state)
{
    (void)state;
    reopen();
    for (uint64_t sequence = 1; sequence <= 3000; sequence++) {
        must_put(sequence);
        if (sequence > 100)
            assert_int_equal(spool_remove_below(self.spool, sequence - 100, NULL),
                             STATUS_OK);
    }
    assert_int_equal(spool_next(self.spool, 0), 2900);
    assert_int_equal(spool_count(self.spool), 101);
    assert_int_equal(spool_bytes(self.spool), 101 * BLOCK);
    assert_int_equal(spool_remove(self.spool, 2950, NULL), STATUS_OK);
    assert_int_equal(spool_next(self.spool, 2950), 2951);
    assert_int_equal(spool_remove(self.spool, 2950, NULL), STATUS_OK); /* gone: fine */
    reopen();
    assert_int_equal(spool_count(self.spool), 100);
    assert_whole(3000);
}

static void attempts_are_kept(void **state)
{
    (void)state;
    struct spool_batch batch;
    reopen();
    must_put(1);
    assert_int_equal(spool_charge(self.spool, 1, 2, NULL), STATUS_OK);
    reopen();
    assert_int_equal(spool_load(self.spool, 1, &batch, NULL), STATUS_OK);
    assert_int_equal(batch.header.attempt, 2);
    free(batch.body);
    assert_whole(1);
    for (uint64_t steps = 0; steps < 5; steps++) {
        memory_disk_fail_after(self.memory, steps, STATUS_FULL);
        assert_int_not_equal(spool_charge(self.spool, 1, 3, NULL), STATUS_OK);
        assert_whole(1);
        reopen();
        assert_whole(1);
    }
}

/* ---- bounds ---- */

static void full_spool_takes_again_when_one_is_answered(void **state)
{
    (void)state;
    struct error_text error = {""};
    assert_int_equal(spool_open(&self.disk, client, 2 * BLOCK, &self.spool, NULL),
                     STATUS_OK);
    must_put(1);
    must_put(2);
    struct spool_batch batch = batch_of(3);
    assert_int_equal(spool_put(self.spool, &batch, &error), STATUS_FULL);
    assert_string_equal(error.text, "memory holds 2 batches, 8192 bytes");
    assert_false(has_file(3, ".batch"));
    assert_int_equal(spool_remove(self.spool, 1, NULL), STATUS_OK);
    must_put(3);
    uint8_t *large = calloc(1, 3 * BLOCK);
    batch.header.key.sequence = 4;
    batch.body = large;
    batch.size = 3 * BLOCK;
    assert_int_equal(spool_put(self.spool, &batch, &error), STATUS_INVALID);
    free(large);
}

/* Of no room the caller is told only where there will be room: something is on its way.
 */
static void full_disk_keeps_nothing_half_and_all_that_was_kept(void **state)
{
    (void)state;
    reopen();
    memory_disk_fail_after(self.memory, 0, STATUS_FULL);
    assert_int_equal(put(1), STATUS_IO);
    must_put(1);
    memory_disk_fail_after(self.memory, 0, STATUS_FULL);
    assert_int_equal(put(2), STATUS_FULL);
    assert_false(spool_is_broken(self.spool));
    assert_int_equal(memory_disk_count(self.memory), 1);
    assert_whole(1);
    must_put(2);
    assert_whole(2);
}

/* ---- crashes: one story, each step in turn ---- */

/* What the caller knows, and its journal, which is durable before anything is removed. */
struct story {
    bool accepted[BATCHES + 1], tried[BATCHES + 1], answered[BATCHES + 1];
};

static void assert_story(const struct story *story)
{
    for (uint64_t n = 1; n <= BATCHES; n++) {
        if (spool_digest(self.spool, n) != NULL) {
            assert_true(story->tried[n]);
            assert_whole(n);
        } else if (story->accepted[n]) {
            assert_true(story->answered[n]);
        }
        assert_false(has_file(n, ".batch.part"));
    }
}

/* Open, drop what has an answer; false: the disk failed. */
static bool come_back(const struct story *story)
{
    if (try_open(NULL) != STATUS_OK)
        return false;
    for (uint64_t n = 1; n <= BATCHES; n++)
        if (story->answered[n] && spool_remove(self.spool, n, NULL) != STATUS_OK)
            return false;
    return true;
}

static bool act(struct story *story, uint64_t n)
{
    if (!story->accepted[n] && spool_digest(self.spool, n) == NULL) {
        story->tried[n] = true;
        if (put(n) != STATUS_OK)
            return false;
    }
    story->accepted[n] = true;
    if (n <= 2)
        return true;
    story->answered[n - 2] = true;
    return spool_remove_below(self.spool, n - 1, NULL) == STATUS_OK &&
           (n % 2 == 0 || spool_sync(self.spool, NULL) == STATUS_OK);
}

/* False: the disk failed somewhere. */
static bool tell_story(struct story *story)
{
    if (!come_back(story))
        return false;
    for (uint64_t n = 1; n <= BATCHES; n++)
        if (!act(story, n))
            return false;
    return true;
}

/* The story goes on until it is told; what was promised is there each time. */
static void finish_story(struct story *story)
{
    memory_disk_restart(self.memory);
    reopen();
    assert_story(story);
    assert_true(tell_story(story));
    assert_story(story);
    for (uint64_t n = 1; n <= BATCHES; n++)
        assert_int_equal(spool_digest(self.spool, n) != NULL, !story->answered[n]);
    spool_close(self.spool); /* syncs: what is gone stays gone */
    self.spool = NULL;
    memory_disk_restart(self.memory);
    assert_int_equal(memory_disk_count(self.memory), 2);
}

static void begin_story(struct story *story, uint64_t seed)
{
    memset(story, 0, sizeof *story);
    spool_close(self.spool);
    self.spool = NULL;
    memory_disk_free(self.memory);
    self.memory = memory_disk_new(seed);
    memory_disk_init(self.memory, &self.disk);
}

static void nothing_kept_is_lost_wherever_the_power_goes(void **state)
{
    (void)state;
    struct story story;
    bool told = false;
    for (uint64_t steps = 0; !told; steps++)
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            begin_story(&story, seed * 1000 + steps);
            memory_disk_cut_after(self.memory, steps);
            told = tell_story(&story);
            finish_story(&story);
        }
}

static void nothing_kept_is_lost_when_the_power_goes_again_while_coming_back(void **state)
{
    (void)state;
    struct story story;
    bool told = false;
    for (uint64_t steps = 0; !told; steps++)
        for (uint64_t again = 0; again < 24; again++) {
            begin_story(&story, steps * 1000 + again);
            memory_disk_cut_after(self.memory, steps);
            told = tell_story(&story);
            memory_disk_restart(self.memory);
            memory_disk_cut_after(self.memory, again);
            tell_story(&story);
            finish_story(&story);
        }
}

/* The one who comes back sends it and counts on from it. */
static void batch_of_a_killed_writer_is_durable_once_it_is_shown(void **state)
{
    (void)state;
    struct story story;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin_story(&story, seed);
        reopen();
        memory_disk_cut_after(self.memory, 3); /* renamed, not yet synced */
        assert_int_equal(put(1), STATUS_IO);
        memory_disk_revive(self.memory);
        reopen();
        assert_whole(1);
        memory_disk_restart(self.memory);
        reopen();
        assert_whole(1);
    }
}

/* A step that fails once: the client is told, and what it was told holds. */
static void nothing_kept_is_lost_wherever_the_disk_fails(void **state)
{
    (void)state;
    static const enum status failures[] = {STATUS_IO, STATUS_FULL};
    struct story story;
    bool told = false;
    for (uint64_t steps = 0; !told; steps++)
        for (size_t i = 0; i < 2; i++) {
            begin_story(&story, steps);
            memory_disk_fail_after(self.memory, steps, failures[i]);
            told = tell_story(&story);
            if (!told && self.spool != NULL && !spool_is_broken(self.spool))
                assert_story(&story);
            finish_story(&story);
        }
}

/* The caller may give the batch again under another number: so it must not come back. */
static void refused_batch_does_not_come_back(void **state)
{
    (void)state;
    for (uint64_t steps = 0; steps < 4; steps++) {
        reopen();
        memory_disk_fail_after(self.memory, steps, STATUS_IO);
        assert_int_equal(put(1), STATUS_IO);
        assert_false(spool_is_broken(self.spool));
        assert_null(spool_digest(self.spool, 1));
        memory_disk_restart(self.memory);
        assert_int_equal(memory_disk_count(self.memory), 0);
    }
}

static void put_that_cannot_be_taken_back_breaks_the_spool(void **state)
{
    (void)state;
    struct error_text error = {""};
    reopen();
    memory_disk_cut_after(self.memory, 3); /* renamed, not yet synced */
    assert_int_equal(put(1), STATUS_IO);
    assert_true(spool_is_broken(self.spool));
    struct spool_batch batch = batch_of(2);
    assert_int_equal(spool_put(self.spool, &batch, &error), STATUS_IO);
    assert_string_equal(error.text, "memory: an earlier write failed: open it again");
    memory_disk_restart(self.memory);
    reopen();
    must_put(2);
}

static void removed_batch_that_comes_back_is_removed_again(void **state)
{
    (void)state;
    bool came_back = false;
    for (uint64_t seed = 0; !came_back; seed++) {
        assert_true(seed < 100);
        memory_disk_free(self.memory);
        self.memory = memory_disk_new(seed);
        memory_disk_init(self.memory, &self.disk);
        reopen();
        must_put(1);
        assert_int_equal(spool_remove(self.spool, 1, NULL), STATUS_OK);
        memory_disk_restart(self.memory);
        came_back = has_file(1, ".batch");
        spool_close(self.spool);
        self.spool = NULL;
    }
    reopen();
    assert_whole(1);
    assert_int_equal(spool_remove(self.spool, 1, NULL), STATUS_OK);
    assert_int_equal(spool_sync(self.spool, NULL), STATUS_OK);
    memory_disk_restart(self.memory);
    assert_false(has_file(1, ".batch"));
}

/* ---- damage ---- */

static void assert_names_the_file(const struct error_text *error)
{
    static const char begin[] = "memory/0000000000000001.batch is damaged: ";
    assert_memory_equal(error->text, begin, strlen(begin));
    assert_non_null(strstr(error->text, "rename it to 0000000000000001.damaged"));
}

static void each_flipped_byte_is_an_error_that_names_the_file(void **state)
{
    (void)state;
    char name[64];
    name_of(1, ".batch", name);
    reopen();
    must_put(1);
    for (size_t at = 0; at < HEAD + BODY + 1; at++) {
        struct error_text error = {""};
        struct spool_batch batch;
        memory_disk_flip(self.memory, name, at);
        if (at < HEAD) {
            assert_int_equal(try_open(&error), STATUS_CORRUPT);
        } else {
            reopen();
            assert_int_equal(spool_load(self.spool, 1, &batch, &error), STATUS_CORRUPT);
        }
        assert_names_the_file(&error);
        memory_disk_flip(self.memory, name, at);
    }
    reopen();
    assert_whole(1);
}

static void file_of_any_other_length_is_an_error(void **state)
{
    (void)state;
    char name[64];
    name_of(1, ".batch", name);
    reopen();
    must_put(1);
    memory_disk_resize(self.memory, name, HEAD + BODY + 2);
    struct error_text error = {""};
    struct spool_batch batch;
    assert_int_equal(spool_load(self.spool, 1, &batch, &error), STATUS_CORRUPT);
    assert_non_null(strstr(error.text, "it is longer than its head says"));
    assert_int_equal(try_open(&error), STATUS_CORRUPT);
    for (size_t size = HEAD + BODY + 1; size-- > 0;) {
        memory_disk_resize(self.memory, name, size);
        assert_int_equal(try_open(&error), STATUS_CORRUPT);
        assert_names_the_file(&error);
        assert_non_null(strstr(error.text, "it is cut short"));
    }
}

static void renamed_batch_is_not_another(void **state)
{
    (void)state;
    struct error_text error = {""};
    reopen();
    must_put(2);
    memory_disk_rename(self.memory, "0000000000000002.batch", "0000000000000001.batch");
    assert_int_equal(try_open(&error), STATUS_CORRUPT);
    assert_non_null(strstr(error.text, "0000000000000001.batch is damaged: it holds"));
}

static void damaged_batch_is_given_up_by_renaming_it(void **state)
{
    (void)state;
    reopen();
    must_put(1);
    must_put(2);
    must_put(3);
    memory_disk_flip(self.memory, "0000000000000002.batch", 20);
    assert_int_equal(try_open(NULL), STATUS_CORRUPT);
    memory_disk_rename(self.memory, "0000000000000002.batch", "0000000000000002.damaged");
    reopen();
    assert_int_equal(spool_count(self.spool), 2);
    assert_int_equal(spool_given_up(self.spool), 1);
    assert_true(spool_is_given_up(self.spool, 2));
    assert_int_equal(spool_next(self.spool, 2), 3);
    assert_int_equal(spool_remove_below(self.spool, 4, NULL), STATUS_OK);
    assert_int_equal(spool_last(self.spool), 2);
    assert_true(has_file(2, ".damaged"));
    must_put(2); /* its maker still had it */
    for (int pass = 0; pass < 2; pass++) {
        assert_false(spool_is_given_up(self.spool, 2));
        assert_whole(2);
        reopen();
    }
}

/* ---- others ---- */

static void batch_of_another_client_is_refused_and_can_be_looked_at(void **state)
{
    (void)state;
    struct error_text error = {""};
    reopen();
    must_put(1);
    spool_close(self.spool);
    self.spool = NULL;
    assert_int_equal(spool_open(&self.disk, other_client, BYTES_MAX, &self.spool, &error),
                     STATUS_CORRUPT);
    assert_string_equal(error.text,
                        "memory/0000000000000001.batch belongs to another journal");
    assert_int_equal(spool_open(&self.disk, NULL, 0, &self.spool, NULL), STATUS_OK);
    assert_whole(1);
}

static void other_files_are_left_alone(void **state)
{
    (void)state;
    static const char *const names[] = {
        "journal",     "0000000000000001",        "0000000000000001.batchx",
        "1.batch",     "000000000000000A.batch",  "0000000000000001.BATCH",
        ".batch.part", "0000000000000001.part",   "x0000000000000001.batch",
        "job.part",    "00000000000000001.batch", "",
    };
    for (size_t i = 0; i + 1 < sizeof names / sizeof names[0]; i++)
        memory_disk_write(self.memory, names[i], "x", 1);
    size_t before = memory_disk_count(self.memory);
    reopen();
    assert_int_equal(spool_count(self.spool), 0);
    must_put(1);
    assert_int_equal(spool_remove_below(self.spool, 2, NULL), STATUS_OK);
    assert_int_equal(memory_disk_count(self.memory), before);
}

static void looking_removes_nothing(void **state)
{
    (void)state;
    memory_disk_write(self.memory, "0000000000000001.batch.part", "half", 4);
    assert_int_equal(spool_open(&self.disk, NULL, 0, &self.spool, NULL), STATUS_OK);
    assert_int_equal(spool_count(self.spool), 0);
    assert_true(has_file(1, ".batch.part"));
    reopen();
    assert_false(has_file(1, ".batch.part"));
}

static enum status get_nothing(void *arg, const char *name, void *bytes, size_t size_max,
                               size_t *size, struct error_text *error)
{
    (void)arg, (void)name, (void)bytes, (void)size_max, (void)size;
    return error_set(error, STATUS_NOT_FOUND, "gone");
}

/* Listed, then answered by its owner before we read it. */
static void batch_that_goes_while_we_look_is_passed_over(void **state)
{
    (void)state;
    reopen();
    must_put(1);
    spool_close(self.spool);
    self.spool = NULL;
    self.disk.get = get_nothing;
    assert_int_equal(spool_open(&self.disk, NULL, 0, &self.spool, NULL), STATUS_OK);
    assert_int_equal(spool_count(self.spool), 0);
    assert_int_equal(try_open(NULL), STATUS_NOT_FOUND); /* ours does not go by itself */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(batch_is_loaded_as_it_was_put),
        TEST(head_is_read_without_the_body),
        TEST(batches_are_found_in_their_order_after_reopening),
        TEST(thousands_pass_through),
        TEST(attempts_are_kept),
        TEST(full_spool_takes_again_when_one_is_answered),
        TEST(full_disk_keeps_nothing_half_and_all_that_was_kept),
        TEST(nothing_kept_is_lost_wherever_the_power_goes),
        TEST(nothing_kept_is_lost_when_the_power_goes_again_while_coming_back),
        TEST(batch_of_a_killed_writer_is_durable_once_it_is_shown),
        TEST(nothing_kept_is_lost_wherever_the_disk_fails),
        TEST(refused_batch_does_not_come_back),
        TEST(put_that_cannot_be_taken_back_breaks_the_spool),
        TEST(removed_batch_that_comes_back_is_removed_again),
        TEST(each_flipped_byte_is_an_error_that_names_the_file),
        TEST(file_of_any_other_length_is_an_error),
        TEST(renamed_batch_is_not_another),
        TEST(damaged_batch_is_given_up_by_renaming_it),
        TEST(batch_of_another_client_is_refused_and_can_be_looked_at),
        TEST(other_files_are_left_alone),
        TEST(looking_removes_nothing),
        TEST(batch_that_goes_while_we_look_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
