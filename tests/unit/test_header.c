/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what is encoded is decoded, and nothing else is accepted.
 * Method: a full header there and back; then one byte or field wrong at a time. */
#include "wire/header.h"

#include "tests/lib/test.h"

#include <string.h>

static const struct header sample = {
    .type = MESSAGE_SCORE,
    .flags = HEADER_WHAT_IF,
    .priority = 1,
    .attempt = 3,
    .deadline_ms = 0x01020304,
    .key = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, 0x1122334455667788},
    .acked_below = 0x1122334455667700,
    .as_of = -3,
    .ticket = 0xfedcba9876543210,
    .region = "KE/Kisumu/Nyando",
};

static enum status decode(const uint8_t *bytes, struct error_text *error)
{
    struct header out;
    return header_decode(bytes, HEADER_SIZE, &out, error);
}

static void decoded_header_equals_the_encoded_one(void **state)
{
    (void)state;
    uint8_t bytes[HEADER_SIZE];
    struct header out;
    header_encode(&sample, bytes);
    assert_int_equal(header_decode(bytes, sizeof bytes, &out, NULL), STATUS_OK);
    assert_int_equal(out.type, sample.type);
    assert_int_equal(out.flags, sample.flags);
    assert_int_equal(out.priority, sample.priority);
    assert_int_equal(out.attempt, sample.attempt);
    assert_int_equal(out.deadline_ms, sample.deadline_ms);
    assert_true(batch_key_equal(&out.key, &sample.key));
    assert_int_equal(out.acked_below, sample.acked_below);
    assert_int_equal(out.as_of, sample.as_of);
    assert_int_equal(out.ticket, sample.ticket);
    assert_string_equal(out.region, sample.region);
}

static void layout_is_little_endian_and_fixed(void **state)
{
    (void)state;
    uint8_t bytes[HEADER_SIZE];
    header_encode(&sample, bytes);
    assert_memory_equal(bytes, "CHW1\1\1\1\1\3\x10\0\0\4\3\2\1", 16);
    assert_memory_equal(bytes + 32, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
    assert_memory_equal(bytes + 48, "\xfd\xff\xff\xff\0\0\0\0", 8);
    assert_memory_equal(bytes + 64, "KE/Kisumu/Nyando\0", 17);
}

static void another_length_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[HEADER_SIZE + 1] = {0};
    struct header out;
    header_encode(&sample, bytes);
    assert_int_equal(header_decode(bytes, HEADER_SIZE - 1, &out, NULL), STATUS_MALFORMED);
    assert_int_equal(header_decode(bytes, HEADER_SIZE + 1, &out, NULL), STATUS_MALFORMED);
    assert_int_equal(header_decode(bytes, 0, &out, NULL), STATUS_MALFORMED);
}

static void each_wrong_byte_is_refused_with_its_sentence(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t byte;
        const char *says;
    } cases[] = {
        {0, 'X', "CHW1"},        {4, 2, "version 2"},     {5, 0, "type 0"},
        {5, 99, "type 99"},      {6, 2, "flags"},         {7, 2, "priority"},
        {9, 17, "region"},       {9, 15, "stated size"},  {9, 64, "stated size"},
        {10, 1, "reserved"},     {55, 1, "reserved"},     {40, 0x99, "acked_below"},
        {64, '\n', "printable"}, {65, '\0', "printable"}, {127, 1, "stated size"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[HEADER_SIZE];
        struct error_text error = {""};
        header_encode(&sample, bytes);
        bytes[cases[i].at] = cases[i].byte;
        assert_int_equal(decode(bytes, &error), STATUS_MALFORMED);
        if (strstr(error.text, cases[i].says) == NULL)
            fail_msg("byte %zu: '%s' does not say '%s'", cases[i].at, error.text,
                     cases[i].says);
    }
}

static void score_needs_a_region_and_ping_does_not(void **state)
{
    (void)state;
    uint8_t bytes[HEADER_SIZE];
    struct header header = {.type = MESSAGE_SCORE};
    header_encode(&header, bytes);
    assert_int_equal(decode(bytes, NULL), STATUS_MALFORMED);
    header.type = MESSAGE_PING;
    header_encode(&header, bytes);
    assert_int_equal(decode(bytes, NULL), STATUS_OK);
}

static void region_of_the_largest_size_fits(void **state)
{
    (void)state;
    uint8_t bytes[HEADER_SIZE];
    struct header header = sample, out;
    memset(header.region, 'r', HEADER_REGION_MAX);
    header.region[HEADER_REGION_MAX] = '\0';
    header_encode(&header, bytes);
    assert_int_equal(header_decode(bytes, HEADER_SIZE, &out, NULL), STATUS_OK);
    assert_string_equal(out.region, header.region);
    assert_false(region_is_valid(""));
    assert_false(region_is_valid("a\tb"));
}

static void every_message_has_a_name_and_others_have_none(void **state)
{
    (void)state;
    for (int type = 1; type < MESSAGE_TYPE_COUNT; type++)
        assert_string_not_equal(message_name((enum message_type)type), "unknown");
    assert_string_equal(message_name((enum message_type)0), "unknown");
    assert_int_equal(message_body_max(MESSAGE_PING), 0);
    assert_int_equal(message_body_max(MESSAGE_SCORE), BODY_SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoded_header_equals_the_encoded_one),
        cmocka_unit_test(layout_is_little_endian_and_fixed),
        cmocka_unit_test(another_length_is_refused),
        cmocka_unit_test(each_wrong_byte_is_refused_with_its_sentence),
        cmocka_unit_test(score_needs_a_region_and_ping_does_not),
        cmocka_unit_test(region_of_the_largest_size_fits),
        cmocka_unit_test(every_message_has_a_name_and_others_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
