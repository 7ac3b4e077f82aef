/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a file is read whole or not at all, replaced whole or left as it was, and a lock
 * has one holder until that one ends.
 * Method: a folder of the test; a full disk by RLIMIT_FSIZE; a second process for locks.
 */

#include "base/file.h"
#include "tests/lib/test.h"
#include "tests/unit/folder_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LARGE = 300001 };

static struct error_text error;
static uint8_t large[LARGE];

static void expect_content(const char *path, const void *bytes, size_t size)
{
    uint8_t *found = NULL;
    size_t found_size = 0;
    assert_int_equal(file_read(path, LARGE, &found, &found_size, &error), STATUS_OK);
    assert_int_equal(found_size, size);
    assert_memory_equal(found, bytes, size);
    assert_int_equal(found[size], 0);
    free(found);
}

static bool is_there(struct folder_fixture *folder, const char *name)
{
    return access(folder_path(folder, name), F_OK) == 0;
}

/* ---- reading ---- */

static void file_is_read_whole_with_a_zero_after_it(void **state)
{
    static const size_t sizes[] = {0, 1, 65534, 65535, 65536, 65537, LARGE};
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (uint8_t)(i * 7 + (i >> 8));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        expect_content(folder_write(*state, "f", large, sizes[i]), large, sizes[i]);
}

static void file_beyond_the_bound_is_refused(void **state)
{
    uint8_t *bytes;
    size_t size;
    const char *path = folder_write(*state, "f", large, 100000);
    assert_int_equal(file_read(path, 99999, &bytes, &size, &error), STATUS_FULL);
    assert_says(&error, "f: larger than 99999 bytes");
    assert_int_equal(file_read(path, 100000, &bytes, &size, &error), STATUS_OK);
    free(bytes);
    assert_int_equal(file_read("/dev/zero", 1000, &bytes, &size, &error), STATUS_FULL);
}

static void sentence_says_why_a_file_cannot_be_read(void **state)
{
    struct folder_fixture *folder = *state;
    uint8_t *bytes;
    size_t size;
    const char *path = folder_path(folder, "none");
    assert_int_equal(file_read(path, 10, &bytes, &size, &error), STATUS_NOT_FOUND);
    assert_says(&error, "none: No such file or directory");
    assert_int_equal(file_read(folder->path, 10, &bytes, &size, &error), STATUS_IO);
    assert_says(&error, "Is a directory");
    folder_write_text(folder, "f", "x");
    path = folder_path(folder, "f/below");
    assert_int_equal(file_read(path, 10, &bytes, &size, &error), STATUS_IO);
    assert_says(&error, "f/below: Not a directory");
}

/* ---- replacing ---- */

static void replaced_file_is_new_private_and_alone(void **state)
{
    struct folder_fixture *folder = *state;
    struct stat info;
    const char *path = folder_path(folder, "f");
    assert_int_equal(file_replace(path, large, LARGE, &error), STATUS_OK);
    expect_content(path, large, LARGE);
    assert_int_equal(file_replace(path, "short", 5, &error), STATUS_OK);
    expect_content(path, "short", 5);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_false(is_there(folder, "f.part"));
}

static void part_left_by_a_crash_is_in_nobodys_way(void **state)
{
    struct folder_fixture *folder = *state;
    folder_write(folder, "f.part", large, LARGE);
    const char *path = folder_path(folder, "f");
    assert_int_equal(file_replace(path, "new", 3, &error), STATUS_OK);
    expect_content(path, "new", 3);
}

static void full_disk_leaves_the_old_file_and_no_part(void **state)
{
    struct folder_fixture *folder = *state;
    struct rlimit before, small;
    const char *path = folder_write_text(folder, "f", "old");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 65536;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum status status = file_replace(path, large, LARGE, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, STATUS_FULL);
    assert_says(&error, "f.part: File too large");
    expect_content(path, "old", 3);
    assert_false(is_there(folder, "f.part"));
    path = folder_path(folder, "f");
    assert_int_equal(file_replace(path, "new", 3, &error), STATUS_OK);
    expect_content(path, "new", 3);
}

static void missing_folder_and_long_path_are_refused(void **state)
{
    char path[5000];
    assert_int_equal(file_replace(folder_path(*state, "none/f"), "x", 1, &error),
                     STATUS_NOT_FOUND);
    assert_says(&error, "none/f.part: No such file or directory");
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_int_equal(file_replace(path, "x", 1, &error), STATUS_INVALID);
    assert_says(&error, "the path is too long");
}

static void folder_in_the_files_place_stays(void **state)
{
    struct folder_fixture *folder = *state;
    assert_int_equal(mkdir(folder_path(folder, "f"), 0700), 0);
    const char *path = folder_path(folder, "f");
    assert_int_equal(file_replace(path, "x", 1, &error), STATUS_IO);
    assert_says(&error, "f: Is a directory");
    assert_false(is_there(folder, "f.part"));
}

static void part_is_published_under_its_name(void **state)
{
    struct folder_fixture *folder = *state;
    char part[128];
    strcpy(part, folder_write_text(folder, "p", "whole"));
    const char *path = folder_path(folder, "f");
    assert_int_equal(file_publish(part, path, &error), STATUS_OK);
    expect_content(path, "whole", 5);
    assert_int_equal(file_publish(part, path, &error), STATUS_NOT_FOUND);
    assert_int_equal(file_sync_folder(path, &error), STATUS_OK);
    assert_int_equal(file_sync_folder(folder_path(folder, "none/f"), &error),
                     STATUS_NOT_FOUND);
}

static void name_without_a_folder_is_of_the_current_one(void **state)
{
    struct folder_fixture *folder = *state;
    int here = open(".", O_RDONLY | O_DIRECTORY);
    assert_true(here >= 0);
    assert_int_equal(chdir(folder->path), 0);
    enum status status = file_replace("plain", "x", 1, &error);
    assert_int_equal(fchdir(here), 0);
    close(here);
    assert_int_equal(status, STATUS_OK);
    expect_content(folder_path(folder, "plain"), "x", 1);
}

/* ---- folders ---- */

static void folder_is_made_with_its_parents_for_its_owner_alone(void **state)
{
    struct folder_fixture *folder = *state;
    struct stat info;
    const char *path = folder_path(folder, "a/b//c/");
    assert_int_equal(file_make_folder(path, &error), STATUS_OK);
    assert_int_equal(file_make_folder(path, &error), STATUS_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISDIR(info.st_mode));
    assert_int_equal(info.st_mode & 0777, 0700);
}

static void folder_cannot_be_where_a_file_is(void **state)
{
    struct folder_fixture *folder = *state;
    char longest[5000];
    const char *path = folder_write_text(folder, "f", "x");
    assert_int_equal(file_make_folder(path, &error), STATUS_INVALID);
    assert_says(&error, "f is there and is not a folder");
    assert_int_equal(file_make_folder(folder_path(folder, "f/g"), &error), STATUS_IO);
    assert_says(&error, "f/g: Not a directory");
    assert_int_equal(file_make_folder("", &error), STATUS_INVALID);
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(file_make_folder(longest, &error), STATUS_INVALID);
    assert_says(&error, "cannot be a folder's path");
}

/* ---- locks ---- */

static void lock_has_one_holder_until_it_is_closed(void **state)
{
    struct folder_fixture *folder = *state;
    char holder[64], *path = strdup(folder_write_text(folder, "lock", "a longer text"));
    int first = -1, second = -1;
    assert_int_equal(file_lock(path, &first, &error), STATUS_OK);
    assert_int_equal(file_lock(path, &second, &error), STATUS_TAKEN);
    assert_int_equal(second, -1);
    snprintf(holder, sizeof holder, "lock is held by process %ld", (long)getpid());
    assert_says(&error, holder);
    snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
    expect_content(path, holder, strlen(holder));
    close(first);
    assert_int_equal(file_lock(path, &second, &error), STATUS_OK);
    close(second);
    free(path);
}

static void lock_ends_with_its_process(void **state)
{
    struct folder_fixture *folder = *state;
    const char *path = folder_path(folder, "lock");
    int ready[2], fd = -1;
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool locked = file_lock(path, &fd, NULL) == STATUS_OK;
        if (write(ready[1], locked ? "y" : "n", 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    enum status status = file_lock(path, &fd, &error);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]);
    close(ready[1]);
    char holder[64];
    snprintf(holder, sizeof holder, "held by process %ld", (long)child);
    assert_int_equal(byte, 'y');
    assert_int_equal(status, STATUS_TAKEN);
    assert_says(&error, holder);
    assert_int_equal(file_lock(path, &fd, &error), STATUS_OK);
    close(fd);
}

static void lock_in_a_missing_folder_is_refused(void **state)
{
    int fd = 0;
    assert_int_equal(file_lock(folder_path(*state, "none/lock"), &fd, &error),
                     STATUS_NOT_FOUND);
    assert_true(fd < 0);
}

int main(void)
{
#define TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, folder_fixture_open, folder_fixture_close)
    const struct CMUnitTest tests[] = {
        TEST(file_is_read_whole_with_a_zero_after_it),
        TEST(file_beyond_the_bound_is_refused),
        TEST(sentence_says_why_a_file_cannot_be_read),
        TEST(replaced_file_is_new_private_and_alone),
        TEST(part_left_by_a_crash_is_in_nobodys_way),
        TEST(full_disk_leaves_the_old_file_and_no_part),
        TEST(missing_folder_and_long_path_are_refused),
        TEST(folder_in_the_files_place_stays),
        TEST(part_is_published_under_its_name),
        TEST(name_without_a_folder_is_of_the_current_one),
        TEST(folder_is_made_with_its_parents_for_its_owner_alone),
        TEST(folder_cannot_be_where_a_file_is),
        TEST(lock_has_one_holder_until_it_is_closed),
        TEST(lock_ends_with_its_process),
        TEST(lock_in_a_missing_folder_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
