/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a real folder keeps what struct spool_disk promises, and so does the one of the
 * tests; a process that dies in the middle of a put leaves nothing that is taken for a
 * batch.
 * Method: the same contract on both; on the real one fsync() and rename() are noted on
 * their way, kill the process, or find the disk full by RLIMIT_FSIZE. */
#include "client/spool_disk.h"

#include "tests/lib/memory_disk.h"
#include "tests/lib/test.h"
#include "tests/unit/folder_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DIES_NEVER = -1 };

static char calls[256]; /* what was asked of the system, in order */
static int dies_at = DIES_NEVER;

static void note(const char *call)
{
    strncat(calls, call, sizeof calls - strlen(calls) - 1);
    if (dies_at != DIES_NEVER && dies_at-- == 0)
        kill(getpid(), SIGKILL);
}

/* In place of libc's. */
__attribute__((visibility("default"))) int fsync(int fd)
{
    struct stat info;
    assert_int_equal(fstat(fd, &info), 0);
    note(S_ISDIR(info.st_mode) ? "sync-folder " : "sync-file ");
    return (int)syscall(SYS_fsync, fd);
}

__attribute__((visibility("default"))) int rename(const char *from, const char *to)
{
    note("rename ");
    return (int)syscall(SYS_rename, from, to);
}

/* ---- the contract, on both ---- */

struct listing {
    size_t count;
    uint64_t size;
    bool has_a;
};

static void see(void *context, const char *name, uint64_t size)
{
    struct listing *listing = context;
    if (name[0] == '.')
        return;
    listing->count++;
    listing->size += size;
    listing->has_a = listing->has_a || strcmp(name, "a") == 0;
}

static void check_got(const struct spool_disk *disk, const char *name, const char *text)
{
    char bytes[16];
    size_t size;
    assert_int_equal(disk->get(disk->arg, name, bytes, sizeof bytes, &size, NULL),
                     STATUS_OK);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(bytes, text, size);
    assert_int_equal(disk->get(disk->arg, name, bytes, 1, &size, NULL), STATUS_OK);
    assert_int_equal(size, text[0] == '\0' ? 0 : 1);
}

static void check_put(const struct spool_disk *disk, const char *name, const char *text)
{
    assert_int_equal(disk->put(disk->arg, name, text, strlen(text), NULL), STATUS_OK);
    check_got(disk, name, text);
}

static void check_contract(const struct spool_disk *disk)
{
    char bytes[16];
    size_t size;
    struct listing listing = {0};
    check_put(disk, "a", "one");
    check_put(disk, "b", "");
    check_put(disk, "a", "other");
    check_got(disk, "b", "");
    assert_int_equal(disk->get(disk->arg, "c", bytes, sizeof bytes, &size, NULL),
                     STATUS_NOT_FOUND);
    assert_int_equal(disk->list(disk->arg, see, &listing, NULL), STATUS_OK);
    assert_int_equal(listing.count, 2);
    assert_int_equal(listing.size, 5);
    assert_true(listing.has_a);
    assert_int_equal(disk->remove(disk->arg, "a", NULL), STATUS_OK);
    assert_int_equal(disk->remove(disk->arg, "a", NULL), STATUS_NOT_FOUND);
    assert_int_equal(disk->get(disk->arg, "a", bytes, sizeof bytes, &size, NULL),
                     STATUS_NOT_FOUND);
    assert_int_equal(disk->sync(disk->arg, NULL), STATUS_OK);
}

static void folder_keeps_the_contract(void **state)
{
    struct folder_fixture *folder = *state;
    struct spool_disk disk;
    spool_disk_init(&disk, folder->path);
    check_contract(&disk);
}

static void memory_keeps_the_contract(void **state)
{
    (void)state;
    struct spool_disk disk;
    struct memory_disk *memory = memory_disk_new(1);
    memory_disk_init(memory, &disk);
    check_contract(&disk);
    memory_disk_free(memory);
}

/* ---- the real one ---- */

static void put_syncs_the_file_then_its_name(void **state)
{
    struct folder_fixture *folder = *state;
    struct spool_disk disk;
    spool_disk_init(&disk, folder->path);
    calls[0] = '\0';
    assert_int_equal(disk.put(disk.arg, "a", "x", 1, NULL), STATUS_OK);
    assert_string_equal(calls, "sync-file rename sync-folder ");
    assert_int_equal(disk.remove(disk.arg, "a", NULL), STATUS_OK);
    calls[0] = '\0';
    assert_int_equal(disk.sync(disk.arg, NULL), STATUS_OK);
    assert_string_equal(calls, "sync-folder ");
}

static void missing_folder_is_named(void **state)
{
    struct spool_disk disk;
    struct spool *spool;
    struct error_text error = {""};
    spool_disk_init(&disk, folder_path(*state, "none"));
    assert_int_equal(spool_open(&disk, NULL, 0, &spool, &error), STATUS_NOT_FOUND);
    assert_says(&error, "/none: No such file or directory");
    assert_int_equal(disk.put(disk.arg, "a", "x", 1, &error), STATUS_NOT_FOUND);
}

static void name_beyond_a_path_is_refused(void **state)
{
    (void)state;
    static char folder[5000];
    struct spool_disk disk;
    struct error_text error = {""};
    memset(folder, 'x', sizeof folder - 1);
    spool_disk_init(&disk, folder);
    assert_int_equal(disk.put(disk.arg, "a", "x", 1, &error), STATUS_INVALID);
    assert_says(&error, "the path is too long");
    assert_int_equal(disk.sync(disk.arg, &error), STATUS_INVALID);
}

static struct spool_batch small_batch(uint64_t sequence, uint8_t *body, size_t size)
{
    struct spool_batch batch = {.rows = 1,
                                .body = body,
                                .size = size,
                                .digest = digest_body(body, size),
                                .header = {.type = MESSAGE_SCORE, .region = "KE"}};
    batch.header.key.sequence = sequence;
    return batch;
}

static struct spool *open_spool(const struct folder_fixture *folder,
                                struct spool_disk *disk)
{
    static const uint8_t client[CLIENT_ID_SIZE];
    struct spool *spool;
    struct error_text error = {""};
    spool_disk_init(disk, folder->path);
    enum status status = spool_open(disk, client, 1 << 20, &spool, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(status, STATUS_OK);
    return spool;
}

static void full_disk_keeps_what_was_kept_and_nothing_half(void **state)
{
    struct rlimit before, tight;
    struct spool_disk disk;
    struct error_text error = {""};
    static uint8_t body[2000];
    struct spool *spool = open_spool(*state, &disk);
    struct spool_batch batch = small_batch(1, body, 10);
    assert_int_equal(spool_put(spool, &batch, NULL), STATUS_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight = (struct rlimit){.rlim_cur = 1000, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    batch = small_batch(2, body, sizeof body);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    enum status status = spool_put(spool, &batch, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, STATUS_FULL);
    assert_says(&error, "0000000000000002.batch.part: File too large");
    assert_int_not_equal(access(folder_path(*state, "0000000000000002.batch.part"), F_OK),
                         0);
    assert_int_equal(spool_put(spool, &batch, NULL), STATUS_OK); /* there is room again */
    spool_close(spool);
    spool = open_spool(*state, &disk);
    assert_int_equal(spool_count(spool), 2);
    spool_close(spool);
}

/* In a child that dies at its so-many-th call; false: it lived to the end. */
static bool dies_while_putting(const struct folder_fixture *folder, int at)
{
    int how;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct spool_disk disk;
        uint8_t body[3000] = {9};
        struct spool *spool = open_spool(folder, &disk);
        dies_at = at;
        for (uint64_t sequence = 2; sequence < 4; sequence++) {
            struct spool_batch batch = small_batch(sequence, body, sizeof body);
            if (spool_put(spool, &batch, NULL) != STATUS_OK)
                abort();
        }
        _exit(0);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    return WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL;
}

static void death_in_the_middle_leaves_whole_batches_or_none(void **state)
{
    struct spool_disk disk;
    uint8_t body[] = "kept";
    bool died = true;
    for (int at = 0; died; at++) {
        struct spool *spool = open_spool(*state, &disk);
        struct spool_batch batch = small_batch(1, body, sizeof body);
        assert_int_equal(spool_put(spool, &batch, NULL), STATUS_OK);
        spool_close(spool);
        died = dies_while_putting(*state, at);
        spool = open_spool(*state, &disk);
        /* Two more from the rename on, which is each put's second call of three. */
        assert_int_equal(spool_count(spool), 1 + (at > 1) + (at > 4));
        for (uint64_t n = spool_next(spool, 0); n != 0; n = spool_next(spool, n + 1)) {
            assert_int_equal(spool_load(spool, n, &batch, NULL), STATUS_OK);
            free(batch.body);
        }
        assert_int_equal(spool_remove_below(spool, 9, NULL), STATUS_OK);
        spool_close(spool);
        assert_int_equal(rmdir(((struct folder_fixture *)*state)->path), 0);
        assert_int_equal(mkdir(((struct folder_fixture *)*state)->path, 0700), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, folder_fixture_open, folder_fixture_close)
        TEST(folder_keeps_the_contract),
        TEST(memory_keeps_the_contract),
        TEST(put_syncs_the_file_then_its_name),
        TEST(missing_folder_is_named),
        TEST(name_beyond_a_path_is_refused),
        TEST(full_disk_keeps_what_was_kept_and_nothing_half),
        TEST(death_in_the_middle_leaves_whole_batches_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
