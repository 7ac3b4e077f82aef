/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a promotion moves the alias, and the program names the target afterwards.
 * Method: a fresh store in a folder of its own; artifacts are any bytes to the store. */

#include "model/program.h"
#include "publish/publish.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    char folder[32];
    struct store *store;
};

static int setup(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);
    char url[64];
    *state = self;
    strcpy(self->folder, "/tmp/chw-test-XXXXXX");
    if (mkdtemp(self->folder) == NULL)
        return -1;
    snprintf(url, sizeof url, "sqlite:%s/store.db", self->folder);
    return store_open(url, &self->store, NULL) != STATUS_OK;
}

static int teardown(void **state)
{
    struct fixture *self = *state;
    char command[64];
    store_close(self->store);
    snprintf(command, sizeof command, "rm -r %s", self->folder);
    int failed = system(command);
    free(self);
    return failed;
}

static struct publish_result publish(const struct fixture *self, const char *name,
                                     const char *text, const char *alias)
{
    struct publish_result result;
    struct error_text error = {.text = ""};
    if (publish_model(self->store, name, (const uint8_t *)text, strlen(text), alias,
                      &result, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return result;
}

static struct program current_program(const struct fixture *self)
{
    struct digest version;
    uint8_t *bytes;
    size_t size;
    struct program program;
    assert_int_equal(store_alias_get(self->store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME,
                                     STORE_PROGRAM_ALIAS, &version, NULL),
                     STATUS_OK);
    assert_int_equal(
        store_get(self->store, ARTIFACT_PROGRAM, &version, &bytes, &size, NULL),
        STATUS_OK);
    assert_int_equal(program_load(bytes, size, &program, NULL), STATUS_OK);
    free(bytes);
    return program;
}

static void assert_alias(const struct fixture *self, const char *name, const char *alias,
                         const struct digest *expected)
{
    struct digest version;
    assert_int_equal(
        store_alias_get(self->store, ARTIFACT_MODEL, name, alias, &version, NULL),
        STATUS_OK);
    assert_memory_equal(&version, expected, sizeof version);
}

static void publishing_alone_changes_no_alias_and_no_program(void **state)
{
    struct digest version;
    struct publish_result result = publish(*state, "chd", "model one", NULL);
    const struct fixture *self = *state;
    struct digest expected = digest_sha256("model one", strlen("model one"));
    assert_memory_equal(&result.version, &expected, sizeof expected);
    assert_int_equal(result.program, PUBLISH_NOT_PROMOTED);
    assert_int_equal(store_alias_get(self->store, ARTIFACT_PROGRAM, STORE_PROGRAM_NAME,
                                     STORE_PROGRAM_ALIAS, &version, NULL),
                     STATUS_NOT_FOUND);
}

static void first_promotion_writes_a_program(void **state)
{
    struct publish_result result = publish(*state, "chd", "model one", "champion");
    assert_int_equal(result.program, PUBLISH_PROGRAM_WRITTEN);
    assert_alias(*state, "chd", "champion", &result.version);
    struct program program = current_program(*state);
    assert_int_equal(program.target_count, 1);
    assert_string_equal(program.targets[0].name, "chd");
    assert_string_equal(program.targets[0].alias, "champion");
    assert_true(program.targets[0].tier_count > 0);
}

static void later_version_only_moves_the_alias(void **state)
{
    struct publish_result first = publish(*state, "chd", "model one", "champion");
    struct program before = current_program(*state);
    struct publish_result second = publish(*state, "chd", "model two", "champion");
    struct program after = current_program(*state);
    assert_int_equal(second.program, PUBLISH_PROGRAM_UNCHANGED);
    assert_memory_not_equal(&first.version, &second.version, sizeof first.version);
    assert_alias(*state, "chd", "champion", &second.version);
    assert_memory_equal(&before.version, &after.version, sizeof before.version);
}

static void second_target_is_added_to_the_program(void **state)
{
    (void)publish(*state, "chd", "model one", "champion");
    struct publish_result result = publish(*state, "diabetes", "model two", "champion");
    assert_int_equal(result.program, PUBLISH_PROGRAM_EXTENDED);
    struct program program = current_program(*state);
    assert_int_equal(program.target_count, 2);
    assert_non_null(program_find(&program, "chd"));
    assert_non_null(program_find(&program, "diabetes"));
}

static void challenger_does_not_change_what_is_served(void **state)
{
    struct publish_result first = publish(*state, "chd", "model one", "champion");
    struct publish_result second = publish(*state, "chd", "model two", "challenger");
    assert_string_equal(second.served_by, "champion");
    assert_alias(*state, "chd", "champion", &first.version);
    assert_alias(*state, "chd", "challenger", &second.version);
}

static void full_program_refuses_and_moves_nothing(void **state)
{
    const struct fixture *self = *state;
    for (int i = 0; i < PROGRAM_TARGETS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", i);
        (void)publish(self, name, name, "champion");
    }
    struct publish_result result;
    struct error_text error = {.text = ""};
    struct digest version;
    assert_int_equal(publish_model(self->store, "extra", (const uint8_t *)"x", 1,
                                   "champion", &result, &error),
                     STATUS_FULL);
    assert_non_null(strstr(error.text, "published and not promoted"));
    assert_int_equal(
        store_alias_get(self->store, ARTIFACT_MODEL, "extra", "champion", &version, NULL),
        STATUS_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(publishing_alone_changes_no_alias_and_no_program),
        TEST(first_promotion_writes_a_program),
        TEST(later_version_only_moves_the_alias),
        TEST(second_target_is_added_to_the_program),
        TEST(challenger_does_not_change_what_is_served),
        TEST(full_program_refuses_and_moves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
