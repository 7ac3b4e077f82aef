/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: UBJSON becomes the values that it spells, and bytes that are none a sentence,
 * with no memory for what is not there. Method: bytes by hand beside the same in JSON. */

#include "exchange/document.h"
#include "exchange/exchange.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

struct sample {
    const uint8_t *bytes;
    size_t size;
    const char *expected; /* JSON, or a part of the sentence */
};

static void values_are_those_of_json(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {BYTES("Z"), "null"},
        {BYTES("NNT"), "true"},
        {BYTES("F"), "false"},
        {BYTES("i\xff"), "-1"},
        {BYTES("U\xff"), "255"},
        {BYTES("I\xff\x00"), "-256"},
        {BYTES("u\xff\x00"), "65280"},
        {BYTES("l\x80\x00\x00\x00"), "-2147483648"},
        {BYTES("m\x80\x00\x00\x00"), "2147483648"},
        {BYTES("L\x80\x00\x00\x00\x00\x00\x00\x00"), "-9223372036854775808"},
        {BYTES("M\x7f\xff\xff\xff\xff\xff\xff\xff"), "9223372036854775807"},
        {BYTES("d\x3f\xc0\x00\x00"), "1.5"},
        {BYTES("d\x7f\xc0\x00\x00"), "null"}, /* NaN */
        {BYTES("D\xbf\xe0\x00\x00\x00\x00\x00\x00"), "-0.5"},
        {BYTES("Si\x02hi"), "\"hi\""},
        {BYTES("SL\x00\x00\x00\x00\x00\x00\x00\x00"), "\"\""},
        {BYTES("[]"), "[]"},
        {BYTES("[i\x01Ni\x02N]"), "[1,2]"},
        {BYTES("[#i\x02i\x01T"), "[1,true]"},
        {BYTES("[$d#L\x00\x00\x00\x00\x00\x00\x00\x02\x3f\x80\x00\x00\x40\x00\x00\x00"),
         "[1.0,2.0]"},
        {BYTES("[$U#i\x03\x00\x01\xfe"), "[0,1,254]"},
        {BYTES("[$l#i\x00"), "[]"},
        {BYTES("{}"), "{}"},
        {BYTES("{i\x01"
               "a[]i\x01"
               "bZ}"),
         "{\"a\":[],\"b\":null}"},
        {BYTES("{#i\x01i\x01"
               "a{}"),
         "{\"a\":{}}"},
    };
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct error_text error = {""};
        json_t *value;
        if (document_read_ubjson(samples[i].bytes, samples[i].size, &value, &error) !=
            STATUS_OK)
            fail_msg("%s: %s", samples[i].expected, error.text);
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        assert_string_equal(text, samples[i].expected);
        free(text);
        json_decref(value);
    }
}

static void damaged_bytes_are_refused(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {BYTES(""), "byte 0: it ends where a value is expected"},
        {BYTES("NN"), "byte 2: it ends where a value is expected"},
        {BYTES("H"), "byte 1: no such type of value"},
        {BYTES("l\x00\x00\x00"), "it ends within a number"},
        {BYTES("M\xff\xff\xff\xff\xff\xff\xff\xff"), "a number is too large"},
        {BYTES("i\x01i\x01"), "byte 2: expected the end"},
        {BYTES("Sd\x3f\x80\x00\x00"), "expected a count"},
        {BYTES("Si\x05"
               "abcd"),
         "a count goes beyond the end"},
        {BYTES("Si\xff"
               "abcd"),
         "a count goes beyond the end"},
        {BYTES("Si\x02"
               "a\x00"),
         "a text holds a zero byte"},
        {BYTES("Si\x01\xff"), "a text is not UTF-8"},
        {BYTES("[i\x01"), "it ends where a value is expected"},
        {BYTES("[#L\x7f\xff\xff\xff\xff\xff\xff\xffi\x01"),
         "a count goes beyond the end"},
        {BYTES("[$S#i\x01i\x01"
               "a"),
         "expected a type of numbers"},
        {BYTES("[$d\x00"), "expected the count of a list of one type"},
        {BYTES("[$d#i\x02\x3f\x80\x00\x00\x40\x00\x00"), "a count goes beyond the end"},
        {BYTES("{i\x01"
               "aTi\x01"
               "aT}"),
         "a key is there twice"},
        {BYTES("{i\x01\xffT}"), "a key is not UTF-8"},
        {BYTES("{i\x01"
               "aT"),
         "expected a count"},
        {BYTES("{$d#i\x01"), "expected a count"},
    };
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct error_text error = {""};
        json_t *value;
        assert_int_equal(
            document_read_ubjson(samples[i].bytes, samples[i].size, &value, &error),
            STATUS_MALFORMED);
        assert_null(value);
        if (strstr(error.text, samples[i].expected) == NULL)
            fail_msg("expected '%s' in: %s", samples[i].expected, error.text);
    }
}

static void depth_is_bounded_in_both(void **state)
{
    (void)state;
    char text[2 * EXCHANGE_DEPTH_MAX + 4];
    json_t *value;
    for (size_t depth = EXCHANGE_DEPTH_MAX; depth <= EXCHANGE_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        enum status expected = depth == EXCHANGE_DEPTH_MAX ? STATUS_OK : STATUS_FULL;
        const uint8_t *bytes = (const uint8_t *)text;
        assert_int_equal(document_read_ubjson(bytes, 2 * depth, &value, NULL), expected);
        json_decref(value);
        assert_int_equal(document_read_json(bytes, 2 * depth, &value, NULL), expected);
        json_decref(value);
    }
}

/* Zeroes of one byte each, or nulls between commas: a list of 2^26 would be gigabytes. */
static void values_are_bounded_in_both(void **state)
{
    (void)state;
    size_t count = EXCHANGE_VALUES_MAX;
    uint8_t *bytes = malloc(2 * count + 16);
    json_t *value;
    assert_non_null(bytes);
    memcpy(bytes, "[$U#l\x04\x00\x00\x00", 9);
    memset(bytes + 9, 0, count);
    assert_int_equal(document_read_ubjson(bytes, count + 9, &value, NULL), STATUS_FULL);
    bytes[0] = '[';
    memset(bytes + 1, ',', count);
    assert_int_equal(document_read_json(bytes, count + 1, &value, NULL), STATUS_FULL);
    free(bytes);
}

static void brackets_and_commas_in_texts_do_not_count(void **state)
{
    (void)state;
    char text[4 * EXCHANGE_DEPTH_MAX];
    json_t *value;
    memset(text, '[', sizeof text);
    memcpy(text, "[\"\\\"", 4);
    memcpy(text + sizeof text - 2, "\"]", 2);
    assert_int_equal(document_read_json((const uint8_t *)text, sizeof text, &value, NULL),
                     STATUS_OK);
    json_decref(value);
}

static void numbers_that_are_not_finite_are_null_in_json(void **state)
{
    (void)state;
    static const char text[] =
        "{\"NaN\": [NaN,-Infinity,Infinity,1], \"\\\"NaN\": \"NaN\"}";
    struct error_text error = {""};
    json_t *value;
    if (document_read_json(BYTES(text), &value, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    char *found = json_dumps(value, JSON_COMPACT);
    assert_string_equal(found, "{\"NaN\":[null,null,null,1],\"\\\"NaN\":\"NaN\"}");
    free(found);
    json_decref(value);
    assert_int_equal(document_read_json(BYTES("[Nan]"), &value, NULL), STATUS_MALFORMED);
    assert_int_equal(document_read_json(BYTES("[--Infinity]"), &value, NULL),
                     STATUS_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_json),
        cmocka_unit_test(damaged_bytes_are_refused),
        cmocka_unit_test(depth_is_bounded_in_both),
        cmocka_unit_test(values_are_bounded_in_both),
        cmocka_unit_test(brackets_and_commas_in_texts_do_not_count),
        cmocka_unit_test(numbers_that_are_not_finite_are_null_in_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
