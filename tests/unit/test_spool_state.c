/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: `chw spool status` says what waits and what is answered, also while the owner of
 * the folder works on it.
 * Method: a folder with a spool and a journal made by their own modules. */
#include "client/spool_state.h"

#include "client/journal.h"
#include "client/spool_disk.h"
#include "folder_fixture.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static struct journal *journal;
static struct spool *spool;
static const struct digest job = {{1, 2, 3}};

static int setup(void **state)
{
    return folder_fixture_open(state);
}

static int teardown(void **state)
{
    spool_close(spool);
    journal_close(journal);
    spool = NULL;
    journal = NULL;
    return folder_fixture_close(state);
}

static const char *folder_of(void **state)
{
    const struct folder_fixture *folder = *state;
    return folder->path;
}

static void open_owner(void **state)
{
    struct spool_disk disk;
    spool_disk_init(&disk, folder_of(state));
    assert_int_equal(journal_open(folder_path(*state, "journal"), &job, &journal, NULL),
                     STATUS_OK);
    assert_int_equal(spool_open(&disk, journal_client(journal), 1 << 20, &spool, NULL),
                     STATUS_OK);
}

static void put(uint64_t sequence, const char *region, int32_t day, uint32_t rows)
{
    uint8_t body[] = {1, 2, 3};
    struct spool_batch batch = {.rows = rows,
                                .body = body,
                                .size = sizeof body,
                                .digest = digest_body(body, sizeof body)};
    batch.header =
        (struct header){.type = MESSAGE_SCORE, .key.sequence = sequence, .as_of = day};
    strcpy(batch.header.region, region);
    memcpy(batch.header.key.client, journal_client(journal), CLIENT_ID_SIZE);
    assert_int_equal(spool_put(spool, &batch, NULL), STATUS_OK);
}

static void assert_json(void **state, const char *expected)
{
    struct spool_state read;
    char *text = NULL;
    size_t size;
    assert_int_equal(spool_state_read(folder_of(state), &read, NULL), STATUS_OK);
    assert_memory_equal(&read.job, &job, sizeof job);
    FILE *file = open_memstream(&text, &size);
    spool_state_json(&read, file);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, expected);
    free(text);
    spool_state_free(&read);
}

static void what_waits_is_summed_up_by_region(void **state)
{
    open_owner(state);
    put(1, "KE/Kisumu", 20001, 10);
    put(2, "KE/\"B\"", 20000, 5);
    put(3, "KE/Kisumu", 20002, 1);
    assert_json(state,
                "{\"batches\":3,\"records\":16,\"bytes\":12288,\"oldest_day\":"
                "\"2024-10-04\",\"newest_day\":\"2024-10-06\",\"answered\":0,"
                "\"given_up\":0,\"regions\":[{\"region\":\"KE/\\\"B\\\"\",\"batches\":1,"
                "\"records\":5},{\"region\":\"KE/Kisumu\",\"batches\":2,\"records\":11}]}"
                "\n");
}

/* Its file stays until all before it are answered, too. */
static void answered_batch_does_not_wait_though_its_file_is_there(void **state)
{
    open_owner(state);
    put(1, "KE/Kisumu", 20000, 10);
    put(2, "KE/Nyando", 20000, 7);
    assert_int_equal(journal_append(journal, 2, &job, "x", 1, NULL), STATUS_OK);
    assert_json(state,
                "{\"batches\":1,\"records\":10,\"bytes\":8192,\"oldest_day\":"
                "\"2024-10-04\",\"newest_day\":\"2024-10-04\",\"answered\":1,"
                "\"given_up\":0,\"regions\":[{\"region\":\"KE/Kisumu\",\"batches\":1,"
                "\"records\":10}]}\n");
}

static void empty_spool_has_no_days(void **state)
{
    open_owner(state);
    folder_write_text(*state, "0000000000000001.damaged", "");
    assert_json(state, "{\"batches\":0,\"records\":0,\"bytes\":0,\"oldest_day\":null,"
                       "\"newest_day\":null,\"answered\":0,\"given_up\":1,"
                       "\"regions\":[]}\n");
}

static void other_folder_is_no_spool(void **state)
{
    struct spool_state read;
    struct error_text error;
    assert_int_equal(spool_state_read(folder_of(state), &read, &error), STATUS_NOT_FOUND);
    assert_says(&error, "is no spool");
    assert_int_equal(spool_state_read("/nowhere", &read, &error), STATUS_NOT_FOUND);
    assert_says(&error, "/nowhere: No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(what_waits_is_summed_up_by_region),
        TEST(answered_batch_does_not_wait_though_its_file_is_there),
        TEST(empty_spool_has_no_days),
        TEST(other_folder_is_no_spool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
