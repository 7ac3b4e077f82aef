/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a letter's key is read as it is written, the next key depends on nothing but it,
 * and what is shown of a letter has no value in it unless values are asked for.
 * Method: examples; a batch whose values are words that nothing else contains. */
#include "client/letter_key.h"
#include "client/letter_show.h"
#include "tests/lib/build.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

/* ---- keys ---- */

static struct settle_key key_of(uint8_t first, uint64_t sequence)
{
    struct settle_key key = {.sequence = sequence};
    for (size_t i = 0; i < sizeof key.client; i++)
        key.client[i] = (uint8_t)(first + i);
    return key;
}

static void key_is_read_as_it_is_written(void **state)
{
    static const uint64_t sequences[] = {0, 1, UINT64_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof sequences / sizeof sequences[0]; i++) {
        struct settle_key key = key_of(0xf8, sequences[i]), again;
        char text[LETTER_KEY_TEXT_SIZE];
        letter_key_format(&key, text);
        assert_int_equal(letter_key_parse(text, &again, NULL), STATUS_OK);
        assert_memory_equal(&key, &again, sizeof key);
    }
}

static void what_is_no_key_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "/1",
        "00112233445566778899aabbccddeeff",
        "00112233445566778899aabbccddeeff/",
        "00112233445566778899aabbccddeeff/-1",
        "00112233445566778899aabbccddeeff/1x",
        "00112233445566778899aabbccddeeff/18446744073709551616",
        "00112233445566778899aabbccddeef/1",
        "00112233445566778899aabbccddeeff0/1",
        "00112233445566778899AABBCCDDEEFF/1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct error_text error = {""};
        struct settle_key key;
        assert_int_equal(letter_key_parse(texts[i], &key, &error), STATUS_INVALID);
        assert_non_null(strstr(error.text, "dead-letter list"));
    }
}

/* printf 'requeue\0\1...\17' | sha256sum: no other program may find another key. */
static void next_key_is_the_digest_of_the_client_and_keeps_the_sequence(void **state)
{
    (void)state;
    struct settle_key key = key_of(0, 17), next = letter_key_next(&key);
    char text[LETTER_KEY_TEXT_SIZE];
    letter_key_format(&next, text);
    assert_string_equal(text, "1c809dfe8689e24c6112232d947d92f6/17");
    struct settle_key after = letter_key_next(&next);
    assert_memory_not_equal(after.client, next.client, sizeof next.client);
    assert_memory_not_equal(after.client, key.client, sizeof next.client);
}

/* ---- what is shown ---- */

typedef enum status show_fn(const struct dead_letter *letter, FILE *file,
                            struct error_text *error);

/* The caller frees it. */
static char *shown(show_fn *show, const struct dead_letter *letter, enum status expected)
{
    char *text = NULL;
    size_t size;
    struct error_text error = {""};
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    assert_int_equal(show(letter, file, &error), expected);
    assert_int_equal(fclose(file), 0);
    return text;
}

static struct dead_letter letter_of(const Chw__Batch *batch)
{
    struct dead_letter letter = {.key = key_of(1, 2), .region = "KE", .records = 3};
    letter.body = build_pack(&batch->base, &letter.size);
    return letter;
}

static Chw__Batch *make_batch(void)
{
    static const float ages[] = {47.125f, 0, 0};
    static const uint8_t codes[] = {1, 0, 1}, bits[] = {5}, valid[] = {3}, broken[] = {2};
    Chw__Batch *batch = build_batch(3);
    Chw__Column *age = build_floats(batch, "age", ages, 3);
    age->valid = build_bytes(valid, 1);
    age->unreadable = build_bytes(broken, 1);
    build_codes(batch, "diet", codes, 3, "Vegan,Omnivore");
    build_codes(batch, "pregnancies", codes, 3, NULL);
    build_bitmap(batch, "smoker", bits, 1, "Never,Always");
    return batch;
}

static void columns_are_counted_without_a_value(void **state)
{
    static const char *const values[] = {"47.1", "Vegan", "Omnivore", "Never", "Always"};
    (void)state;
    struct dead_letter letter = letter_of(make_batch());
    char *text = shown(letter_show_columns, &letter, STATUS_OK);
    assert_non_null(strstr(text, "models      every target of the program"));
    assert_non_null(
        strstr(text, "age          numbers              2        1           1"));
    assert_non_null(
        strstr(text, "diet         categories           3        0           0"));
    assert_non_null(
        strstr(text, "pregnancies  small integers       3        0           0"));
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        assert_null(strstr(text, values[i]));
    free(text);
}

static void values_are_a_table_when_they_are_asked_for(void **state)
{
    (void)state;
    struct dead_letter letter = letter_of(make_batch());
    char *text = shown(letter_show_values, &letter, STATUS_OK);
    assert_string_equal(text, "age,diet,pregnancies,smoker\n"
                              "47.125,Omnivore,1,Always\n"
                              "?,Vegan,0,Never\n"
                              ",Omnivore,1,Always\n");
    free(text);
}

static void body_that_is_no_batch_is_said_to_be_none(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x12, 0x05, 0x0a};
    struct dead_letter broken = {.body = bytes, .size = sizeof bytes};
    struct dead_letter empty = letter_of(build_batch(0));
    free(shown(letter_show_columns, &broken, STATUS_MALFORMED));
    free(shown(letter_show_values, &broken, STATUS_MALFORMED));
    free(shown(letter_show_columns, &empty, STATUS_MALFORMED));
}

static enum status show_json(const struct dead_letter *letter, FILE *file,
                             struct error_text *error)
{
    (void)error;
    letter_list_json(letter, file);
    return STATUS_OK;
}

static void what_an_older_release_did_not_keep_is_null(void **state)
{
    (void)state;
    struct dead_letter letter = {.key = key_of(0, 7), .region = "KE/\"x\"", .size = 5};
    strcpy(letter.reason, "why");
    char *text = shown(show_json, &letter, STATUS_OK);
    assert_string_equal(text, "{\"key\":\"000102030405060708090a0b0c0d0e0f/7\","
                              "\"region\":\"KE/\\\"x\\\"\",\"reason\":\"why\","
                              "\"buried\":null,\"as_of\":null,\"attempts\":null,"
                              "\"records\":null,\"bytes\":5}");
    free(text);
    letter.buried_s = 1795536000;
    letter.as_of = 20781;
    letter.attempts = 3;
    letter.records = 256;
    text = shown(show_json, &letter, STATUS_OK);
    assert_non_null(strstr(text, "\"buried\":\"2026-11-24T16:00:00Z\","
                                 "\"as_of\":\"2026-11-24\",\"attempts\":3,"
                                 "\"records\":256,"));
    free(text);
}

static int reset(void **state)
{
    (void)state;
    build_reset();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_is_read_as_it_is_written),
        cmocka_unit_test(what_is_no_key_is_refused),
        cmocka_unit_test(next_key_is_the_digest_of_the_client_and_keeps_the_sequence),
        cmocka_unit_test_teardown(columns_are_counted_without_a_value, reset),
        cmocka_unit_test_teardown(values_are_a_table_when_they_are_asked_for, reset),
        cmocka_unit_test_teardown(body_that_is_no_batch_is_said_to_be_none, reset),
        cmocka_unit_test(what_an_older_release_did_not_keep_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
