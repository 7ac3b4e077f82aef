/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what only the SQLite store promises: damage is found, a file that is not ours is
 * left alone, a full disk or a lock is a sentence and passes, each commit is synced.
 * Method: a second, plain SQLite connection alters the file behind the store's back; a
 * lowered RLIMIT_FSIZE is the full disk; fdatasync is counted on its way. */

#include "store_fixture.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the syncs of the store's library, counted ---- */

static atomic_int sync_count;

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    atomic_fetch_add(&sync_count, 1);
    return (int)syscall(SYS_fdatasync, fd);
}

__attribute__((visibility("default"))) int fsync(int fd)
{
    atomic_fetch_add(&sync_count, 1);
    return (int)syscall(SYS_fsync, fd);
}

/* ---- helpers ---- */

static const char *path_of(const struct store_fixture *self)
{
    return strchr(self->url, ':') + 1;
}

/* Through a connection of its own: SQLite's locks stay whole. */
static void behind_its_back(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    assert_works(file_replace(path, bytes, size, &why));
}

static void assert_refused(const char *path, enum status expected, const char *words)
{
    char url[256];
    struct store *store = NULL;
    struct error_text error = {""};
    snprintf(url, sizeof url, "sqlite:%s", path);
    assert_int_equal(store_open(url, &store, &error), expected);
    assert_null(store);
    if (strstr(error.text, path) == NULL || strstr(error.text, words) == NULL)
        fail_msg("'%s' does not say %s and '%s'", error.text, path, words);
}

static enum status try_settle(struct store *store, uint64_t sequence,
                              struct error_text *error)
{
    struct demand_cell cell = one_person("KE");
    struct settle_request request = counted(1, sequence, &cell);
    struct settle_result result;
    return store_settle(store, &request, 1, &result, error);
}

/* ---- damage ---- */

static void flipped_byte_in_an_artifact_is_found(void **state)
{
    struct store_fixture *self = *state;
    struct digest version;
    struct error_text error = {""};
    uint8_t *bytes = NULL;
    size_t size;
    assert_works(
        store_put(self->store, ARTIFACT_MODEL, "chd", "weights", 7, &version, &why));
    behind_its_back(path_of(self), "UPDATE artifact SET bytes = CAST('weighTs' AS BLOB)");
    assert_int_equal(
        store_get(self->store, ARTIFACT_MODEL, &version, &bytes, &size, &error),
        STATUS_CORRUPT);
    assert_null(bytes);
    assert_non_null(strstr(error.text, "digest"));
}

static void damaged_settlement_is_not_returned(void **state)
{
    static const char *const damages[] = {
        "UPDATE settlement SET targets = x'05'", /* a name that is cut */
        "UPDATE settlement SET targets = zeroblob(33 * 17)",
        "UPDATE settlement SET targets = x'', outcome = 4"};
    struct store_fixture *self = *state;
    assert_int_equal(try_settle(self->store, 1, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct error_text error = {""};
        behind_its_back(path_of(self), damages[i]);
        assert_int_equal(try_settle(self->store, 1, &error), STATUS_CORRUPT);
        assert_non_null(strstr(error.text, "damaged"));
    }
}

static void store_without_one_of_its_tables_is_corrupt(void **state)
{
    struct store_fixture *self = *state;
    struct error_text error = {""};
    behind_its_back(path_of(self), "DROP TABLE demand");
    assert_int_equal(try_settle(self->store, 1, &error), STATUS_CORRUPT);
    assert_non_null(strstr(error.text, "demand"));
    assert_int_equal(settlement_count(self->store), 0); /* nothing half-done */
}

static bool ignore_cell(void *arg, const struct demand_cell *cell)
{
    (void)arg;
    (void)cell;
    return true;
}

static bool ignore_letter(void *arg, const struct dead_letter *letter)
{
    (void)arg;
    (void)letter;
    return true;
}

static bool ignore_alias(void *arg, const struct alias *alias)
{
    (void)arg;
    (void)alias;
    return true;
}

/* Whatever the statuses, every one is an answer. */
static void use_everything(struct store *store, const struct digest *version)
{
    uint64_t number;
    uint8_t *bytes = NULL;
    size_t size;
    struct digest at;
    bool answered[] = {
        store_get(store, ARTIFACT_MODEL, version, &bytes, &size, NULL) < STATUS_IO,
        store_aliases(store, ignore_alias, NULL, NULL) < STATUS_IO,
        store_generation(store, &number, NULL) < STATUS_IO,
        store_demand(store, 0, ignore_cell, NULL, NULL) < STATUS_IO,
        store_dead_letters(store, ignore_letter, NULL, NULL) < STATUS_IO,
        try_settle(store, 3, NULL) < STATUS_IO,
        try_settle(store, 1000, NULL) < STATUS_IO,
        store_alias_rollback(store, ARTIFACT_MODEL, "chd", "champion", &at, NULL) <
            STATUS_IO,
    };
    for (size_t i = 0; i < sizeof answered / sizeof answered[0]; i++)
        assert_true(answered[i]);
    free(bytes);
}

static void damaged_file_is_answered_and_never_crashes(void **state)
{
    struct store_fixture *self = *state;
    enum { ROUNDS = 100, FILE_MAX = 1 << 20 };
    struct digest version;
    uint8_t *whole = NULL;
    size_t size = 0;
    int refused = 0;
    assert_works(
        store_put(self->store, ARTIFACT_MODEL, "chd", "weights", 7, &version, &why));
    assert_works(
        store_alias_move(self->store, ARTIFACT_MODEL, "chd", "champion", &version, &why));
    for (uint64_t sequence = 0; sequence < 40; sequence++)
        assert_int_equal(try_settle(self->store, sequence, NULL), STATUS_OK);
    store_close(self->store); /* all of it is in the one file now */
    self->store = NULL;
    assert_works(file_read(path_of(self), FILE_MAX, &whole, &size, &why));
    srand(test_seed(1));
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t *bytes = malloc(size);
        struct store *store = NULL;
        assert_non_null(bytes);
        memcpy(bytes, whole, size);
        for (int i = 0; i < 6; i++)
            bytes[(size_t)rand() % size] = (uint8_t)rand();
        size_t kept = rand() % 4 == 0 ? (size_t)rand() % size : size; /* or cut off */
        write_file(path_of(self), bytes, kept);
        free(bytes);
        enum status status = store_open(self->url, &store, NULL);
        if (status == STATUS_OK)
            use_everything(store, &version);
        else
            refused++;
        store_close(store);
    }
    free(whole);
    print_message("%d of %d damaged files were refused at opening\n", refused, ROUNDS);
    assert_in_range(refused, 1, ROUNDS - 1);
}

/* ---- files that are not ours ---- */

static void file_of_another_kind_is_refused_and_left_as_it_is(void **state)
{
    struct store_fixture *self = *state;
    static const char text[] =
        "name,age\nJane,47\nand more than a hundred bytes, so that SQLite has a whole "
        "header to look at and finds that this is none of its own files\n";
    char path[128];
    uint8_t *bytes = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/people.csv", self->folder);
    write_file(path, text, sizeof text);
    assert_refused(path, STATUS_CORRUPT, "not a database");
    assert_works(file_read(path, 4096, &bytes, &size, &why));
    assert_int_equal(size, sizeof text);
    assert_memory_equal(bytes, text, sizeof text);
    free(bytes);
}

static void database_of_another_program_is_refused_and_left_as_it_is(void **state)
{
    struct store_fixture *self = *state;
    char path[128];
    uint8_t *before = NULL, *after = NULL;
    size_t before_size = 0, after_size = 0;
    snprintf(path, sizeof path, "%s/other.db", self->folder);
    behind_its_back(path, "CREATE TABLE notes (text)");
    assert_works(file_read(path, 1 << 20, &before, &before_size, &why));
    assert_refused(path, STATUS_CORRUPT, "not a CHW Score store");
    assert_works(file_read(path, 1 << 20, &after, &after_size, &why));
    assert_int_equal(after_size, before_size);
    assert_memory_equal(after, before, before_size); /* its journal mode, above all */
    free(before);
    free(after);
}

static void store_of_another_format_is_refused(void **state)
{
    struct store_fixture *self = *state;
    behind_its_back(path_of(self), "PRAGMA user_version = 2");
    assert_refused(path_of(self), STATUS_CORRUPT, "format 2");
}

static void letter_of_an_older_release_is_listed_and_dropped(void **state)
{
    struct store_fixture *self = *state;
    struct dead_letter page[STORE_LETTERS_PAGE];
    size_t count;
    behind_its_back(
        path_of(self),
        "DROP TABLE dead_letter_head;"
        "INSERT INTO dead_letter VALUES (zeroblob(16), 0, 'KE', 'why', x'616263')");
    store_close(self->store);
    assert_works(store_open(self->url, &self->store, &why));
    assert_works(store_dead_letter_page(self->store, NULL, page, &count, &why));
    assert_int_equal(count, 1);
    assert_string_equal(page[0].reason, "why");
    assert_int_equal(page[0].size, 3);
    assert_int_equal(page[0].buried_s, 0);
    assert_int_equal(page[0].attempts, 0);
    assert_works(store_dead_letter_drop(self->store, &page[0].key, &why));
}

static void damaged_letter_is_told_and_not_believed(void **state)
{
    struct store_fixture *self = *state;
    struct error_text error = {""};
    behind_its_back(path_of(self),
                    "INSERT INTO dead_letter VALUES (x'01', 1, 'KE', 'why', x'')");
    assert_int_equal(store_dead_letters(self->store, ignore_letter, NULL, &error),
                     STATUS_CORRUPT);
    assert_non_null(strstr(error.text, "dead letter"));
}

static void place_where_no_store_can_be_is_refused_with_its_cause(void **state)
{
    struct store_fixture *self = *state;
    char path[128];
    struct store *store = NULL;
    snprintf(path, sizeof path, "%s/missing/store.db", self->folder);
    assert_refused(path, STATUS_UNAVAILABLE, "No such file or directory");
    snprintf(path, sizeof path, "%s/folder", self->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused(path, STATUS_UNAVAILABLE, "unable to open");
    assert_int_equal(store_open("sqlite::memory:", &store, NULL), STATUS_INVALID);
    assert_null(store);
}

static void file_and_its_companions_are_the_owners_alone(void **state)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-turn"};
    struct store_fixture *self = *state;
    assert_works(try_settle(self->store, 1, &why));
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char path[160];
        struct stat file;
        snprintf(path, sizeof path, "%s%s", path_of(self), suffixes[i]);
        assert_int_equal(stat(path, &file), 0);
        assert_int_equal(file.st_mode & 0777, 0600);
    }
}

/* As nobody, since root may write where it may not. */
static void store_that_may_only_be_read_says_so(void **state)
{
    struct store_fixture *self = *state;
    enum { NOBODY = 65534 };
    store_close(self->store);
    self->store = NULL;
    assert_int_equal(chmod(self->folder, 0755), 0);
    assert_int_equal(chmod(path_of(self), 0444), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct error_text error = {""};
        struct store *store = NULL;
        if (geteuid() == 0 && seteuid(NOBODY) != 0)
            _exit(2);
        enum status status = store_open(self->url, &store, &error);
        _exit(status == STATUS_UNAVAILABLE &&
                      strstr(error.text, "Permission denied") != NULL
                  ? 0
                  : 1);
    }
    int how;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

/* ---- what passes ---- */

static void limit_file_size(rlim_t size)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void full_disk_is_a_sentence_and_passes(void **state)
{
    struct store_fixture *self = *state;
    struct error_text error = {""};
    struct digest version;
    enum { LARGE = 1 << 20 };
    uint8_t *large = calloc(1, LARGE);
    assert_non_null(large);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(try_settle(self->store, 0, NULL), STATUS_OK);

    limit_file_size(256 << 10);
    enum status put =
        store_put(self->store, ARTIFACT_MODEL, "chd", large, LARGE, &version, &error);
    enum status filled = STATUS_OK;
    uint64_t settled = 0;
    while (filled == STATUS_OK && settled < 10000) {
        filled = try_settle(self->store, settled + 1, NULL);
        settled += filled == STATUS_OK;
    }
    enum status again = try_settle(self->store, settled + 1, NULL);
    uint64_t kept = 0;
    enum status counted_then = store_settlement_count(self->store, &kept, NULL);
    limit_file_size(RLIM_INFINITY);

    assert_int_equal(put, STATUS_UNAVAILABLE);
    if (strstr(error.text, path_of(self)) == NULL ||
        strstr(error.text, strerror(EFBIG)) == NULL)
        fail_msg("'%s' names not both file and cause", error.text);
    assert_int_equal(filled, STATUS_UNAVAILABLE);
    assert_int_equal(again, STATUS_UNAVAILABLE);
    assert_int_equal(counted_then, STATUS_OK); /* it can still be read */
    assert_int_equal(kept, 1 + settled);

    /* The same handle, the same calls. */
    assert_works(try_settle(self->store, settled + 1, &why));
    assert_works(
        store_put(self->store, ARTIFACT_MODEL, "chd", large, LARGE, &version, &why));
    assert_int_equal(settlement_count(self->store), settled + 2);
    assert_int_equal(demand_total(self->store).people, settled + 2);
    free(large);
}

static void store_made_on_a_full_disk_can_be_made_later(void **state)
{
    struct store_fixture *self = *state;
    char path[128], url[160];
    struct store *store = NULL;
    signal(SIGXFSZ, SIG_IGN);
    snprintf(path, sizeof path, "%s/new.db", self->folder);
    snprintf(url, sizeof url, "sqlite:%s", path);
    limit_file_size(4096);
    enum status status = store_open(url, &store, NULL);
    limit_file_size(RLIM_INFINITY);
    assert_int_equal(status, STATUS_UNAVAILABLE);
    assert_works(store_open(url, &store, &why));
    assert_works(try_settle(store, 1, &why));
    store_close(store);
}

/* Holds SQLite's write lock, as a person's shell does, outside of the turns. */
static sqlite3 *lock_for_writing(const char *path)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void locked_store_can_be_read_and_is_unavailable_for_writing(void **state)
{
    struct store_fixture *self = *state;
    struct error_text error = {""};
    assert_works(try_settle(self->store, 1, &why));
    struct store *other = store_fixture_handle(self);
    sqlite3 *db = lock_for_writing(path_of(self));
    uint64_t begun_ms = clock_monotonic_ms();
    assert_int_equal(settlement_count(self->store), 1);
    assert_int_equal(demand_total(self->store).people, 1);
    assert_true(clock_monotonic_ms() - begun_ms < 2000); /* readers do not wait */
    assert_int_equal(try_settle(self->store, 2, &error), STATUS_UNAVAILABLE);
    assert_non_null(strstr(error.text, "locked"));
    sqlite3_close(db);
    assert_works(try_settle(other, 2, &why)); /* the turn was given back */
    assert_works(try_settle(self->store, 3, &why));
    assert_int_equal(settlement_count(self->store), 3);
    store_close(other);
}

static void each_commit_is_synced(void **state)
{
    struct store_fixture *self = *state;
    enum { COMMITS = 20 };
    int before = atomic_load(&sync_count);
    for (uint64_t sequence = 0; sequence < COMMITS; sequence++)
        assert_works(try_settle(self->store, sequence, &why));
    assert_true(atomic_load(&sync_count) - before >= COMMITS);
}

static void store_is_in_wal_mode_whatever_it_was(void **state)
{
    struct store_fixture *self = *state;
    struct stat file;
    char wal[160];
    store_close(self->store);
    behind_its_back(path_of(self), "PRAGMA journal_mode = DELETE");
    self->store = store_fixture_handle(self);
    assert_works(try_settle(self->store, 1, &why));
    snprintf(wal, sizeof wal, "%s-wal", path_of(self));
    assert_int_equal(stat(wal, &file), 0);
    assert_true(file.st_size > 0);
}

int main(void)
{
#define TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, store_fixture_open, store_fixture_close)
    static const struct CMUnitTest tests[] = {
        TEST(flipped_byte_in_an_artifact_is_found),
        TEST(damaged_settlement_is_not_returned),
        TEST(store_without_one_of_its_tables_is_corrupt),
        TEST(damaged_file_is_answered_and_never_crashes),
        TEST(file_of_another_kind_is_refused_and_left_as_it_is),
        TEST(database_of_another_program_is_refused_and_left_as_it_is),
        TEST(store_of_another_format_is_refused),
        TEST(letter_of_an_older_release_is_listed_and_dropped),
        TEST(damaged_letter_is_told_and_not_believed),
        TEST(place_where_no_store_can_be_is_refused_with_its_cause),
        TEST(file_and_its_companions_are_the_owners_alone),
        TEST(store_that_may_only_be_read_says_so),
        TEST(full_disk_is_a_sentence_and_passes),
        TEST(store_made_on_a_full_disk_can_be_made_later),
        TEST(locked_store_can_be_read_and_is_unavailable_for_writing),
        TEST(each_commit_is_synced),
        TEST(store_is_in_wal_mode_whatever_it_was),
    };
    alarm(50); /* a turn that never comes */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
