/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: digests are the published functions, so that sha256sum and b2sum agree; their
 * texts go both ways and nothing else is taken for one.
 * Method: vectors of the standards; texts with one flaw each. */

#include "base/crypto.h"
#include "tests/lib/test.h"
#include "tests/unit/folder_fixture.h"

#include <stdlib.h>
#include <string.h>

enum { LARGE = 3 * 65536 + 17 };

static const char abc_sha256[] =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static const char *text_of(const struct digest *digest)
{
    static char text[DIGEST_HEX_SIZE];
    digest_format(digest, text);
    return text;
}

static void sha256_is_that_of_the_standard(void **state)
{
    (void)state;
    struct digest abc = digest_sha256("abc", 3), empty = digest_sha256("", 0);
    assert_string_equal(text_of(&abc), abc_sha256);
    assert_string_equal(
        text_of(&empty),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void body_digest_is_blake2b_of_256_bits(void **state)
{
    (void)state;
    struct digest abc = digest_body("abc", 3), empty = digest_body("", 0);
    assert_string_equal(
        text_of(&abc),
        "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    assert_string_equal(
        text_of(&empty),
        "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
}

static void file_has_the_digest_of_its_bytes(void **state)
{
    static uint8_t bytes[LARGE];
    struct digest digest;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 31 >> 3);
    for (size_t size = 0; size <= LARGE; size += LARGE / 3) {
        const char *path = folder_write(*state, "file", bytes, size);
        struct digest expected = digest_sha256(bytes, size);
        assert_int_equal(digest_sha256_file(path, &digest), STATUS_OK);
        assert_memory_equal(&digest, &expected, sizeof digest);
    }
}

static void missing_file_and_folder_have_no_digest(void **state)
{
    struct folder_fixture *folder = *state;
    struct digest digest;
    assert_int_equal(digest_sha256_file(folder_path(folder, "none"), &digest),
                     STATUS_NOT_FOUND);
    assert_int_equal(digest_sha256_file(folder->path, &digest), STATUS_IO);
}

static void text_goes_both_ways(void **state)
{
    (void)state;
    struct digest digest = digest_sha256("abc", 3), again = {{0}};
    assert_int_equal(digest_parse(abc_sha256, &again), STATUS_OK);
    assert_memory_equal(&digest, &again, sizeof digest);
    for (int i = 0; i < 100; i++) {
        random_bytes(&digest, sizeof digest);
        assert_int_equal(digest_parse(text_of(&digest), &again), STATUS_OK);
        assert_memory_equal(&digest, &again, sizeof digest);
    }
}

static void text_of_another_length_or_alphabet_is_malformed(void **state)
{
    (void)state;
    struct digest digest;
    char text[DIGEST_HEX_SIZE + 1];
    for (size_t at = 0; at < DIGEST_HEX_SIZE - 1; at++) {
        strcpy(text, abc_sha256);
        text[at] = "g -:zG\n"[at % 7];
        assert_int_equal(digest_parse(text, &digest), STATUS_MALFORMED);
        text[at] = '\0';
        assert_int_equal(digest_parse(text, &digest), STATUS_MALFORMED);
    }
    strcpy(text, abc_sha256);
    strcat(text, "0");
    assert_int_equal(digest_parse(text, &digest), STATUS_MALFORMED);
}

static void random_bytes_differ_and_keep_their_bounds(void **state)
{
    (void)state;
    uint8_t first[18] = {0}, second[18] = {0};
    random_bytes(first + 1, 16);
    random_bytes(second + 1, 16);
    assert_memory_not_equal(first + 1, second + 1, 16);
    assert_int_equal(first[0] + first[17] + second[0] + second[17], 0);
}

int main(void)
{
#define TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, folder_fixture_open, folder_fixture_close)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_is_that_of_the_standard),
        cmocka_unit_test(body_digest_is_blake2b_of_256_bits),
        TEST(file_has_the_digest_of_its_bytes),
        TEST(missing_file_and_folder_have_no_digest),
        cmocka_unit_test(text_goes_both_ways),
        cmocka_unit_test(text_of_another_length_or_alphabet_is_malformed),
        cmocka_unit_test(random_bytes_differ_and_keep_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
