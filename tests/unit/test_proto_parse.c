/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: bytes from outside become a message or NULL, and never take memory without bound.
 * Method: a message there and back; broken bytes; floods of empty fields on either side
 * of the bound. */
#include "base/proto_parse.h"

#include "batch.pb-c.h"

#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static void message_survives_its_bytes(void **state)
{
    (void)state;
    uint8_t codes[] = {3, 1, 2};
    Chw__Codes values;
    chw__codes__init(&values);
    values.codes = (ProtobufCBinaryData){sizeof codes, codes};
    Chw__Column column;
    chw__column__init(&column);
    column.name = (char[]){"age"};
    column.values_case = CHW__COLUMN__VALUES_CODES;
    column.codes = &values;
    Chw__Batch batch;
    chw__batch__init(&batch);
    batch.rows = 3;
    batch.n_columns = 1;
    batch.columns = (Chw__Column *[]){&column};

    uint8_t bytes[64];
    size_t size = chw__batch__get_packed_size(&batch);
    assert_true(size <= sizeof bytes);
    chw__batch__pack(&batch, bytes);
    ProtobufCMessage *message = proto_parse(&chw__batch__descriptor, bytes, size);
    assert_non_null(message);
    const Chw__Batch *back = (const Chw__Batch *)message;
    assert_int_equal(back->rows, 3);
    assert_int_equal(back->n_columns, 1);
    assert_string_equal(back->columns[0]->name, "age");
    assert_memory_equal(back->columns[0]->codes->codes.data, codes, sizeof codes);
    proto_free(message);
}

static void no_bytes_are_the_default_message(void **state)
{
    (void)state;
    ProtobufCMessage *message = proto_parse(&chw__batch__descriptor, NULL, 0);
    assert_non_null(message);
    assert_int_equal(((const Chw__Batch *)message)->rows, 0);
    proto_free(message);
    proto_free(NULL);
}

static void broken_bytes_do_not_parse(void **state)
{
    (void)state;
    static const uint8_t cut[] = {0x12, 0x05, 0x0a};    /* a column that ends early */
    static const uint8_t wire_type[] = {0x0f, 0x00};    /* field 1 of wire type 7 */
    static const uint8_t inside[] = {0x12, 0x01, 0x0a}; /* a column cut inside */
    assert_null(proto_parse(&chw__batch__descriptor, cut, sizeof cut));
    assert_null(proto_parse(&chw__batch__descriptor, wire_type, sizeof wire_type));
    assert_null(proto_parse(&chw__batch__descriptor, inside, sizeof inside));
}

/* `count` columns without a field: two bytes each. */
static ProtobufCMessage *parse_empty_columns(size_t count)
{
    uint8_t *bytes = malloc(2 * count);
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++)
        memcpy(bytes + 2 * i, "\x12\x00", 2);
    ProtobufCMessage *message = proto_parse(&chw__batch__descriptor, bytes, 2 * count);
    free(bytes);
    return message;
}

static void flood_of_empty_submessages_is_refused(void **state)
{
    (void)state;
    assert_null(parse_empty_columns(1 << 20));
    assert_null(parse_empty_columns(1 << 16));
}

static void most_columns_of_a_batch_fit_even_when_tiny(void **state)
{
    (void)state;
    ProtobufCMessage *message = parse_empty_columns(4096);
    assert_non_null(message);
    assert_int_equal(((const Chw__Batch *)message)->n_columns, 4096);
    proto_free(message);
}

static void number_is_found_among_fields_that_are_not_parsed(void **state)
{
    (void)state;
    uint64_t number = 7;
    static const uint8_t behind[] = {0x12, 0x01, 0xff, /* a column that is none */
                                     0x0d, 1,    2,    3,    4, /* field 1, four bytes */
                                     0x19, 1,    2,    3,    4,    5,    6,    7,
                                     8,    0x08, 0x05, 0x08, 0x80, 0x04, 0x20, 0x01};
    assert_true(proto_number(behind, sizeof behind, 1, &number));
    assert_int_equal(number, 512); /* the last of two */
    assert_true(proto_number(behind, sizeof behind, 4, &number));
    assert_int_equal(number, 1);
    assert_false(proto_number(behind, sizeof behind, 3, &number));
    assert_false(proto_number(NULL, 0, 1, &number));
    for (size_t size = 1; size < sizeof behind; size++) /* cut anywhere: no crash */
        (void)proto_number(behind, size, 1, &number);
}

static void number_in_broken_bytes_is_not_found(void **state)
{
    (void)state;
    uint64_t number;
    static const uint8_t cut[] = {0x08, 0x05, 0x12, 0x05, 0x0a};
    static const uint8_t wire_type[] = {0x08, 0x05, 0x0f, 0x00};
    static const uint8_t endless[] = {0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                      0x80, 0x80, 0x80, 0x80, 0x80, 0x01};
    static const uint8_t huge[] = {0x08, 0x05, 0x12, 0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    assert_false(proto_number(cut, sizeof cut, 1, &number));
    assert_false(proto_number(wire_type, sizeof wire_type, 1, &number));
    assert_false(proto_number(endless, sizeof endless, 1, &number));
    assert_false(proto_number(huge, sizeof huge, 1, &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_survives_its_bytes),
        cmocka_unit_test(no_bytes_are_the_default_message),
        cmocka_unit_test(broken_bytes_do_not_parse),
        cmocka_unit_test(flood_of_empty_submessages_is_refused),
        cmocka_unit_test(most_columns_of_a_batch_fit_even_when_tiny),
        cmocka_unit_test(number_is_found_among_fields_that_are_not_parsed),
        cmocka_unit_test(number_in_broken_bytes_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
